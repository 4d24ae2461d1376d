import AuraDomain

/// What the demo's customers have earned and spent, by the commands that a till would use.
struct DemoLoyalty {
  let cast: Demo.Cast
  /// Carries a command out under a key of its own; the same key again gives the same result.
  let run: (_ user: ID, _ command: Command, _ key: String) throws -> JSON

  struct Unexpected: Error {}

  /// What points buy and what is thanked for, before the first customer comes.
  func openCatalogue() throws {
    for (number, details) in StarterLoyalty.rewards.enumerated() {
      _ = try run(cast.owner, .createReward(details), "demo-reward-\(number)")
    }
    for (number, details) in StarterLoyalty.achievements.enumerated() {
      _ = try run(cast.owner, .createAchievement(details), "demo-achievement-\(number)")
    }
  }

  /// A customer who has been treated buys a cream and takes a tenth off the next bill, which waits at the till.
  func goShopping(_ workflow: ID, customer: ID) throws {
    let cream = Plan.Item(name: "ครีมกันแดด · Sunscreen", priceSt: 120_000)
    _ = try run(cast.sales.user, .recordReview(workflow: workflow), "demo-review")
    let sale = try bill([cream], customer, "demo-sale-0")
    let paid = PaySale(sale: sale, amountSt: cream.priceSt, method: .cash)
    _ = try run(cast.sales.user, .paySale(paid), "demo-sale-0-paid")

    let rewards = try run(cast.owner, .createReward(StarterLoyalty.rewards[0]), "demo-reward-0")
    guard let reward = rewards["rewardId"]?.string.flatMap({ ID($0) }) else { throw Unexpected() }
    let redeemed = try run(
      cast.sales.user, .redeemReward(reward: reward, customer: customer), "demo-redemption")
    guard let code = redeemed["couponCode"]?.string else { throw Unexpected() }
    let serum = Plan.Item(name: "เซรั่มวิตามินซี · Vitamin C serum", priceSt: 190_000)
    let open = try bill([serum], customer, "demo-sale-1")
    _ = try run(cast.sales.user, .applyCoupon(sale: open, code: code), "demo-sale-1-coupon")
  }

  private func bill(_ items: [Plan.Item], _ customer: ID, _ key: String) throws -> ID {
    let result = try run(cast.sales.user, .createSale(CreateSale(customer: customer, items: items)), key)
    guard let sale = result["saleId"]?.string.flatMap({ ID($0) }) else { throw Unexpected() }
    return sale
  }
}

import Testing

@testable import AuraDomain

/// A clinic with a customer who has 650 points, and what she can buy with them.
struct LoyaltyWorld {
  let world = World()
  let customer: ID
  let workflow: ID
  let ten: ID

  init() throws {
    workflow = try world.treated()
    customer = try world.workflow(workflow).customerID
    world.customerID = customer
    ten = try world.reward("10%", cost: 500)
  }
}

extension World {
  func reward(_ name: String, cost: Int, _ change: (inout RewardDetails) -> Void = { _ in }) throws -> ID {
    var details = RewardDetails()
    details.name = name
    details.type = .discountPercentage
    details.percentBp = 1_000
    details.pointsCost = cost
    change(&details)
    return try #require(try run(.createReward(details), as: .o1)["rewardId"]?.id)
  }

  func bill(_ customer: ID, _ satang: Int, treatment: ID? = nil, discount: Int = 0, as person: Person = .s1) throws
    -> ID
  {
    let item = Plan.Item(treatment: treatment, name: treatment == nil ? "Serum" : nil, priceSt: satang)
    let sale = CreateSale(customer: customer, items: [item], discountSt: discount)
    return try #require(try run(.createSale(sale), as: person)["saleId"]?.id)
  }

  func sale(_ id: ID) throws -> PosTransaction { try #require(try rows.row(PosTransaction.self, id)) }
  func coupon(_ code: String) throws -> CustomerCoupon {
    try #require(rows.all(CustomerCoupon.self).first { $0.code == code })
  }
  func redemption(_ id: ID?) throws -> LoyaltyRedemption {
    try #require(try id.flatMap { try rows.row(LoyaltyRedemption.self, $0) })
  }
  func code(_ reward: ID, _ customer: ID, as person: Person = .s1) throws -> String {
    try #require(try run(.redeemReward(reward: reward, customer: customer), as: person)["couponCode"]?.string)
  }
  func pay(_ sale: ID, as person: Person = .s1) throws -> JSON {
    try run(.paySale(PaySale(sale: sale, amountSt: try self.sale(sale).totalSt, method: .cash)), as: person)
  }
}

@Suite struct `Rewards` {
  @Test func `are bought with points that leave at once, by customers for themselves`() throws {
    let it = try LoyaltyWorld()
    let result = try it.world.run(.redeemReward(reward: it.ten, customer: nil), as: .customer)
    #expect(result["availablePoints"] == 150)
    let code = try #require(result["couponCode"]?.string)
    #expect(code == result["redemptionCode"]?.string)
    #expect(code.hasPrefix("RWD-") && code.count == 12)
    let coupon = try it.world.coupon(code)
    #expect((coupon.status, coupon.percentBp, coupon.source) == (.active, 1_000, .redemption))
    #expect(ClinicCalendar(timezone: "Asia/Bangkok").civil(coupon.validUntil).text == "2026-05-04 00:00")
    let reward = try #require(try it.world.rows.row(LoyaltyReward.self, it.ten))
    #expect(reward.currentRedemptions == 1)
    let refused = it.world.refusal(.redeemReward(reward: it.ten, customer: nil), as: .customer)
    #expect(refused?.code == .insufficientPoints)
    #expect(refused?.details["available_points"] == 150)
    #expect(
      it.world.refusal(.redeemReward(reward: it.ten, customer: it.world.newID()), as: .customer)?.code == .forbidden)
    #expect(it.world.refusal(.redeemReward(reward: it.ten, customer: it.customer), as: .b1)?.code == .forbidden)
  }

  @Test func `say what is lacking, first things first`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    func lack(_ reward: ID) -> String? {
      let refused = world.refusal(.redeemReward(reward: reward, customer: it.customer), as: .s1)
      return refused?.code == .insufficientPoints ? "points" : refused?.details["reason"]?.string
    }
    #expect(lack(try world.reward("off", cost: 1) { $0.isActive = false }) == "inactive")
    #expect(lack(try world.reward("soon", cost: 1) { $0.validFrom = world.now + .days(1) }) == "not_yet")
    #expect(lack(try world.reward("none", cost: 1) { $0.maxRedemptions = 0 }) == "sold_out")
    #expect(lack(try world.reward("silver", cost: 1) { $0.tierRequirement = .silver }) == "tier")
    #expect(lack(try world.reward("dear", cost: 651)) == "points")
    let once = try world.reward("once", cost: 1) { $0.perCustomerLimit = 1 }
    #expect(lack(once) == nil)
    #expect(lack(once) == "limit")
    #expect(world.refusal(.redeemReward(reward: world.newID(), customer: it.customer), as: .s1)?.code == .notFound)
  }

  @Test func `are two hundred at a time`() throws {
    let world = World()
    for number in 0..<200 { _ = try world.reward("R\(number)", cost: 10) }
    var details = RewardDetails()
    details.name = "one more"
    details.type = .discountPercentage
    details.percentBp = 1
    details.pointsCost = 1
    #expect(world.refusal(.createReward(details), as: .o1)?.code == .tooLarge)
    details.isActive = false
    let resting = try #require(try world.run(.createReward(details), as: .o1)["rewardId"]?.id)
    var wake = RewardDetails()
    wake.isActive = true
    #expect(world.refusal(.updateReward(reward: resting, wake), as: .o1)?.details["limit"] == 200)
  }

  @Test func `rest for whoever the clinic does not serve, and are there again afterwards`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(try world.reward("small", cost: 50), it.customer)
    func become(_ status: CustomerStatus) throws {
      var row = try #require(try world.rows.row(Customer.self, it.customer))
      row.status = status
      world.rows.put(row)
    }
    try become(.blacklisted)
    let refused = try #require(world.refusal(.redeemReward(reward: it.ten, customer: nil), as: .customer))
    #expect(refused.code == .couponUnavailable)
    #expect(refused.details["reason"] == "frozen")
    let shown = try world.ask(.rewards(customer: nil), as: .customer)["rewards"]?.array
    #expect(shown?.allSatisfy { $0["locked"] == "frozen" } == true)
    let sale = try world.bill(it.customer, 100_000)
    #expect(world.refusal(.applyCoupon(sale: sale, code: code), as: .s1)?.details["reason"] == "frozen")
    // Money is taken and given back as ever, with its points.
    #expect(try world.pay(sale)["pointsAwarded"] == 100)
    #expect(try world.rows.row(Customer.self, it.customer)?.status == .blacklisted)
    try world.giveBack(sale)
    #expect(try world.profile(it.customer).availablePoints == 600)
    try become(.active)
    _ = try world.code(it.ten, it.customer)
  }

  @Test func `begin with nobody who was made anonymous, but money and points still go back`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let redemption = try #require(
      try world.run(.redeemReward(reward: try world.reward("small", cost: 50), customer: it.customer), as: .s1)[
        "redemptionId"]?.id)
    let sale = try world.bill(it.customer, 100_000)
    _ = try world.pay(sale)
    var row = try #require(try world.rows.row(Customer.self, it.customer))
    row.anonymizedAt = world.now
    world.rows.put(row)
    let vip = AchievementDetails()
    var named = vip
    named.name = "VIP"
    named.conditions = ["visitCount": 1]
    let achievement = try #require(try world.run(.createAchievement(named), as: .o1)["achievementId"]?.id)
    for command in [
      Command.redeemReward(reward: it.ten, customer: it.customer),
      .createSale(CreateSale(customer: it.customer, items: [.init(name: "x", priceSt: 5)])),
      .awardPoints(AwardPoints(customer: it.customer, points: 5, transaction: "t")),
      .unlockAchievement(achievement: achievement, customer: it.customer, override: false),
    ] {
      let refused = world.refusal(command, as: .o1)
      #expect(refused?.code == .notFound)
      #expect(refused?.details["problem"] == "anonymous")
    }
    try world.giveBack(sale)
    try world.run(.cancelRedemption(redemption: redemption), as: .o1)
    #expect(try world.profile(it.customer).availablePoints == 650)
  }

  @Test func `that are no longer offered can still be given back`() throws {
    let it = try LoyaltyWorld()
    let redeemed = try it.world.run(.redeemReward(reward: it.ten, customer: nil), as: .customer)
    let id = try #require(redeemed["redemptionId"]?.id)
    var rest = RewardDetails()
    rest.isActive = false
    rest.maxRedemptions = 1
    try it.world.run(.updateReward(reward: it.ten, rest), as: .o1)
    #expect(try it.world.run(.cancelRedemption(redemption: id), as: .customer)["availablePoints"] == 650)
    #expect(try it.world.rows.row(LoyaltyReward.self, it.ten)?.currentRedemptions == 0)
  }

  @Test func `end with the clinic's day`() throws {
    let it = try LoyaltyWorld()
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    let reward = try it.world.reward("today", cost: 1) { $0.validUntil = World.start + .hours(5) }
    let midnight = calendar.dayStart(year: 2026, month: 2, day: 3)
    it.world.now = midnight - .seconds(1)
    _ = try it.world.code(reward, it.customer)
    it.world.now = midnight
    #expect(
      it.world.refusal(.redeemReward(reward: reward, customer: it.customer), as: .s1)?.details["reason"] == "over")
  }

  @Test func `of which one is left go to one of two`() throws {
    let it = try LoyaltyWorld()
    let last = try it.world.reward("last", cost: 10) { $0.maxRedemptions = 1 }
    let other = try it.world.lead("Nok", phone: "0822222222")
    _ = try it.world.code(last, it.customer)
    let second = Command.redeemReward(reward: last, customer: try it.world.workflow(other).customerID)
    #expect(it.world.refusal(second, as: .s1)?.details["reason"] == "sold_out")
  }

  @Test func `that are unused can be given back: points return for 30 days at least`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let lasting = try world.reward("lasting", cost: 500) { $0.couponDays = 1_000 }
    let redeemed = try world.run(.redeemReward(reward: lasting, customer: nil), as: .customer)
    let id = try #require(redeemed["redemptionId"]?.id)
    let cancel = Command.cancelRedemption(redemption: id)
    world.now = world.now + .hours(25)
    #expect(world.refusal(cancel, as: .customer)?.code == .tooLate)
    #expect(world.refusal(cancel, as: .s1)?.code == .forbidden)
    world.now = World.start + .days(720)
    #expect(try world.run(cancel, as: .o1)["availablePoints"] == 650)
    #expect(try world.run(cancel, as: .o1)["already"] == true)
    #expect(world.ledger(it.customer).last == "cancel:\(id) +500 refund")
    let back = try #require(world.rows.all(PointTransaction.self).last)
    #expect(back.expiresAt == world.now + .days(30))
    #expect(try world.profile(it.customer).totalPoints == 650)
    #expect(try world.redemption(id).status == .cancelled)
    #expect(try world.coupon(world.redemption(id).code).status == .cancelled)
    #expect(try world.rows.row(LoyaltyReward.self, it.ten)?.currentRedemptions == 0)
  }

  @Test func `of another customer do not exist`() throws {
    let it = try LoyaltyWorld()
    let id = try #require(
      try it.world.run(.redeemReward(reward: it.ten, customer: it.customer), as: .s1)["redemptionId"]?.id)
    it.world.customerID = try it.world.workflow(it.world.lead("Nok", phone: "0822222222")).customerID
    #expect(it.world.refusal(.cancelRedemption(redemption: id), as: .customer)?.code == .notFound)
    let own = try it.world.ask(.rewards(customer: nil), as: .customer)
    #expect(own["availablePoints"] == 100)
    #expect(throws: Refusal.self) { try it.world.ask(.loyaltyProfile(customer: it.customer), as: .customer) }
  }

  @Test func `and points are shown with what is missing and what ends next`() throws {
    let it = try LoyaltyWorld()
    _ = try it.world.reward("silver", cost: 100) { $0.tierRequirement = .silver }
    let rewards = try it.world.ask(.rewards(customer: nil), as: .customer)["rewards"]?.array ?? []
    #expect(rewards.map { $0["open"] } == [false, true])
    #expect(rewards.first?["locked"] == "tier")
    let standing = try it.world.ask(.loyaltyProfile(customer: nil), as: .customer)
    #expect(standing["availablePoints"] == 650)
    #expect(standing["tierProgressBp"] == 5_000)
    #expect(standing["nextTier"]?["missingSt"] == 500_000)
    #expect(standing["nextExpiry"]?["points"] == 650)
    var filter = HistoryFilter(customer: it.customer)
    filter.limit = 2
    let page = try it.world.ask(.pointHistory(filter), as: .b1)
    #expect(page["transactions"]?.array?.map { $0["amount"] } == [50, 500])
    filter.after = page["next"]?.id
    #expect(try it.world.ask(.pointHistory(filter), as: .o1)["transactions"]?.array?.map { $0["amount"] } == [100])
    let code = try it.world.code(it.ten, it.customer)
    let coupons = try it.world.ask(.coupons(customer: nil), as: .customer)["coupons"]?.array
    #expect(coupons?.map { $0["code"] } == [.string(code)])
  }

  @Test func `make no sense without what they take off`() throws {
    let it = try LoyaltyWorld()
    var details = RewardDetails()
    details.name = "x"
    details.pointsCost = 1
    for (type, path) in [
      (RewardType.discountPercentage, "args.percentBp"), (.discountAmount, "args.monetaryValueSt"),
      (.freeService, "args.treatmentId"),
    ] {
      details.type = type
      #expect(it.world.refusal(.createReward(details), as: .o1)?.details["path"]?.string == path)
    }
    #expect(it.world.refusal(.createReward(details), as: .s1)?.code == .forbidden)
    _ = try it.world.code(it.ten, it.customer)
    var fewer = RewardDetails()
    fewer.maxRedemptions = 0
    #expect(it.world.refusal(.updateReward(reward: it.ten, fewer), as: .a1)?.code == .badRequest)
    fewer.maxRedemptions = 1
    #expect(try it.world.run(.updateReward(reward: it.ten, fewer), as: .a1)["version"] == 3)
  }
}

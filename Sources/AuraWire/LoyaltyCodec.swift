import AuraDomain

/// The arguments of points, rewards and the till. Money is satang, percentages basis points.
extension Command {
  static let loyaltyDecoders: [(name: String, decode: Decode)] = [
    ("createReward", { (a) throws(Refusal) in .createReward(try a.reward(isNew: true)) }),
    (
      "updateReward",
      { (a) throws(Refusal) in .updateReward(reward: try a.id("rewardId"), try a.reward(isNew: false)) }
    ),
    (
      "redeemReward",
      { (a) throws(Refusal) in .redeemReward(reward: try a.id("rewardId"), customer: try a.optionalID("customerId")) }
    ),
    ("cancelRedemption", { (a) throws(Refusal) in .cancelRedemption(redemption: try a.id("redemptionId")) }),
    ("createAchievement", { (a) throws(Refusal) in .createAchievement(try a.achievement(isNew: true)) }),
    (
      "updateAchievement",
      { (a) throws(Refusal) in
        .updateAchievement(achievement: try a.id("achievementId"), try a.achievement(isNew: false))
      }
    ),
    (
      "unlockAchievement",
      { (a) throws(Refusal) in
        .unlockAchievement(
          achievement: try a.id("achievementId"), customer: try a.id("customerId"),
          override: try a.flag("override") ?? false)
      }
    ),
    ("awardPoints", { (a) throws(Refusal) in .awardPoints(try a.awardPoints()) }),
    ("recordReview", { (a) throws(Refusal) in .recordReview(workflow: try a.id("workflowId", or: "journeyId")) }),
    (
      "updateLoyaltySettings", { (a) throws(Refusal) in .updateLoyaltySettings(try a.loyaltySettings()) }
    ),
    ("createSale", { (a) throws(Refusal) in .createSale(try a.createSale()) }),
    (
      "applyCoupon",
      { (a) throws(Refusal) in .applyCoupon(sale: try a.id("saleId"), code: try a.text("code", bytesMax: 32)) }
    ),
    ("removeCoupon", { (a) throws(Refusal) in .removeCoupon(sale: try a.id("saleId")) }),
    (
      "paySale",
      { (a) throws(Refusal) in
        .paySale(
          PaySale(
            sale: try a.id("saleId"), amountSt: try a.amount(), method: try a.word("paymentMethod", PaymentMethod.self))
        )
      }
    ),
    ("voidSale", { (a) throws(Refusal) in .voidSale(sale: try a.id("saleId")) }),
    (
      "refundSale",
      { (a) throws(Refusal) in
        .refundSale(
          RefundSale(
            sale: try a.id("saleId"), amountSt: try a.optionalInteger("amountSt", in: 1...satangMax),
            reason: try a.reason()))
      }
    ),
  ]
}

extension Arguments {
  fileprivate mutating func reward(isNew: Bool) throws(Refusal) -> RewardDetails {
    var reward = RewardDetails()
    reward.name = try optionalText("name", bytesMax: Size.name)
    reward.description = try optionalText("description", bytesMax: Size.notes)
    reward.type = try optionalWord("type", RewardType.self)
    reward.pointsCost = try optionalInteger("pointsCost", in: 1...pointsMax)
    reward.percentBp = try optionalInteger("percentBp", in: 1...10_000)
    reward.monetaryValueSt = try optionalInteger("monetaryValueSt", in: 0...satangMax)
    reward.treatment = try optionalID("treatmentId")
    reward.isActive = try flag("isActive")
    reward.maxRedemptions = try optionalInteger("maxRedemptions", in: 0...pointsMax)
    reward.perCustomerLimit = try optionalInteger("perCustomerLimit", in: 1...10_000)
    reward.tierRequirement = try optionalWord("tierRequirement", Tier.self)
    reward.validFrom = try optionalInstant("validFrom")
    reward.validUntil = try optionalInstant("validUntil")
    reward.couponDays = try optionalInteger("couponDays", in: 1...3_650)
    reward.stackable = try flag("stackable")
    reward.autoApply = try flag("autoApply")
    if isNew {
      if reward.name == nil { throw bad("name", "is missing") }
      if reward.type == nil { throw bad("type", "is missing") }
      if reward.pointsCost == nil { throw bad("pointsCost", "is missing") }
    }
    return reward
  }

  fileprivate mutating func achievement(isNew: Bool) throws(Refusal) -> AchievementDetails {
    var details = AchievementDetails()
    details.name = try optionalText("name", bytesMax: Size.name)
    details.description = try optionalText("description", bytesMax: Size.notes)
    details.category = try optionalWord("category", AchievementCategory.self)
    details.conditions = try optionalObject("conditions")
    details.pointsReward = try optionalInteger("pointsReward", in: 0...1_000_000)
    details.badgeIcon = try optionalText("badgeIcon", bytesMax: Size.word)
    if var gift = try optionalArguments("specialReward") {
      let percent = try gift.integer("percentBp", in: 1...10_000)
      try gift.finish()
      details.specialReward = ["percentBp": .integer(percent)]
    }
    details.isActive = try flag("isActive")
    details.isSecret = try flag("isSecret")
    if isNew {
      if details.name == nil { throw bad("name", "is missing") }
      if details.conditions == nil { throw bad("conditions", "is missing") }
    }
    return details
  }

  fileprivate mutating func awardPoints() throws(Refusal) -> AwardPoints {
    AwardPoints(
      customer: try id("customerId"), points: try integer("points", in: 1...10_000),
      transaction: try text("transactionId", bytesMax: Size.word),
      description: try optionalText("description", bytesMax: Size.name))
  }

  /// Any of the settings, each by its name: `"earnRateSt": 2000, "tierBasis": "points"`.
  fileprivate mutating func loyaltySettings() throws(Refusal) -> LoyaltySettings.Change {
    var change = LoyaltySettings.Change()
    for number in LoyaltySettings.Number.allCases {
      change.numbers[number] = try optionalInteger(number.rawValue, in: number.range)
    }
    change.tierBasis = try optionalWord("tierBasis", TierBasis.self)
    try finish()
    if change == LoyaltySettings.Change() { throw Self.bad("args", "something to change is expected") }
    return change
  }

  /// `"items": [{"treatmentId", "name", "quantity", "priceSt"}], "discountSt"`
  fileprivate mutating func createSale() throws(Refusal) -> CreateSale {
    let customer = try id("customerId")
    guard let items = try planItems(), !items.isEmpty else { throw bad("items", "is missing") }
    return CreateSale(
      customer: customer, items: items, discountSt: try optionalInteger("discountSt", in: 0...satangMax) ?? 0)
  }

  mutating func historyFilter() throws(Refusal) -> HistoryFilter {
    var filter = HistoryFilter(customer: try optionalID("customerId"))
    filter.limit = try optionalInteger("limit", in: 1...HistoryFilter.limitMax) ?? filter.limit
    filter.after = try optionalID("after")
    return filter
  }
}

/// Far more points than anybody has.
private let pointsMax = 1_000_000_000

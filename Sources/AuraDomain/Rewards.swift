/// What a reward is, as an owner or admin writes it down; for a change, what is absent stays.
package struct RewardDetails: Sendable, Equatable {
  package var name: String?
  package var description: String?
  package var type: RewardType?
  package var pointsCost: Int?
  package var percentBp: Int?
  package var monetaryValueSt: Int?
  package var treatment: ID?
  package var isActive: Bool?
  package var maxRedemptions: Int?
  package var perCustomerLimit: Int?
  package var tierRequirement: Tier?
  package var validFrom: Instant?
  /// The reward is there until the end of the clinic's day in which this moment lies.
  package var validUntil: Instant?
  package var couponDays: Int?
  package var stackable: Bool?
  /// Its coupon puts itself on the customer's next bill.
  package var autoApply: Bool?

  package init() {}
}

extension Draft {
  mutating func createReward(_ details: RewardDetails) throws -> JSON {
    var reward = LoyaltyReward()
    reward.id = newID()
    reward.clinicID = clinicID
    reward.validFrom = now
    try set(details, on: &reward)
    try check(reward)
    if reward.isActive { try requireRoom() }
    insert(reward)
    return ["rewardId": .id(reward.id), "version": 1]
  }

  mutating func updateReward(_ id: ID, _ details: RewardDetails) throws -> JSON {
    let reward = try reward(id)
    var changed = reward
    try set(details, on: &changed)
    try check(changed)
    if changed.isActive && !reward.isActive { try requireRoom() }
    let after = try update(reward) { $0 = changed }
    return ["rewardId": .id(after.id), "version": .integer(after.version)]
  }

  private func set(_ details: RewardDetails, on reward: inout LoyaltyReward) throws {
    reward.name = details.name ?? reward.name
    reward.description = details.description ?? reward.description
    reward.type = details.type ?? reward.type
    reward.pointsCost = details.pointsCost ?? reward.pointsCost
    reward.percentBp = details.percentBp ?? reward.percentBp
    reward.monetaryValueSt = details.monetaryValueSt ?? reward.monetaryValueSt
    if let id = details.treatment { reward.treatmentID = try treatment(id, "treatmentId").id }
    reward.isActive = details.isActive ?? reward.isActive
    reward.maxRedemptions = details.maxRedemptions ?? reward.maxRedemptions
    reward.perCustomerLimit = details.perCustomerLimit ?? reward.perCustomerLimit
    reward.tierRequirement = details.tierRequirement ?? reward.tierRequirement
    reward.validFrom = details.validFrom ?? reward.validFrom
    if let until = details.validUntil { reward.validUntil = try calendar().dayClose(until) }
    reward.couponDays = details.couponDays ?? reward.couponDays
    reward.stackable = details.stackable ?? reward.stackable
    reward.autoApply = details.autoApply ?? reward.autoApply
  }

  private func check(_ reward: LoyaltyReward) throws {
    func refuse(_ name: String, _ problem: String) -> Refusal {
      Refusal(
        .badRequest, "args.\(name): \(problem).",
        details: ["path": .string("args.\(name)"), "problem": .string(problem)])
    }
    guard !reward.name.isEmpty else { throw refuse("name", "is missing") }
    guard reward.pointsCost > 0 else { throw refuse("pointsCost", "more than 0 is expected") }
    switch reward.type {
    case .discountPercentage:
      guard reward.percentBp != nil else { throw refuse("percentBp", "is missing") }
    case .discountAmount:
      guard reward.monetaryValueSt > 0 else { throw refuse("monetaryValueSt", "more than 0 is expected") }
    case .freeService:
      guard reward.treatmentID != nil else { throw refuse("treatmentId", "is missing") }
    case .upgradeService, .birthdaySpecial, .referralBonus:
      guard reward.percentBp != nil || reward.monetaryValueSt > 0 else {
        throw refuse("monetaryValueSt", "a percentage or an amount is expected")
      }
    }
    if let most = reward.maxRedemptions, most < reward.currentRedemptions {
      throw refuse("maxRedemptions", "\(reward.currentRedemptions) are redeemed already")
    }
    if let until = reward.validUntil, until <= reward.validFrom {
      throw refuse("validUntil", "it would end before it begins")
    }
  }

  /// As many as a customer is shown.
  static let activeRewardsMax = 200

  private func requireRoom() throws {
    let active = try rows(
      LoyaltyReward.self, Selection(.equal("is_active", .integer(1)), limit: Self.activeRewardsMax))
    if active.count >= Self.activeRewardsMax {
      throw Refusal(
        .tooLarge, "There are \(Self.activeRewardsMax) active rewards; put one out of use first.",
        details: ["path": "args.isActive", "limit": .integer(Self.activeRewardsMax)])
    }
  }

  func reward(_ id: ID) throws -> LoyaltyReward {
    guard let reward = try row(LoyaltyReward.self, id) else {
      throw Refusal(.notFound, "There is no such reward.", details: ["reward_id": .id(id)])
    }
    return reward
  }

  // MARK: Redeeming

  /// Buys a reward with points: they leave here, and a coupon comes. The command's key is the redemption's, so that the
  /// same tap twice is one.
  mutating func redeemReward(_ id: ID, for named: ID?) throws -> JSON {
    let customer = try presentCustomer(whose(named, .redeemReward).id)
    let key = "redeem:\(commandKey ?? newID().description)"
    if let known = try redemption(key: key) {
      guard known.customerID == customer.id, known.rewardID == id else {
        throw Refusal(.keyReused, "This key was used for another request.", details: ["key": .text(commandKey)])
      }
      return try outcome(known, already: true)
    }
    let reward = try reward(id)
    try expireCredits(of: customer.id)
    let profile = try loyaltyProfile(of: customer.id)
    if let reason = try lacking(reward, profile) { throw reason.refusal(reward, profile) }

    let redemptions = try reward.currentRedemptions.plus(1)
    try update(reward) { $0.currentRedemptions = redemptions }
    var posting = Posting(
      .redeemed, reward.pointsCost, to: customer.id, key: key, Texts(th: reward.name, en: reward.name))
    posting.reward = reward.id
    try debit(posting)

    var redemption = LoyaltyRedemption()
    redemption.id = newID()
    redemption.clinicID = clinicID
    redemption.customerID = customer.id
    redemption.rewardID = reward.id
    redemption.pointsCost = reward.pointsCost
    redemption.code = try couponCode()
    redemption.issuedAt = now
    redemption.eventKey = key
    insert(redemption)
    try issue(reward, to: customer.id, for: redemption)
    return try outcome(redemption, already: false)
  }

  /// What a customer lacks for a reward, first things first; `nil` when it is theirs for the taking.
  func lacking(_ reward: LoyaltyReward, _ profile: LoyaltyProfile) throws -> RewardLack? {
    if try customer(profile.customerID).isFrozen { return .frozen }
    if let lack = reward.lack(at: now, profile) { return lack }
    guard let limit = reward.perCustomerLimit else { return nil }
    let taken = try rows(
      LoyaltyRedemption.self,
      Selection(
        .equal("customer_id", .id(profile.customerID)), .equal("reward_id", .id(reward.id)),
        .oneOf(
          "status", [.word(RedemptionStatus.issued), .word(RedemptionStatus.applied), .word(RedemptionStatus.expired)]),
        limit: limit))
    return taken.count >= limit ? .limit : nil
  }

  func redemption(key: String) throws -> LoyaltyRedemption? {
    try rows(LoyaltyRedemption.self, Selection(.equal("event_key", .text(key)), limit: 1)).first
  }

  private mutating func outcome(_ redemption: LoyaltyRedemption, already: Bool) throws -> JSON {
    [
      "redemptionId": .id(redemption.id), "customerId": .id(redemption.customerID),
      "couponCode": .string(redemption.code), "redemptionCode": .string(redemption.code),
      "pointsCost": .integer(redemption.pointsCost), "status": .word(redemption.status),
      "availablePoints": .integer(try loyaltyProfile(of: redemption.customerID).availablePoints),
      "already": .bool(already),
    ]
  }

  // MARK: Taking it back

  /// How long customers may think better of it themselves.
  private static let regretSpan = Span.hours(24)
  /// Points that come back are good for this long at least.
  private static let returnedSpan = Span.days(30)

  mutating func cancelRedemption(_ id: ID) throws -> JSON {
    guard let redemption = try row(LoyaltyRedemption.self, id), isVisible(redemption.customerID) else {
      throw Refusal(.notFound, "There is no such redemption.", details: ["redemption_id": .id(id)])
    }
    try actor.permit(.cancelRedemption, isOwn: actor.customer == redemption.customerID, reason: reason)
    if redemption.status == .cancelled { return try outcome(redemption, already: true) }
    let coupon = try rows(CustomerCoupon.self, Selection(.equal("redemption_id", .id(id)), limit: 1)).first
    guard redemption.status == .issued, let coupon, coupon.status == .active, now < coupon.validUntil else {
      throw Refusal(
        .couponUnavailable, "Only what is unused can be given back.",
        details: ["status": .word(redemption.status), "coupon_status": coupon.map { .word($0.status) } ?? .null])
    }
    if actor.kind == .customer, now > redemption.issuedAt + Self.regretSpan {
      throw Refusal(
        .tooLate, "A reward is given back within 24 hours; later the clinic can do it.",
        details: ["issued_at": .instant(redemption.issuedAt)])
    }
    let after = try update(redemption) { $0.status = .cancelled }
    try update(coupon) { $0.status = .cancelled }
    let reward = try reward(redemption.rewardID)
    try update(reward) { $0.currentRedemptions -= 1 }
    for (number, part) in try partsReturned(of: redemption).enumerated() {
      var posting = Posting(
        .refund, part.points, to: redemption.customerID,
        key: number == 0 ? "cancel:\(id)" : "cancel:\(id):\(number + 1)",
        Texts(th: "คืนแต้ม \(reward.name)", en: "Returned: \(reward.name)"))
      posting.reward = reward.id
      posting.expires = .at(part.end)
      try credit(posting)
    }
    return try outcome(after, already: false)
  }

  /// What a redemption had used, by the day on which it ended, and no sooner than 30 days from now: points that come back
  /// are as old as they were, or redeeming and cancelling would keep them for ever. Mostly that is one part.
  private func partsReturned(of redemption: LoyaltyRedemption) throws -> [(points: Int, end: Instant?)] {
    let soonest = now + Self.returnedSpan
    let calendar = try calendar()
    var parts: [(points: Int, end: Instant?)] = []
    // Debits use credits in the order of their ends.
    for used in try posting(redemption.eventKey)?.allocations.object?.members ?? [] {
      guard let points = used.value.integer,
        let credit = try ID(used.name).flatMap({ try row(PointTransaction.self, $0) })
      else { continue }
      let end = credit.expiresAt.map { max($0, soonest) }
      if let last = parts.last, calendar.isSameDay(last.end ?? .latest, end ?? .latest) {
        parts[parts.count - 1] = (try last.points.plus(points), end)
      } else {
        parts.append((points, end))
      }
    }
    return parts
  }

  // MARK: For whom

  /// The customer a command is for: customers act for themselves, staff name one.
  func whose(_ named: ID?, _ deed: Deed) throws -> Customer {
    if actor.kind == .customer {
      guard let own = actor.customer, named == nil || named == own else {
        throw Refusal(
          .forbidden, "This is for yourself only.", details: ["deed": .string(deed.rawValue), "needs": "own"])
      }
      try actor.permit(deed, isOwn: true, reason: reason)
      return try customer(own)
    }
    try actor.permit(deed, isOwn: false, reason: reason)
    guard let named else {
      throw Refusal(.badRequest, "For whom?", details: ["path": "args.customerId", "problem": "is missing"])
    }
    return try customer(named)
  }

  /// What belongs to another customer does not exist for a customer.
  func isVisible(_ customer: ID) -> Bool { actor.kind != .customer || actor.customer == customer }
}

/// Why a reward cannot be had.
enum RewardLack: String {
  /// The clinic does not serve this customer at the moment; what they have stays theirs.
  case frozen
  case inactive
  case notYet = "not_yet"
  case over
  case soldOut = "sold_out"
  case limit, tier, points

  func refusal(_ reward: LoyaltyReward, _ profile: LoyaltyProfile) -> Refusal {
    var details: JSONObject = ["reward_id": .id(reward.id), "reason": .string(rawValue)]
    switch self {
    case .points:
      details["points"] = .integer(reward.pointsCost)
      details["available_points"] = .integer(profile.availablePoints)
      return Refusal(.insufficientPoints, "There are not enough points.", details: .object(details))
    case .tier:
      details["tier"] = reward.tierRequirement.map { .word($0) } ?? .null
      details["current_tier"] = .word(profile.currentTier)
    case .limit: details["limit"] = reward.perCustomerLimit.map(JSON.integer) ?? .null
    case .notYet: details["valid_from"] = .instant(reward.validFrom)
    case .over: details["valid_until"] = .instant(reward.validUntil)
    case .frozen, .inactive, .soldOut: break
    }
    return Refusal(.couponUnavailable, "This reward cannot be had.", details: .object(details))
  }
}

extension Customer {
  /// Whoever is blacklisted can pay and be paid back, and earns as ever, but neither redeems nor uses coupons.
  var isFrozen: Bool { status == .blacklisted }
}

extension LoyaltyReward {
  /// What is lacking as far as reward and profile tell; how often the customer has had it is asked apart.
  func lack(at now: Instant, _ profile: LoyaltyProfile) -> RewardLack? {
    if !isActive { return .inactive }
    if now < validFrom { return .notYet }
    if let validUntil, now >= validUntil { return .over }
    if let maxRedemptions, currentRedemptions >= maxRedemptions { return .soldOut }
    if let tierRequirement, profile.currentTier < tierRequirement { return .tier }
    if profile.availablePoints < pointsCost { return .points }
    return nil
  }
}

extension ClinicCalendar {
  /// The end of the day in which `at` lies; midnight itself is the end of the day before.
  func dayClose(_ at: Instant) -> Instant { dayStart(at) == at ? at : dayEnd(at) }
}

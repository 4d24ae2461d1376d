extension Draft {
  /// Referrals that one customer is rewarded for in a month.
  private static let referralsPerMonth = 10
  private static let newcomerPercentBp = 1_000

  /// The customer whose code a newcomer brings. Nobody brings themselves.
  func referrer(code: String, phone: String, email: String?) throws -> Customer {
    func refuse(_ problem: String) -> Refusal {
      Refusal(
        .badRequest, "This code cannot be used here.",
        details: ["path": "args.customer.referralCode", "problem": .string(problem)])
    }
    let profile = try rows(
      LoyaltyProfile.self, Selection(.equal("referral_code", .text(code.uppercased())), limit: 1)
    ).first
    guard let profile else { throw refuse("there is no such code") }
    let referrer = try customer(profile.customerID)
    if referrer.phone == phone || (email != nil && referrer.email == email) { throw refuse("it is the customer's own") }
    return referrer
  }

  /// Remembers who has brought a newcomer, who gets a coupon for it.
  mutating func welcomeReferred(_ customer: Customer, by referrer: Customer) throws {
    journey(
      .referralMade, customer: referrer.id, workflow: nil, key: "referral:\(customer.id):made",
      data: ["referred_customer_id": .id(customer.id)])
    try issueGift(
      .referral, percentBp: Self.newcomerPercentBp, to: customer.id,
      name: Texts(th: "ของขวัญต้อนรับ", en: "Welcome gift"))
  }

  /// The first paid visit of somebody who was brought: once, whatever it brings.
  mutating func rewardReferral(of id: ID, visit: ID) throws {
    let customer = try customer(id)
    guard let referrerID = customer.referredByCustomerID, referrerID != id else { return }
    let key = "referral:\(id)"
    guard try visited(key) == nil else { return }
    let referrer = try self.customer(referrerID)
    let isSelf =
      (customer.userID != nil && customer.userID == referrer.userID)
      || (customer.phone != nil && customer.phone == referrer.phone)
      || (customer.email != nil && customer.email == referrer.email)
    let isRewarded = try !isSelf && referralsThisMonth(of: referrerID) < Self.referralsPerMonth
    journey(
      .referralMade, customer: referrerID, workflow: nil, key: "\(key):visited",
      data: [
        "referred_customer_id": .id(id), "workflow_id": .id(visit), "visited": true, "rewarded": .bool(isRewarded),
      ])
    guard isRewarded else { return }
    try update(try loyaltyProfile(of: referrerID)) { $0.successfulReferrals += 1 }
    try credit(
      Posting(
        .bonus, try loyalty().referralBonus, to: referrerID, key: key,
        Texts(th: "โบนัสแนะนำเพื่อน", en: "Referral bonus")))
    try evaluateAchievements(of: referrerID)
  }

  /// Nothing of that first visit stays paid: whoever has brought the customer has brought nobody yet. The bonus goes
  /// back, once; a later visit of the same customer brings none, since a referral is rewarded once per person.
  mutating func takeBackReferral(of id: ID, visit: ID) throws {
    let key = "referral:\(id)"
    guard let visited = try visited(key), visited.eventData["workflow_id"]?.id == visit,
      visited.eventData["rewarded"] == true,
      try rows(JourneyEvent.self, Selection(.equal("event_key", .text("\(key):taken_back")), limit: 1)).isEmpty
    else { return }
    let referrer = visited.customerID
    journey(
      .referralMade, customer: referrer, workflow: nil, key: "\(key):taken_back",
      data: ["referred_customer_id": .id(id), "workflow_id": .id(visit), "visited": false])
    try update(try loyaltyProfile(of: referrer)) { $0.successfulReferrals = max(0, $0.successfulReferrals - 1) }
    guard let bonus = try posting(key) else { return }
    var posting = Posting(
      .refund, bonus.amount, to: referrer, key: "refund:\(key)",
      Texts(th: "คืนโบนัสแนะนำเพื่อน", en: "Referral bonus taken back"))
    posting.reverses = bonus
    try debit(posting)
  }

  /// What was written down at the first paid visit of somebody who was brought.
  private func visited(_ key: String) throws -> JourneyEvent? {
    try rows(JourneyEvent.self, Selection(.equal("event_key", .text("\(key):visited")), limit: 1)).first
  }

  private func referralsThisMonth(of referrer: ID) throws -> Int {
    let calendar = try calendar()
    let today = calendar.civil(now)
    let month = calendar.dayStart(year: today.year, month: today.month, day: 1)
    return try rows(
      PointTransaction.self,
      Selection(
        .equal("customer_id", .id(referrer)), .atLeast("created_at", .instant(month)),
        .equal("type", .word(PointType.bonus)))
    ).filter { $0.eventKey.hasPrefix("referral:") }.count
  }
}

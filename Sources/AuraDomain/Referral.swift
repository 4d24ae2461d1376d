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
    try issueGift(.referral, percentBp: Self.newcomerPercentBp, to: customer.id, name: "Welcome")
  }

  /// The first paid visit of somebody who was brought: once, whatever it brings.
  mutating func rewardReferral(of id: ID) throws {
    let customer = try customer(id)
    guard let referrerID = customer.referredByCustomerID, referrerID != id else { return }
    let key = "referral:\(id)"
    guard try rows(JourneyEvent.self, Selection(.equal("event_key", .text("\(key):visited")), limit: 1)).isEmpty else {
      return
    }
    journey(
      .referralMade, customer: referrerID, workflow: nil, key: "\(key):visited",
      data: ["referred_customer_id": .id(id), "visited": true])
    let referrer = try self.customer(referrerID)
    let isSelf =
      (customer.userID != nil && customer.userID == referrer.userID)
      || (customer.phone != nil && customer.phone == referrer.phone)
      || (customer.email != nil && customer.email == referrer.email)
    guard !isSelf, try referralsThisMonth(of: referrerID) < Self.referralsPerMonth else { return }
    try update(try loyaltyProfile(of: referrerID)) { $0.successfulReferrals += 1 }
    try credit(
      Posting(
        .bonus, try loyalty().referralBonus, to: referrerID, key: key,
        Texts(th: "โบนัสแนะนำเพื่อน", en: "Referral bonus")))
    try evaluateAchievements(of: referrerID)
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

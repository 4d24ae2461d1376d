/// How many credits, and how many coupons, one night's firing lets go at a time, so that it does not hold up the clinic.
private let creditsPerFiring = 200

extension Draft {
  /// When a credit that is given now ends, by the clinic's calendar; `nil` where points are kept for ever.
  func expiry() throws -> Instant? {
    let months = try loyalty().expiryMonths
    return months == 0 ? nil : try calendar().adding(months: months, to: now)
  }

  /// Lets a customer's credits go whose time is over: each once, under its own key.
  mutating func expireCredits(of customer: ID) throws {
    while try expire(.equal("customer_id", .id(customer))) > 0 {}
  }

  /// The night after a credit's end is the time to look, whoever's it is: one timer a night, and none without work.
  mutating func planExpiry(at end: Instant) throws {
    let night = try calendar().night(after: end)
    schedule(
      PlannedTimer(
        due: night, kind: .pointsExpiry, payload: .emptyObject, dedupe: "points:expiry:\(night.milliseconds)"))
  }

  /// Five minutes past midnight: whatever has ended goes, and what does not fit into one commit follows at once.
  mutating func fireExpiry(_ timer: PlannedTimer) throws -> Bool {
    let credits = try expire()
    let coupons = try expireCoupons(limit: creditsPerFiring)
    if max(credits, coupons) == creditsPerFiring { schedule(timer) }
    return credits + coupons > 0
  }

  private mutating func expire(_ whose: Condition...) throws -> Int {
    var selection = Selection(
      .equal("is_open", .integer(1)), .atMost("expires_at", .instant(now)),
      order: [.ascending("expires_at")], limit: creditsPerFiring)
    selection.conditions = whose + selection.conditions
    let due = try rows(PointCredit.self, selection)
    for credit in due { try expire(credit) }
    return due.count
  }

  private mutating func expire(_ credit: PointCredit) throws {
    try release(
      credit,
      Posting(
        .expired, credit.remaining, to: credit.customerID, key: "expire:\(credit.transactionID)",
        Texts(th: "แต้มหมดอายุ", en: "Points have expired")))
  }
}

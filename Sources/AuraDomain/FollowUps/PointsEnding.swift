/// How long before a day's points end their holders are thought of; a rule counts back from the end within this.
private let noticeSpan = Span.days(30)
/// How many credits one firing looks at, so that it does not hold up the clinic.
private let creditsPerFiring = 200

extension Draft {
  /// A day on which a credit ends has a morning thirty days before it: one timer a day, whoever's points they are.
  mutating func planExpiryNotice(at end: Instant) throws {
    let calendar = try calendar()
    let day = calendar.dayStart(end)
    schedule(
      PlannedTimer(
        due: calendar.dayStart(day - noticeSpan + .hours(1)) + .minutes(10), kind: .pointsExpiring,
        payload: ["day": .instant(day)], dedupe: "points:expiring:\(day.milliseconds)"))
  }

  func pointsOccasion(_ credit: PointCredit) throws -> FollowUpOccasion {
    let day = try calendar().civil(credit.expiresAt).text.prefix(10)
    return FollowUpOccasion(
      kind: .pointsExpire, customer: credit.customerID, workflow: nil, anchor: "points:\(day)",
      moment: credit.expiresAt)
  }

  /// The days on which points of a customer end and which have been looked at already, for everybody else.
  func pointsEndingSoon(of customer: ID) throws -> [FollowUpOccasion] {
    let credits = try rows(
      PointCredit.self,
      Selection(
        .equal("customer_id", .id(customer)), .equal("is_open", .integer(1)), .greater("expires_at", .instant(now)),
        .less("expires_at", .instant(now + noticeSpan + .days(1))), order: [.ascending("id")]))
    var seen: Set<String> = []
    return try credits.map(pointsOccasion).filter { seen.insert($0.anchor).inserted }
  }

  /// Plans a word to each customer whose points end on the timer's day. What does not fit into one commit follows at
  /// once, from the last credit on.
  mutating func firePointsExpiring(_ timer: PlannedTimer) throws -> Bool {
    guard let day = timer.payload["day"]?.integer.map(Instant.init(milliseconds:)) else { return false }
    let rules = try followUpRules(for: .pointsExpire)
    if rules.isEmpty { return false }
    let credits = try creditsEnding(on: day, after: timer.payload["after"]?.id)
    var seen: Set<ID> = []
    for credit in credits where seen.insert(credit.customerID).inserted {
      let occasion = try pointsOccasion(credit)
      for rule in rules { try plan(rule, occasion) }
    }
    if credits.count == creditsPerFiring, let last = credits.last {
      var next = timer
      next.payload.set("after", .id(last.id))
      schedule(next)
    }
    return !credits.isEmpty
  }

  /// By their ids: many credits end in the same moment.
  private func creditsEnding(on day: Instant, after: ID?) throws -> [PointCredit] {
    var selection = Selection(
      .equal("is_open", .integer(1)), .atLeast("expires_at", .instant(day)),
      .less("expires_at", .instant(try calendar().dayEnd(day))), order: [.ascending("id")], limit: creditsPerFiring)
    if let after { selection.conditions.append(.greater("id", .id(after))) }
    return try rows(PointCredit.self, selection)
  }
}

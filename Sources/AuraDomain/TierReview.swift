/// How many profiles are looked at in one firing, so that a review of all does not hold up the clinic.
private let profilesPerFiring = 200

extension LoyaltySettings {
  /// How many months count in this one; 0 for all that there ever were.
  func window(in month: CalendarMonth) -> Int {
    month.number <= qualifyingSince ? qualifyingBefore : qualifyingMonths
  }

  /// A new window, from the month's end on: until then nobody loses a tier that they have by the one before.
  mutating func setWindow(_ months: Int, in month: CalendarMonth) {
    if qualifyingSince != month.number { (qualifyingBefore, qualifyingSince) = (window(in: month), month.number) }
    qualifyingMonths = months
  }
}

extension Draft {
  private static let monthEnd = "tiers:month_end"
  private static let slice = "tiers:slice"

  /// Five past midnight of the next month's first day.
  mutating func planMonthEnd() throws {
    let calendar = try calendar()
    schedule(
      PlannedTimer(
        due: calendar.start(calendar.month(now).adding(1)) + .minutes(5), kind: .tierReview,
        payload: ["month_end": true], dedupe: Self.monthEnd))
  }

  /// Sets every customer's tier anew, some at a time, behind the profile `after`.
  mutating func planTierReview(at due: Instant, after: ID = ID(high: 0, low: 0)) {
    schedule(PlannedTimer(due: due, kind: .tierReview, payload: ["after": .id(after)], dedupe: Self.slice))
  }

  mutating func fireTierReview(_ timer: PlannedTimer) throws -> Bool {
    if timer.payload["month_end"] == true {
      if now < timer.due {
        // The clock went back: not yet.
        schedule(timer)
        return false
      }
      if try loyalty().qualifyingMonths > 0 { try planMonthEnd() }
      planTierReview(at: timer.due)
      return true
    }
    let after = timer.payload["after"]?.id ?? ID(high: 0, low: 0)
    let profiles = try rows(
      LoyaltyProfile.self,
      Selection(.greater("id", .id(after)), order: [.ascending("id")], limit: profilesPerFiring))
    for profile in profiles { try setTier(of: profile.customerID, because: "\(seq)") }
    if profiles.count == profilesPerFiring, let last = profiles.last { planTierReview(at: timer.due, after: last.id) }
    return !profiles.isEmpty
  }
}

/// When a customer likes to be written to, by their own clock.
package enum BestContactTime: String, Sendable, CaseIterable {
  case morning, afternoon, evening, anytime
  case businessHours = "business_hours"

  /// Minutes of the day, end excluded.
  var minutes: Range<Int> {
    switch self {
    case .morning: 9 * 60..<12 * 60
    case .afternoon: 13 * 60..<17 * 60
    case .evening: 17 * 60..<20 * 60
    case .anytime: 8 * 60..<20 * 60
    case .businessHours: 9 * 60..<18 * 60
    }
  }
}

/// The hours of a customer's day in which messages go out: the best ones, and those that are at least not the night's.
struct ContactHours {
  let calendar: ClinicCalendar
  private let best: Range<Int>
  private let waking: Range<Int>

  init(_ preferences: CustomerPreferences, _ settings: FollowUpSettings) {
    calendar = ClinicCalendar(timezone: preferences.timezone)
    waking = settings.quietTo * 60..<settings.quietFrom * 60
    let wished = (BestContactTime(rawValue: preferences.bestContactTime) ?? .anytime).minutes.clamped(to: waking)
    best = wished.isEmpty ? waking : wished
  }

  /// `at` itself, or when the best hours begin next.
  func best(_ at: Instant) -> Instant { next(at, best) }

  /// `at` itself, or when the night is over.
  func waking(_ at: Instant) -> Instant { next(at, waking) }

  /// The best hours, unless that would be too late: then the first that are not the night's. `nil` when those are too
  /// late as well.
  func next(_ at: Instant, before deadline: Instant) -> Instant? {
    [best(at), waking(at)].first { $0 < deadline }
  }

  private func next(_ at: Instant, _ hours: Range<Int>) -> Instant {
    let civil = calendar.civil(at)
    let minute = civil.hour * 60 + civil.minute
    if hours.contains(minute) { return at }
    let day = minute < hours.lowerBound ? at : calendar.dayEnd(at)
    // The clock's change may have left the opening out; then it is an hour on, which is after `at` all the same.
    return max(calendar.time(minutes: hours.lowerBound, onDayOf: day), at)
  }
}

/// How much a customer wants to hear: so many messages in any seven days, and in any thirty. Every message counts, and
/// advertising is what waits.
struct ContactCaps: Equatable {
  var weekly: Int
  var monthly: Int

  init(weekly: Int, monthly: Int) {
    self.weekly = weekly
    self.monthly = monthly
  }

  init(_ preferences: CustomerPreferences) {
    self.init(weekly: preferences.maxWeeklyContacts, monthly: preferences.maxMonthlyContacts)
  }

  static let week = Span.days(7)
  static let month = Span.days(30)

  /// The first time from `at` on at which one more message is within both; `nil` when none is before `deadline`.
  /// `contacts` are the times of the others; `open` moves a time to one at which messages go out.
  func first(from at: Instant, before deadline: Instant, among contacts: [Instant], open: (Instant) -> Instant)
    -> Instant?
  {
    guard weekly > 0, monthly > 0 else { return nil }
    let contacts = contacts.sorted()
    var at = at
    while at < deadline {
      let free = max(
        Self.free(at, contacts, weekly, Self.week) ?? at, Self.free(at, contacts, monthly, Self.month) ?? at)
      if free <= at { return at }
      at = open(free)
    }
    return nil
  }

  /// When there is room again among the last `span`; `nil` when there is room at `at`.
  private static func free(_ at: Instant, _ contacts: [Instant], _ most: Int, _ span: Span) -> Instant? {
    let recent = contacts.filter { $0 > at - span && $0 <= at }
    // Of as many as are allowed, the oldest has to leave the span.
    return recent.count < most ? nil : recent[recent.count - most] + span
  }
}

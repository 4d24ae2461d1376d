// The zones' history of offsets is data that nobody writes by hand: this file alone needs Foundation.
import struct Foundation.Date
import struct Foundation.TimeZone

/// Days and months as the clinic's wall shows them.
package struct ClinicCalendar {
  private let zone: TimeZone?

  /// An unknown zone counts as Bangkok's, the schema's default.
  package init(timezone: String) { zone = TimeZone(identifier: timezone) ?? TimeZone(identifier: "Asia/Bangkok") }

  static func isKnown(timezone: String) -> Bool { TimeZone(identifier: timezone) != nil }

  struct Civil: Equatable {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int

    /// `2026-02-02 11:00`
    var text: String { "\(year)-\(two(month))-\(two(day)) \(two(hour)):\(two(minute))" }
    /// `202602`
    var monthNumber: String { "\(year)\(two(month))" }
  }

  func civil(_ at: Instant) -> Civil {
    let local = at.milliseconds + offsetMilliseconds(at)
    let days = floorDivide(local, Self.dayMilliseconds)
    let minutes = (local - days * Self.dayMilliseconds) / 60_000
    // Days since 1970 to year, month, day: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let z = days + 719_468
    let era = floorDivide(z, 146_097)
    let dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return Civil(
      year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month: month, day: dayOfYear - (153 * shifted + 2) / 5 + 1,
      hour: minutes / 60, minute: minutes % 60)
  }

  func month(_ at: Instant) -> CalendarMonth {
    let civil = civil(at)
    return CalendarMonth(number: civil.year * 100 + civil.month)
  }

  /// When this month begins.
  func start(_ month: CalendarMonth) -> Instant {
    dayStart(year: month.number / 100, month: month.number % 100, day: 1)
  }

  /// When the day of `at` began.
  package func dayStart(_ at: Instant) -> Instant {
    let offset = offsetMilliseconds(at)
    let midnight = floorDivide(at.milliseconds + offset, Self.dayMilliseconds) * Self.dayMilliseconds
    // The clock may have been changed between midnight and now.
    let guess = Instant(milliseconds: midnight - offset)
    return Instant(milliseconds: midnight - offsetMilliseconds(guess))
  }

  /// When the day after that of `at` begins.
  func dayEnd(_ at: Instant) -> Instant { dayStart(dayStart(at) + .hours(36)) }

  func isSameDay(_ a: Instant, _ b: Instant) -> Bool { dayStart(a) == dayStart(b) }

  /// The same time of day some calendar months later; where that month has no such day, on its last.
  func adding(months: Int, to at: Instant) -> Instant {
    let local = at.milliseconds + offsetMilliseconds(at)
    let timeOfDay = local - floorDivide(local, Self.dayMilliseconds) * Self.dayMilliseconds
    let from = civil(at)
    let month = from.year * 12 + (from.month - 1) + months
    let (year, monthOfYear) = (floorDivide(month, 12), month - floorDivide(month, 12) * 12 + 1)
    let day = min(from.day, Self.daysIn(month: monthOfYear, of: year))
    return instant(local: Self.days(year: year, month: monthOfYear, day: day) * Self.dayMilliseconds + timeOfDay)
  }

  /// When the wall shows this many minutes past midnight on the day of `at`.
  func time(minutes: Int, onDayOf at: Instant) -> Instant {
    let day = floorDivide(at.milliseconds + offsetMilliseconds(at), Self.dayMilliseconds)
    return instant(local: day * Self.dayMilliseconds + minutes * 60_000)
  }

  /// The first time after `at`, or at it, that the wall shows five minutes past midnight.
  func night(after at: Instant) -> Instant {
    let tonight = dayStart(at) + .minutes(5)
    return tonight >= at ? tonight : dayEnd(at) + .minutes(5)
  }

  /// When this day of this year begins; 29 February is the first of March where there is none.
  func dayStart(year: Int, month: Int, day: Int) -> Instant {
    instant(local: Self.days(year: year, month: month, day: day) * Self.dayMilliseconds)
  }

  private func instant(local: Int) -> Instant {
    let guess = Instant(milliseconds: local - offsetMilliseconds(Instant(milliseconds: local)))
    return min(Instant(milliseconds: local - offsetMilliseconds(guess)), .latest)
  }

  private static func daysIn(month: Int, of year: Int) -> Int {
    days(year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1)
      - days(year: year, month: month, day: 1)
  }

  /// Days since 1970; the other direction of `civil`, from the same source.
  private static func days(year: Int, month: Int, day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = floorDivide(y, 400)
    let yearOfEra = y - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static let dayMilliseconds = 86_400_000

  private func offsetMilliseconds(_ at: Instant) -> Int {
    (zone?.secondsFromGMT(for: Date(timeIntervalSince1970: Double(at.milliseconds) / 1_000)) ?? 0) * 1_000
  }
}

/// A month as the clinic's wall shows it.
struct CalendarMonth: Comparable, Hashable {
  /// `202602`
  var number: Int

  func adding(_ months: Int) -> CalendarMonth {
    let index = number / 100 * 12 + number % 100 - 1 + months
    return CalendarMonth(number: floorDivide(index, 12) * 100 + index - floorDivide(index, 12) * 12 + 1)
  }

  static func < (a: CalendarMonth, b: CalendarMonth) -> Bool { a.number < b.number }
}

private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

func floorDivide(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }

extension Draft {
  func clinic() throws -> Clinic {
    guard let clinic = try row(Clinic.self, clinicID) else {
      throw Refusal(.notFound, "There is no such clinic.", details: ["clinic": .id(clinicID)])
    }
    return clinic
  }

  func calendar() throws -> ClinicCalendar { ClinicCalendar(timezone: try clinic().timezone) }
}

extension Clinic {
  /// The language that what belongs to nobody in particular is written in.
  var language: Language { settings["language"]?.string.flatMap(Language.init(rawValue:)) ?? .th }
}

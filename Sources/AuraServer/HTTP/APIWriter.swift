import AuraDomain

/// Prints what the house keeps as the original's clients read it: times as ISO 8601 in UTC, money as baht with two
/// decimals. Which is which, its name says: `…_st` and `…St` are satang, `…_at`, `…Until` and their like are times.
///
///     {"amount_st": 500000, "due_date": 1770004800000}  →  {"amount": 5000.00, "due_date": "2026-02-02T04:00:00.000Z"}
///
/// What people or other programs have put in (`metadata`, `scan_results` …) is printed as it came.
enum APIWriter {
  static func write(_ value: JSON, into writer: inout JSONWriter) {
    switch value {
    case .null, .bool, .integer, .real, .string: writer.value(value)
    case .array(let values):
      writer.beginArray()
      for element in values { write(element, into: &writer) }
      writer.endArray()
    case .object(let object):
      writer.beginObject()
      for member in object.members { write(member, into: &writer) }
      writer.endObject()
    }
  }

  static func write(_ member: JSONObject.Member, into writer: inout JSONWriter) {
    let (name, value) = (member.name, member.value)
    if opaque.contains(name) {
      writer.name(escaping: name)
      return writer.value(value)
    }
    if let plain = withoutSatang(name) {
      switch value {
      case .integer(let satang):
        writer.name(escaping: plain)
        return writer.verbatim(baht(satang).utf8)
      case .null:
        writer.name(escaping: plain)
        return writer.null()
      case .bool, .real, .string, .array, .object: break
      }
    }
    writer.name(escaping: name)
    if case .integer(let milliseconds) = value, milliseconds >= timeMin, isTime(name) {
      return writer.string(Instant(milliseconds: milliseconds).iso8601)
    }
    write(value, into: &writer)
  }

  /// `5000.00`, exact whatever the sum.
  static func baht(_ satang: Int) -> String {
    let (whole, rest) = satang.magnitude.quotientAndRemainder(dividingBy: 100)
    return (satang < 0 ? "-" : "") + "\(whole)." + (rest < 10 ? "0\(rest)" : "\(rest)")
  }

  private static let opaque: Set<String> = [
    "metadata", "task_data", "scan_results", "checklist", "conditions", "personalized_content", "response",
  ]

  private static func withoutSatang(_ name: String) -> String? {
    if name.hasSuffix("_st") { return String(name.dropLast(3)) }
    if name.hasSuffix("St") { return String(name.dropLast(2)) }
    return nil
  }

  /// Counts that happen to have a time's name are smaller than any time since 1973.
  private static let timeMin = 100_000_000_000

  private static let times: Set<String> = ["at", "by", "since", "earliest", "last_visit", "lastVisit", "now"]
  private static let timeEndings = [
    "_at", "At", "_start", "Start", "_end", "End", "_until", "Until", "_from", "From", "_date", "Date", "_time", "Time",
  ]

  private static func isTime(_ name: String) -> Bool {
    times.contains(name) || timeEndings.contains { name.hasSuffix($0) }
  }
}

extension Instant {
  /// Reads RFC 3339: `2026-02-02T11:00:00+07:00`, a fraction and `Z` allowed; a zone is needed. `nil` for anything else
  /// and for what is before 1970 or after 9999.
  init?(iso8601 text: String) {
    var scanner = TimeScanner(text)
    guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2), scanner.take("-"),
      let day = scanner.number(2), scanner.take("T", "t", " "), let hour = scanner.number(2), scanner.take(":"),
      let minute = scanner.number(2), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60
    else { return nil }
    var (second, thousandths) = (0, 0)
    if scanner.take(":") {
      guard let whole = scanner.number(2), whole < 60 else { return nil }
      second = whole
      if scanner.take(".") {
        guard let fraction = scanner.thousandths() else { return nil }
        thousandths = fraction
      }
    }
    var offset = 0
    if !scanner.take("Z", "z") {
      let sign: Int
      if scanner.take("+") { sign = 1 } else if scanner.take("-") { sign = -1 } else { return nil }
      guard let hours = scanner.number(2), scanner.take(":"), let minutes = scanner.number(2), hours < 24, minutes < 60
      else { return nil }
      offset = sign * (hours * 60 + minutes)
    }
    guard scanner.isAtEnd, let days = Self.days(year: year, month: month, day: day) else { return nil }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset * 60
    let milliseconds = seconds * 1_000 + thousandths
    guard (0...Instant.latest.milliseconds).contains(milliseconds) else { return nil }
    self.init(milliseconds: milliseconds)
  }

  /// Days since 1970-01-01; `nil` for a day that its month does not have.
  private static func days(year: Int, month: Int, day: Int) -> Int? {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard day <= lengths[month - 1] else { return nil }
    let before = year - 1
    let leapDays = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400)
    return (year - 1970) * 365 + leapDays + lengths[..<(month - 1)].reduce(0, +) + day - 1
  }
}

private struct TimeScanner {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func take(_ characters: Unicode.Scalar...) -> Bool {
    guard let first = rest.first, characters.contains(Unicode.Scalar(first)) else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(_ digits: Int) -> Int? {
    var value = 0
    for _ in 0..<digits {
      guard let byte = rest.first, (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 0x30)
      rest.removeFirst()
    }
    return value
  }

  /// A fraction of a second; what is finer is cut.
  mutating func thousandths() -> Int? {
    var (value, count) = (0, 0)
    while let digit = number(1) {
      count += 1
      if count <= 3 { value = value * 10 + digit }
    }
    guard (1...12).contains(count) else { return nil }
    for _ in count..<max(3, count) { value *= 10 }
    return value
  }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Stored, sent and compared as that integer.
package struct Instant: Hashable, Sendable, Comparable {
  package var milliseconds: Int

  package init(milliseconds: Int) { self.milliseconds = milliseconds }

  package static func < (a: Instant, b: Instant) -> Bool { a.milliseconds < b.milliseconds }
  package static func + (a: Instant, b: Span) -> Instant { Instant(milliseconds: a.milliseconds + b.milliseconds) }
  package static func - (a: Instant, b: Span) -> Instant { Instant(milliseconds: a.milliseconds - b.milliseconds) }
  package static func - (a: Instant, b: Instant) -> Span { Span(milliseconds: a.milliseconds - b.milliseconds) }

  /// The last moment that the wire and the schema accept (9999-12-31): arithmetic on anything below it cannot overflow.
  package static let latest = Instant(milliseconds: 253_402_300_799_000)
}

/// A length of time in milliseconds; negative when it points back.
package struct Span: Hashable, Sendable, Comparable {
  package var milliseconds: Int

  package init(milliseconds: Int) { self.milliseconds = milliseconds }
  package static func seconds(_ n: Int) -> Span { Span(milliseconds: n * 1_000) }
  package static func minutes(_ n: Int) -> Span { .seconds(n * 60) }
  package static func hours(_ n: Int) -> Span { .minutes(n * 60) }
  package static func days(_ n: Int) -> Span { .hours(n * 24) }
  package static func < (a: Span, b: Span) -> Bool { a.milliseconds < b.milliseconds }
}

/// When to try again: anywhere between at once and a bound that doubles («full jitter»), so that the clients of a server
/// that comes back do not come at the same moment.
package struct Backoff: Sendable {
  package var firstMilliseconds = 500
  package var maxMilliseconds = 30_000
  private var failures = 0

  package init() {}

  package mutating func succeeded() { failures = 0 }

  package mutating func nextMilliseconds(using random: inout some RandomNumberGenerator) -> Int {
    let bound = min(maxMilliseconds, firstMilliseconds << min(failures, 16))
    failures += 1
    return Int.random(in: 0...bound, using: &random)
  }
}

/// What a client does after a close (protocol.md, close codes).
package enum Comeback: Equatable, Sendable {
  /// The fault is its own: it stays away.
  case never
  case atOnce
  case later

  package static func after(closeCode: UInt16) -> Comeback {
    switch closeCode {
    case 4000..<4100, 1003, 1007, 1009: .never
    case 4200..<4300: .atOnce
    default: .later
    }
  }
}

/// How often somebody may name a code that is not one: a value with the time as an argument, no thread of its own.
///
/// A refusal leaves nothing in the database, so that tries are counted where commands come in: one is taken before a
/// command with a code is decided, and given back unless the answer was `coupon_unavailable` without a `reason`, which
/// is what a wrong code and another customer's get. Ten, and one more each minute: 8.5 × 10¹¹ codes are out of reach.
package struct CodeGuesses: Sendable {
  package static let burst = 10
  package static let interval = Span.minutes(1)
  /// Callers kept; beyond them those who wait longest are forgotten last.
  package static let entriesMax = 20_000

  private struct Caller: Hashable {
    var clinic: ID
    var user: ID
  }

  /// When a caller has all tries again. One who has need not be kept.
  private var fullAt: [Caller: Instant] = [:]

  package init() {}

  /// Takes a try, or tells how long there is none.
  package mutating func take(clinic: ID, user: ID, now: Instant) -> Span? {
    let caller = Caller(clinic: clinic, user: user)
    let full = max(fullAt[caller] ?? now, now)
    let free = full - Span(milliseconds: Self.interval.milliseconds * (Self.burst - 1))
    if free > now { return free - now }
    if fullAt[caller] == nil && fullAt.count >= Self.entriesMax { forget(now: now) }
    fullAt[caller] = full + Self.interval
    return nil
  }

  /// The code was one, or it was not looked up.
  package mutating func giveBack(clinic: ID, user: ID) {
    let caller = Caller(clinic: clinic, user: user)
    guard let full = fullAt[caller] else { return }
    fullAt[caller] = full - Self.interval
  }

  private mutating func forget(now: Instant) {
    fullAt = fullAt.filter { $0.value > now }
    if fullAt.count >= Self.entriesMax, let soonest = fullAt.min(by: { $0.value < $1.value })?.key {
      fullAt[soonest] = nil
    }
  }
}

extension Refusal {
  /// Whether a code was named that is none, or another customer's; or an address that nobody here has an account by.
  package var isWrongCode: Bool {
    switch code {
    case .couponUnavailable: details["reason"] == nil
    case .notFound: details["path"] == "args.email"
    default: false
    }
  }
}

extension Command {
  /// Whether it names a code that could be a guess.
  package var namesCode: Bool {
    switch self {
    case .applyCoupon: true
    case .linkCustomer(let command): if case .email = command.account { true } else { false }
    case .confirmPayment(let command): command.couponCode != nil
    case .transition(let command): command.candidates.contains { (try? $0.command.get())?.namesCode ?? false }
    default: false
    }
  }
}

import AuraDomain
import Synchronization

/// Counts guessed codes over all loops: a guesser with many connections has one count.
final class GuessGate: Sendable {
  private let guesses = Mutex(CodeGuesses())

  /// Takes a try, or tells how long there is none.
  func take(clinic: ID, user: ID, now: Instant) -> Span? {
    guesses.withLock { $0.take(clinic: clinic, user: user, now: now) }
  }

  func giveBack(clinic: ID, user: ID) { guesses.withLock { $0.giveBack(clinic: clinic, user: user) } }
}

import AuraMetrics
import Synchronization

/// What a store has done so far. The writer counts, any thread reads.
package final class StoreCounts: Sendable {
  package struct CommandOutcome: Hashable, Sendable {
    package var name: String
    /// `ok`, `duplicate`, or the code of a refusal.
    package var outcome: String
  }

  /// Commands of every origin but timers, by what became of them.
  package let commands = CounterFamily<CommandOutcome>()
  /// Timers by `fired`, or the code of a refusal.
  package let timers = CounterFamily<String>()
  /// How late timers were when their transaction began.
  package let timerLag = Histogram(
    .seconds,
    bounds: [
      10_000_000, 50_000_000, 100_000_000, 500_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000, 60_000_000_000,
      300_000_000_000, 3_600_000_000_000,
    ])
  /// A whole transaction that was committed: decisions, writes, the durable end.
  package let transactionSeconds = Histogram.latency()
  /// COMMIT alone: the pages written to the log and synced, and a checkpoint where one was due.
  package let durableSeconds = Histogram.latency()
  /// Commands, timers and other writes that shared one transaction.
  package let transactionRequests = Histogram(.plain, bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256])
  /// Commits of clinics: what subscribers see.
  package let commits = Counter()
  package let changes = Counter()
  /// Transactions of which nothing happened: a full disk, an error.
  package let abandoned = Counter()
  /// What found no room before the writer, or before the readers.
  package let refusedWrites = Counter()
  package let refusedReads = Counter()
  private let failing = Atomic<Bool>(false)

  package init() {}

  /// The last transaction could not be committed.
  package var isFailing: Bool { failing.load(ordering: .relaxed) }

  func committed(_ batch: Batch, requests: Int, startedAt: Int, endingAt: Int, endedAt: Int) {
    failing.store(false, ordering: .relaxed)
    transactionSeconds.observe(endedAt - startedAt)
    durableSeconds.observe(endedAt - endingAt)
    transactionRequests.observe(requests)
    commits.add(batch.commits.count)
    changes.add(batch.commits.reduce(0) { $0 + $1.changes.count })
  }

  func gaveUp() {
    failing.store(true, ordering: .relaxed)
    abandoned.add()
  }
}

/// The writer's own view of the counters by command, so that counting takes no lock.
struct CommandTally {
  private var counters: [StoreCounts.CommandOutcome: Counter] = [:]
  private var timers: [String: Counter] = [:]
  private let counts: StoreCounts

  init(_ counts: StoreCounts) { self.counts = counts }

  /// Counts what became of `jobs`, whose outcomes come first in the batch and in their order, and of the timers behind.
  mutating func add(_ jobs: [Writer.Job], _ batch: Batch) {
    var place = 0
    for job in jobs {
      guard case .command(let request) = job, place < batch.outcomes.count else { continue }
      add(request.command.name, Self.word(for: batch.outcomes[place].1))
      place += 1
    }
    for (_, outcome) in batch.outcomes[place...] { addTimer(Self.timerWord(for: outcome)) }
  }

  private mutating func add(_ name: String, _ outcome: String) {
    let key = StoreCounts.CommandOutcome(name: name, outcome: outcome)
    if let counter = counters[key] { return counter.add() }
    let counter = counts.commands.counter(key)
    counters[key] = counter
    counter.add()
  }

  private mutating func addTimer(_ outcome: String) {
    if let counter = timers[outcome] { return counter.add() }
    let counter = counts.timers.counter(outcome)
    timers[outcome] = counter
    counter.add()
  }

  private static func word(for outcome: Outcome) -> String {
    if outcome.duplicate { return "duplicate" }
    return switch outcome.result {
    case .success: "ok"
    case .failure(let refusal): refusal.code.rawValue
    }
  }

  private static func timerWord(for outcome: Outcome) -> String {
    switch outcome.result {
    case .success: "fired"
    case .failure(let refusal): refusal.code.rawValue
    }
  }
}

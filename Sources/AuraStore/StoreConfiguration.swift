import AuraDomain
import Foundation

/// Where the store is and how much it takes. Every limit has a name here.
package struct StoreConfiguration: Sendable {
  package typealias Decide = @Sendable (Command, inout Draft) throws -> JSON

  /// The folder that holds the database; made if it is not there.
  package var directory: String
  package var clock: @Sendable () -> Instant
  /// The domain's rules; tests put their own here.
  package var decide: Decide
  package var makeIDs: @Sendable () -> IDGenerator = { IDGenerator() }
  /// Connections that read, each on its own thread.
  package var readers = 2
  /// Reads that may wait; more are answered `overloaded`.
  package var readsWaitingMax = 4_096
  /// Requests that may wait for the writer; more are not taken.
  package var mailboxMax = 16_384
  /// Requests in one transaction: what a disk's sync is shared by, and how long one may have to wait for the others.
  package var batchMax = 256
  /// Whether timers fire when they are due. Only a hub can do all that they ask for: it has gateways, and screens.
  package var firesTimers = true
  /// Timers fired in one transaction.
  package var timersPerBatchMax = 64
  /// How long a timer may be late when the clock jumps while the writer sleeps.
  package var idleSecondsMax = 5.0
  package var retention = Retention()
  package var counts = StoreCounts()
  /// Called on the writer's thread for what an operator should know: an unexpected error of a command, a full disk.
  package var report: @Sendable (String) -> Void = { _ in }
  /// Called on the writer's thread when a commit failed in a way that leaves open whether it is on disk. The store
  /// takes nothing from then on; the process should end.
  package var fatal: @Sendable (StoreFailure) -> Void = { _ in }

  package init(
    directory: String, clock: @escaping @Sendable () -> Instant = { .systemNow },
    decide: @escaping Decide = { try AuraDomain.decide($0, &$1) }
  ) {
    self.directory = directory
    self.clock = clock
    self.decide = decide
  }

  /// How long the past is kept.
  package struct Retention: Sendable {
    /// Keys and their outcomes; the protocol promises at least seven days.
    package var commands = Span.days(8)
    /// The change log, by age …
    package var changes = Span.days(14)
    /// … and by the number of commits of one clinic.
    package var changesPerClinicMax = 1_000_000
    /// Sessions, after they have expired or were revoked.
    package var sessions = Span.days(30)
    /// Rows deleted in one transaction.
    package var sliceRows = 500
    /// Time between two runs.
    package var interval = Span.minutes(1)

    package init() {}
  }
}

extension Instant {
  /// The system's clock.
  package static var systemNow: Instant {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Instant(milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
  }
}

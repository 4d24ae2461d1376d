import AuraSodium
import AuraThreads
import Synchronization

/// Checks and makes password hashes on threads of its own: one takes some 20 ms and 19 MiB, so neither a loop nor the
/// writer may wait for it, and only so many may be under way at once.
package final class Passwords: Sendable {
  package enum Verdict: Sendable, Equatable {
    case wrong
    /// Right; `rehash` is the hash to store instead when the old one was made at another cost.
    case right(rehash: String?)
  }

  /// The longest password taken, in bytes of UTF-8: long enough for a sentence.
  package static let bytesMax = 1_024

  private enum Job: Sendable {
    case check(password: String, hash: String?, then: @Sendable (Verdict) -> Void)
    case make(password: String, then: @Sendable (String?) -> Void)
  }

  private struct Lane: Sendable {
    var jobs: Mailbox<Job>
    var signal: Signal
    var thread: OwnedThread
  }

  private let lanes: [Lane]
  private let next = Atomic<Int>(0)
  private let isStopping: Flag

  private final class Flag: Sendable {
    let value = Atomic<Bool>(false)
  }

  /// - Parameter waitingMax: how many may wait for each thread; beyond it `check` and `make` refuse.
  package convenience init(threads: Int = 1, waitingMax: Int = 32) {
    self.init(threads: threads, waitingMax: waitingMax, cost: .standard)
  }

  init(threads: Int, waitingMax: Int, cost: Sodium.Cost) {
    let isStopping = Flag()
    self.isStopping = isStopping
    lanes = (0..<max(1, threads)).map { index in
      let signal = Signal()
      let jobs = Mailbox<Job>(capacity: waitingMax) { signal.raise() }
      let thread = OwnedThread(name: "passwords-\(index)") {
        // What an unknown address is checked against: the same work, never right.
        let decoy = Sodium.passwordHash("", cost: cost) ?? ""
        while true {
          let batch = jobs.takeAll()
          for job in batch { Self.carryOut(job, decoy: decoy, cost: cost) }
          if batch.isEmpty {
            if isStopping.value.load(ordering: .acquiring) { return }
            signal.wait()
          }
        }
      }
      return Lane(jobs: jobs, signal: signal, thread: thread)
    }
  }

  /// Checks a password against a stored hash, or, when there is none, against one that it cannot fit, so that the time
  /// does not tell whether the account exists. `false`: too many wait already, and `then` is not called.
  package func check(_ password: String, against hash: String?, then: @escaping @Sendable (Verdict) -> Void) -> Bool {
    offer(.check(password: password, hash: hash, then: then))
  }

  /// Makes the hash to store; `nil` when there is no memory for it.
  package func make(_ password: String, then: @escaping @Sendable (String?) -> Void) -> Bool {
    offer(.make(password: password, then: then))
  }

  /// Makes a hash on the calling thread: for the command line and the demo's seed.
  package static func hash(_ password: String) -> String? { Sodium.passwordHash(password, cost: .standard) }

  /// Refuses further work, finishes what waits and ends the threads.
  package func stop() {
    isStopping.value.store(true, ordering: .releasing)
    for lane in lanes {
      lane.jobs.close()
      lane.signal.raise()
    }
    for lane in lanes { lane.thread.join(seconds: 10) }
  }

  private func offer(_ job: Job) -> Bool {
    let first = next.wrappingAdd(1, ordering: .relaxed).oldValue
    for step in 0..<lanes.count {
      let index = Int((UInt(bitPattern: first) &+ UInt(step)) % UInt(lanes.count))
      if lanes[index].jobs.offer(job) { return true }
    }
    return false
  }

  private static func carryOut(_ job: Job, decoy: String, cost: Sodium.Cost) {
    switch job {
    case .make(let password, let then): then(Sodium.passwordHash(password, cost: cost))
    case .check(let password, let hash, let then):
      let fits = Sodium.isPassword(password, of: hash ?? decoy)
      guard let hash, fits else { return then(.wrong) }
      then(.right(rehash: Sodium.isOutdated(hash, cost: cost) ? Sodium.passwordHash(password, cost: cost) : nil))
    }
  }
}

import AuraDomain
import AuraSodium
import AuraStore
import AuraThreads
import Logging
import Synchronization

/// The store of a folder, opened by a command of the command line instead of a hub and used one step at a time: each
/// call waits until its commit is on disk. Its clock can be set, so that a demo's history lies in the past.
package final class DirectStore: Sendable {
  package struct Busy: Error, CustomStringConvertible {
    package let description = "The database does not answer: check the disk, then try again."
  }

  private final class Clock: Sendable {
    let fixed = Mutex<Instant?>(nil)
    var now: Instant { fixed.withLock { $0 } ?? .systemNow }
  }

  let store: Store
  private let clock = Clock()
  /// Steps are taken one at a time; the writer alone answers faster than this.
  private static let secondsMax = 30.0

  /// Opens the folder, and brings its schema to this release's. `now` is what time it is, until `setClock`.
  /// - Parameter firesTimers: for a history that is being made up; what is due in a clinic's own waits for its hub, since
  ///   nothing here would carry a message away.
  package init(directory: String, now: Instant? = nil, firesTimers: Bool = false) throws(StoreFailure) {
    let clock = clock
    clock.fixed.withLock { $0 = now }
    var configuration = StoreConfiguration(directory: directory, clock: { clock.now }, decide: decide)
    configuration.readers = 1
    configuration.firesTimers = firesTimers
    let log = Logger(label: "store")
    configuration.report = { log.error("\($0)") }
    store = try Store(configuration: configuration)
    store.start { batch in
      for (origin, outcome) in batch.outcomes {
        if case .call(let answer) = origin { answer(outcome) }
      }
    }
  }

  package func close() { store.stop(seconds: Self.secondsMax) }

  /// What time it is for what follows; `nil` is the system's clock.
  package func setClock(_ now: Instant?) { clock.fixed.withLock { $0 = now } }

  package func read<T: Sendable>(_ work: @escaping @Sendable (Reader) throws -> T) throws -> T {
    try Self.wait { answer in store.read(work) { answer($0.mapError { $0 }) } }
  }

  package func write<T: Sendable>(_ work: @escaping @Sendable (WriteTransaction) throws -> T) throws -> T {
    try Self.wait { answer in store.write(work, then: answer) }
  }

  /// Carries out a command as `user`; throws its `Refusal`. The same key again is the first outcome again.
  @discardableResult
  package func run(_ command: Command, clinic: ID, as user: ID, key: String) throws -> JSON {
    let outcome: Outcome = try Self.wait { answer in
      let request = CommandRequest(
        origin: .call { answer(.success($0)) }, clinic: clinic, user: user, key: key, command: command,
        digest: Sodium.digest(Array(key.utf8)))
      if !store.submit(request) { answer(.failure(StoreFailure.overloaded)) }
    }
    return try JSON.parse(outcome.result.get().result)
  }

  /// Starts something and waits for what it answers.
  static func wait<T: Sendable>(_ start: (@escaping @Sendable (Result<T, any Error>) -> Void) -> Void) throws -> T {
    let answer = Answer<T>()
    start { answer.give($0) }
    guard let result = answer.wait(seconds: secondsMax) else { throw Busy() }
    return try result.get()
  }
}

/// A result that one thread waits for and another gives.
private final class Answer<T: Sendable>: Sendable {
  private let result = Mutex<Result<T, any Error>?>(nil)
  private let given = AuraThreads.Signal()

  func give(_ value: Result<T, any Error>) {
    result.withLock { $0 = value }
    given.raise()
  }

  func wait(seconds: Double) -> Result<T, any Error>? {
    given.wait(seconds: seconds) ? result.withLock { $0 } : nil
  }
}

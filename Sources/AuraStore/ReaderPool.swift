import AuraDomain
import AuraThreads
import Dispatch
import Synchronization

/// Threads that read, each with a connection of its own, fed from one bounded queue.
final class ReaderPool: Sendable {
  /// Reads, and returns what is to be called once the transaction has ended.
  private typealias Work = @Sendable (Result<Reader, StoreFailure>) -> @Sendable () -> Void

  private struct State {
    var waiting: [Work] = []
    /// How many of `waiting` are taken already; they are cut off from time to time.
    var taken = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  private let available = DispatchSemaphore(value: 0)
  private let waitingMax: Int
  private let counts: StoreCounts
  private let threads = Mutex<[OwnedThread]>([])

  init(configuration: StoreConfiguration, epoch: String) throws(StoreFailure) {
    waitingMax = configuration.readsWaitingMax
    counts = configuration.counts
    for number in 0..<max(1, configuration.readers) {
      let queue = try SQLite.openReader(directory: configuration.directory, number: number)
      let thread = OwnedThread(name: "aura.reader.\(number)", stackBytes: 4 << 20) { [self] in
        let connection = SQLiteConnection(queue)
        while let work = next() { Self.run(work, connection, epoch, configuration.clock) }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  func read<T: Sendable>(
    _ work: @escaping @Sendable (Reader) throws -> T, then: @escaping @Sendable (Result<T, StoreFailure>) -> Void
  ) {
    let isTaken = offer { reader in
      let result: Result<T, StoreFailure> = reader.flatMap { reader in
        Result { try work(reader) }.mapError { StoreFailure(reading: $0) }
      }
      return { then(result) }
    }
    if !isTaken { counts.refusedReads.add() }
    if !isTaken { then(.failure(state.withLock { $0.isClosed } ? .stopped : .overloaded)) }
  }

  var waiting: Int { state.withLock { $0.waiting.count - $0.taken } }

  func stop(seconds: Double) -> Bool {
    state.withLock { $0.isClosed = true }
    let threads = threads.withLock { $0 }
    for _ in threads { available.signal() }
    return threads.reduce(true) { $1.join(seconds: seconds) && $0 }
  }

  private func offer(_ work: @escaping Work) -> Bool {
    let isTaken = state.withLock { state in
      guard !state.isClosed, state.waiting.count - state.taken < waitingMax else { return false }
      state.waiting.append(work)
      return true
    }
    if isTaken { available.signal() }
    return isTaken
  }

  /// The next piece of work; `nil` when the pool is closed and nothing waits.
  private func next() -> Work? {
    while true {
      available.wait()
      let (work, isClosed) = state.withLock { state -> (Work?, Bool) in
        guard state.taken < state.waiting.count else { return (nil, state.isClosed) }
        let work = state.waiting[state.taken]
        state.taken += 1
        if state.taken == state.waiting.count || state.taken >= 256 {
          state.waiting.removeFirst(state.taken)
          state.taken = 0
        }
        return (work, state.isClosed)
      }
      if let work { return work }
      if isClosed { return nil }
    }
  }

  private static let begin: SQL = "BEGIN"

  private static func run(
    _ work: Work, _ connection: SQLiteConnection, _ epoch: String, _ clock: @Sendable () -> Instant
  ) {
    let answer = connection.use { session -> @Sendable () -> Void in
      do {
        try session.execute(begin)
      } catch {
        return work(.failure(StoreFailure(reading: error)))
      }
      let answer = work(.success(Reader(session: session, epoch: epoch, now: clock())))
      // Nothing was written: what matters is only that the transaction ends.
      _ = try? session.execute(SQLSession.rollback)
      return answer
    }
    answer()
  }
}

extension StoreFailure {
  init(reading error: any Error) {
    switch error {
    case let failure as StoreFailure: self = failure
    case let failure as SQLFailure: self = .engine(failure)
    default: self = .engine(SQLFailure(kind: .other, code: 0, message: "\(error)"))
    }
  }
}

import AuraDomain
import AuraThreads
import GRDB
import Synchronization

/// The durable state of all clinics: one thread that writes, a few that read, a bounded queue before each.
package final class Store: Sendable {
  package let configuration: StoreConfiguration
  /// Changes when the log's past can no longer be trusted, as after a restore.
  package let epoch: String

  private let lock: Mutex<FolderLock?>
  private let mailbox: Mailbox<Writer.Job>
  private let wake: AuraThreads.Signal
  private let readers: ReaderPool
  private let writing: Mutex<Writing>

  private enum Writing {
    /// Opened, not started: the connection waits for its thread.
    case ready(DatabaseQueue)
    case running(OwnedThread)
    case stopped
  }

  /// Opens the folder, made if need be, and brings the schema to this program's version.
  package init(configuration: StoreConfiguration) throws(StoreFailure) {
    self.configuration = configuration
    try SQLite.makeFolder(configuration.directory)
    let lock = try FolderLock(directory: configuration.directory)
    self.lock = Mutex(lock)
    let queue = try SQLite.openWriter(directory: configuration.directory)
    epoch = try Store.prepare(queue, now: configuration.clock())
    let wake = AuraThreads.Signal()
    self.wake = wake
    mailbox = Mailbox(capacity: configuration.mailboxMax) { wake.raise() }
    readers = try ReaderPool(configuration: configuration, epoch: epoch)
    writing = Mutex(.ready(queue))
  }

  static func prepare(_ queue: DatabaseQueue, now: Instant) throws(StoreFailure) -> String {
    do {
      let connection = SQLiteConnection(queue)
      try Schema.migrate(connection, now: now, epoch: ChangeLog.freshEpoch())
      try Schema.verify(connection)
      if try connection.use({ try Backup.markedAt($0) }) != nil { throw StoreFailure.isBackup(path: queue.path) }
      return try connection.use { try ChangeLog.epoch($0) }
    } catch let failure as StoreFailure {
      throw failure
    } catch let failure as SQLFailure {
      throw .engine(failure)
    } catch {
      throw .engine(SQLFailure(kind: .other, code: 0, message: "\(error)"))
    }
  }

  /// Starts the writer. `publish` is called on its thread with each batch, after the durable commit and never before.
  package func start(publish: @escaping @Sendable (Batch) -> Void) {
    writing.withLock { writing in
      guard case .ready(let queue) = writing else { return }
      let (configuration, mailbox, wake) = (configuration, mailbox, wake)
      writing = .running(
        OwnedThread(name: "aura.writer", stackBytes: 4 << 20) {
          WriterLoop.run(queue, configuration, mailbox, wake, publish)
        })
    }
  }

  /// Hands a command to the writer; `false` when too many wait already.
  package func submit(_ request: CommandRequest) -> Bool {
    let isTaken = mailbox.offer(.command(request))
    if !isTaken { configuration.counts.refusedWrites.add() }
    return isTaken
  }

  /// Runs `work` on the writer, in the same transactions as the commands. `then` is called on the writer's thread,
  /// after the commit and after `publish`; with `overloaded` at once, on the caller's, when too much waits.
  package func write<T: Sendable>(
    _ work: @escaping @Sendable (WriteTransaction) throws -> T,
    then: @escaping @Sendable (Result<T, any Error>) -> Void
  ) {
    let job = Writer.WriteJob(
      run: { scope in
        let value = try work(scope)
        return { then(.success(value)) }
      },
      failed: { then(.failure($0)) })
    if !mailbox.offer(.write(job)) {
      configuration.counts.refusedWrites.add()
      then(.failure(mailbox.isClosed ? StoreFailure.stopped : .overloaded))
    }
  }

  /// Runs `work` on a reader's thread in one read transaction; `then` is called on that thread, or with `overloaded` at
  /// once on the caller's.
  package func read<T: Sendable>(
    _ work: @escaping @Sendable (Reader) throws -> T, then: @escaping @Sendable (Result<T, StoreFailure>) -> Void
  ) {
    readers.read(work, then: then)
  }

  /// Requests that wait for the writer, and reads that wait for a reader.
  package var waiting: (writes: Int, reads: Int) { (mailbox.count, readers.waiting) }

  /// Bytes of the database, and of its write-ahead log.
  package var fileBytes: (database: Int, log: Int) {
    let path = configuration.directory + "/" + SQLite.fileName
    return (SQLite.bytes(ofFile: path), SQLite.bytes(ofFile: path + "-wal"))
  }

  /// Takes nothing more, finishes what was taken, closes. `false` when a thread did not end within `seconds`.
  @discardableResult
  package func stop(seconds: Double = 10) -> Bool {
    // The readers first: the last connection to close is the one that may checkpoint.
    var isClean = readers.stop(seconds: seconds)
    mailbox.close()
    let running = writing.withLock { writing -> OwnedThread? in
      defer { writing = .stopped }
      if case .running(let thread) = writing { return thread }
      return nil
    }
    if let running, !running.join(seconds: seconds) { isClean = false }
    if isClean { lock.withLock { $0 = nil } }
    return isClean
  }
}

/// The writer's thread: waits, works, publishes.
private enum WriterLoop {
  static func run(
    _ queue: DatabaseQueue, _ configuration: StoreConfiguration, _ mailbox: Mailbox<Writer.Job>,
    _ wake: AuraThreads.Signal, _ publish: (Batch) -> Void
  ) {
    let writer: Writer
    do {
      writer = try Writer(connection: SQLiteConnection(queue), configuration: configuration)
    } catch {
      configuration.fatal(.failed(reason: "\(error)"))
      return
    }
    var retention = RetentionJob(configuration.retention)
    var tally = CommandTally(configuration.counts)
    while true {
      let isLast = mailbox.isClosed
      let jobs = mailbox.takeAll()
      var start = 0
      while start < jobs.count {
        let end = min(jobs.count, start + configuration.batchMax)
        let part = Array(jobs[start..<end])
        let batch = writer.process(part)
        tally.add(part, batch)
        finish(batch, publish)
        start = end
      }
      if isLast, jobs.isEmpty { return }
      let now = configuration.clock()
      if !jobs.isEmpty, !retention.isOverdue(now) { continue }
      if let due = writer.nextDue, due <= now, writer.failure == nil {
        let batch = writer.process([])
        tally.add([], batch)
        finish(batch, publish)
        continue
      }
      if writer.hasErasures, writer.failure == nil {
        writer.hasErasures = forget(writer, now, configuration, publish)
        continue
      }
      if retention.due(now) <= now, writer.failure == nil {
        do {
          try writer.connection.use { try retention.slice($0, now: now) }
          continue
        } catch {
          retention.giveUp(now)
          configuration.report("old entries could not be deleted: \(error)")
        }
      }
      let next = min(writer.nextDue ?? .latest, retention.due(now))
      let seconds = Double(max(1, (next - now).milliseconds)) / 1_000
      wake.wait(seconds: min(seconds, configuration.idleSecondsMax))
    }
  }

  /// One slice of forgetting; whether there may be another.
  private static func forget(
    _ writer: Writer, _ now: Instant, _ configuration: StoreConfiguration, _ publish: (Batch) -> Void
  ) -> Bool {
    do {
      switch try writer.connection.use({ try Erasure.slice($0, now: now) }) {
      case .nothing: return false
      case .more: return true
      case .finished(let clinic):
        var batch = Batch()
        batch.signals.append(.logRewritten(clinic: clinic))
        finish(batch, publish)
        return true
      }
    } catch {
      // It is open still, and is taken up at the next request or start.
      configuration.report("somebody could not be forgotten in the log yet: \(error)")
      return false
    }
  }

  private static func finish(_ batch: Batch, _ publish: (Batch) -> Void) {
    if !batch.isEmpty { publish(batch) }
    for completion in batch.completions { completion() }
  }
}

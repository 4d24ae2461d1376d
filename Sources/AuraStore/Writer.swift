import AuraDomain
import AuraMetrics

/// The writer's core: takes requests, makes one durable transaction of them, says what came of it. Synchronous and
/// without a thread of its own; it stays on the thread that made it.
package final class Writer {
  /// A request in the writer's mailbox.
  enum Job: Sendable {
    case command(CommandRequest)
    case write(WriteJob)
  }

  /// Work of accounts, sessions and seeds: run in a savepoint, answered after the commit.
  struct WriteJob: Sendable {
    var run: @Sendable (WriteTransaction) throws -> @Sendable () -> Void
    var failed: @Sendable (any Error) -> Void
  }

  let connection: SQLiteConnection
  let configuration: StoreConfiguration
  package let epoch: String
  /// Set by a commit of which nobody can say whether it is on disk; nothing is taken afterwards.
  package private(set) var failure: StoreFailure?
  /// When the next timer is to be fired; `nil` when none is planned.
  var nextDue: Instant?
  var ids: IDGenerator
  /// Whether there may be somebody to forget: looked for at the start, and behind each request to.
  var hasErasures = true
  /// Runs the COMMIT; tests make it fail.
  var commit: (SQLSession) throws -> Void = { try $0.execute(SQLSession.commit) }
  private var isInSavepoint = false
  /// When a refusal at the door was last written to the audit, by user: one entry a minute is enough.
  private var deniedAt: [ID: Instant] = [:]

  private static let savepoint: SQL = "SAVEPOINT request"
  private static let release: SQL = "RELEASE request"
  private static let undo: SQL = "ROLLBACK TO request"

  init(connection: SQLiteConnection, configuration: StoreConfiguration) throws {
    self.connection = connection
    self.configuration = configuration
    self.ids = configuration.makeIDs()
    let firesTimers = configuration.firesTimers
    (epoch, nextDue) = try connection.use { session in
      (try ChangeLog.epoch(session), firesTimers ? try Timers.nextDue(session) : nil)
    }
  }

  /// Carries out the requests in their order, and the timers that are due behind them, in one transaction. What comes
  /// back is durable, or says for each request that nothing happened.
  func process(_ jobs: [Job]) -> Batch {
    if let failure { return refuseAll(jobs, failure) }
    let now = configuration.clock()
    if jobs.isEmpty, nextDue.map({ $0 > now }) ?? true { return Batch() }
    return connection.use { session in
      let startedAt = Stopwatch.nanoseconds()
      var work = Work(now: now)
      isInSavepoint = false
      do {
        try session.execute(SQLSession.begin)
        for job in jobs { try carryOut(job, session, &work) }
        if let due = nextDue, due <= now { try fireTimers(session, &work) }
        for (clinic, seq) in work.heads where work.moved.contains(clinic) {
          try ChangeLog.setHead(session, clinic: clinic, seq: seq)
        }
      } catch {
        if connection.isInTransaction { _ = try? session.execute(SQLSession.rollback) }
        return abandon(jobs, session, because: error)
      }
      let endingAt = Stopwatch.nanoseconds()
      do {
        try commit(session)
      } catch {
        return commitFailed(jobs, session, error)
      }
      let endedAt = Stopwatch.nanoseconds()
      configuration.counts.committed(
        work.batch, requests: jobs.count + work.timers, startedAt: startedAt, endingAt: endingAt, endedAt: endedAt)
      work.batch.durableAt = endedAt
      if work.hasErasure { hasErasures = true }
      if configuration.firesTimers, let planned = work.planned { nextDue = min(nextDue ?? planned, planned) }
      return work.batch
    }
  }

  /// What a transaction has gathered so far.
  struct Work {
    let now: Instant
    var batch = Batch()
    /// The clinics' last commits, as far as they were asked for, and those that moved.
    var heads: [ID: Int] = [:]
    var moved: Set<ID> = []
    /// Timers that were due.
    var timers = 0
    /// Whether it asks for somebody to be forgotten.
    var hasErasure = false
    /// The earliest timer planned by this transaction.
    var planned: Instant?

    init(now: Instant) { self.now = now }

    mutating func head(_ session: SQLSession, _ clinic: ID) throws -> Int {
      if let seq = heads[clinic] { return seq }
      let seq = try ChangeLog.head(session, clinic: clinic)
      heads[clinic] = seq
      return seq
    }
  }

  private func carryOut(_ job: Job, _ session: SQLSession, _ work: inout Work) throws {
    switch job {
    case .command(let request):
      let outcome = try outcome(of: request, session, &work)
      work.batch.outcomes.append((request.origin, outcome))
    case .write(let job): try write(job, session, &work)
    }
  }

  // MARK: A command

  private func outcome(of request: CommandRequest, _ session: SQLSession, _ work: inout Work) throws -> Outcome {
    do {
      if let known = try CommandKeys.outcome(session, request, epoch: epoch) { return known }
      let actor: Actor
      do {
        actor = try Rights.actor(session, user: request.user, clinic: request.clinic, reason: request.reason)
      } catch let refusal as Refusal {
        // Not remembered: nothing was decided, and who is let in later may send the same key.
        try auditDenied(session, request, work.now)
        return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
      }
      if actor.isSuperAdmin {
        try Audit.append(
          session, at: work.now, clinic: request.clinic, user: request.user, kind: "super_admin_command",
          detail: [
            "command": .string(request.command.name), "key": .string(request.key),
            "reason": .string(request.reason ?? ""),
          ])
      }
      try open(session)
      do {
        // Who may not do it learns nothing about the rows that they name.
        if let deed = request.command.deed {
          try actor.permit(deed, reason: request.command.reason ?? request.reason)
        }
        try Expectations.check(session, request, actor)
        let accepted = try apply(request, actor, session, &work)
        try close(session)
        return Outcome(key: request.key, duplicate: false, result: .success(accepted))
      } catch let refusal as Refusal where !refusal.code.isTemporary {
        try undo(session)
        try CommandKeys.remember(session, request, at: work.now, .failure(refusal))
        return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
      }
    } catch {
      try keepGoing(after: error, session)
      configuration.report("command \(request.command.name) in clinic \(request.clinic) failed: \(error)")
      let refusal = error as? Refusal ?? Refusal(.internal, "Something went wrong here; nothing happened.")
      return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
    }
  }

  private func apply(
    _ request: CommandRequest, _ actor: Actor, _ session: SQLSession, _ work: inout Work
  ) throws -> Outcome.Accepted {
    let head = try work.head(session, request.clinic)
    var draft = Draft(
      rows: StoredRows(session: session, clinicID: request.clinic), actor: actor, now: work.now, seq: head + 1,
      commandKey: request.key, ids: ids)
    draft.reason = request.reason
    defer { ids = draft.ids }
    let command = try request.setting?.prepare(request.command, draft) ?? request.command
    var result = try configuration.decide(command, &draft)
    if let setting = request.setting { result = try setting.answer(result, &draft) }
    var effects = Effects(clinic: request.clinic, user: request.user, now: work.now)
    try effects.apply(draft.changes, session)
    var writer = JSONWriter(capacity: 64)
    writer.value(result)
    let isChanged = !effects.rows.isEmpty
    let accepted = Outcome.Accepted(epoch: epoch, seq: isChanged ? head + 1 : head, result: writer.bytes)
    let commit = Commit(
      clinic: request.clinic, seq: head + 1, at: work.now, cause: ChangeLog.cause(request), changes: effects.rows)
    if isChanged { try ChangeLog.append(session, commit) }
    if case .timer = request.origin {
    } else {
      try CommandKeys.remember(session, request, at: work.now, .success(accepted))
    }
    // From here nothing throws: what the savepoint could still undo is not in `work` yet.
    if isChanged { work.add(commit) }
    work.add(effects)
    return accepted
  }

  private func auditDenied(_ session: SQLSession, _ request: CommandRequest, _ now: Instant) throws {
    guard let user = request.user else { return }
    if let last = deniedAt[user], now >= last, now - last < .minutes(1) { return }
    if deniedAt.count >= 1_024 { deniedAt.removeAll() }
    deniedAt[user] = now
    try Audit.append(
      session, at: now, clinic: request.clinic, user: user, kind: "denied",
      detail: ["command": .string(request.command.name)])
  }

  // MARK: Other writes

  private func write(_ job: WriteJob, _ session: SQLSession, _ work: inout Work) throws {
    let scope = WriteTransaction(session: session, work: work, ids: ids)
    do {
      try open(session)
      let completion = try job.run(scope)
      try close(session)
      work = scope.work
      work.batch.completions.append(completion)
    } catch {
      try keepGoing(after: error, session)
      work.batch.completions.append { job.failed(error) }
    }
    ids = scope.ids
  }

  // MARK: Timers

  private func fireTimers(_ session: SQLSession, _ work: inout Work) throws {
    let due = try Timers.due(session, at: work.now, limit: configuration.timersPerBatchMax)
    for (clinic, dedupe) in due.unreadable {
      configuration.report("timer \(dedupe) in clinic \(clinic) cannot be read")
      try Timers.setAside(session, clinic: clinic, dedupe: dedupe, now: work.now)
    }
    work.timers = due.timers.count
    for timer in due.timers {
      configuration.counts.timerLag.observe(max(0, (work.now - timer.planned.due).milliseconds) * 1_000_000)
      let request = CommandRequest(
        origin: .timer, clinic: timer.clinic, user: nil,
        key: "timer:\(timer.planned.dedupe)@\(timer.planned.due.milliseconds)",
        command: .fire(timer.planned), digest: [])
      let outcome = try fire(request, timer, session, &work)
      work.batch.outcomes.append((.timer, outcome))
    }
    nextDue = try Timers.nextDue(session)
  }

  /// The timer's row goes in the savepoint that has its effect. A refusal is an answer too; only what went wrong
  /// unexpectedly is tried again, later each time.
  private func fire(
    _ request: CommandRequest, _ timer: Timers.Stored, _ session: SQLSession, _ work: inout Work
  ) throws -> Outcome {
    do {
      let actor: Actor
      do {
        actor = try Rights.actor(session, user: nil, clinic: timer.clinic, reason: nil)
      } catch let refusal as Refusal {
        // The clinic rests; its timers are there when it wakes.
        try Timers.postpone(session, timer, now: work.now)
        return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
      }
      try open(session)
      try Timers.cancel(session, clinic: timer.clinic, dedupe: timer.planned.dedupe)
      do {
        let accepted = try apply(request, actor, session, &work)
        try close(session)
        return Outcome(key: request.key, duplicate: false, result: .success(accepted))
      } catch let refusal as Refusal where !refusal.code.isTemporary {
        try undo(session)
        try Timers.cancel(session, clinic: timer.clinic, dedupe: timer.planned.dedupe)
        configuration.report("timer \(timer.planned.dedupe) in clinic \(timer.clinic) was refused: \(refusal.message)")
        return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
      }
    } catch {
      try keepGoing(after: error, session)
      configuration.report("timer \(timer.planned.dedupe) in clinic \(timer.clinic) failed: \(error)")
      try Timers.postpone(session, timer, now: work.now)
      let refusal = error as? Refusal ?? Refusal(.internal, "The timer will be tried again.")
      return Outcome(key: request.key, duplicate: false, result: .failure(refusal))
    }
  }

  // MARK: When it goes wrong

  private func open(_ session: SQLSession) throws {
    try session.execute(Self.savepoint)
    isInSavepoint = true
  }

  /// What a request has gathered is already among the batch's results: when its savepoint cannot be closed, the whole
  /// transaction is given up.
  private func close(_ session: SQLSession) throws {
    do {
      try session.execute(Self.release)
    } catch {
      throw SQLFailure(kind: .environment, code: 0, message: "a savepoint cannot be closed: \(error)")
    }
    isInSavepoint = false
  }

  private func undo(_ session: SQLSession) throws {
    try session.execute(Self.undo)
    try close(session)
  }

  /// Undoes one request so that the others go on; throws `error` again when the whole transaction is lost.
  private func keepGoing(after error: any Error, _ session: SQLSession) throws {
    if let failure = error as? SQLFailure, failure.kind == .full || failure.kind == .environment { throw failure }
    guard connection.isInTransaction else { throw error }
    if isInSavepoint { try undo(session) }
  }

  /// Nothing was committed: everyone is told so, and the next batch tries anew.
  private func abandon(_ jobs: [Job], _ session: SQLSession, because error: any Error) -> Batch {
    nextDue = configuration.firesTimers ? (try? Timers.nextDue(session)) ?? nil : nil
    // A disk that is full now will still be in a moment: the timers wait a little.
    if let due = nextDue { nextDue = max(due, configuration.clock() + .seconds(5)) }
    configuration.counts.gaveUp()
    configuration.report("a transaction was given up, nothing of it happened: \(error)")
    return refuseAll(jobs, .unavailable(reason: "\(error)"))
  }

  private func commitFailed(_ jobs: [Job], _ session: SQLSession, _ error: any Error) -> Batch {
    let kind = (error as? SQLFailure)?.kind
    // No room for the log's pages is found before the commit's own page is written, so this commit is surely not on
    // disk. After any other error it may be: a sync that failed once may say nothing the second time.
    if kind == .full || kind == .busy || kind == .constraint {
      if connection.isInTransaction { _ = try? session.execute(SQLSession.rollback) }
      if !connection.isInTransaction { return abandon(jobs, session, because: error) }
    }
    if connection.isInTransaction { _ = try? session.execute(SQLSession.rollback) }
    let failure = StoreFailure.failed(reason: "\(error)")
    self.failure = failure
    configuration.counts.gaveUp()
    configuration.fatal(failure)
    return refuseAll(jobs, failure)
  }

  private func refuseAll(_ jobs: [Job], _ failure: StoreFailure) -> Batch {
    var batch = Batch()
    let refusal = Refusal(.unavailable, "The database cannot be written at the moment; nothing happened.")
    for job in jobs {
      switch job {
      case .command(let request):
        batch.outcomes.append((request.origin, Outcome(key: request.key, duplicate: false, result: .failure(refusal))))
      case .write(let job): batch.completions.append { job.failed(failure) }
      }
    }
    return batch
  }
}

extension Writer.Work {
  mutating func add(_ commit: Commit) {
    batch.commits.append(commit)
    heads[commit.clinic] = commit.seq
    moved.insert(commit.clinic)
  }

  mutating func add(_ effects: Effects) {
    batch.signals.append(contentsOf: effects.signals)
    batch.dispatches.append(contentsOf: effects.dispatches)
    batch.recalls.append(contentsOf: effects.recalls)
    if effects.hasErasure { hasErasure = true }
    if let due = effects.planned { planned = min(planned ?? due, due) }
  }
}

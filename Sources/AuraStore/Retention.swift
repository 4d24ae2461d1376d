import AuraDomain

/// Forgets what is older than it must be kept, a slice at a time, so that no command waits long behind it.
struct RetentionJob {
  private var limits: StoreConfiguration.Retention
  /// The clinics whose log is still to be looked at in this run.
  private var clinics: [ID] = []
  private var step = Step.idle
  private var nextRun: Instant?

  private enum Step { case idle, commands, changes, sessions }

  private static let oldCommands: SQL = """
    DELETE FROM sys_commands WHERE n IN (SELECT n FROM sys_commands ORDER BY n LIMIT $1) AND at < $2
    """
  private static let heads: SQL = "SELECT clinic_id, seq FROM sys_heads"
  private static let head: SQL = "SELECT seq FROM sys_heads WHERE clinic_id = $1"
  private static let oldest: SQL = "SELECT seq, at FROM sys_changes WHERE clinic_id = $1 ORDER BY seq LIMIT $2"
  private static let oldChanges: SQL = "DELETE FROM sys_changes WHERE clinic_id = $1 AND seq <= $2"
  private static let oldSessions: SQL = """
    DELETE FROM sys_sessions WHERE id IN (
      SELECT id FROM sys_sessions WHERE expires_at < $1 OR revoked_at < $1 LIMIT $2)
    """

  init(_ limits: StoreConfiguration.Retention) {
    self.limits = limits
    // What the protocol promises is no matter of configuration.
    self.limits.commands = max(limits.commands, .days(7))
  }

  /// When there is something to do: at once during a run, else at the next one.
  func due(_ now: Instant) -> Instant { step == .idle ? nextRun ?? now : now }

  /// Whether busy times have kept it from running for too long.
  func isOverdue(_ now: Instant) -> Bool {
    nextRun.map { now - $0 > Span(milliseconds: limits.interval.milliseconds * 10) } ?? false
  }

  /// After an error: tries again at the next run.
  mutating func giveUp(_ now: Instant) {
    step = .idle
    nextRun = now + limits.interval
  }

  /// One slice in a transaction of its own.
  mutating func slice(_ session: SQLSession, now: Instant) throws {
    switch step {
    case .idle:
      step = .commands
    case .commands:
      var deleted = 0
      try session.transaction {
        deleted = try session.execute(Self.oldCommands, .integer(limits.sliceRows), .instant(now - limits.commands))
      }
      if deleted < limits.sliceRows {
        clinics = try session.all(Self.heads) { $0.id(0) }.compactMap { $0 }
        step = .changes
      }
    case .changes:
      guard let clinic = clinics.last else {
        step = .sessions
        return
      }
      if try !sliceChanges(session, clinic, now) { clinics.removeLast() }
    case .sessions:
      try session.transaction {
        try session.execute(Self.oldSessions, .instant(now - limits.sessions), .integer(limits.sliceRows))
      }
      step = .idle
      nextRun = now + limits.interval
    }
  }

  /// Deletes from the log's old end, so that what remains has no hole; `true` when there may be more.
  private func sliceChanges(_ session: SQLSession, _ clinic: ID, _ now: Instant) throws -> Bool {
    let head = try session.first(Self.head, .id(clinic)) { $0.integer(0) } ?? 0
    let keptFrom = head - limits.changesPerClinicMax
    var last: Int?
    var isWhole = true
    var count = 0
    try session.each(Self.oldest, .id(clinic), .integer(limits.sliceRows)) { row in
      count += 1
      guard isWhole, row.integer(0) <= keptFrom || row.instant(1) < now - limits.changes else {
        isWhole = false
        return
      }
      last = row.integer(0)
    }
    guard let last else { return false }
    try session.transaction { try session.execute(Self.oldChanges, .id(clinic), .integer(last)) }
    return isWhole && count == limits.sliceRows
  }
}

import AuraDomain

/// What `Store.write` works with: the writer's session inside a savepoint. Valid during the call only.
package final class WriteTransaction {
  package let session: SQLSession
  var work: Writer.Work
  var ids: IDGenerator

  init(session: SQLSession, work: Writer.Work, ids: IDGenerator) {
    self.session = session
    self.work = work
    self.ids = ids
  }

  package var now: Instant { work.now }
  package func newID() -> ID { ids.next(at: work.now) }

  /// A commit of a clinic without a command: rows through the log, seen by every subscriber. Returns its number.
  @discardableResult
  package func commit(
    clinic: ID, as actor: Actor = .system, reason: String? = nil, _ changes: (inout Draft) throws -> Void
  ) throws -> Int {
    let head = try work.head(session, clinic)
    var draft = Draft(
      rows: StoredRows(session: session, clinicID: clinic), actor: actor, now: now, seq: head + 1, ids: ids)
    draft.reason = reason
    defer { ids = draft.ids }
    try changes(&draft)
    var effects = Effects(clinic: clinic, user: nil, now: now)
    try effects.apply(draft.changes, session)
    work.add(effects)
    if effects.rows.isEmpty { return head }
    let commit = Commit(clinic: clinic, seq: head + 1, at: now, cause: [], changes: effects.rows)
    try ChangeLog.append(session, commit)
    work.add(commit)
    return commit.seq
  }

  /// Tells the sessions something once this is durable.
  package func signal(_ signal: Signal) { work.batch.signals.append(signal) }

  package func audit(clinic: ID? = nil, user: ID?, kind: String, detail: JSON) throws {
    try Audit.append(session, at: now, clinic: clinic, user: user, kind: kind, detail: detail)
  }

  /// Who a user is and where, after what this transaction has done so far.
  package func identity(user: ID, session id: ID?) throws -> Identity? {
    try Identity.read(session, user: user, session: id, now: now)
  }

  private static let touchMeta: SQL = """
    INSERT INTO sys_meta (name, value) VALUES ('touched', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value
    """

  /// Writes something that nobody reads, so that the commit has to reach the disk.
  package func touch() throws { try session.execute(Self.touchMeta, .text("\(now.milliseconds)")) }

  package func clinicRows(_ clinic: ID) -> any ClinicRows { StoredRows(session: session, clinicID: clinic) }
}

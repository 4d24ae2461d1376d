import AuraDomain

/// The log that resume and replay read: every commit of a clinic, numbered without a hole.
enum ChangeLog {
  private static let head: SQL = "SELECT seq FROM sys_heads WHERE clinic_id = $1"
  private static let allHeads: SQL = "SELECT clinic_id, seq FROM sys_heads"
  private static let setHead: SQL = """
    INSERT INTO sys_heads (clinic_id, seq) VALUES ($1, $2) ON CONFLICT (clinic_id) DO UPDATE SET seq = excluded.seq
    """
  private static let append: SQL = """
    INSERT INTO sys_changes (clinic_id, seq, at, cause, changes) VALUES ($1, $2, $3, $4, $5)
    """
  private static let oldest: SQL = "SELECT MIN(seq) FROM sys_changes WHERE clinic_id = $1"
  private static let after: SQL = """
    SELECT seq, at, cause, changes FROM sys_changes WHERE clinic_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
    """
  private static let epoch: SQL = "SELECT value FROM sys_meta WHERE name = 'epoch'"
  private static let touching: SQL = """
    SELECT seq, at, cause, changes FROM sys_changes
    WHERE clinic_id = $1 AND seq > $2 AND instr(changes, $3) > 0 ORDER BY seq DESC LIMIT 1
    """

  /// Names a history that no client has seen.
  static func freshEpoch() -> String { String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16) }

  static func epoch(_ session: SQLSession) throws -> String {
    guard let epoch = try session.first(epoch, read: { $0.text(0) }) else {
      throw StoreFailure.foreignSchema(reason: "it has no epoch")
    }
    return epoch
  }

  static func head(_ session: SQLSession, clinic: ID) throws -> Int {
    try session.first(head, .id(clinic)) { $0.integer(0) } ?? 0
  }

  static func heads(_ session: SQLSession) throws -> [ID: Int] {
    var heads: [ID: Int] = [:]
    try session.each(allHeads) { row in
      if let clinic = row.id(0) { heads[clinic] = row.integer(1) }
    }
    return heads
  }

  static func setHead(_ session: SQLSession, clinic: ID, seq: Int) throws {
    try session.execute(setHead, .id(clinic), .integer(seq))
  }

  /// The oldest commit that is kept; the one after the head when none is. A cursor at the one before it can be resumed.
  static func oldest(_ session: SQLSession, clinic: ID) throws -> Int {
    let kept = try session.first(oldest, .id(clinic)) { $0.isNull(0) ? nil : $0.integer(0) } ?? nil
    return try kept ?? head(session, clinic: clinic) + 1
  }

  static func append(_ session: SQLSession, _ commit: Commit) throws {
    try session.execute(
      append, .id(commit.clinic), .integer(commit.seq), .instant(commit.at), .utf8(commit.cause),
      .utf8(Commit.encodeChanges(commit.changes)))
  }

  /// Commits behind `seq` in order, at most `limit` and, after the first, no more than `maxBytes` of log text.
  static func commits(_ session: SQLSession, clinic: ID, after seq: Int, limit: Int, maxBytes: Int) throws -> [Commit] {
    struct Enough: Error {}
    var commits: [Commit] = []
    var bytes = 0
    do {
      try session.each(after, .id(clinic), .integer(seq), .integer(limit)) { row in
        bytes += row.withText(3) { $0.count }
        if !commits.isEmpty, bytes > maxBytes { throw Enough() }
        commits.append(try commit(clinic, row))
      }
    } catch is Enough {}
    return commits
  }

  private static func commit(_ clinic: ID, _ row: SQLRow) throws -> Commit {
    do {
      return Commit(
        clinic: clinic, seq: row.integer(0), at: row.instant(1), cause: row.utf8(2),
        changes: try row.withText(3) { try Commit.decodeChanges(UnsafeRawBufferPointer($0)) })
    } catch let damage as LogDamage {
      throw StoreFailure.damaged(
        table: "sys_changes", column: "changes", text: "\(clinic)/\(row.integer(0)) at byte \(damage.offset)")
    }
  }

  /// The commit that wrote a row's present version, if it is among the last 256: a row's id stands first in its JSON.
  static func writer(_ session: SQLSession, clinic: ID, table: Table, id: ID, version: Int) throws -> Commit? {
    let head = try head(session, clinic: clinic)
    let text = "{\"id\":\"\(id)\""
    guard
      let commit = try session.first(
        touching, .id(clinic), .integer(head - 256), .text(text), read: { try commit(clinic, $0) })
    else { return nil }
    let isIt = commit.changes.contains { $0.table == table && $0.id == id && $0.version == version }
    return isIt ? commit : nil
  }

  /// The wire's `cause`: what was asked, under which key, by whom.
  static func cause(_ request: CommandRequest) -> [UInt8] {
    guard let user = request.user else { return [] }
    var writer = JSONWriter(capacity: 160)
    writer.beginObject()
    writer.name("command")
    writer.string(request.command.name)
    writer.name("key")
    writer.string(request.key)
    writer.name("by")
    writer.id(user)
    writer.endObject()
    return writer.bytes
  }
}

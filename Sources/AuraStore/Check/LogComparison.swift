import AuraDomain
import AuraSodium

/// Holds the rows against the newest that the log says of each: a row that was changed behind the log's back is not what
/// clients show, and a resume would never tell them.
///
/// What the log says is kept by row in a file that goes when it is closed, so that neither is held in memory.
enum LogComparison {
  private static let begin: SQL = "BEGIN"
  private static let end: SQL = "ROLLBACK"
  // Of a clinic where somebody is being forgotten, log and rows differ until that is done.
  private static let clinics: SQL = """
    SELECT l.clinic_id, MIN(l.seq), MAX(l.seq) FROM sys_changes l
    WHERE NOT EXISTS (SELECT 1 FROM sys_erasures e WHERE e.clinic_id = l.clinic_id AND e.finished_at IS NULL)
    GROUP BY l.clinic_id
    """
  private static let firstAt: SQL = "SELECT at FROM sys_changes WHERE clinic_id = $1 AND seq = $2"

  private static let table = """
    CREATE TABLE said (
      kind TEXT NOT NULL, id TEXT NOT NULL, is_there INTEGER NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL,
      is_found INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (kind, id)) WITHOUT ROWID
    """
  private static let say: SQL = """
    INSERT INTO said (kind, id, is_there, version, hash) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (kind, id) DO UPDATE SET is_there = excluded.is_there, version = excluded.version, hash = excluded.hash
    """
  private static let ask: SQL = "SELECT is_there, version, hash FROM said WHERE kind = $1 AND id = $2"
  private static let find: SQL = "UPDATE said SET is_found = 1 WHERE kind = $1 AND id = $2"
  private static let missing: SQL = "SELECT kind, id, version FROM said WHERE is_there = 1 AND is_found = 0"

  static func run(_ session: SQLSession, found: (Check.Finding) -> Void) throws {
    // Log and rows of one moment, while a hub goes on.
    try session.execute(begin)
    defer { _ = try? session.execute(end) }
    let logs = try session.all(clinics) { (clinic: $0.id(0), first: $0.integer(1), last: $0.integer(2)) }
    for log in logs {
      guard let clinic = log.clinic else { continue }
      // A history that is kept from its first commit holds every row; a later one those that changed since.
      let since = log.first == 1 ? nil : try session.first(firstAt, .id(clinic), .integer(log.first)) { $0.instant(0) }
      let connection = try SQLite.scratch()
      try connection.use { _ in try connection.run(script: table) }
      try connection.use { said in
        try said.transaction {
          try listen(session, clinic, log.first - 1, said)
          for table in Table.allCases where table != .users {
            try compare(session, clinic, table, since: since, said, found)
          }
          try said.each(missing) { row in
            found(
              .init(
                clinic: clinic.description, subject: "\(row.text(0))/\(row.text(1))",
                problem: "is missing, the log has version \(row.integer(2))"))
          }
        }
      }
    }
  }

  private static func listen(_ session: SQLSession, _ clinic: ID, _ first: Int, _ said: SQLSession) throws {
    var seq = first
    while true {
      let commits = try ChangeLog.commits(session, clinic: clinic, after: seq, limit: 256, maxBytes: 4 << 20)
      guard let last = commits.last else { return }
      seq = last.seq
      for change in commits.lazy.flatMap(\.changes) {
        let isThere = change.operation == .put
        try said.execute(
          say, .text(change.table.rawValue), .id(change.id), .bool(isThere), .integer(change.version),
          .text(Sodium.sha256(change.row)))
      }
    }
  }

  private static func compare(
    _ session: SQLSession, _ clinic: ID, _ table: Table, since: Instant?, _ said: SQLSession,
    _ found: (Check.Finding) -> Void
  ) throws {
    let printer = RowPrinter.of(table)
    let composer = SelectComposer(RowText.of(table).select, table: table, clinic: clinic)
    let updated = table.columns.firstIndex { "\($0)" == "updated_at" }
    try session.each(composed: composer.text(order: [], limit: nil), composer.arguments) { row in
      guard let id = printer.id(row) else { return }
      func tell(_ problem: String) {
        found(.init(clinic: clinic.description, subject: "\(table.rawValue)/\(id)", problem: problem))
      }
      let known = try said.first(ask, .text(table.rawValue), .id(id)) {
        (isThere: $0.bool(0), version: $0.integer(1), hash: $0.text(2))
      }
      let version = printer.version(row)
      guard let known else {
        let isNew = since.map { since in updated.map { row.instant($0) > since } ?? false } ?? true
        return isNew ? tell("has version \(version), the log does not know it") : ()
      }
      try said.execute(find, .text(table.rawValue), .id(id))
      if !known.isThere {
        tell("has version \(version), by the log it was removed")
      } else if known.version != version {
        tell("has version \(version), the log \(known.version)")
      } else if known.hash != Sodium.sha256(printer.json(row)) {
        tell("is not as the log has its version \(version)")
      }
    }
  }
}

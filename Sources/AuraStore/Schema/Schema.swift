import AuraDomain

/// A step of the schema's history. One that has shipped is never changed; a new one is added behind it.
struct Migration: Sendable {
  let number: Int
  let name: String
  let steps: [SchemaStep]
}

/// What a migration does, in words that every engine can carry out.
///
/// A table's text has one column a line. Its types are PostgreSQL's (TEXT, BIGINT, BOOLEAN, JSON, BYTEA), which the
/// engine's file turns into its own: SQLite's are STRICT tables with a CHECK for each boolean and each JSON text.
enum SchemaStep: Sendable {
  case table(String, String)
  case index(String)
  /// Within a clinic, no two rows have the same value of a JSON column's member.
  case uniqueMember(name: String, table: String, column: String, member: String)
  /// Refuses DELETE, and UPDATE of all columns but those named.
  case appendOnly(String, except: [String] = [])
  /// Lets those columns of an append-only table change while the row's customer is being forgotten (`sys_erasures`).
  /// `customer` says whose an `OLD` row is.
  case redactable(String, columns: [String], except: [String] = [], customer: String)
  /// A CHECK on a table that is there already: what each row that is written from now on has to meet. Its columns are
  /// named `NEW.column`.
  case rowCheck(table: String, String, name: String)
  /// The refunds of a sale never add up to more than was paid for it.
  case refundLimit
}

enum Schema {
  static let migrations: [Migration] = [
    Migration(number: 1, name: "system", steps: system),
    Migration(number: 2, name: "people", steps: people),
    Migration(number: 3, name: "workflow", steps: workflow),
    Migration(number: 4, name: "sales and loyalty", steps: salesAndLoyalty),
    Migration(number: 5, name: "follow-ups", steps: followUps),
    Migration(number: 6, name: "ledger", steps: credits + moneyChecks),
    Migration(number: 7, name: "follow-up queues", steps: followUpQueues),
    Migration(number: 8, name: "automation and notifications", steps: automation),
    Migration(number: 9, name: "erasure", steps: erasure),
  ]

  static var version: Int { migrations.last?.number ?? 0 }

  private static let found: SQL = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1"
  /// What the finished schema consists of.
  private static let expected: Set<String> = {
    var statements: [String] = []
    for text in migrations.flatMap(\.steps).flatMap(SQLiteSchema.statements(for:)) {
      // What a later step makes anew is gone as it was.
      if let name = text.split(separator: "DROP TRIGGER ").last, text.hasPrefix("DROP TRIGGER ") {
        statements.removeAll { $0.hasPrefix("CREATE TRIGGER \(name) ") }
      } else {
        statements.append(text)
      }
    }
    return Set(statements)
  }()
  private static let objects: SQL = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
  private static let applied: SQL = "SELECT number, name FROM sys_migrations ORDER BY number"
  private static let record: SQL = "INSERT INTO sys_migrations (number, name, applied_at) VALUES ($1, $2, $3)"

  /// What is applied already, checked against what this program knows; `nil` for an empty file.
  static func appliedVersion(_ session: SQLSession) throws -> Int? {
    let isThere = try session.first(found, "sys_migrations") { $0.integer(0) } ?? 0
    if isThere == 0 {
      let tables = try session.first("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'") { $0.integer(0) } ?? 0
      guard tables == 0 else { throw StoreFailure.foreignSchema(reason: "it has tables but no list of migrations") }
      return nil
    }
    let rows = try session.all(applied) { (number: $0.integer(0), name: $0.text(1)) }
    if let newest = rows.last?.number, newest > version {
      throw StoreFailure.newerVersion(found: newest, known: version)
    }
    for (row, known) in zip(rows, migrations) where row.number != known.number || row.name != known.name {
      throw StoreFailure.foreignSchema(reason: "migration \(row.number) is \"\(row.name)\", not \"\(known.name)\"")
    }
    return rows.last?.number ?? 0
  }

  /// The file holds this program's tables, indexes and triggers and no others: a trigger that somebody added would run
  /// with every command.
  static func verify(_ connection: SQLiteConnection) throws {
    try connection.use { session in
      let found = try session.all(objects) { (name: $0.text(0), text: $0.text(1)) }
      if let foreign = found.first(where: { !expected.contains($0.text) }) {
        throw StoreFailure.foreignSchema(reason: "\(foreign.name) is not as this program made it")
      }
      guard found.count == expected.count else {
        throw StoreFailure.foreignSchema(reason: "tables or indexes are missing")
      }
    }
  }

  /// Brings the database to this program's version, all steps in one transaction or none.
  static func migrate(_ connection: SQLiteConnection, now: Instant, epoch: String) throws {
    try connection.use { session in
      let before = try appliedVersion(session)
      let missing = migrations.filter { $0.number > (before ?? 0) }
      if missing.isEmpty { return }
      try session.transaction {
        for migration in missing {
          for step in migration.steps {
            for text in SQLiteSchema.statements(for: step) { try connection.run(script: text) }
          }
          try session.execute(record, .integer(migration.number), .text(migration.name), .instant(now))
        }
        if before == nil {
          try session.execute("INSERT INTO sys_meta (name, value) VALUES ($1, $2)", "epoch", .text(epoch))
        }
      }
    }
  }
}

extension SQLSession {
  static let begin: SQL = "BEGIN IMMEDIATE"
  static let commit: SQL = "COMMIT"
  static let rollback: SQL = "ROLLBACK"

  /// Runs `body` in a write transaction of its own.
  func transaction(_ body: () throws -> Void) throws {
    try execute(Self.begin)
    do {
      try body()
      try execute(Self.commit)
    } catch {
      _ = try? execute(Self.rollback)
      throw error
    }
  }
}

import AuraDomain
import AuraJSON

/// A clinic's rows as they stood behind one of its commits, made of the log.
///
/// The log has each row as it was after a change. A row that was not changed since stands in its table as it did then;
/// one that was is taken from its newest image at or before that commit. Where the log begins later than that image, what
/// the row was is known to nobody any more: it is counted, and left out.
package struct PastState {
  /// A row: its table, its id, and its JSON as the log has it.
  package typealias Row = (table: Table, id: ID, json: [UInt8])

  /// How many rows were changed since, whose state then the log no longer has.
  package private(set) var unknown = 0

  private static let schema = """
    CREATE TABLE changed (
      kind TEXT NOT NULL, id TEXT NOT NULL, existed INTEGER NOT NULL, is_there INTEGER, image TEXT,
      PRIMARY KEY (kind, id)) WITHOUT ROWID
    """
  private static let add: SQL = """
    INSERT INTO changed (kind, id, existed) VALUES ($1, $2, $3) ON CONFLICT (kind, id) DO NOTHING
    """
  private static let set: SQL = "UPDATE changed SET is_there = $1, image = $2 WHERE kind = $3 AND id = $4"
  private static let isChanged: SQL = "SELECT 1 FROM changed WHERE kind = $1 AND id = $2"
  private static let images: SQL = "SELECT id, image FROM changed WHERE kind = $1 AND is_there = 1 ORDER BY id"
  private static let lost: SQL = "SELECT COUNT(*) FROM changed WHERE existed = 1 AND image IS NULL"

  /// Hands over the rows of `tables` as of the clinic's commit `seq`, table by table. Memory does not grow with them:
  /// what was changed since is kept in a file without a name.
  ///
  /// - Throws: `OutOfReach` when the log begins behind `seq`, or ends before it.
  package static func read(
    _ reader: Reader, clinic: ID, at seq: Int, tables: [Table], each: (Row) throws -> Void
  ) throws -> PastState {
    let (oldest, head) = (try reader.oldest(clinic: clinic), try reader.head(clinic: clinic))
    guard seq >= oldest - 1, seq <= head else { throw OutOfReach(oldest: oldest - 1, head: head) }
    let wanted = Set(tables)
    var state = PastState()
    let connection = try SQLite.scratch()
    try connection.use { _ in try connection.run(script: schema) }
    try connection.use { scratch in
      try scratch.execute("BEGIN")
      try walk(reader, clinic, from: seq, to: head) { change in
        guard wanted.contains(change.table) else { return }
        try scratch.execute(add, .text(change.table.rawValue), .id(change.id), .bool(change.was != nil))
      }
      try walk(reader, clinic, from: oldest - 1, to: seq) { change in
        guard wanted.contains(change.table) else { return }
        try scratch.execute(
          set, .bool(change.operation == .put), .utf8(change.row), .text(change.table.rawValue), .id(change.id))
      }
      state.unknown = try scratch.first(lost) { $0.integer(0) } ?? 0
      for table in tables where table != .users {
        try present(reader, clinic, table) { id, json in
          let isChanged = try scratch.first(isChanged, .text(table.rawValue), .id(id)) { _ in true } ?? false
          if !isChanged { try each((table, id, json)) }
        }
        try scratch.each(images, .text(table.rawValue)) { row in
          if let id = row.id(0) { try each((table, id, row.utf8(1))) }
        }
      }
    }
    return state
  }

  /// A row's columns by their names; `null` for one that it does not have.
  package static func values(of row: Row, _ names: [String]) throws -> [JSON] {
    let object = try row.json.withUnsafeBytes { try JSON.parse($0, valuesMax: 1 << 20) }
    return names.map { object[$0] ?? .null }
  }

  /// The last commit at or before a time, by the clock of then; 0 for a time before the first. `nil` when the log no
  /// longer says.
  package static func position(_ reader: Reader, clinic: ID, at time: Instant) throws -> Int? {
    let found = try reader.session.first(lastBefore, .id(clinic), .instant(time)) { $0.isNull(0) ? nil : $0.integer(0) }
    if let seq = found ?? nil { return seq }
    return try reader.oldest(clinic: clinic) == 1 ? 0 : nil
  }

  /// When a commit was made, if the log has it.
  package static func time(_ reader: Reader, clinic: ID, of seq: Int) throws -> Instant? {
    try reader.session.first(timeOf, .id(clinic), .integer(seq)) { $0.instant(0) }
  }

  private static let lastBefore: SQL = "SELECT MAX(seq) FROM sys_changes WHERE clinic_id = $1 AND at <= $2"
  private static let timeOf: SQL = "SELECT at FROM sys_changes WHERE clinic_id = $1 AND seq = $2"

  /// The log holds the states behind `oldest` to `head` and no others.
  package struct OutOfReach: Error, Sendable, Equatable {
    package var oldest: Int
    package var head: Int
  }

  /// The changes of the commits behind `start` up to `end`.
  private static func walk(
    _ reader: Reader, _ clinic: ID, from start: Int, to end: Int, _ body: (RowChange) throws -> Void
  ) throws {
    var seq = start
    while seq < end {
      let commits = try reader.commits(clinic: clinic, after: seq, limit: min(256, end - seq))
      guard let last = commits.last else { return }
      seq = last.seq
      for commit in commits { for change in commit.changes { try body(change) } }
    }
  }

  private static func present(
    _ reader: Reader, _ clinic: ID, _ table: Table, _ body: (ID, [UInt8]) throws -> Void
  ) throws {
    let printer = RowPrinter.of(table)
    let composer = SelectComposer(RowText.of(table).select, table: table, clinic: clinic)
    let text = composer.text(order: [.ascending("id")], limit: nil)
    try reader.session.each(composed: text, composer.arguments) { row in
      if let id = printer.id(row) { try body(id, printer.json(row)) }
    }
  }
}

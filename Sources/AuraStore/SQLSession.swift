import AuraDomain
import Synchronization

/// The text of one statement. Made once, as a `static let`, so that a session finds its prepared form by number.
///
/// Parameters are `$1`, `$2` … in the order of their first use, which SQLite and PostgreSQL read alike.
package final class SQL: Sendable, ExpressibleByStringLiteral {
  package let text: String
  let slot: Int

  private static let made = Atomic<Int>(0)

  package init(_ text: String) {
    self.text = text
    self.slot = Self.made.add(1, ordering: .relaxed).oldValue
  }

  package convenience init(stringLiteral text: String) { self.init(text) }
}

/// What a parameter is bound to.
package enum SQLValue: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
  case null
  case integer(Int)
  case text(String)
  /// Text that is UTF-8 bytes already.
  case utf8([UInt8])
  case blob([UInt8])
  case id(ID)

  package init(stringLiteral value: String) { self = .text(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(nilLiteral: ()) { self = .null }

  package static func instant(_ at: Instant) -> SQLValue { .integer(at.milliseconds) }
  package static func bool(_ value: Bool) -> SQLValue { .integer(value ? 1 : 0) }
  package static func optional(_ id: ID?) -> SQLValue { id.map(SQLValue.id) ?? .null }
  package static func optional(_ text: String?) -> SQLValue { text.map(SQLValue.text) ?? .null }

  init(_ value: Value) {
    switch value {
    case .null: self = .null
    case .integer(let value): self = .integer(value)
    case .text(let value): self = .text(value)
    }
  }
}

/// A connection as the store's features use it: statements with parameters, nothing that only one engine has.
/// Valid on its thread and inside the access that handed it out.
package final class SQLSession {
  private unowned let engine: SQLiteConnection
  /// Prepared forms by `SQL.slot`.
  private var prepared: [SQLiteStatement?] = []
  /// Prepared forms of texts made at run time (filters), at most `composedMax`.
  private(set) var composed: [String: SQLiteStatement] = [:]
  private static let composedMax = 256
  /// UPDATE statements by what they set, so that their text is not composed anew for each row.
  private var updates: [UpdateShape: SQLiteStatement] = [:]
  private static let updatesMax = 512

  init(engine: SQLiteConnection) { self.engine = engine }

  /// Runs a statement to its end; returns the number of rows changed.
  @discardableResult
  package func execute(_ sql: SQL, _ arguments: SQLValue...) throws(SQLFailure) -> Int {
    let statement = try statement(sql)
    defer { statement.finish() }
    try statement.bind(arguments)
    while try statement.step() {}
    return engine.changedRows
  }

  /// The first row, or `nil`.
  package func first<T>(_ sql: SQL, _ arguments: SQLValue..., read: (SQLRow) throws -> T) throws -> T? {
    let statement = try statement(sql)
    defer { statement.finish() }
    try statement.bind(arguments)
    guard try statement.step() else { return nil }
    return try read(SQLRow(statement))
  }

  package func each(_ sql: SQL, _ arguments: SQLValue..., body: (SQLRow) throws -> Void) throws {
    try rows(try statement(sql), arguments, body)
  }

  /// All rows, each read into a value.
  package func all<T>(_ sql: SQL, _ arguments: SQLValue..., read: (SQLRow) throws -> T) throws -> [T] {
    var result: [T] = []
    try rows(try statement(sql), arguments) { result.append(try read($0)) }
    return result
  }

  /// As `each`, for a text composed at run time out of the program's own words.
  func each(composed text: String, _ arguments: [SQLValue], body: (SQLRow) throws -> Void) throws {
    try rows(try statement(composed: text), arguments, body)
  }

  /// Runs a statement whose parameters a visitor binds; returns the number of rows changed.
  func execute(_ statement: SQLiteStatement, bind: (SQLiteStatement) throws -> Void) throws -> Int {
    defer { statement.finish() }
    try bind(statement)
    while try statement.step() {}
    return engine.changedRows
  }

  private func rows(_ statement: SQLiteStatement, _ arguments: [SQLValue], _ body: (SQLRow) throws -> Void) throws {
    defer { statement.finish() }
    try statement.bind(arguments)
    while try statement.step() { try body(SQLRow(statement)) }
  }

  func statement(_ sql: SQL) throws(SQLFailure) -> SQLiteStatement {
    if sql.slot < prepared.count, let statement = prepared[sql.slot], statement.begin() { return statement }
    let statement = try engine.prepare(sql.text)
    _ = statement.begin()
    if sql.slot >= prepared.count {
      prepared.append(contentsOf: repeatElement(nil, count: sql.slot + 1 - prepared.count))
    }
    // A statement that is read from while it is run again gets a second, passing form.
    if prepared[sql.slot] == nil { prepared[sql.slot] = statement }
    return statement
  }

  func statement(_ shape: UpdateShape, compose: () -> String) throws(SQLFailure) -> SQLiteStatement {
    if let statement = updates[shape], statement.begin() { return statement }
    let statement = try engine.prepare(compose())
    _ = statement.begin()
    if updates.count >= Self.updatesMax { updates.removeAll() }
    updates[shape] = statement
    return statement
  }

  func statement(composed text: String) throws(SQLFailure) -> SQLiteStatement {
    if let statement = composed[text], statement.begin() { return statement }
    let statement = try engine.prepare(text)
    _ = statement.begin()
    if composed.count >= Self.composedMax { composed.removeAll() }
    if composed[text] == nil { composed[text] = statement }
    return statement
  }
}

/// Which columns of which table an UPDATE sets: bit n is the column at n.
struct UpdateShape: Hashable {
  var table: Table
  var columns: UInt64
}

/// One row of a result, valid until the next step. Columns count from 0.
package struct SQLRow {
  let statement: SQLiteStatement

  init(_ statement: SQLiteStatement) { self.statement = statement }

  package func isNull(_ column: Int) -> Bool { statement.isNull(column) }
  package func integer(_ column: Int) -> Int { statement.integer(column) }
  package func bool(_ column: Int) -> Bool { statement.integer(column) != 0 }
  package func instant(_ column: Int) -> Instant { Instant(milliseconds: statement.integer(column)) }
  package func text(_ column: Int) -> String { statement.withText(column) { String(decoding: $0, as: UTF8.self) } }
  package func bytes(_ column: Int) -> [UInt8] { statement.withBlob(column) { Array($0) } }
  package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }
  package func optionalInstant(_ column: Int) -> Instant? { isNull(column) ? nil : instant(column) }
  package func utf8(_ column: Int) -> [UInt8] { statement.withText(column) { Array($0) } }
  func withText<T>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T {
    try statement.withText(column, body)
  }
  /// `nil` for NULL and for what is no id.
  package func id(_ column: Int) -> ID? { statement.withText(column) { ID(utf8: $0) } }
}

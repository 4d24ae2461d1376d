import AuraDomain
import AuraJSON

/// Rows to statements and back, by the one list of columns that each row has.
extension SQLSession {
  /// The row of a clinic with this id.
  func row<R: Row>(_ type: R.Type, clinic: ID, id: ID) throws -> R? {
    let statement = try statement(RowText.of(type).selectOne)
    defer { statement.finish() }
    statement.bind(id, at: 1)
    if R.table.clinicColumn != nil { statement.bind(clinic, at: 2) }
    guard try statement.step() else { return nil }
    let row = try R(reading: statement)
    // A clinic is its own root.
    return R.table == .clinics && id != clinic ? nil : row
  }

  func rows<R: Row>(_ type: R.Type, clinic: ID, _ selection: Selection) throws -> [R] {
    var composer = SelectComposer(RowText.of(type).select, table: R.table, clinic: clinic)
    for condition in selection.conditions { composer.add(condition) }
    var result: [R] = []
    try each(composed: composer.text(order: selection.order, limit: selection.limit), composer.arguments) {
      result.append(try R(reading: $0.statement))
    }
    return result
  }

  func insert<R: Row>(_ row: R) throws {
    _ = try execute(try statement(RowText.of(R.self).insert)) { statement in
      var binder = Binder(statement: statement)
      var copy = row
      copy.columns(&binder)
    }
  }

  /// Writes the columns that differ, if the row still has `before`'s version; otherwise `RowConflict`.
  func update<R: Row>(from before: R, to after: any Row) throws {
    guard let after = after as? R else { throw RowConflict(table: R.table, id: before.id) }
    let old = ColumnCells.of(before)
    let new = ColumnCells.of(after)
    let text = RowText.of(R.self)
    let changed = new.indices.filter { old[$0] != new[$0] }
    guard let version = (before as? any VersionedRow)?.version, after.id == before.id else {
      throw RowConflict(table: R.table, id: before.id)
    }
    if changed.isEmpty { return }
    let shape = UpdateShape(table: R.table, columns: changed.reduce(0) { $0 | 1 << UInt64($1) })
    let count = try execute(try statement(shape) { text.update(changed) }) { statement in
      var index: Int32 = 1
      for column in changed {
        statement.bind(new[column], at: index)
        index += 1
      }
      statement.bind(before.id, at: index)
      statement.bind(version, at: index + 1)
      if let clinic = text.clinicIndex { statement.bind(old[clinic], at: index + 2) }
    }
    guard count == 1 else { throw RowConflict(table: R.table, id: before.id) }
  }

  /// Writes the columns that differ of a row of an append-only table, as far as its trigger lets them.
  func rewrite<R: Row>(_ before: R, as after: any Row, clinic: ID) throws {
    guard let after = after as? R, after.id == before.id else { throw RowConflict(table: R.table, id: before.id) }
    let (old, new) = (ColumnCells.of(before), ColumnCells.of(after))
    let changed = new.indices.filter { old[$0] != new[$0] }
    if changed.isEmpty { return }
    let names = RowText.of(R.self).names
    let assignments = changed.enumerated().map { "\(names[$1]) = $\($0 + 1)" }.joined(separator: ", ")
    let next = changed.count + 1
    let text = "UPDATE \(R.table.rawValue) SET \(assignments) WHERE clinic_id = $\(next) AND id = $\(next + 1)"
    let count = try execute(try statement(composed: text)) { statement in
      for (index, column) in changed.enumerated() { statement.bind(new[column], at: Int32(index + 1)) }
      statement.bind(clinic, at: Int32(next))
      statement.bind(before.id, at: Int32(next + 1))
    }
    guard count == 1 else { throw RowConflict(table: R.table, id: before.id) }
  }

  /// Removes a row of the clinic, if it still has this version; otherwise `RowConflict`.
  func remove<R: VersionedRow>(_ row: R, clinic: ID) throws {
    let count = try execute(try statement(RowText.of(R.self).remove)) { statement in
      statement.bind(row.id, at: 1)
      statement.bind(row.version, at: 2)
      statement.bind(clinic, at: 3)
    }
    guard count == 1 else { throw RowConflict(table: R.table, id: row.id) }
  }
}

/// An update or a removal met a row that is not there, is another clinic's, or has another version.
package struct RowConflict: Error, Sendable, Equatable {
  package var table: Table
  package var id: ID
}

extension Table {
  /// The column that says whose row it is; `nil` for the two tables that stand above the clinics.
  var clinicColumn: StaticString? { self == .clinics || self == .users ? nil : "clinic_id" }
}

/// The statements of one table, made from its columns once.
final class RowText: Sendable {
  let table: Table
  let names: [String]
  let select: String
  let selectOne: SQL
  let insert: SQL
  let remove: SQL
  /// Where `clinic_id` stands among the columns.
  let clinicIndex: Int?

  private init(_ table: Table) {
    self.table = table
    let name = table.rawValue
    names = table.columns.map { "\($0)" }
    clinicIndex = names.firstIndex(of: "clinic_id")
    let list = names.joined(separator: ", ")
    select = "SELECT \(list) FROM \(name)"
    selectOne = SQL(select + " WHERE id = $1" + (table.clinicColumn == nil ? "" : " AND clinic_id = $2"))
    let parameters = names.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
    insert = SQL("INSERT INTO \(name) (\(list)) VALUES (\(parameters))")
    remove = SQL("DELETE FROM \(name) WHERE id = $1 AND version = $2 AND clinic_id = $3")
  }

  /// Only the columns that change are named, so that the indexes and foreign keys of the others are left alone.
  func update(_ changed: [Int]) -> String {
    let assignments = changed.enumerated().map { "\(names[$1]) = $\($0 + 1)" }.joined(separator: ", ")
    let next = changed.count + 1
    return "UPDATE \(table.rawValue) SET \(assignments) WHERE id = $\(next) AND version = $\(next + 1)"
      + (clinicIndex == nil ? "" : " AND clinic_id = $\(next + 2)")
  }

  static func of(_ table: Table) -> RowText { all[table] ?? RowText(table) }
  static func of<R: Row>(_ type: R.Type) -> RowText { of(R.table) }

  private static let all = Dictionary(uniqueKeysWithValues: Table.allCases.map { ($0, RowText($0)) })
}

/// Composes `SELECT … WHERE clinic_id = $1 AND …` out of conditions; only the program's own column names get into it.
struct SelectComposer {
  private var sql: String
  private var joiner: String
  private(set) var arguments: [SQLValue] = []

  init(_ select: String, table: Table, clinic: ID) {
    sql = select
    joiner = " WHERE "
    switch table {
    case .clinics: require("id", equals: .id(clinic))
    // A user belongs to no clinic: membership decides who may be read, not a column here.
    case .users:
      arguments.append(.id(clinic))
      sql +=
        " WHERE EXISTS (SELECT 1 FROM clinic_staff s WHERE s.clinic_id = $1 AND s.user_id = users.id"
        + " UNION ALL SELECT 1 FROM customers c WHERE c.clinic_id = $1 AND c.user_id = users.id)"
      joiner = " AND "
    default: require("clinic_id", equals: .id(clinic))
    }
  }

  mutating func add(_ condition: Condition) {
    switch condition {
    case .equal(let name, let value): require("\(name)", equals: SQLValue(value))
    case .oneOf(let name, let values): require("\(name)", oneOf: values)
    case .isNull(let name): raw("\(name) IS NULL")
    case .notNull(let name): raw("\(name) IS NOT NULL")
    case .less(let name, let value): compare("\(name)", "<", value)
    case .atMost(let name, let value): compare("\(name)", "<=", value)
    case .greater(let name, let value): compare("\(name)", ">", value)
    case .atLeast(let name, let value): compare("\(name)", ">=", value)
    case .contains(let name, let text): require("\(name)", contains: text)
    }
  }

  /// One of `values`; NULL only if it is named among them, nothing at all if there are none.
  mutating func require(_ name: String, oneOf values: [Value]) {
    let present = values.filter { $0 != .null }
    let orNull = present.count < values.count ? "\(name) IS NULL" : nil
    let list = present.map { parameter(SQLValue($0)) }.joined(separator: ", ")
    switch (present.isEmpty, orNull) {
    case (true, nil): raw("1 = 0")
    case (true, let orNull?): raw(orNull)
    case (false, nil): raw(present.count == 1 ? "\(name) = \(list)" : "\(name) IN (\(list))")
    case (false, let orNull?): raw("(\(name) IN (\(list)) OR \(orNull))")
    }
  }

  mutating func require(_ name: String, equals value: SQLValue) { raw("\(name) = \(parameter(value))") }

  /// LIKE's own wildcards are taken out of the text. SQLite's `lower` knows ASCII only, which is what is asked for.
  private mutating func require(_ name: String, contains text: String) {
    var pattern = "%"
    for character in text.unicodeScalars {
      if character == "%" || character == "_" || character == "\\" { pattern += "\\" }
      pattern.unicodeScalars.append(character)
    }
    // The engine refuses longer patterns, and no column that is searched holds so long a text.
    guard pattern.utf8.count <= SQLite.patternBytesMax - 2 else { return raw("1 = 0") }
    raw("lower(\(name)) LIKE lower(\(parameter(.text(pattern + "%")))) ESCAPE '\\'")
  }

  private mutating func compare(_ name: String, _ comparison: String, _ value: Value) {
    raw("\(name) \(comparison) \(parameter(SQLValue(value)))")
  }

  mutating func raw(_ condition: String) {
    sql += joiner + condition
    joiner = " AND "
  }

  private mutating func parameter(_ value: SQLValue) -> String {
    arguments.append(value)
    return "$\(arguments.count)"
  }

  func text(order: [Order], limit: Int?) -> String {
    var text = sql
    if !order.isEmpty {
      let terms = order.map { "\($0.column)\($0.descending ? " DESC" : "") NULLS LAST" }
      text += " ORDER BY " + terms.joined(separator: ", ")
    }
    if let limit { text += " LIMIT \(limit)" }
    return text
  }
}

extension Row {
  /// Reads the row that stands ready, columns in the order of `columns`.
  fileprivate init(reading statement: SQLiteStatement) throws {
    self.init()
    var reader = ColumnReader(statement: statement)
    columns(&reader)
    if let fault = reader.fault {
      throw StoreFailure.damaged(table: Self.table.rawValue, column: "\(fault.column)", text: fault.text)
    }
  }
}

/// Reads columns one after the other. The first value that cannot be is kept as the fault.
private struct ColumnReader: ColumnVisitor {
  let statement: SQLiteStatement
  var index = 0
  var fault: (column: StaticString, text: String)?

  init(statement: SQLiteStatement) { self.statement = statement }

  private mutating func next() -> Int {
    defer { index += 1 }
    return index
  }

  private mutating func blame(_ name: StaticString, _ column: Int) {
    if fault == nil {
      fault = (name, statement.withText(column) { String(decoding: $0.prefix(80), as: UTF8.self) })
    }
  }

  private func string(_ column: Int) -> String { statement.withText(column) { String(decoding: $0, as: UTF8.self) } }

  mutating func column(_ name: StaticString, _ value: inout ID) {
    let column = next()
    if let id = statement.withText(column, { ID(utf8: $0) }) { value = id } else { blame(name, column) }
  }
  mutating func column(_ name: StaticString, _ value: inout ID?) {
    let column = next()
    if statement.isNull(column) {
      value = nil
    } else if let id = statement.withText(column, { ID(utf8: $0) }) {
      value = id
    } else {
      blame(name, column)
    }
  }
  mutating func column(_ name: StaticString, _ value: inout String) { value = string(next()) }
  mutating func column(_ name: StaticString, _ value: inout String?) {
    let column = next()
    value = statement.isNull(column) ? nil : string(column)
  }
  mutating func column(_ name: StaticString, _ value: inout Int) { value = statement.integer(next()) }
  mutating func column(_ name: StaticString, _ value: inout Int?) {
    let column = next()
    value = statement.isNull(column) ? nil : statement.integer(column)
  }
  mutating func column(_ name: StaticString, _ value: inout Bool) { value = statement.integer(next()) != 0 }
  mutating func column(_ name: StaticString, _ value: inout Instant) {
    value = Instant(milliseconds: statement.integer(next()))
  }
  mutating func column(_ name: StaticString, _ value: inout Instant?) {
    let column = next()
    value = statement.isNull(column) ? nil : Instant(milliseconds: statement.integer(column))
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) {
    let column = next()
    if let json = json(column) { value = json } else { blame(name, column) }
  }
  mutating func unknownCase(_ name: StaticString, _ text: String) {
    if fault == nil { fault = (name, text) }
  }

  /// Most JSON columns are empty most of the time: those two texts need no parser.
  private func json(_ column: Int) -> JSON? {
    statement.withText(column) { text in
      if text.count == 2, text[0] == UInt8(ascii: "{") { return .emptyObject }
      if text.count == 2, text[0] == UInt8(ascii: "[") { return .emptyArray }
      return try? JSON.parse(UnsafeRawBufferPointer(text), valuesMax: 1 << 20)
    }
  }
}

/// Binds columns to $1, $2 … in their order.
private struct Binder: ColumnVisitor {
  let statement: SQLiteStatement
  var index: Int32 = 0

  init(statement: SQLiteStatement) { self.statement = statement }

  private mutating func next() -> Int32 {
    index += 1
    return index
  }

  private mutating func null() { statement.bindNull(at: next()) }
  mutating func column(_ name: StaticString, _ value: inout ID) { statement.bind(value, at: next()) }
  mutating func column(_ name: StaticString, _ value: inout ID?) {
    if let value { statement.bind(value, at: next()) } else { null() }
  }
  mutating func column(_ name: StaticString, _ value: inout String) { statement.bind(value, at: next()) }
  mutating func column(_ name: StaticString, _ value: inout String?) {
    if let value { statement.bind(value, at: next()) } else { null() }
  }
  mutating func column(_ name: StaticString, _ value: inout Int) { statement.bind(value, at: next()) }
  mutating func column(_ name: StaticString, _ value: inout Int?) {
    if let value { statement.bind(value, at: next()) } else { null() }
  }
  mutating func column(_ name: StaticString, _ value: inout Bool) { statement.bind(value ? 1 : 0, at: next()) }
  mutating func column(_ name: StaticString, _ value: inout Instant) {
    statement.bind(value.milliseconds, at: next())
  }
  mutating func column(_ name: StaticString, _ value: inout Instant?) {
    if let value { statement.bind(value.milliseconds, at: next()) } else { null() }
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) { statement.bind(json: value, at: next()) }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

/// A row's values side by side, to see which of them differ.
enum Cell: Equatable {
  case null
  case integer(Int)
  case text(String)
  case id(ID)
  case json(JSON)
}

private struct ColumnCells: ColumnVisitor {
  var cells: [Cell] = []

  static func of(_ row: some Row) -> [Cell] {
    var visitor = ColumnCells()
    visitor.cells.reserveCapacity(28)
    var copy = row
    copy.columns(&visitor)
    return visitor.cells
  }

  mutating func column(_ name: StaticString, _ value: inout ID) { cells.append(.id(value)) }
  mutating func column(_ name: StaticString, _ value: inout ID?) { cells.append(value.map(Cell.id) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout String) { cells.append(.text(value)) }
  mutating func column(_ name: StaticString, _ value: inout String?) { cells.append(value.map(Cell.text) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout Int) { cells.append(.integer(value)) }
  mutating func column(_ name: StaticString, _ value: inout Int?) { cells.append(value.map(Cell.integer) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout Bool) { cells.append(.integer(value ? 1 : 0)) }
  mutating func column(_ name: StaticString, _ value: inout Instant) { cells.append(.integer(value.milliseconds)) }
  mutating func column(_ name: StaticString, _ value: inout Instant?) {
    cells.append(value.map { .integer($0.milliseconds) } ?? .null)
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) { cells.append(.json(value)) }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

extension SQLiteStatement {
  fileprivate func bind(json: JSON, at index: Int32) {
    var writer = JSONWriter()
    writer.value(json)
    writer.bytes.withUnsafeBufferPointer { bind(text: $0, at: index) }
  }

  fileprivate func bind(_ cell: Cell, at index: Int32) {
    switch cell {
    case .null: bindNull(at: index)
    case .integer(let value): bind(value, at: index)
    case .text(let value): bind(value, at: index)
    case .id(let id): bind(id, at: index)
    case .json(let json): bind(json: json, at: index)
    }
  }
}

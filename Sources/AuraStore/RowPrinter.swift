import AuraDomain

/// Prints rows of a table straight from the statement, byte for byte as `Row.json` would, without making the row.
struct RowPrinter: Sendable {
  private enum Kind: Sendable { case text, integer, bool, json }

  private struct Column: Sendable {
    /// `"name":` with the comma or brace before it.
    var prefix: [UInt8]
    var kind: Kind
  }

  private let columns: [Column]
  private let isVersioned: Bool
  private let table: Table
  /// Where the filter columns stand; -1 where there is none.
  private var id = -1, version = -1, assignedTo = -1, workflow = -1, customer = -1, user = -1
  private var stage = -1, status = -1, targetUsers = -1, targetRoles = -1, broadcast = -1

  static func of(_ table: Table) -> RowPrinter { all[table] ?? RowPrinter(table) }
  private static let all = Dictionary(uniqueKeysWithValues: Table.allCases.map { ($0, RowPrinter($0)) })

  private init(_ table: Table) {
    self.table = table
    isVersioned = table.rowType is any VersionedRow.Type
    let kinds = ColumnKinds.of(table.rowType)
    columns = zip(table.columns, kinds).enumerated().map { index, column in
      Column(prefix: Array("\(index == 0 ? "{" : ",")\"\(column.0)\":".utf8), kind: column.1)
    }
    for (index, name) in table.columns.enumerated() {
      switch "\(name)" {
      case "id": id = index
      case "version": version = index
      case "assigned_to": assignedTo = index
      case "workflow_id": workflow = index
      case "customer_id": customer = index
      case "user_id": user = index
      case "current_stage": stage = index
      case "status": status = index
      case "target_users": targetUsers = index
      case "target_roles": targetRoles = index
      case "broadcast": broadcast = index
      default: break
      }
    }
    if table == .workflowStates { workflow = id }
    if table == .customers { customer = id }
  }

  func id(_ row: SQLRow) -> ID? { row.id(id) }
  func version(_ row: SQLRow) -> Int { version < 0 ? 1 : row.integer(version) }

  func keys(_ row: SQLRow) throws -> RowKeys {
    var keys = RowKeys()
    if assignedTo >= 0 { keys.assignedTo = row.id(assignedTo) }
    if workflow >= 0 { keys.workflow = row.id(workflow) }
    if customer >= 0 { keys.customer = row.id(customer) }
    if user >= 0 { keys.user = row.id(user) }
    if stage >= 0 { keys.currentStage = row.text(stage) }
    if status >= 0 { keys.status = row.text(status) }
    if table == .workflowEvents {
      keys.audience = .init(
        users: try words(row, targetUsers).compactMap { ID($0) },
        roles: try words(row, targetRoles).compactMap { Role(rawValue: $0) }, isBroadcast: row.bool(broadcast))
    }
    return keys
  }

  private func words(_ row: SQLRow, _ column: Int) throws -> [String] {
    try row.withText(column) { text in
      var scanner = RowScanner(UnsafeRawBufferPointer(text))
      var words: [String] = []
      try scanner.expect("[")
      if scanner.skip("]") { return words }
      repeat { words.append(try scanner.plainString()) } while scanner.skip(",")
      return words
    }
  }

  /// The row's JSON.
  func json(_ row: SQLRow) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(1_024)
    for (index, column) in columns.enumerated() {
      bytes.append(contentsOf: column.prefix)
      if row.isNull(index) {
        bytes.append(contentsOf: Self.null)
        continue
      }
      switch column.kind {
      case .text: row.withText(index) { Self.append(quoted: $0, to: &bytes) }
      case .integer: Self.append(row.integer(index), to: &bytes)
      case .bool: bytes.append(contentsOf: row.bool(index) ? Self.yes : Self.no)
      // The store writes JSON columns with the same writer that prints rows.
      case .json: row.withText(index) { bytes.append(contentsOf: $0) }
      }
    }
    if !isVersioned { bytes.append(contentsOf: Self.first) }
    bytes.append(UInt8(ascii: "}"))
    return bytes
  }

  private static let null = Array("null".utf8)
  private static let yes = Array("true".utf8)
  private static let no = Array("false".utf8)
  private static let first = Array(",\"version\":1".utf8)

  private static func append(quoted text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    let isPlain = text.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    if isPlain {
      bytes.append(UInt8(ascii: "\""))
      bytes.append(contentsOf: text)
      bytes.append(UInt8(ascii: "\""))
    } else {
      var writer = JSONWriter()
      writer.string(String(decoding: text, as: UTF8.self))
      bytes.append(contentsOf: writer.bytes)
    }
  }

  private static func append(_ value: Int, to bytes: inout [UInt8]) {
    var writer = JSONWriter()
    writer.integer(value)
    bytes.append(contentsOf: writer.bytes)
  }

  /// What each column holds, asked of a blank row.
  private struct ColumnKinds: ColumnVisitor {
    var kinds: [Kind] = []

    static func of<R: Row>(_ type: R.Type) -> [Kind] {
      var visitor = ColumnKinds()
      var blank = R()
      blank.columns(&visitor)
      return visitor.kinds
    }

    mutating func column(_ name: StaticString, _ value: inout ID) { kinds.append(.text) }
    mutating func column(_ name: StaticString, _ value: inout ID?) { kinds.append(.text) }
    mutating func column(_ name: StaticString, _ value: inout String) { kinds.append(.text) }
    mutating func column(_ name: StaticString, _ value: inout String?) { kinds.append(.text) }
    mutating func column(_ name: StaticString, _ value: inout Int) { kinds.append(.integer) }
    mutating func column(_ name: StaticString, _ value: inout Int?) { kinds.append(.integer) }
    mutating func column(_ name: StaticString, _ value: inout Bool) { kinds.append(.bool) }
    mutating func column(_ name: StaticString, _ value: inout Instant) { kinds.append(.integer) }
    mutating func column(_ name: StaticString, _ value: inout Instant?) { kinds.append(.integer) }
    mutating func column(_ name: StaticString, _ value: inout JSON) { kinds.append(.json) }
    mutating func unknownCase(_ name: StaticString, _ text: String) {}
  }
}

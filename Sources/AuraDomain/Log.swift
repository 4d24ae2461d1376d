/// How a commit's changes stand in `sys_changes.changes`: JSON text for people, with lengths so that a resume splices
/// rows out of it without parsing them.
///
///     [["task_queue","put",412,{…412 bytes…},{"assigned_to":"…","status":"pending"}], …]
///
/// One entry is table, operation, the row's length in bytes, the row, and the filter columns that the row had before
/// (`null` for a new row). Only this program writes the text, so that reading it may rely on its form; whatever does not
/// have that form reads as damage, never as a trap.
extension Commit {
  package static func encodeChanges(_ changes: [RowChange]) -> [UInt8] {
    var writer = JSONWriter(capacity: changes.reduce(64) { $0 + $1.row.count + 160 })
    writer.beginArray()
    for change in changes {
      writer.beginArray()
      writer.string(change.table.rawValue)
      writer.string(change.operation.rawValue)
      writer.integer(change.row.count)
      writer.verbatim(change.row)
      if let was = change.was { was.json(into: &writer) } else { writer.null() }
      writer.endArray()
    }
    writer.endArray()
    return writer.bytes
  }

  package static func decodeChanges(_ text: UnsafeRawBufferPointer) throws(LogDamage) -> [RowChange] {
    var scanner = RowScanner(text)
    var changes: [RowChange] = []
    try scanner.expect("[")
    if scanner.skip("]") { return changes }
    repeat {
      try scanner.expect("[")
      guard let table = Table(rawValue: try scanner.plainString()) else { throw scanner.damage }
      try scanner.expect(",")
      guard let operation = RowChange.Operation(rawValue: try scanner.plainString()) else { throw scanner.damage }
      try scanner.expect(",")
      let length = try scanner.integer()
      try scanner.expect(",")
      let row = try scanner.take(length)
      try scanner.expect(",")
      let was = scanner.skip("null") ? nil : try RowFacts(json: scanner.value(), table: table).keys
      try scanner.expect("]")
      let facts = try RowFacts(json: row, table: table)
      guard let id = facts.id else { throw scanner.damage }
      changes.append(
        RowChange(
          table: table, operation: operation, id: id, version: facts.version, row: Array(row), keys: facts.keys,
          was: was))
    } while scanner.skip(",")
    try scanner.expect("]")
    return changes
  }

  package static func decodeChanges(_ text: [UInt8]) throws(LogDamage) -> [RowChange] {
    var result: Result<[RowChange], LogDamage> = .success([])
    text.withUnsafeBytes { bytes in
      do throws(LogDamage) { result = .success(try decodeChanges(bytes)) } catch { result = .failure(error) }
    }
    return try result.get()
  }
}

/// The log holds text that this program did not write.
package struct LogDamage: Error, Sendable, Equatable {
  package var offset: Int
}

extension RowKeys {
  /// The filter columns as an object with the names of the schema; columns that are `nil` are left out.
  package func json(into writer: inout JSONWriter) {
    writer.beginObject()
    if let assignedTo {
      writer.name("assigned_to")
      writer.id(assignedTo)
    }
    if let workflow {
      writer.name("workflow_id")
      writer.id(workflow)
    }
    if let customer {
      writer.name("customer_id")
      writer.id(customer)
    }
    if let user {
      writer.name("user_id")
      writer.id(user)
    }
    if let currentStage {
      writer.name("current_stage")
      writer.string(currentStage)
    }
    if let status {
      writer.name("status")
      writer.string(status)
    }
    if let audience {
      writer.name("target_users")
      writer.beginArray()
      for user in audience.users { writer.id(user) }
      writer.endArray()
      writer.name("target_roles")
      writer.beginArray()
      for role in audience.roles { writer.string(role.rawValue) }
      writer.endArray()
      writer.name("broadcast")
      writer.bool(audience.isBroadcast)
    }
    writer.endObject()
  }
}

/// What filters and streams need of a row, read from its JSON text.
package struct RowFacts {
  package private(set) var id: ID?
  package private(set) var version = 1
  package private(set) var keys = RowKeys()

  package init(json: UnsafeRawBufferPointer, table: Table) throws(LogDamage) {
    var audience = RowKeys.Audience(users: [], roles: [], isBroadcast: false)
    var scanner = RowScanner(json)
    try scanner.expect("{")
    if !scanner.skip("}") {
      repeat {
        let name = try scanner.string()
        try scanner.expect(":")
        let value = try scanner.value()
        switch name.count {
        case 2 where name.elementsEqual("id".utf8): id = Self.id(value)
        case 6 where name.elementsEqual("status".utf8): keys.status = Self.word(value)
        case 7 where name.elementsEqual("version".utf8): version = Self.integer(value) ?? 1
        case 7 where name.elementsEqual("user_id".utf8): keys.user = Self.id(value)
        case 9 where name.elementsEqual("broadcast".utf8): audience.isBroadcast = value.first == UInt8(ascii: "t")
        case 11 where name.elementsEqual("workflow_id".utf8): keys.workflow = Self.id(value)
        case 11 where name.elementsEqual("customer_id".utf8): keys.customer = Self.id(value)
        case 11 where name.elementsEqual("assigned_to".utf8): keys.assignedTo = Self.id(value)
        case 12 where name.elementsEqual("target_users".utf8):
          audience.users = try Self.words(value).compactMap { ID($0) }
        case 12 where name.elementsEqual("target_roles".utf8):
          audience.roles = try Self.words(value).compactMap { Role(rawValue: $0) }
        case 13 where name.elementsEqual("current_stage".utf8): keys.currentStage = Self.word(value)
        default: break
        }
      } while scanner.skip(",")
      try scanner.expect("}")
    }
    if table == .workflowStates, id != nil { keys.workflow = id }
    if table == .customers, id != nil { keys.customer = id }
    if table == .workflowEvents { keys.audience = audience }
  }

  private static func id(_ value: UnsafeRawBufferPointer) -> ID? {
    guard value.count == 38 else { return nil }
    return ID(utf8: UnsafeRawBufferPointer(rebasing: value[1..<37]).assumingMemoryBound(to: UInt8.self))
  }

  private static func word(_ value: UnsafeRawBufferPointer) -> String? {
    guard value.count >= 2, value.first == UInt8(ascii: "\"") else { return nil }
    return String(decoding: value[1..<(value.count - 1)], as: UTF8.self)
  }

  private static func integer(_ value: UnsafeRawBufferPointer) -> Int? {
    Int(String(decoding: value, as: UTF8.self))
  }

  private static func words(_ value: UnsafeRawBufferPointer) throws(LogDamage) -> [String] {
    var scanner = RowScanner(value)
    var words: [String] = []
    try scanner.expect("[")
    if scanner.skip("]") { return words }
    repeat { words.append(try scanner.plainString()) } while scanner.skip(",")
    try scanner.expect("]")
    return words
  }
}

extension RowChange {
  /// A row's JSON without the columns that a scope may not see; `hidden` are names in the schema.
  package static func append(
    _ row: [UInt8], hiding hidden: [StaticString], to writer: inout JSONWriter
  ) throws(LogDamage) {
    if hidden.isEmpty {
      writer.verbatim(row)
      return
    }
    var result: Result<Void, LogDamage> = .success(())
    // Taken, not copied: what was written so far may be a whole frame.
    var taken = JSONWriter()
    swap(&taken, &writer)
    row.withUnsafeBytes { bytes in
      do throws(LogDamage) { try project(bytes, hiding: hidden, into: &taken) } catch { result = .failure(error) }
    }
    writer = taken
    try result.get()
  }

  private static func project(
    _ row: UnsafeRawBufferPointer, hiding hidden: [StaticString], into writer: inout JSONWriter
  ) throws(LogDamage) {
    var scanner = RowScanner(row)
    try scanner.expect("{")
    writer.beginObject()
    if !scanner.skip("}") {
      repeat {
        let name = try scanner.string()
        try scanner.expect(":")
        let value = try scanner.value()
        let isHidden = hidden.contains { other in
          other.utf8CodeUnitCount == name.count
            && name.elementsEqual(UnsafeRawBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount))
        }
        if isHidden { continue }
        writer.name(verbatim: name)
        writer.verbatim(value)
      } while scanner.skip(",")
      try scanner.expect("}")
    }
    writer.endObject()
  }
}

/// Walks compact JSON text that `JSONWriter` wrote: no white space, names without escapes.
package struct RowScanner {
  private let text: UnsafeRawBufferPointer
  private var position = 0

  package init(_ text: UnsafeRawBufferPointer) { self.text = text }

  package var damage: LogDamage { LogDamage(offset: position) }

  package mutating func expect(_ literal: StaticString) throws(LogDamage) {
    guard skip(literal) else { throw damage }
  }

  /// Steps over `literal` if it comes next.
  package mutating func skip(_ literal: StaticString) -> Bool {
    let count = literal.utf8CodeUnitCount
    guard position + count <= text.count else { return false }
    for index in 0..<count where text[position + index] != literal.utf8Start[index] { return false }
    position += count
    return true
  }

  package mutating func take(_ count: Int) throws(LogDamage) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= text.count - position else { throw damage }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: text[position..<(position + count)])
  }

  package mutating func integer() throws(LogDamage) -> Int {
    var value = 0
    let start = position
    while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10, position - start < 18
    {
      value = value * 10 + Int(digit)
      position += 1
    }
    guard position > start else { throw damage }
    return value
  }

  /// The bytes between the quotes, escapes left as they are.
  package mutating func string() throws(LogDamage) -> UnsafeRawBufferPointer {
    try expect("\"")
    let start = position
    while position < text.count {
      let byte = text[position]
      if byte == UInt8(ascii: "\"") {
        defer { position += 1 }
        return UnsafeRawBufferPointer(rebasing: text[start..<position])
      }
      position += byte == UInt8(ascii: "\\") ? 2 : 1
    }
    throw damage
  }

  package mutating func plainString() throws(LogDamage) -> String { String(decoding: try string(), as: UTF8.self) }

  /// The bytes of the next value, brackets and quotes included.
  package mutating func value() throws(LogDamage) -> UnsafeRawBufferPointer {
    let start = position
    var depth = 0
    while position < text.count {
      switch text[position] {
      case UInt8(ascii: "\""):
        _ = try string()
        if depth == 0 { return UnsafeRawBufferPointer(rebasing: text[start..<position]) }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 {
          guard position > start else { throw damage }
          return UnsafeRawBufferPointer(rebasing: text[start..<position])
        }
        depth -= 1
        if depth == 0 {
          position += 1
          return UnsafeRawBufferPointer(rebasing: text[start..<position])
        }
      case UInt8(ascii: ",") where depth == 0:
        guard position > start else { throw damage }
        return UnsafeRawBufferPointer(rebasing: text[start..<position])
      default: break
      }
      position += 1
    }
    guard depth == 0, position > start else { throw damage }
    return UnsafeRawBufferPointer(rebasing: text[start..<position])
  }
}

extension RowChange {
  /// Whether the row's column prints as `literal`: a number, `true`, `null` …
  package func row(has column: StaticString, _ literal: StaticString) -> Bool {
    withValue(of: column) { value in
      value.elementsEqual(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    } ?? false
  }

  /// The text of a column whose words hold no escapes.
  package func text(of column: StaticString) -> String? {
    withValue(of: column) { value in
      value.first == UInt8(ascii: "\"") ? String(decoding: value[1..<(value.count - 1)], as: UTF8.self) : nil
    } ?? nil
  }

  private func withValue<T>(of column: StaticString, _ body: (UnsafeRawBufferPointer) -> T) -> T? {
    row.withUnsafeBytes { bytes in
      var scanner = RowScanner(bytes)
      guard scanner.skip("{") else { return nil }
      repeat {
        guard let name = try? scanner.string(), scanner.skip(":"), let value = try? scanner.value() else { return nil }
        if name.elementsEqual(UnsafeRawBufferPointer(start: column.utf8Start, count: column.utf8CodeUnitCount)) {
          return body(value)
        }
      } while scanner.skip(",")
      return nil
    }
  }
}

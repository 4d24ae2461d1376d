import AuraDomain

/// All that an installation holds of a customer, as portable JSON, a row at a time.
package enum CustomerExport {
  private static let account: SQL = """
    SELECT email, full_name, phone, locale, created_at FROM users WHERE id = $1
    """
  private static let sessions: SQL = """
    SELECT created_at, last_used_at, address, agent FROM sys_sessions WHERE user_id = $1 ORDER BY created_at
    """
  private static let byID: SQL = "SELECT user_id FROM customers WHERE clinic_id = $1 AND id = $2"
  private static let find: SQL = """
    SELECT c.id, c.clinic_code, k.id FROM clinics c JOIN customers k ON k.clinic_id = c.id
    WHERE (k.id = $1 OR k.customer_code = $1) AND ($2 IS NULL OR c.clinic_code = $2) ORDER BY c.clinic_code LIMIT 2
    """

  package struct Place: Sendable, Equatable {
    package var clinic: ID
    package var code: String
    package var customer: ID
  }

  /// The customers whose id or code this is, at most two, in all clinics or in one.
  package static func find(_ session: SQLSession, _ text: String, clinic code: String?) throws -> [Place] {
    try session.all(find, .text(text), .optional(code)) { row -> Place? in
      guard let clinic = row.id(0), let customer = row.id(2) else { return nil }
      return Place(clinic: clinic, code: row.text(1), customer: customer)
    }.compactMap { $0 }
  }

  /// Writes one JSON object: `{"exported_at", "clinic", "customer", "account", "tables": {table: [row, …], …}}`.
  package static func write(_ reader: Reader, _ place: Place, to output: ([UInt8]) throws -> Void) throws {
    let session = reader.session
    var head = JSONWriter()
    head.beginObject()
    head.name("exported_at")
    head.integer(reader.now.milliseconds)
    head.name("clinic")
    head.string(place.code)
    head.name("customer")
    head.id(place.customer)
    head.name("account")
    if let user = try session.first(byID, .id(place.clinic), .id(place.customer), read: { $0.id(0) }) ?? nil {
      head.value(try account(session, user))
    } else {
      head.null()
    }
    head.name("tables")
    // The tables follow piece by piece.
    try output(head.bytes + Array("{".utf8))
    var isFirst = true
    for table in Table.allCases {
      guard let condition = condition(table) else { continue }
      try output(Array("\(isFirst ? "" : ",")\n\"\(table.rawValue)\":[".utf8))
      isFirst = false
      let printer = RowPrinter.of(table)
      let text = "\(RowText.of(table).select) WHERE clinic_id = $1 AND \(condition) ORDER BY id"
      var isFirstRow = true
      try session.each(composed: text, [.id(place.clinic), .id(place.customer)]) { row in
        try output(Array((isFirstRow ? "\n" : ",\n").utf8) + printer.json(row))
        isFirstRow = false
      }
      try output(Array("]".utf8))
    }
    try output(Array("}}\n".utf8))
  }

  /// Which rows of a table are about the customer `$2`; `nil` for a table that is about nobody.
  private static func condition(_ table: Table) -> String? {
    let columns = Set(table.columns.map { "\($0)" })
    let cases = "(SELECT w.id FROM workflow_states w WHERE w.clinic_id = $1 AND w.customer_id = $2)"
    if table == .customers { return "id = $2" }
    if columns.contains("customer_id"), columns.contains("workflow_id") {
      return "(customer_id = $2 OR workflow_id IN \(cases))"
    }
    if columns.contains("customer_id") { return "customer_id = $2" }
    if columns.contains("workflow_id") { return "workflow_id IN \(cases)" }
    return nil
  }

  private static func account(_ session: SQLSession, _ user: ID) throws -> JSON {
    var account: JSON =
      try session.first(account, .id(user)) { row in
        [
          "email": .string(row.text(0)), "full_name": .string(row.text(1)), "phone": .text(row.optionalText(2)),
          "locale": .string(row.text(3)), "created_at": .instant(row.instant(4)),
        ]
      } ?? .emptyObject
    let sessions = try session.all(sessions, .id(user)) { row -> JSON in
      [
        "created_at": .instant(row.instant(0)), "last_used_at": .instant(row.instant(1)),
        "address": .text(row.optionalText(2)), "agent": .text(row.optionalText(3)),
      ]
    }
    account.set("sessions", .array(sessions))
    return account
  }
}

/// A file that is written piece by piece and gets its name when it is whole.
package final class PieceFile {
  private let draft: DraftFile
  private let path: String
  private var waiting: [UInt8] = []

  package init(_ path: String, replaces: Bool) throws {
    guard replaces || !DurableFiles.exists(path) else { throw StoreFailure.fileExists(path: path) }
    self.path = path
    draft = try DraftFile(of: path)
  }

  package func append(_ bytes: [UInt8]) throws {
    waiting += bytes
    if waiting.count >= 1 << 16 { try flush() }
  }

  private func flush() throws {
    try draft.append(waiting)
    waiting.removeAll(keepingCapacity: true)
  }

  package func finish(replaces: Bool) throws {
    do {
      try flush()
      try DurableFiles.sync(draft.path)
      guard try DurableFiles.place(draft.path, at: path, replaces: replaces) else {
        throw StoreFailure.fileExists(path: path)
      }
    } catch {
      draft.discard()
      throw error
    }
  }

  package func discard() { draft.discard() }
}

import AuraDomain
import AuraJSON

/// One clinic's rows as a transaction sees them.
struct StoredRows: ClinicRows {
  let session: SQLSession
  let clinicID: ID

  private static let activeUser: SQL = "SELECT 1 FROM users WHERE id = $1 AND status = 'active'"
  private static let userByEmail: SQL = "SELECT id FROM users WHERE email = $1 AND status = 'active'"
  private static let counter: SQL = "SELECT value FROM sys_counters WHERE clinic_id = $1 AND name = $2"

  private static let undo: SQL = "SELECT undo FROM sys_undos WHERE clinic_id = $1 AND workflow_id = $2"

  private static let audits: SQL = """
    SELECT n, at, detail FROM sys_audit WHERE clinic_id = $1 AND kind = $2 AND n < $3 ORDER BY n DESC LIMIT $4
    """

  func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? {
    // Users stand above the clinics: only one who belongs to this one is found.
    if R.table == .users { return try rows(type, Selection(.equal("id", .id(id)))).first }
    return try session.row(type, clinic: clinicID, id: id)
  }

  func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
    try session.rows(type, clinic: clinicID, selection)
  }

  func counter(_ name: String) throws -> Int {
    try session.first(Self.counter, .id(clinicID), .text(name)) { $0.integer(0) } ?? 0
  }

  func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] {
    try session.all(
      Self.audits, .id(clinicID), .text(kind), .integer(before ?? .max), .integer(limit)
    ) { row in
      let text = row.text(2)
      guard let detail = try? JSON.parse(text) else {
        throw StoreFailure.damaged(table: "sys_audit", column: "detail", text: text)
      }
      return AuditLine(number: row.integer(0), at: row.instant(1), detail: detail)
    }
  }

  func undo(_ workflow: ID) throws -> JSON? {
    guard let text = try session.first(Self.undo, .id(clinicID), .id(workflow), read: { $0.text(0) }) else {
      return nil
    }
    let bytes = Array(text.utf8)
    // It is ours, and may be larger than what is taken from outside.
    guard let undo = try? bytes.withUnsafeBytes({ try JSON.parse($0, valuesMax: 1 << 20) }) else {
      throw StoreFailure.damaged(table: "sys_undos", column: "undo", text: text)
    }
    return undo
  }

  func user(_ id: ID) throws -> User? { try row(User.self, id) }

  func userExists(_ id: ID) throws -> Bool {
    try session.first(Self.activeUser, .id(id)) { $0.integer(0) } != nil
  }

  func activeUser(email: String) throws -> ID? {
    try session.first(Self.userByEmail, .text(email)) { $0.id(0) } ?? nil
  }
}

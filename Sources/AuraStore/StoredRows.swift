import AuraDomain

/// One clinic's rows as a transaction sees them.
struct StoredRows: ClinicRows {
  let session: SQLSession
  let clinicID: ID

  private static let activeUser: SQL = "SELECT 1 FROM users WHERE id = $1 AND status = 'active'"
  private static let counter: SQL = "SELECT value FROM sys_counters WHERE clinic_id = $1 AND name = $2"

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

  func user(_ id: ID) throws -> User? { try row(User.self, id) }

  func userExists(_ id: ID) throws -> Bool {
    try session.first(Self.activeUser, .id(id)) { $0.integer(0) } != nil
  }
}

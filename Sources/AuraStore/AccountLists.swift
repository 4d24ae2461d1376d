import AuraDomain

/// Who and what there is, for whoever runs the installation.
extension Accounts {
  private static let clinicByCode: SQL = "SELECT id FROM clinics WHERE clinic_code = $1"
  private static let allClinics: SQL = """
    SELECT c.id, c.clinic_code, c.display_name, c.timezone, c.is_active, c.created_at,
      (SELECT COUNT(*) FROM clinic_staff s WHERE s.clinic_id = c.id AND s.is_active = 1),
      (SELECT COUNT(*) FROM customers k WHERE k.clinic_id = c.id),
      COALESCE((SELECT h.seq FROM sys_heads h WHERE h.clinic_id = c.id), 0)
    FROM clinics c ORDER BY c.clinic_code
    """
  private static let allUsers: SQL = """
    SELECT u.id, u.email, u.full_name, u.status, u.is_super_admin, u.password_hash IS NOT NULL,
      (SELECT COUNT(*) FROM sys_sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > $1)
    FROM users u WHERE u.email > $2 ORDER BY u.email LIMIT $3
    """
  private static let places: SQL = """
    SELECT c.clinic_code, s.role, s.is_active, s.front_desk FROM clinic_staff s JOIN clinics c ON c.id = s.clinic_id
    WHERE s.user_id = $1 ORDER BY c.clinic_code
    """
  private static let members: SQL = """
    SELECT u.email, u.full_name, u.status, s.role, s.is_active, s.front_desk, s.skills, s.id, u.id
    FROM clinic_staff s JOIN users u ON u.id = s.user_id WHERE s.clinic_id = $1 ORDER BY u.email
    """

  package struct ClinicLine: Sendable {
    package var id: ID
    package var code: String
    /// JSON: `{"th", "en"}`.
    package var names: String
    package var timezone: String
    package var isActive: Bool
    package var createdAt: Instant
    package var staff: Int
    package var customers: Int
    /// The clinic's last commit.
    package var head: Int
  }

  package struct UserLine: Sendable {
    package var id: ID
    package var email: String
    package var name: String
    package var status: String
    package var isSuperAdmin: Bool
    package var hasPassword: Bool
    package var sessions: Int
    package var places: [Place]
  }

  package struct Place: Sendable {
    package var clinic: String
    package var role: String
    package var isActive: Bool
    package var isFrontDesk: Bool
  }

  package struct MemberLine: Sendable {
    package var staff: ID
    package var user: ID
    package var email: String
    package var name: String
    package var status: String
    package var role: String
    package var isActive: Bool
    package var isFrontDesk: Bool
    /// JSON: an array of words.
    package var skills: String
  }

  package static func clinic(_ session: SQLSession, code: String) throws -> ID? {
    try session.first(clinicByCode, .text(code)) { $0.id(0) } ?? nil
  }

  package static func clinics(_ session: SQLSession) throws -> [ClinicLine] {
    try session.all(allClinics) { row in
      guard let id = row.id(0) else { throw StoreFailure.damaged(table: "clinics", column: "id", text: row.text(0)) }
      return ClinicLine(
        id: id, code: row.text(1), names: row.text(2), timezone: row.text(3), isActive: row.bool(4),
        createdAt: row.instant(5), staff: row.integer(6), customers: row.integer(7), head: row.integer(8))
    }
  }

  /// In the order of their addresses, a page behind `after`.
  package static func users(_ session: SQLSession, now: Instant, after: String, limit: Int) throws -> [UserLine] {
    try session.all(allUsers, .instant(now), .text(after), .integer(limit)) { row in
      guard let id = row.id(0) else { throw StoreFailure.damaged(table: "users", column: "id", text: row.text(0)) }
      let places = try session.all(places, .id(id)) { place in
        Place(
          clinic: place.text(0), role: place.text(1), isActive: place.bool(2), isFrontDesk: place.bool(3))
      }
      return UserLine(
        id: id, email: row.text(1), name: row.text(2), status: row.text(3), isSuperAdmin: row.bool(4),
        hasPassword: row.bool(5), sessions: row.integer(6), places: places)
    }
  }

  package static func members(_ session: SQLSession, clinic: ID) throws -> [MemberLine] {
    try session.all(members, .id(clinic)) { row in
      guard let staff = row.id(7), let user = row.id(8) else {
        throw StoreFailure.damaged(table: "clinic_staff", column: "id", text: row.text(7))
      }
      return MemberLine(
        staff: staff, user: user, email: row.text(0), name: row.text(1), status: row.text(2), role: row.text(3),
        isActive: row.bool(4), isFrontDesk: row.bool(5), skills: row.text(6))
    }
  }
}

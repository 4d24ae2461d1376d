import AuraDomain

/// Who somebody is, as the database has it: what a token's claims are held against.
package struct Identity: Sendable, Equatable {
  package enum SessionState: Sendable { case valid, revoked, expired, unknown }

  package var user: ID
  package var email: String
  package var name: String
  package var locale: Language
  package var isActive: Bool
  package var isSuperAdmin: Bool
  package var tokenEpoch: Int
  /// Active memberships and customer links of active clinics, staff first.
  package var memberships: [Membership]
  /// Where somebody is staff: on duty or not, by clinic.
  package var duties: [ID: Duty] = [:]
  /// `nil` when no session was asked about.
  package var session: SessionState?

  private static let find: SQL = """
    SELECT email, full_name, locale, status, is_super_admin, token_epoch FROM users WHERE id = $1
    """
  private static let staff: SQL = """
    SELECT s.clinic_id, s.role, s.id, s.duty FROM clinic_staff s JOIN clinics c ON c.id = s.clinic_id
    WHERE s.user_id = $1 AND s.is_active = 1 AND c.is_active = 1 ORDER BY s.clinic_id
    """
  private static let customer: SQL = """
    SELECT k.clinic_id, k.id FROM customers k JOIN clinics c ON c.id = k.clinic_id
    WHERE k.user_id = $1 AND c.is_active = 1 ORDER BY k.clinic_id
    """
  private static let validity: SQL = "SELECT user_id, expires_at, revoked_at FROM sys_sessions WHERE id = $1"

  static func read(_ session: SQLSession, user: ID, session id: ID?, now: Instant) throws -> Identity? {
    let found = try session.first(find, .id(user)) { row in
      Identity(
        user: user, email: row.text(0), name: row.text(1), locale: Language(rawValue: row.text(2)) ?? .th,
        isActive: row.text(3) == UserStatus.active.rawValue, isSuperAdmin: row.bool(4), tokenEpoch: row.integer(5),
        memberships: [])
    }
    guard var identity = found else { return nil }
    try session.each(staff, .id(user)) { row in
      guard let clinic = row.id(0), let role = Role(rawValue: row.text(1)) else { return }
      identity.memberships.append(Membership(clinic: clinic, role: role, staff: row.id(2), customer: nil))
      identity.duties[clinic] = Duty(rawValue: row.text(3))
    }
    try session.each(customer, .id(user)) { row in
      guard let clinic = row.id(0) else { return }
      if let index = identity.memberships.firstIndex(where: { $0.clinic == clinic }) {
        identity.memberships[index].customer = row.id(1)
      } else {
        identity.memberships.append(Membership(clinic: clinic, role: nil, staff: nil, customer: row.id(1)))
      }
    }
    if let id {
      identity.session =
        try session.first(validity, .id(id)) { row -> SessionState in
          if row.id(0) != user { return .unknown }
          if !row.isNull(2) { return .revoked }
          return row.instant(1) <= now ? .expired : .valid
        } ?? .unknown
    }
    return identity
  }
}

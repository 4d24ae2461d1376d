import AuraDomain

/// Who somebody is in a clinic, read in the transaction that acts on it.
enum Rights {
  private static let actor: SQL = """
    SELECT u.status, u.is_super_admin, c.is_active, s.id, s.role, s.is_active, s.front_desk, k.id
    FROM users u
    LEFT JOIN clinics c ON c.id = $1
    LEFT JOIN clinic_staff s ON s.clinic_id = c.id AND s.user_id = u.id
    LEFT JOIN customers k ON k.clinic_id = c.id AND k.user_id = u.id
    WHERE u.id = $2
    """

  private static let clinic: SQL = "SELECT is_active FROM clinics WHERE id = $1"

  /// The actor of a command; a refusal when the clinic is not theirs, whether or not it exists.
  static func actor(_ session: SQLSession, user: ID?, clinic: ID, reason: String?) throws -> Actor {
    guard let user else {
      guard try session.first(Self.clinic, .id(clinic), read: { $0.bool(0) }) == true else { throw notYours }
      return .system
    }
    let actor = try session.first(Self.actor, .id(clinic), .id(user)) { row -> Actor? in
      guard row.text(0) == UserStatus.active.rawValue, !row.isNull(2), row.bool(2) else { return nil }
      let isSuperAdmin = row.bool(1) && reason.map { !$0.isEmpty } ?? false
      if let staff = row.id(3), row.bool(5), let role = Role(rawValue: row.text(4)) {
        var actor = Actor(user: user, kind: .staff, role: role, staff: staff)
        actor.isFrontDesk = row.bool(6)
        actor.isSuperAdmin = isSuperAdmin
        return actor
      }
      if isSuperAdmin {
        var actor = Actor(user: user, kind: .staff)
        actor.isSuperAdmin = true
        return actor
      }
      if let customer = row.id(7) { return Actor(user: user, kind: .customer, customer: customer) }
      guard row.bool(1) else { return nil }
      throw Refusal(.forbidden, "A super admin needs a reason to act in a clinic.", details: ["missing": "reason"])
    }
    guard case .some(.some(let actor)) = actor else { throw notYours }
    return actor
  }

  static let notYours = Refusal(.forbidden, "This clinic is not yours.")
}

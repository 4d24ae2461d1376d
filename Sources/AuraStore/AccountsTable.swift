import AuraDomain

/// Users and their sessions, as signing in needs them. The functions run inside `Store.write` or `Store.read`; what
/// ends a session also signals it.
package enum Accounts {
  private static let byEmail: SQL = "SELECT id FROM users WHERE email = $1"
  private static let setPassword: SQL = """
    UPDATE users SET password_hash = $1, version = version + 1, updated_at = $2 WHERE id = $3
    """
  private static let raiseEpoch: SQL = """
    UPDATE users SET token_epoch = token_epoch + 1, version = version + 1, updated_at = $1 WHERE id = $2
    """
  private static let setStatus: SQL = """
    UPDATE users SET status = $1, token_epoch = token_epoch + 1, version = version + 1, updated_at = $2 WHERE id = $3
    """

  /// Looks up by the address in lower case, as it is stored.
  package static func user(_ session: SQLSession, email: String) throws -> User? {
    guard let id = try session.first(byEmail, .text(email.lowercased()), read: { $0.id(0) }) ?? nil else { return nil }
    return try user(session, id: id)
  }

  package static func user(_ session: SQLSession, id: ID) throws -> User? {
    // Users stand above the clinics, so that the clinic here constrains nothing.
    try session.row(User.self, clinic: id, id: id)
  }

  /// Adds a user; the address is put in lower case, the times are set. A taken address throws `AddressTaken`.
  @discardableResult
  package static func insert(_ scope: WriteTransaction, _ user: User) throws -> User {
    var user = user
    user.email = user.email.lowercased()
    user.version = 1
    user.createdAt = scope.now
    user.updatedAt = scope.now
    if try self.user(scope.session, email: user.email) != nil { throw AddressTaken(email: user.email) }
    try scope.session.insert(user)
    return user
  }

  package static func setPassword(_ scope: WriteTransaction, user: ID, hash: String) throws {
    try scope.session.execute(setPassword, .text(hash), .instant(scope.now), .id(user))
  }

  /// Makes every token of the user worthless and ends their sessions.
  package static func raiseTokenEpoch(_ scope: WriteTransaction, user: ID) throws {
    try scope.session.execute(raiseEpoch, .instant(scope.now), .id(user))
    try LoginSessions.revokeAll(scope, user: user)
    scope.signal(.userDisabled(user))
  }

  package static func setStatus(_ scope: WriteTransaction, user: ID, _ status: UserStatus) throws {
    try scope.session.execute(setStatus, .text(status.rawValue), .instant(scope.now), .id(user))
    guard status != .active else { return }
    try LoginSessions.revokeAll(scope, user: user)
    scope.signal(.userDisabled(user))
  }

  package struct AddressTaken: Error, Sendable, Equatable {
    package var email: String
  }
}

/// A sign-in on one device, from login to logout.
package struct LoginSession: Sendable, Equatable {
  package var id: ID
  package var user: ID
  package var createdAt: Instant
  package var lastUsedAt: Instant
  package var expiresAt: Instant
  package var revokedAt: Instant?
  /// When the present refresh token replaced the one before.
  package var rotatedAt: Instant?
  /// The present refresh token's digest: the token itself is never stored.
  package var refreshDigest: [UInt8]
  package var address: String?
  package var agent: String?
}

package enum LoginSessions {
  private static let columns = """
    id, user_id, created_at, last_used_at, expires_at, revoked_at, rotated_at, address, agent, refresh_digest
    """
  private static let insert: SQL = """
    INSERT INTO sys_sessions (id, user_id, refresh_digest, created_at, last_used_at, expires_at, address, agent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    """
  private static let byID = SQL("SELECT \(columns) FROM sys_sessions WHERE id = $1")
  private static let ofUser = SQL(
    "SELECT \(columns) FROM sys_sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id")
  private static let rotate: SQL = """
    UPDATE sys_sessions SET refresh_digest = $1, rotated_at = $2, last_used_at = $3, expires_at = $4
    WHERE id = $5 AND refresh_digest = $6 AND revoked_at IS NULL
    """
  private static let revoke: SQL = "UPDATE sys_sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL"

  /// Starts a session. Its id is the caller's, since the refresh token holds it.
  package static func create(
    _ scope: WriteTransaction, id: ID, user: ID, refreshDigest: [UInt8], expiresAt: Instant, address: String?,
    agent: String?
  ) throws {
    try scope.session.execute(
      insert, .id(id), .id(user), .blob(refreshDigest), .instant(scope.now), .instant(scope.now), .instant(expiresAt),
      .optional(address), .optional(agent))
  }

  /// A session, whether it is open or has ended.
  package static func find(_ session: SQLSession, id: ID) throws -> LoginSession? {
    try session.first(byID, .id(id), read: read)
  }

  /// Replaces the refresh token; `false` when the session no longer has the old one or is revoked.
  package static func rotate(
    _ scope: WriteTransaction, session: ID, from old: [UInt8], to new: [UInt8], expiresAt: Instant
  ) throws -> Bool {
    try scope.session.execute(
      rotate, .blob(new), .instant(scope.now), .instant(scope.now), .instant(expiresAt), .id(session), .blob(old)) == 1
  }

  /// Ends a session; nothing happens to one that has ended.
  package static func revoke(_ scope: WriteTransaction, session: ID) throws {
    guard try scope.session.execute(revoke, .instant(scope.now), .id(session)) == 1 else { return }
    scope.signal(.sessionRevoked(session))
  }

  package static func revokeAll(_ scope: WriteTransaction, user: ID) throws {
    for open in try active(scope.session, user: user, now: scope.now) { try revoke(scope, session: open.id) }
  }

  package static func active(_ session: SQLSession, user: ID, now: Instant) throws -> [LoginSession] {
    try session.all(ofUser, .id(user), .instant(now), read: read)
  }

  private static func read(_ row: SQLRow) throws -> LoginSession {
    guard let id = row.id(0), let user = row.id(1) else {
      throw StoreFailure.damaged(table: "sys_sessions", column: "id", text: row.text(0))
    }
    return LoginSession(
      id: id, user: user, createdAt: row.instant(2), lastUsedAt: row.instant(3), expiresAt: row.instant(4),
      revokedAt: row.optionalInstant(5), rotatedAt: row.optionalInstant(6), refreshDigest: row.bytes(9),
      address: row.optionalText(7), agent: row.optionalText(8))
  }
}

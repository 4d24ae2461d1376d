import AuraDomain
import AuraStore
import AuraTransport
import Logging

/// Staying signed in and signing out.
extension SignIn {
  private enum Refreshed: Sendable {
    case granted(Granted)
    case refused
    case stolen(user: ID)
  }

  /// Exchanges the cookie for an access token and the next cookie. The whole decision is one write: two tabs that ask
  /// at once are decided one after the other.
  func refresh(_ reply: Reply) {
    let address = reply.request.peer
    if let wait = refreshWait(address, clock()) { return reply.fault(.tooMany(wait)) }
    guard let token = reply.request.cookie(SignInAnswer.cookieName).flatMap({ RefreshToken($0) }) else {
      return reply.fault(.noSession, clearsCookie: true)
    }
    store.write { [refreshKey] scope in
      try Self.exchange(token, key: refreshKey, scope)
    } then: { [self] result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success(.refused): reply.fault(.noSession, clearsCookie: true)
      case .success(.stolen(let user)):
        log.warning(
          "a refresh token was used twice: its session is ended",
          metadata: ["user": "\(user)", "session": "\(token.session)", "address": "\(address)"])
        reply.fault(.noSession, clearsCookie: true)
      case .success(.granted(let granted)): grant(granted, reply)
      }
    }
  }

  private static func exchange(
    _ token: RefreshToken, key: [UInt8], _ scope: WriteTransaction
  ) throws -> Refreshed {
    let now = scope.now
    guard let session = try LoginSessions.find(scope.session, id: token.session), session.isOpen(at: now),
      let identity = try scope.identity(user: session.user, session: session.id), identity.isActive
    else { return .refused }
    switch token.standing(current: session.refreshDigest, rotatedAt: session.rotatedAt, now: now, key: key) {
    case .unknown: return .refused
    case .stolen:
      try LoginSessions.revoke(scope, session: session.id)
      return .stolen(user: session.user)
    case .justReplaced(let next):
      return .granted(Granted(identity: identity, refresh: next, expiresAt: session.expiresAt))
    case .current(let next):
      let expiresAt = min(now + idleLifetime, session.createdAt + wholeLifetime)
      guard
        try LoginSessions.rotate(
          scope, session: session.id, from: token.digest, to: next.digest, expiresAt: expiresAt)
      else { return .refused }
      return .granted(Granted(identity: identity, refresh: next, expiresAt: expiresAt))
    }
  }

  /// Ends the session of the cookie and that of the access token. Signing out of what has ended is no error.
  func logout(_ reply: Reply) {
    let cookie = reply.request.cookie(SignInAnswer.cookieName).flatMap { RefreshToken($0) }
    let bearer = reply.request.bearer.flatMap { try? tokens.verify($0, now: clock()) }?.session
    guard cookie != nil || bearer != nil else { return reply.signedOut() }
    store.write { [refreshKey] scope in
      if let bearer { try LoginSessions.revoke(scope, session: bearer) }
      guard let cookie, let session = try LoginSessions.find(scope.session, id: cookie.session) else { return }
      // A session's id is no secret: a cookie that only names it ends nothing.
      let standing = cookie.standing(
        current: session.refreshDigest, rotatedAt: session.rotatedAt, now: scope.now, key: refreshKey)
      if standing != .unknown { try LoginSessions.revoke(scope, session: session.id) }
    } then: { result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success: reply.signedOut()
      }
    }
  }
}

extension LoginSession {
  func isOpen(at now: Instant) -> Bool { revokedAt == nil && expiresAt > now }
}

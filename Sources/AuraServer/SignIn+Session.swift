import AuraDomain
import AuraStore
import AuraTransport
import Logging

/// Staying signed in and signing out.
extension SignIn {
  private enum Refreshed: Sendable {
    case granted(Granted)
    /// The same answer as before, so long after it.
    case again(Granted, Span)
    case refused
    case stolen(user: ID)
  }

  /// Exchanges the cookie for an access token and the next cookie. A reader finds out whether the cookie was ever the
  /// session's, so that made-up ones cost the writer nothing; the decision itself is one write: two tabs that ask at
  /// once are decided one after the other.
  func refresh(_ reply: Reply) {
    let address = reply.request.peer
    if let wait = refreshWait(address, clock()) { return reply.fault(.tooMany(wait)) }
    guard let token = reply.request.cookie(SignInAnswer.cookieName).flatMap({ RefreshToken($0) }) else {
      return reply.fault(.noSession, clearsCookie: true)
    }
    store.read { [refreshKey, now = clock()] reader in
      try Self.isOfOpenSession(token, key: refreshKey, reader.session, now)
    } then: { [self] result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success(false): reply.fault(.noSession, clearsCookie: true)
      case .success(true): exchange(token, reply)
      }
    }
  }

  /// Whether the token is or was one of a session that is open. What is true once stays so until the session ends: a
  /// chain only grows.
  private static func isOfOpenSession(
    _ token: RefreshToken, key: [UInt8], _ session: SQLSession, _ now: Instant
  ) throws -> Bool {
    guard let found = try LoginSessions.find(session, id: token.session), found.isOpen(at: now) else { return false }
    return token.standing(current: found.refreshDigest, key: key) != .unknown
  }

  private func exchange(_ token: RefreshToken, _ reply: Reply) {
    store.write { [refreshKey] scope in
      try Self.exchange(token, key: refreshKey, scope)
    } then: { [self] result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success(.refused): reply.fault(.noSession, clearsCookie: true)
      case .success(.stolen(let user)):
        log.warning(
          "a refresh token was used twice: its session is ended",
          metadata: ["user": "\(user)", "session": "\(token.session)", "address": "\(reply.request.peer)"])
        reply.fault(.noSession, clearsCookie: true)
      case .success(.granted(let granted)): grant(granted, reply)
      case .success(.again(let granted, let age)):
        // Two tabs at once are daily life. Hours later it is an answer that was lost, or the first sight of a thief.
        if age > .minutes(1) {
          log.notice(
            "a refresh was answered again",
            metadata: [
              "session": "\(token.session)", "address": "\(reply.request.peer)",
              "seconds": "\(age.milliseconds / 1_000)",
            ])
        }
        grant(granted, reply)
      }
    }
  }

  /// For a token that is known to be of the session's chain.
  private static func exchange(
    _ token: RefreshToken, key: [UInt8], _ scope: WriteTransaction
  ) throws -> Refreshed {
    let now = scope.now
    guard let session = try LoginSessions.find(scope.session, id: token.session), session.isOpen(at: now),
      let identity = try scope.identity(user: session.user, session: session.id), identity.isActive
    else { return .refused }
    switch token.nearStanding(current: session.refreshDigest, key: key) {
    case .justReplaced(let next)?:
      let granted = Granted(identity: identity, refresh: next, expiresAt: session.expiresAt)
      return .again(granted, now - (session.rotatedAt ?? now))
    case .current(let next)?:
      let expiresAt = min(now + idleLifetime, session.createdAt + wholeLifetime)
      guard
        try LoginSessions.rotate(
          scope, session: session.id, from: token.digest, to: next.digest, expiresAt: expiresAt)
      else { return .refused }
      return .granted(Granted(identity: identity, refresh: next, expiresAt: expiresAt))
    case .stolen?, .unknown?, nil:
      try LoginSessions.revoke(scope, session: session.id)
      return .stolen(user: session.user)
    }
  }

  /// Ends the session of the cookie and that of the access token. Signing out of what has ended is no error, and no
  /// write: this route needs no password, so that it must cost little.
  func logout(_ reply: Reply) {
    let cookie = reply.request.cookie(SignInAnswer.cookieName).flatMap { RefreshToken($0) }
    let bearer = reply.request.bearer.flatMap { try? tokens.verify($0, now: clock()) }?.session
    guard cookie != nil || bearer != nil else { return reply.signedOut() }
    if let wait = refreshWait(reply.request.peer, clock()) { return reply.fault(.tooMany(wait)) }
    store.read { [refreshKey, now = clock()] reader in
      var ending: [ID] = []
      if let bearer, try LoginSessions.find(reader.session, id: bearer)?.isOpen(at: now) == true {
        ending.append(bearer)
      }
      // A session's id is no secret: a cookie that only names it ends nothing.
      if let cookie, try Self.isOfOpenSession(cookie, key: refreshKey, reader.session, now) {
        ending.append(cookie.session)
      }
      return ending
    } then: { [self] result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success(let ending) where ending.isEmpty: reply.signedOut()
      case .success(let ending): end(ending, reply)
      }
    }
  }

  private func end(_ sessions: [ID], _ reply: Reply) {
    store.write { scope in
      for session in sessions { try LoginSessions.revoke(scope, session: session) }
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

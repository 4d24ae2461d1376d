import AuraDomain
import AuraJSON
import AuraStore
import AuraTransport
import Logging
import Synchronization

/// Signing in, staying signed in and signing out: `POST /api/auth/login`, `/refresh` and `/logout`.
///
/// Called on a loop's thread; answers from wherever the last step ran: passwords are checked on their own threads, rows
/// are read by a reader and written by the writer. Nothing here waits.
package final class SignIn: Sendable {
  package static let path = "/api/auth/"
  /// A session that is not used for so long ends …
  static let idleLifetime = Span.days(14)
  /// … and every session ends so long after its login.
  static let wholeLifetime = Span.days(90)
  static let bodyBytesMax = 8_192

  let store: Store
  let tokens: Tokens
  private let passwords: Passwords
  private let allowedOrigins: Set<String>
  let refreshKey: [UInt8]
  let clock: @Sendable () -> Instant
  let log = Logger(label: "sign-in")
  private let limits: Mutex<LoginLimits>

  package convenience init(
    store: Store, tokens: Tokens, secret: InstallationSecret, passwords: Passwords, allowedOrigins: Set<String>,
    clock: @escaping @Sendable () -> Instant
  ) {
    self.init(
      store: store, tokens: tokens, secret: secret, passwords: passwords, allowedOrigins: allowedOrigins,
      limits: LoginLimits(), clock: clock)
  }

  init(
    store: Store, tokens: Tokens, secret: InstallationSecret, passwords: Passwords, allowedOrigins: Set<String>,
    limits: LoginLimits, clock: @escaping @Sendable () -> Instant
  ) {
    self.store = store
    self.tokens = tokens
    self.passwords = passwords
    self.allowedOrigins = allowedOrigins
    self.clock = clock
    refreshKey = secret.key(for: "refresh token chain")
    self.limits = Mutex(limits)
  }

  /// Answers a request below `path`.
  package func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let reply = Reply(request: request, responder: responder, clock: clock)
    let routes = ["/api/auth/login", "/api/auth/refresh", "/api/auth/logout"]
    guard routes.contains(request.path) else { return reply.fault(.notFound) }
    guard request.method == "POST" else { return reply.fault(.notAllowed) }
    guard request.isOfOwnPage(or: allowedOrigins) else { return reply.fault(.foreignOrigin) }
    guard request.isJSON else { return reply.fault(.notJSON) }
    guard request.body.count <= Self.bodyBytesMax, let body = try? JSON.parse(request.body), body.object != nil else {
      return reply.fault(.badRequest("The body is not a JSON object"))
    }
    switch request.path {
    case "/api/auth/login": login(body, reply)
    case "/api/auth/refresh": refresh(reply)
    default: logout(reply)
    }
  }

  // MARK: Login

  private func login(_ body: JSON, _ reply: Reply) {
    guard let email = body["email"]?.string?.trimmingSpaces.lowercased(), !email.isEmpty, email.utf8.count <= 254,
      let password = body["password"]?.string, !password.isEmpty, password.utf8.count <= Passwords.bytesMax
    else { return reply.fault(.badRequest("email and password are needed")) }
    let address = reply.request.peer
    let now = clock()
    if let wait = limits.withLock({ $0.take(address: address, account: email, now: now) }) {
      log.notice("login refused by the limits", metadata: ["address": "\(address)"])
      return reply.fault(.tooMany(wait))
    }
    let giveBack: @Sendable () -> Void = { [self] in
      limits.withLock { $0.giveBack(address: address, account: email) }
    }
    store.read { reader in
      try Accounts.user(reader.session, email: email)
    } then: { [self] result in
      switch result {
      case .failure(let failure):
        giveBack()
        reply.fault(failure)
      case .success(let user):
        let hash = user?.status == .active ? user?.passwordHash : nil
        let isTaken = passwords.check(password, against: hash) { [self] verdict in
          guard let user, case .right(let rehash) = verdict else {
            log.notice("login with wrong credentials", metadata: ["address": "\(address)"])
            return reply.fault(.wrongCredentials)
          }
          giveBack()
          open(user, rehash: rehash, reply)
        }
        if !isTaken {
          giveBack()
          reply.fault(.overloaded)
        }
      }
    }
  }

  /// Makes the session of a user whose password was right.
  private func open(_ user: User, rehash: String?, _ reply: Reply) {
    let (address, agent) = (reply.request.peer, reply.request.header("user-agent").map { String($0.prefix(200)) })
    store.write { scope -> Granted? in
      // What was read before the password was checked may be true no more.
      guard let now = try Accounts.user(scope.session, id: user.id), now.status == .active,
        now.passwordHash == user.passwordHash
      else { return nil }
      if let rehash { try Accounts.setPassword(scope, user: user.id, hash: rehash) }
      let token = RefreshToken(session: scope.newID())
      let expiresAt = scope.now + Self.idleLifetime
      try LoginSessions.create(
        scope, id: token.session, user: user.id, refreshDigest: token.digest, expiresAt: expiresAt, address: address,
        agent: agent)
      guard let identity = try scope.identity(user: user.id, session: token.session) else { return nil }
      return Granted(identity: identity, refresh: token, expiresAt: expiresAt)
    } then: { [self] result in
      switch result {
      case .failure(let failure): reply.fault(failure)
      case .success(nil): reply.fault(.wrongCredentials)
      case .success(.some(let granted)):
        log.info("signed in", metadata: ["user": "\(user.id)", "session": "\(granted.refresh.session)"])
        grant(granted, reply)
      }
    }
  }

  struct Granted: Sendable {
    var identity: Identity
    var refresh: RefreshToken
    /// When the session ends unless it is used again.
    var expiresAt: Instant
  }

  /// Answers with an access token and the cookie that gets the next one.
  func grant(_ granted: Granted, _ reply: Reply) {
    let now = clock()
    // The session's end is the token's too. A token knows whole seconds only.
    let end = min(now + Tokens.accessLifetime, granted.expiresAt)
    let claims = AccessClaims(
      user: granted.identity.user, session: granted.refresh.session, epoch: granted.identity.tokenEpoch, issuedAt: now,
      expiresAt: Instant(milliseconds: end.milliseconds / 1_000 * 1_000))
    guard let token = tokens.issue(claims) else { return reply.fault(.failed) }
    reply.grant(
      .init(
        accessToken: token, expiresAt: claims.expiresAt, identity: granted.identity, refresh: granted.refresh,
        refreshLifetime: granted.expiresAt - now))
  }

  /// How long an address has to wait before it may refresh; `nil` when it need not.
  func refreshWait(_ address: String, _ now: Instant) -> Span? {
    limits.withLock { $0.takeRefresh(address: address, now: now) }
  }
}

extension HTTPRequest {
  /// A browser names the page's origin: it must be the hub's own, or listed. What names none is no browser.
  func isOfOwnPage(or allowedOrigins: Set<String>) -> Bool {
    guard let origin = header("origin") else { return header("sec-fetch-site") != "cross-site" }
    if allowedOrigins.contains(origin) { return true }
    guard let host = header("host") else { return false }
    return origin.lowercased() == (isEncrypted ? "https://" : "http://") + host.lowercased()
  }

  /// Whether the body is said to be JSON: a form of another site cannot send this type, and a script of one has to ask
  /// first.
  var isJSON: Bool {
    header("content-type")?.split(separator: ";").first?.lowercased().filter { $0 != " " } == "application/json"
  }

  /// The access token of an `Authorization: Bearer` header.
  var bearer: String? {
    guard let value = header("authorization"), value.lowercased().hasPrefix("bearer ") else { return nil }
    return value.dropFirst(7).trimmingSpaces
  }
}

extension StringProtocol {
  fileprivate var trimmingSpaces: String {
    var rest = self[...]
    while rest.first == " " { rest.removeFirst() }
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }
}

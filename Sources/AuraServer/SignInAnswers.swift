import AuraDomain
import AuraStore
import AuraTransport

/// Where an answer goes, with what it depends on of the request.
struct Reply: Sendable {
  let request: HTTPRequest
  let responder: HTTPResponder
  let clock: @Sendable () -> Instant

  func fault(_ fault: SignInAnswer.Fault, clearsCookie: Bool = false) {
    responder.respond(
      SignInAnswer.fault(fault, now: clock(), clearsCookie: clearsCookie, isEncrypted: request.isEncrypted))
  }

  func fault(_ failure: any Error) {
    switch failure as? StoreFailure {
    case .overloaded, .unavailable, .stopped: fault(SignInAnswer.Fault.overloaded)
    default: fault(SignInAnswer.Fault.failed)
    }
  }

  func grant(_ grant: SignInAnswer.Grant) {
    responder.respond(SignInAnswer.grant(grant, now: clock(), isEncrypted: request.isEncrypted))
  }

  func signedOut() { responder.respond(SignInAnswer.signedOut(isEncrypted: request.isEncrypted)) }
}

extension Identity {
  /// The `user` of `welcome`, and what a page needs besides: the address, the language to speak.
  fileprivate func json(into writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("id")
    writer.id(user)
    writer.name("name")
    writer.string(name)
    writer.name("email")
    writer.string(email)
    writer.name("locale")
    writer.string(locale.rawValue)
    if isSuperAdmin {
      writer.name("is_super_admin")
      writer.bool(true)
    }
    writer.name("memberships")
    writer.beginArray()
    for membership in memberships {
      writer.beginObject()
      writer.name("clinic")
      writer.id(membership.clinic)
      writer.name("role")
      writer.string(membership.role?.rawValue ?? "customer")
      if let staff = membership.staff {
        writer.name("staff")
        writer.id(staff)
      }
      if let customer = membership.customer {
        writer.name("customer")
        writer.id(customer)
      }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }
}

/// What the sign-in routes answer: shapes of the original's HTTP API for errors, protocol.md's for tokens.
enum SignInAnswer {
  /// The refresh cookie: for no script, for no other site, for no other path.
  static let cookieName = "aura_refresh"
  /// The access token once more, for browsers that call the HTTP API without a script that keeps it.
  static let sessionCookieName = "aura_session"

  enum Fault {
    case notFound
    case notAllowed
    case notJSON
    case badRequest(String)
    case foreignOrigin
    case wrongCredentials
    case noSession
    case notSigned
    case tooMany(Span)
    case overloaded
    case failed

    var status: Int {
      switch self {
      case .badRequest: 400
      case .wrongCredentials, .noSession, .notSigned: 401
      case .foreignOrigin: 403
      case .notFound: 404
      case .notAllowed: 405
      case .notJSON: 415
      case .tooMany: 429
      case .failed: 500
      case .overloaded: 503
      }
    }

    var code: String {
      switch self {
      case .badRequest, .notJSON, .notAllowed: "VALIDATION_ERROR"
      case .wrongCredentials, .noSession, .notSigned: "UNAUTHORIZED"
      case .foreignOrigin: "FORBIDDEN"
      case .notFound: "RESOURCE_NOT_FOUND"
      case .tooMany: "RATE_LIMIT_EXCEEDED"
      case .failed: "INTERNAL_ERROR"
      case .overloaded: "SERVICE_UNAVAILABLE"
      }
    }

    var message: String {
      switch self {
      case .notFound: "There is no such route"
      case .notAllowed: "This route takes POST only"
      case .notJSON: "Send a JSON object with Content-Type: application/json"
      case .badRequest(let message): message
      case .foreignOrigin: "This page is not served by the hub"
      case .wrongCredentials: "Email or password is wrong"
      case .noSession: "Sign in again"
      case .notSigned: "The request is not signed as it has to be"
      case .tooMany: "Too many tries; wait a little"
      case .overloaded: "The hub is busy; try again in a moment"
      case .failed: "The hub could not do this"
      }
    }

    /// Whole seconds to wait before the same may be sent again.
    var retryAfter: Int? {
      switch self {
      case .tooMany(let wait): max(1, (wait.milliseconds + 999) / 1_000)
      case .overloaded: 1
      default: nil
      }
    }
  }

  static func fault(_ fault: Fault, now: Instant, clearsCookie: Bool = false, isEncrypted: Bool = false) -> HTTPResponse
  {
    var writer = JSONWriter(capacity: 192)
    writer.beginObject()
    writer.name("error")
    writer.bool(true)
    writer.name("code")
    writer.string(fault.code)
    writer.name("message")
    writer.string(fault.message)
    writer.name("timestamp")
    writer.string(now.iso8601)
    writer.endObject()
    var headers: [(name: String, value: String)] = []
    if let seconds = fault.retryAfter { headers.append(("Retry-After", "\(seconds)")) }
    if case .notAllowed = fault { headers.append(("Allow", "POST")) }
    if clearsCookie {
      headers += cookies(session: "", refresh: "", isEncrypted: isEncrypted)
    }
    return HTTPResponse(status: fault.status, json: writer.bytes, headers: headers)
  }

  struct Grant: Sendable {
    var accessToken: String
    var expiresAt: Instant
    var identity: Identity
    var refresh: RefreshToken
    var refreshLifetime: Span
  }

  static func grant(_ grant: Grant, now: Instant, isEncrypted: Bool) -> HTTPResponse {
    var writer = JSONWriter(capacity: 768)
    writer.beginObject()
    writer.name("access_token")
    writer.string(grant.accessToken)
    writer.name("token_type")
    writer.string("Bearer" as StaticString)
    writer.name("expires_at")
    writer.integer(grant.expiresAt.milliseconds)
    writer.name("user")
    grant.identity.json(into: &writer)
    writer.endObject()
    return HTTPResponse(
      status: 200, json: writer.bytes,
      headers: cookies(
        session: grant.accessToken, for: grant.expiresAt - now, refresh: grant.refresh.text,
        for: grant.refreshLifetime, isEncrypted: isEncrypted))
  }

  static func signedOut(isEncrypted: Bool) -> HTTPResponse {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("success")
    writer.bool(true)
    writer.endObject()
    return HTTPResponse(
      status: 200, json: writer.bytes, headers: cookies(session: "", refresh: "", isEncrypted: isEncrypted))
  }

  private static let over = Span(milliseconds: 0)

  private static func cookies(
    session: String, for sessionLifetime: Span = over, refresh: String, for refreshLifetime: Span = over,
    isEncrypted: Bool
  ) -> [(name: String, value: String)] {
    func cookie(_ name: String, _ value: String, _ path: String, _ lifetime: Span) -> (name: String, value: String) {
      let seconds = max(0, lifetime.milliseconds / 1_000)
      let attributes = "Path=\(path); Max-Age=\(seconds); HttpOnly; SameSite=Strict" + (isEncrypted ? "; Secure" : "")
      return ("Set-Cookie", "\(name)=\(value); \(attributes)")
    }
    return [
      cookie(sessionCookieName, session, "/api", sessionLifetime),
      cookie(cookieName, refresh, "/api/auth", refreshLifetime),
    ]
  }
}

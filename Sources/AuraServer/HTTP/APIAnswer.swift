import AuraDomain
import AuraTransport

/// The two ways in which the original wraps its answers.
enum APIEnvelope: Sendable {
  /// `{success, message?, data, timestamp}`, errors `{error, code, message, details?, timestamp}`: workflow, tasks,
  /// achievements.
  case plain
  /// `{success, data, meta, pagination?}`, errors `{success, error: {code, message, details}, meta}`: the rest.
  case meta

  /// For a path that has no route.
  static func of(path: String) -> APIEnvelope {
    ["/api/workflow", "/api/tasks", "/api/achievements", "/api/auth"].contains {
      path == $0 || path.hasPrefix($0 + "/")
    }
      ? .plain : .meta
  }
}

/// Why a request is not done, in the original's codes.
struct APIFault: Sendable {
  var status: Int
  var code: String
  var message: String
  var details = JSON.emptyObject
  var headers: [(name: String, value: String)] = []

  init(_ status: Int, _ code: String, _ message: String, details: JSON = .emptyObject) {
    self.status = status
    self.code = code
    self.message = message
    self.details = details
  }

  static func missingToken() -> APIFault {
    var fault = APIFault(401, "UNAUTHORIZED", "Sign in first.")
    fault.headers = [("WWW-Authenticate", "Bearer")]
    return fault
  }

  static func tooMany(_ wait: Span, _ message: String) -> APIFault {
    var fault = APIFault(429, "RATE_LIMIT_EXCEEDED", message)
    fault.details = ["retry_ms": .integer(max(1, wait.milliseconds))]
    fault.headers = [("Retry-After", "\(max(1, (wait.milliseconds + 999) / 1_000))")]
    return fault
  }

  static func busy(_ message: String = "The hub is busy; try again in a moment.") -> APIFault {
    var fault = APIFault(503, "SERVICE_UNAVAILABLE", message)
    fault.headers = [("Retry-After", "1")]
    return fault
  }

  static func notAllowed(_ allow: String) -> APIFault {
    var fault = APIFault(405, "VALIDATION_ERROR", "This path takes \(allow).")
    fault.headers = [("Allow", allow)]
    return fault
  }

  static let noRoute = APIFault(404, "RESOURCE_NOT_FOUND", "There is no such route.")
  static let failed = APIFault(500, "INTERNAL_ERROR", "Something went wrong here; nothing happened.")

  /// A refusal of the domain's; `statuses` is what a route answers differently.
  init(_ refusal: Refusal, statuses: [ErrorCode: Int] = [:]) {
    let (status, code) = Self.meaning(of: refusal)
    self.init(statuses[refusal.code] ?? status, code, refusal.message, details: refusal.details)
    if refusal.code == .unauthenticated || refusal.code == .tokenExpired { headers = [("WWW-Authenticate", "Bearer")] }
    if status == 429 || status == 503 { headers = [("Retry-After", "1")] }
  }

  static func meaning(of refusal: Refusal) -> (status: Int, code: String) {
    switch refusal.code {
    case .badRequest:
      (400, refusal.details["problem"] == "is missing" ? "MISSING_REQUIRED_FIELDS" : "VALIDATION_ERROR")
    case .badFrame: (400, "INVALID_FORMAT")
    case .unknownType, .unknownCommand: (400, "VALIDATION_ERROR")
    case .tooLarge: (413, "VALIDATION_ERROR")
    case .unauthenticated: (401, "UNAUTHORIZED")
    case .tokenExpired: (401, "TOKEN_EXPIRED")
    // A role that lacks a right has others; who is not of the clinic has none.
    case .forbidden: (403, refusal.details["needs"] == nil ? "FORBIDDEN" : "INSUFFICIENT_PERMISSIONS")
    case .notFound: (404, "RESOURCE_NOT_FOUND")
    case .invalidTransition: (409, "INVALID_TRANSITION")
    case .staleVersion: (409, "STALE_VERSION")
    case .taskAlreadyStarted: (409, "TASK_ALREADY_STARTED")
    case .keyReused: (409, "COMMAND_REUSED")
    case .duplicate: (409, "DUPLICATE_RESOURCE")
    case .insufficientPoints: (409, "INSUFFICIENT_POINTS")
    case .couponUnavailable: (409, "COUPON_UNAVAILABLE")
    case .consentRequired: (409, "CONSENT_REQUIRED")
    case .slotTaken: (409, "SLOT_TAKEN")
    case .amountMismatch: (409, "AMOUNT_MISMATCH")
    case .tooLate: (409, "TOO_LATE")
    case .rateLimited: (429, "RATE_LIMIT_EXCEEDED")
    case .overloaded, .unavailable: (503, "SERVICE_UNAVAILABLE")
    case .internal: (500, "INTERNAL_ERROR")
    }
  }
}

/// One request on its way to its answer. Answers from any thread.
struct APIExchange: Sendable {
  let responder: HTTPResponder
  let envelope: APIEnvelope
  /// Named in the answer and in the log.
  let id: ID
  let clock: @Sendable () -> Instant

  func succeed(_ route: APIRoute, _ data: JSON, place: APIPage.Place? = nil) {
    var writer = JSONWriter(capacity: 1_024)
    writer.beginObject()
    writer.name("success")
    writer.bool(true)
    if let message = data["message"]?.string, envelope == .plain {
      writer.name("message")
      writer.string(message)
    }
    writer.name("data")
    APIWriter.write(data, into: &writer)
    for name in route.top {
      if let value = data[name] { APIWriter.write(.init(name: name, value: value), into: &writer) }
    }
    if let place {
      writer.name("pagination")
      writer.beginObject()
      writer.name("page")
      writer.integer(place.page)
      writer.name("limit")
      writer.integer(place.limit)
      writer.name("total")
      writer.integer(place.total)
      writer.name("totalPages")
      writer.integer((place.total + place.limit - 1) / place.limit)
      writer.endObject()
    }
    end(&writer)
    respond(200, writer.bytes, [])
  }

  func refuse(_ fault: APIFault) {
    var writer = JSONWriter(capacity: 512)
    writer.beginObject()
    switch envelope {
    case .plain:
      // The original says a plain mistake in words and the rest with `true`; a client may look for either.
      writer.name("error")
      if fault.status == 400 { writer.string(fault.message) } else { writer.bool(true) }
      error(fault, into: &writer)
    case .meta:
      writer.name("success")
      writer.bool(false)
      writer.name("error")
      writer.beginObject()
      error(fault, into: &writer)
      writer.endObject()
    }
    end(&writer)
    respond(fault.status, writer.bytes, fault.headers)
  }

  func refuse(_ refusal: Refusal, _ route: APIRoute) { refuse(APIFault(refusal, statuses: route.statuses)) }

  private func error(_ fault: APIFault, into writer: inout JSONWriter) {
    writer.name("code")
    writer.string(fault.code)
    writer.name("message")
    writer.string(fault.message)
    let details = fault.details.object?.members.filter { $0.name != "deed" } ?? []
    if !details.isEmpty || envelope == .meta {
      writer.name("details")
      APIWriter.write(.object(JSONObject(details)), into: &writer)
    }
  }

  private func end(_ writer: inout JSONWriter) {
    let timestamp = clock().iso8601
    switch envelope {
    case .plain:
      writer.name("timestamp")
      writer.string(timestamp)
    case .meta:
      writer.name("meta")
      writer.beginObject()
      writer.name("timestamp")
      writer.string(timestamp)
      writer.name("requestId")
      writer.id(id)
      writer.name("version")
      writer.string("1.0" as StaticString)
      writer.endObject()
    }
    writer.endObject()
  }

  /// What a path takes; the body of OPTIONS is empty.
  func options(_ allow: String) {
    responder.respond(
      HTTPResponse(
        status: 204, headers: [("Allow", allow), ("Cache-Control", "no-store"), ("X-Request-Id", "\(id)")]))
  }

  private func respond(_ status: Int, _ json: [UInt8], _ headers: [(name: String, value: String)]) {
    responder.respond(HTTPResponse(status: status, json: json, headers: headers + [("X-Request-Id", "\(id)")]))
  }
}

import AuraDomain
import AuraJSON
import AuraSodium
import AuraStore
import AuraTransport
import AuraWire
import Logging
import Synchronization

/// The HTTP API that clients of the original know, as a thin face of the socket's commands and queries: the same rights,
/// refusals, keys, audit and limits, through the same writer and readers.
///
/// Called on a loop's thread; answers from wherever the last step ran. Nothing here waits.
final class API: Sendable {
  static let path = "/api/"
  static let queryParametersMax = 32
  static let queryValueBytesMax = 1_024
  static let keyHeader = "idempotency-key"
  static let clinicHeader = "x-clinic-id"
  /// Reading costs less than writing.
  static let readsPerCommand = 5

  private let store: Store
  private let tokens: Tokens
  private let guesses: GuessGate
  private let accesses: AccessAudit
  private let allowedOrigins: Set<String>
  private let clock: @Sendable () -> Instant
  private let limits: Mutex<Limits>
  private let ids = Mutex(IDGenerator())
  private let log = Logger(label: "http")

  /// What one person may do, over all connections; and what an address may try without being anybody.
  private struct Limits {
    var commands: Buckets
    var reads: Buckets
    var strangers = Buckets(rate: .init(burst: 60, interval: .seconds(1)), entriesMax: 20_000)

    init(commandsPerSecond: Int) {
      func rate(_ perSecond: Int) -> LoginLimits.Rate {
        .init(burst: perSecond, interval: Span(milliseconds: max(1, 1_000 / max(1, perSecond))))
      }
      commands = Buckets(rate: rate(commandsPerSecond), entriesMax: 20_000)
      reads = Buckets(rate: rate(commandsPerSecond * API.readsPerCommand), entriesMax: 20_000)
    }
  }

  init(
    store: Store, tokens: Tokens, guesses: GuessGate, accesses: AccessAudit, configuration: ServerConfiguration
  ) {
    self.store = store
    self.tokens = tokens
    self.guesses = guesses
    self.accesses = accesses
    allowedOrigins = configuration.allowedOrigins
    clock = configuration.clock
    limits = Mutex(Limits(commandsPerSecond: configuration.limits.commandsPerSecond))
  }

  func handle(_ request: HTTPRequest, _ responder: HTTPResponder, isDraining: Bool) {
    let now = clock()
    let routes = APIRoute.of(path: request.path)
    let exchange = APIExchange(
      responder: responder, envelope: routes.first?.route.envelope ?? .of(path: request.path),
      id: ids.withLock { $0.next(at: now) }, clock: clock)
    guard !routes.isEmpty else { return exchange.refuse(.noRoute) }
    let allow = APIRoute.allowed(routes.map(\.route))
    if request.method == "OPTIONS" { return exchange.options(allow) }
    let method = request.method == "HEAD" ? "GET" : request.method
    guard let (route, parameters) = routes.first(where: { $0.route.method.rawValue == method }) else {
      return exchange.refuse(.notAllowed(allow))
    }
    guard !isDraining else { return exchange.refuse(.busy("The server is stopping.")) }
    guard let claims = signedIn(request, now, exchange) else { return }
    do throws(APIFaultError) {
      let call = try read(request, route, parameters)
      let asked = try Asked(request, call, route)
      carryOut(route, call, asked, claims, exchange)
    } catch {
      exchange.refuse(error.fault)
    }
  }

  /// What the transport refuses before anybody has seen the request, in the words of the path.
  func refusal(of path: String, status: Int, text: String) -> HTTPResponse {
    let answer = Mutex<HTTPResponse?>(nil)
    let exchange = APIExchange(
      responder: HTTPResponder { response in answer.withLock { $0 = response } },
      envelope: APIRoute.of(path: path).first?.route.envelope ?? .of(path: path),
      id: ids.withLock { $0.next(at: clock()) }, clock: clock)
    exchange.refuse(APIFault(status, status == 400 ? "INVALID_FORMAT" : "VALIDATION_ERROR", text.sentence))
    return answer.withLock { $0 } ?? HTTPResponse(status: status, text: text)
  }

  // MARK: Who

  /// The token's claims; `nil` when it was answered.
  private func signedIn(_ request: HTTPRequest, _ now: Instant, _ exchange: APIExchange) -> AccessClaims? {
    let bearer = request.bearer
    guard let token = bearer ?? request.cookie(SignInAnswer.sessionCookieName), !token.isEmpty else {
      exchange.refuse(.missingToken())
      return nil
    }
    // A cookie is sent by the browser whoever's page asks; a header only by a script that has the token.
    if bearer == nil, request.method != "GET", request.method != "HEAD", !isSameSite(request) {
      exchange.refuse(APIFault(403, "FORBIDDEN", "This page is not served by the hub."))
      return nil
    }
    do throws(TokenFailure) {
      return try tokens.verify(token, now: now)
    } catch {
      // Counted by address, and never at the cost of those there whose token is valid.
      let network = LoginLimits.network(of: request.peer)
      let wait = limits.withLock { limits -> Span? in
        if let wait = limits.strangers.wait(network, now: now) { return wait }
        limits.strangers.take(network, now: now)
        return nil
      }
      if let wait {
        exchange.refuse(.tooMany(wait, "Too many requests without a valid token."))
        return nil
      }
      exchange.refuse(
        APIFault(
          Refusal(error.code, error == .expired ? "The token has ended; get the next one." : "The token is not valid."))
      )
      return nil
    }
  }

  private func isSameSite(_ request: HTTPRequest) -> Bool {
    guard request.isOfOwnPage(or: allowedOrigins) else { return false }
    let site = request.header("sec-fetch-site")
    return request.header("origin") != nil || site == nil || site == "same-origin" || site == "none"
  }

  // MARK: What

  private func read(
    _ request: HTTPRequest, _ route: APIRoute, _ parameters: [String: String]
  ) throws(APIFaultError) -> APICall {
    guard !request.hasMalformedQuery else {
      throw APIFaultError(APIFault(400, "INVALID_FORMAT", "The query string is not valid UTF-8."))
    }
    guard request.query.count <= Self.queryParametersMax,
      request.query.allSatisfy({ $0.value.utf8.count <= Self.queryValueBytesMax })
    else { throw APIFaultError(APIFault(400, "VALIDATION_ERROR", "The query string is too long.")) }
    var call = APICall(path: parameters, query: request.query, body: JSONObject())
    guard route.method.hasBody else { return call }
    guard request.isJSON else {
      throw APIFaultError(
        APIFault(415, "VALIDATION_ERROR", "Send a JSON object with Content-Type: application/json."))
    }
    let json: JSON
    do throws(JSONFailure) {
      json = try JSON.parse(request.body)
    } catch {
      throw APIFaultError(
        APIFault(
          400, "INVALID_FORMAT", "The body is not JSON: \(error.message).",
          details: ["offset": .integer(error.offset)]))
    }
    guard let body = json.object else {
      throw APIFaultError(APIFault(400, "INVALID_FORMAT", "The body is not a JSON object."))
    }
    call.body = body
    return call
  }

  /// What a request says of itself beside its body's matter.
  private struct Asked: Sendable {
    /// Among the caller's own; `nil` lets a single one be it.
    var clinic: ID?
    var key: String?
    var reason: String?
    var digest: [UInt8]

    init(_ request: HTTPRequest, _ call: APICall, _ route: APIRoute) throws(APIFaultError) {
      do {
        let named = [
          try request.header(API.clinicHeader).map { try Self.id($0, "X-Clinic-Id") },
          try call.parameterID("clinicId", "clinic_id"), try call.id("clinicId", "clinic_id"),
        ].compactMap { $0 }
        if Set(named).count > 1 { throw APICall.bad("clinicId", "one clinic at a time is expected") }
        clinic = named.first
        key = try request.header(API.keyHeader) ?? call.text("idempotencyKey", "idempotency_key")
        reason = try call.text("reason") ?? call.parameter("reason")
      } catch {
        throw APIFaultError(APIFault(error as? Refusal ?? Refusal(.badRequest, "The request is not valid.")))
      }
      if let key {
        guard (1...ClientMessage.keyBytesMax).contains(key.utf8.count),
          key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
          throw APIFaultError(
            APIFault(
              400, "VALIDATION_ERROR",
              "Idempotency-Key: at most \(ClientMessage.keyBytesMax) printable ASCII characters without spaces.",
              details: ["path": "Idempotency-Key"]))
        }
      }
      digest = Self.digest(route, call)
    }

    private static func id(_ text: String, _ name: String) throws -> ID {
      guard let id = ID(text) else { throw APICall.bad(name, "a UUID is expected") }
      return id
    }

    /// Says whether two requests of one key are the same: over the route, its path and its body, the members in the order
    /// of their names.
    private static func digest(_ route: APIRoute, _ call: APICall) -> [UInt8] {
      var body = call.body
      body["idempotencyKey"] = nil
      body["idempotency_key"] = nil
      var writer = JSONWriter(capacity: 512)
      writer.beginArray()
      writer.string("\(route.method.rawValue) \(route.path)")
      for name in call.path.keys.sorted() { writer.string(call.path[name] ?? "") }
      writer.value(JSON.object(body).sorted)
      writer.endArray()
      return Sodium.digest(writer.bytes)
    }
  }

  // MARK: Doing it

  private enum Found: Sendable {
    case page(APIPage)
    case mayTry(clinic: ID, APICommand)
    case refused(Refusal, clinic: ID?)
  }

  /// Reads who the caller is and, in the same transaction, what is asked for; a command then goes to the writer, which
  /// reads the rights once more in the transaction of the effect.
  private func carryOut(
    _ route: APIRoute, _ call: APICall, _ asked: Asked, _ claims: AccessClaims, _ exchange: APIExchange
  ) {
    let plan: APIPlan
    do {
      plan = try route.plan(call)
    } catch {
      return exchange.refuse(error as? Refusal ?? Refusal(.badRequest, "The request is not valid."), route)
    }
    let now = clock()
    let user = claims.user.description
    let wait = limits.withLock { limits -> Span? in
      switch plan {
      case .read:
        if let wait = limits.reads.wait(user, now: now) { return wait }
        limits.reads.take(user, now: now)
      case .command:
        if let wait = limits.commands.wait(user, now: now) { return wait }
        limits.commands.take(user, now: now)
      }
      return nil
    }
    if let wait { return exchange.refuse(.tooMany(wait, "Too many requests at once.")) }
    store.read { reader in
      try Self.find(plan, asked, claims, reader, now)
    } then: { [self] result in
      switch result {
      case .failure(let failure):
        if failure != .overloaded { log.error("a request could not be read for: \(failure)", metadata: tag(exchange)) }
        exchange.refuse(.busy())
      case .success(.page(let page)):
        if let reason = asked.reason, let clinic = asked.clinic, page.isForeign {
          accesses.note(user: claims.user, clinic: clinic, what: route.path, reason: reason)
        }
        exchange.succeed(route, page.data, place: page.place)
      case .success(.refused(let refusal, let clinic)):
        if refusal.code == .forbidden, let clinic {
          accesses.note(user: claims.user, clinic: clinic, what: route.path, reason: nil)
        }
        exchange.refuse(refusal.called([:]), route)
      case .success(.mayTry(let clinic, let command)):
        submit(command, to: clinic, asked, claims.user, route, exchange)
      }
    }
  }

  private static func find(
    _ plan: APIPlan, _ asked: Asked, _ claims: AccessClaims, _ reader: Reader, _ now: Instant
  ) throws -> Found {
    guard let identity = try reader.identity(user: claims.user, session: claims.session),
      identity.isValid(for: claims)
    else { return .refused(Refusal(.unauthenticated, "The session has ended."), clinic: nil) }
    let own = identity.memberships.map(\.clinic)
    guard let clinic = asked.clinic ?? (own.count == 1 ? own.first : nil) else {
      return .refused(own.isEmpty ? notYours : APICall.missing(["clinicId"]), clinic: nil)
    }
    switch plan {
    case .command(let command): return .mayTry(clinic: clinic, command)
    case .read(let read):
      do {
        let actor = try reader.actor(user: claims.user, clinic: clinic, reason: asked.reason)
        var page = try read(
          APIReading(reader: reader, rows: reader.clinicRows(clinic), actor: actor, now: now))
        page.isForeign = actor.isSuperAdmin
        return .page(page)
      } catch let refusal as Refusal {
        return .refused(refusal, clinic: clinic)
      }
    }
  }

  private static let notYours = Refusal(.forbidden, "You belong to no clinic.")

  private func submit(
    _ command: APICommand, to clinic: ID, _ asked: Asked, _ user: ID, _ route: APIRoute, _ exchange: APIExchange
  ) {
    if command.namesCode, let wait = guesses.take(clinic: clinic, user: user, now: .monotonic) {
      return exchange.refuse(.tooMany(wait, "Too many codes that are none."))
    }
    let request = CommandRequest(
      origin: .call { [self] outcome in answer(outcome, command, clinic, user, route, exchange) },
      clinic: clinic, user: user, key: asked.key ?? exchange.id.description, command: command.command,
      digest: asked.digest, expect: command.expect, reason: asked.reason)
    var framed = request
    framed.setting = CommandSetting(prepare: command.prepare, answer: command.answer)
    if !store.submit(framed) {
      if command.namesCode { guesses.giveBack(clinic: clinic, user: user) }
      exchange.refuse(.busy("Too many commands wait."))
    }
  }

  private func answer(
    _ outcome: Outcome, _ command: APICommand, _ clinic: ID, _ user: ID, _ route: APIRoute, _ exchange: APIExchange
  ) {
    switch outcome.result {
    case .success(let accepted):
      if command.namesCode { guesses.giveBack(clinic: clinic, user: user) }
      guard let data = try? accepted.result.withUnsafeBytes({ try JSON.parse($0, valuesMax: 1 << 20) }) else {
        log.error("an outcome cannot be read", metadata: tag(exchange))
        return exchange.refuse(.failed)
      }
      exchange.succeed(route, data)
    case .failure(let refusal):
      if command.namesCode, !refusal.isWrongCode { guesses.giveBack(clinic: clinic, user: user) }
      exchange.refuse(refusal.called(command.names), route)
    }
  }

  private func tag(_ exchange: APIExchange) -> Logger.Metadata { ["request": "\(exchange.id)"] }
}

extension String {
  /// `a body is missing` as `A body is missing.`
  fileprivate var sentence: String { prefix(1).uppercased() + dropFirst() + "." }
}

/// A fault on its way out of what reads a request.
struct APIFaultError: Error {
  let fault: APIFault
  init(_ fault: APIFault) { self.fault = fault }
}

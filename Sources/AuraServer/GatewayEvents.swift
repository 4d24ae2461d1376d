import AuraDelivery
import AuraDomain
import AuraJSON
import AuraSodium
import AuraStore
import AuraTransport
import AuraWire
import Logging
import Synchronization

/// What gateways tell of messages that they were given: `POST /api/gateways/<channel>/events`, signed as the hub signs
/// its own requests, with the same secret.
///
///     {"events": [{"execution": "…", "delivered": true}, {"execution": "…", "replyText": "STOP", "id": "e-17"}]}
///
/// `Aura-Clinic` says whose secret it is; an event can only be about that clinic's messages. The same event sent again
/// changes nothing: an `id` of the gateway's tells two equal replies of a customer apart.
final class GatewayEvents: Sendable {
  static let path = "/api/gateways/"
  static let eventsMax = 100
  static let eventIDBytesMax = 100
  /// A longer reply is cut, not lost.
  static let replyBytesMax = 3_000

  private let store: Store
  private let gateways: Gateways
  private let clock: @Sendable () -> Instant
  private let limits = Mutex(Limits())
  private static let decoy = Sodium.randomBytes(32)
  private static let log = Logger(label: "delivery")

  /// By address: requests of any kind, and those that are not signed as they should be.
  private struct Limits {
    var requests = Buckets(rate: .init(burst: 600, interval: Span(milliseconds: 50)), entriesMax: 20_000)
    var wrong = Buckets(rate: .init(burst: 30, interval: .seconds(4)), entriesMax: 20_000)

    /// Takes a request, and a wrong one until it is known to be right; or tells how long there is none.
    mutating func take(_ network: String, _ now: Instant) -> Span? {
      if let wait = requests.wait(network, now: now) ?? wrong.wait(network, now: now) { return wait }
      requests.take(network, now: now)
      wrong.take(network, now: now)
      return nil
    }
  }

  init(store: Store, gateways: Gateways, clock: @escaping @Sendable () -> Instant) {
    self.store = store
    self.gateways = gateways
    self.clock = clock
  }

  /// Answers a request below `path`. Called on a loop's thread; nothing here waits.
  func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
    let reply = Reply(request: request, responder: responder, clock: clock)
    let parts = request.path.dropFirst(Self.path.count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1] == "events", let channel = Channel(rawValue: String(parts[0])),
      Gateways.channels.contains(channel)
    else { return reply.fault(.notFound) }
    guard request.method == "POST" else { return reply.fault(.notAllowed) }
    let network = LoginLimits.network(of: request.peer)
    let now = clock()
    if let wait = limits.withLock({ $0.take(network, now) }) { return reply.fault(.tooMany(wait)) }
    guard let clinic = request.header("aura-clinic").flatMap({ ID($0) }),
      let timestamp = request.header("aura-timestamp"), let signature = request.header("aura-signature")
    else { return reply.fault(.notSigned) }
    store.read { reader in
      try reader.clinicRows(clinic).row(Clinic.self, clinic)?.clinicCode
    } then: { [self] result in
      switch result {
      case .failure(let failure):
        limits.withLock { $0.wrong.giveBack(network) }
        reply.fault(failure)
      case .success(let code):
        let route = code.flatMap { gateways.route(clinic: $0, channel: channel) }
        // Where there is no secret, something else is compared: the time does not tell which clinics there are.
        let secret = if case .webhook(let webhook) = route { webhook.secret } else { Self.decoy }
        let isSigned = GatewaySignature.isValid(
          signature, timestamp: timestamp, body: request.body, secret: secret, now: now)
        guard isSigned, secret != Self.decoy else {
          Self.log.notice("events that are not signed", metadata: ["address": "\(request.peer)"])
          return reply.fault(.notSigned)
        }
        limits.withLock { $0.wrong.giveBack(network) }
        take(request.body, of: clinic, channel, reply)
      }
    }
  }

  // MARK: Events

  private func take(_ body: [UInt8], of clinic: ID, _ channel: Channel, _ reply: Reply) {
    guard let json = try? JSON.parse(body), let events = json["events"]?.array,
      (1...Self.eventsMax).contains(events.count)
    else { return reply.fault(.badRequest("The body is no object with 1 to \(Self.eventsMax) events")) }
    let tally = Tally(expecting: events.count) { results in
      reply.responder.respond(Self.answer(results))
    }
    for (index, event) in events.enumerated() {
      let request: CommandRequest
      do throws(Refusal) {
        let (command, key) = try Self.command(event)
        request = CommandRequest(
          origin: .call { outcome in
            switch outcome.result {
            case .success: tally.set(index, nil)
            case .failure(let refusal): tally.set(index, refusal)
            }
          }, clinic: clinic, user: nil, key: key, command: command, digest: [])
      } catch {
        tally.set(index, error)
        continue
      }
      if !store.submit(request) { tally.set(index, Refusal(.overloaded, "Too much waits here.")) }
    }
  }

  /// An event is what `recordResponse` takes, in the gateway's words.
  static func command(_ event: JSON) throws(Refusal) -> (Command, key: String) {
    guard var args = event.object else { throw Refusal(.badRequest, "an event is an object.") }
    let id = args["id"]?.string ?? ""
    guard args["id"] == nil || (1...eventIDBytesMax).contains(id.utf8.count) else {
      throw Refusal(.badRequest, "id: text of at most \(eventIDBytesMax) bytes.")
    }
    args["id"] = nil
    guard args["executionId"] == nil else { throw Refusal(.badRequest, "executionId: it is called execution here.") }
    args["executionId"] = args["execution"]
    args["execution"] = nil
    if let text = args["replyText"]?.string { args["replyText"] = .string(text.cut(bytesMax: replyBytesMax)) }
    let command = try Command.decode(name: "recordResponse", args: .object(args))
    guard case .recordResponse(let response) = command else { throw Refusal(.badRequest, "no event.") }
    var writer = JSONWriter()
    writer.beginArray()
    writer.id(response.execution)
    writer.string(id)
    for flag in [response.delivered, response.opened, response.clicked] { writer.bool(flag) }
    writer.string(response.replyText ?? "")
    writer.string(response.sentiment?.rawValue ?? "")
    writer.endArray()
    return (command, "response:\(response.execution):\(Sodium.sha256(writer.bytes).prefix(32))")
  }

  /// 503 when something may be taken later: sent again as it is, what was taken already stays as it is.
  private static func answer(_ results: [Refusal?]) -> HTTPResponse {
    var writer = JSONWriter(capacity: 64 * results.count)
    writer.beginObject()
    writer.name("results")
    writer.beginArray()
    for refusal in results {
      writer.beginObject()
      writer.name("ok")
      writer.bool(refusal == nil)
      if let refusal {
        writer.name("error")
        writer.string(refusal.code.rawValue)
        writer.name("message")
        writer.string(refusal.message)
      }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    let isToComeAgain = results.contains { $0?.code.isTemporary == true }
    return HTTPResponse(
      status: isToComeAgain ? 503 : 200, json: writer.bytes, headers: isToComeAgain ? [("Retry-After", "1")] : [])
  }
}

/// Gathers the outcomes of a request's events from wherever they come; the last one answers.
private final class Tally: Sendable {
  private let state: Mutex<(missing: Int, results: [Refusal?])>
  private let done: @Sendable ([Refusal?]) -> Void

  init(expecting count: Int, done: @escaping @Sendable ([Refusal?]) -> Void) {
    state = Mutex((count, Array(repeating: nil, count: count)))
    self.done = done
  }

  func set(_ index: Int, _ refusal: Refusal?) {
    let results = state.withLock { state -> [Refusal?]? in
      state.results[index] = refusal
      state.missing -= 1
      return state.missing == 0 ? state.results : nil
    }
    if let results { done(results) }
  }
}

extension String {
  /// As many whole characters from the beginning as fit.
  func cut(bytesMax: Int) -> String {
    guard utf8.count > bytesMax else { return self }
    var kept = ""
    var count = 0
    for scalar in unicodeScalars {
      count += UTF8.width(scalar)
      if count > bytesMax { break }
      kept.unicodeScalars.append(scalar)
    }
    return kept
  }
}

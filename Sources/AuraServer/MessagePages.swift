import AuraDomain
import AuraSodium
import AuraStore
import AuraTransport
import Logging
import Synchronization

/// The pages behind the links in messages: `GET /m/<page>/<execution>` shows one, `POST` does what its form asks.
///
/// A `GET` changes nothing but the note that the link was followed, since mail programs follow links too; a `HEAD` and
/// a prefetch do not even that. Whatever is no page, for whatever reason, is one and the same answer.
final class MessagePages: Sendable {
  static let path = "/m/"
  static let bodyBytesMax = 16_384
  static let noteCharactersMax = 300
  static let commentCharactersMax = 1_000

  private let store: Store
  private let clock: @Sendable () -> Instant
  private let limits = Mutex(Limits())
  private static let log = Logger(label: "pages")

  /// By address, generously: a mobile operator's customers share one. By message, what can be asked for.
  private struct Limits {
    var requests = Buckets(rate: .init(burst: 300, interval: Span(milliseconds: 100)), entriesMax: 20_000)
    var wrong = Buckets(rate: .init(burst: 60, interval: .seconds(2)), entriesMax: 20_000)
    var deeds = Buckets(rate: .init(burst: 20, interval: .minutes(1)), entriesMax: 20_000)

    /// Takes a request, and a wrong one until it is known to be right; or tells how long there is none.
    mutating func take(_ network: String, _ now: Instant) -> Span? {
      if let wait = requests.wait(network, now: now) ?? wrong.wait(network, now: now) { return wait }
      requests.take(network, now: now)
      wrong.take(network, now: now)
      return nil
    }

    mutating func takeDeed(_ message: ID, _ now: Instant) -> Span? {
      if let wait = deeds.wait(message.description, now: now) { return wait }
      deeds.take(message.description, now: now)
      return nil
    }
  }

  init(store: Store, clock: @escaping @Sendable () -> Instant) {
    self.store = store
    self.clock = clock
  }

  /// Answers a request below `path`. Called on a loop's thread; nothing here waits.
  func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
    guard ["GET", "HEAD", "POST"].contains(request.method) else {
      return responder.respond(MessagePageHTML.fault(.notAllowed))
    }
    let network = LoginLimits.network(of: request.peer)
    let now = clock()
    if let wait = limits.withLock({ $0.take(network, now) }) {
      return responder.respond(MessagePageHTML.fault(.tooMany(wait)))
    }
    let parts = request.path.dropFirst(Self.path.count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let page = MessagePage(rawValue: String(parts[0])), let id = ID(String(parts[1])) else {
      return responder.respond(MessagePageHTML.fault(.notFound))
    }
    store.read { reader -> (clinic: ID, view: MessagePageView)? in
      guard let clinic = try reader.clinic(ofMessage: id) else { return nil }
      return try messagePage(page, of: id, rows: reader.clinicRows(clinic), now: now).map { (clinic, $0) }
    } then: { [self] result in
      switch result {
      case .failure(let failure):
        limits.withLock { $0.wrong.giveBack(network) }
        Self.log.warning("a page could not be read", metadata: ["why": "\(failure)"])
        responder.respond(MessagePageHTML.fault(.busy))
      case .success(nil): responder.respond(MessagePageHTML.fault(.notFound))
      case .success(let found?):
        limits.withLock { $0.wrong.giveBack(network) }
        let visit = Visit(request: request, responder: responder, id: id, clinic: found.clinic, view: found.view)
        if request.method == "POST" { take(visit, now) } else { show(visit) }
      }
    }
  }

  private struct Visit: Sendable {
    var request: HTTPRequest
    var responder: HTTPResponder
    var id: ID
    var clinic: ID
    var view: MessagePageView

    /// The one that was switched to, else the message's.
    var language: Language { request.parameter("lang").flatMap(Language.init(rawValue:)) ?? view.language }

    func answer(status: Int = 200, _ form: MessagePageForm = MessagePageForm()) {
      responder.respond(MessagePageHTML.page(view, id, form, language, status: status))
    }
  }

  // MARK: Looking

  private func show(_ visit: Visit) {
    visit.answer()
    let isForeseen = ["sec-purpose", "purpose"].contains {
      visit.request.header($0)?.lowercased().contains("prefetch") == true
    }
    guard visit.request.method == "GET", !visit.view.isFollowed, !isForeseen else { return }
    var response = FollowUpResponse(execution: visit.id)
    response.clicked = true
    // One that is not taken now is taken at the next visit.
    submit(response, of: visit.clinic, key: "page:\(visit.id):clicked") { _ in }
  }

  // MARK: Doing

  private func take(_ visit: Visit, _ now: Instant) {
    guard visit.request.body.count <= Self.bodyBytesMax else {
      return visit.responder.respond(MessagePageHTML.fault(.tooLong))
    }
    let form = MessagePageForm(visit.request)
    guard let asked = form.request(on: visit.view.page) else { return visit.answer(status: 422, form.refused) }
    if let wait = limits.withLock({ $0.takeDeed(visit.id, now) }) {
      return visit.responder.respond(MessagePageHTML.fault(.tooMany(wait)))
    }
    var response = FollowUpResponse(execution: visit.id)
    // A mail program that asks on its reader's behalf has followed no link.
    response.clicked = !form.isOneClick
    response.request = asked
    // Two forms alike are told apart by the rules, not by their words: whoever changes their mind and back is heard.
    let key = "page:\(visit.id):\(Sodium.sha256(Sodium.randomBytes(16)).prefix(32))"
    submit(response, of: visit.clinic, key: key) { refusal in
      switch refusal {
      case nil where form.isOneClick: visit.responder.respond(HTTPResponse(status: 200, text: "unsubscribed"))
      case nil: visit.responder.respond(MessagePageHTML.seeOther("?lang=\(visit.language.rawValue)"))
      case let refusal? where refusal.code.isTemporary: visit.responder.respond(MessagePageHTML.fault(.busy))
      case .some: visit.responder.respond(MessagePageHTML.fault(.notFound))
      }
    }
  }

  private func submit(
    _ response: FollowUpResponse, of clinic: ID, key: String, then: @escaping @Sendable (Refusal?) -> Void
  ) {
    let isTaken = store.submit(
      CommandRequest(
        origin: .call { outcome in
          switch outcome.result {
          case .success: then(nil)
          case .failure(let refusal): then(refusal)
          }
        }, clinic: clinic, user: nil, key: key, command: .recordResponse(response), digest: []))
    if !isTaken { then(Refusal(.overloaded, "Too much waits here.")) }
  }
}

import AuraDomain
import AuraMetrics
import AuraStore
import AuraTransport
import Logging
import Synchronization

/// The routes of whoever runs the hub: `/healthz`, `/readyz` and `/metrics`.
final class Operations: Sendable {
  static let paths = ["/healthz", "/readyz", "/metrics"]

  private let store: Store
  private let metrics: Metrics
  /// Addresses beside the machine's own that may read the metrics.
  private let readers: Set<String>
  private let sockets = Mutex<@Sendable () -> Int>({ 0 })
  private let state = Mutex(State())
  private static let log = Logger(label: "operations")

  private struct State {
    var isDraining = false
    /// How the last try to write ended, and when.
    var last: (at: Int, reason: String?)?
    var begunAt: Int?
    var waiting: [HTTPResponder] = []
  }

  init(store: Store, metrics: Metrics, readers: Set<String>) {
    self.store = store
    self.metrics = metrics
    self.readers = readers
  }

  func count(sockets count: @escaping @Sendable () -> Int) { sockets.withLock { $0 = count } }

  /// From now on the hub is not ready: whoever sends it clients should send them elsewhere.
  func drain() { state.withLock { $0.isDraining = true } }

  func handle(_ request: HTTPRequest, _ responder: HTTPResponder) {
    guard request.method == "GET" || request.method == "HEAD" else {
      return responder.respond(
        HTTPResponse(status: 405, json: Array(#"{"error":"GET only"}"#.utf8), headers: [("Allow", "GET, HEAD")]))
    }
    switch request.path {
    case "/readyz": readiness(responder)
    case "/metrics": showMetrics(request, responder)
    // Liveness, not readiness: whoever watches this ends what does not answer, which would mend no full disk.
    default: responder.respond(HTTPResponse(status: 200, json: Array(#"{"status":"ok"}"#.utf8)))
    }
  }

  // MARK: Readiness

  /// How long one try to write speaks for those that ask after it, and how long it may take, in nanoseconds.
  private static let freshFor = 1_000_000_000
  private static let patience = 3_000_000_000
  private static let waitingMax = 64

  private enum Answer {
    case now(String?)
    case later
    case probe
  }

  /// Ready is what has just committed something to the disk. Those that ask at the same time share one commit.
  private func readiness(_ responder: HTTPResponder) {
    let now = Stopwatch.nanoseconds()
    let answer = state.withLock { state -> Answer in
      if state.isDraining { return .now("draining") }
      if let begun = state.begunAt {
        if now - begun > Self.patience { return .now("the database does not answer") }
        if state.waiting.count >= Self.waitingMax { return .now("too many ask") }
        state.waiting.append(responder)
        return .later
      }
      if let last = state.last, now - last.at < Self.freshFor { return .now(last.reason) }
      state.begunAt = now
      state.waiting.append(responder)
      return .probe
    }
    switch answer {
    case .now(let reason): responder.respond(Self.response(reason))
    case .later: break
    case .probe: probe()
    }
  }

  private func probe() {
    store.write {
      try $0.touch()
    } then: { [self] result in
      let reason: String?
      switch result {
      case .success: reason = nil
      case .failure(let failure):
        Self.log.warning("not ready: the database cannot be written", metadata: ["why": "\(failure)"])
        reason = "the database cannot be written"
      }
      let waiting = state.withLock { state in
        defer { state.waiting = [] }
        state.begunAt = nil
        state.last = (Stopwatch.nanoseconds(), reason)
        return state.waiting
      }
      for responder in waiting { responder.respond(Self.response(reason)) }
    }
  }

  /// The reason is ours and says nothing of paths or errors: anybody may ask.
  private static func response(_ reason: String?) -> HTTPResponse {
    guard let reason else { return HTTPResponse(status: 200, json: Array(#"{"status":"ready"}"#.utf8)) }
    var writer = JSONWriter(capacity: 64)
    writer.beginObject()
    writer.name("status")
    writer.string("not ready")
    writer.name("reason")
    writer.string(reason)
    writer.endObject()
    return HTTPResponse(status: 503, json: writer.bytes, headers: [("Retry-After", "5")])
  }

  // MARK: Metrics

  /// What is counted tells of a clinic's days: it is for the machine itself and the addresses that are named.
  private func showMetrics(_ request: HTTPRequest, _ responder: HTTPResponder) {
    guard mayRead(request) else {
      return responder.respond(
        HTTPResponse(status: 403, text: "the metrics are for this machine and the addresses of --metrics-reader"))
    }
    store.read { reader -> (count: Int, lag: Span) in
      let due = try reader.timersDue()
      return (due.count, due.since.map { max(Span(milliseconds: 0), reader.now - $0) } ?? Span(milliseconds: 0))
    } then: { [self] result in
      let timers = try? result.get()
      let (writes, reads) = store.waiting
      let bytes = store.fileBytes
      let text = metrics.text(
        .init(
          sockets: sockets.withLock { $0 }(), writesWaiting: writes, readsWaiting: reads, databaseBytes: bytes.database,
          logBytes: bytes.log, timers: timers, linesLost: LogLines.lost))
      responder.respond(
        HTTPResponse(
          status: 200, headers: [("Content-Type", Exposition.contentType), ("Cache-Control", "no-store")],
          body: Array(text.utf8)))
    }
  }

  private func mayRead(_ request: HTTPRequest) -> Bool {
    if readers.contains(request.peer) { return true }
    guard SocketAddress.isLoopback(request.peer) else { return false }
    // A proxy on this machine that was not named as trusted: it may ask for anybody.
    return !request.isForwarded
  }
}

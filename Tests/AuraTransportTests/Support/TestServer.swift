import Foundation
import Synchronization

@testable import AuraTransport

/// What a test's handler saw, from any thread.
final class Journal: Sendable {
  private let entries = Mutex<[String]>([])

  func note(_ entry: String) { entries.withLock { $0.append(entry) } }
  var all: [String] { entries.withLock { $0 } }

  /// Waits until an entry is there: what the server does follows the client's view by a moment.
  func waits(for entry: String) -> Bool { waits { $0.contains(entry) } }

  func waits(until holds: ([String]) -> Bool) -> Bool {
    for _ in 0..<2_000 {
      if holds(all) { return true }
      usleep(5_000)
    }
    return false
  }
}

/// Answers each message with `<peer's text>` in brackets, and does what a few words say.
final class TestHandler: LoopHandler {
  let loop: Int
  let journal: Journal
  private(set) var open: [UInt64: Connection] = [:]
  /// Counts what a choked connection still gets.
  private var owed: [UInt64: ClosedRange<Int>] = [:]
  var ticks = 0

  init(loop: Int, journal: Journal) {
    self.loop = loop
    self.journal = journal
  }

  func opened(_ connection: Connection) {
    open[connection.id] = connection
    journal.note("opened \(connection.path)")
  }

  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    let text = String(decoding: text, as: UTF8.self)
    let words = text.split(separator: " ")
    switch words.first {
    case "close": connection.close(code: UInt16(words[1]) ?? 0, reason: words.dropFirst(2).joined(separator: " "))
    case "drop": connection.drop()
    case "flood":
      owed[connection.id] = 1...(Int(words[1]) ?? 1)
      flood(connection)
    case "length": _ = connection.send(Frame(text: Array("\(text.utf8.count)".utf8)))
    default: _ = connection.send(Frame(text: Array("<\(text)>".utf8)))
    }
  }

  func writable(_ connection: Connection) {
    journal.note("writable")
    flood(connection)
  }

  func closed(_ connection: Connection) {
    open[connection.id] = nil
    owed[connection.id] = nil
    journal.note("closed \(connection.closeCode)")
  }

  func http(_ request: HTTPRequest, respond: HTTPResponder) {
    journal.note("http \(request.method) \(request.path) \(request.body.count)")
    switch request.path {
    case "/api/never": break
    case "/api/later":
      let thread = Thread { respond.respond(HTTPResponse(status: 200, text: "later")) }
      thread.start()
    case "/api/twice":
      respond.respond(HTTPResponse(status: 200, text: "first"))
      respond.respond(HTTPResponse(status: 500, text: "second"))
    case "/api/large":
      respond.respond(HTTPResponse(status: 200, body: [UInt8](repeating: 0x61, count: 3 << 20)))
    case "/api/injected":
      respond.respond(HTTPResponse(status: 200, headers: [("X-Bad", "a\r\nX-Evil: b"), ("X-Good", "c")], body: []))
    default:
      let query = request.query.map { "\($0.name)=\($0.value)" }.joined(separator: "|")
      respond.respond(
        HTTPResponse(
          status: 200,
          text: "\(request.method) \(request.path) [\(query)] \(String(decoding: request.body, as: UTF8.self))"))
    }
  }

  func tick(nowMs: Int) { ticks += 1 }

  func broadcast(_ text: String) {
    let frame = Frame(text: Array(text.utf8))
    for connection in open.values { _ = connection.send(frame) }
  }

  private func flood(_ connection: Connection) {
    guard var left = owed[connection.id] else { return }
    while true {
      guard connection.send(TestHandler.numbered(left.lowerBound)) else {
        owed[connection.id] = left
        journal.note("choked before \(left.lowerBound)")
        return connection.requestWritable()
      }
      if left.lowerBound == left.upperBound { break }
      left = left.lowerBound + 1...left.upperBound
    }
    owed[connection.id] = nil
  }

  static func numbered(_ number: Int) -> Frame {
    Frame(text: Array("\(number) ".utf8) + [UInt8](repeating: 0x2e, count: 290))
  }
}

/// A transport with a `TestHandler` on a free port of loopback; stopped when it goes out of use.
final class TestServer {
  let transport: Transport<TestHandler>
  let journal: Journal
  var port: Int { transport.port }

  init(_ change: (inout TransportConfiguration) -> Void = { _ in }) throws {
    let journal = Journal()
    self.journal = journal
    var configuration = TransportConfiguration()
    configuration.webSockets = [WebSocketEndpoint(path: "/ws", subprotocol: "aura.v1.json")]
    configuration.dynamicPaths = ["/api/", "/healthz"]
    configuration.echoes = true
    change(&configuration)
    transport = try Transport(configuration) { TestHandler(loop: $0, journal: journal) }
    transport.start()
  }

  deinit { transport.stop() }

  func webSocket() throws -> TestWebSocket {
    guard let client = TestWebSocket(port: port) else { throw NoUpgrade() }
    return client
  }

  struct NoUpgrade: Error {}
}

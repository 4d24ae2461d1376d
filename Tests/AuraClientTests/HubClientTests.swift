import AuraDomain
import AuraJSON
import AuraTransport
import Foundation
import Synchronization
import Testing

@testable import AuraClient

/// Notes what each side saw, from any thread.
private final class Journal: Sendable {
  private let entries = Mutex<[String]>([])

  func note(_ entry: String) { entries.withLock { $0.append(entry) } }
  var all: [String] { entries.withLock { $0 } }

  func waits(_ count: Int = 1, for entry: String) -> Bool {
    for _ in 0..<2_000 {
      if all.filter({ $0 == entry }).count >= count { return true }
      usleep(5_000)
    }
    return false
  }
}

/// A hub that says what a test tells it to.
private final class ScriptedHub: LoopHandler {
  let journal: Journal
  private(set) var connected: [Connection] = []
  private var commands = 0

  init(journal: Journal) { self.journal = journal }

  func opened(_ connection: Connection) { connected.append(connection) }
  func closed(_ connection: Connection) { connected.removeAll { $0 === connection } }

  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    guard let json = try? JSON.parse(text), let type = json["type"]?.string else { return }
    func say(_ text: String) { _ = connection.send(Frame(text: Array(text.utf8))) }
    let re = json["id"]?.integer ?? 0
    switch type {
    case "hello":
      let cursor = json["subscribe"]?.array?.first?["cursor"]?["seq"]?.integer
      journal.note("hub: hello \(cursor.map { "from \($0)" } ?? "anew")")
      if json["token"]?.string == "void" { return connection.close(code: 4001, reason: "no") }
      say(#"{"type":"welcome","re":\#(re),"user":{"id":"u","name":"Nok","memberships":[]},"ping_ms":20000}"#)
      let mode = cursor == nil ? "snapshot" : "resume"
      say(
        #"{"type":"subscribed","re":\#(re),"index":0,"stream":"s1","mode":"\#(mode)","#
          + #""cursor":{"epoch":"e","seq":\#(cursor ?? 10),"scope":"x"}}"#)
      if cursor == nil { say(#"{"type":"snapshot","stream":"s1","seq":10,"part":0,"last":true,"rows":{}}"#) }
    case "subscribe":
      journal.note("hub: subscribe from \(json["cursor"]?["seq"]?.integer ?? -1)")
      say(
        #"{"type":"subscribed","re":\#(re),"stream":"s2","mode":"resume","cursor":{"epoch":"e","seq":11,"scope":"x"}}"#)
      say(#"{"type":"delta","stream":"s2","prev":11,"seq":13,"commits":[{"seq":12},{"seq":13}]}"#)
    case "command":
      commands += 1
      journal.note("hub: command \(json["key"]?.string ?? "")")
      if commands == 1 { return connection.drop() }
      if commands == 2 {
        return say(
          #"{"type":"error","re":\#(re),"code":"rate_limited","message":"slow","temporary":true,"retry_ms":10}"#)
      }
      say(
        #"{"type":"ack","re":\#(re),"key":"k","ok":true,"duplicate":true,"cursor":{"epoch":"e","seq":14},"result":{}}"#)
    case "pong": journal.note("hub: pong \(json["n"]?.integer ?? 0)")
    default: break
    }
  }

  func say(_ text: String, to connections: [Connection]) {
    for connection in connections { _ = connection.send(Frame(text: Array(text.utf8))) }
  }
}

private final class Observer: HubClientEvents {
  let connector: Connector
  let journal: Journal
  var client: HubClient?

  init(connector: Connector, journal: Journal) {
    self.connector = connector
    self.journal = journal
  }

  func start(_ configuration: HubClient.Configuration) {
    let client = HubClient(configuration, events: self, connector: connector, reader: FrameReader())
    self.client = client
    client.start()
  }

  func tick(nowMs: Int) { client?.tick() }
  func welcomed(_ client: HubClient, _ welcome: ServerFrame.Welcome) { journal.note("welcome \(welcome.userName)") }
  func subscribed(_ client: HubClient, _ subscription: Int, startsOver: Bool, reason: String?) {
    journal.note(startsOver ? "subscribed" : "resumed")
  }
  func snapshot(_ client: HubClient, _ subscription: Int, _ part: ServerFrame.SnapshotPart) { journal.note("snapshot") }
  func delta(_ client: HubClient, _ subscription: Int, _ delta: Delta) { journal.note("delta \(delta.seq)") }
  func gap(_ client: HubClient, _ subscription: Int, expected: Int, found: Int) {
    journal.note("gap \(expected) \(found)")
  }
  func unsubscribed(_ client: HubClient, _ subscription: Int, code: String) { journal.note("unsubscribed \(code)") }
  func acknowledged(_ client: HubClient, key: String, _ outcome: Result<(seq: Int, result: JSON), HubError>) {
    journal.note("ack \(key)")
  }
  func failed(_ client: HubClient, _ error: HubError) { journal.note("failed \(error)") }
  func disconnected(_ client: HubClient, code: UInt16, reason: String, isFinal: Bool) {
    journal.note("disconnected \(code)\(isFinal ? " for good" : "")")
  }
}

@Suite(.serialized) struct HubClientTests {
  private let journal = Journal()
  private let hub: Transport<ScriptedHub>
  private let client: ClientTransport<Observer>

  init() throws {
    let journal = journal
    var configuration = TransportConfiguration()
    configuration.webSockets = [WebSocketEndpoint(path: "/ws", subprotocol: "aura.v1.json")]
    hub = try Transport(configuration) { _ in ScriptedHub(journal: journal) }
    hub.start()
    var clients = ClientConfiguration(subprotocol: "aura.v1.json")
    clients.tickMilliseconds = 5
    client = try ClientTransport(clients) { Observer(connector: $0, journal: journal) }
  }

  private func start(token: String = "good") {
    let address = WebSocketAddress(host: "127.0.0.1", port: hub.port, path: "/ws")
    client.post { observer in
      var configuration = HubClient.Configuration(address: address, token: token, app: "test")
      configuration.subscriptions = [.init(clinic: ID(high: 1, low: 2), topics: ["task_queue"])]
      observer.start(configuration)
    }
  }

  /// Says something to the client, in the place of whatever the hub would say next.
  private func say(_ text: String) { hub.post(loop: 0) { $0.say(text, to: $0.connected) } }

  @Test func `deltas that join on are taken, and one that does not is asked for again`() {
    start()
    #expect(journal.waits(for: "snapshot"))
    say(#"{"type":"delta","stream":"s1","prev":10,"seq":11,"commits":[{"seq":11}]}"#)
    #expect(journal.waits(for: "delta 11"))
    say(#"{"type":"delta","stream":"s1","prev":12,"seq":13,"commits":[{"seq":13}]}"#)
    #expect(journal.waits(for: "gap 11 12"))
    #expect(journal.waits(for: "hub: subscribe from 11"))
    #expect(journal.waits(for: "delta 13"))
    #expect(journal.all.filter { $0.hasPrefix("delta") } == ["delta 11", "delta 13"])
  }

  @Test func `a head above its own shows a client that something is missing`() {
    start()
    #expect(journal.waits(for: "snapshot"))
    say(#"{"type":"ping","n":7,"heads":{"s1":10}}"#)
    #expect(journal.waits(for: "hub: pong 7"))
    #expect(!journal.all.contains { $0.hasPrefix("gap") })
    say(#"{"type":"ping","n":8,"heads":{"s1":12}}"#)
    #expect(journal.waits(for: "gap 10 12"))
    #expect(journal.waits(for: "hub: subscribe from 10"))
  }

  @Test func `after a lost connection it comes back with its cursor, and its command with the same key until the ack`()
  {
    start()
    #expect(journal.waits(for: "snapshot"))
    client.post { $0.client?.send("startTask", .emptyObject, clinic: ID(high: 1, low: 2), key: "k") }
    #expect(journal.waits(for: "disconnected 1006"))
    #expect(journal.waits(for: "hub: hello from 10"))
    #expect(journal.waits(for: "ack k"))
    #expect(journal.all.filter { $0 == "hub: command k" }.count == 3)
    #expect(journal.all.filter { $0 == "ack k" }.count == 1)
  }

  @Test func `who is told to come back later does, and at the time that it is told`() {
    start()
    #expect(journal.waits(for: "snapshot"))
    say(#"{"type":"bye","code":4100,"reason":"draining","reconnect_ms":20}"#)
    hub.post(loop: 0) { hub in for connection in hub.connected { connection.close(code: 4100, reason: "draining") } }
    #expect(journal.waits(for: "disconnected 4100"))
    #expect(journal.waits(for: "resumed"))
  }

  @Test func `who is refused does not come back`() {
    start(token: "void")
    #expect(journal.waits(for: "disconnected 4001 for good"))
    #expect(journal.all.filter { $0.hasPrefix("hub: hello") }.count == 1)
  }
}

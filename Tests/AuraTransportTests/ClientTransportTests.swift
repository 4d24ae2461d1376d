import Foundation
import Testing

@testable import AuraTransport

/// Connects as told and notes what comes.
private final class TestClient: LoopHandler {
  let connector: Connector
  let journal: Journal
  var open: [Connection] = []

  init(connector: Connector, journal: Journal) {
    self.connector = connector
    self.journal = journal
  }

  func connect(_ address: WebSocketAddress) { _ = connector.connect(address, user: nil) }

  func opened(_ connection: Connection) {
    open.append(connection)
    journal.note("opened")
  }

  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    journal.note(text.count < 100 ? String(decoding: text, as: UTF8.self) : "\(text.count) bytes")
  }

  func closed(_ connection: Connection) {
    open.removeAll { $0 === connection }
    journal.note("closed \(connection.closeCode)\(connection.failure == nil ? "" : " failed")")
  }
}

@Suite(.serialized) struct ClientTransportTests {
  private let journal = Journal()

  private func client(_ change: (inout ClientConfiguration) -> Void = { _ in }) throws -> ClientTransport<TestClient> {
    var configuration = ClientConfiguration(subprotocol: "aura.v1.json")
    change(&configuration)
    let journal = journal
    return try ClientTransport(configuration) { TestClient(connector: $0, journal: journal) }
  }

  private func address(_ server: TestServer, path: String = "/ws", isEncrypted: Bool = false) -> WebSocketAddress {
    WebSocketAddress(host: "127.0.0.1", port: server.port, path: path, isEncrypted: isEncrypted)
  }

  @Test func `a client connects, sends, receives and closes`() throws {
    let server = try TestServer()
    let client = try client()
    let address = address(server)
    client.post { $0.connect(address) }
    #expect(journal.waits(for: "opened"))
    client.post { _ = $0.open[0].send(text: Array("hello".utf8)) }
    #expect(journal.waits(for: "<hello>"))
    client.post { _ = $0.open[0].send(text: [UInt8](repeating: 0x61, count: 60_000)) }
    #expect(journal.waits(for: "60002 bytes"))
    client.post { $0.open[0].close(code: 4000) }
    #expect(journal.waits(for: "closed 4000"))
    #expect(server.journal.waits(for: "closed 4000"))
  }

  @Test func `a client is told how the server closed`() throws {
    let server = try TestServer()
    let client = try client()
    let address = address(server)
    client.post { $0.connect(address) }
    #expect(journal.waits(for: "opened"))
    client.post { _ = $0.open[0].send(text: Array("close 4100 draining".utf8)) }
    #expect(journal.waits(for: "closed 4100"))
    client.post { $0.connect(address) }
    #expect(journal.waits { $0.filter { $0 == "opened" }.count == 2 })
    server.transport.stop()
    #expect(journal.waits(for: "closed 1001"))
  }

  @Test func `a connection that is refused is closed with its reason`() throws {
    let server = try TestServer()
    let client = try client()
    let missing = address(server, path: "/nothing")
    client.post { $0.connect(missing) }
    #expect(journal.waits(for: "closed 1006 failed"))
    let port = server.port
    server.transport.stop()
    client.post { $0.connect(WebSocketAddress(host: "127.0.0.1", port: port, path: "/ws")) }
    client.post { $0.connect(WebSocketAddress(host: "no.such.name.invalid", port: port, path: "/ws")) }
    #expect(journal.waits { $0.filter { $0.hasPrefix("closed 1006") }.count == 3 })
  }

  @Test func `a server that does not answer is given up`() throws {
    let client = try client { $0.connectSeconds = 1 }
    // Accepts by its backlog alone.
    let silent = try Listeners.open(host: "127.0.0.1", port: 0, count: 1, sendBufferBytes: 65_536)
    client.post { $0.connect(WebSocketAddress(host: "127.0.0.1", port: silent.port, path: "/ws")) }
    #expect(journal.waits { $0.contains { $0.hasPrefix("closed 1006") } })
    for descriptor in silent.descriptors { close(descriptor) }
  }

  @Test func `a thousand clients on one loop each get every message`() throws {
    let server = try TestServer()
    let client = try client()
    let address = address(server)
    client.post { client in for _ in 0..<1_000 { client.connect(address) } }
    #expect(journal.waits { $0.filter { $0 == "opened" }.count == 1_000 })
    #expect(server.journal.waits { $0.filter { $0 == "opened /ws" }.count == 1_000 })
    for number in 0..<3 { server.transport.post(loop: 0) { $0.broadcast("news \(number)") } }
    #expect(journal.waits { $0.filter { $0 == "news 2" }.count == 1_000 })
    #expect(journal.all.filter { $0 == "news 0" }.count == 1_000)
    client.stop()
    #expect(journal.all.filter { $0.hasPrefix("closed") }.count == 1_000)
  }

  @Test(arguments: [
    ("ws://a", "a", 80, "/ws", false), ("wss://a.b:8443/x/y?z", "a.b", 8443, "/x/y?z", true),
    ("http://127.0.0.1:8080/", "127.0.0.1", 8080, "/ws", false), ("https://[::1]:9", "::1", 9, "/ws", true),
    ("WSS://a", "a", 443, "/ws", true),
  ])
  func `an address is read`(text: String, host: String, port: Int, path: String, isEncrypted: Bool) {
    let read = WebSocketAddress(text, path: "/ws")
    #expect(read == WebSocketAddress(host: host, port: port, path: path, isEncrypted: isEncrypted))
  }

  @Test(arguments: [
    "", "a", "ftp://a", "ws://", "ws://a:0", "ws://a:x", "ws://a:70000", "ws://[::1", "ws://[::1]x", "ws://a b",
  ])
  func `what is no address is refused`(text: String) {
    #expect(WebSocketAddress(text) == nil)
  }
}

import Testing

@testable import AuraTransport

@Suite(.serialized) struct HandshakeTests {
  /// The request that is accepted; each case changes it.
  static let good: [String] = [
    "GET /ws HTTP/1.1", "Host: 127.0.0.1:8080", "Upgrade: websocket", "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol: other, aura.v1.json",
  ]

  struct Case: CustomTestStringConvertible, Sendable {
    var what: String
    var status: Int
    var change: @Sendable (inout [String]) -> Void
    var testDescription: String { what }

    static func without(_ name: String, _ status: Int) -> Case {
      Case(what: "no \(name)", status: status) { $0.removeAll { $0.hasPrefix(name + ":") } }
    }

    static func with(_ line: String, _ status: Int) -> Case {
      let name = String(line.prefix { $0 != ":" })
      return Case(what: line, status: status) { lines in
        lines.removeAll { $0.hasPrefix(name + ":") }
        lines.append(line)
      }
    }

    static func adding(_ line: String, _ status: Int) -> Case {
      Case(what: "and \(line)", status: status) { $0.append(line) }
    }

    static func line(_ line: String, _ status: Int) -> Case { Case(what: line, status: status) { $0[0] = line } }
  }

  static let cases: [Case] = [
    Case(what: "good", status: 101) { _ in },
    .line("GET /ws?x=1 HTTP/1.1", 101),
    .line("GET /other HTTP/1.1", 404),
    .line("GET /ws/ HTTP/1.1", 404),
    .line("GET / HTTP/1.1", 404),
    .line("POST /ws HTTP/1.1", 405),
    .line("PUT /ws HTTP/1.1", 405),
    .line("GET /ws HTTP/1.0", 505),
    .line("GET /ws HTTP/2.0", 505),
    .line("GET /ws", 400),
    .without("Host", 400),
    .adding("Host: other", 400),
    .with("Host: a b", 400),
    .with("Upgrade: h2c", 400),
    .with("Upgrade: tcp", 403),
    .with("Connection: keep-alive", 400),
    .with("Connection: upgrade", 101),
    .with("Connection: " + String(repeating: "x, ", count: 60) + "Upgrade", 400),
    .without("Sec-WebSocket-Version", 426),
    .with("Sec-WebSocket-Version: 8", 426),
    .with("Sec-WebSocket-Version: 130", 426),
    .adding("Sec-WebSocket-Version: 13", 426),
    .without("Sec-WebSocket-Key", 400),
    .with("Sec-WebSocket-Key: short", 400),
    .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==", 400),
    .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ", 400),
    .with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j****", 400),
    .with("Sec-WebSocket-Key: " + String(repeating: "A", count: 200), 400),
    .adding("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", 400),
    .without("Sec-WebSocket-Protocol", 400),
    .with("Sec-WebSocket-Protocol: aura.v2.json", 400),
    .with("Sec-WebSocket-Protocol: aura.v1.json", 101),
    .with("Sec-WebSocket-Protocol: AURA.V1.JSON", 400),
    .with("Sec-WebSocket-Protocol: http only, aura.v1.json", 400),
    .with("Sec-WebSocket-Protocol: " + String(repeating: "x", count: 130) + ", aura.v1.json", 400),
    .adding("Origin: http://127.0.0.1:8080", 101),
    .adding("Origin: https://desk.example", 101),
    .adding("Origin: https://127.0.0.1:8080", 403),
    .adding("Origin: http://127.0.0.1", 403),
    .adding("Origin: http://evil.example", 403),
    .adding("Origin: https://desk.example.evil.example", 403),
    .adding("Origin: null", 403),
    .adding("Content-Length: 5", 400),
    .adding("Transfer-Encoding: chunked", 501),
    .adding("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", 101),
  ]

  @Test(arguments: cases) func `a handshake is accepted or refused with a status`(example: Case) throws {
    let server = try TestServer { $0.allowedOrigins = ["https://desk.example"] }
    var lines = HandshakeTests.good
    example.change(&lines)
    let socket = RawSocket(port: server.port)
    socket.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
    let response = socket.response()
    #expect(response?.status == example.status)
    guard example.status != 101 else {
      #expect(response?.headers["sec-websocket-protocol"] == "aura.v1.json")
      #expect(response?.headers["sec-websocket-extensions"] == nil)
      #expect(response?.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      return
    }
    #expect(socket.isAtEnd())
    #expect(!server.journal.all.contains { $0.hasPrefix("opened") })
    if example.status == 426 { #expect(response?.headers["sec-websocket-version"] == "13") }
  }

  @Test func `the echo is served only when asked for`() throws {
    let with = try TestServer()
    #expect(TestWebSocket(port: with.port, path: "/echo", subprotocol: nil) != nil)
    let without = try TestServer { $0.echoes = false }
    #expect(TestWebSocket(port: without.port, path: "/echo", subprotocol: nil) == nil)
  }

  @Test func `an upgrade on a connection kept alive works, and an unknown one does no harm`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.status == 200)
    socket.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")
    #expect(socket.response()?.status == 403)
    let other = RawSocket(port: server.port)
    other.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(other.response()?.status == 200)
    other.send(TestWebSocket.request())
    #expect(other.response()?.status == 101)
  }
}

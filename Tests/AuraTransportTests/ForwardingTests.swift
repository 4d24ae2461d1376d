import Testing

@testable import AuraTransport

@Suite(.serialized) struct `Behind a proxy` {
  private static func client(
    _ headers: [String: String], peer: String = "10.0.0.5", trusted: Set<String> = ["10.0.0.5", "10.0.0.6"]
  ) -> Forwarding.Client {
    var head = RequestHead(method: "GET", path: "/", version: "HTTP/1.1")
    head.headers = headers
    return Forwarding(trustedProxies: trusted).client(of: head, peer: peer, isEncrypted: false)
  }

  @Test(arguments: [
    ("192.0.2.7", "192.0.2.7"),
    ("203.0.113.9, 192.0.2.7", "192.0.2.7"),
    ("192.0.2.7, 10.0.0.6", "192.0.2.7"),
    ("192.0.2.7,10.0.0.6,10.0.0.5", "192.0.2.7"),
    ("10.0.0.6", "10.0.0.6"),
    ("192.0.2.7:5000", "192.0.2.7"),
    ("[2001:db8::1]:5000", "2001:db8::1"),
    ("2001:DB8:0::1", "2001:db8::1"),
    ("::ffff:192.0.2.7", "192.0.2.7"),
    ("192.0.2.7, unknown", "10.0.0.5"),
    ("", "10.0.0.5"),
  ])
  func `the client is the last one whom no trusted proxy speaks for`(header: String, address: String) {
    #expect(Self.client(["x-forwarded-for": header]).address == address)
  }

  @Test func `what is forwarded by anybody else is ignored`() {
    let headers = ["x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"]
    let plain = Forwarding.Client(address: "198.51.100.1", isEncrypted: false)
    #expect(Self.client(headers, peer: "198.51.100.1") == plain)
    #expect(Self.client(headers, peer: "198.51.100.1", trusted: []) == plain)
    #expect(Self.client(headers) == Forwarding.Client(address: "192.0.2.7", isEncrypted: true))
    #expect(!Self.client(["x-forwarded-proto": "gopher"]).isEncrypted)
  }

  private static func head(_ more: String...) -> String {
    (HandshakeTests.good + ["Origin: https://127.0.0.1:8080"] + more).joined(separator: "\r\n") + "\r\n\r\n"
  }

  @Test(arguments: [(true, 101), (false, 403)])
  func `a page that came by TLS is the hub's own, if the proxy is trusted`(isTrusted: Bool, status: Int) throws {
    let server = try TestServer { $0.trustedProxies = isTrusted ? ["127.0.0.1"] : [] }
    let socket = RawSocket(port: server.port)
    socket.send(Self.head("X-Forwarded-Proto: https"))
    #expect(socket.response()?.status == status)
  }

  @Test func `each client has its own limit of sockets, and its place back`() throws {
    let server = try TestServer {
      $0.trustedProxies = ["127.0.0.1"]
      $0.limits.connectionsPerAddressMax = 1
    }
    func open(_ address: String) -> (socket: RawSocket, status: Int?) {
      let socket = RawSocket(port: server.port)
      socket.send(Self.head("X-Forwarded-Proto: https", "X-Forwarded-For: \(address)"))
      return (socket, socket.response()?.status)
    }
    let second: RawSocket
    do {
      let (first, status) = open("192.0.2.1")
      let other = open("192.0.2.2")
      second = other.socket
      #expect(status == 101 && other.status == 101)
      #expect(open("192.0.2.1").status == 503)
      first.shutdownWriting()
    }
    // The server sees the end a moment later.
    var again: Int?
    for _ in 0..<1_000 where again != 101 { again = open("192.0.2.1").status }
    #expect(again == 101)
    #expect(second.descriptor >= 0)
  }
}

import Foundation
import Testing

@testable import AuraTransport

@Suite(.serialized) struct HTTPTests {
  private func ask(_ server: TestServer, _ text: String) -> RawResponse? {
    let socket = RawSocket(port: server.port)
    socket.send(text)
    return socket.response()
  }

  @Test func `a dynamic request has its method, path, query, headers and body`() throws {
    let server = try TestServer()
    let response = ask(
      server, "POST /api/a%20b?x=1&y=%C3%A9&z HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    #expect(response?.status == 200)
    #expect(response?.body == "POST /api/a b [x=1|y=é|z=] hello\n")
    #expect(response?.headers["date"]?.hasSuffix("GMT") == true)
    #expect(response?.headers["x-content-type-options"] == "nosniff")
  }

  @Test func `an answer may come later, from another thread`() throws {
    let server = try TestServer()
    #expect(ask(server, "GET /api/later HTTP/1.1\r\nHost: a\r\n\r\n")?.body == "later\n")
  }

  @Test func `a request is answered once`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send("GET /api/twice HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.body == "first\n")
    socket.send("GET /api/next HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.body == "GET /api/next [] \n")
  }

  @Test func `requests on one connection are answered one after another`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    for number in 1...20 {
      let method = ["POST", "GET", "POST", "PUT"][number % 4]
      let body = number % 4 == 0 ? "abc" : ""
      let length = method == "GET" ? "" : "Content-Length: \(body.utf8.count)\r\n"
      socket.send("\(method) /api/\(number) HTTP/1.1\r\nHost: a\r\n\(length)\r\n\(body)")
      #expect(socket.response()?.body == "\(method) /api/\(number) [] \(body)\n")
    }
  }

  @Test(arguments: [
    "GET /api/1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /api/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
  ])
  func `of requests sent at once the first is answered, and the connection closed`(first: String) throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send(first + "POST /api/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ndef")
    #expect(socket.response()?.body.hasSuffix(first.hasPrefix("GET") ? "[] \n" : "[] abc\n") == true)
    #expect(socket.isAtEnd())
    #expect(server.journal.all.count == 1)
  }

  @Test(arguments: ["GET", "HEAD", "DELETE", "OPTIONS"]) func `a request without a length has no body`(method: String)
    throws
  {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    for _ in 0..<2 {
      socket.send("\(method) /api/x HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(socket.response(isHead: method == "HEAD")?.status == 200)
    }
  }

  @Test(arguments: ["POST", "PUT", "PATCH"]) func `a body needs its length, which may be zero`(method: String) throws {
    let server = try TestServer()
    #expect(ask(server, "\(method) /api/x HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 411)
    let socket = RawSocket(port: server.port)
    for _ in 0..<2 {
      socket.send("\(method) /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
      #expect(socket.response()?.body == "\(method) /api/x [] \n")
    }
    #expect(server.journal.all.filter { $0.hasPrefix("http") }.count == 2)
  }

  @Test func `a body that is too large is refused, and its sender gets to read that`() throws {
    let server = try TestServer { $0.limits.requestBodyBytesMax = 1_000 }
    let socket = RawSocket(port: server.port)
    socket.send("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
    socket.send([UInt8](repeating: 0x61, count: 200_000))
    let response = socket.response()
    #expect(response?.status == 413)
    #expect(response?.headers["connection"] == "close")
    #expect(socket.isAtEnd())
    #expect(server.journal.all.isEmpty)
  }

  @Test func `a body that waits for 100 Continue is asked for`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    #expect(socket.response()?.status == 100)
    socket.send("abc")
    #expect(socket.response()?.body == "POST /api/x [] abc\n")
  }

  static let smuggling: [(String, Int)] = [
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 6\r\n\r\n", 501),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length : 60\r\nContent-Length: 6\r\n\r\n", 400),
    ("GET /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nContent-Length: 5\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6, 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: +6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: -6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST /api/x HTTP/1.1\r\nHost: a/b\r\nContent-Length: 6\r\n\r\n", 400),
    ("POST /api/x HTTP/3.0\r\nHost: a\r\nContent-Length: 6\r\n\r\n", 505),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n", 400),
  ]

  @Test(arguments: smuggling) func `a request whose end is doubtful is refused, and nothing behind it is a request`(
    head: String, status: Int
  ) throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send(head + "0\r\n\r\nX" + "GET /api/evil HTTP/1.1\r\nHost: a\r\n\r\n")
    let bytes = String(decoding: socket.untilEnd(), as: UTF8.self)
    #expect(bytes.hasPrefix("HTTP/1.1 \(status) "))
    #expect(bytes.components(separatedBy: "Content-Length:").count == 2)
    #expect(server.journal.all.isEmpty)
  }

  @Test func `CONNECT, nonsense and an h2 preface are closed`() throws {
    let server = try TestServer()
    for text in [
      "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}garbage\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
      let socket = RawSocket(port: server.port)
      socket.send(text)
      let answer = String(decoding: socket.untilEnd(), as: UTF8.self)
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.0 4") || answer.hasPrefix("HTTP/1.1 4"), "\(text): \(answer)")
    }
    #expect(ask(server, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")?.status == 200)
  }

  @Test func `a connection is kept or closed as the request says`() throws {
    let server = try TestServer()
    for (head, keeps) in [
      ("GET /healthz HTTP/1.1\r\nHost: a\r\n", true),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", false),
      ("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n", false),
      ("GET /healthz HTTP/1.0\r\n", false),
      ("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n", true),
    ] {
      let socket = RawSocket(port: server.port)
      socket.send(head + "\r\n")
      #expect(socket.response()?.headers["connection"] == (keeps ? "keep-alive" : "close"))
      if keeps {
        socket.send(head + "\r\n")
        #expect(socket.response()?.status == 200)
      } else {
        #expect(socket.isAtEnd())
      }
    }
  }

  @Test func `a large answer arrives whole, also at a slow reader`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port, receiveBufferBytes: 4_096)
    socket.send("GET /api/large HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.body.utf8.count == 3 << 20)
    socket.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.status == 200)
  }

  @Test(arguments: [true, false]) func `who sends ahead, or no more, and does not read the answer is dropped`(
    sends: Bool
  ) throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port, receiveBufferBytes: 4_096)
    socket.send("GET /api/large HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.journal.waits(for: "http GET /api/large 0"))
    if sends { socket.send("x") } else { socket.shutdownWriting() }
    #expect(server.journal.waits { _ in server.transport.connectionCount == 0 })
  }

  @Test func `a header with a line break is left out of an answer`() throws {
    let server = try TestServer()
    let response = ask(server, "GET /api/injected HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(response?.headers["x-evil"] == nil)
    #expect(response?.headers["x-bad"] == nil)
    #expect(response?.headers["x-good"] == "c")
  }

  @Test func `a handler that does not answer costs its client a 503`() throws {
    let server = try TestServer { $0.limits.responseSeconds = 1 }
    let socket = RawSocket(port: server.port)
    socket.send("GET /api/never HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.status == 503)
    #expect(socket.isAtEnd())
  }

  @Test func `who sends nothing, half a head or half a body is dropped`() throws {
    let server = try TestServer {
      $0.limits.requestSeconds = 1
      $0.limits.keepAliveSeconds = 1
    }
    let sockets = [
      "", "GET / HTTP/1.1\r\nHo", "POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
      "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    ].map { text in
      let socket = RawSocket(port: server.port)
      socket.send(text)
      return socket
    }
    #expect(sockets[3].response()?.status == 200)
    for socket in sockets { #expect(socket.isAtEnd()) }
    #expect(server.journal.waits { _ in server.transport.connectionCount == 0 })
  }

  @Test func `headers that are too long close the connection`() throws {
    let server = try TestServer { $0.limits.requestHeaderBytesMax = 4_096 }
    #expect(
      ask(server, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Padding: \(String(repeating: "a", count: 3_000))\r\n\r\n")?
        .status
        == 200)
    #expect(
      ask(server, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Padding: \(String(repeating: "a", count: 6_000))\r\n\r\n")
        == nil)
  }
}

import Testing

@testable import AuraTransport

@Suite(.serialized) struct WebSocketTests {
  @Test func `a message is answered`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send("hello")
    #expect(client.receive()?.text == "<hello>")
  }

  @Test func `fragments are joined, with pings answered between them`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send(opcode: 1, isFinal: false, Array("frag".utf8))
    client.send(opcode: 9, Array("are you there".utf8))
    #expect(client.receive() == .init(opcode: 10, payload: Array("are you there".utf8)))
    client.send(opcode: 0, isFinal: false, Array("men".utf8))
    client.send(opcode: 10, Array("unasked".utf8))
    client.send(opcode: 0, isFinal: false, [])
    client.send(opcode: 0, Array("ts".utf8))
    #expect(client.receive()?.text == "<fragments>")
  }

  @Test func `a frame that trickles in byte by byte is one message`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    for byte in TestWebSocket.frame(opcode: 1, payload: Array("trickle".utf8)) { client.socket.send([byte]) }
    #expect(client.receive()?.text == "<trickle>")
  }

  @Test(arguments: [0, 1, 125, 126, 1_023, 1_024, 1_025, 4_096, 65_535, 65_536])
  func `a message of any length up to the limit arrives whole`(length: Int) throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send(String(repeating: "x", count: length))
    #expect(client.receive()?.payload.count == length + 2)
  }

  @Test func `a message that is too long is refused with 1009, in one frame or in many`() throws {
    let server = try TestServer()
    let one = try server.webSocket()
    one.send(String(repeating: "x", count: 65_537))
    #expect(one.receive()?.closeCode == 1009)
    let many = try server.webSocket()
    for _ in 0..<66 {
      many.send(opcode: many === one ? 0 : 1, isFinal: false, [UInt8](repeating: 0x78, count: 0)); break
    }
    for _ in 0..<65 { many.send(opcode: 0, isFinal: false, [UInt8](repeating: 0x78, count: 1_024)) }
    #expect(many.receive()?.closeCode == 1009)
    #expect(server.journal.waits(for: "closed 1009"))
  }

  @Test func `a frame that announces a terabyte is refused at its first piece`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.socket.send(
      TestWebSocket.frame(opcode: 1, payload: [UInt8](repeating: 0x78, count: 1_100), announced: 1 << 40))
    #expect(client.receive()?.closeCode == 1009)
    let bystander = try server.webSocket()
    bystander.send("still here")
    #expect(bystander.receive()?.text == "<still here>")
  }

  @Test func `a binary message is refused with 1003`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send(opcode: 2, [1, 2, 3])
    #expect(client.receive()?.closeCode == 1003)
    client.close(1003)
    #expect(client.receive() == nil)
    #expect(server.journal.waits(for: "closed 1003"))
  }

  @Test(
    arguments: [
      [[0xff]], [[0x61, 0xc3]], [[0xc3], [0x28]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xc3], []],
    ] as [[[UInt8]]])
  func `invalid UTF-8 is refused with 1007`(fragments: [[UInt8]]) throws {
    let server = try TestServer()
    let client = try server.webSocket()
    for (place, fragment) in fragments.enumerated() {
      client.send(opcode: place == 0 ? 1 : 0, isFinal: place == fragments.count - 1, fragment)
    }
    #expect(client.receive()?.closeCode == 1007)
    #expect(server.journal.waits { $0.contains { $0.hasPrefix("closed") } })
  }

  @Test func `a character may be cut in two by fragments`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    let thai = Array("สุขุมวิท".utf8)
    client.send(opcode: 1, isFinal: false, Array(thai[..<4]))
    client.send(opcode: 0, Array(thai[4...]))
    #expect(client.receive()?.text == "<สุขุมวิท>")
  }

  @Test(arguments: [
    (0x83, "reserved opcode"), (0xc1, "reserved bit"), (0x80, "continuation of nothing"), (0x09, "fragmented ping"),
  ])
  func `a broken frame is refused with 1002`(firstByte: Int, what: String) throws {
    let server = try TestServer()
    let client = try server.webSocket()
    var frame = TestWebSocket.frame(opcode: 1, payload: Array("x".utf8))
    frame[0] = UInt8(firstByte)
    client.socket.send(frame)
    #expect(client.receive()?.closeCode == 1002, "\(what)")
  }

  @Test func `a close by the client is answered with its code, and told to the handler`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.close(4321, "done")
    let answer = client.receive()
    #expect(answer?.closeCode == 4321)
    #expect(client.receive() == nil)
    #expect(server.journal.waits(for: "closed 4321"))
  }

  @Test func `a close by the server carries code and reason, and ends when the client answers`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send("close 4100 draining")
    let close = client.receive()
    #expect(close?.closeCode == 4100)
    #expect(String(decoding: close?.payload.dropFirst(2) ?? [], as: UTF8.self) == "draining")
    client.close(4100)
    #expect(client.receive() == nil)
    #expect(client.socket.isAtEnd())
    #expect(server.journal.waits(for: "closed 4100"))
  }

  @Test func `a client that does not answer a close is dropped after its time`() throws {
    let server = try TestServer { $0.limits.closeSeconds = 1 }
    let client = try server.webSocket()
    client.send("close 4103 too slow")
    #expect(client.receive()?.closeCode == 4103)
    #expect(client.receive() == nil)
    #expect(client.socket.isAtEnd())
    #expect(server.journal.waits(for: "closed 4103"))
  }

  @Test func `a lost connection is told to the handler once, as 1006`() throws {
    let server = try TestServer()
    var client: TestWebSocket? = try server.webSocket()
    client?.send("hello")
    #expect(client?.receive() != nil)
    client = nil
    #expect(server.journal.waits(for: "closed 1006"))
    #expect(server.journal.all.filter { $0.hasPrefix("closed") }.count == 1)
  }

  @Test func `the handler can drop a connection`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    client.send("drop")
    #expect(client.receive() == nil)
    #expect(client.socket.isAtEnd())
    #expect(server.journal.waits { $0.contains { $0.hasPrefix("closed") } })
  }

  @Test func `messages sent together with the handshake are read`() throws {
    let server = try TestServer()
    let socket = RawSocket(port: server.port)
    socket.send(Array(TestWebSocket.request().utf8) + TestWebSocket.frame(opcode: 1, payload: Array("early".utf8)))
    #expect(socket.response()?.status == 101)
    #expect(socket.exactly(9) == [0x81, 7] + Array("<early>".utf8))
  }

  @Test(arguments: [1, 2]) func `the echo returns text and binary, also fragmented and large`(opcode: UInt8) throws {
    let server = try TestServer()
    guard let client = TestWebSocket(port: server.port, path: "/echo", subprotocol: nil) else {
      Issue.record("no upgrade")
      return
    }
    client.send(opcode: opcode, isFinal: false, Array("ab".utf8))
    client.send(opcode: 0, Array("cd".utf8))
    #expect(client.receive() == .init(opcode: opcode, payload: Array("abcd".utf8)))
    let large = [UInt8](repeating: 0x61, count: 1 << 20)
    client.send(opcode: opcode, large)
    #expect(client.receive() == .init(opcode: opcode, payload: large))
  }
}

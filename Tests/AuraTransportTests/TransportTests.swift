import Foundation
import Testing

@testable import AuraTransport

@Suite(.serialized) struct TransportTests {
  @Test func `a reader that stops gets every message in order once it reads, and costs the others nothing`() throws {
    let server = try TestServer()
    guard let slow = TestWebSocket(port: server.port, receiveBufferBytes: 4_096) else {
      Issue.record("no upgrade")
      return
    }
    let quick = try server.webSocket()
    slow.send("flood 20000")
    for number in 0..<50 {
      quick.send("\(number)")
      #expect(quick.receive()?.text == "<\(number)>")
    }
    // 20,000 messages have 6 MB; before the socket chokes, the kernel's bounded buffers take a part of them. The server
    // itself then holds the rest of one.
    #expect(server.journal.waits { $0.contains { $0.hasPrefix("choked before ") } })
    let choked = server.journal.all.first { $0.hasPrefix("choked before ") } ?? ""
    #expect((Int(choked.split(separator: " ").last ?? "") ?? .max) < 4_000)
    for number in 1...20_000 {
      guard let message = slow.receive(), message.text.hasPrefix("\(number) "), message.payload.count > 290 else {
        Issue.record("message \(number) is missing or damaged")
        return
      }
    }
    #expect(server.journal.all.contains("writable"))
  }

  @Test func `a message to a choked socket is not taken, and never damages the one before`() throws {
    let server = try TestServer()
    guard let client = TestWebSocket(port: server.port, receiveBufferBytes: 4_096) else {
      Issue.record("no upgrade")
      return
    }
    let journal = server.journal
    server.transport.post(loop: 0) { handler in
      guard let connection = handler.open.values.first else { return }
      var taken = 0
      while connection.send(TestHandler.numbered(taken + 1)) { taken += 1 }
      for _ in 0..<1_000 where connection.send(TestHandler.numbered(0)) { journal.note("taken behind a partial frame") }
      journal.note("choked \(connection.isChoked) after \(taken)")
    }
    #expect(journal.waits { $0.contains { $0.hasPrefix("choked true") } })
    let entry = journal.all.first { $0.hasPrefix("choked") } ?? ""
    let taken = Int(entry.split(separator: " ").last ?? "") ?? 0
    #expect(taken > 0)
    for number in 1...max(1, taken) { #expect(client.receive()?.text.hasPrefix("\(number) ") == true) }
    #expect(!journal.all.contains("taken behind a partial frame"))
  }

  @Test func `a thousand connections that say nothing are dropped, and others are served meanwhile`() throws {
    let server = try TestServer { $0.limits.requestSeconds = 1 }
    let silent = (0..<1_000).map { _ in RawSocket(port: server.port) }
    let client = try server.webSocket()
    client.send("hello")
    #expect(client.receive()?.text == "<hello>")
    for socket in silent { #expect(socket.isAtEnd()) }
    #expect(server.journal.waits { _ in server.transport.connectionCount == 1 })
    client.send("again")
    #expect(client.receive()?.text == "<again>")
  }

  @Test func `half-closed and reset sockets are noticed`() throws {
    let server = try TestServer()
    let half = try server.webSocket()
    half.socket.shutdownWriting()
    #expect(half.receive() == nil)
    #expect(server.journal.waits(for: "closed 1006"))
    var reset: TestWebSocket? = try server.webSocket()
    reset?.socket.reset()
    reset = nil
    #expect(server.journal.waits { $0.filter { $0 == "closed 1006" }.count == 2 })
    let request = RawSocket(port: server.port)
    request.send("GET / HTTP/1.1\r\nHost")
    request.shutdownWriting()
    #expect(request.isAtEnd())
    #expect(server.journal.waits { _ in server.transport.connectionCount == 0 })
  }

  @Test func `no more connections are taken than the limits say, in all and from one address`() throws {
    for change: (inout TransportLimits) -> Void in [{ $0.connectionsMax = 3 }, { $0.connectionsPerAddressMax = 3 }] {
      let server = try TestServer { change(&$0.limits) }
      var kept = [try server.webSocket(), try server.webSocket(), try server.webSocket()]
      let refused = RawSocket(port: server.port)
      #expect(refused.isAtEnd())
      for client in kept {
        client.send("x")
        #expect(client.receive()?.text == "<x>")
      }
      kept.removeLast()
      #expect(server.journal.waits { _ in server.transport.connectionCount == 2 })
      kept.append(try server.webSocket())
    }
  }

  @Test func `work posted from other threads runs on its loop, in order`() throws {
    let server = try TestServer { $0.loops = 2 }
    let journal = Journal()
    for number in 0..<100 {
      for loop in 0..<2 {
        let posted = server.transport.post(loop: loop) { handler in journal.note("\(handler.loop) \(number)") }
        #expect(posted)
      }
    }
    #expect(journal.waits { $0.count == 200 })
    for loop in 0..<2 {
      #expect(journal.all.filter { $0.hasPrefix("\(loop) ") } == (0..<100).map { "\(loop) \($0)" })
    }
    #expect(!server.transport.post(loop: 2) { _ in })
  }

  @Test func `several loops share the port, and each sees only its own connections`() throws {
    let server = try TestServer { $0.loops = 3 }
    let clients = try (0..<60).map { _ in try server.webSocket() }
    for loop in 0..<3 { server.transport.post(loop: loop) { $0.broadcast("loop \($0.loop)") } }
    var counts: [String: Int] = [:]
    for client in clients { counts[client.receive()?.text ?? "", default: 0] += 1 }
    #expect(counts.values.reduce(0, +) == 60)
    #expect(counts.keys.allSatisfy { ["loop 0", "loop 1", "loop 2"].contains($0) })
    #expect(counts.count > 1)
  }

  @Test func `a frame made once is sent to connections of every loop`() throws {
    let server = try TestServer { $0.loops = 2 }
    let clients = try (0..<20).map { _ in try server.webSocket() }
    let frame = Frame(text: [UInt8](repeating: 0x61, count: 3_000))
    for loop in 0..<2 {
      server.transport.post(loop: loop) { handler in
        for connection in handler.open.values { _ = connection.send(frame) }
      }
    }
    for client in clients { #expect(client.receive()?.payload.count == 3_000) }
  }

  @Test func `a stop closes what is open with 1001, and tells the handler`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    let silent = RawSocket(port: server.port)
    #expect(server.journal.waits(for: "opened /ws"))
    server.transport.stop()
    #expect(client.receive()?.closeCode == 1001)
    #expect(client.receive() == nil)
    #expect(silent.isAtEnd())
    #expect(server.journal.all.filter { $0.hasPrefix("closed") } == ["closed 1001"])
    let journal = server.journal
    server.transport.post(loop: 0) { _ in journal.note("after the stop") }
    server.transport.stop()
    #expect(!journal.all.contains("after the stop"))
  }

  @Test func `a server that no longer listens keeps what is open`() throws {
    let server = try TestServer()
    let client = try server.webSocket()
    server.transport.stopListening()
    #expect(server.journal.waits { _ in !RawSocket.canConnect(port: server.port) })
    client.send("still")
    #expect(client.receive()?.text == "<still>")
  }

  @Test(arguments: [1, 2]) func `a server starts again on the port that it had`(loops: Int) throws {
    var server: TestServer? = try TestServer { $0.loops = loops }
    let port = try #require(server?.port)
    let client = try server?.webSocket()
    server = nil
    #expect(client?.receive()?.closeCode == 1001)
    let next = try TestServer {
      $0.port = port
      $0.loops = loops
    }
    #expect(next.port == port)
    let again = try next.webSocket()
    again.send("again")
    #expect(again.receive()?.text == "<again>")
  }

  @Test(arguments: [(1, 1), (1, 2), (2, 1), (2, 2)]) func `a port in use is one clear sentence`(first: Int, second: Int)
    throws
  {
    let server = try TestServer { $0.loops = first }
    let port = server.port
    #expect(throws: TransportFailure.portInUse(host: "127.0.0.1", port: port)) {
      _ = try TestServer {
        $0.port = port
        $0.loops = second
      }
    }
    #expect("\(TransportFailure.portInUse(host: "127.0.0.1", port: port))".contains("--port"))
  }

  @Test func `an address that is not this machine's is one clear sentence`() {
    for host in ["192.0.2.1", "no such name"] {
      do {
        _ = try TestServer { $0.host = host }
        Issue.record("no failure for \(host)")
      } catch let failure as TransportFailure {
        #expect("\(failure)".contains("--host"), "\(failure)")
      } catch {
        Issue.record(error)
      }
    }
  }
}

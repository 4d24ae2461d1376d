import AuraThreads
import Logging

/// What comes into a loop from other threads.
enum LoopMessage: Sendable {
  case work(@Sendable (any LoopHandler) -> Void)
  case response(connection: UInt64, serial: UInt64, HTTPResponse)
  case renew(TLSFiles)
  case listen
  case stopListening
  case stop
}

/// One event loop's connections, on its own thread: what to do with what `Door` sees on the sockets.
final class Loop {
  let index: Int
  let configuration: TransportConfiguration
  /// Set on a loop that connects to servers and listens to nobody.
  let client: ClientConfiguration?
  let limits: TransportLimits
  let mailbox: Mailbox<LoopMessage>
  let log = Logger(label: "aura.transport")
  private let admission: Admission
  private let requestRules: RequestRules
  private let handshakeRules: HandshakeRules
  private let forwarding: Forwarding
  private let files: StaticFiles?
  private let echoEndpoint: WebSocketEndpoint
  private(set) var handler: (any LoopHandler)?
  private var door: Door?
  private(set) var connections: [UInt64: Connection] = [:]
  /// Those with a deadline: requests and closings, not open WebSockets.
  private var watched: [UInt64: Connection] = [:]
  private var lastSerial: UInt64 = 0
  private var date = (second: -1, text: "")

  init(
    index: Int, configuration: TransportConfiguration, client: ClientConfiguration? = nil, admission: Admission,
    mailbox: Mailbox<LoopMessage>
  ) throws(TransportFailure) {
    self.index = index
    self.configuration = configuration
    self.client = client
    self.limits = configuration.limits
    self.admission = admission
    self.mailbox = mailbox
    requestRules = RequestRules(
      dynamicPaths: configuration.dynamicPaths, staticPaths: configuration.staticPaths,
      servesFiles: configuration.staticRoot != nil,
      bodyBytesMax: configuration.limits.requestBodyBytesMax)
    handshakeRules = HandshakeRules(
      endpoints: configuration.webSockets, allowedOrigins: configuration.allowedOrigins,
      isEncrypted: configuration.tls != nil, echoPath: configuration.echoes ? "/echo" : nil)
    forwarding = Forwarding(trustedProxies: configuration.trustedProxies)
    echoEndpoint = WebSocketEndpoint(
      path: "/echo", subprotocol: "", messageBytesMax: configuration.limits.echoMessageBytesMax)
    if let root = configuration.staticRoot {
      files = try StaticFiles(root: root, limits: configuration.limits)
    } else {
      files = nil
    }
  }

  /// Runs until `.stop` comes. `handler` is made here, on the loop's thread.
  func run(listener: Int32?, wake: WakeUp, handler makeHandler: (Loop) -> any LoopHandler, ready: () -> Void)
    throws(TransportFailure)
  {
    let door = try Door(loop: self, listener: listener, wake: wake)
    self.door = door
    handler = makeHandler(self)
    ready()
    door.run()
    for connection in connections.values where connection.phase == .open {
      connection.close(code: CloseCode.goingAway, reason: client == nil ? "the server stops" : "")
    }
    door.destroy()
    self.door = nil
    handler = nil
    connections = [:]
    watched = [:]
  }

  // MARK: From other threads

  func drain() {
    for message in mailbox.takeAll() {
      switch message {
      case .work(let work): if let handler { work(handler) }
      case .response(let id, let serial, let response): respond(connection: id, serial: serial, response)
      case .renew(let tls):
        if let reason = door?.renew(tls) {
          log.error("the certificate was not taken, the one before goes on", metadata: ["why": "\(reason)"])
        }
      case .listen: door?.listen()
      case .stopListening: door?.stopListening()
      case .stop: door?.stop()
      }
    }
  }

  // MARK: Time

  var nowMs: Int { door?.nowMs ?? 0 }

  func tick() {
    let now = nowMs
    for connection in watched.values {
      if connection.deadlineMs <= now {
        expire(connection)
      } else if connection.exchange?.state == .sending, let socket = connection.socket, socket.isPartlyBuffered,
        socket.hasUnreadInput
      {
        // It sends ahead and does not read: libwebsockets would look at that input without end and never take it.
        unwatch(connection)
        connection.drop()
      }
    }
    handler?.tick(nowMs: now)
  }

  func watch(_ connection: Connection, seconds: Int) {
    connection.deadlineMs = nowMs + seconds * 1_000
    watched[connection.id] = connection
  }

  private func unwatch(_ connection: Connection) {
    connection.deadlineMs = Int.max
    watched[connection.id] = nil
  }

  private func expire(_ connection: Connection) {
    if let exchange = connection.exchange, exchange.state == .waiting {
      exchange.keepAlive = false
      answer(connection, exchange, HTTPResponse(status: 503, text: "no answer in time; try again"))
    } else {
      unwatch(connection)
      connection.drop()
    }
  }

  /// A socket was marked to be ended outside of libwebsockets' own service: it must look at its timers.
  func kickWhenDone() { door?.needsKick = true }

  // MARK: Coming and going

  /// A place for one more socket, or nil.
  func admit(_ address: String) -> Connection? {
    guard admission.enter(address) else { return nil }
    let connection = Connection(
      id: ConnectionNumber.next(), peer: address, isEncrypted: configuration.tls != nil, loop: self)
    connections[connection.id] = connection
    watch(connection, seconds: limits.requestSeconds)
    return connection
  }

  /// Begins to connect; `handler.closed` follows, whether or not it has opened.
  func connect(_ address: WebSocketAddress, user: AnyObject?) -> Connection {
    let connection = Connection(
      id: ConnectionNumber.next(), peer: address.host, isEncrypted: address.isEncrypted, loop: self)
    connection.isClient = true
    connection.user = user
    connection.path = address.path
    connection.wasOpened = true
    connections[connection.id] = connection
    watch(connection, seconds: client?.connectSeconds ?? limits.requestSeconds)
    door?.connect(connection, address)
    return connection
  }

  func destroyed(_ connection: Connection) {
    ended(connection)
    connection.socket = nil
    connection.exchange = nil
    unwatch(connection)
    if connections.removeValue(forKey: connection.id) != nil, !connection.isClient { admission.leave(connection.peer) }
  }

  /// Tells the handler once that a WebSocket is over.
  func ended(_ connection: Connection) {
    connection.phase = .ended
    connection.kept = []
    connection.echoes = []
    guard connection.wasOpened else { return }
    connection.wasOpened = false
    handler?.closed(connection)
    connection.user = nil
  }

  // MARK: WebSockets

  enum UpgradeAnswer {
    case accept
    /// The bytes of a reply, after which the connection is closed.
    case refuse([UInt8])
  }

  func upgrade(_ connection: Connection, _ head: RequestHead) -> UpgradeAnswer {
    let client = forwarding.client(of: head, peer: connection.peer, isEncrypted: connection.isEncrypted)
    var rules = handshakeRules
    rules.isEncrypted = client.isEncrypted
    var decision = rules.decide(head)
    if case .refuse = decision {
    } else if admission.pass(from: connection.peer, to: client.address) {
      connection.peer = client.address
    } else {
      decision = .refuse(status: 503, text: "too many connections of this address", headers: ["Retry-After: 10"])
    }
    switch decision {
    case .endpoint(let place):
      connection.endpoint = place
      connection.path = configuration.webSockets[place].path
      return .accept
    case .echo:
      connection.isEcho = true
      connection.path = echoEndpoint.path
      return .accept
    case .refuse(let status, let text, let extra):
      var response = HTTPResponse(status: status, text: text)
      for line in extra {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { response.headers.append((String(parts[0]), parts[1].trimmed)) }
      }
      return .refuse(response.head(keepAlive: false, date: dateText()) + response.body)
    }
  }

  func opened(_ connection: Connection) {
    unwatch(connection)
    connection.exchange = nil
    connection.phase = .open
    connection.closeCode = CloseCode.abnormal
    connection.lastReceivedAtMs = nowMs
    if let client {
      connection.assembly = MessageAssembly(messageBytesMax: client.messageBytesMax, takesBinary: false)
      handler?.opened(connection)
      return
    }
    let endpoint = connection.isEcho ? echoEndpoint : configuration.webSockets[connection.endpoint]
    connection.assembly = MessageAssembly(messageBytesMax: endpoint.messageBytesMax, takesBinary: connection.isEcho)
    guard !connection.isEcho else { return }
    connection.wasOpened = true
    handler?.opened(connection)
  }

  /// `code` is nil when the close frame named none. Returns whether libwebsockets shall answer it.
  func peerCloses(_ connection: Connection, code: UInt16?) -> Bool {
    let answers = connection.phase == .open
    if answers { connection.closeCode = code ?? CloseCode.none }
    ended(connection)
    watch(connection, seconds: limits.closeSeconds)
    return answers
  }

  func writable(_ connection: Connection) {
    guard connection.phase == .open else { return }
    if connection.isEcho {
      echo(connection)
    } else if connection.wantsWritable {
      if connection.isChoked {
        connection.socket?.requestWritable()
      } else {
        connection.wantsWritable = false
        handler?.writable(connection)
      }
    }
  }

  func echo(_ connection: Connection) {
    guard let socket = connection.socket else { return }
    while let frame = connection.echoes.first, connection.send(frame) { connection.echoes.removeFirst() }
    if connection.echoes.isEmpty {
      socket.resumeReading()
    } else {
      // What is not yet returned is all that is held: nothing more is read meanwhile.
      socket.pauseReading()
      socket.requestWritable()
    }
  }

  // MARK: Requests

  /// A request's head is whole. `false` closes the connection.
  func requested(_ connection: Connection, _ head: RequestHead) {
    lastSerial += 1
    let exchange = HTTPExchange(
      serial: lastSerial, isHead: head.method == "HEAD", keepAlive: RequestRules.keepsAlive(head), state: .body)
    connection.exchange = exchange
    switch requestRules.decide(head) {
    case .refuse(let status, let text):
      if status == 413 { configuration.counts.refusedBodies.add() }
      exchange.keepAlive = false
      if case .bytes(let count) = RequestRules.contentLength(head) { exchange.missingBytes = count }
      let path = head.path.flatMap { requestRules.isDynamic($0) ? $0 : nil }
      answer(
        connection, exchange,
        path.flatMap { handler?.refusal(of: $0, status: status, text: text) }
          ?? HTTPResponse(status: status, text: text))
    case .staticFile(let path):
      let query = head.query.map { $0.value.isEmpty ? $0.name : $0.name + "=" + $0.value }.joined(separator: "&")
      let response =
        files?.answer(path: path, query: query, ifNoneMatch: head.headers["if-none-match"])
        ?? HTTPResponse(status: 404, text: "not found")
      answer(connection, exchange, response)
    case .dynamic(let path, let bodyBytes):
      exchange.missingBytes = bodyBytes
      let client = forwarding.client(of: head, peer: connection.peer, isEncrypted: connection.isEncrypted)
      exchange.request = HTTPRequest(
        method: head.method, path: path, query: head.query, headers: head.headers, body: [], peer: client.address,
        isEncrypted: client.isEncrypted, hasMalformedQuery: head.hasMalformedQuery)
      if bodyBytes == 0 { return dispatch(connection, exchange) }
      watch(connection, seconds: limits.requestSeconds)
      if head.tokens(of: "expect").contains("100-continue") {
        _ = connection.socket?.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      }
    }
  }

  func bodyPiece(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) {
    guard let exchange = connection.exchange else { return }
    exchange.missingBytes = max(0, exchange.missingBytes - bytes.count)
    if exchange.state == .body { exchange.request?.body.append(contentsOf: bytes) }
  }

  /// `false` closes the connection.
  func bodyEnded(_ connection: Connection) -> Bool {
    guard let exchange = connection.exchange else { return true }
    exchange.missingBytes = 0
    switch exchange.state {
    case .body: dispatch(connection, exchange)
    case .draining: return false
    case .waiting, .sending: break
    }
    return true
  }

  private func dispatch(_ connection: Connection, _ exchange: HTTPExchange) {
    guard let request = exchange.request else { return }
    exchange.request = nil
    exchange.state = .waiting
    watch(connection, seconds: limits.responseSeconds)
    // libwebsockets would look at what the peer sends meanwhile again and again, and never read it.
    connection.socket?.pauseReading()
    let id = connection.id
    let serial = exchange.serial
    let mailbox = mailbox
    let responder = HTTPResponder { response in
      mailbox.offer(.response(connection: id, serial: serial, response))
    }
    guard let handler else { return responder.respond(HTTPResponse(status: 503, text: "not ready")) }
    handler.http(request, respond: responder)
  }

  private func respond(connection id: UInt64, serial: UInt64, _ response: HTTPResponse) {
    guard let connection = connections[id], let exchange = connection.exchange, exchange.serial == serial,
      exchange.state == .waiting
    else { return }
    answer(connection, exchange, response)
  }

  private func answer(_ connection: Connection, _ exchange: HTTPExchange, _ response: HTTPResponse) {
    let wasWaiting = exchange.state == .waiting
    exchange.answer(response, date: dateText())
    watch(connection, seconds: limits.responseSeconds)
    if wasWaiting { connection.socket?.resumeReading() }
    connection.socket?.requestWritable()
  }

  /// The socket takes more of an answer. `false` closes the connection once what is written has left.
  func answerWritable(_ connection: Connection) -> Bool {
    guard let socket = connection.socket, let exchange = connection.exchange, exchange.state == .sending else {
      return true
    }
    while !socket.isPartlyBuffered, let piece = exchange.nextPiece(bytesMax: 65_536) {
      guard socket.write(piece) else { return false }
    }
    guard exchange.isWritten else {
      socket.requestWritable()
      return true
    }
    if exchange.missingBytes > 0 {
      exchange.state = .draining
      watch(connection, seconds: limits.closeSeconds)
      return true
    }
    // libwebsockets would read the body of a request that was piped behind this one from the wrong place: who has sent
    // ahead is closed, and asks again.
    guard exchange.keepAlive, door?.hasBufferedInput == false else { return false }
    connection.exchange = nil
    watch(connection, seconds: limits.keepAliveSeconds)
    return socket.completeTransaction()
  }

  private func dateText() -> String {
    let second = Door.epochSeconds()
    if second != date.second { date = (second, HTTPDate.format(epochSeconds: second)) }
    return date.text
  }
}

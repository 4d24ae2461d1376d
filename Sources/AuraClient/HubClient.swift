import AuraDomain
import AuraTransport
import AuraWire

/// What a program learns from its clients, on their loop's thread.
package protocol HubClientEvents: LoopHandler {
  func welcomed(_ client: HubClient, _ welcome: ServerFrame.Welcome)
  /// A stream begins or goes on. After `startsOver` what was held of it is void, and a snapshot follows.
  func subscribed(_ client: HubClient, _ subscription: Int, startsOver: Bool, reason: String?)
  func snapshot(_ client: HubClient, _ subscription: Int, _ part: ServerFrame.SnapshotPart)
  /// In order and without a gap.
  func delta(_ client: HubClient, _ subscription: Int, _ delta: Delta)
  /// A delta was missing; the client subscribes again with its cursor.
  func gap(_ client: HubClient, _ subscription: Int, expected: Int, found: Int)
  func unsubscribed(_ client: HubClient, _ subscription: Int, code: String)
  /// A command's outcome; temporary failures are sent again and not told.
  func acknowledged(_ client: HubClient, key: String, _ outcome: Result<(seq: Int, result: JSON), HubError>)
  func failed(_ client: HubClient, _ error: HubError)
  /// The connection is gone; the client comes back by itself unless `isFinal`.
  func disconnected(_ client: HubClient, code: UInt16, reason: String, isFinal: Bool)
}

/// The loop's events go to the clients whose connections they are about.
extension HubClientEvents {
  package func opened(_ connection: Connection) { (connection.user as? HubClient)?.opened(connection) }
  package func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    (connection.user as? HubClient)?.received(text)
  }
  package func writable(_ connection: Connection) { (connection.user as? HubClient)?.writable() }
  package func closed(_ connection: Connection) { (connection.user as? HubClient)?.closed(connection) }
}

/// One user's connection to a hub (protocol.md): says who it is, subscribes, notices gaps, keeps its commands until they
/// are acknowledged, and comes back with its cursors when the connection is lost. Lives on its loop's thread.
package final class HubClient {
  package struct Configuration: Sendable {
    package var address: WebSocketAddress
    package var token: String
    package var app: String
    package var version = "0"
    package var subscriptions: [Wanted] = []

    package init(address: WebSocketAddress, token: String, app: String) {
      self.address = address
      self.token = token
      self.app = app
    }
  }

  package struct Wanted: Sendable {
    package var clinic: ID
    package var topics: [String]

    package init(clinic: ID, topics: [String]) {
      self.clinic = clinic
      self.topics = topics
    }
  }

  package enum Phase: Equatable, Sendable {
    case idle, connecting, greeting, live
    case waiting(untilMs: Int)
    case over
  }

  private struct Subscription {
    var wanted: Wanted
    var stream: String?
    var cursor: Cursor?
    /// Asked for again after a gap: deltas of the old state are left out until the answer.
    var isAwaited = false
  }

  private struct Command {
    var key: String
    var clinic: ID
    var name: String
    var args: JSON
    /// When a temporary refusal lets it be sent again.
    var notBeforeMs = 0
    var isSent = false
  }

  package private(set) var phase = Phase.idle
  /// The owner's own.
  package var tag = 0
  package let configuration: Configuration
  private unowned let events: any HubClientEvents
  private let connector: Connector
  private let reader: FrameReader
  private var connection: Connection?
  private var backoff = Backoff()
  private var random = SystemRandomNumberGenerator()
  private var subscriptions: [Subscription]
  private var commands: [Int: Command] = [:]
  private var lastRequest = 0
  private var subscribing: [Int: Int] = [:]
  private var outbox: [[UInt8]] = []
  private var pingMs = 20_000
  private var reconnectMs: Int?
  private var byeReason = ""

  package init(_ configuration: Configuration, events: any HubClientEvents, connector: Connector, reader: FrameReader) {
    self.configuration = configuration
    self.events = events
    self.connector = connector
    self.reader = reader
    subscriptions = configuration.subscriptions.map { Subscription(wanted: $0) }
  }

  package func start() {
    guard phase == .idle else { return }
    connect()
  }

  package func stop() {
    phase = .over
    connection?.close(code: CloseCode.normal)
  }

  package var commandsInFlight: Int { commands.count }
  /// It has been disconnected since it was last welcomed.
  package private(set) var hasFailedBefore = false
  /// How far a subscription has come in its clinic's log.
  package func seq(of subscription: Int) -> Int? { subscriptions[subscription].cursor?.seq }

  /// Sends a command, again and again under the same key until it is acknowledged.
  package func send(_ name: String, _ args: JSON, clinic: ID, key: String) {
    lastRequest += 1
    commands[lastRequest] = Command(key: key, clinic: clinic, name: name, args: args)
    if phase == .live { write(command: lastRequest) }
  }

  /// To be called about every 250 ms.
  package func tick() {
    let now = connector.nowMs
    switch phase {
    case .waiting(let until):
      if now >= until { connect() }
    case .live:
      for (id, command) in commands where !command.isSent && command.notBeforeMs <= now { write(command: id) }
      // The server asks after `ping_ms` of silence: more than twice that, and the link is dead.
      if let connection, now - connection.lastReceivedAtMs > 2 * pingMs + 5_000 { connection.drop() }
    case .idle, .connecting, .greeting, .over: break
    }
  }

  // MARK: Connecting

  private func connect() {
    phase = .connecting
    reconnectMs = nil
    byeReason = ""
    let connection = connector.connect(configuration.address, user: self)
    // It may have failed already.
    if phase == .connecting { self.connection = connection }
  }

  func opened(_ connection: Connection) {
    self.connection = connection
    phase = .greeting
    subscribing = [:]
    outbox = []
    lastRequest += 1
    var writer = request("hello", id: lastRequest)
    writer.name("token")
    writer.string(configuration.token)
    writer.name("client")
    writer.value(["app": .string(configuration.app), "version": .string(configuration.version)])
    writer.name("subscribe")
    writer.beginArray()
    for subscription in subscriptions {
      writer.beginObject()
      append(subscription, to: &writer)
      writer.endObject()
    }
    writer.endArray()
    finish(&writer)
  }

  func closed(_ connection: Connection) {
    self.connection = nil
    guard phase != .over else { return }
    let code = connection.closeCode
    let comeback = Comeback.after(closeCode: code)
    let reason = connection.failure ?? byeReason
    switch comeback {
    case .never: phase = .over
    case .atOnce: phase = .waiting(untilMs: connector.nowMs)
    case .later:
      let delay = reconnectMs ?? backoff.nextMilliseconds(using: &random)
      phase = .waiting(untilMs: connector.nowMs + delay)
    }
    for id in commands.keys { commands[id]?.isSent = false }
    for place in subscriptions.indices { subscriptions[place].isAwaited = false }
    events.disconnected(self, code: code, reason: reason, isFinal: comeback == .never)
    hasFailedBefore = true
  }

  // MARK: Receiving

  func received(_ text: UnsafeRawBufferPointer) {
    switch reader.read(text) {
    case .welcome(let welcome):
      phase = .live
      backoff.succeeded()
      hasFailedBefore = false
      pingMs = welcome.pingMilliseconds
      events.welcomed(self, welcome)
      // In the order in which they were given.
      for id in commands.keys.sorted() { write(command: id) }
    case .subscribed(let subscribed): take(subscribed)
    case .snapshot(let part):
      if let place = place(of: part.stream) { events.snapshot(self, place, part) }
    case .delta(let delta): take(delta)
    case .unsubscribed(let stream, let code):
      guard let place = place(of: stream) else { return }
      subscriptions[place].stream = nil
      subscriptions[place].cursor = nil
      events.unsubscribed(self, place, code: code)
      if code == "scope_changed" { subscribe(place) }
    case .ack(let ack):
      guard let command = commands[ack.re] else { return }
      if case .failure(let error) = ack.outcome, error.isTemporary {
        again(ack.re, after: error.retryMilliseconds)
        return
      }
      commands[ack.re] = nil
      events.acknowledged(self, key: command.key, ack.outcome)
    case .error(let re, _, let error):
      if let re, let command = commands[re] {
        if error.isTemporary { return again(re, after: error.retryMilliseconds) }
        commands[re] = nil
        events.acknowledged(self, key: command.key, .failure(error))
      } else {
        events.failed(self, error)
      }
    case .ping(let n, let heads):
      write(Array(#"{"type":"pong","n":\#(n)}"#.utf8))
      // A head that is not ours is a delta that was lost: pings stand behind them.
      for head in heads {
        guard let place = place(of: head.stream), !subscriptions[place].isAwaited,
          let mine = subscriptions[place].cursor?.seq, head.seq > mine
        else { continue }
        lost(place, expected: mine, found: head.seq)
      }
    case .bye(let code, let reason, let reconnect):
      reconnectMs = reconnect
      byeReason = "\(code) \(reason)"
    case .malformed(let what):
      events.failed(self, HubError(["code": "bad_frame", "message": .string(what)]))
    case .result, .pong, .authDue, .presence, .unknown: break
    }
  }

  private func take(_ subscribed: ServerFrame.Subscribed) {
    let place: Int
    if let index = subscribed.index, subscriptions.indices.contains(index) {
      place = index
    } else if let re = subscribed.re, let asked = subscribing.removeValue(forKey: re) {
      place = asked
    } else if let known = self.place(of: subscribed.stream) {
      place = known
    } else {
      return
    }
    subscriptions[place].stream = subscribed.stream
    subscriptions[place].isAwaited = false
    subscriptions[place].cursor = subscribed.cursor
    events.subscribed(self, place, startsOver: subscribed.startsOver, reason: subscribed.reason)
  }

  private func take(_ delta: Delta) {
    guard let place = place(of: delta.stream), !subscriptions[place].isAwaited,
      let mine = subscriptions[place].cursor?.seq
    else { return }
    guard delta.prev == mine else { return lost(place, expected: mine, found: delta.prev) }
    subscriptions[place].cursor?.seq = delta.seq
    events.delta(self, place, delta)
  }

  private func lost(_ place: Int, expected: Int, found: Int) {
    events.gap(self, place, expected: expected, found: found)
    subscribe(place)
  }

  private func place(of stream: String) -> Int? {
    subscriptions.count == 1
      ? (subscriptions[0].stream == stream ? 0 : nil) : subscriptions.firstIndex { $0.stream == stream }
  }

  // MARK: Sending

  private func subscribe(_ place: Int) {
    lastRequest += 1
    subscribing[lastRequest] = place
    subscriptions[place].isAwaited = true
    var writer = request("subscribe", id: lastRequest)
    append(subscriptions[place], to: &writer)
    finish(&writer)
  }

  private func append(_ subscription: Subscription, to writer: inout JSONWriter) {
    writer.name("clinic")
    writer.id(subscription.wanted.clinic)
    writer.name("topics")
    writer.value(.array(subscription.wanted.topics.map { .string($0) }))
    if let cursor = subscription.cursor {
      writer.name("cursor")
      writer.value([
        "epoch": .string(cursor.epoch), "seq": .integer(cursor.seq), "scope": .string(cursor.scope),
      ])
    }
  }

  private func write(command id: Int) {
    guard var command = commands[id], !command.isSent, command.notBeforeMs <= connector.nowMs else { return }
    command.isSent = true
    commands[id] = command
    var writer = request("command", id: id)
    writer.name("key")
    writer.string(command.key)
    writer.name("clinic")
    writer.id(command.clinic)
    writer.name("name")
    writer.string(command.name)
    writer.name("args")
    writer.value(command.args)
    finish(&writer)
  }

  private func again(_ id: Int, after milliseconds: Int?) {
    commands[id]?.isSent = false
    commands[id]?.notBeforeMs = connector.nowMs + (milliseconds ?? backoff.nextMilliseconds(using: &random))
  }

  private func request(_ type: StaticString, id: Int) -> JSONWriter {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    writer.name("type")
    writer.string(type)
    writer.name("id")
    writer.integer(id)
    return writer
  }

  private func finish(_ writer: inout JSONWriter) {
    writer.endObject()
    write(writer.bytes)
  }

  private func write(_ text: [UInt8]) {
    guard let connection else { return }
    if outbox.isEmpty && connection.send(text: text) { return }
    outbox.append(text)
    connection.requestWritable()
  }

  func writable() {
    while let first = outbox.first, connection?.send(text: first) == true { outbox.removeFirst() }
    if !outbox.isEmpty { connection?.requestWritable() }
  }
}

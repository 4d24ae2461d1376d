import AuraDelivery
import AuraDomain
import AuraHub
import AuraStore
import AuraThreads
import AuraTransport
import AuraWire
import Foundation
import Logging
import Synchronization

/// A hub: the store, the loops and what goes between them. This is the only room that sees all the others.
package final class Server: Sendable {
  package static let version = "0.1.0"

  package let store: Store
  package let port: Int
  package let configuration: ServerConfiguration
  private let transport: Transport<Gateway>
  private let switchboard: Switchboard
  private let passwords: Passwords
  private let outbox: Outbox
  private let operations: Operations
  private let userConnections: UserConnections
  /// `nil` when its socket could not be made: the hub serves all the same.
  private let door: AdminDoor?
  private let log = Logger(label: "server")

  /// Opens the data folder and takes the port; clients are let in by `start`.
  package init(_ configuration: ServerConfiguration, fatal: @escaping @Sendable (String) -> Void) throws {
    self.configuration = configuration
    let log = log
    var storeConfiguration = StoreConfiguration(
      directory: configuration.dataDirectory, clock: configuration.clock,
      decide: { command, draft in try decide(command, &draft) })
    storeConfiguration.readers = configuration.readers
    storeConfiguration.report = { log.error("\($0)") }
    storeConfiguration.fatal = { fatal("\($0)") }
    let store = try Store(configuration: storeConfiguration)
    self.store = store

    let secret = try InstallationSecret(directory: configuration.dataDirectory)
    var tokens = Tokens(secret: secret)
    for (path, issuer) in configuration.publicKeys {
      guard let pem = try? String(contentsOfFile: path, encoding: .utf8), tokens.trust(publicKey: pem, issuer: issuer)
      else {
        throw ServerFailure("The public key \(path) cannot be used: give a PEM file with an EC P-256 or an RSA key.")
      }
    }
    passwords = Passwords()
    let signIn = SignIn(
      store: store, tokens: tokens, secret: secret, passwords: passwords,
      allowedOrigins: configuration.allowedOrigins, clock: configuration.clock)

    let switchboard = Switchboard(loops: max(1, configuration.loops))
    self.switchboard = switchboard
    let presence = PresenceBoard { clinic, text in
      switchboard.postToAll { $0.showPresence(text, clinic: clinic) }
    }
    var transportConfiguration = TransportConfiguration()
    let loops = max(1, configuration.loops)
    let metrics = Metrics(
      loops: loops, version: Self.version, startedAt: configuration.clock(), transport: transportConfiguration.counts,
      store: storeConfiguration.counts)
    let operations = Operations(store: store, metrics: metrics, readers: configuration.metricsReaders)
    self.operations = operations
    let outbox = try Outbox(
      store: store, gateways: configuration.gateways, counts: metrics.courier, clock: configuration.clock)
    self.outbox = outbox
    store.start { batch in
      Self.follow(batch, presence)
      switchboard.publish(batch)
      outbox.follow(batch)
    }
    let heads = try Self.read(store) { try $0.heads() } ?? [:]
    // Misspelt, its clinic's messages would go by everyone's gateway, and nobody would know.
    for code in configuration.gateways.codes.subtracting(try Self.read(store) { try $0.clinicCodes() } ?? []).sorted() {
      log.warning("no clinic has the code that a gateway is for", metadata: ["code": "\(code)"])
    }
    let userConnections = UserConnections(most: configuration.connectionsPerUserMax)
    self.userConnections = userConnections
    let (guesses, accesses) = (GuessGate(), AccessAudit(store: store))
    let shared = Shared(
      configuration: configuration, store: store, tokens: tokens, signIn: signIn,
      events: GatewayEvents(store: store, gateways: configuration.gateways, clock: configuration.clock),
      pages: MessagePages(store: store, clock: configuration.clock), presence: presence,
      userConnections: userConnections, metrics: metrics, operations: operations, guesses: guesses,
      accesses: accesses,
      api: API(store: store, tokens: tokens, guesses: guesses, accesses: accesses, configuration: configuration),
      version: Self.version,
      post: { loop, work in switchboard.post(loop, work) },
      takePublished: { loop in switchboard.take(loop) })

    transportConfiguration.host = configuration.host
    transportConfiguration.port = configuration.port
    transportConfiguration.loops = loops
    transportConfiguration.tls = configuration.tls.map { TLSFiles(certificate: $0.certificate, key: $0.key) }
    transportConfiguration.staticRoot = configuration.publicDirectory
    transportConfiguration.webSockets = [
      WebSocketEndpoint(
        path: "/ws", subprotocol: ServerMessage.protocolName, messageBytesMax: configuration.limits.frameBytes)
    ]
    transportConfiguration.allowedOrigins = configuration.allowedOrigins
    transportConfiguration.trustedProxies = configuration.trustedProxies
    transportConfiguration.dynamicPaths = ["/api/", MessagePages.path] + Operations.paths
    transportConfiguration.staticPaths = ["/api/", "/api/index.html", "/api/openapi.json"]
    transportConfiguration.echoes = configuration.echoes
    transportConfiguration.limits.connectionsMax = configuration.connectionsMax
    // What is posted is bounded by what asks for it; a completion that were dropped would leave a client waiting.
    transportConfiguration.limits.mailboxMax = 1_000_000
    transportConfiguration.limits.connectionsPerAddressMax = configuration.connectionsPerAddressMax
    do {
      door = try AdminDoor(directory: configuration.dataDirectory, store: store)
    } catch {
      log.warning("the command line cannot give orders while this hub runs", metadata: ["reason": "\(error)"])
      door = nil
    }
    do {
      transport = try Transport(transportConfiguration) { loop in
        Gateway(shared: shared, loop: loop, epoch: store.epoch, heads: heads)
      }
    } catch {
      door?.stop()
      outbox.stop()
      store.stop()
      passwords.stop()
      throw error
    }
    port = transport.port
    switchboard.connect(transport)
    operations.count { [weak transport] in transport?.connectionCount ?? 0 }
  }

  /// Lets clients in.
  package func start() {
    transport.start()
    log.info("listening", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
  }

  /// Takes up certificate and limits anew; the rest of the configuration is of the start alone.
  package func reload(_ configuration: ServerConfiguration) {
    transport.reload(
      tls: configuration.tls.map { TLSFiles(certificate: $0.certificate, key: $0.key) },
      connectionsMax: configuration.connectionsMax, connectionsPerAddressMax: configuration.connectionsPerAddressMax)
    userConnections.set(most: configuration.connectionsPerUserMax)
    let limits = configuration.limits
    switchboard.postToAll { $0.take(limits) }
  }

  package var connectionCount: Int { transport.connectionCount }

  /// Stops in an order that loses nothing: no new connections, no new requests; what was taken is finished and answered;
  /// every client is told when to come back; the database is closed.
  ///
  /// - Parameter endsProcess: leaves the loops as they are, for a caller that ends the process next. Taking
  ///   libwebsockets' contexts apart has faults of its own (it closes a descriptor twice, and once was seen to spoil the
  ///   heap), and by then nothing is in them that the system does not tidy up better.
  package func stop(endsProcess: Bool = false) {
    operations.drain()
    transport.stopListening()
    let isStopping = DispatchGroup()
    for loop in 0..<transport.loops {
      isStopping.enter()
      let isPosted = transport.post(loop: loop) { gateway in
        gateway.isDraining = true
        isStopping.leave()
      }
      if !isPosted { isStopping.leave() }
    }
    _ = isStopping.wait(timeout: .now() + 5)
    door?.stop()
    // Its last reports are commands.
    outbox.stop()
    // Publishes what it still had, so that acks and deltas go out before the goodbyes.
    if !store.stop() { log.error("the store did not stop in time") }
    switchboard.postToAll { $0.drain() }
    // A close frame is answered within a round trip; who does not answer is cut off by the transport.
    for _ in 0..<20 where transport.connectionCount > 0 { usleep(50_000) }
    if !endsProcess {
      transport.stop()
      passwords.stop()
    }
    log.info("stopped")
  }

  /// Carries what people do over into presence: a break, a role.
  private static func follow(_ batch: Batch, _ presence: PresenceBoard) {
    for commit in batch.commits {
      for change in commit.changes where change.table == .clinicStaff {
        guard let user = change.keys.user else { continue }
        presence.update(user: user, clinic: commit.clinic) { person in
          if let duty = change.text(of: "duty").flatMap({ Duty(rawValue: $0) }) { person.duty = duty }
          if let role = change.text(of: "role").flatMap({ Role(rawValue: $0) }) { person.role = role }
        }
      }
    }
  }

  /// Waits for what a reader finds, before anybody else asks.
  private static func read<T: Sendable>(
    _ store: Store, _ work: @escaping @Sendable (Reader) throws -> T
  ) throws -> T? {
    let outcome = Mutex<Result<T, StoreFailure>?>(nil)
    let done = AuraThreads.Signal()
    store.read(work) { result in
      outcome.withLock { $0 = result }
      done.raise()
    }
    done.wait()
    return try outcome.withLock { $0 }?.get()
  }
}

/// Why a hub does not start, in one sentence with a next step.
package struct ServerFailure: Error, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

/// The way from the writer and the readers to the loops. What the writer publishes before a loop takes it is taken at
/// once, as one: the busier a loop, the more commits share a frame.
final class Switchboard: Sendable {
  private struct State {
    var transport: Transport<Gateway>?
    /// By loop: batches that it has not taken.
    var waiting: [[Delivery]]
  }

  private let state: Mutex<State>
  private let loops: Int

  init(loops: Int) {
    self.loops = loops
    state = Mutex(State(waiting: Array(repeating: [], count: loops)))
  }

  /// From now on work reaches the loops; what was published before is handed over.
  func connect(_ transport: Transport<Gateway>) {
    state.withLock { $0.transport = transport }
    for loop in 0..<loops { wake(loop) }
  }

  func post(_ loop: Int, _ work: @escaping @Sendable (Gateway) -> Void) {
    _ = state.withLock { $0.transport }?.post(loop: loop, work)
  }

  func postToAll(_ work: @escaping @Sendable (Gateway) -> Void) {
    for loop in 0..<loops { post(loop, work) }
  }

  /// Called on the writer's thread with a durable batch.
  func publish(_ batch: Batch) {
    var deliveries = (0..<loops).map { _ in
      Delivery(commits: batch.commits, outcomes: [], signals: batch.signals, durableAt: batch.durableAt)
    }
    var calls: [(@Sendable (Outcome) -> Void, Outcome)] = []
    for (origin, outcome) in batch.outcomes {
      switch origin {
      case .session(let loop, let session, let request):
        if deliveries.indices.contains(loop) { deliveries[loop].outcomes.append((session, request, outcome)) }
      case .call(let call): calls.append((call, outcome))
      case .timer: break
      }
    }
    for loop in 0..<loops {
      let delivery = deliveries[loop]
      if delivery.commits.isEmpty && delivery.outcomes.isEmpty && delivery.signals.isEmpty { continue }
      let wasEmpty = state.withLock { state in
        state.waiting[loop].append(delivery)
        return state.waiting[loop].count == 1
      }
      if wasEmpty { wake(loop) }
    }
    for (call, outcome) in calls { call(outcome) }
  }

  /// What a loop has not taken yet.
  func take(_ loop: Int) -> [Delivery] {
    state.withLock { state in
      defer { state.waiting[loop] = [] }
      return state.waiting[loop]
    }
  }

  /// A loop that cannot be woken because its mailbox is full looks by itself at its next tick.
  private func wake(_ loop: Int) {
    post(loop) { gateway in gateway.deliverPublished() }
  }
}

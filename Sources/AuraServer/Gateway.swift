import AuraDomain
import AuraHub
import AuraStore
import AuraTransport
import AuraWire
import Foundation
import Logging

/// What a hub's loops share. Everything in it may be used from any thread.
struct Shared: Sendable {
  var configuration: ServerConfiguration
  var store: Store
  var tokens: Tokens
  var signIn: SignIn
  var events: GatewayEvents
  var pages: MessagePages
  var presence: PresenceBoard
  var userConnections: UserConnections
  var metrics: Metrics
  var operations: Operations
  var guesses: GuessGate
  var accesses: AccessAudit
  var api: API
  var version: String
  var post: @Sendable (_ loop: Int, _ work: @escaping @Sendable (Gateway) -> Void) -> Void
  var takePublished: @Sendable (_ loop: Int) -> [Delivery]
}

/// One loop's side of the hub: it turns frames into requests and outcomes into frames, and decides nothing itself.
final class Gateway: LoopHandler {
  let shared: Shared
  let loop: Int
  let log = Logger(label: "gateway")
  var hub: Hub
  var peers: [UInt64: Peer] = [:]
  var isDraining = false
  let counts: LoopCounts
  /// Commands that each user here may still send, over all connections of theirs on this loop.
  var userCommands: [ID: TokenBucket] = [:]
  private var lastSweep = Instant(milliseconds: 0)

  init(shared: Shared, loop: Int, epoch: String, heads: [ID: Int]) {
    self.shared = shared
    self.loop = loop
    counts = shared.metrics.loops[loop]
    limits = shared.configuration.limits
    var configuration = Hub.Configuration()
    let limits = shared.configuration.limits
    configuration.frameBytes = limits.frameBytes
    configuration.subscriptionsMax = limits.subscriptionsMax
    // The hub's surroundings call back into this gateway, which does not exist yet: they go through the box.
    let box = Box()
    hub = Hub(
      configuration: configuration, epoch: epoch, heads: heads, counts: counts.hub,
      surroundings: .init(
        makeFrame: { Frame(text: $0) },
        load: { box.gateway?.load($0) },
        close: { session, code, reason in box.gateway?.end(session, code, reason) },
        presence: { session, clinic in box.gateway?.sendPresence(to: session, clinic: clinic) },
        membershipChanged: { session, membership in box.gateway?.moved(session, membership) },
        intrusion: { session, clinic, reason in box.gateway?.audit(session.user, clinic, "subscribe", reason) },
        now: { .monotonic }))
    box.gateway = self
  }

  private final class Box { weak var gateway: Gateway? }

  private(set) var limits: SessionLimits

  /// For connections from now on, and for what one user may send.
  func take(_ limits: SessionLimits) {
    self.limits = limits
    userCommands = [:]
  }

  // MARK: Connections

  func opened(_ connection: Connection) {
    let peer = Peer(connection: connection, limits: limits, counts: counts, now: .monotonic)
    connection.user = peer
    peers[connection.id] = peer
    counts.opened.add()
    log.info("opened", metadata: ["connection": "\(connection.id)", "loop": "\(loop)"])
    if isDraining { leave(peer, .draining, "the server is stopping") }
  }

  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    guard let peer = connection.user as? Peer else { return }
    let now = Instant.monotonic
    peer.lastReceived = now
    peer.framesReceived += 1
    counts.framesReceived.add()
    counts.bytesReceived.add(text.count)
    guard peer.frames.take(now: now) == nil else {
      refused(.framesPerSecond)
      return leave(peer, .rateLimited, "more than \(limits.framesPerSecond) frames a second")
    }
    take(text, from: peer)
  }

  func writable(_ connection: Connection) {
    guard let session = (connection.user as? Peer)?.session else { return }
    hub.drain(session)
  }

  func closed(_ connection: Connection) {
    guard let peer = peers.removeValue(forKey: connection.id) else { return }
    let user = peer.user
    forget(peer)
    peer.phase = .leaving
    counts.countClosed(connection.closeCode)
    log.info(
      "closed",
      metadata: [
        "connection": "\(connection.id)", "user": "\(user.map { "\($0)" } ?? "none")",
        "code": "\(connection.closeCode)",
        "reason": "\(peer.ended ?? "the client has left")",
        "seconds": "\((Instant.monotonic - peer.openedAt).milliseconds / 1_000)", "received": "\(peer.framesReceived)",
        "sent": "\(peer.framesSent)", "commands": "\(peer.commandsTaken)", "unanswered": "\(peer.inFlight.count)",
      ])
  }

  /// Ends a connection: the messages that wait, `bye` and the close frame, all in one last write. What waits of streams
  /// is left out: the client comes back for it with its cursor, or is no longer to have it.
  func leave(_ peer: Peer, _ code: CloseReason, _ reason: String, reconnectMilliseconds: Int? = nil) {
    if case .leaving = peer.phase { return }
    peer.ended = reason
    let waiting = peer.session?.takeMessages().compactMap { $0 as? Frame } ?? []
    forget(peer)
    peer.phase = .leaving
    let bye = Frame(text: ServerMessage.bye(code, reason: reason, reconnectMilliseconds: reconnectMilliseconds))
    peer.connection.close(code: code.rawValue, reason: reason, behind: Frame(joining: waiting + [bye]))
  }

  private func end(_ session: Session, _ code: CloseReason, _ reason: String) {
    guard let peer = peers[session.id] else { return }
    leave(peer, code, reason)
  }

  private func forget(_ peer: Peer) {
    if let user = peer.user {
      peer.user = nil
      shared.userConnections.leave(user)
    }
    guard let session = peer.session else { return }
    hub.close(session)
    if hub.sessions(of: session.user).isEmpty { userCommands[session.user] = nil }
    for clinic in peer.presence {
      shared.presence.leave(user: session.user, clinic: clinic, now: .monotonic)
    }
    peer.presence = []
  }

  // MARK: Time

  func tick(nowMs: Int) {
    deliverPublished()
    let now = Instant.monotonic
    guard now - lastSweep >= .seconds(1) || now < lastSweep else { return }
    lastSweep = now
    if loop == 0 { shared.presence.expire(now: now) }
    let wall = shared.configuration.clock()
    for peer in Array(peers.values) { look(after: peer, now: now, wall: wall) }
    counts.show(hub.sizes, connections: peers.count)
  }

  private func look(after peer: Peer, now: Instant, wall: Instant) {
    switch peer.phase {
    case .leaving: return
    case .greeting:
      // The database does not answer, or its answer was lost: the client comes back.
      if now - peer.openedAt >= .seconds(3 * limits.helloSeconds) { leave(peer, .overloaded, "no welcome in time") }
    case .new:
      if now - peer.openedAt >= .seconds(limits.helloSeconds) {
        refused(.helloTime)
        leave(peer, .badToken, "no hello within \(limits.helloSeconds) s")
      }
    case .ready(let session):
      if wall >= peer.expiresAt { return leave(peer, .tokenExpired, "the token has ended") }
      if !peer.isAuthDueSent, wall >= peer.expiresAt - .seconds(limits.authDueSeconds) {
        peer.isAuthDueSent = true
        hub.send(ServerMessage.authDue(at: peer.expiresAt), to: session)
      }
      if let since = session.waitingSince, !session.isStalled, now - since >= .seconds(limits.slowSeconds) {
        refused(.slowReader)
        return leave(peer, .tooSlow, "the socket has taken nothing for \(limits.slowSeconds) s")
      }
      if session.waitingMessages > limits.waitingMessagesMax {
        refused(.waitingMessages)
        return leave(peer, .tooSlow, "too much waits")
      }
      let interval = Span(milliseconds: limits.pingMilliseconds)
      if let pinged = peer.pingedAt {
        guard now - pinged >= interval else { return }
        if peer.lastReceived < pinged { return leave(peer, .noPong, "no pong") }
        // It speaks, if not of pings: it is there.
        peer.pingedAt = nil
      } else if now - session.lastSent >= interval
        || now - peer.lastReceived >= Span(milliseconds: 2 * limits.pingMilliseconds)
      {
        // Silence of the client alone is asked about too: a stream of deltas into a dead link proves nothing.
        peer.pings += 1
        peer.pingedAt = now
        hub.sendStream(ServerMessage.ping(n: peer.pings, heads: hub.heads(of: session)), to: session)
      }
    }
  }

  func refused(_ limit: Limit) { shared.metrics.refusals.count(limit) }

  // MARK: Stopping

  /// Takes no more requests and tells every client when to come back: one after the other, not all at once.
  func drain() {
    isDraining = true
    for (index, peer) in peers.values.enumerated() {
      leave(peer, .draining, "the server is stopping", reconnectMilliseconds: 500 + index * 2 + Int.random(in: 0...500))
    }
  }
}

extension Instant {
  /// A clock that never goes back, for silences and time-outs; its zero means nothing.
  static var monotonic: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return Instant(milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
  }
}

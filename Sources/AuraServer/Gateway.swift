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
  private var lastSweep = Instant(milliseconds: 0)

  init(shared: Shared, loop: Int, epoch: String, heads: [ID: Int]) {
    self.shared = shared
    self.loop = loop
    var configuration = Hub.Configuration()
    let limits = shared.configuration.limits
    configuration.frameBytes = limits.frameBytes
    configuration.subscriptionsMax = limits.subscriptionsMax
    // The hub's surroundings call back into this gateway, which does not exist yet: they go through the box.
    let box = Box()
    hub = Hub(
      configuration: configuration, epoch: epoch, heads: heads,
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

  var limits: SessionLimits { shared.configuration.limits }

  // MARK: Connections

  func opened(_ connection: Connection) {
    let peer = Peer(connection: connection, limits: limits, now: .monotonic)
    connection.user = peer
    peers[connection.id] = peer
    log.debug("opened", metadata: ["connection": "\(connection.id)"])
    if isDraining { leave(peer, .draining, "the server is stopping") }
  }

  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    guard let peer = connection.user as? Peer else { return }
    let now = Instant.monotonic
    peer.lastReceived = now
    guard peer.frames.take(now: now) == nil else {
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
    forget(peer)
    peer.phase = .leaving
    log.debug("closed", metadata: ["connection": "\(connection.id)", "code": "\(connection.closeCode)"])
  }

  /// Ends a connection: the messages that wait, `bye` and the close frame, all in one last write. What waits of streams
  /// is left out: the client comes back for it with its cursor, or is no longer to have it.
  func leave(_ peer: Peer, _ code: CloseReason, _ reason: String, reconnectMilliseconds: Int? = nil) {
    if case .leaving = peer.phase { return }
    let waiting = peer.session?.takeMessages().compactMap { $0 as? Frame } ?? []
    forget(peer)
    peer.phase = .leaving
    let bye = Frame(text: ServerMessage.bye(code, reason: reason, reconnectMilliseconds: reconnectMilliseconds))
    peer.connection.close(code: code.rawValue, reason: reason, behind: Frame(joining: waiting + [bye]))
    log.info(
      "ended", metadata: ["connection": "\(peer.connection.id)", "code": "\(code.rawValue)", "reason": "\(reason)"])
  }

  private func end(_ session: Session, _ code: CloseReason, _ reason: String) {
    guard let peer = peers[session.id] else { return }
    leave(peer, code, reason)
  }

  private func forget(_ peer: Peer) {
    guard let session = peer.session else { return }
    hub.close(session)
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
  }

  private func look(after peer: Peer, now: Instant, wall: Instant) {
    switch peer.phase {
    case .leaving: return
    case .greeting:
      // The database does not answer, or its answer was lost: the client comes back.
      if now - peer.openedAt >= .seconds(3 * limits.helloSeconds) { leave(peer, .overloaded, "no welcome in time") }
    case .new:
      if now - peer.openedAt >= .seconds(limits.helloSeconds) {
        leave(peer, .badToken, "no hello within \(limits.helloSeconds) s")
      }
    case .ready(let session):
      if wall >= peer.expiresAt { return leave(peer, .tokenExpired, "the token has ended") }
      if !peer.isAuthDueSent, wall >= peer.expiresAt - .seconds(limits.authDueSeconds) {
        peer.isAuthDueSent = true
        hub.send(ServerMessage.authDue(at: peer.expiresAt), to: session)
      }
      if let since = session.waitingSince, !session.isStalled, now - since >= .seconds(limits.slowSeconds) {
        return leave(peer, .tooSlow, "the socket has taken nothing for \(limits.slowSeconds) s")
      }
      if session.waitingMessages > limits.waitingMessagesMax { return leave(peer, .tooSlow, "too much waits") }
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

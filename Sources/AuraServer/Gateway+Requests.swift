import AuraDomain
import AuraHub
import AuraMetrics
import AuraStore
import AuraTransport
import AuraWire

/// A frame's way in: decoded, limited, handed on.
extension Gateway {
  /// Frames that may wait behind a hello.
  static let earlyMax = 64

  func take(_ text: UnsafeRawBufferPointer, from peer: Peer) {
    if case .leaving = peer.phase { return }
    if case .greeting = peer.phase {
      guard peer.early.count < Self.earlyMax else {
        refused(.earlyFrames)
        return leave(peer, .rateLimited, "wait for the welcome")
      }
      peer.early.append(Array(text))
      return
    }
    let message: ClientMessage
    do throws(WireFailure) {
      message = try ClientMessage.decode(text)
    } catch {
      var failure = error
      // Who has not said who they are has one try.
      if case .new = peer.phase, failure.close == nil { failure.close = .badFrame }
      return refuse(failure, peer)
    }
    switch (message, peer.phase) {
    case (.hello(let hello), .new): greet(peer, hello)
    case (.hello(let hello), _):
      refuse(WireFailure(re: hello.id, .badFrame, "hello was said already", close: .badFrame), peer)
    case (_, .new): refuse(WireFailure(.badFrame, "the first frame is hello", close: .badFrame), peer)
    case (_, .ready(let session)): take(message, peer, session)
    case (_, .greeting), (_, .leaving): break
    }
  }

  private func take(_ message: ClientMessage, _ peer: Peer, _ session: Session) {
    switch message {
    case .hello: break
    case .subscribe(let request): hub.subscribe(session, request)
    case .unsubscribe(let id, let stream): hub.unsubscribe(session, stream: stream, re: id)
    case .command(let command): submit(command, peer, session)
    case .query(let query): ask(query, peer, session)
    case .ping(let id): hub.send(ServerMessage.pong(re: id), to: session)
    case .pong(let n): if n == peer.pings { peer.pingedAt = nil }
    case .auth(let id, let token): renew(peer, session, id: id, token: token)
    }
  }

  private func refuse(_ failure: WireFailure, _ peer: Peer) {
    let text = ServerMessage.error(failure)
    if let session = peer.session { hub.send(text, to: session) } else { _ = peer.connection.send(Frame(text: text)) }
    if let close = failure.close { leave(peer, close, failure.message) }
  }

  // MARK: Who it is

  private func greet(_ peer: Peer, _ hello: Hello) {
    peer.phase = .greeting
    identify(peer, token: hello.token, re: hello.id) { gateway, peer, claims, identity in
      gateway.welcome(peer, hello, claims, identity)
    }
  }

  /// Checks a token and reads who its subject is now. A right that changes while the rows are being read makes the
  /// reading worthless: it is read again.
  private func identify(
    _ peer: Peer, token: String, re: Int,
    then: @escaping @Sendable (Gateway, Peer, AccessClaims, Identity) -> Void
  ) {
    let claims: AccessClaims
    do throws(TokenFailure) {
      claims = try shared.tokens.verify(token, now: shared.configuration.clock())
    } catch {
      return reject(peer, re: re, error.code, "the token is not valid")
    }
    // Known to be the user's own, not yet read from the database: here a place costs nothing.
    if peer.user == nil {
      guard shared.userConnections.enter(claims.user) else {
        refused(.connectionsPerUser)
        return leave(
          peer, .rateLimited, "more than \(shared.userConnections.limit) connections of one user",
          reconnectMilliseconds: 30_000)
      }
      peer.user = claims.user
    }
    readIdentity(of: peer.connection.id, claims, re: re, then: then)
  }

  private func readIdentity(
    of connection: UInt64, _ claims: AccessClaims, re: Int,
    then: @escaping @Sendable (Gateway, Peer, AccessClaims, Identity) -> Void
  ) {
    let rights = hub.rightsSeen
    let (post, loop) = (shared.post, loop)
    shared.store.read { reader in
      try reader.identity(user: claims.user, session: claims.session)
    } then: { result in
      post(loop) { gateway in
        guard let peer = gateway.peers[connection] else { return }
        guard case .success(let identity) = result else {
          return gateway.leave(peer, .overloaded, "the database could not be read", reconnectMilliseconds: 2_000)
        }
        if gateway.hub.rightsSeen != rights {
          return gateway.readIdentity(of: connection, claims, re: re, then: then)
        }
        guard let identity, identity.isValid(for: claims) else {
          return gateway.reject(peer, re: re, .unauthenticated, "the session has ended")
        }
        then(gateway, peer, claims, identity)
      }
    }
  }

  private func reject(_ peer: Peer, re: Int, _ code: ErrorCode, _ message: String) {
    refuse(WireFailure(re: re, code, message), peer)
    leave(peer, code == .tokenExpired ? .tokenExpired : .badToken, message)
  }

  private func welcome(_ peer: Peer, _ hello: Hello, _ claims: AccessClaims, _ identity: Identity) {
    guard case .greeting = peer.phase else { return }
    guard !identity.memberships.isEmpty || identity.isSuperAdmin else {
      return leave(peer, .accessRevoked, "no membership in any clinic")
    }
    let session = hub.open(
      id: peer.connection.id, user: claims.user, signIn: claims.session, memberships: identity.memberships,
      isSuperAdmin: identity.isSuperAdmin, outlet: peer)
    peer.phase = .ready(session)
    peer.expiresAt = claims.expiresAt
    hub.send(
      ServerMessage.welcome(
        re: hello.id, user: claims.user, name: identity.name, memberships: identity.memberships,
        expiresAt: claims.expiresAt, pingMilliseconds: limits.pingMilliseconds,
        limits: .init(
          frameBytes: limits.frameBytes, inFlight: limits.inFlightMax, commandsPerSecond: limits.commandsPerSecond),
        version: shared.version), to: session)
    log.info(
      "welcome",
      metadata: [
        "connection": "\(peer.connection.id)", "user": "\(claims.user)", "app": "\(Self.word(hello.app))",
      ])
    peer.name = identity.name
    for membership in identity.memberships {
      enter(peer, session, membership, duty: identity.duties[membership.clinic] ?? .on)
    }
    for entry in hello.subscriptions {
      switch entry {
      case .success(let request): hub.subscribe(session, request)
      case .failure(let failure): refuse(failure, peer)
      }
    }
    let early = peer.early
    peer.early = []
    for text in early { text.withUnsafeBytes { take($0, from: peer) } }
  }

  private func renew(_ peer: Peer, _ session: Session, id: Int, token: String) {
    identify(peer, token: token, re: id) { gateway, peer, claims, _ in
      guard let session = peer.session else { return }
      guard claims.user == session.user else {
        return gateway.reject(peer, re: id, .unauthenticated, "the token is somebody else's")
      }
      peer.expiresAt = claims.expiresAt
      session.signIn = claims.session
      peer.isAuthDueSent = false
      gateway.hub.send(ServerMessage.authenticated(re: id, expiresAt: claims.expiresAt), to: session)
    }
  }

  // MARK: Commands and queries

  /// What a client calls itself, as far as it is a name of a program.
  private static func word(_ app: String) -> String {
    String(app.prefix(32).filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./".contains($0)) })
  }

  /// Takes a place among the requests in flight; `false`, and an error sent, where there is none.
  private func admit(_ id: Int, _ peer: Peer, _ session: Session, _ request: Peer.Taken) -> Bool {
    if isDraining {
      hub.send(ServerMessage.error(WireFailure(re: id, .unavailable, "the server is stopping")), to: session)
      return false
    }
    guard peer.inFlight[id] == nil else {
      hub.send(
        ServerMessage.error(WireFailure(re: id, .badRequest, "this id is in flight already", path: "id")), to: session)
      return false
    }
    guard peer.inFlight.count < limits.inFlightMax else {
      refused(.requestsInFlight)
      hub.send(
        ServerMessage.error(
          WireFailure(re: id, .rateLimited, "at most \(limits.inFlightMax) requests in flight"), retryMilliseconds: 100),
        to: session)
      return false
    }
    peer.inFlight[id] = request
    return true
  }

  private func submit(_ message: CommandMessage, _ peer: Peer, _ session: Session) {
    let at = Stopwatch.nanoseconds()
    if let wait = peer.commands.take(now: .monotonic) {
      refused(.commandsPerSecond)
      return hub.send(
        ServerMessage.error(
          WireFailure(re: message.id, .rateLimited, "at most \(limits.commandsPerSecond) commands a second"),
          retryMilliseconds: wait), to: session)
    }
    if let wait = takeUserCommand(session.user) {
      refused(.commandsPerUser)
      return hub.send(
        ServerMessage.error(
          WireFailure(
            re: message.id, .rateLimited, "at most \(limits.userCommandsPerSecond) commands a second of one user"),
          retryMilliseconds: wait), to: session)
    }
    let command: Command
    do throws(Refusal) {
      command = try Command.decode(name: message.name, args: message.args)
    } catch {
      return hub.send(ServerMessage.error(re: message.id, refusal: error), to: session)
    }
    let taken = Peer.Taken(name: command.name, clinic: message.clinic, at: at, isCommand: true)
    guard admit(message.id, peer, session, taken) else { return }
    if command.namesCode {
      if let wait = shared.guesses.take(clinic: message.clinic, user: session.user, now: .monotonic) {
        peer.inFlight[message.id] = nil
        refused(.codes)
        return hub.send(
          ServerMessage.error(
            WireFailure(re: message.id, .rateLimited, "too many codes that are none"),
            retryMilliseconds: wait.milliseconds), to: session)
      }
      peer.guesses[message.id] = message.clinic
    }
    let isTaken = shared.store.submit(
      CommandRequest(
        origin: .session(loop: loop, session: session.id, request: message.id), clinic: message.clinic,
        user: session.user, key: message.key, command: command, digest: message.digest,
        expect: message.expect.map { Expectation(table: $0.table, id: $0.id, version: $0.version) },
        reason: message.reason))
    if !isTaken {
      peer.inFlight[message.id] = nil
      if let clinic = peer.guesses.removeValue(forKey: message.id) {
        shared.guesses.giveBack(clinic: clinic, user: session.user)
      }
      hub.send(
        ServerMessage.error(WireFailure(re: message.id, .overloaded, "too many commands wait"), retryMilliseconds: 500),
        to: session)
    }
  }

  private func ask(_ message: QueryMessage, _ peer: Peer, _ session: Session) {
    let query: Query
    do throws(Refusal) {
      query = try Query.decode(name: message.name, args: message.args)
    } catch {
      return hub.send(ServerMessage.error(re: message.id, refusal: error), to: session)
    }
    let taken = Peer.Taken(
      name: "", clinic: message.clinic, at: Stopwatch.nanoseconds(), isCommand: false)
    guard admit(message.id, peer, session, taken) else { return }
    let (post, loop, id, user) = (shared.post, loop, session.id, session.user)
    let now = shared.configuration.clock()
    let isSuperAdmin = session.isSuperAdmin
    shared.store.read { reader -> (seq: Int, answer: Result<[UInt8], Refusal>) in
      do {
        let actor = try reader.actor(user: user, clinic: message.clinic, reason: message.reason)
        let data = try answer(query, rows: reader.clinicRows(message.clinic), actor: actor, now: now)
        var writer = JSONWriter(capacity: 1_024)
        writer.value(data)
        return (try reader.head(clinic: message.clinic), .success(writer.bytes))
      } catch let refusal as Refusal {
        return (0, .failure(refusal))
      }
    } then: { result in
      post(loop) { gateway in
        if case .success((_, .failure(let refusal))) = result, refusal.code == .forbidden {
          gateway.audit(user, message.clinic, message.name, nil)
        } else if message.reason != nil, isSuperAdmin {
          gateway.audit(user, message.clinic, message.name, message.reason)
        }
        gateway.countQuery(result.map(\.answer))
        let text =
          switch result {
          case .success((let seq, .success(let data))): ServerMessage.result(re: message.id, seq: seq, data: data)
          case .success((_, .failure(let refusal))): ServerMessage.result(re: message.id, refusal: refusal)
          case .failure:
            ServerMessage.result(
              re: message.id, refusal: Refusal(.unavailable, "the database could not be read; try again"))
          }
        gateway.reply(session: id, request: message.id, text)
      }
    }
  }

  /// Sends a request's answer; its place is free when the socket has taken it.
  private func reply(session id: UInt64, request: Int, _ text: [UInt8]) {
    guard let peer = peers[id], let session = peer.session else { return }
    hub.send(text, to: session) { [weak peer, counts] in
      guard let taken = peer?.inFlight.removeValue(forKey: request) else { return }
      (taken.isCommand ? counts.commandToAck : counts.querySeconds).observe(Stopwatch.nanoseconds() - taken.at)
    }
  }

  // MARK: What the store has done

  func deliverPublished() {
    let deliveries = shared.takePublished(loop)
    if !deliveries.isEmpty { deliver(deliveries) }
  }

  /// Shows a durable batch: streams first, so that a delta comes before the ack of what caused it.
  private func deliver(_ deliveries: [Delivery]) {
    // Ready commits share a frame, but none of a later batch is shown to a session that an earlier one has ended.
    var commits: [Commit] = []
    for delivery in deliveries {
      if !delivery.signals.isEmpty {
        if !commits.isEmpty { hub.publish(commits) }
        commits = []
        for signal in delivery.signals { apply(signal) }
      }
      commits += delivery.commits
    }
    if !commits.isEmpty { hub.publish(commits) }
    let sentAt = Stopwatch.nanoseconds()
    for delivery in deliveries where !delivery.commits.isEmpty && delivery.durableAt > 0 {
      counts.commitToSent.observe(sentAt - delivery.durableAt, times: delivery.commits.count)
    }
    for delivery in deliveries {
      for outcome in delivery.outcomes {
        settleGuess(of: outcome)
        tell(of: outcome)
        let text =
          switch outcome.outcome.result {
          case .success(let accepted):
            ServerMessage.ack(
              re: outcome.request, key: outcome.outcome.key, duplicate: outcome.outcome.duplicate,
              epoch: accepted.epoch, seq: accepted.seq, result: accepted.result)
          case .failure(let refusal):
            ServerMessage.refused(
              re: outcome.request, key: outcome.outcome.key, duplicate: outcome.outcome.duplicate, refusal: refusal)
          }
        reply(session: outcome.session, request: outcome.request, text)
      }
    }
  }

  /// Gives the try back that a command with a code had taken, unless the code was none.
  private func settleGuess(of outcome: (session: UInt64, request: Int, outcome: Outcome)) {
    guard let peer = peers[outcome.session], let user = peer.session?.user,
      let clinic = peer.guesses.removeValue(forKey: outcome.request)
    else { return }
    if case .failure(let refusal) = outcome.outcome.result, refusal.isWrongCode { return }
    shared.guesses.giveBack(clinic: clinic, user: user)
  }

  private func apply(_ signal: Signal) {
    if case .logRewritten(let clinic) = signal { return hub.forgetRecent(clinic) }
    hub.rightsSeen += 1
    for peer in Array(peers.values) {
      guard let session = peer.session else { continue }
      switch signal {
      case .sessionRevoked(let id) where session.signIn == id: leave(peer, .badToken, "the session was signed out")
      case .userDisabled(let user) where session.user == user: leave(peer, .accessRevoked, "the account has ended")
      case .sessionRevoked, .userDisabled, .logRewritten: break
      }
    }
  }

  /// Writes down who looked, or tried to look, into a clinic that is not theirs.
  func audit(_ user: ID, _ clinic: ID, _ what: String, _ reason: String?) {
    shared.accesses.note(user: user, clinic: clinic, what: what, reason: reason)
  }

  func load(_ request: Hub.LoadRequest) {
    let (post, loop) = (shared.post, loop)
    shared.store.read { reader in
      try StreamLoader.load(request, reader)
    } then: { result in
      post(loop) { gateway in
        switch result {
        case .success(let load): gateway.hub.loaded(request.token, load)
        case .failure: gateway.hub.loadFailed(request.token)
        }
      }
    }
  }

  // MARK: Presence

  private func enter(_ peer: Peer, _ session: Session, _ membership: Membership, duty: Duty) {
    guard let role = membership.role, let staff = membership.staff else { return }
    let person = PresenceBoard.Person(user: session.user, staff: staff, role: role, name: peer.name, duty: duty)
    peer.presence.insert(membership.clinic)
    shared.presence.enter(person, clinic: membership.clinic)
  }

  /// A session has got another place in a clinic, or none.
  func moved(_ session: Session, _ membership: Membership) {
    guard let peer = peers[session.id] else { return }
    if membership.role == nil {
      if peer.presence.remove(membership.clinic) != nil {
        shared.presence.remove(user: session.user, clinic: membership.clinic)
      }
    } else if !peer.presence.contains(membership.clinic) {
      enter(peer, session, membership, duty: .on)
    }
  }

  func sendPresence(to session: Session, clinic: ID) {
    let (post, loop, id) = (shared.post, loop, session.id)
    // Through the loop's mailbox like every change, so that none is seen before what it changes.
    shared.presence.all(clinic) { text in
      post(loop) { gateway in
        guard let session = gateway.hub.session(id) else { return }
        gateway.hub.send(text, to: session)
      }
    }
  }

  func showPresence(_ text: [UInt8], clinic: ID) {
    hub.sendPresence(text, clinic: clinic)
  }
}

extension Identity {
  /// Whether the token still counts: its user, its session and its epoch.
  func isValid(for claims: AccessClaims) -> Bool {
    guard isActive, claims.epoch == nil || claims.epoch == tokenEpoch else { return false }
    return claims.session == nil || session == .valid
  }
}

/// One loop's share of a batch.
struct Delivery: Sendable {
  var commits: [Commit]
  var outcomes: [(session: UInt64, request: Int, outcome: Outcome)]
  var signals: [Signal]
  /// When it was durable, by `Stopwatch`.
  var durableAt: Int
}

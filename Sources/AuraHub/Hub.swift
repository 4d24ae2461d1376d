import AuraDomain
import AuraWire

/// The streams, sessions and recent commits of one loop. It owns no thread, no clock and no socket: everything comes in
/// by a call on the loop's thread, so that the same code runs in a test under a simulated clock.
///
/// Only `publish` feeds streams, and only with commits that are durable.
package final class Hub {
  package struct Configuration: Sendable {
    /// A snapshot's part and a delta are about this large at most.
    package var frameBytes = 65_536
    /// Recent commits of one clinic held in memory.
    package var ringBytes = 1 << 20
    package var subscriptionsMax = 32

    package init() {}
  }

  /// What a reader is asked for: a snapshot, or the log after a cursor.
  package struct LoadRequest: Sendable {
    package var token: UInt64
    package var clinic: ID
    package var tables: [Table]
    package var filter: RowFilter
    package var scope: Scope
    /// `nil` asks for a snapshot.
    package var cursor: Cursor?
    package var frameBytes: Int
  }

  /// What the reader found in one read transaction.
  package struct Load: Sendable {
    package enum Content: Sendable {
      /// The commits after the cursor, up to `seq`.
      case commits([Commit])
      /// The rows, as JSON objects of at most a frame's size each.
      case snapshot(ServerMessage.Reason, parts: [[UInt8]])
    }
    package var epoch: String
    package var seq: Int
    package var oldest: Int
    package var content: Content

    package init(epoch: String, seq: Int, oldest: Int, content: Content) {
      self.epoch = epoch
      self.seq = seq
      self.oldest = oldest
      self.content = content
    }
  }

  /// What the hub asks of its surroundings.
  package struct Surroundings {
    package var makeFrame: ([UInt8]) -> any SharedFrame
    /// Starts a read; its outcome comes back by `loaded` or `loadFailed` on this thread.
    package var load: (LoadRequest) -> Void
    /// Ends a connection with a `bye`.
    package var close: (Session, CloseReason, String) -> Void
    /// A subscription with presence begins.
    package var presence: (Session, ID) -> Void
    /// A session's place in a clinic has changed; a membership without role and customer is none.
    package var membershipChanged: (Session, Membership) -> Void
    /// Somebody looks into a clinic that is not theirs: refused, or as a super admin with a reason.
    package var intrusion: (Session, ID, _ reason: String?) -> Void
    package var now: () -> Instant

    package init(
      makeFrame: @escaping ([UInt8]) -> any SharedFrame, load: @escaping (LoadRequest) -> Void,
      close: @escaping (Session, CloseReason, String) -> Void, presence: @escaping (Session, ID) -> Void,
      membershipChanged: @escaping (Session, Membership) -> Void,
      intrusion: @escaping (Session, ID, _ reason: String?) -> Void, now: @escaping () -> Instant
    ) {
      self.makeFrame = makeFrame
      self.load = load
      self.close = close
      self.presence = presence
      self.membershipChanged = membershipChanged
      self.intrusion = intrusion
      self.now = now
    }
  }

  let configuration: Configuration
  let surroundings: Surroundings
  let counts: HubCounts
  var sessions: [UInt64: Session] = [:]
  var sessionsOfUsers: [ID: [ObjectIdentifier: Session]] = [:]
  var channels: [ID: Channel] = [:]
  /// The last sequence number that this loop has seen of each clinic.
  var heads: [ID: Int]
  /// Changes of rights seen so far: one that happens while an identity is being read makes the reading worthless.
  package var rightsSeen: UInt64 = 0
  var epoch: String
  private var nextStream = 1
  var nextLoad: UInt64 = 1
  /// Who waits for which load; one snapshot serves all that came while it was read.
  var loads: [UInt64: [Subscription]] = [:]

  /// One clinic's streams and recent commits, kept while somebody subscribes.
  final class Channel {
    var streams: [Stream.Key: Stream] = [:]
    var ring: CommitRing
    /// Loads whose read transaction saw commits that have not reached this loop yet.
    var early: [(token: UInt64, load: Load)] = []
    /// The oldest commit that the log on disk still held when a reader last looked.
    var oldest: Int?

    init(ringBytes: Int) { ring = CommitRing(bytesMax: ringBytes) }
  }

  /// `heads` are the clinics' sequence numbers before the first `publish`.
  package init(
    configuration: Configuration, epoch: String, heads: [ID: Int], counts: HubCounts = HubCounts(),
    surroundings: Surroundings
  ) {
    self.counts = counts
    self.configuration = configuration
    self.epoch = epoch
    self.heads = heads
    self.surroundings = surroundings
  }

  /// Lets go of a clinic's recent commits: who is behind is served from the log on disk, which reads otherwise now.
  package func forgetRecent(_ clinic: ID) {
    channels[clinic]?.ring = CommitRing(bytesMax: configuration.ringBytes)
  }

  // MARK: Sessions

  package func open(
    id: UInt64, user: ID, signIn: ID?, memberships: [Membership], isSuperAdmin: Bool = false, outlet: any Outlet
  ) -> Session {
    let session = Session(
      id: id, user: user, signIn: signIn, memberships: memberships, isSuperAdmin: isSuperAdmin, outlet: outlet,
      now: surroundings.now())
    sessions[id] = session
    sessionsOfUsers[user, default: [:]][ObjectIdentifier(session)] = session
    return session
  }

  package func close(_ session: Session) {
    guard sessions.removeValue(forKey: session.id) != nil else { return }
    for subscription in session.subscriptions.values { leave(subscription) }
    session.subscriptions = [:]
    session.queue = []
    sessionsOfUsers[session.user]?[ObjectIdentifier(session)] = nil
    if sessionsOfUsers[session.user]?.isEmpty == true { sessionsOfUsers[session.user] = nil }
  }

  package var sessionCount: Int { sessions.count }
  package var streamCount: Int { channels.values.reduce(0) { $0 + $1.streams.count } }
  package func session(_ id: UInt64) -> Session? { sessions[id] }
  package var allSessions: some Collection<Session> { sessions.values }
  package func sessions(of user: ID) -> [Session] { sessionsOfUsers[user].map { Array($0.values) } ?? [] }

  // MARK: Subscribing

  /// Begins a stream, or begins it anew where the session has it already. Its `subscribed`, or an `error`, follows.
  package func subscribe(_ session: Session, _ request: Subscribe) {
    func refuse(_ code: ErrorCode, _ message: String, path: String? = nil) {
      var failure = WireFailure(re: request.id, code, message, path: path)
      failure.index = request.index
      send(ServerMessage.error(failure), to: session)
    }
    let membership = session.membership(in: request.clinic)
    guard let full = membership?.scope(user: session.user) ?? outsideScope(session, request) else {
      surroundings.intrusion(session, request.clinic, nil)
      return refuse(.forbidden, "no membership in that clinic")
    }
    for table in request.tables where !full.mayRead(table) {
      return refuse(.forbidden, "\(table.rawValue) is not for this role", path: "topics")
    }
    guard !request.wantsPresence || full.kind.isStaff else {
      return refuse(.forbidden, "presence is for staff", path: "topics")
    }
    var filter = RowFilter()
    for (column, terms) in request.terms {
      var values: [Value] = []
      for term in terms {
        switch term {
        case .value(let value): values.append(value)
        case .me:
          guard let staff = membership?.staff else { return refuse(.badRequest, "`me` is for staff", path: "where") }
          values.append(.id(staff))
        }
      }
      filter.require(column, values)
    }
    let key = Stream.Key(
      clinic: request.clinic, tables: request.tables, hasPresence: request.wantsPresence, filter: filter,
      scope: full.narrowed(to: request.tables))
    let isFull = session.subscriptions.count >= configuration.subscriptionsMax
    let channel = self.channel(of: request.clinic)
    let stream = stream(key, in: channel)
    let old = session.subscriptions[stream.name]
    guard old != nil || !isFull else {
      dropIfUnused(stream)
      counts.refusedSubscriptions.add()
      return refuse(.tooLarge, "at most \(configuration.subscriptionsMax) subscriptions a connection")
    }
    let subscription = Subscription(session: session, stream: stream)
    subscription.request = (request.id, request.index)
    session.subscriptions[stream.name] = subscription
    stream.subscriptions[ObjectIdentifier(subscription)] = subscription
    // Only now, so that the stream is never without a subscription in between.
    if let old { forget(old) }

    let head = heads[request.clinic] ?? 0
    if let cursor = request.cursor, cursor.epoch == epoch, cursor.scope == key.scope.digest, cursor.seq <= head,
      let oldest = channel.oldest, channel.ring.covers(after: cursor.seq, head: head)
    {
      // Everything missed is in memory: no reader is needed.
      let load = Load(epoch: epoch, seq: cursor.seq, oldest: oldest, content: .commits([]))
      var frames = SnapshotFrames()
      begin(subscription, with: load, from: cursor.seq, frames: &frames)
    } else {
      load(subscription, after: request.cursor)
    }
  }

  package func unsubscribe(_ session: Session, stream name: String, re: Int) {
    guard let subscription = session.subscriptions.removeValue(forKey: name) else {
      send(ServerMessage.error(WireFailure(re: re, .notFound, "no such stream here", path: "stream")), to: session)
      return
    }
    forget(subscription)
    send(ServerMessage.unsubscribed(stream: name, code: "ok", re: re), to: session)
  }

  /// Sends a presence frame to every session that subscribes to the clinic's presence, once.
  package func sendPresence(_ text: [UInt8], clinic: ID) {
    guard let channel = channels[clinic] else { return }
    let frame = surroundings.makeFrame(text)
    var told: Set<UInt64> = []
    for stream in channel.streams.values where stream.key.hasPresence {
      for subscription in stream.subscriptions.values
      where subscription.state != .waiting && told.insert(subscription.session.id).inserted {
        send(frame, to: subscription.session)
      }
    }
  }

  /// Where each of a session's streams stands once what is queued has been sent.
  package func heads(of session: Session) -> [(stream: String, seq: Int)] {
    session.subscriptions.values.compactMap { subscription in
      guard subscription.state != .waiting, let tail = subscription.stream.tail else { return nil }
      return (subscription.stream.name, tail)
    }
  }

  func load(_ subscription: Subscription, after cursor: Cursor?) {
    let stream = subscription.stream
    if cursor == nil, let token = stream.snapshotLoad {
      subscription.load = token
      loads[token, default: []].append(subscription)
      return
    }
    let token = nextLoad
    nextLoad += 1
    subscription.load = token
    loads[token] = [subscription]
    if cursor == nil { stream.snapshotLoad = token }
    let key = stream.key
    surroundings.load(
      LoadRequest(
        token: token, clinic: key.clinic, tables: key.tables, filter: key.filter, scope: key.scope, cursor: cursor,
        frameBytes: configuration.frameBytes))
  }

  package func loadFailed(_ token: UInt64) {
    for subscription in loads.removeValue(forKey: token) ?? [] where subscription.load == token {
      if subscription.stream.snapshotLoad == token { subscription.stream.snapshotLoad = nil }
      fail(subscription)
    }
  }

  private func fail(_ subscription: Subscription) {
    let session = subscription.session
    guard let request = subscription.request else {
      // A stream that had begun cannot go on: the client comes back with its cursor.
      return surroundings.close(session, .resubscribe, "the log could not be read")
    }
    session.subscriptions[subscription.stream.name] = nil
    forget(subscription)
    var failure = WireFailure(re: request.re, .unavailable, "the database could not be read; try again")
    failure.index = request.index
    send(ServerMessage.error(failure, retryMilliseconds: 1_000), to: session)
  }

  package func loaded(_ token: UInt64, _ load: Load) {
    guard let stream = loads[token]?.first?.stream else { return }
    let channel = self.channel(of: stream.key.clinic)
    guard load.seq <= heads[stream.key.clinic] ?? 0 else {
      // The reader was quicker than the publisher: what it saw arrives here in a moment.
      channel.early.append((token, load))
      return
    }
    if stream.snapshotLoad == token { stream.snapshotLoad = nil }
    channel.oldest = load.oldest
    var frames = SnapshotFrames()
    for subscription in loads.removeValue(forKey: token) ?? [] where subscription.load == token {
      switch subscription.state {
      case .waiting: begin(subscription, with: load, from: nil, frames: &frames)
      case .fetching: proceed(subscription, with: load)
      case .live: break
      }
    }
  }

  /// A snapshot's frames by the place that they name, made once for all that wait for it.
  typealias SnapshotFrames = [Int: [any SharedFrame]]

  /// What a super admin without a membership may see, who says why.
  private func outsideScope(_ session: Session, _ request: Subscribe) -> Scope? {
    guard session.isSuperAdmin, let reason = request.reason, !reason.isEmpty else { return nil }
    surroundings.intrusion(session, request.clinic, reason)
    return Scope(kind: .management, user: session.user)
  }

  /// Sends `subscribed` and what follows it, and puts the subscription where all others of its stream stand.
  ///
  /// `load.seq` is what one read transaction saw; commits after it are in the ring, unless the ring was too short for the
  /// time that the read took: then the log on disk is asked again.
  private func begin(
    _ subscription: Subscription, with load: Load, from known: Int?, frames: inout SnapshotFrames
  ) {
    guard let request = subscription.request else { return }
    let stream = subscription.stream
    let channel = self.channel(of: stream.key.clinic)
    let head = heads[stream.key.clinic] ?? 0
    let isCovered = channel.ring.covers(after: load.seq, head: head)
    var pieces: [Stream.Piece] = []
    if case .commits(let missed) = load.content { pieces = stream.encode(missed, bytesMax: configuration.frameBytes) }
    if isCovered { pieces += stream.encode(channel.ring.after(load.seq), bytesMax: configuration.frameBytes) }

    let start: Int
    let tail: Int
    switch load.content {
    case .commits(let missed):
      let from = known ?? missed.first.map { $0.seq - 1 } ?? load.seq
      tail = stream.tail ?? (isCovered ? pieces.last?.seq ?? from : head)
      // Nothing missed: the client's place becomes the one where the stream stands.
      start = pieces.isEmpty && isCovered ? tail : from
      announce(subscription, request, .resume, nil, seq: start, load)
    case .snapshot(let reason, let parts):
      tail = stream.tail ?? (isCovered ? pieces.last?.seq ?? load.seq : head)
      // A snapshot newer than the tail holds nothing for this stream that the tail lacks, else the tail would be later.
      start = min(load.seq, tail)
      announce(subscription, request, .snapshot, reason, seq: start, load)
      let made = frames[start] ?? snapshotFrames(parts, of: stream, seq: start)
      frames[start] = made
      for frame in made { sendStream(frame, of: subscription, to: subscription.session) }
    }
    stream.tail = tail
    subscription.state = .live
    subscription.position = start
    subscription.scanned = isCovered ? head : load.seq
    for (index, piece) in pieces.enumerated() {
      let isLast = index == pieces.count - 1 && isCovered
      sendDelta(piece, seq: isLast ? max(tail, piece.seq) : piece.seq, to: subscription)
    }
    if subscription.position < tail { enqueueCatchUp(subscription) }
    if stream.key.hasPresence { surroundings.presence(subscription.session, stream.key.clinic) }
  }

  private func announce(
    _ subscription: Subscription, _ request: (re: Int, index: Int?), _ mode: ServerMessage.Mode,
    _ reason: ServerMessage.Reason?, seq: Int, _ load: Load
  ) {
    subscription.request = nil
    counts.began(mode, reason)
    let stream = subscription.stream
    let cursor = Cursor(epoch: load.epoch, seq: seq, scope: stream.key.scope.digest)
    send(
      ServerMessage.subscribed(
        re: request.re, index: request.index, stream: stream.name, mode: mode, reason: reason, cursor: cursor,
        oldest: load.oldest), to: subscription.session)
  }

  func snapshotFrames(_ parts: [[UInt8]], of stream: Stream, seq: Int) -> [any SharedFrame] {
    parts.enumerated().map { index, rows in
      surroundings.makeFrame(
        ServerMessage.snapshot(stream: stream.name, seq: seq, part: index, last: index == parts.count - 1, rows: rows))
    }
  }

  // MARK: Book-keeping

  func channel(of clinic: ID) -> Channel {
    if let channel = channels[clinic] { return channel }
    let channel = Channel(ringBytes: configuration.ringBytes)
    channels[clinic] = channel
    return channel
  }

  private func stream(_ key: Stream.Key, in channel: Channel) -> Stream {
    if let stream = channel.streams[key] { return stream }
    let stream = Stream(key: key, name: "s\(nextStream)")
    nextStream += 1
    channel.streams[key] = stream
    return stream
  }

  /// Takes a subscription out of its stream and its session's queue.
  func forget(_ subscription: Subscription) {
    let session = subscription.session
    if !session.queue.isEmpty {
      session.queue.removeAll { pending in
        switch pending {
        case .catchUp(let queued): queued === subscription
        case .stream(_, let queued): queued === subscription
        case .message: false
        }
      }
      if subscription.state == .fetching { session.isStalled = false }
      if session.queue.isEmpty { session.waitingSince = nil } else { session.outlet.requestWritable() }
    }
    leave(subscription)
  }

  func leave(_ subscription: Subscription) {
    let stream = subscription.stream
    loads[subscription.load]?.removeAll { $0 === subscription }
    if loads[subscription.load]?.isEmpty == true {
      loads[subscription.load] = nil
      if stream.snapshotLoad == subscription.load { stream.snapshotLoad = nil }
    }
    stream.subscriptions[ObjectIdentifier(subscription)] = nil
    // With nobody at the tail it is no longer kept: the next to begin says where the stream stands.
    if !stream.subscriptions.values.contains(where: { $0.state != .waiting }) { stream.tail = nil }
    dropIfUnused(stream)
  }

  private func dropIfUnused(_ stream: Stream) {
    guard stream.subscriptions.isEmpty, let channel = channels[stream.key.clinic] else { return }
    channel.streams[stream.key] = nil
    if channel.streams.isEmpty { channels[stream.key.clinic] = nil }
  }
}

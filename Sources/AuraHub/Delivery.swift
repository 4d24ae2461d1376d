import AuraDomain
import AuraWire

/// How frames reach sockets: at once while a socket takes them, else from the session's queue when it takes more.
extension Hub {
  // MARK: Publishing

  /// Feeds the streams with durable commits, in the order of the log. Acks are sent after this returns, so that a delta
  /// reaches a connection before the ack of the command that caused it.
  package func publish(_ commits: [Commit]) {
    var runs: [(clinic: ID, commits: [Commit])] = []
    var places: [ID: Int] = [:]
    func flush(_ clinic: ID) {
      guard let place = places[clinic] else { return }
      feed(clinic, runs[place].commits)
      runs[place].commits = []
    }
    for commit in commits {
      if changesRights(commit) {
        // Whoever loses a right sees nothing of the commit that takes it.
        flush(commit.clinic)
        applyRights(of: commit)
      }
      if let place = places[commit.clinic] {
        runs[place].commits.append(commit)
      } else {
        places[commit.clinic] = runs.count
        runs.append((commit.clinic, [commit]))
      }
    }
    for run in runs where !run.commits.isEmpty { feed(run.clinic, run.commits) }
  }

  private func feed(_ clinic: ID, _ commits: [Commit]) {
    guard let last = commits.last else { return }
    heads[clinic] = last.seq
    guard let channel = channels[clinic] else { return }
    for commit in commits { channel.ring.append(commit) }
    for stream in channel.streams.values {
      guard let before = stream.tail else { continue }
      let pieces = stream.encode(commits, bytesMax: configuration.frameBytes)
      var from = before
      for piece in pieces {
        stream.tail = piece.seq
        deliver(piece, of: stream, from: from)
        from = piece.seq
      }
      for subscription in stream.subscriptions.values
      where subscription.state == .live && subscription.position == from { subscription.scanned = last.seq }
    }
    let early = channel.early
    channel.early = []
    for (token, load) in early { loaded(token, load) }
  }

  /// Writes one frame to every subscriber that stands at the tail; the others get theirs when their sockets do.
  private func deliver(_ piece: Stream.Piece, of stream: Stream, from before: Int) {
    var frame: (any SharedFrame)?
    var sent = 0
    let now = surroundings.now()
    for subscription in stream.subscriptions.values where subscription.state != .waiting {
      let session = subscription.session
      if subscription.state == .live, subscription.position == before, session.queue.isEmpty {
        let shared =
          frame
          ?? surroundings.makeFrame(
            ServerMessage.delta(stream: stream.name, prev: before, seq: piece.seq, commits: piece.commits))
        frame = shared
        if session.outlet.send(shared) {
          subscription.position = piece.seq
          subscription.scanned = piece.seq
          session.lastSent = now
          sent += 1
          continue
        }
      }
      enqueueCatchUp(subscription)
    }
    counts.deliveries.add(sent)
  }

  func enqueueCatchUp(_ subscription: Subscription) {
    guard !subscription.isQueued else { return }
    subscription.isQueued = true
    append(.catchUp(subscription), to: subscription.session)
  }

  // MARK: Sending

  /// Sends a frame behind everything that already waits for the session. `sent` is called when the socket has it.
  package func send(_ text: [UInt8], to session: Session, sent: (() -> Void)? = nil) {
    let frame = surroundings.makeFrame(text)
    if session.queue.isEmpty, session.outlet.send(frame) {
      session.lastSent = surroundings.now()
      sent?()
      return
    }
    append(.message(frame, sent: sent), to: session)
  }

  /// Sends a message that others are sent too.
  func send(_ frame: any SharedFrame, to session: Session) {
    if session.queue.isEmpty, session.outlet.send(frame) {
      session.lastSent = surroundings.now()
      return
    }
    append(.message(frame, sent: nil), to: session)
  }

  /// Sends a part of a stream, or what speaks of streams, behind everything that already waits. It is left out of a
  /// connection's last write: heads without the deltas before them would be a gap that is none.
  package func sendStream(_ text: [UInt8], to session: Session) {
    sendStream(surroundings.makeFrame(text), of: nil, to: session)
  }

  func sendStream(_ frame: any SharedFrame, of subscription: Subscription?, to session: Session) {
    if session.queue.isEmpty, session.outlet.send(frame) {
      session.lastSent = surroundings.now()
      return
    }
    append(.stream(frame, of: subscription), to: session)
  }

  func sendDelta(_ piece: Stream.Piece, seq: Int, to subscription: Subscription) {
    let delta = ServerMessage.delta(
      stream: subscription.stream.name, prev: subscription.position, seq: seq, commits: piece.commits)
    sendStream(surroundings.makeFrame(delta), of: subscription, to: subscription.session)
    counts.catchUps.add()
    subscription.position = seq
  }

  private func append(_ pending: Session.Pending, to session: Session) {
    if session.queue.isEmpty {
      session.waitingSince = surroundings.now()
      session.outlet.requestWritable()
    }
    if case .message = pending { session.waitingMessages += 1 }
    session.queue.append(pending)
  }

  /// Writes what waits for a session for as long as its socket takes it.
  package func drain(_ session: Session) {
    while let next = session.queue.first {
      switch next {
      case .message(let frame, let sent):
        guard take(frame, session) else { return }
        session.waitingMessages -= 1
        sent?()
      case .stream(let frame, _):
        guard take(frame, session) else { return }
      case .catchUp(let subscription):
        if session.isStalled { return }
        guard catchUp(subscription) else { return }
      }
    }
    session.waitingSince = nil
  }

  /// Writes the queue's first frame and takes it off.
  private func take(_ frame: any SharedFrame, _ session: Session) -> Bool {
    guard session.outlet.send(frame) else {
      session.outlet.requestWritable()
      return false
    }
    session.queue.removeFirst()
    let now = surroundings.now()
    session.lastSent = now
    session.waitingSince = now
    return true
  }

  /// Puts the next delta of a subscription that lags at the head of the queue, or takes the catch-up off it. `false`
  /// when the disk has to be asked first.
  private func catchUp(_ subscription: Subscription) -> Bool {
    let session = subscription.session
    let stream = subscription.stream
    let head = heads[stream.key.clinic] ?? 0
    guard let tail = stream.tail, subscription.position < tail else {
      session.queue.removeFirst()
      subscription.isQueued = false
      return true
    }
    guard let channel = channels[stream.key.clinic], channel.ring.covers(after: subscription.scanned, head: head) else {
      subscription.state = .fetching
      session.isStalled = true
      load(
        subscription,
        after: Cursor(epoch: epoch, seq: subscription.scanned, scope: stream.key.scope.digest))
      return false
    }
    let pieces = stream.encode(
      channel.ring.after(subscription.scanned), bytesMax: configuration.frameBytes, limit: 2)
    // Without a piece the delta is empty: it only takes the client to where the stream stands.
    let piece = pieces.first ?? Stream.Piece(commits: [], seq: tail)
    let isLast = pieces.count < 2
    let seq = isLast ? tail : piece.seq
    let frame = surroundings.makeFrame(
      ServerMessage.delta(stream: stream.name, prev: subscription.position, seq: seq, commits: piece.commits))
    subscription.position = seq
    subscription.scanned = isLast ? head : piece.seq
    session.queue.prepend(.stream(frame, of: subscription))
    counts.catchUps.add()
    return true
  }

  /// Goes on with a subscription whose part of the log has been read from disk. What the reader found stands before
  /// everything that waits.
  func proceed(_ subscription: Subscription, with load: Load) {
    let session = subscription.session
    let stream = subscription.stream
    subscription.state = .live
    session.isStalled = false
    session.waitingSince = surroundings.now()
    var frames: [any SharedFrame] = []
    switch load.content {
    case .commits(let missed):
      for piece in stream.encode(missed, bytesMax: configuration.frameBytes) {
        frames.append(
          surroundings.makeFrame(
            ServerMessage.delta(
              stream: stream.name, prev: subscription.position, seq: piece.seq, commits: piece.commits)))
        counts.catchUps.add()
        subscription.position = piece.seq
      }
    case .snapshot(let reason, let parts):
      let seq = min(load.seq, stream.tail ?? load.seq)
      let cursor = Cursor(epoch: load.epoch, seq: seq, scope: stream.key.scope.digest)
      frames.append(
        surroundings.makeFrame(
          ServerMessage.subscribed(
            re: nil, index: nil, stream: stream.name, mode: .snapshot, reason: reason, cursor: cursor,
            oldest: load.oldest)))
      counts.began(.snapshot, reason)
      frames += snapshotFrames(parts, of: stream, seq: seq)
      subscription.position = seq
    }
    subscription.scanned = load.seq
    for frame in frames.reversed() {
      session.queue.prepend(.stream(frame, of: subscription))
    }
    drain(session)
  }
}

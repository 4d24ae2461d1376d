import AuraDomain
import AuraWire

/// One distinct combination of clinic, topics, filter and scope on one loop. All its subscribers are sent the same
/// bytes, so all that are live stand at the same place: `tail`.
final class Stream {
  struct Key: Hashable {
    var clinic: ID
    var tables: [Table]
    var hasPresence: Bool
    var filter: RowFilter
    var scope: Scope
  }

  let key: Key
  let name: String
  /// The sequence number that live subscribers have reached: of the last commit that held something for this stream,
  /// or of where the first of them began. `nil` while nobody is live.
  var tail: Int?
  var subscriptions: [ObjectIdentifier: Subscription] = [:]
  /// The snapshot that is being read: whoever comes meanwhile waits for the same one.
  var snapshotLoad: UInt64?
  private let filters: [Table: RowFilter]
  private let hidden: [Table: [StaticString]]

  init(key: Key, name: String) {
    self.key = key
    self.name = name
    filters = Dictionary(uniqueKeysWithValues: key.tables.map { ($0, key.filter.and(key.scope.filter(for: $0))) })
    hidden = Dictionary(uniqueKeysWithValues: key.tables.map { ($0, key.scope.hidden(in: $0)) })
  }

  /// What the change is for this stream: a `put` of a row that is in it, a `remove` of one that has left it, or nothing.
  func operation(for change: RowChange) -> RowChange.Operation? {
    guard filters[change.table] != nil else { return nil }
    let was = change.was.map { admits(change.table, $0) } ?? false
    let isIn = change.operation == .put && admits(change.table, change.keys)
    if isIn { return .put }
    return was ? .remove : nil
  }

  private func admits(_ table: Table, _ keys: RowKeys) -> Bool {
    // The filter holds what the scope demands of columns; only an event's audience is more than that.
    guard let filter = filters[table] else { return false }
    return filter.admits(table, keys) && key.scope.isAddressed(keys)
  }

  /// Runs of commits as the members of deltas' `commits`, in pieces of about `bytesMax`; commits that hold nothing for
  /// the stream are left out, and a commit is never divided. At most `limit` pieces are made.
  func encode(_ commits: some Sequence<Commit>, bytesMax: Int, limit: Int = .max) -> [Piece] {
    var pieces: [Piece] = []
    var writer = JSONWriter()
    var last = 0
    for commit in commits {
      let wrote = commit.append(
        to: &writer, showsCause: key.scope.seesCauses, hidden: { hidden[$0] ?? [] }, admit: { operation(for: $0) })
      guard wrote else { continue }
      last = commit.seq
      if writer.bytes.count >= bytesMax {
        pieces.append(Piece(commits: writer.bytes, seq: last))
        writer = JSONWriter()
        if pieces.count == limit { return pieces }
      }
    }
    if !writer.bytes.isEmpty { pieces.append(Piece(commits: writer.bytes, seq: last)) }
    return pieces
  }

  struct Piece {
    var commits: [UInt8]
    /// The sequence number of the last commit inside.
    var seq: Int
  }
}

/// One connection's place in one stream.
final class Subscription {
  enum State {
    /// A reader is fetching the snapshot or the log that it begins with.
    case waiting
    /// At the stream's tail, or behind it with a catch-up in the session's queue.
    case live
    /// Behind what memory holds: a reader is fetching a part of the log.
    case fetching
  }

  unowned let session: Session
  let stream: Stream
  var state = State.waiting
  /// The client's place once everything queued has been sent: `prev` of the next delta.
  var position = 0
  /// Up to where the log has been looked through; between `position` and here nothing is for this stream.
  var scanned = 0
  /// Whether the session's queue holds a catch-up for this subscription.
  var isQueued = false
  /// Which load this subscription waits for: an answer to an older one is dropped.
  var load: UInt64 = 0
  /// What the `subscribed` still to be sent answers; `nil` once it has been sent.
  var request: (re: Int, index: Int?)?

  init(session: Session, stream: Stream) {
    self.session = session
    self.stream = stream
  }
}

import AuraDomain
import DequeModule

/// The newest commits of one clinic, bounded by bytes: what live streams and short lags are served from. Positions
/// before it are served from the log on disk.
struct CommitRing {
  private var commits: Deque<Commit> = []
  private var bytes = 0
  let bytesMax: Int

  init(bytesMax: Int) { self.bytesMax = bytesMax }

  /// The oldest position that can be continued from here: one less than the first commit held.
  var floor: Int? { commits.first.map { $0.seq - 1 } }

  mutating func append(_ commit: Commit) {
    commits.append(commit)
    bytes += commit.byteEstimate
    while bytes > bytesMax, commits.count > 1 {
      bytes -= commits.removeFirst().byteEstimate
    }
  }

  /// Whether every commit after `seq` up to `head` is held.
  func covers(after seq: Int, head: Int) -> Bool {
    if seq >= head { return true }
    guard let floor else { return false }
    return seq >= floor
  }

  /// The commits after `seq`, oldest first.
  func after(_ seq: Int) -> Deque<Commit>.SubSequence {
    guard let first = commits.first?.seq else { return commits[...] }
    // Sequence numbers have no hole, so the place follows from the number.
    return commits[min(max(0, seq + 1 - first), commits.count)...]
  }
}

extension Commit {
  var byteEstimate: Int { changes.reduce(160 + cause.count) { $0 + $1.row.count + 96 } }
}

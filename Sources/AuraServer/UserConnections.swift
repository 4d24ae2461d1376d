import AuraDomain
import Synchronization

/// Counts each user's connections over all loops. Asked once a connection, before its person is read from the database.
final class UserConnections: Sendable {
  private let most: Atomic<Int>
  private let counts = Mutex<[ID: Int]>([:])

  init(most: Int) { self.most = Atomic(most) }

  /// For whoever comes from now on.
  func set(most: Int) { self.most.store(most, ordering: .relaxed) }
  var limit: Int { most.load(ordering: .relaxed) }

  /// Takes a place, which `leave` gives back; `false` when the user has as many as one may.
  func enter(_ user: ID) -> Bool {
    counts.withLock { counts in
      let count = counts[user, default: 0]
      guard count < limit else { return false }
      counts[user] = count + 1
      return true
    }
  }

  func leave(_ user: ID) {
    counts.withLock { counts in
      let left = counts[user, default: 1] - 1
      counts[user] = left > 0 ? left : nil
    }
  }
}

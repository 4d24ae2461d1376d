import Synchronization

/// Counts open sockets over all loops and says whether one more may come in.
final class Admission: Sendable {
  let connectionsMax: Int
  let perAddressMax: Int
  private let counts = Mutex(Counts())

  private struct Counts {
    var total = 0
    var byAddress: [String: Int] = [:]
  }

  init(connectionsMax: Int, perAddressMax: Int) {
    self.connectionsMax = connectionsMax
    self.perAddressMax = perAddressMax
  }

  /// Takes a place, or says that there is none. A place taken is given back with `leave`.
  func enter(_ address: String) -> Bool {
    counts.withLock { counts in
      guard counts.total < connectionsMax, counts.byAddress[address, default: 0] < perAddressMax else { return false }
      counts.total += 1
      counts.byAddress[address, default: 0] += 1
      return true
    }
  }

  func leave(_ address: String) {
    counts.withLock { counts in
      counts.total -= 1
      let left = counts.byAddress[address, default: 1] - 1
      counts.byAddress[address] = left > 0 ? left : nil
    }
  }

  var total: Int { counts.withLock { $0.total } }
}

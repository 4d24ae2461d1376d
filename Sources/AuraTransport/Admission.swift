import Synchronization

/// Counts open sockets over all loops and says whether one more may come in.
final class Admission: Sendable {
  /// Addresses behind which many people are: their sockets count for whom they were opened, see `pass`.
  let proxies: Set<String>
  private let counts: Mutex<Counts>
  private let refused: TransportCounts

  private struct Counts {
    var connectionsMax: Int
    var perAddressMax: Int
    var total = 0
    var byAddress: [String: Int] = [:]

    mutating func leave(_ address: String) {
      let left = byAddress[address, default: 1] - 1
      byAddress[address] = left > 0 ? left : nil
    }
  }

  init(
    connectionsMax: Int, perAddressMax: Int, proxies: Set<String> = [],
    counting refused: TransportCounts = TransportCounts()
  ) {
    counts = Mutex(Counts(connectionsMax: connectionsMax, perAddressMax: perAddressMax))
    self.proxies = proxies
    self.refused = refused
  }

  /// Takes a place, or says that there is none. A place taken is given back with `leave`.
  func enter(_ address: String) -> Bool {
    counts.withLock { counts in
      guard counts.total < counts.connectionsMax else {
        refused.refusedConnections.add()
        return false
      }
      guard proxies.contains(address) || counts.byAddress[address, default: 0] < counts.perAddressMax else {
        refused.refusedOfAddress.add()
        return false
      }
      refused.accepted.add()
      counts.total += 1
      counts.byAddress[address, default: 0] += 1
      return true
    }
  }

  /// For whoever comes from now on.
  func set(connectionsMax: Int, perAddressMax: Int) {
    counts.withLock { counts in
      counts.connectionsMax = connectionsMax
      counts.perAddressMax = perAddressMax
    }
  }

  func leave(_ address: String) {
    counts.withLock { counts in
      counts.total -= 1
      counts.leave(address)
    }
  }

  /// Counts a proxy's socket as the client's from now on, unless that one has as many as it may.
  func pass(from proxy: String, to client: String) -> Bool {
    counts.withLock { counts in
      if proxy == client { return true }
      guard counts.byAddress[client, default: 0] < counts.perAddressMax else {
        refused.refusedOfAddress.add()
        return false
      }
      counts.leave(proxy)
      counts.byAddress[client, default: 0] += 1
      return true
    }
  }

  var total: Int { counts.withLock { $0.total } }
}

import AuraDomain
import DequeModule

/// A message with the way that it is to take.
package struct Parcel: Sendable {
  package var dispatch: Dispatch
  package var clinicCode: String
  /// `nil` when the clinic has no gateway for the channel.
  package var route: Gateways.Route?

  package init(dispatch: Dispatch, clinicCode: String, route: Gateways.Route?) {
    self.dispatch = dispatch
    self.clinicCode = clinicCode
    self.route = route
  }
}

/// What waits for a courier and what may run: a value without a clock. Hosts take turns, so that one that is slow holds
/// up its own messages only.
struct CourierQueue {
  private let waitingMax: Int
  private let waitingPerHostMax: Int
  private let runningMax: Int
  private let runningPerHostMax: Int

  private var waiting: [Gateways.Host: Deque<Parcel>] = [:]
  /// The hosts for which something waits, in the order of their turns.
  private var turns: Deque<Gateways.Host> = []
  private var running: [Gateways.Host: Int] = [:]
  private(set) var waitingCount = 0
  private(set) var runningCount = 0

  init(_ limits: Courier.Limits) {
    waitingMax = limits.waitingMax
    waitingPerHostMax = limits.waitingPerHostMax
    runningMax = limits.runningMax
    runningPerHostMax = limits.runningPerHostMax
  }

  /// Takes a parcel in; `false` when there is no room.
  mutating func add(_ parcel: Parcel, to host: Gateways.Host) -> Bool {
    let ahead = waiting[host]?.count ?? 0
    guard waitingCount < waitingMax, ahead < waitingPerHostMax else { return false }
    if ahead == 0 { turns.append(host) }
    waiting[host, default: []].append(parcel)
    waitingCount += 1
    return true
  }

  /// Gives the parcel that is to run now, which counts as running until `ended`; `nil` when none may.
  /// - Parameter held: how much else counts as running, for whatever reason.
  mutating func next(held: Int = 0) -> (parcel: Parcel, host: Gateways.Host)? {
    guard runningCount + held < runningMax else { return nil }
    for _ in 0..<turns.count {
      guard let host = turns.popFirst() else { return nil }
      guard running[host, default: 0] < runningPerHostMax, let parcel = waiting[host]?.popFirst() else {
        turns.append(host)
        continue
      }
      waitingCount -= 1
      if waiting[host]?.isEmpty == true { waiting[host] = nil } else { turns.append(host) }
      running[host, default: 0] += 1
      runningCount += 1
      return (parcel, host)
    }
    return nil
  }

  mutating func ended(_ host: Gateways.Host) {
    guard let count = running[host] else { return }
    running[host] = count > 1 ? count - 1 : nil
    runningCount -= 1
  }

  /// Forgets what waits.
  mutating func clear() {
    waiting = [:]
    turns = []
    waitingCount = 0
  }
}

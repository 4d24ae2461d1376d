import AuraDomain
import AuraMetrics
import AuraWire

/// What one hub has done so far. Its loop counts, any thread reads.
package final class HubCounts: Sendable {
  /// How a stream began for a client.
  package struct Beginning: Hashable, Sendable {
    /// `resume` or `snapshot`.
    package var mode: String
    /// Why a snapshot: `first`, `epoch`, `too_old` …; of a resume `cursor`.
    package var reason: String
  }

  /// Deltas written to a socket at once, behind their commit.
  package let deliveries = Counter()
  /// Deltas that a client had to catch up with, or was sent behind what it began with.
  package let catchUps = Counter()
  package let beginnings = CounterFamily<Beginning>()
  /// Subscriptions beyond the number that a connection may have.
  package let refusedSubscriptions = Counter()

  package init() {}

  func began(_ mode: ServerMessage.Mode, _ reason: ServerMessage.Reason?) {
    beginnings.counter(Beginning(mode: mode.rawValue, reason: reason?.rawValue ?? "cursor")).add()
  }
}

/// What one hub holds at this moment.
package struct HubSizes: Sendable {
  package var sessions = 0
  package var subscriptions = 0
  package var streams = 0
  /// Messages that wait for their sockets, and the bytes of what is made and waits; a stream's deltas are made only when
  /// a socket takes them.
  package var waitingMessages = 0
  package var waitingBytes = 0
  /// Sockets that have taken nothing for a second though something waits.
  package var slowReaders = 0
}

extension Hub {
  /// Costs a look at each session.
  package var sizes: HubSizes {
    var sizes = HubSizes()
    let now = surroundings.now()
    for session in sessions.values {
      sizes.sessions += 1
      sizes.subscriptions += session.subscriptions.count
      guard !session.queue.isEmpty else { continue }
      sizes.waitingMessages += session.waitingMessages
      sizes.waitingBytes += session.waitingBytes
      if let since = session.waitingSince, !session.isStalled, now - since >= .seconds(1) { sizes.slowReaders += 1 }
    }
    sizes.streams = streamCount
    return sizes
  }
}

extension Session {
  fileprivate var waitingBytes: Int {
    queue.reduce(0) { sum, pending in
      switch pending {
      case .message(let frame, _), .stream(let frame, _): sum + frame.byteCount
      case .catchUp: sum
      }
    }
  }
}

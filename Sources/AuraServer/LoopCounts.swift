import AuraDomain
import AuraHub
import AuraMetrics
import AuraWire

/// What one loop's gateway has done so far and, as of its last look, holds. The loop counts, any thread reads.
final class LoopCounts: Sendable {
  let hub = HubCounts()
  let framesReceived = Counter()
  let bytesReceived = Counter()
  let framesSent = Counter()
  let bytesSent = Counter()
  let opened = Counter()
  /// By the close code.
  let closed = CounterFamily<String>()
  /// Queries by `ok` or the code of a refusal.
  let queries = CounterFamily<String>()
  /// HTTP requests of dynamic routes, by status.
  let httpRequests = CounterFamily<Int>()

  /// From the frame that brought a command until the socket has its answer.
  let commandToAck = Histogram.latency()
  /// From the durable commit until this loop has written it to every socket that could take it.
  let commitToSent = Histogram.latency()
  /// From the frame that brought a query until the socket has its answer.
  let querySeconds = Histogram.latency()
  let httpSeconds = Histogram.latency()

  let connections = Gauge()
  let sessions = Gauge()
  let subscriptions = Gauge()
  let streams = Gauge()
  let waitingMessages = Gauge()
  let waitingBytes = Gauge()
  let slowReaders = Gauge()

  func show(_ sizes: HubSizes, connections open: Int) {
    connections.set(open)
    sessions.set(sizes.sessions)
    subscriptions.set(sizes.subscriptions)
    streams.set(sizes.streams)
    waitingMessages.set(sizes.waitingMessages)
    waitingBytes.set(sizes.waitingBytes)
    slowReaders.set(sizes.slowReaders)
  }

  /// A peer may close with any code: those that mean something here are told apart.
  func countClosed(_ code: UInt16) {
    let isKnown = CloseReason(rawValue: code) != nil || (1_000...1_011).contains(code)
    closed.counter(isKnown ? "\(code)" : "other").add()
  }
}

import AuraMetrics

/// What a server's sockets have come to so far. The loops count, any thread reads.
package final class TransportCounts: Sendable {
  package let accepted = Counter()
  /// Refused before a byte was read: too many in all, too many of one address, no descriptor left.
  package let refusedConnections = Counter()
  package let refusedOfAddress = Counter()
  package let refusedWithoutDescriptor = Counter()
  /// Messages longer than their endpoint takes, and bodies longer than a request may have.
  package let refusedMessages = Counter()
  package let refusedBodies = Counter()

  package init() {}
}

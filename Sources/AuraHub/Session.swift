import AuraDomain
import DequeModule

/// An authenticated connection: who it is, what it has subscribed to and what waits for its socket.
package final class Session {
  package let id: UInt64
  package let user: ID
  package let signIn: ID?
  package internal(set) var memberships: [Membership]
  let outlet: any Outlet
  var subscriptions: [String: Subscription] = [:]
  /// What could not be written yet, in order. A catch-up stands for the deltas of a subscription from its position on,
  /// so that what a stopped reader costs does not grow with what it misses.
  var queue: Deque<Pending> = []
  /// Set when the queue's head waits for the disk.
  var isStalled = false
  /// When bytes were last taken by the socket while something waited; for the slow reader's end.
  package internal(set) var waitingSince: Instant?
  package internal(set) var lastSent: Instant

  enum Pending {
    case frame(any SharedFrame, sent: (() -> Void)?)
    case catchUp(Subscription)
  }

  init(id: UInt64, user: ID, signIn: ID?, memberships: [Membership], outlet: any Outlet, now: Instant) {
    self.id = id
    self.user = user
    self.signIn = signIn
    self.memberships = memberships
    self.outlet = outlet
    lastSent = now
  }

  package func membership(in clinic: ID) -> Membership? { memberships.first { $0.clinic == clinic } }
  package var subscriptionCount: Int { subscriptions.count }
  package var waitingFrames: Int { queue.count }
}

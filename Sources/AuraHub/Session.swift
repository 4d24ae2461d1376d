import AuraDomain
import DequeModule

/// An authenticated connection: who it is, what it has subscribed to and what waits for its socket.
package final class Session {
  package let id: UInt64
  package let user: ID
  /// The sign-in whose end is this session's too; a token of another one that is brought by `auth` changes it.
  package var signIn: ID?
  package internal(set) var memberships: [Membership]
  /// May look into any clinic, with a reason that is kept.
  package let isSuperAdmin: Bool
  let outlet: any Outlet
  var subscriptions: [String: Subscription] = [:]
  /// What could not be written yet, in order. A catch-up stands for the deltas of a subscription from its position on,
  /// so that what a stopped reader costs does not grow with what it misses.
  var queue: Deque<Pending> = []
  /// Set when the queue's head waits for the disk: that is not the client's slowness.
  package internal(set) var isStalled = false
  /// When bytes were last taken by the socket while something waited; for the slow reader's end.
  package internal(set) var waitingSince: Instant?
  package internal(set) var lastSent: Instant

  enum Pending {
    /// An answer, an error, presence: what nothing else would bring again.
    case message(any SharedFrame, sent: (() -> Void)?)
    /// A snapshot's part, a delta or a ping: what the stream would bring again. Left out when its subscription ends.
    case stream(any SharedFrame, of: Subscription?)
    case catchUp(Subscription)
  }

  init(
    id: UInt64, user: ID, signIn: ID?, memberships: [Membership], isSuperAdmin: Bool, outlet: any Outlet, now: Instant
  ) {
    self.isSuperAdmin = isSuperAdmin
    self.id = id
    self.user = user
    self.signIn = signIn
    self.memberships = memberships
    self.outlet = outlet
    lastSent = now
  }

  package func membership(in clinic: ID) -> Membership? { memberships.first { $0.clinic == clinic } }
  package var subscriptionCount: Int { subscriptions.count }
  /// Messages that wait; what waits of streams is bounded by itself.
  package internal(set) var waitingMessages = 0

  /// Takes the messages that wait out of the queue, for the last write of a connection that ends.
  package func takeMessages() -> [any SharedFrame] {
    defer {
      queue.removeAll { if case .message = $0 { true } else { false } }
      waitingMessages = 0
    }
    return queue.compactMap { if case .message(let frame, _) = $0 { frame } else { nil } }
  }
}

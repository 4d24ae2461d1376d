import AuraThreads
import Synchronization

/// A server of WebSockets, HTTP requests and static files on one port: knows sockets and messages, nothing of what they
/// mean.
///
/// Each loop is a thread with its own `Handler`, which sees that loop's connections only. Work from outside enters a
/// loop with `post`.
package final class Transport<Handler: LoopHandler>: Sendable {
  /// The port that is listened on, also where the configuration said 0.
  package let port: Int
  package let loops: Int
  /// How many sockets may be open at once, after the process's limit of descriptors.
  package let connectionsMax: Int

  private let descriptorsForConnections: Int

  private struct Member: Sendable {
    var mailbox: Mailbox<LoopMessage>
    var thread: OwnedThread
  }

  private let members: [Member]
  private let admission: Admission
  private let hasStopped = Mutex(false)

  /// Takes the port and starts the loops; nothing is accepted before `start`. `handler` is called once on each loop's
  /// own thread, with the loop's number.
  package init(_ configuration: TransportConfiguration, handler: @escaping @Sendable (Int) -> Handler)
    throws(TransportFailure)
  {
    let limits = configuration.limits
    let count = max(1, configuration.loops)
    let descriptors = Descriptors.raiseLimit()
    descriptorsForConnections = descriptors - limits.descriptorReserve - 16 * count
    connectionsMax = max(1, min(limits.connectionsMax, descriptorsForConnections))
    admission = Admission(
      connectionsMax: connectionsMax, perAddressMax: limits.connectionsPerAddressMax,
      proxies: configuration.trustedProxies, counting: configuration.counts)
    let listeners = try Listeners.open(
      host: configuration.host, port: configuration.port, count: count, sendBufferBytes: limits.socketSendBufferBytes)
    port = listeners.port
    loops = count
    var members: [Member] = []
    // One after another: libwebsockets' contexts are not made at the same time.
    for (index, listener) in listeners.descriptors.enumerated() {
      let wake = WakeUp()
      let mailbox = Mailbox<LoopMessage>(capacity: limits.mailboxMax) { wake.wake() }
      let outcome = Outcome()
      let admission = admission
      let thread = OwnedThread(name: "aura-loop-\(index)") {
        do throws(TransportFailure) {
          let loop = try Loop(index: index, configuration: configuration, admission: admission, mailbox: mailbox)
          try loop.run(listener: listener, wake: wake, handler: { _ in handler(index) }, ready: { outcome.set(nil) })
        } catch {
          outcome.set(error)
        }
      }
      members.append(Member(mailbox: mailbox, thread: thread))
      if let failure = outcome.wait() {
        for member in members.dropLast() { member.mailbox.offer(.stop) }
        for member in members { member.thread.join(seconds: 10) }
        throw failure
      }
    }
    self.members = members
  }

  deinit { stop() }

  /// Accepts connections from now on.
  package func start() { for member in members { member.mailbox.offer(.listen) } }

  /// Takes up a certificate and limits anew, for whoever comes from now on.
  package func reload(tls: TLSFiles?, connectionsMax: Int, connectionsPerAddressMax: Int) {
    admission.set(
      connectionsMax: max(1, min(connectionsMax, descriptorsForConnections)), perAddressMax: connectionsPerAddressMax)
    guard let tls else { return }
    for member in members { member.mailbox.offer(.renew(tls)) }
  }

  /// Accepts no more; what is open stays.
  package func stopListening() { for member in members { member.mailbox.offer(.stopListening) } }

  /// Closes every connection (1001 where the handler has not closed it) and ends the threads. May be called twice.
  package func stop() {
    let isFirst = hasStopped.withLock { stopped in
      defer { stopped = true }
      return !stopped
    }
    guard isFirst else { return }
    for member in members { member.mailbox.offer(.stop) }
    for member in members { member.thread.join(seconds: 10) }
  }

  /// Runs `work` on a loop's thread, in the order posted. `false`: the loop's mailbox is full or it has stopped.
  @discardableResult
  package func post(loop: Int, _ work: @escaping @Sendable (Handler) -> Void) -> Bool {
    guard members.indices.contains(loop) else { return false }
    return members[loop].mailbox.offer(
      .work { handler in
        if let handler = handler as? Handler { work(handler) }
      })
  }

  /// Open sockets over all loops.
  package var connectionCount: Int { admission.total }
}

/// What a thread says about its start, once.
final class Outcome: Sendable {
  private let value = Mutex<TransportFailure?>(nil)
  private let signal = Signal()

  func set(_ failure: TransportFailure?) {
    value.withLock { $0 = failure }
    signal.raise()
  }

  func wait() -> TransportFailure? {
    signal.wait()
    return value.withLock { $0 }
  }
}

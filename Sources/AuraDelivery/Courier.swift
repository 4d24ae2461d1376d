import AuraDomain
import AuraThreads
import Glibc
import Synchronization

/// Carries messages to gateways on threads of its own and reports what became of them: one thread for all webhooks, and
/// one for each mail server, since libcurl waits on the spot for a mail server's last word. It keeps nothing: what it
/// loses with the process is dispatched again once its lease has ended, under the same id.
package final class Courier: Sendable {
  /// What bounds it, each of its threads. An attempt is over, and reported, before its lease is.
  package struct Limits: Sendable {
    /// Mail servers with a thread of their own; more than that share them.
    package var mailLanesMax = 16
    /// Messages that wait for their turn, all of them and those of one host; as many may wait to be taken up.
    package var waitingMax = 4_096
    package var waitingPerHostMax = 2_048
    package var runningMax = 64
    package var runningPerHostMax = 8
    package var connectTime = Span.seconds(10)
    package var totalTime = Span.seconds(30)
    /// What must be left of a lease when an attempt ends, for its report; no attempt begins with less than as much again.
    package var reportTime = Span.seconds(5)
    package var headBytesMax = 32_768
    package var bodyBytesMax = 16_384
    /// How long what runs may still take when the courier is to stop.
    package var stopTime = Span.seconds(5)

    package init() {}
  }

  /// Where reports go: `false` when they cannot be taken just now.
  package typealias Report = @Sendable (_ clinic: ID, _ report: DispatchReport) -> Bool

  private let limits: Limits
  private let clock: @Sendable () -> Instant
  private let report: Report
  private let log: @Sendable (String) -> Void
  private let recalled = Recalled()
  private let webhooks: Lane
  private let mail = Mutex(MailLanes())

  private struct MailLanes {
    var lanes: [Lane] = []
    var byHost: [Gateways.Host: Lane] = [:]
    var isClosed = false
  }

  /// - Parameters:
  ///   - clock: what leases and signatures are measured by.
  ///   - log: a sentence about what an operator should know; no address and no text of a customer is in it.
  package init(
    limits: Limits = Limits(), clock: @escaping @Sendable () -> Instant,
    report: @escaping Report, log: @escaping @Sendable (String) -> Void
  ) throws(CourierFailure) {
    (self.limits, self.clock, self.report, self.log) = (limits, clock, report, log)
    webhooks = try Lane(
      name: "aura.courier", limits: limits, recalled: recalled, clock: clock, report: report, log: log)
  }

  /// Keeps back what has not begun to leave, also what is only handed over after this.
  package func keepBack(_ recalls: [Recall]) {
    if !recalls.isEmpty { recalled.add(recalls, now: clock()) }
  }

  /// Takes a message to be carried and returns at once. One for which there is no room is reported as postponed; when the
  /// courier has stopped, it is left to its lease.
  package func carry(_ parcel: Parcel) {
    if lane(of: parcel)?.take(parcel) ?? false { return }
    _ = report(parcel.dispatch.clinic, parcel.dispatch.report(.overloaded(parcel.dispatch)))
  }

  /// The thread that a parcel goes by; `nil` when none could be made.
  private func lane(of parcel: Parcel) -> Lane? {
    guard case .mail(let relay) = parcel.route else { return webhooks }
    return mail.withLock { mail in
      // What is closed takes everything, and leaves it to its lease.
      if mail.isClosed { return webhooks }
      if let lane = mail.byHost[relay.host] { return lane }
      var lane = mail.lanes.isEmpty ? nil : mail.lanes[mail.byHost.count % mail.lanes.count]
      if mail.lanes.count < limits.mailLanesMax {
        lane = try? Lane(
          name: "aura.mail-\(mail.lanes.count)", limits: limits, recalled: recalled, clock: clock, report: report,
          log: log)
        if let lane { mail.lanes.append(lane) }
      }
      mail.byHost[relay.host] = lane
      return lane
    }
  }

  /// Takes nothing more, begins nothing more, gives what runs a moment to end and reports what has. `false` when a
  /// thread did not end in time.
  @discardableResult
  package func stop() -> Bool {
    let mailLanes = mail.withLock { mail in
      mail.isClosed = true
      return mail.lanes
    }
    let lanes = mailLanes + [webhooks]
    for lane in lanes { lane.close() }
    // All of them together have this long, not each of them.
    let wait = Deadline(milliseconds: limits.stopTime.milliseconds + 1_000)
    let late = lanes.filter { !$0.join(by: wait) }
    for lane in late { lane.cutOff() }
    let end = Deadline(milliseconds: 2_000)
    return late.map { $0.join(by: end) }.allSatisfy { $0 }
  }
}

/// One thread of the courier, and the way into it.
private final class Lane: Sendable {
  private let mailbox: Mailbox<Parcel>
  private let sockets = OpenSockets()
  private let thread: OwnedThread

  init(
    name: String, limits: Courier.Limits, recalled: Recalled, clock: @escaping @Sendable () -> Instant,
    report: @escaping Courier.Report, log: @escaping @Sendable (String) -> Void
  ) throws(CourierFailure) {
    let bell = try Bell()
    let mailbox = Mailbox<Parcel>(capacity: limits.waitingMax) { bell.ring() }
    self.mailbox = mailbox
    thread = OwnedThread(name: name) { [sockets] in
      let round = CourierRound(
        limits: limits, sockets: sockets, recalled: recalled, clock: clock, report: report, log: log)
      round?.run(mailbox, bell)
      if round == nil {
        mailbox.close()
        log("libcurl could not be started: no message leaves the house")
      }
    }
  }

  /// `false` when there is no room; one that is closed takes everything and does nothing with it.
  func take(_ parcel: Parcel) -> Bool { mailbox.offer(parcel) || mailbox.isClosed }
  func close() { mailbox.close() }

  /// Waits for the thread to end what it has.
  func join(by deadline: Deadline) -> Bool { thread.join(seconds: deadline.secondsLeft) }

  /// Ends the waiting of a thread that waits for a mail server.
  func cutOff() { sockets.shutDownAll() }
}

/// The tries that are not wanted any more, until their leases are over.
final class Recalled: Sendable {
  private struct Try: Hashable {
    var execution: ID
    var attempt: Int
  }

  private let tries = Mutex<[Try: Instant]>([:])

  func add(_ recalls: [Recall], now: Instant) {
    tries.withLock { tries in
      tries = tries.filter { $0.value > now }
      for recall in recalls { tries[Try(execution: recall.execution, attempt: recall.attempt)] = recall.leaseUntil }
    }
  }

  func contains(_ dispatch: Dispatch) -> Bool {
    tries.withLock { $0[Try(execution: dispatch.execution, attempt: dispatch.attempt)] != nil }
  }
}

/// A moment that several waits have in common.
private struct Deadline {
  private let end: ContinuousClock.Instant

  init(milliseconds: Int) { end = .now + .milliseconds(milliseconds) }

  var secondsLeft: Double { max(0, (end - .now) / .seconds(1)) }
}

package struct CourierFailure: Error, CustomStringConvertible {
  package var description: String
}

extension Dispatch {
  func report(_ result: DispatchReport.Result) -> DispatchReport {
    DispatchReport(of: self, result)
  }
}

extension DispatchReport.Result {
  /// There is no room. What comes back is spread over five minutes by its id, so that it does not come all at once.
  static func overloaded(_ dispatch: Dispatch) -> Self {
    let spread = Int(truncatingIfNeeded: dispatch.execution.low % 300)
    return .postponed(reason: "too many messages wait to leave", wait: .seconds(60 + spread))
  }
}

/// Wakes a thread that waits in poll: a byte in a pipe, at most one.
final class Bell: Sendable {
  let readEnd: Int32
  private let writeEnd: Int32

  init() throws(CourierFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw CourierFailure(description: "no pipe for the courier (\(String(cString: strerror(errno))))")
    }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (readEnd, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(readEnd)
    close(writeEnd)
  }

  /// A full pipe has been rung already.
  func ring() {
    var byte: UInt8 = 1
    _ = write(writeEnd, &byte, 1)
  }

  /// Forgets what was rung so far.
  func hush() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(readEnd, &bytes, bytes.count) > 0 {}
  }
}

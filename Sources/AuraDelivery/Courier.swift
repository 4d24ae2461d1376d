import AuraDomain
import AuraThreads
import Glibc

/// Carries messages to gateways on a thread of its own and reports what became of them. It keeps nothing: what it loses
/// with the process is dispatched again once its lease has ended, under the same id.
package final class Courier: Sendable {
  /// What bounds it. An attempt is over, and reported, before its lease is.
  package struct Limits: Sendable {
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

  private let mailbox: Mailbox<Parcel>
  private let bell: Bell
  private let thread: OwnedThread
  private let report: Report
  private let limits: Limits

  /// - Parameters:
  ///   - clock: what leases and signatures are measured by.
  ///   - log: a sentence about what an operator should know; no address and no text of a customer is in it.
  package init(
    limits: Limits = Limits(), clock: @escaping @Sendable () -> Instant,
    report: @escaping Report, log: @escaping @Sendable (String) -> Void
  ) throws(CourierFailure) {
    let bell = try Bell()
    let mailbox = Mailbox<Parcel>(capacity: limits.waitingMax) { bell.ring() }
    (self.bell, self.mailbox, self.report, self.limits) = (bell, mailbox, report, limits)
    thread = OwnedThread(name: "aura.courier") {
      let round = CourierRound(limits: limits, clock: clock, report: report, log: log)
      round?.run(mailbox, bell)
      if round == nil {
        mailbox.close()
        log("libcurl could not be started: no message leaves the house")
      }
    }
  }

  /// Takes messages to be carried and returns at once. One for which there is no room is reported as postponed; when the
  /// courier has stopped, it is left to its lease.
  package func carry(_ parcel: Parcel) {
    if mailbox.offer(parcel) || mailbox.isClosed { return }
    _ = report(parcel.dispatch.clinic, parcel.dispatch.report(.overloaded(parcel.dispatch)))
  }

  /// Takes nothing more, begins nothing more, gives what runs a moment to end and reports what has. `false` when the
  /// thread did not end in time.
  @discardableResult
  package func stop() -> Bool {
    mailbox.close()
    return thread.join(seconds: Double(limits.stopTime.milliseconds) / 1_000 + 5)
  }
}

package struct CourierFailure: Error, CustomStringConvertible {
  package var description: String
}

extension Dispatch {
  func report(_ result: DispatchReport.Result) -> DispatchReport {
    DispatchReport(execution: execution, attempt: attempt, result: result)
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

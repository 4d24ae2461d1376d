import AuraDomain
import AuraThreads
import Glibc

/// The courier's thread: its transfers, its queue, and what it has to report.
final class CourierRound {
  private let limits: Courier.Limits
  private let clock: @Sendable () -> Instant
  private let recalled: Recalled
  private let report: Courier.Report
  private let log: @Sendable (String) -> Void
  private let multi: CurlMulti
  private var queue: CourierQueue
  private var running: [ObjectIdentifier: Running] = [:]
  private var unreported: [Unreported] = []
  private var faultLoggedAt: [Gateways.Host: Instant] = [:]

  private struct Running {
    var dispatch: Dispatch
    var host: Gateways.Host
    /// A mail's own id.
    var messageID: String?
  }

  /// A report that the hub had no room for.
  private struct Unreported {
    var clinic: ID
    var report: DispatchReport
    var tries: Int
    var next: Instant
  }

  /// When a report is offered again; then it is left to the lease, which brings the message again.
  private static let reportPauses = [50, 250, 1_000, 3_000].map { Span(milliseconds: $0) }
  private static let idleMilliseconds = 60_000

  init?(
    limits: Courier.Limits, sockets: OpenSockets, recalled: Recalled, clock: @escaping @Sendable () -> Instant,
    report: @escaping Courier.Report, log: @escaping @Sendable (String) -> Void
  ) {
    guard let multi = CurlMulti(connectionsMax: limits.runningMax, sockets: sockets) else { return nil }
    self.multi = multi
    (self.limits, self.recalled, self.clock, self.report, self.log) = (limits, recalled, clock, report, log)
    queue = CourierQueue(limits)
  }

  func run(_ mailbox: Mailbox<Parcel>, _ bell: Bell) {
    var stopsAt: Instant?
    while true {
      let isLast = mailbox.isClosed
      for parcel in mailbox.takeAll() { take(parcel) }
      let now = Self.monotonic
      if isLast {
        if stopsAt == nil { queue.clear() }
        let end = stopsAt ?? now + limits.stopTime
        stopsAt = end
        if (running.isEmpty && unreported.isEmpty) || now >= end { return }
      }
      // What has ended has made room: it is used before anything is waited for.
      var hasRoom = true
      while hasRoom {
        while let (parcel, host) = queue.next(held: unreported.count) { begin(parcel, host) }
        multi.perform()
        hasRoom = false
        while let (transfer, ending) = multi.nextEnded() {
          end(transfer, ending)
          hasRoom = true
        }
      }
      reportAgain(Self.monotonic)
      multi.wait(milliseconds: pause(stopsAt), bell: bell.readEnd)
      bell.hush()
    }
  }

  private func pause(_ stopsAt: Instant?) -> Int {
    let now = Self.monotonic
    let next = (unreported.map(\.next) + [stopsAt].compactMap { $0 }).min()
    guard let next else { return Self.idleMilliseconds }
    return max(1, min(Self.idleMilliseconds, (next - now).milliseconds))
  }

  // MARK: A message

  private func take(_ parcel: Parcel) {
    guard let route = parcel.route else { return tell(parcel.dispatch, .refused(reason: "no gateway")) }
    guard queue.add(parcel, to: route.host) else {
      return conclude(parcel.dispatch, route.host, .overloaded(parcel.dispatch))
    }
  }

  private func begin(_ parcel: Parcel, _ host: Gateways.Host) {
    let dispatch = parcel.dispatch
    let now = clock()
    let left = dispatch.leaseUntil - limits.reportTime - now
    if recalled.contains(dispatch) {
      queue.ended(host)
      return tell(dispatch, .postponed(reason: "no longer wanted", wait: .seconds(0)))
    }
    // Whose lease ends is dispatched again: begun now, it might run twice at once.
    guard left >= limits.reportTime else { return giveUp(dispatch, host, .overloaded(dispatch)) }
    let total = min(left, limits.totalTime)
    var order = CurlTransfer.Order(
      url: "", content: .post(headers: [], body: []), allowsPrivate: host.allowsPrivate,
      authorities: host.authorities, connectMilliseconds: min(total, limits.connectTime).milliseconds,
      totalMilliseconds: total.milliseconds, headBytesMax: limits.headBytesMax, bodyBytesMax: limits.bodyBytesMax)
    var messageID: String?
    switch parcel.route {
    case nil: return giveUp(dispatch, host, .refused(reason: "no gateway"))
    case .webhook(let webhook):
      let message = WebhookMessage(dispatch, clinicCode: parcel.clinicCode, secret: webhook.secret, now: now)
      order.url = webhook.url
      order.content = .post(headers: message.headers, body: message.body)
    case .mail(let relay):
      do throws(MailMessage.Refusal) {
        let mail = try MailMessage(dispatch, from: relay.from, now: now)
        // The path is what the server is greeted with; curl's own choice would be this machine's name.
        order.url = relay.url + "/" + MailAddress.domain(of: mail.from)
        order.content = .mail(
          from: mail.from, to: mail.to, bytes: mail.bytes, login: relay.login.map { ($0.user, $0.password) })
        messageID = mail.messageID
      } catch {
        return giveUp(dispatch, host, .refused(reason: error.reason))
      }
    }
    guard let transfer = CurlTransfer(order, multi.sockets), multi.add(transfer) else {
      return giveUp(dispatch, host, .failed(reason: "the request could not be made", retryAfter: nil))
    }
    running[ObjectIdentifier(transfer)] = Running(dispatch: dispatch, host: host, messageID: messageID)
  }

  private func giveUp(_ dispatch: Dispatch, _ host: Gateways.Host, _ result: DispatchReport.Result) {
    queue.ended(host)
    conclude(dispatch, host, result)
  }

  private func end(_ transfer: CurlTransfer, _ ending: TransferEnding) {
    guard let run = running.removeValue(forKey: ObjectIdentifier(transfer)) else { return }
    queue.ended(run.host)
    let result =
      run.messageID.map { DispatchReport.Result(mail: ending, messageID: $0) } ?? DispatchReport.Result(webhook: ending)
    conclude(run.dispatch, run.host, result)
  }

  /// A gateway that does not do is told of once a minute, not once a message.
  private func conclude(_ dispatch: Dispatch, _ host: Gateways.Host, _ result: DispatchReport.Result) {
    tell(dispatch, result)
    let reason: String
    switch result {
    case .accepted: return
    case .refused(let text): reason = "refused: \(text)"
    case .failed(let text, _): reason = text
    case .postponed(let text, _): reason = text
    }
    let now = Self.monotonic
    if let last = faultLoggedAt[host], now - last < .minutes(1) { return }
    faultLoggedAt[host] = now
    log("\(dispatch.channel.rawValue) by \(host.name), execution \(dispatch.execution): \(reason)")
  }

  // MARK: Reports

  private func tell(_ dispatch: Dispatch, _ result: DispatchReport.Result) {
    let outcome = dispatch.report(result)
    if report(dispatch.clinic, outcome) || unreported.count >= limits.waitingMax { return }
    unreported.append(
      Unreported(clinic: dispatch.clinic, report: outcome, tries: 0, next: Self.monotonic + Self.reportPauses[0]))
  }

  private func reportAgain(_ now: Instant) {
    if unreported.isEmpty { return }
    unreported = unreported.compactMap { entry in
      guard entry.next <= now else { return entry }
      if report(entry.clinic, entry.report) { return nil }
      var entry = entry
      entry.tries += 1
      guard entry.tries < Self.reportPauses.count else {
        log("execution \(entry.report.execution): what became of it could not be reported; its lease brings it again")
        return nil
      }
      entry.next = now + Self.reportPauses[entry.tries]
      return entry
    }
  }

  private static var monotonic: Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(milliseconds: time.tv_sec * 1_000 + time.tv_nsec / 1_000_000)
  }
}

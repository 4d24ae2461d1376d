import AuraDomain
import AuraThreads
import Synchronization
import Testing

@testable import AuraDelivery

/// What the courier says without speaking to anyone; what it says of gateways is tested with gateways, in Tests/Live.
@Suite struct CourierTests {
  /// A courier's reports, in their order.
  private final class Desk: Sendable {
    private let reports = Mutex<[DispatchReport]>([])
    private let refusals: Mutex<Int>
    private let arrived = AuraThreads.Signal()

    /// - Parameter refusals: how many reports are turned away before one is taken.
    init(refusals: Int = 0) { self.refusals = Mutex(refusals) }

    func take(_ report: DispatchReport) -> Bool {
      let isRefused = refusals.withLock { left in
        left -= 1
        return left >= 0
      }
      if isRefused { return false }
      reports.withLock { $0.append(report) }
      arrived.raise()
      return true
    }

    func wait(for count: Int) -> [DispatchReport.Result] {
      while reports.withLock({ $0.count }) < count {
        if !arrived.wait(seconds: 20) { break }
      }
      return reports.withLock { $0.map(\.result) }
    }
  }

  private static func courier(_ desk: Desk, at now: Instant = Parcels.start) throws -> Courier {
    try Courier(clock: { now }, report: { _, report in desk.take(report) }, log: { _ in })
  }

  @Test func `a channel without a gateway is refused`() throws {
    let desk = Desk()
    let courier = try Self.courier(desk)
    courier.carry(Parcel(dispatch: Parcels.dispatch(), clinicCode: "BKK01", route: nil))
    #expect(desk.wait(for: 1) == [.refused(reason: "no gateway")])
    #expect(courier.stop())
  }

  @Test func `a message whose lease is as good as over is not begun`() throws {
    for left in [0, 9_999, -60_000] {
      let desk = Desk()
      let courier = try Self.courier(desk, at: Parcels.start + .seconds(60) - Span(milliseconds: left))
      courier.carry(Parcels.parcel(1))
      guard case .postponed(_, let wait) = desk.wait(for: 1).first else {
        Issue.record("begun with \(left) ms left")
        return
      }
      #expect(wait >= .seconds(60) && wait < .seconds(360))
      #expect(courier.stop())
    }
  }

  @Test func `a try that is called off does not begin, a later one does`() throws {
    let desk = Desk()
    let courier = try Self.courier(desk)
    let first = Parcels.dispatch()
    courier.keepBack([Recall(execution: first.execution, attempt: first.attempt, leaseUntil: first.leaseUntil)])
    courier.carry(Parcel(dispatch: first, clinicCode: "BKK01", route: Parcels.deadEnd))
    #expect(desk.wait(for: 1) == [.postponed(reason: "no longer wanted", wait: .seconds(0))])
    var second = first
    second.attempt += 1
    courier.carry(Parcel(dispatch: second, clinicCode: "BKK01", route: Parcels.deadEnd))
    let results = desk.wait(for: 2)
    #expect(courier.stop())
    guard case .failed = results.last else {
      Issue.record("\(results)")
      return
    }
  }

  @Test func `a mail that cannot be written is refused`() throws {
    let desk = Desk()
    let courier = try Self.courier(desk)
    let relay = Gateways.MailRelay(
      url: "smtps://mail.example:465", host: .init(name: "mail.example", port: 465),
      from: .init(address: "hello@clinic.example"))
    let dispatch = Parcels.dispatch(channel: .email, to: "praew@mail.example\r\nRCPT TO:<x@y.example>")
    courier.carry(Parcel(dispatch: dispatch, clinicCode: "BKK01", route: .mail(relay)))
    #expect(desk.wait(for: 1) == [.refused(reason: "no mail address that can be written to")])
    #expect(courier.stop())
  }

  @Test func `a report that finds no room is offered again`() throws {
    let desk = Desk(refusals: 2)
    let courier = try Self.courier(desk)
    courier.carry(Parcel(dispatch: Parcels.dispatch(), clinicCode: "BKK01", route: nil))
    #expect(desk.wait(for: 1) == [.refused(reason: "no gateway")])
    #expect(courier.stop())
  }

  @Test func `ten thousand at once are each reported once, and those without room put off`() throws {
    let desk = Desk()
    let courier = try Self.courier(desk)
    for number in 0..<10_000 {
      courier.carry(
        Parcel(dispatch: Parcels.dispatch(number), clinicCode: "BKK01", route: Parcels.deadEnd))
    }
    let results = desk.wait(for: 10_000)
    #expect(courier.stop())
    #expect(results.count == 10_000)
    let tried = results.count { if case .failed = $0 { true } else { false } }
    let putOff = results.count { if case .postponed = $0 { true } else { false } }
    #expect(tried > 0 && tried + putOff == 10_000, "\(tried) tried, \(putOff) put off")
  }

  @Test func `a courier that has stopped leaves messages to their leases`() throws {
    let desk = Desk()
    let courier = try Self.courier(desk)
    #expect(courier.stop())
    courier.carry(Parcel(dispatch: Parcels.dispatch(), clinicCode: "BKK01", route: nil))
    #expect(desk.wait(for: 0) == [])
  }
}

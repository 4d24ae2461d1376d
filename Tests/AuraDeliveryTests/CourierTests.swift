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
    // Nobody listens there: what is begun fails at once.
    let host = Gateways.Host(name: "127.0.0.1", port: 1, allowsPrivate: true)
    let webhook = Gateways.Webhook(url: "https://127.0.0.1:1/", host: host, secret: Array(repeating: 7, count: 32))
    for number in 0..<10_000 {
      courier.carry(
        Parcel(dispatch: Parcels.dispatch(number), clinicCode: "BKK01", route: .webhook(webhook)))
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

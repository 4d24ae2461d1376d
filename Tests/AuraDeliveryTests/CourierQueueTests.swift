import AuraDomain
import Testing

@testable import AuraDelivery

@Suite struct CourierQueueTests {
  /// A queue, and what it has let out.
  private final class Desk {
    var queue: CourierQueue
    private let hosts = ["a", "b"].map { Gateways.Host(name: $0, port: 443) }

    init(waiting: Int = 100, waitingPerHost: Int = 100, running: Int = 4, runningPerHost: Int = 2) {
      var limits = Courier.Limits()
      limits.waitingMax = waiting
      limits.waitingPerHostMax = waitingPerHost
      limits.runningMax = running
      limits.runningPerHostMax = runningPerHost
      queue = CourierQueue(limits)
    }

    func add(_ number: Int, to host: Int) -> Bool { queue.add(Parcels.parcel(number), to: hosts[host]) }
    func ended(_ host: Int) { queue.ended(hosts[host]) }
    func begun(held: Int = 0) -> [Int] {
      var numbers: [Int] = []
      while let (parcel, _) = queue.next(held: held) { numbers.append(Int(parcel.dispatch.execution.low & 0xFFFF)) }
      return numbers
    }
  }

  @Test func `hosts take turns, each in the order that its messages came`() {
    let desk = Desk(running: 6, runningPerHost: 3)
    for number in 1...4 { #expect(desk.add(number, to: 0)) }
    for number in 11...14 { #expect(desk.add(number, to: 1)) }
    #expect(desk.begun() == [1, 11, 2, 12, 3, 13])
    desk.ended(1)
    #expect(desk.begun() == [14])
    desk.ended(0)
    #expect(desk.begun() == [4])
    #expect(desk.queue.waitingCount == 0 && desk.queue.runningCount == 6)
  }

  @Test func `a host that is slow holds up its own messages only`() {
    let desk = Desk(running: 4, runningPerHost: 2)
    for number in 1...9 { #expect(desk.add(number, to: 0)) }
    #expect(desk.begun() == [1, 2])
    #expect(desk.add(11, to: 1))
    #expect(desk.begun() == [11])
    desk.ended(1)
    #expect(desk.add(12, to: 1))
    #expect(desk.begun() == [12])
  }

  @Test func `what does not fit is refused, for one host and for all`() {
    let desk = Desk(waiting: 3, waitingPerHost: 2)
    #expect(desk.add(1, to: 0) && desk.add(2, to: 0) && !desk.add(3, to: 0))
    #expect(desk.add(11, to: 1) && !desk.add(12, to: 1))
    #expect(desk.begun() == [1, 11, 2])
    #expect(desk.add(3, to: 0))
  }

  @Test func `reports that wait take the room of messages`() {
    let desk = Desk(running: 4)
    for number in 1...2 { #expect(desk.add(number, to: 0)) }
    #expect(desk.begun(held: 3) == [1])
    #expect(desk.begun(held: 4) == [])
    #expect(desk.begun(held: 0) == [2])
  }

  @Test func `what waits can be forgotten`() {
    let desk = Desk()
    for number in 1...3 { #expect(desk.add(number, to: 0)) }
    desk.queue.clear()
    #expect(desk.queue.waitingCount == 0 && desk.begun() == [])
    #expect(desk.add(4, to: 0) && desk.begun() == [4])
  }
}

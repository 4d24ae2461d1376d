import AuraDomain
import Testing

@testable import AuraServer

/// `#expect` reads only; this changes the limits behind a reference.
private final class Limits {
  private var value: LoginLimits

  init(address: LoginLimits.Rate, account: LoginLimits.Rate, entriesMax: Int = LoginLimits.entriesMax) {
    value = LoginLimits(address: address, account: account, entriesMax: entriesMax)
  }

  func take(address: String, account: String, now: Instant) -> Span? {
    value.take(address: address, account: account, now: now)
  }

  func giveBack(address: String, account: String) { value.giveBack(address: address, account: account) }
}

@Suite struct LoginLimitsTests {
  private static let start = Instant(milliseconds: 1_770_000_000_000)

  @Test func `an account has its burst, then one try an interval, from wherever they come`() {
    let limits = Limits(
      address: .init(burst: 100, interval: .seconds(1)), account: .init(burst: 3, interval: .seconds(10)))
    for n in 0..<3 { #expect(limits.take(address: "10.0.0.\(n)", account: "a@b.c", now: Self.start) == nil) }
    #expect(limits.take(address: "10.0.0.9", account: "a@b.c", now: Self.start) == .seconds(10))
    #expect(limits.take(address: "10.0.0.9", account: "a@b.c", now: Self.start + .seconds(9)) == .seconds(1))
    #expect(limits.take(address: "10.0.0.9", account: "a@b.c", now: Self.start + .seconds(10)) == nil)
    #expect(limits.take(address: "10.0.0.9", account: "a@b.c", now: Self.start + .seconds(10)) == .seconds(10))
    #expect(limits.take(address: "10.0.0.9", account: "other@b.c", now: Self.start + .seconds(10)) == nil)
  }

  @Test func `an address has its burst, whatever accounts it tries`() {
    let limits = Limits(
      address: .init(burst: 4, interval: .seconds(5)), account: .init(burst: 9, interval: .seconds(1)))
    for n in 0..<4 { #expect(limits.take(address: "10.0.0.1", account: "\(n)@b.c", now: Self.start) == nil) }
    #expect(limits.take(address: "10.0.0.1", account: "new@b.c", now: Self.start) == .seconds(5))
    #expect(limits.take(address: "10.0.0.2", account: "new@b.c", now: Self.start) == nil)
  }

  @Test func `a right password costs no try, and nothing is gained by giving back`() {
    let limits = Limits(
      address: .init(burst: 2, interval: .seconds(5)), account: .init(burst: 2, interval: .seconds(5)))
    for _ in 0..<100 {
      #expect(limits.take(address: "10.0.0.1", account: "a@b.c", now: Self.start) == nil)
      limits.giveBack(address: "10.0.0.1", account: "a@b.c")
    }
    limits.giveBack(address: "10.0.0.1", account: "a@b.c")
    for _ in 0..<2 { #expect(limits.take(address: "10.0.0.1", account: "a@b.c", now: Self.start) == nil) }
    #expect(limits.take(address: "10.0.0.1", account: "a@b.c", now: Self.start) == .seconds(5))
  }

  @Test func `what is kept is bounded, and newcomers then share one bucket`() {
    let rate = LoginLimits.Rate(burst: 2, interval: .seconds(5))
    let limits = Limits(address: .init(burst: 1_000, interval: .seconds(5)), account: rate, entriesMax: 10)
    for n in 0..<10 { #expect(limits.take(address: "10.0.0.1", account: "\(n)", now: Self.start) == nil) }
    #expect(limits.take(address: "10.0.0.1", account: "x", now: Self.start) == nil)
    #expect(limits.take(address: "10.0.0.1", account: "y", now: Self.start) == nil)
    #expect(limits.take(address: "10.0.0.1", account: "z", now: Self.start) == .seconds(5))
    #expect(limits.take(address: "10.0.0.1", account: "3", now: Self.start) == nil)
    // Time makes room again.
    #expect(limits.take(address: "10.0.0.1", account: "z", now: Self.start + .seconds(20)) == nil)
  }

  @Test(arguments: [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:DB8:1:2::9", "2001:db8:1:2::/64"), ("::1", "0:0:0:0::/64"), ("fe80::1%eth0", "fe80:0:0:0::/64"),
    ("2001:db8::1", "2001:db8:0:0::/64"), ("", ""), ("::", "0:0:0:0::/64"), ("%", "%"), (":%", "::/64"),
    ("%:", "::/64"),
  ])
  func `hosts of one IPv6 network count as one address`(address: String, network: String) {
    #expect(LoginLimits.network(of: address) == network)
  }
}

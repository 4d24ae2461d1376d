import Testing

@testable import AuraClient

@Suite struct BackoffTests {
  private struct Highest: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
  }

  @Test func `the bound of a wait doubles up to its end, and begins anew after a success`() {
    var backoff = Backoff()
    var random = Highest()
    #expect(
      (0..<8).map { _ in backoff.nextMilliseconds(using: &random) } == [
        500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
      ])
    backoff.succeeded()
    #expect(backoff.nextMilliseconds(using: &random) == 500)
  }

  @Test(
    arguments: [
      (4000, Comeback.never), (4001, .never), (4003, .never), (1003, .never), (1009, .never), (4100, .later),
      (4103, .later),
      (4200, .atOnce), (4202, .atOnce), (1001, .later), (1006, .later), (1000, .later),
    ] as [(UInt16, Comeback)])
  func `a close code says whether to come back`(code: UInt16, comeback: Comeback) {
    #expect(Comeback.after(closeCode: code) == comeback)
  }
}

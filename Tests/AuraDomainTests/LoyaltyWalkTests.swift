import Testing

@testable import AuraDomain

/// Thousands of visits, bills, redemptions, refunds and years gone by, at random: after each, the ledger's promises are
/// held against the rows.
@Suite struct `Whatever customers earn and spend` {
  struct Run: Sendable, CustomTestStringConvertible {
    var rules: LoyaltyWalk.Rules
    var seed: UInt64
    var operations: Int

    var testDescription: String { "\(rules), seed \(seed), \(operations) operations" }
  }

  /// By the house's rules one history of 10,000 operations, and shorter ones under each of the others.
  private static let runs: [Run] =
    [Run(rules: .house, seed: 1, operations: 10_000)]
    + LoyaltyWalk.Rules.allCases.filter { $0 != .house }.flatMap { rules in
      (11...12).map { Run(rules: rules, seed: $0, operations: 1_300) }
    }

  @Test(arguments: runs)
  func `the ledger adds up, and nothing happens twice`(run: Run) throws {
    var walk = try LoyaltyWalk(seed: run.seed, rules: run.rules)
    for step in 0..<run.operations {
      do {
        try walk.step()
        try walk.check(all: step % 16 == 0)
      } catch {
        Issue.record("\(run.testDescription), step \(step), \(walk.last): \(error)")
        return
      }
    }
    // A walk in which nothing goes wrong or out of date proves little.
    let seen = Set(walk.world.rows.all(PointTransaction.self).map(\.type))
    #expect(seen == Set(PointType.allCases), "\(run.testDescription)")
    let (owed, accepted, fell) = (walk.wasNegative, walk.accepted, walk.fell)
    #expect(owed, "\(run.testDescription) owed nothing")
    #expect(accepted > run.operations / 2, "\(run.testDescription) went nowhere: \(accepted)")
    #expect(fell > 0, "\(run.testDescription): nobody fell")
    do {
      try walk.repeatAll()
    } catch {
      Issue.record("\(run.testDescription), again: \(error)")
    }
  }
}

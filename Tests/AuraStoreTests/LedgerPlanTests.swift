import AuraDomain
import Synchronization
import Testing

@testable import AuraStore

/// A posting reads by indexes only: a customer with ten thousand lines in the ledger waits no longer than one with ten.
@Suite struct `A posting` {
  let bench: Bench

  init() throws { bench = try Bench() }

  private func plan<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [String] {
    try bench.read { reader in
      var composer = SelectComposer(RowText.of(type).select, table: R.table, clinic: ID(high: 1, low: 1))
      for condition in selection.conditions { composer.add(condition) }
      var lines: [String] = []
      let text = "EXPLAIN QUERY PLAN " + composer.text(order: selection.order, limit: selection.limit)
      try reader.session.each(composed: text, composer.arguments) { lines.append($0.text(3)) }
      return lines
    }
  }

  @Test func `finds what it needs by an index, in order, and sorts nothing`() throws {
    let id = Value.id(ID(high: 1, low: 2))
    let byEnd: [Order] = [.ascending("expires_at")]
    let open = Condition.equal("is_open", .integer(1))
    let night = Selection(open, .atMost("expires_at", .integer(5)), order: byEnd, limit: 200)
    let plans: [(String, by: String, [String])] = [
      (
        "the open credits of a customer", "customer_id=? AND is_open=?",
        try plan(PointCredit.self, Selection(.equal("customer_id", id), open, order: byEnd, limit: 32))
      ),
      ("what a night lets go", "is_open=? AND expires_at<?", try plan(PointCredit.self, night)),
      (
        "what a credit was calculated at", "transaction_id=?",
        try plan(PointCredit.self, Selection(.equal("transaction_id", id), limit: 1))
      ),
      (
        "a posting's key", "event_key=?",
        try plan(PointTransaction.self, Selection(.equal("event_key", .text("k")), limit: 1))
      ),
      (
        "what a case has brought", "workflow_id=?",
        try plan(PointTransaction.self, Selection(.equal("workflow_id", id)))
      ),
      ("a profile", "customer_id=?", try plan(LoyaltyProfile.self, Selection(.equal("customer_id", id), limit: 1))),
      (
        "a redemption's key", "event_key=?",
        try plan(LoyaltyRedemption.self, Selection(.equal("event_key", .text("k")), limit: 1))
      ),
      ("a coupon's code", "code=?", try plan(CustomerCoupon.self, Selection(.equal("code", .text("c")), limit: 1))),
      (
        "a coupon's redemption", "redemption_id=?",
        try plan(CustomerCoupon.self, Selection(.equal("redemption_id", id), limit: 1))
      ),
      (
        "a customer's last months", "customer_id=? AND month>?",
        try plan(
          LoyaltyMonth.self,
          Selection(
            .equal("customer_id", id), .atLeast("month", .integer(202_602)), order: [.ascending("month")]))
      ),
      (
        "the profiles of a review", "id>?",
        try plan(LoyaltyProfile.self, Selection(.greater("id", id), order: [.ascending("id")], limit: 200))
      ),
      (
        "how often a reward was had", "customer_id=? AND reward_id=? AND status=?",
        try plan(
          LoyaltyRedemption.self,
          Selection(
            .equal("customer_id", id), .equal("reward_id", id), .oneOf("status", [.word(RedemptionStatus.issued)]),
            limit: 3))
      ),
      ("a sale's refunds", "parent_id=?", try plan(PosTransaction.self, Selection(.equal("parent_id", id)))),
    ]
    for (what, columns, lines) in plans {
      #expect(lines.count == 1, "\(what): \(lines)")
      for line in lines {
        #expect(line.hasPrefix("SEARCH") && line.contains("(clinic_id=? AND \(columns)"), "\(what): \(line)")
      }
    }
  }

  @Test func `of a customer with ten thousand lines takes and records as any other`() throws {
    let fixture = try Fixture(bench)
    let count = 10_000
    try bench.write { scope in
      try scope.commit(clinic: fixture.clinic) { draft in
        for number in 0..<count {
          var line = PointTransaction()
          line.id = draft.newID()
          line.clinicID = draft.clinicID
          line.customerID = fixture.customer
          line.amount = 1
          line.expiresAt = draft.now + .days(1 + number)
          line.eventKey = "e\(number)"
          line.createdAt = draft.now
          draft.insert(line)
          var credit = PointCredit()
          credit.id = draft.newID()
          credit.clinicID = draft.clinicID
          credit.customerID = fixture.customer
          credit.transactionID = line.id
          credit.remaining = 1
          credit.isOpen = true
          credit.expiresAt = draft.now + .days(1 + number)
          draft.insert(credit)
        }
        var profile = LoyaltyProfile()
        profile.id = draft.newID()
        profile.clinicID = draft.clinicID
        profile.customerID = fixture.customer
        profile.availablePoints = count
        profile.totalPoints = count
        profile.referralCode = "BN1"
        draft.insert(profile)
      }
    }
    var details = RewardDetails()
    details.name = "x"
    details.type = .discountAmount
    details.monetaryValueSt = 100
    details.pointsCost = 40
    let reward = LockedID()
    let create = bench.process(
      bench.request(fixture.clinic, fixture.owner) { [details] draft in
        let result = try decide(.createReward(details), &draft)
        reward.set(result["rewardId"])
        return result
      })
    #expect(create.codes == [nil])
    let redeem = bench.process(
      bench.request(fixture.clinic, fixture.owner, key: "k1") { draft in
        guard let id = reward.value else { throw Refusal(.notFound, "no reward") }
        return try decide(.redeemReward(reward: id, customer: fixture.customer), &draft)
      })
    #expect(redeem.codes == [nil])
    #expect(try bench.count("SELECT COUNT(*) FROM point_credits WHERE is_open") == count - 40)
    #expect(try bench.count("SELECT available_points FROM loyalty_profiles") == count - 40)
    #expect(try bench.count("SELECT SUM(amount) FROM point_transactions") == count - 40)
    // What changes is what is used: 40 credits, and a handful besides.
    #expect((redeem.commits.first?.changes.count ?? 0) < 50)
  }
}

/// Carries an id from one command's rule to the next.
private final class LockedID: Sendable {
  private let stored = Mutex<ID?>(nil)
  var value: ID? { stored.withLock { $0 } }
  func set(_ json: JSON?) { stored.withLock { $0 = json?.string.flatMap { ID($0) } } }
}

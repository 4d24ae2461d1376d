import Testing

@testable import AuraDomain

@Suite struct `The ledger of points` {
  @Test func `knows five tiers by net spend`() {
    let baht: [(Int, Tier, Int)] = [
      (0, .bronze, 0), (5_000, .bronze, 5_000), (9_999, .bronze, 9_999), (10_000, .silver, 0), (20_000, .silver, 5_000),
      (30_000, .gold, 0), (59_999, .gold, 9_999), (60_000, .platinum, 0), (100_000, .diamond, 10_000),
      (90_000_000, .diamond, 10_000),
    ]
    for (spent, tier, progress) in baht {
      #expect(Tier.of(spent * 100, by: .spend) == tier)
      #expect(tier.progressBp(spent * 100, by: .spend) == progress)
    }
    #expect(Tier.of(999_999, by: .spend) == .bronze)
    #expect(Tier.allCases.map(\.multiplierBp) == [10_000, 11_000, 12_500, 15_000, 20_000])
  }

  @Test func `rounds points down, and refuses what does not fit`() throws {
    #expect(try EarnRate(satang: 1_000, multiplierBp: 10_000).points(forSt: 270_000) == 270)
    #expect(try EarnRate(satang: 1_000, multiplierBp: 11_000).points(forSt: 1_999) == 2)
    #expect(try EarnRate(satang: 1_000, multiplierBp: 10_000).points(forSt: 999) == 0)
    #expect(throws: Refusal.self) { try EarnRate(satang: 1_000, multiplierBp: 20_000).points(forSt: .max) }
    #expect(throws: Refusal.self) { try Int.max.plus(1) }
    #expect(throws: Refusal.self) { try Int.min.minus(1) }
  }

  @Test func `takes what a clinic has set, and the house's own for what makes no sense`() {
    let settings = LoyaltySettings([
      "earn_rate_satang": 2_000, "expiry_months": 0, "welcome_bonus": -5, "review_bonus": "x",
    ])
    #expect(settings.earnRateSt == 2_000)
    #expect(settings.expiryMonths == 0)
    #expect(settings.welcomeBonus == 100)
    #expect(settings.reviewBonus == 50)
    #expect(LoyaltySettings(nil) == LoyaltySettings())
  }

  @Test(arguments: [
    ("2026-02-02 12:00", 24, "2028-02-02 12:00"), ("2024-02-29 23:30", 12, "2025-02-28 23:30"),
    ("2026-12-31 00:00", 2, "2027-02-28 00:00"), ("2026-01-31 09:15", -1, "2025-12-31 09:15"),
  ]) func `counts months by the clinic's calendar`(from: String, months: Int, to: String) {
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    let parts = from.split { "- :".contains($0) }.compactMap { Int($0) }
    let start = calendar.dayStart(year: parts[0], month: parts[1], day: parts[2]) + .minutes(parts[3] * 60 + parts[4])
    #expect(calendar.civil(start).text == from)
    #expect(calendar.civil(calendar.adding(months: months, to: start)).text == to)
  }

  @Test func `keeps the time of day where the clocks were changed in between`() {
    let calendar = ClinicCalendar(timezone: "Europe/Berlin")
    let winter = calendar.dayStart(year: 2026, month: 1, day: 15) + .hours(10)
    #expect(calendar.civil(calendar.adding(months: 6, to: winter)).text == "2026-07-15 10:00")
  }

  /// A draft on a new customer's rows, with nothing but the welcome bonus.
  private func open(_ world: World) throws -> (Draft, ID) {
    let w = try world.lead()
    let customer = try world.workflow(w).customerID
    return (draft(world), customer)
  }

  private func draft(_ world: World) -> Draft {
    Draft(
      rows: world.rows, actor: world.actor(.o1), now: world.now, seq: world.seq + 1, commandKey: "K",
      ids: IDGenerator(random: SplitMix64(state: 7)))
  }

  private func bonus(_ customer: ID, _ points: Int, _ key: String, ends: Instant? = nil) -> Posting {
    var posting = Posting(.bonus, points, to: customer, key: key, Texts("x"))
    if let ends { posting.expires = .at(ends) }
    return posting
  }

  private func remaining(_ draft: Draft, _ customer: ID) throws -> [Int] {
    try draft.rows(
      PointCredit.self, Selection(.equal("customer_id", .id(customer)), order: [.ascending("expires_at")])
    ).map(\.remaining)
  }

  @Test func `posts a key once`() throws {
    let world = World()
    var (draft, customer) = try open(world)
    #expect(try draft.credit(bonus(customer, 20, "a")) != nil)
    let count = draft.changes.count
    #expect(try draft.credit(bonus(customer, 20, "a")) == nil)
    #expect(try draft.credit(bonus(customer, 0, "b")) == nil)
    #expect(draft.changes.count == count)
    #expect(try draft.loyaltyProfile(of: customer).availablePoints == 120)
  }

  @Test func `spends first what expires first, and writes down of what`() throws {
    let world = World()
    var (draft, customer) = try open(world)
    let late = try #require(try draft.credit(bonus(customer, 50, "late", ends: world.now + .days(900))))
    let soon = try #require(try draft.credit(bonus(customer, 30, "soon", ends: world.now + .days(10))))
    let debit = try #require(
      try draft.debit(Posting(.redeemed, 150, to: customer, key: "redeem:1", Texts("x"))))
    let welcome = try #require(try draft.posting("welcome:\(customer)"))
    #expect(
      debit.allocations == [
        soon.id.description: 30, welcome.id.description: 100, late.id.description: 20,
      ])
    #expect(debit.amount == -150)
    #expect(try remaining(draft, customer) == [0, 0, 30])
    let refused = #expect(throws: Refusal.self) {
      try draft.debit(Posting(.redeemed, 31, to: customer, key: "redeem:2", Texts("x")))
    }
    #expect(refused?.code == .insufficientPoints)
  }

  @Test func `goes below nothing by a refund only, and the next credits pay that off`() throws {
    let world = World()
    var (draft, customer) = try open(world)
    try draft.debit(Posting(.refund, 250, to: customer, key: "refund:1", Texts("x")))
    #expect(try draft.loyaltyProfile(of: customer).availablePoints == -150)
    #expect(try draft.loyaltyProfile(of: customer).totalPoints == -150)
    let part = try #require(try draft.credit(bonus(customer, 100, "a")))
    let rest = try #require(try draft.credit(bonus(customer, 80, "b")))
    #expect((part.absorbed, rest.absorbed) == (100, 50))
    #expect(try draft.loyaltyProfile(of: customer).availablePoints == 30)
    #expect(try remaining(draft, customer) == [0, 0, 30])
  }

  @Test func `lets go at night what has ended, once, and before a redemption too`() throws {
    let world = World()
    let w = try world.treated()
    let customer = try world.workflow(w).customerID
    let end = world.now + .days(730)
    let night = try #require(world.rows.timers.values.first { $0.kind == .pointsExpiry })
    #expect(ClinicCalendar(timezone: "Asia/Bangkok").civil(night.due).text == "2028-02-03 00:05")
    #expect(world.rows.timers.values.filter { $0.kind == .pointsExpiry }.count == 1)

    world.now = end
    var lazy = draft(world)
    try lazy.expireCredits(of: customer)
    #expect(lazy.changes.compactMap { ($0.row as? PointTransaction)?.amount } == [-100, -500, -50])
    try world.advance(to: night.due)
    #expect(world.ledger(customer).suffix(3).allSatisfy { $0.hasPrefix("expire:") })
    #expect(try world.profile(customer).availablePoints == 0)
    #expect(try world.profile(customer).totalPoints == 650)
    let seq = world.seq
    try world.run(.fire(night), actor: .system)
    #expect(world.seq == seq)
  }

  @Test func `takes points back when money goes back`() throws {
    let world = World()
    let w = try world.treated()
    let customer = try world.workflow(w).customerID
    try world.run(.cancel(w, .refund), as: .o1)
    let refund = try #require(world.rows.all(PosTransaction.self).first { $0.type == .refund })
    #expect(world.ledger(customer).last == "refund:\(refund.id) -550 refund")
    let profile = try world.profile(customer)
    #expect((profile.availablePoints, profile.totalPoints, profile.totalSpentSt) == (100, 100, 0))
    #expect((profile.currentTier, profile.tierProgressBp) == (.bronze, 0))
  }

  @Test func `gives one bonus for a case that is treated twice, and takes it back once`() throws {
    let world = World()
    let w = try world.treated()
    let customer = try world.workflow(w).customerID
    try world.run(.cancel(w, .refund), as: .o1)
    try world.run(.reopen(WorkflowStep(w, reason: "again")), as: .o1)
    try world.run(.confirmPayment(world.payment(w, at: world.now + .hours(2))), as: .s1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    try world.run(.cancel(w, .refund), as: .o1)
    #expect(
      world.ledger(customer).map { $0.split(separator: " ")[1] } == ["+100", "+500", "+50", "-550", "+500", "-500"])
    #expect(try world.profile(customer).availablePoints == 100)
  }

  @Test func `multiplies by the tier that a customer has without this sale`() throws {
    let world = World()
    let w = try world.lead()
    var payment = world.payment(w, at: world.now, amountSt: 1_500_000)
    payment.override = true
    payment.step.reason = "a package"
    try world.run(.confirmPayment(payment), as: .o1)
    let customer = try world.workflow(w).customerID
    #expect(try world.profile(customer).currentTier == .silver)
    #expect(world.rows.all(JourneyEvent.self).contains { $0.eventType == .tierChanged })
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    #expect(world.ledger(customer).suffix(2).map { $0.split(separator: " ")[1] } == ["+1500", "+50"])
    let again = try world.scheduled(at: world.now + .hours(2))
    try world.advance(.hours(2))
    try world.run(.start(again), as: .b1)
    try world.run(.complete(again), as: .b1)
    #expect(world.ledger(customer).suffix(2).map { $0.split(separator: " ")[1] } == ["+550", "+55"])
  }
}

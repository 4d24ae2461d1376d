import Testing

@testable import AuraDomain

extension World {
  func set(_ numbers: [LoyaltySettings.Number: Int] = [:], basis: TierBasis? = nil) throws {
    try run(.updateLoyaltySettings(LoyaltySettings.Change(numbers, tierBasis: basis)), as: .o1)
  }

  /// A bill that is paid at once.
  @discardableResult
  func buy(_ customer: ID, baht: Int) throws -> ID {
    let sale = try bill(customer, baht * 100)
    _ = try pay(sale)
    return sale
  }

  func giveBack(_ sale: ID, baht: Int? = nil) throws {
    try run(.refundSale(RefundSale(sale: sale, amountSt: baht.map { $0 * 100 }, reason: "x")), as: .o1)
  }

  func tier(_ customer: ID) throws -> Tier { try profile(customer).currentTier }

  /// 10:00 of a day of the clinic's.
  func goTo(_ year: Int, _ month: Int, _ day: Int) throws {
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    try advance(to: calendar.dayStart(year: year, month: month, day: day) + .hours(10))
  }

  /// What a customer was told last.
  func lastTold(_ customer: ID) -> String? {
    rows.all(Notification.self).last { $0.customerID == customer }?.message
  }
}

@Suite struct `A tier by points` {
  @Test func `is this table`() {
    let table: [(Int, Tier, Int)] = [
      (-5, .bronze, 0), (0, .bronze, 0), (500, .bronze, 5_000), (999, .bronze, 9_990), (1_000, .silver, 0),
      (2_000, .silver, 5_000), (3_000, .gold, 0), (6_999, .gold, 9_997), (7_000, .platinum, 0),
      (14_999, .platinum, 9_998), (15_000, .diamond, 10_000), (.max, .diamond, 10_000),
    ]
    for (points, tier, progress) in table {
      #expect(Tier.of(points, by: .points) == tier)
      #expect(tier.progressBp(points, by: .points) == progress)
    }
  }

  @Test func `rises with each posting and falls when one is taken back`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    try world.set(basis: .points)
    try world.advance(.minutes(1))
    #expect(try world.profile(it.customer).tierProgressBp == 6_500)
    try world.run(.awardPoints(AwardPoints(customer: it.customer, points: 350, transaction: "t")), as: .o1)
    #expect(try world.tier(it.customer) == .silver)
    #expect(world.lastTold(it.customer) == "ตอนนี้คุณอยู่ระดับ ซิลเวอร์")
    // What is redeemed was earned all the same.
    _ = try world.code(it.ten, it.customer)
    #expect(try world.tier(it.customer) == .silver)
    let standing = try world.ask(.loyaltyProfile(customer: nil), as: .customer)
    #expect(standing["tierBasis"] == "points")
    #expect(standing["nextTier"] == ["tier": "gold", "floorPoints": 3_000, "missingPoints": 2_000])
    let sale = try #require(world.rows.of(PosTransaction.self, it.workflow).first)
    try world.giveBack(sale.id)
    #expect(try world.tier(it.customer) == .bronze)
    #expect(try world.profile(it.customer).totalPoints == 450)
    #expect(world.lastTold(it.customer) == "ตอนนี้คุณอยู่ระดับ บรอนซ์")
    let changes = world.rows.all(JourneyEvent.self).filter { $0.eventType == .tierChanged }
    #expect(changes.map { $0.eventData["to_tier"] } == ["silver", "bronze"])
  }

  @Test func `multiplies the points of a sale by the tier before them`() throws {
    let it = try LoyaltyWorld()
    try it.world.set(basis: .points)
    let sale = try it.world.bill(it.customer, 400_000)
    #expect(try it.world.pay(sale)["pointsAwarded"] == 400)
    #expect(try it.world.tier(it.customer) == .silver)
    #expect(try it.world.pay(it.world.bill(it.customer, 100_000))["pointsAwarded"] == 110)
  }

  @Test func `replaces one by spend in slices, and the other way round`() throws {
    let world = World()
    var customers: [ID] = []
    for number in 0..<450 {
      let w = try world.lead("N\(number)", phone: "0811\(100_000 + number)")
      customers.append(try world.workflow(w).customerID)
    }
    try world.buy(customers[0], baht: 11_000)
    try world.run(.awardPoints(AwardPoints(customer: customers[449], points: 950, transaction: "t")), as: .o1)
    #expect(try world.tier(customers[0]) == .silver)
    let seq = world.seq
    try world.set(basis: .points)
    // 100 points of welcome are 1,000 basis points of the way, but nobody has been looked at yet.
    #expect(world.seq == seq + 1)
    #expect(try world.profile(customers[5]).tierProgressBp == 0)
    // Whoever is served meanwhile is at once where they belong.
    try world.run(.awardPoints(AwardPoints(customer: customers[1], points: 910, transaction: "u")), as: .o1)
    #expect(try world.tier(customers[1]) == .silver)
    try world.advance(.seconds(1))
    // 200, 200 and 50.
    #expect(world.seq == seq + 1 + 1 + 3)
    for customer in customers { #expect(try world.profile(customer).tierProgressBp > 0) }
    #expect(try world.tier(customers[0]) == .silver)
    #expect(try world.tier(customers[449]) == .silver)
    try world.set(basis: .spend)
    try world.advance(.seconds(1))
    #expect(try world.tier(customers[1]) == .bronze)
    #expect(try world.tier(customers[449]) == .bronze)
    #expect(try world.tier(customers[0]) == .silver)
    let told = world.rows.all(WorkflowEvent.self).last { $0.eventType == .tierChanged }
    #expect(told?.targetRoles == ["clinic_owner", "clinic_admin"])
  }

  @Test func `is reviewed again without a trace when the timer fires twice`() throws {
    let it = try LoyaltyWorld()
    try it.world.set([.qualifyingMonths: 3], basis: .points)
    let timers = Array(it.world.rows.timers.values).filter { $0.kind == .tierReview }
    #expect(timers.count == 2)
    try it.world.advance(.days(32))
    let seq = it.world.seq
    for timer in timers { try it.world.run(.fire(timer), actor: .system) }
    #expect(it.world.seq == seq)
  }
}

@Suite struct `A tier that rests on the last months` {
  /// A customer on 2 February 2026, and a window that counts from the first of March.
  private func open(months: Int) throws -> (World, ID) {
    let world = World()
    let customer = try world.workflow(world.lead()).customerID
    try world.set([.qualifyingMonths: months])
    return (world, customer)
  }

  @Test func `falls at the month's end and rises at once`() throws {
    let (world, customer) = try open(months: 3)
    try world.goTo(2026, 3, 10)
    try world.buy(customer, baht: 12_000)
    #expect(try world.tier(customer) == .silver)
    // March, April and May hold it; what is bought in June counts towards the next three months.
    try world.goTo(2026, 5, 31)
    try world.buy(customer, baht: 4_000)
    try world.goTo(2026, 6, 20)
    #expect(try world.tier(customer) == .silver)
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    try world.advance(to: calendar.dayStart(year: 2026, month: 7, day: 1) + .minutes(4))
    #expect(try world.tier(customer) == .silver)
    try world.advance(.minutes(1))
    #expect(try world.tier(customer) == .bronze)
    #expect(world.lastTold(customer) == "ตอนนี้คุณอยู่ระดับ บรอนซ์")
    #expect(world.events.filter { $0.eventType == .tierChanged }.count == 1)
    #expect(world.events.first?.eventData == ["from_tier": "silver", "to_tier": "bronze"])
    // All that there ever was is 16,000 baht; the months count 4,000.
    #expect(try world.profile(customer).tierProgressBp == 4_000)
    try world.buy(customer, baht: 6_000)
    #expect(try world.tier(customer) == .silver)
    #expect(try world.profile(customer).totalSpentSt == 2_200_000)
  }

  @Test func `is not taken away by a small refund of this month, but by that of what it rests on`() throws {
    let (world, customer) = try open(months: 2)
    try world.goTo(2026, 3, 10)
    let great = try world.buy(customer, baht: 11_000)
    try world.goTo(2026, 5, 10)
    // April and May alone would be bronze; the end of April has counted March.
    let small = try world.buy(customer, baht: 100)
    try world.giveBack(small)
    #expect(try world.tier(customer) == .silver)
    try world.giveBack(great, baht: 1_500)
    #expect(try world.tier(customer) == .bronze)
  }

  @Test func `counts a refund in the month of its sale`() throws {
    let (world, customer) = try open(months: 2)
    try world.goTo(2026, 3, 10)
    let old = try world.buy(customer, baht: 50_000)
    try world.goTo(2026, 6, 10)
    try world.buy(customer, baht: 12_000)
    try world.giveBack(old)
    #expect(try world.tier(customer) == .silver)
    #expect(
      world.rows.of(LoyaltyMonth.self, customer: customer).map { [$0.month, $0.spentSt] }
        == [[202_602, 0], [202_603, 0], [202_606, 1_200_000]])
  }

  @Test func `comes into force with the month's end, and goes with one`() throws {
    let world = World()
    let customer = try world.workflow(world.lead()).customerID
    try world.buy(customer, baht: 31_000)
    try world.goTo(2026, 6, 10)
    try world.set([.qualifyingMonths: 2])
    // Nothing was bought for months, but nobody was told to.
    try world.buy(customer, baht: 500)
    #expect(try world.tier(customer) == .gold)
    try world.goTo(2026, 7, 1)
    #expect(try world.tier(customer) == .bronze)
    // Set twice in one month, until its end it is as it was before both.
    try world.set([.qualifyingMonths: 12])
    try world.set([.qualifyingMonths: 36])
    try world.buy(customer, baht: 100)
    #expect(try world.tier(customer) == .bronze)
    try world.goTo(2026, 8, 1)
    #expect(try world.tier(customer) == .gold)
    try world.set([.qualifyingMonths: 0])
    try world.goTo(2026, 9, 2)
    #expect(world.rows.timers.values.filter { $0.kind == .tierReview }.isEmpty)
    #expect(try world.profile(customer).tierProgressBp == Tier.gold.progressBp(3_160_000, by: .spend))
  }

  @Test func `says by when how much keeps it`() throws {
    let (world, customer) = try open(months: 3)
    world.customerID = customer
    try world.goTo(2026, 3, 10)
    try world.buy(customer, baht: 8_000)
    try world.goTo(2026, 4, 10)
    try world.buy(customer, baht: 5_000)
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    func keep(_ person: World.Person = .customer) throws -> JSON? {
      try world.ask(.loyaltyProfile(customer: customer), as: person)["keepTier"]
    }
    // Without March, from the end of June on, 5,000 are left.
    let july = calendar.dayStart(year: 2026, month: 7, day: 1)
    #expect(try keep() == ["tier": "silver", "by": .instant(july), "missingSt": 500_000])
    #expect(try keep(.s1) == keep())
    #expect(try keep(.b1) == .null)
    try world.goTo(2026, 6, 15)
    try world.buy(customer, baht: 5_000)
    let august = calendar.dayStart(year: 2026, month: 8, day: 1)
    #expect(try keep() == ["tier": "silver", "by": .instant(august), "missingSt": 500_000])
    let nextTier = try world.ask(.loyaltyProfile(customer: nil), as: .customer)["nextTier"]
    // April, May and June.
    #expect(nextTier == ["tier": "gold", "floorSt": 3_000_000, "missingSt": 2_000_000])
    try world.goTo(2026, 8, 1)
    #expect(try world.tier(customer) == .bronze)
    #expect(try keep() == .null)
  }

  @Test func `may rest on points`() throws {
    let (world, customer) = try open(months: 1)
    try world.set(basis: .points)
    try world.goTo(2026, 3, 10)
    let sale = try world.buy(customer, baht: 10_000)
    #expect(try world.tier(customer) == .silver)
    try world.goTo(2026, 4, 5)
    #expect(try world.tier(customer) == .silver)
    #expect(try world.ask(.loyaltyProfile(customer: customer), as: .b1)["keepTier"]?["missingPoints"] == 1_000)
    try world.giveBack(sale, baht: 10)
    #expect(try world.tier(customer) == .bronze)
    #expect(world.rows.of(LoyaltyMonth.self, customer: customer).map(\.points) == [100, 999])
  }

  @Test func `multiplies a visit's points by the tier without what was paid for it`() throws {
    let (world, customer) = try open(months: 2)
    try world.goTo(2026, 3, 10)
    try world.buy(customer, baht: 8_000)
    try world.goTo(2026, 4, 10)
    // 13,000 baht and silver, but 8,000 and bronze without the treatment.
    let w = try world.treated()
    #expect(try world.workflow(w).customerID == customer)
    #expect(try world.tier(customer) == .silver)
    #expect(world.ledger(customer).suffix(2).map { $0.split(separator: " ")[1] } == ["+500", "+50"])
    try world.goTo(2026, 6, 10)
    // The end of May has counted April's 5,000 alone.
    #expect(try world.tier(customer) == .bronze)
  }

  @Test func `waits for its night when the clock goes back`() throws {
    let (world, customer) = try open(months: 1)
    try world.goTo(2026, 3, 10)
    try world.buy(customer, baht: 12_000)
    let night = try #require(world.rows.timers.values.first { $0.kind == .tierReview })
    world.now = night.due - .hours(1)
    try world.run(.fire(night), actor: .system)
    #expect(world.rows.timers[night.dedupe] == night)
    // A posting of the month that the clock has gone back from is not lost.
    world.now = night.due + .days(2)
    try world.buy(customer, baht: 11_000)
    world.now = night.due - .days(1)
    try world.buy(customer, baht: 1)
    #expect(try world.tier(customer) == .silver)
  }
}

@Suite struct `A month` {
  @Test func `is counted on and back over years`() {
    let pairs = [(202_602, 0, 202_602), (202_602, 11, 202_701), (202_602, -2, 202_512), (202_612, 1, 202_701)]
    for (from, months, to) in pairs {
      #expect(CalendarMonth(number: from).adding(months) == CalendarMonth(number: to))
    }
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    let march = calendar.start(CalendarMonth(number: 202_603))
    #expect(calendar.civil(march).text == "2026-03-01 00:00")
    #expect(calendar.month(march - .seconds(1)).number == 202_602)
  }
}

import Testing

@testable import AuraDomain

/// Thousands of visits, bills, redemptions, refunds and years gone by, at random: after each, the ledger's promises are
/// held against the rows.
@Suite struct `Whatever customers earn and spend` {
  private static let seeds: ClosedRange<UInt64> = 1...4
  /// Together more than 10,000.
  private static let operationsPerSeed = 2_600

  @Test(arguments: seeds)
  func `the ledger adds up`(seed: UInt64) throws {
    var walk = try LoyaltyWalk(seed: seed)
    for step in 0..<Self.operationsPerSeed {
      do {
        try walk.step()
        try walk.check(rewards: step % 16 == 0)
      } catch {
        Issue.record("seed \(seed), step \(step), \(walk.last): \(error)")
        return
      }
    }
    // A walk in which nothing goes wrong or out of date proves little.
    let seen = Set(walk.world.rows.all(PointTransaction.self).map(\.type))
    #expect(seen == Set(PointType.allCases), "seed \(seed)")
    let (owed, accepted) = (walk.wasNegative, walk.accepted)
    #expect(owed, "seed \(seed) owed nothing")
    #expect(accepted > Self.operationsPerSeed / 2, "seed \(seed) went nowhere: \(accepted)")
  }
}

private struct LoyaltyWalk {
  struct Inconsistent: Error, CustomStringConvertible {
    var description: String
  }

  let world: World
  var random: SplitMix64
  var customers: [ID] = []
  var rewards: [ID] = []
  var sales: [ID] = []
  var accepted = 0
  var wasNegative = false
  var last = ""

  init(seed: UInt64) throws {
    world = World(seed: seed)
    random = SplitMix64(state: seed &* 0x51ED)
    rewards = [
      try world.reward("10%", cost: 500) { $0.perCustomerLimit = 6 },
      try world.reward("5%", cost: 60) { $0.percentBp = 500 },
      try world.reward("฿100", cost: 90) {
        $0.type = .discountAmount
        $0.monetaryValueSt = 10_000
        $0.stackable = false
        $0.couponDays = 20
      },
      try world.reward("few", cost: 40) { $0.maxRedemptions = 25 },
      try world.reward("gold", cost: 300) { $0.tierRequirement = .gold },
    ]
    var achievement = AchievementDetails()
    achievement.name = "Five visits"
    achievement.conditions = ["visitCount": 5]
    achievement.pointsReward = 200
    try world.run(.createAchievement(achievement), as: .o1)
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  private mutating func pick<T>(_ list: [T]) -> T? { list.randomElement(using: &random) }
  private mutating func satang(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }

  /// One operation; what is refused has to change nothing, which `check` sees.
  mutating func step() throws {
    try passTime()
    let customer = pick(customers)
    do {
      switch Int.random(in: 0..<100, using: &random) {
      case _ where customers.count < 4: try newcomer()
      case 0..<3 where customers.count < 40: try newcomer()
      case 0..<16: try visit(customer)
      case 16..<30: try openBill(customer)
      case 30..<45: try redeem(customer)
      case 45..<57: try applyCoupon()
      case 57..<75: try pay()
      case 75..<80: try cancelRedemption()
      case 80..<90: try refund()
      case 90..<93: try run(.voidSale(sale: try someSale()))
      case 93..<95: try run(.removeCoupon(sale: try someSale()))
      case 95..<98:
        guard let customer else { return }
        let award = AwardPoints(
          customer: customer, points: 1 + satang(80), transaction: "t\(satang(2_000))")
        try run(.awardPoints(award))
      default:
        guard let workflow = pick(world.rows.all(Workflow.self).suffix(10)) else { return }
        try run(.recordReview(workflow: workflow.id))
      }
    } catch is Refusal {}
  }

  private mutating func run(_ command: Command, key: String? = nil) throws {
    last = "\(command)"
    try world.run(command, as: .o1, reason: "so it is", key: key)
    accepted += 1
  }

  private mutating func passTime() throws {
    last = "time"
    if chance(50) { try world.advance(.minutes(satang(240))) }
    if chance(4) { try world.advance(.days(satang(20))) }
    if world.seq > 40 && satang(400) == 0 { try world.advance(.days(300 + satang(200))) }
    if chance(2) { world.now = world.now - .minutes(satang(60)) }
  }

  private mutating func newcomer() throws {
    let number = customers.count
    var details = CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)")
    details.dateOfBirth = chance(50) ? "1990-\(chance(50) ? "02-29" : "07-15")" : nil
    if chance(50) { details.referralCode = pick(world.rows.all(LoyaltyProfile.self))?.referralCode }
    last = "newcomer"
    let result = try world.run(.initialize(Initialize(customer: details)), as: .o1)
    accepted += 1
    if let id = result["customerId"]?.id { customers.append(id) }
  }

  /// A visit from the lead to its end, at a price that somebody has talked about.
  private mutating func visit(_ customer: ID?) throws {
    guard let customer, let row = try world.rows.row(Customer.self, customer) else { return }
    last = "visit"
    var lead = Initialize(customer: CustomerDetails(name: row.fullName, phone: row.phone ?? ""))
    lead.treatment = world.t1
    let w = try world.run(.initialize(lead), as: .o1)["workflowId"]?.id ?? world.newID()
    if chance(10) { return }
    var payment = world.payment(w, beautician: .b1, amountSt: chance(70) ? 500_000 : satang(3_000_000))
    payment.override = true
    payment.step.reason = "agreed"
    try run(.confirmPayment(payment))
    sales += world.rows.of(PosTransaction.self, w).map(\.id)
    if chance(12) { return try run(.cancel(w, pick(Settlement.allCases))) }
    var start = StartTreatment(step: WorkflowStep(w))
    start.beautician = world.id(.b1)
    try run(.startTreatment(start))
    if chance(5) { return }
    try run(.complete(w))
    if chance(5) { try run(.cancel(w, .refund)) }
  }

  private mutating func openBill(_ customer: ID?) throws {
    guard let customer else { return }
    last = "bill"
    let most = chance(10) ? 4_000_000 : 200_000
    sales.append(try world.bill(customer, satang(most), discount: 0, as: .s1))
    accepted += 1
  }

  private mutating func redeem(_ customer: ID?) throws {
    guard let customer, let reward = pick(rewards) else { return }
    let key = "r\(world.seq)"
    let command = Command.redeemReward(reward: reward, customer: customer)
    try run(command, key: key)
    if chance(20) { _ = try world.twice(command, as: .o1, key: key) }
  }

  private mutating func someSale() throws -> ID {
    guard let id = chance(70) ? sales.suffix(12).randomElement(using: &random) : pick(sales) else {
      throw Refusal(.notFound, "none")
    }
    return id
  }

  private mutating func applyCoupon() throws {
    let sale = try someSale()
    let customer = try world.sale(sale).customerID
    // Mostly one's own; now and then somebody else's.
    let own = world.rows.of(CustomerCoupon.self, customer: chance(85) ? customer : pick(customers) ?? customer)
    guard let coupon = chance(80) ? own.filter({ $0.status == .active }).last : pick(own) else { return }
    try run(.applyCoupon(sale: sale, code: coupon.code))
  }

  private mutating func pay() throws {
    let sale = try someSale()
    try run(.paySale(PaySale(sale: sale, amountSt: try world.sale(sale).totalSt, method: .cash)))
  }

  private mutating func cancelRedemption() throws {
    guard let redemption = world.rows.all(LoyaltyRedemption.self).suffix(15).randomElement(using: &random) else {
      return
    }
    try run(.cancelRedemption(redemption: redemption.id))
  }

  private mutating func refund() throws {
    let sale = try someSale()
    if chance(25) {
      // Whoever has spent their points and is paid back afterwards owes some.
      let customer = try world.sale(sale).customerID
      for _ in 0..<12 where world.refusal(.redeemReward(reward: rewards[1], customer: customer), as: .o1) != nil {
        break
      }
    }
    let part = chance(50) ? 1 + satang(max(1, try world.sale(sale).paidSt)) : nil
    try run(.refundSale(RefundSale(sale: sale, amountSt: part, reason: "x")))
  }

  // MARK: What must hold

  private func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Inconsistent(description: what()) }
  }

  mutating func check(rewards: Bool) throws {
    for customer in world.touchedCustomers {
      let profile = try world.profile(customer)
      wasNegative = wasNegative || profile.availablePoints < 0
      try checkLedger(profile)
      try checkSpend(profile)
      try checkCoupons(customer)
    }
    world.touchedCustomers = []
    guard rewards else { return }
    let redeemed = world.rows.all(LoyaltyRedemption.self).filter { $0.status != .cancelled }
    for reward in world.rows.all(LoyaltyReward.self) {
      let count = redeemed.count { $0.rewardID == reward.id }
      try demand(reward.currentRedemptions == count, "\(reward.currentRedemptions) redeemed, \(count) there")
    }
  }

  private func checkLedger(_ profile: LoyaltyProfile) throws {
    let ledger = world.rows.of(PointTransaction.self, customer: profile.customerID)
    let sum = ledger.reduce(0) { $0 + $1.amount }
    try demand(profile.availablePoints == sum, "available \(profile.availablePoints), amounts \(sum)")

    var left: [ID: Int] = [:]
    var owed = 0
    for row in ledger where row.amount > 0 {
      left[row.id] = row.amount - row.absorbed
      owed -= row.absorbed
    }
    for row in ledger where row.amount < 0 {
      var given = 0
      for part in row.allocations.object?.members ?? [] {
        guard let credit = ID(part.name), let points = part.value.integer, left[credit] != nil else {
          throw Inconsistent(description: "\(row.eventKey) uses \(part.name)")
        }
        left[credit, default: 0] -= points
        given += points
      }
      try demand(given == -row.amount || row.type == .refund, "\(row.eventKey) of \(row.amount) used \(given)")
      owed += -row.amount - given
    }
    for row in ledger where row.amount > 0 {
      let remaining = left[row.id] ?? 0
      try demand((0...row.amount).contains(remaining), "\(row.eventKey): \(remaining) left of \(row.amount)")
    }
    let open = left.values.reduce(0, +)
    try demand(owed >= 0, "owes \(owed)")
    try demand(sum == open - owed, "balance \(sum), open \(open), owed \(owed)")
    for credit in world.rows.of(PointCredit.self, customer: profile.customerID) {
      try demand(credit.remaining == left[credit.transactionID], "\(credit.remaining) kept of \(credit.transactionID)")
    }
    let earned = ledger.filter { $0.type == .earned || $0.type == .bonus || ($0.type == .refund && $0.amount < 0) }
      .reduce(0) { $0 + $1.amount }
    try demand(profile.totalPoints == earned, "total \(profile.totalPoints), earned \(earned)")
  }

  private func checkSpend(_ profile: LoyaltyProfile) throws {
    let all = world.rows.of(PosTransaction.self, customer: profile.customerID)
    let spent = all.reduce(0) { $0 + ($1.type == .sale ? $1.paidSt : -$1.paidSt) }
    try demand(profile.totalSpentSt == spent, "spent \(profile.totalSpentSt), paid \(spent)")
    try demand(profile.currentTier == Tier.of(spent, by: .spend), "\(profile.currentTier) at \(spent)")
    try demand(profile.tierProgressBp == profile.currentTier.progressBp(spent, by: .spend), "progress")
    for sale in all where sale.type == .sale {
      // What is left of it has brought what it should.
      guard let earned = try posting("sale:\(sale.id):earn") else { continue }
      let refunds = all.filter { $0.parentID == sale.id }
      let net = sale.paidSt - refunds.reduce(0) { $0 + $1.totalSt }
      try demand(net > 0 || sale.paymentStatus == .refunded, "\(sale.paymentStatus) with \(net) left")
      let back = try refunds.reduce(0) { try $0 + (posting("refund:\($1.id)")?.amount ?? 0) }
      try demand(earned.amount + back <= net * 2 / 1_000, "\(earned.amount) and \(back) for \(net)")
    }
  }

  private func posting(_ key: String) throws -> PointTransaction? {
    try world.rows.rows(PointTransaction.self, Selection(.equal("event_key", .text(key)), limit: 1)).first
  }

  private func checkCoupons(_ customer: ID) throws {
    let coupons = world.rows.of(CustomerCoupon.self, customer: customer)
    for coupon in coupons {
      let sale = try coupon.usedPosTransactionID.map { try world.sale($0) }
      try demand((coupon.status == .used) == (sale != nil), "\(coupon.status) with a sale \(sale != nil)")
      if let sale {
        try demand(sale.couponID == coupon.id && sale.customerID == customer, "used on a bill that does not know it")
        try demand(
          sale.paymentStatus == .paid || sale.paymentStatus == .partiallyRefunded,
          "used on a \(sale.paymentStatus) bill")
      }
      try demand((coupon.status == .reserved) == (coupon.reservedByPosID != nil), "\(coupon.status)")
    }
    for redemption in world.rows.of(LoyaltyRedemption.self, customer: customer) {
      let mine = coupons.filter { $0.redemptionID == redemption.id }
      try demand(mine.count == 1, "\(mine.count) coupons of one redemption")
      let coupon = mine[0]
      try demand(
        (redemption.status == .applied) == (coupon.status == .used)
          && redemption.appliedPosTransactionID == coupon.usedPosTransactionID,
        "redemption \(redemption.status), coupon \(coupon.status)")
      try demand(
        (redemption.status == .cancelled) == (coupon.status == .cancelled)
          && (redemption.status == .expired) == (coupon.status == .expired),
        "redemption \(redemption.status), coupon \(coupon.status)")
    }
  }
}

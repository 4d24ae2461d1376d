import Testing

@testable import AuraDomain

@Suite struct `At the edges of points and the till` {
  private func apply(_ it: LoyaltyWorld, _ code: String, to sale: ID) throws -> PlannedTimer {
    try it.world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    return try #require(it.world.rows.timers.values.first { $0.kind == .couponRelease })
  }

  @Test func `a release that comes after the payment releases nothing`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(it.ten, it.customer)
    let sale = try world.bill(it.customer, 100_000)
    let timer = try apply(it, code, to: sale)
    _ = try world.pay(sale)
    world.now = timer.due + .minutes(1)
    try world.changesNothing(.fire(timer), actor: .system)
    #expect(try world.coupon(code).status == .used)
    try world.giveBack(sale)
    try world.changesNothing(.fire(timer), actor: .system)
    #expect(try world.coupon(code).status == .active)
  }

  @Test func `a release that was meant for another bill waits for this one's half hour`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(it.ten, it.customer)
    let (one, two) = (try world.bill(it.customer, 100_000), try world.bill(it.customer, 100_000))
    let old = try apply(it, code, to: one)
    try world.run(.removeCoupon(sale: one), as: .s1)
    world.now = world.now + .minutes(20)
    let new = try apply(it, code, to: two)
    #expect(world.rows.timers.values.filter { $0.kind == .couponRelease } == [new])
    world.now = old.due
    try world.changesNothing(.fire(old), actor: .system)
    #expect(try world.coupon(code).reservedByPosID == two)
    #expect(world.rows.timers[old.dedupe]?.due == new.due)
    try world.advance(to: new.due)
    #expect(try world.coupon(code).status == .active)
  }

  @Test func `a coupon that came back is used and comes back again, and the first bill knows nothing of it`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let redeemed = try world.run(.redeemReward(reward: it.ten, customer: nil), as: .customer)
    let code = try #require(redeemed["couponCode"]?.string)
    let first = try world.bill(it.customer, 100_000)
    _ = try apply(it, code, to: first)
    _ = try world.pay(first)
    try world.giveBack(first)
    let second = try world.bill(it.customer, 200_000)
    _ = try apply(it, code, to: second)
    _ = try world.pay(second)
    #expect(try world.coupon(code).usedPosTransactionID == second)
    #expect(
      world.refusal(.refundSale(RefundSale(sale: first, reason: "x")), as: .o1)?.code == .invalidTransition)
    try world.giveBack(second, baht: 1)
    #expect(try world.coupon(code).status == .used)
    try world.giveBack(second)
    #expect(try world.coupon(code).status == .active)
    #expect(try world.redemption(redeemed["redemptionId"]?.id).status == .issued)
    #expect(try world.rows.row(LoyaltyReward.self, it.ten)?.currentRedemptions == 1)
    #expect(try world.profile(it.customer).availablePoints == 150)
  }

  @Test func `parts of a refund take back in the end what was posted, the bonus with the last`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let sale = try #require(world.rows.of(PosTransaction.self, it.workflow).first)
    for satang in [1, 166_776, 999, 333, 150_000, 181_890] {
      try world.run(.refundSale(RefundSale(sale: sale.id, amountSt: satang, reason: "x")), as: .o1)
    }
    #expect(try world.profile(it.customer).availablePoints == 150)
    try world.giveBack(sale.id)
    let back = world.rows.all(PointTransaction.self).filter { $0.type == .refund }
    #expect(back.reduce(0) { $0 + $1.amount } == -550)
    #expect(back.last?.amount == -50)
    let profile = try world.profile(it.customer)
    #expect((profile.availablePoints, profile.totalPoints, profile.totalSpentSt) == (100, 100, 0))
  }

  @Test func `a refund that is sent again gives back once, and not another sum`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let sale = try world.bill(it.customer, 100_000)
    _ = try world.pay(sale)
    let refund = Command.refundSale(RefundSale(sale: sale, amountSt: 40_000, reason: "x"))
    let first = try world.run(refund, as: .o1, key: "r1")
    let second = try world.twice(refund, as: .o1, key: "r1")
    #expect(second["refundId"] == first["refundId"])
    let other = Command.refundSale(RefundSale(sale: sale, amountSt: 1, reason: "x"))
    let refused = #expect(throws: Refusal.self) { try world.run(other, as: .o1, key: "r1") }
    #expect(refused?.code == .keyReused)
    try world.run(refund, as: .o1, key: "r2")
    #expect(try world.profile(it.customer).totalSpentSt == 520_000)
    try world.run(.refundSale(RefundSale(sale: sale, reason: "x")), as: .o1, key: "r3")
    _ = try world.twice(.refundSale(RefundSale(sale: sale, reason: "x")), as: .o1, key: "r3")
    #expect(try world.profile(it.customer).totalSpentSt == 500_000)
  }

  @Test func `sums that do not fit are refused, and nothing of them happens`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let sale = try world.bill(it.customer, 100_000)
    func with(_ change: (inout LoyaltyProfile) -> Void, _ body: () throws -> Void) throws {
      let before = try world.profile(it.customer)
      var changed = before
      change(&changed)
      world.rows.put(changed)
      try body()
      #expect(try world.profile(it.customer) == changed)
      world.rows.put(before)
    }
    let pay = Command.paySale(PaySale(sale: sale, amountSt: 100_000, method: .cash))
    let award = Command.awardPoints(AwardPoints(customer: it.customer, points: 9, transaction: "t"))
    try with({ $0.totalSpentSt = .max - 5 }) {
      #expect(world.refusal(pay, as: .s1)?.details["problem"] == "overflow")
    }
    try with({ $0.availablePoints = .max - 5 }) {
      #expect(world.refusal(pay, as: .s1)?.details["problem"] == "overflow")
      #expect(world.refusal(award, as: .o1)?.details["problem"] == "overflow")
    }
    try with({ $0.totalPoints = .max - 5 }) {
      #expect(world.refusal(award, as: .o1)?.details["problem"] == "overflow")
    }
    _ = try world.pay(sale)
    let refund = Command.refundSale(RefundSale(sale: sale, reason: "x"))
    for change: (inout LoyaltyProfile) -> Void in [{ $0.totalPoints = .min + 5 }, { $0.availablePoints = .min + 5 }] {
      try with(change) { #expect(world.refusal(refund, as: .o1)?.details["problem"] == "overflow") }
    }
    #expect(try world.sale(sale).paymentStatus == .paid)
    var reward = try #require(try world.rows.row(LoyaltyReward.self, it.ten))
    reward.currentRedemptions = .max
    world.rows.put(reward)
    #expect(
      world.refusal(.redeemReward(reward: it.ten, customer: nil), as: .customer)?.details["problem"] == "overflow")
  }

  @Test func `a clock that goes back loses and doubles nothing`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let noon = world.now
    let redeemed = try world.run(.redeemReward(reward: it.ten, customer: nil), as: .customer)
    let sale = try world.bill(it.customer, 100_000)
    world.now = noon - .hours(2)
    // A coupon is good for the whole day on which it was given.
    let code = try #require(redeemed["couponCode"]?.string)
    try world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    try world.run(.removeCoupon(sale: sale), as: .s1)
    _ = try world.pay(sale)
    #expect(try world.sale(sale).paidAt == noon - .hours(2))
    try world.giveBack(sale)
    #expect(
      try world.run(.cancelRedemption(redemption: try #require(redeemed["redemptionId"]?.id)), as: .customer)[
        "availablePoints"] == 650)
    let profile = try world.profile(it.customer)
    #expect(profile.lastVisit == noon)
    #expect(profile.totalSpentSt == 500_000)
    #expect(world.rows.all(PointCredit.self).filter(\.isOpen).reduce(0) { $0 + $1.remaining } == 650)
  }

  @Test func `money of before the ledger that goes back takes off nothing that was never counted`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    var old = PosTransaction()
    old.id = world.newID()
    old.clinicID = world.rows.clinicID
    old.transactionNumber = "TXN-202501-1"
    old.customerID = it.customer
    old.subtotalSt = 900_000
    old.totalSt = 900_000
    old.paidSt = 900_000
    old.paymentStatus = .paid
    old.paidAt = world.now - .days(300)
    world.rows.put(old)
    try world.giveBack(old.id)
    let profile = try world.profile(it.customer)
    #expect((profile.totalSpentSt, profile.availablePoints, profile.currentTier) == (0, 650, .bronze))
    #expect(world.rows.of(LoyaltyMonth.self, customer: it.customer).map(\.spentSt).sorted() == [0, 500_000])
  }
}

import Testing

@testable import AuraDomain

@Suite struct `The till` {
  /// Scenario 2 of the specification, after Scenario 1.
  @Test func `turns 500 points into ฿300 off, to the last number`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    _ = try world.reward("฿500", cost: 1_000) {
      $0.type = .discountAmount
      $0.monetaryValueSt = 50_000
      $0.tierRequirement = .silver
    }
    #expect(try world.ask(.loyaltyProfile(customer: nil), as: .customer)["availablePoints"] == 650)
    let shown = try world.ask(.rewards(customer: nil), as: .customer)["rewards"]?.array ?? []
    #expect(shown.map { $0["open"] } == [true, false])
    #expect(shown.map { $0["locked"] } == [.null, "tier"])

    let redeem = Command.redeemReward(reward: it.ten, customer: nil)
    let first = try world.run(redeem, as: .customer, key: "k1")
    let second = try world.twice(redeem, as: .customer, key: "k1")
    #expect(second["couponCode"] == first["couponCode"])
    #expect(world.ledger(it.customer).last == "redeem:k1 -500 redeemed")
    let code = try #require(first["couponCode"]?.string)
    let redemption = try #require(first["redemptionId"]?.id)
    #expect(try world.redemption(redemption).status == .issued)
    #expect(try world.profile(it.customer).availablePoints == 150)
    #expect(try world.rows.row(LoyaltyReward.self, it.ten)?.currentRedemptions == 1)

    let sale = try world.bill(it.customer, 300_000)
    let apply = Command.applyCoupon(sale: sale, code: code.lowercased())
    let applied = try world.run(apply, as: .s1)
    #expect(applied["discountSt"] == 30_000)
    #expect(applied["totalSt"] == 270_000)
    _ = try world.twice(apply, as: .s1)
    #expect(try world.coupon(code).status == .reserved)
    let pay = Command.paySale(PaySale(sale: sale, amountSt: 270_000, method: .promptPay))
    #expect(try world.run(pay, as: .s1)["pointsAwarded"] == 270)
    _ = try world.twice(pay, as: .s1)
    #expect(try world.coupon(code).status == .used)
    #expect(try world.coupon(code).usedPosTransactionID == sale)
    #expect(try world.redemption(redemption).status == .applied)
    #expect(try world.redemption(redemption).appliedPosTransactionID == sale)

    #expect(world.ledger(it.customer).filter { $0.contains("-500") }.count == 1)
    #expect(world.ledger(it.customer).last == "sale:\(sale):earn +270 earned")
    let profile = try world.profile(it.customer)
    #expect((profile.availablePoints, profile.totalPoints) == (420, 920))
    #expect((profile.totalSpentSt, profile.tierProgressBp) == (770_000, 7_700))
    #expect(profile.totalVisits == 1)
    #expect(world.rows.timers.keys.contains { $0.hasSuffix(":release") } == false)
  }

  @Test func `lets one of two bills have a coupon`() throws {
    let it = try LoyaltyWorld()
    let code = try it.world.code(it.ten, it.customer)
    let (one, two) = (try it.world.bill(it.customer, 100_000), try it.world.bill(it.customer, 200_000))
    try it.world.run(.applyCoupon(sale: one, code: code), as: .s1)
    let refused = it.world.refusal(.applyCoupon(sale: two, code: code), as: .s2)
    #expect(refused?.code == .couponUnavailable)
    #expect(refused?.details["reason"] == "reserved")
    try it.world.run(.removeCoupon(sale: one), as: .s1)
    #expect(try it.world.sale(one).totalSt == 100_000)
    try it.world.run(.applyCoupon(sale: two, code: code), as: .s2)
    _ = try it.world.pay(two)
    #expect(it.world.refusal(.applyCoupon(sale: one, code: code), as: .s1)?.details["reason"] == "used")
  }

  @Test func `answers a wrong code and another customer's alike`() throws {
    let it = try LoyaltyWorld()
    let code = try it.world.code(it.ten, it.customer)
    let other = try it.world.workflow(it.world.lead("Nok", phone: "0822222222")).customerID
    let sale = try it.world.bill(other, 100_000)
    let foreign = try #require(it.world.refusal(.applyCoupon(sale: sale, code: code), as: .s1))
    let wrong = try #require(it.world.refusal(.applyCoupon(sale: sale, code: "RWD-AAAAAAAA"), as: .s1))
    #expect(foreign.code == .couponUnavailable)
    #expect((foreign.code, foreign.message) == (wrong.code, wrong.message))
    #expect(foreign.details == ["code": .string(code)])
    #expect(wrong.details == ["code": "RWD-AAAAAAAA"])
  }

  @Test func `holds a coupon for half an hour`() throws {
    let it = try LoyaltyWorld()
    let code = try it.world.code(it.ten, it.customer)
    let sale = try it.world.bill(it.customer, 100_000)
    try it.world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    try it.world.advance(.seconds(1_799))
    #expect(try it.world.coupon(code).status == .reserved)
    try it.world.advance(.seconds(1))
    #expect(try it.world.coupon(code).status == .active)
    #expect(try it.world.sale(sale).totalSt == 100_000)
    let refused = it.world.refusal(.paySale(PaySale(sale: sale, amountSt: 90_000, method: .cash)), as: .s1)
    #expect(refused?.code == .amountMismatch)
    #expect(refused?.details["expected_st"] == 100_000)
  }

  @Test func `accepts a coupon until the last second of its last day`() throws {
    let it = try LoyaltyWorld()
    let code = try it.world.code(it.ten, it.customer)
    let end = try it.world.coupon(code).validUntil
    let sale = try it.world.bill(it.customer, 100_000)
    it.world.now = end - .seconds(1)
    try it.world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    try it.world.run(.removeCoupon(sale: sale), as: .s1)
    it.world.now = end
    #expect(it.world.refusal(.applyCoupon(sale: sale, code: code), as: .s1)?.details["reason"] == "expired")
    try it.world.advance(.minutes(6))
    #expect(try it.world.coupon(code).status == .expired)
    #expect(it.world.rows.all(LoyaltyRedemption.self).map(\.status) == [.expired])
    #expect(try it.world.profile(it.customer).availablePoints == 150)
  }

  @Test func `takes off no more than the bill leaves`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let big = try world.reward("฿500", cost: 1) {
      $0.type = .discountAmount
      $0.monetaryValueSt = 50_000
    }
    let sale = try world.bill(it.customer, 60_000, discount: 20_000)
    #expect(try world.run(.applyCoupon(sale: sale, code: try world.code(big, it.customer)), as: .s1)["totalSt"] == 0)
    #expect(try world.pay(sale)["pointsAwarded"] == 0)

    let odd = try world.bill(it.customer, 999)
    #expect(
      try world.run(.applyCoupon(sale: odd, code: try world.code(it.ten, it.customer)), as: .s1)["couponDiscountSt"]
        == 99)
  }

  @Test func `knows coupons that stand alone, and free services`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let alone = try world.reward("alone", cost: 1) { $0.stackable = false }
    let reduced = try world.bill(it.customer, 60_000, discount: 1)
    let code = try world.code(alone, it.customer)
    #expect(
      world.refusal(.applyCoupon(sale: reduced, code: code), as: .s1)?.details["reason"] == "not_stackable")
    let free = try world.reward("free", cost: 1) {
      $0.type = .freeService
      $0.treatment = world.t1
    }
    let gift = try world.code(free, it.customer)
    #expect(world.refusal(.applyCoupon(sale: reduced, code: gift), as: .s1)?.details["reason"] == "treatment")
    let sale = try world.bill(it.customer, 500_000, treatment: world.t1)
    #expect(try world.run(.applyCoupon(sale: sale, code: gift), as: .s1)["totalSt"] == 0)
    #expect(world.refusal(.applyCoupon(sale: sale, code: code), as: .s1)?.details["reason"] == "other_coupon")
    try world.run(.voidSale(sale: sale), as: .s1)
    #expect(try world.coupon(gift).status == .active)
    #expect(try world.sale(sale).paymentStatus == .void)
    #expect(
      world.refusal(.paySale(PaySale(sale: sale, amountSt: 0, method: .cash)), as: .s1)?.code == .invalidTransition)
  }

  @Test func `takes points back in step with the money, to the last satang`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let sale = try world.bill(it.customer, 100_550)
    #expect(try world.pay(sale)["pointsAwarded"] == 100)
    func refund(_ satang: Int?) throws -> JSON {
      try world.run(.refundSale(RefundSale(sale: sale, amountSt: satang, reason: "broken")), as: .a1)
    }
    #expect(try refund(551)["availablePoints"] == 749)
    #expect(try world.sale(sale).paymentStatus == .partiallyRefunded)
    #expect(try refund(999)["availablePoints"] == 749)
    #expect(
      world.refusal(.refundSale(RefundSale(sale: sale, amountSt: 99_001, reason: "x")), as: .a1)?.details[
        "refundable_st"]
        == 99_000)
    #expect(try refund(nil)["availablePoints"] == 650)
    #expect(try world.sale(sale).paymentStatus == .refunded)
    #expect(try world.profile(it.customer).totalSpentSt == 500_000)
    #expect(try world.profile(it.customer).totalPoints == 650)
    #expect(world.refusal(.refundSale(RefundSale(sale: sale, reason: "x")), as: .a1)?.code == .invalidTransition)
    #expect(world.refusal(.refundSale(RefundSale(sale: sale, reason: "x")), as: .s1)?.code == .forbidden)
    #expect(world.refusal(.refundSale(RefundSale(sale: sale)), as: .a1)?.details["path"] == "args.reason")
  }

  @Test func `gives a coupon back with the whole of its sale, and lets debts be paid off`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(it.ten, it.customer)
    let sale = try world.bill(it.customer, 1_000_000)
    try world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    #expect(try world.pay(sale)["availablePoints"] == 1_050)
    #expect(try world.profile(it.customer).currentTier == .silver)
    let dear = try world.reward("dear", cost: 1_000)
    _ = try world.code(dear, it.customer)
    try world.run(.refundSale(RefundSale(sale: sale, amountSt: 400_000, reason: "x")), as: .o1)
    #expect(try world.coupon(code).status == .used)
    #expect(try world.profile(it.customer).currentTier == .silver)
    world.now = world.now + .days(80)
    try world.run(.refundSale(RefundSale(sale: sale, reason: "x")), as: .o1)
    let profile = try world.profile(it.customer)
    #expect((profile.availablePoints, profile.currentTier, profile.totalSpentSt) == (-850, .bronze, 500_000))
    let coupon = try world.coupon(code)
    #expect(coupon.status == .active)
    #expect(coupon.validUntil > world.now + .days(30))
    #expect(world.rows.all(LoyaltyRedemption.self).first { $0.code == code }?.status == .issued)
    #expect(
      world.refusal(.redeemReward(reward: it.ten, customer: it.customer), as: .s1)?.code == .insufficientPoints)
    let next = try world.bill(it.customer, 400_000)
    #expect(try world.pay(next)["availablePoints"] == -450)
  }

  @Test func `sends the whole payment of an open case to its cancelling`() throws {
    let world = World()
    let w = try world.paid()
    let sale = try #require(world.rows.all(PosTransaction.self).first)
    #expect(
      world.refusal(.refundSale(RefundSale(sale: sale.id, reason: "x")), as: .o1)?.code == .invalidTransition)
    try world.run(.refundSale(RefundSale(sale: sale.id, amountSt: 100_000, reason: "x")), as: .o1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    let customer = try world.workflow(w).customerID
    #expect(world.ledger(customer).contains("sale:\(sale.id):earn +400 earned"))
    try world.run(.refundSale(RefundSale(sale: sale.id, reason: "x")), as: .o1)
    #expect(try world.profile(customer).availablePoints == 100)
  }

  @Test func `takes a coupon off a treatment's price too, and back comes both`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(it.ten, it.customer)
    let w = try world.lead()
    #expect(try world.workflow(w).customerID == it.customer)
    var payment = world.payment(w, at: world.now + .hours(2), amountSt: 500_000)
    payment.couponCode = code
    let refused = world.refusal(.confirmPayment(payment), as: .s1)
    #expect(refused?.code == .amountMismatch)
    #expect(refused?.details["expected_st"] == 450_000)
    #expect(refused?.details["coupon_st"] == 50_000)
    payment.amountSt = 450_000
    try world.run(.confirmPayment(payment), as: .s1)
    let sale = try #require(world.rows.of(PosTransaction.self, w).first)
    #expect((sale.subtotalSt, sale.discountSt, sale.paidSt) == (500_000, 50_000, 450_000))
    #expect(try world.coupon(code).status == .used)
    #expect(try world.coupon(code).discountSt == 50_000)
    #expect(world.rows.all(LoyaltyRedemption.self).map(\.status) == [.applied])
    try world.run(.cancel(w, .refund), as: .o1)
    #expect(try world.coupon(code).status == .active)
    #expect(world.rows.all(LoyaltyRedemption.self).map(\.status) == [.issued])
    #expect(try world.profile(it.customer).totalSpentSt == 500_000)

    let other = try world.lead("Nok", phone: "0822222222")
    var foreign = world.payment(other, amountSt: 450_000)
    foreign.couponCode = code
    #expect(world.refusal(.confirmPayment(foreign), as: .s1)?.details == ["code": .string(code)])
  }

  @Test func `refuses bills that do not add up`() throws {
    let it = try LoyaltyWorld()
    func sale(_ items: [Plan.Item], discount: Int = 0) -> ErrorCode? {
      it.world.refusal(.createSale(CreateSale(customer: it.customer, items: items, discountSt: discount)), as: .s1)?
        .code
    }
    #expect(sale([]) == .badRequest)
    #expect(sale([.init(name: "x", quantity: 2, priceSt: .max)]) == .badRequest)
    #expect(sale([.init(name: "x", priceSt: .max), .init(name: "y", priceSt: .max)]) == .badRequest)
    #expect(sale([.init(name: "x", priceSt: -5)]) == .badRequest)
    #expect(sale([.init(name: "x", priceSt: 5)], discount: 6) == .badRequest)
    #expect(
      it.world.refusal(
        .createSale(CreateSale(customer: it.world.newID(), items: [.init(name: "x", priceSt: 5)])), as: .s1)?.code
        == .notFound)
    #expect(
      it.world.refusal(.createSale(CreateSale(customer: it.customer, items: [])), as: .b1)?.code == .forbidden)
  }
}

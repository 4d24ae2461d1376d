import Testing

@testable import AuraDomain

@Suite struct `A coupon that puts itself on a bill` {
  private func auto(_ it: LoyaltyWorld, _ name: String, baht: Int, _ change: (inout RewardDetails) -> Void = { _ in })
    throws -> String
  {
    let reward = try it.world.reward(name, cost: 10) {
      $0.type = .discountAmount
      $0.monetaryValueSt = baht * 100
      $0.autoApply = true
      change(&$0)
    }
    return try it.world.code(reward, it.customer)
  }

  private func sell(_ it: LoyaltyWorld, _ satang: Int, discount: Int = 0) throws -> JSON {
    let item = Plan.Item(name: "Serum", priceSt: satang)
    return try it.world.run(
      .createSale(CreateSale(customer: it.customer, items: [item], discountSt: discount)), as: .s1)
  }

  @Test func `is the one that takes most off, and can be taken off again`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let small = try auto(it, "small", baht: 100)
    let big = try auto(it, "big", baht: 300)
    let byHand = try world.code(it.ten, it.customer)
    let first = try sell(it, 200_000)
    #expect(first["couponCode"] == .string(big))
    #expect(first["couponDiscountSt"] == 30_000)
    #expect(first["totalSt"] == 170_000)
    #expect(try world.coupon(big).status == .reserved)
    let sale = try #require(first["saleId"]?.id)
    try world.run(.removeCoupon(sale: sale), as: .s1)
    #expect(try world.sale(sale).totalSt == 200_000)
    #expect(try world.coupon(big).status == .active)
    try world.run(.applyCoupon(sale: sale, code: byHand), as: .s1)
    _ = try world.pay(sale)
    // The next bill has it again; the one behind it, what is left.
    let second = try sell(it, 200_000)
    #expect(second["couponCode"] == .string(big))
    #expect(try sell(it, 200_000)["couponCode"] == .string(small))
    #expect(try sell(it, 200_000)["couponCode"] == nil)
    let paid = try #require(second["saleId"]?.id)
    #expect(try world.pay(paid)["pointsAwarded"] == 170)
    #expect(try world.coupon(big).status == .used)
    #expect(world.rows.all(LoyaltyRedemption.self).first { $0.code == big }?.status == .applied)
  }

  @Test func `is held for half an hour like any other`() throws {
    let it = try LoyaltyWorld()
    let code = try auto(it, "x", baht: 100)
    let sale = try #require(try sell(it, 50_000)["saleId"]?.id)
    try it.world.advance(.minutes(30))
    #expect(try it.world.coupon(code).status == .active)
    #expect(try it.world.sale(sale).totalSt == 50_000)
  }

  @Test func `waits for a bill that it fits`() throws {
    let it = try LoyaltyWorld()
    let alone = try auto(it, "alone", baht: 100) { $0.stackable = false }
    #expect(try sell(it, 50_000, discount: 1)["couponCode"] == nil)
    #expect(try sell(it, 0)["couponCode"] == nil)
    #expect(try sell(it, 50_000)["couponCode"] == .string(alone))
  }

  @Test func `of two alike is the one that ends first`() throws {
    let it = try LoyaltyWorld()
    let soon = try auto(it, "soon", baht: 100) { $0.couponDays = 5 }
    _ = try auto(it, "late", baht: 100)
    #expect(try sell(it, 50_000)["couponCode"] == .string(soon))
    it.world.now = try it.world.coupon(soon).validUntil
    #expect(try sell(it, 50_000)["couponCode"] != .string(soon))
  }

  @Test func `is nobody else's, and none of a reward that has ceased to do so`() throws {
    let it = try LoyaltyWorld()
    _ = try auto(it, "x", baht: 100)
    let other = try it.world.workflow(it.world.lead("Nok", phone: "0822222222")).customerID
    #expect(try it.world.sale(it.world.bill(other, 50_000)).couponID == nil)
    var rest = RewardDetails()
    rest.autoApply = false
    for reward in it.world.rows.all(LoyaltyReward.self) {
      try it.world.run(.updateReward(reward: reward.id, rest), as: .o1)
    }
    #expect(try sell(it, 50_000)["couponCode"] == nil)
  }
}

@Suite struct `A bill's limits for coupons` {
  @Test func `ask for a sum from which on`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    try world.set([.couponBillMinSt: 100_000])
    let code = try world.code(it.ten, it.customer)
    let small = try world.bill(it.customer, 99_999)
    let refused = try #require(world.refusal(.applyCoupon(sale: small, code: code), as: .s1))
    #expect(refused.code == .couponUnavailable)
    #expect(refused.details["reason"] == "bill_min")
    #expect(refused.details["min_st"] == 100_000)
    #expect(refused.details["subtotal_st"] == 99_999)
    // Before other discounts.
    let reduced = try world.bill(it.customer, 100_000, discount: 50_000)
    #expect(try world.run(.applyCoupon(sale: reduced, code: code), as: .s1)["couponDiscountSt"] == 5_000)
  }

  @Test func `take a share at most`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    try world.set([.couponBillMaxBp: 2_500])
    let big = try world.reward("฿500", cost: 10) {
      $0.type = .discountAmount
      $0.monetaryValueSt = 50_000
    }
    let code = try world.code(big, it.customer)
    let sale = try world.bill(it.customer, 100_003, discount: 3)
    #expect(try world.run(.applyCoupon(sale: sale, code: code), as: .s1)["couponDiscountSt"] == 25_000)
    try world.run(.removeCoupon(sale: sale), as: .s1)
    let large = try world.bill(it.customer, 400_000)
    #expect(try world.run(.applyCoupon(sale: large, code: code), as: .s1)["couponDiscountSt"] == 50_000)
    try world.run(.removeCoupon(sale: large), as: .s1)
    let tiny = try world.bill(it.customer, 3)
    let refused = try #require(world.refusal(.applyCoupon(sale: tiny, code: code), as: .s1))
    #expect(refused.details["reason"] == "bill_max")
    #expect(refused.details["max_st"] == 0)
  }

  @Test func `let a free service be free or not at all`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    try world.set([.couponBillMaxBp: 5_000])
    let free = try world.reward("free", cost: 10) {
      $0.type = .freeService
      $0.treatment = world.t1
    }
    let code = try world.code(free, it.customer)
    let alone = try world.bill(it.customer, 500_000, treatment: world.t1)
    let refused = try #require(world.refusal(.applyCoupon(sale: alone, code: code), as: .s1))
    #expect(refused.details["reason"] == "bill_max")
    #expect(refused.details["max_st"] == 250_000)
    #expect(refused.details["coupon_st"] == 500_000)
    let items = [Plan.Item(treatment: world.t1, priceSt: 500_000), Plan.Item(name: "Serum", priceSt: 500_000)]
    let both = try #require(
      try world.run(.createSale(CreateSale(customer: it.customer, items: items)), as: .s1)["saleId"]?.id)
    #expect(try world.run(.applyCoupon(sale: both, code: code), as: .s1)["couponDiscountSt"] == 500_000)
  }

  @Test func `hold for a treatment's payment too`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    try world.set([.couponBillMaxBp: 500])
    let code = try world.code(it.ten, it.customer)
    let w = try world.lead()
    var payment = world.payment(w, at: world.now + .hours(2), amountSt: 475_000)
    payment.couponCode = code
    try world.run(.confirmPayment(payment), as: .s1)
    #expect(try world.coupon(code).discountSt == 25_000)
  }
}

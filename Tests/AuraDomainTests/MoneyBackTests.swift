import Testing

@testable import AuraDomain

/// Orders of refunding, cancelling and taking up again that a till meets once a year.
@Suite struct `Money that goes back` {
  @Test(arguments: Settlement.allCases)
  func `leaves no case to be treated for nothing, whichever way it went`(settlement: Settlement) throws {
    let world = World()
    let w = try world.paid()
    let sale = try #require(world.rows.of(PosTransaction.self, w).first)
    try world.run(.cancel(w, settlement), as: .o1)
    if settlement != .refund {
      try world.run(.refundSale(RefundSale(sale: sale.id, reason: "asked for it later")), as: .o1)
    }
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .leadCreated)
    #expect(world.refusal(.start(w), as: .b1)?.code == .invalidTransition)
  }

  @Test func `may be none: a bill that a coupon has paid is undone, and the coupon comes back`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let reward = try world.reward("฿1,000", cost: 100) {
      $0.type = .discountAmount
      $0.monetaryValueSt = 100_000
    }
    let code = try #require(
      try world.run(.redeemReward(reward: reward, customer: it.customer), as: .s1)["couponCode"]?.string)
    let sale = try world.bill(it.customer, 50_000)
    try world.run(.applyCoupon(sale: sale, code: code), as: .s1)
    try world.run(.paySale(PaySale(sale: sale, amountSt: 0, method: .cash)), as: .s1)
    let before = try world.profile(it.customer)
    #expect(
      world.refusal(.refundSale(RefundSale(sale: sale, amountSt: 1, reason: "x")), as: .o1)?.code == .amountMismatch)
    try world.run(.refundSale(RefundSale(sale: sale, reason: "a slip of the finger")), as: .o1)
    #expect(try world.sale(sale).paymentStatus == .refunded)
    #expect(try world.coupon(code).status == .active)
    #expect(try world.profile(it.customer).availablePoints == before.availablePoints)
    #expect(world.refusal(.refundSale(RefundSale(sale: sale, reason: "again")), as: .o1)?.code == .invalidTransition)
  }

  @Test func `comes with a free treatment's coupon when its case is cancelled`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let reward = try world.reward("free", cost: 100) {
      $0.type = .freeService
      $0.percentBp = nil
      $0.treatment = world.t1
    }
    let code = try #require(
      try world.run(.redeemReward(reward: reward, customer: it.customer), as: .s1)["couponCode"]?.string)
    let row = try #require(try world.rows.row(Customer.self, it.customer))
    let w = try world.lead(row.fullName, phone: row.phone ?? "")
    var payment = world.payment(w, amountSt: 0)
    payment.couponCode = code
    try world.run(.confirmPayment(payment), as: .s1)
    try world.run(.cancel(w, .refund), as: .o1)
    #expect(try world.coupon(code).status == .active)
    #expect(world.rows.of(PosTransaction.self, w).first?.paymentStatus == .refunded)
  }
}

extension `Money that goes back` {
  @Test func `is as old as it was: points of a reward that is given back do not become young`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let ends = try #require(world.rows.of(PointCredit.self, customer: it.customer).map(\.expiresAt).max())
    try world.advance(.days(600))
    let young = AwardPoints(customer: it.customer, points: 1, transaction: "young")
    try world.run(.awardPoints(young), as: .o1)
    let all = try world.reward("all", cost: try world.profile(it.customer).availablePoints)
    let redeemed = try world.run(.redeemReward(reward: all, customer: nil), as: .customer)
    let id = try #require(redeemed["redemptionId"]?.id)
    try world.run(.cancelRedemption(redemption: id), as: .customer)
    try world.run(.cancelRedemption(redemption: id), as: .customer)
    let back = world.rows.of(PointTransaction.self, customer: it.customer).filter { $0.eventKey.hasPrefix("cancel:") }
    #expect(back.reduce(0) { $0 + $1.amount } == redeemed["pointsCost"]?.integer)
    #expect(back.filter { $0.expiresAt ?? .latest > ends }.map(\.amount) == [1])
    #expect(try world.profile(it.customer).availablePoints == redeemed["pointsCost"]?.integer)
  }

  @Test func `is what was agreed on: a coupon is not used up where it takes nothing off`() throws {
    let it = try LoyaltyWorld()
    let world = it.world
    let code = try world.code(it.ten, it.customer)
    let row = try #require(try world.rows.row(Customer.self, it.customer))
    let w = try world.lead(row.fullName, phone: row.phone ?? "")
    var payment = world.payment(w, amountSt: 500_000)
    payment.couponCode = code
    payment.override = true
    payment.step.reason = "as agreed"
    #expect(world.refusal(.confirmPayment(payment), as: .o1)?.details["reason"] == "no_effect")
    payment.amountSt = 480_000
    try world.run(.confirmPayment(payment), as: .o1)
    #expect(try world.coupon(code).discountSt == 20_000)
    #expect(world.rows.of(PosTransaction.self, w).first?.discountSt == 20_000)
  }
}

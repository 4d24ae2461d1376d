extension Draft {
  /// How long an open bill holds a coupon.
  private static let reservation = Span.minutes(30)
  /// A coupon that comes back is good for this long at least.
  private static let returnedSpan = Span.days(30)

  private static func releaseDedupe(_ coupon: ID) -> String { "coupon:\(coupon):release" }

  // MARK: Coming

  /// The coupon of a redemption, with its code.
  @discardableResult
  mutating func issue(_ reward: LoyaltyReward, to customer: ID, for redemption: LoyaltyRedemption) throws
    -> CustomerCoupon
  {
    var coupon = CustomerCoupon()
    coupon.redemptionID = redemption.id
    coupon.code = redemption.code
    coupon.source = .redemption
    coupon.type = reward.type
    coupon.percentBp = reward.type == .discountAmount ? nil : reward.percentBp
    coupon.amountSt = reward.monetaryValueSt > 0 ? reward.monetaryValueSt : nil
    coupon.treatmentID = reward.treatmentID
    coupon.stackable = reward.stackable
    return try issue(coupon, to: customer, days: reward.couponDays, name: Texts(reward.name))
  }

  /// A percentage off, for a birthday, a newcomer, an achievement.
  @discardableResult
  mutating func issueGift(_ source: CouponSource, percentBp: Int, to customer: ID, name: Texts) throws
    -> CustomerCoupon
  {
    var coupon = CustomerCoupon()
    coupon.code = try couponCode()
    coupon.source = source
    coupon.type = .discountPercentage
    coupon.percentBp = percentBp
    return try issue(coupon, to: customer, days: 90, name: name)
  }

  private mutating func issue(_ blank: CustomerCoupon, to customer: ID, days: Int, name: Texts) throws
    -> CustomerCoupon
  {
    var coupon = blank
    coupon.id = newID()
    coupon.clinicID = clinicID
    coupon.customerID = customer
    // From the day's beginning: a clock that goes back an hour does not make it too young.
    coupon.validFrom = try calendar().dayStart(now)
    coupon.validUntil = try calendar().dayClose(now + .days(days))
    insert(coupon)
    try planExpiry(at: coupon.validUntil)
    let user = try self.customer(customer).userID
    try emit(
      .couponIssued, nil, data: ["code": .string(coupon.code), "source": .word(coupon.source)], roles: .leaders,
      users: user.map { [$0] } ?? [], customer: customer)
    try tellCustomer(customer, .couponIssued, .couponReady(name: name, code: coupon.code))
    return coupon
  }

  /// `RWD-` and eight letters or digits that nobody mistakes for others: 8.5 × 10¹¹ of them.
  mutating func couponCode() throws -> String {
    while true {
      let code = code("RWD-", from: "ABCDEFGHJKMNPQRSTUVWXYZ23456789")
      let isTaken =
        try !rows(CustomerCoupon.self, Selection(.equal("code", .text(code)), limit: 1)).isEmpty
        || !rows(LoyaltyRedemption.self, Selection(.equal("code", .text(code)), limit: 1)).isEmpty
      if !isTaken { return code }
    }
  }

  // MARK: On a bill

  /// Puts a coupon on an open bill and holds it there for half an hour.
  mutating func applyCoupon(_ code: String, to id: ID) throws -> JSON {
    let sale = try openSale(id)
    let coupon = try coupon(code, of: sale.customerID)
    if sale.couponID == coupon.id { return outcome(sale, ["already": true]) }
    if sale.couponID != nil { throw coupon.unavailable("other_coupon", "The bill has a coupon.") }
    try require(coupon)
    return try hold(coupon, on: sale, discount: requireDiscount(of: coupon, on: sale))
  }

  /// Reserves a coupon for a bill. Returns the bill's outcome.
  mutating func hold(_ coupon: CustomerCoupon, on sale: PosTransaction, discount: Int) throws -> JSON {
    let until = now + Self.reservation
    try update(coupon) { row in
      row.status = .reserved
      row.reservedByPosID = sale.id
      row.reservedUntil = until
      row.discountSt = discount
    }
    schedule(
      PlannedTimer(
        due: until, kind: .couponRelease, payload: ["coupon_id": .id(coupon.id)],
        dedupe: Self.releaseDedupe(coupon.id)))
    let after = try update(sale) { row in
      row.couponID = coupon.id
      row.discountSt += discount
      row.totalSt -= discount
    }
    return outcome(
      after,
      [
        "already": false, "couponCode": .string(coupon.code), "couponDiscountSt": .integer(discount),
        "reservedUntil": .instant(until),
      ])
  }

  /// A code that nobody has and one that is another customer's are the same to whoever tries.
  private func coupon(_ code: String, of customer: ID) throws -> CustomerCoupon {
    let code = code.uppercased()
    let coupon = try rows(CustomerCoupon.self, Selection(.equal("code", .text(code)), limit: 1)).first
    guard let coupon, coupon.customerID == customer else {
      throw Refusal(.couponUnavailable, "This code cannot be used here.", details: ["code": .string(code)])
    }
    return coupon
  }

  /// A customer's coupon that can be used now.
  func usableCoupon(_ code: String, of customer: ID) throws -> CustomerCoupon {
    let coupon = try coupon(code, of: customer)
    try require(coupon)
    return coupon
  }

  private func require(_ coupon: CustomerCoupon) throws {
    if try customer(coupon.customerID).isFrozen {
      throw coupon.unavailable("frozen", "This customer's rewards rest at the moment.")
    }
    guard coupon.status == .active else {
      throw coupon.unavailable(
        coupon.status.rawValue,
        coupon.status == .reserved ? "It is on another bill." : "It is \(coupon.status.rawValue).",
        coupon.status == .reserved
          ? ["sale_id": .id(coupon.reservedByPosID), "reserved_until": .instant(coupon.reservedUntil)] : [:])
    }
    guard now >= coupon.validFrom else { throw coupon.unavailable("not_yet", "It is not valid yet.") }
    guard now < coupon.validUntil else { throw coupon.unavailable("expired", "It is no longer valid.") }
  }

  mutating func removeCoupon(from id: ID) throws -> JSON {
    let sale = try openSale(id)
    guard let coupon = try coupon(of: sale) else { return outcome(sale, ["already": true]) }
    return outcome(try release(coupon, from: sale), ["already": false])
  }

  func coupon(of sale: PosTransaction) throws -> CustomerCoupon? {
    try sale.couponID.flatMap { try row(CustomerCoupon.self, $0) }
  }

  /// Takes a reserved coupon off its bill; whose time is over meanwhile has expired.
  @discardableResult
  mutating func release(_ coupon: CustomerCoupon, from sale: PosTransaction) throws -> PosTransaction {
    let discount = coupon.discountSt ?? 0
    cancelTimer(Self.releaseDedupe(coupon.id))
    let isOver = now >= coupon.validUntil
    try update(coupon) { row in
      row.status = isOver ? .expired : .active
      row.reservedByPosID = nil
      row.reservedUntil = nil
      row.discountSt = nil
    }
    if isOver { try expireRedemption(of: coupon) }
    return try update(sale) { row in
      row.couponID = nil
      row.discountSt -= discount
      row.totalSt += discount
    }
  }

  /// The half hour is over and the bill was not paid.
  mutating func fireCouponRelease(_ timer: PlannedTimer) throws -> Bool {
    guard let coupon = try timer.payload["coupon_id"]?.id.flatMap({ try row(CustomerCoupon.self, $0) }),
      coupon.status == .reserved, let until = coupon.reservedUntil,
      let sale = try coupon.reservedByPosID.flatMap({ try row(PosTransaction.self, $0) }),
      sale.paymentStatus == .pending
    else { return false }
    if now < until {
      // The clock went back: not yet.
      var later = timer
      later.due = until
      schedule(later)
      return false
    }
    try release(coupon, from: sale)
    return true
  }

  // MARK: Used, and back again

  /// The bill is paid: the coupon is used, and so is the redemption that it came from.
  mutating func useCoupon(of sale: PosTransaction) throws {
    guard let coupon = try coupon(of: sale) else { return }
    cancelTimer(Self.releaseDedupe(coupon.id))
    try update(coupon) { [now] row in
      row.status = .used
      row.usedPosTransactionID = sale.id
      row.usedAt = now
      row.reservedByPosID = nil
      row.reservedUntil = nil
    }
    if let redemption = try coupon.redemptionID.flatMap({ try row(LoyaltyRedemption.self, $0) }) {
      try update(redemption) { [now] row in
        row.status = .applied
        row.appliedAt = now
        row.appliedPosTransactionID = sale.id
      }
    }
    let data: JSONObject = [
      "code": .string(coupon.code), "discount_st": .integer(coupon.discountSt ?? 0), "pos_transaction_id": .id(sale.id),
    ]
    journey(
      .couponUsed, customer: sale.customerID, workflow: sale.workflowID, key: "coupon:\(coupon.id):used:\(sale.id)",
      data: data)
    let user = try customer(sale.customerID).userID
    try emit(
      .couponUsed, nil, data: data, roles: .leaders, users: user.map { [$0] } ?? [], customer: sale.customerID)
  }

  /// The sale was paid back whole: what was used on it can be used again.
  mutating func restoreCoupon(of sale: PosTransaction) throws {
    guard let coupon = try coupon(of: sale), coupon.status == .used, coupon.usedPosTransactionID == sale.id else {
      return
    }
    let until = try max(coupon.validUntil, calendar().dayClose(now + Self.returnedSpan))
    try update(coupon) { row in
      row.status = .active
      row.usedPosTransactionID = nil
      row.usedAt = nil
      row.discountSt = nil
      row.validUntil = until
    }
    try planExpiry(at: until)
    if let redemption = try coupon.redemptionID.flatMap({ try row(LoyaltyRedemption.self, $0) }) {
      try update(redemption) { row in
        row.status = .issued
        row.appliedAt = nil
        row.appliedPosTransactionID = nil
      }
    }
  }

  // MARK: Going

  /// Coupons whose time is over; no points come back. Returns how many.
  mutating func expireCoupons(limit: Int) throws -> Int {
    let due = try rows(
      CustomerCoupon.self,
      Selection(
        .equal("status", .word(CouponStatus.active)), .atMost("valid_until", .instant(now)),
        order: [.ascending("valid_until"), .ascending("id")], limit: limit))
    for coupon in due {
      try update(coupon) { $0.status = .expired }
      try expireRedemption(of: coupon)
    }
    return due.count
  }

  private mutating func expireRedemption(of coupon: CustomerCoupon) throws {
    guard let redemption = try coupon.redemptionID.flatMap({ try row(LoyaltyRedemption.self, $0) }),
      redemption.status == .issued
    else { return }
    try update(redemption) { $0.status = .expired }
  }
}

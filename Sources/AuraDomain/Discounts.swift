extension Draft {
  /// What a coupon takes off a bill: something, and no more than the clinic allows.
  func requireDiscount(of coupon: CustomerCoupon, on sale: PosTransaction) throws -> Int {
    if !coupon.stackable && sale.discountSt > 0 {
      throw coupon.unavailable("not_stackable", "This coupon excludes other discounts.")
    }
    let settings = try loyalty()
    guard sale.subtotalSt >= settings.couponBillMinSt else {
      throw coupon.unavailable(
        "bill_min", "Coupons are for bills of \(settings.couponBillMinSt) satang and more.",
        ["min_st": .integer(settings.couponBillMinSt), "subtotal_st": .integer(sale.subtotalSt)])
    }
    let whole = try coupon.discount(on: sale)
    guard whole > 0 else { throw coupon.unavailable("no_effect", "This coupon takes nothing off this bill.") }
    let most = try (sale.subtotalSt - sale.discountSt).scaled(by: settings.couponBillMaxBp, over: 10_000)
    // What is free is free or not: a part of it would be something else than was promised.
    guard whole <= most || (most > 0 && coupon.type != .freeService) else {
      throw coupon.unavailable(
        "bill_max", "Coupons take at most \(most) satang off this bill.",
        [
          "max_bp": .integer(settings.couponBillMaxBp), "max_st": .integer(most), "coupon_st": .integer(whole),
        ])
    }
    return min(whole, most)
  }

  /// How many of a customer's coupons are looked at for one that puts itself on a bill.
  private static let couponsLookedAt = 100

  /// Puts on a new bill the coupon of a reward that does so by itself, the one that takes most off; of two alike the one
  /// that ends first. Returns the bill's outcome; `nil` where there is none.
  mutating func applyByItself(to sale: PosTransaction) throws -> JSON? {
    if try customer(sale.customerID).isFrozen { return nil }
    // Without an order: by ids the database would walk the clinic's coupons instead of the customer's.
    let active = try rows(
      CustomerCoupon.self,
      Selection(
        .equal("customer_id", .id(sale.customerID)), .equal("status", .word(CouponStatus.active)),
        limit: Self.couponsLookedAt))
    var best: (coupon: CustomerCoupon, discount: Int)?
    for coupon in active where coupon.isValid(at: now) {
      guard let redemption = try coupon.redemptionID.flatMap({ try row(LoyaltyRedemption.self, $0) }),
        try row(LoyaltyReward.self, redemption.rewardID)?.autoApply == true
      else { continue }
      let discount: Int
      // One that does not fit this bill waits for another.
      do { discount = try requireDiscount(of: coupon, on: sale) } catch is Refusal { continue }
      if let best, (best.discount, coupon.validUntil) >= (discount, best.coupon.validUntil) { continue }
      best = (coupon, discount)
    }
    return try best.map { try hold($0.coupon, on: sale, discount: $0.discount) }
  }
}

extension CustomerCoupon {
  /// What it takes off a bill, never more than what the bill's other discount leaves. Percentages are rounded down; a
  /// free service is one of it.
  func discount(on sale: PosTransaction) throws -> Int {
    let left = sale.subtotalSt - sale.discountSt
    if type == .freeService {
      let line = sale.items.array?.first { $0["treatment_id"]?.id == treatmentID && treatmentID != nil }
      guard let price = line?["price_st"]?.integer else {
        throw unavailable("treatment", "What it makes free is not on the bill.")
      }
      return min(price, left)
    }
    if type != .discountAmount, let percentBp { return min(try left.scaled(by: percentBp, over: 10_000), left) }
    return min(amountSt ?? 0, left)
  }

  func isValid(at now: Instant) -> Bool { validFrom <= now && now < validUntil }

  func unavailable(_ reason: String, _ message: String, _ more: JSONObject = JSONObject()) -> Refusal {
    var details: JSONObject = [
      "code": .string(code), "reason": .string(reason), "status": .word(status), "valid_until": .instant(validUntil),
    ]
    details.members += more.members
    return Refusal(.couponUnavailable, message, details: .object(details))
  }
}

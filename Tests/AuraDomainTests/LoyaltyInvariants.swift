@testable import AuraDomain

/// What must hold, whatever has happened.
extension LoyaltyWalk {
  struct Inconsistent: Error, CustomStringConvertible {
    var description: String
  }

  var calendar: ClinicCalendar { ClinicCalendar(timezone: "Asia/Bangkok") }

  private func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Inconsistent(description: what()) }
  }

  mutating func check(all: Bool) throws {
    for customer in world.touchedCustomers {
      let profile = try world.profile(customer)
      wasNegative = wasNegative || profile.availablePoints < 0
      try checkLedger(profile)
      try checkSpend(profile)
      try checkCoupons(customer)
      if tiersAreSettled { try checkTier(profile) }
    }
    world.touchedCustomers = []
    guard all else { return }
    if tiersAreSettled { for profile in world.rows.all(LoyaltyProfile.self) { try checkTier(profile) } }
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
    for sale in all where sale.type == .sale {
      // What is left of it has brought what it should, at the rate of then.
      guard let earned = try posting("sale:\(sale.id):earn") else { continue }
      let refunds = all.filter { $0.parentID == sale.id }
      let net = sale.paidSt - refunds.reduce(0) { $0 + $1.totalSt }
      try demand(net > 0 || sale.paymentStatus == .refunded, "\(sale.paymentStatus) with \(net) left")
      let credit = world.rows.of(PointCredit.self, customer: sale.customerID).first { $0.transactionID == earned.id }
      let rate = EarnRate(satang: credit?.earnRateSt ?? 0, multiplierBp: credit?.multiplierBp ?? 0)
      let due = try rate.points(forSt: net)
      let left = try earned.amount + refunds.reduce(0) { try $0 + (posting("refund:\($1.id)")?.amount ?? 0) }
      let bonus = try sale.workflowID.flatMap { try posting("workflow:\($0):action:complete_treatment") }?.amount ?? 0
      // A treatment's bonus goes with the last of its money.
      try demand(left == due || (net == 0 && left == -bonus), "\(left) points for \(net) satang, due \(due)")
    }
  }

  // MARK: Tiers

  private var settings: LoyaltySettings {
    LoyaltySettings(((try? world.rows.row(Clinic.self, world.rows.clinicID)) ?? nil)?.settings["loyalty"])
  }

  /// A month's end is seen to at five past midnight, a change of the basis as soon as time goes on.
  private var tiersAreSettled: Bool {
    let civil = calendar.civil(world.now)
    let isNight = civil.day == 1 && civil.hour == 0 && settings.qualifyingMonths + settings.qualifyingBefore > 0
    return !isNight && !world.rows.timers.values.contains { $0.kind == .tierReview && $0.due <= world.now }
  }

  /// Without a window a tier is that of all that is left; with one of n months, that of this month and the n - 1 before
  /// it or of the n months before this one, whichever is more. Added up here from bills and postings alone.
  private func checkTier(_ profile: LoyaltyProfile) throws {
    let basis = settings.tierBasis
    let amounts = try basis == .spend ? spendByMonth(profile) : pointsByMonth(profile)
    let present = calendar.month(world.now)
    let window = settings.window(in: present)
    func sum(_ from: CalendarMonth, _ to: CalendarMonth) -> Int {
      amounts.reduce(0) { $0 + ($1.key >= from && $1.key <= to ? $1.value : 0) }
    }
    let far = CalendarMonth(number: 999_912)
    let never = CalendarMonth(number: 0)
    let current = window == 0 ? sum(never, far) : sum(present.adding(1 - window), far)
    let held = window == 0 ? current : sum(present.adding(-window), present.adding(-1))
    let tier = Tier.of(max(current, held), by: basis)
    try demand(profile.currentTier == tier, "\(profile.currentTier) with \(current) and \(held), which is \(tier)")
    try demand(profile.tierProgressBp == tier.progressBp(current, by: basis), "progress \(profile.tierProgressBp)")
  }

  private func spendByMonth(_ profile: LoyaltyProfile) -> [CalendarMonth: Int] {
    let all = world.rows.of(PosTransaction.self, customer: profile.customerID)
    var amounts: [CalendarMonth: Int] = [:]
    for row in all {
      let sale = row.parentID.flatMap { id in all.first { $0.id == id } } ?? row
      guard let paidAt = sale.paidAt else { continue }
      amounts[calendar.month(paidAt), default: 0] += row.type == .sale ? row.paidSt : -row.paidSt
    }
    return amounts
  }

  private func pointsByMonth(_ profile: LoyaltyProfile) throws -> [CalendarMonth: Int] {
    var amounts: [CalendarMonth: Int] = [:]
    for row in world.rows.of(PointTransaction.self, customer: profile.customerID) {
      let origin: PointTransaction?
      switch row.type {
      case .earned, .bonus: origin = row
      case .refund: origin = row.amount < 0 ? try reversed(by: row) : nil
      case .redeemed, .expired: origin = nil
      }
      if let origin { amounts[calendar.month(origin.createdAt), default: 0] += row.amount }
    }
    return amounts
  }

  private func reversed(by row: PointTransaction) throws -> PointTransaction {
    let key = String(row.eventKey.dropFirst("refund:".count))
    if key.hasPrefix("referral:") { return try posting(key) ?? row }
    guard let refund = try row.posTransactionID.map({ try world.sale($0) }), let sale = refund.parentID else {
      throw Inconsistent(description: "\(row.eventKey) takes back nothing")
    }
    return try posting("sale:\(sale):earn")
      ?? refund.workflowID.flatMap { try posting("workflow:\($0):action:complete_treatment") } ?? row
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

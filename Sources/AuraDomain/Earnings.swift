extension Draft {
  /// Points for coming at all: once, when the customer's profile is made.
  mutating func welcome(_ customer: Customer) throws {
    _ = try loyaltyProfile(of: customer.id)
    var posting = Posting(
      .bonus, try loyalty().welcomeBonus, to: customer.id, key: "welcome:\(customer.id)",
      Texts(th: "โบนัสต้อนรับ", en: "Welcome bonus"))
    // `workflow_created` tells of the newcomer already.
    posting.isAnnounced = false
    try credit(posting)
  }

  /// What a finished treatment brings: the points of what was paid for it, the bonus, and a visit. Returns the points.
  mutating func awardCompletion(of workflow: Workflow) throws -> Int {
    let sales = try paidSales(of: workflow.id)
    var nets: [PaidSale] = []
    var paid = 0
    for sale in sales {
      let net = try net(of: sale)
      nets.append((sale, net))
      paid = try paid.plus(net)
    }
    let rate = try earnRate(of: workflow.customerID, without: nets)
    var points = 0
    for (sale, net) in nets {
      points = try points.plus(earn(sale, net: net, rate)?.amount ?? 0)
    }
    let bonus = try (try treatment(of: workflow)?.completionBonus ?? 0).scaled(by: rate.multiplierBp, over: 10_000)
    var posting = Posting(
      .bonus, bonus, to: workflow.customerID, key: completionKey(workflow.id),
      Texts(th: "โบนัสทำทรีตเมนต์ครบ", en: "Treatment completed"))
    posting.workflow = workflow.id
    points = try points.plus(credit(posting)?.amount ?? 0)

    let profile = try loyaltyProfile(of: workflow.customerID)
    try update(profile) { [now] row in
      row.totalVisits += 1
      row.lastVisit = max(now, row.lastVisit ?? now)
      row.averageSpendSt = row.totalSpentSt / row.totalVisits
    }
    if paid > 0 { try rewardReferral(of: workflow.customerID, visit: workflow.id) }
    try evaluateAchievements(of: workflow.customerID)
    return points
  }

  func completionKey(_ workflow: ID) -> String { "workflow:\(workflow):action:complete_treatment" }

  func earnKey(_ sale: ID) -> String { "sale:\(sale):earn" }

  /// The points of a sale, once.
  @discardableResult
  mutating func earn(_ sale: PosTransaction, net: Int, _ rate: EarnRate) throws -> PointTransaction? {
    var posting = Posting(
      .earned, try rate.points(forSt: net), to: sale.customerID, key: earnKey(sale.id),
      Texts(th: "แต้มจาก \(sale.transactionNumber)", en: "Points for \(sale.transactionNumber)"))
    posting.workflow = sale.workflowID
    posting.sale = sale.id
    posting.rate = rate
    return try credit(posting)
  }

  /// Takes back what a refund makes unearned: what the sale's net had brought less what the rest brings, at the rate of
  /// then; the bonus of its treatment when nothing of it stays paid. The balance may fall below nothing.
  mutating func clawBack(_ refund: PosTransaction, of sale: PosTransaction, before: Int) throws {
    var points = 0
    let earned = try self.posting(earnKey(sale.id))
    if let earned, let rate = try rate(of: earned) {
      points = try rate.points(forSt: before) - rate.points(forSt: before - refund.totalSt)
    }
    let unpaid =
      before == refund.totalSt ? try sale.workflowID.flatMap { try paidSales(of: $0).isEmpty ? $0 : nil } : nil
    // The bonus of a case that was opened again, paid and treated a second time was that of the first time.
    let bonus = try unpaid.flatMap { try self.posting(completionKey($0)) }.flatMap { sale.id < $0.id ? $0 : nil }
    if let bonus { points = try points.plus(bonus.amount) }
    var posting = Posting(
      .refund, points, to: sale.customerID, key: "refund:\(refund.id)",
      Texts(th: "คืนเงิน \(sale.transactionNumber)", en: "Refund of \(sale.transactionNumber)"))
    posting.workflow = sale.workflowID
    posting.sale = refund.id
    // They were posted together.
    posting.reverses = earned ?? bonus
    try debit(posting)
    if let unpaid { try takeBackReferral(of: sale.customerID, visit: unpaid) }
  }

  private func rate(of earned: PointTransaction) throws -> EarnRate? {
    let credit = try rows(PointCredit.self, Selection(.equal("transaction_id", .id(earned.id)), limit: 1)).first
    guard let satang = credit?.earnRateSt, let multiplier = credit?.multiplierBp else { return nil }
    return EarnRate(satang: satang, multiplierBp: multiplier)
  }

  /// At what sales earn: by the tier that the customer has without them.
  mutating func earnRate(of customer: ID, without sales: [PaidSale] = []) throws -> EarnRate {
    let tier = try tierMeasure(of: loyaltyProfile(of: customer), without: sales).tier
    return EarnRate(satang: try loyalty().earnRateSt, multiplierBp: tier.multiplierBp)
  }

  /// What was paid for a sale and has not gone back.
  func net(of sale: PosTransaction) throws -> Int {
    try refunds(of: sale).reduce(sale.paidSt) { $0 - $1.totalSt }
  }

  func refunds(of sale: PosTransaction) throws -> [PosTransaction] {
    try rows(PosTransaction.self, Selection(.equal("parent_id", .id(sale.id))))
  }
}

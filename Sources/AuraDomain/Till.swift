/// A bill at the till. Prices are what the customer pays, VAT included.
package struct CreateSale: Sendable, Equatable {
  package var customer: ID
  package var items: [Plan.Item]
  package var discountSt: Int

  package init(customer: ID, items: [Plan.Item], discountSt: Int = 0) {
    self.customer = customer
    self.items = items
    self.discountSt = discountSt
  }
}

package struct PaySale: Sendable, Equatable {
  package var sale: ID
  /// What the till has taken: it must be the bill's total, which a coupon's release may have changed.
  package var amountSt: Int
  package var method: PaymentMethod

  package init(sale: ID, amountSt: Int, method: PaymentMethod) {
    self.sale = sale
    self.amountSt = amountSt
    self.method = method
  }
}

package struct RefundSale: Sendable, Equatable {
  package var sale: ID
  /// `nil`: all that is left.
  package var amountSt: Int?
  package var reason: String?

  package init(sale: ID, amountSt: Int? = nil, reason: String? = nil) {
    self.sale = sale
    self.amountSt = amountSt
    self.reason = reason
  }
}

extension Draft {
  mutating func createSale(_ command: CreateSale) throws -> JSON {
    let customer = try presentCustomer(command.customer)
    guard !command.items.isEmpty else {
      throw Refusal(.badRequest, "What is sold?", details: ["path": "args.items", "problem": "is missing"])
    }
    var items: [JSON] = []
    var subtotal = 0
    for (index, item) in command.items.enumerated() {
      let treatment = try item.treatment.map { try self.treatment($0, "items[\(index)].treatmentId") }
      subtotal = try subtotal.plus(try item.priceSt.times(item.quantity))
      items.append([
        "treatment_id": .id(item.treatment),
        "name": .string(item.name ?? treatment.map { Texts(names: $0.names)[.th] } ?? ""),
        "quantity": .integer(item.quantity), "price_st": .integer(item.priceSt),
      ])
    }
    guard (0...saleMaxSt).contains(subtotal), (0...subtotal).contains(command.discountSt) else {
      throw Refusal(
        .badRequest, "The bill does not add up.",
        details: ["path": "args.discountSt", "problem": .string("0 … \(subtotal) is expected")])
    }
    var sale = PosTransaction()
    sale.id = newID()
    sale.clinicID = clinicID
    sale.transactionNumber = try transactionNumber()
    sale.customerID = customer.id
    sale.items = .array(items)
    sale.subtotalSt = subtotal
    sale.discountSt = command.discountSt
    sale.totalSt = subtotal - command.discountSt
    sale.createdBy = actor.user
    insert(sale)
    return try applyByItself(to: sale) ?? outcome(sale)
  }

  /// The money is there: the coupon is used, the spend counts, the points come.
  mutating func paySale(_ command: PaySale) throws -> JSON {
    let sale = try sale(command.sale)
    if sale.paymentStatus == .paid && sale.paymentMethod == command.method && sale.paidSt == command.amountSt {
      return outcome(sale, ["already": true])
    }
    guard sale.paymentStatus == .pending else { throw sale.invalid("The bill is \(sale.paymentStatus.rawValue)") }
    if command.method == .points {
      throw Refusal(
        .badRequest, "Points are redeemed as a coupon, not as a payment.",
        details: ["path": "args.paymentMethod", "problem": "CASH, CARD, PROMPTPAY, TRANSFER is expected"])
    }
    guard command.amountSt == sale.totalSt else {
      throw Refusal(
        .amountMismatch, "The bill comes to \(sale.totalSt) satang, not \(command.amountSt).",
        details: [
          "path": "args.amountSt", "expected_st": .integer(sale.totalSt), "amount_st": .integer(command.amountSt),
          "basis": "bill",
        ])
    }
    let rate = try earnRate(of: sale.customerID)
    let paid = try update(sale) { [now] row in
      row.paymentStatus = .paid
      row.paymentMethod = command.method
      row.paidSt = row.totalSt
      row.paidAt = now
    }
    try useCoupon(of: paid)
    try update(try customer(sale.customerID)) { row in
      if row.status != .blacklisted { row.status = .active }
    }
    journey(
      .paymentMade, customer: sale.customerID, workflow: nil, key: "sale:\(sale.id):paid",
      data: ["amount_st": .integer(paid.paidSt), "payment_method": .word(command.method)])
    try emit(
      .paymentReceived, nil,
      data: [
        "amount_st": .integer(paid.paidSt), "payment_method": .word(command.method),
        "customer_name": .string(try customer(sale.customerID).fullName),
      ], roles: .leaders, customer: sale.customerID)
    try changeSpend(by: paid.paidSt, of: paid, because: paid.id)
    let earned = try earn(paid, net: paid.paidSt, rate)?.amount ?? 0
    try evaluateAchievements(of: sale.customerID)
    return outcome(
      paid,
      [
        "already": false, "pointsAwarded": .integer(earned),
        "availablePoints": .integer(try loyaltyProfile(of: sale.customerID).availablePoints),
      ])
  }

  /// An open bill that comes to nothing: its coupon is free again.
  mutating func voidSale(_ id: ID) throws -> JSON {
    var sale = try sale(id)
    if sale.paymentStatus == .void { return outcome(sale, ["already": true]) }
    guard sale.paymentStatus == .pending else {
      throw sale.invalid("What is paid is refunded, not made void")
    }
    if let coupon = try coupon(of: sale) { sale = try release(coupon, from: sale) }
    return outcome(try update(sale) { $0.paymentStatus = .void }, ["already": false])
  }

  mutating func refundSale(_ command: RefundSale) throws -> JSON {
    let sale = try sale(command.sale)
    guard let reason = command.reason ?? reason, !reason.isEmpty else {
      throw Refusal(.badRequest, "A reason is needed.", details: ["path": "args.reason", "problem": "is missing"])
    }
    if let known = try refund(of: sale) {
      guard command.amountSt == nil || command.amountSt == known.totalSt else {
        throw Refusal(.keyReused, "This key was used for another request.", details: ["key": .text(commandKey)])
      }
      return try outcome(sale, known, reason, already: true)
    }
    guard sale.paymentStatus == .paid || sale.paymentStatus == .partiallyRefunded else {
      throw sale.invalid("The bill is \(sale.paymentStatus.rawValue)")
    }
    // A case that is still to be treated lives by its payment: whoever gives it all back calls the case off.
    if let workflow = try sale.workflowID.flatMap({ try row(Workflow.self, $0) }), workflow.status == .active,
      !workflow.currentStage.isTreated, try command.amountSt == nil || command.amountSt == net(of: sale)
    {
      throw workflow.invalid("The whole payment of an open case goes back with `cancel`", ["sale_id": .id(sale.id)])
    }
    let refund = try refund(sale, command.amountSt)
    return try outcome(try self.sale(sale.id), refund, reason, already: false)
  }

  /// What this command has given back of a sale before.
  private func refund(of sale: PosTransaction) throws -> PosTransaction? {
    guard let key = refundKey(of: sale.id) else { return nil }
    let known = try rows(JourneyEvent.self, Selection(.equal("event_key", .text(key)), limit: 1)).first
    return try known?.eventData["refund_id"]?.id.flatMap { try row(PosTransaction.self, $0) }
  }

  private mutating func outcome(
    _ sale: PosTransaction, _ refund: PosTransaction, _ reason: String, already: Bool
  ) throws -> JSON {
    outcome(
      sale,
      [
        "refundId": .id(refund.id), "refundNumber": .string(refund.transactionNumber),
        "refundedSt": .integer(refund.totalSt), "reason": .string(reason), "already": .bool(already),
        "availablePoints": .integer(try loyaltyProfile(of: sale.customerID).availablePoints),
      ])
  }

  // MARK: Parts

  func sale(_ id: ID) throws -> PosTransaction {
    guard let sale = try row(PosTransaction.self, id), sale.type == .sale else {
      throw Refusal(.notFound, "There is no such sale.", details: ["sale_id": .id(id)])
    }
    return sale
  }

  func openSale(_ id: ID) throws -> PosTransaction {
    let sale = try sale(id)
    guard sale.paymentStatus == .pending else { throw sale.invalid("The bill is \(sale.paymentStatus.rawValue)") }
    return sale
  }

  func outcome(_ sale: PosTransaction, _ more: JSONObject = JSONObject()) -> JSON {
    var result: JSONObject = [
      "saleId": .id(sale.id), "customerId": .id(sale.customerID), "transactionNumber": .string(sale.transactionNumber),
      "subtotalSt": .integer(sale.subtotalSt), "discountSt": .integer(sale.discountSt),
      "totalSt": .integer(sale.totalSt), "status": .word(sale.paymentStatus), "couponId": .id(sale.couponID),
      "version": .integer(sale.version),
    ]
    result.members += more.members
    return .object(result)
  }
}

/// 100 million baht: beyond any bill.
private let saleMaxSt = 10_000_000_000

extension PosTransaction {
  func invalid(_ message: String) -> Refusal {
    Refusal(
      .invalidTransition, "\(message).",
      details: ["sale_id": .id(id), "payment_status": .word(paymentStatus), "version": .integer(version)])
  }
}

extension Stage {
  /// Whether the treatment is behind the customer.
  var isTreated: Bool { self == .treatmentCompleted || self == .followUp || self == .completed }
}

extension Draft {
  /// Takes the money, and from here on the treatment is owed: the sale, the one open treatment task, and with a slot
  /// the appointment too.
  mutating func confirmPayment(_ command: ConfirmPayment) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(.confirmPayment, on: workflow, command.step)
    let stage = try workflow.destination(of: .confirmPayment)
    if command.method == .points {
      throw Refusal(
        .badRequest, "Points are redeemed as a coupon, not as a payment.",
        details: ["path": "args.paymentMethod", "problem": "CASH, CARD, PROMPTPAY, TRANSFER is expected"])
    }
    let treatment = try treatment(for: command, workflow)
    let coupon = try command.couponCode.map { try usableCoupon($0, of: workflow.customerID) }
    let bill = try bill(command, workflow, treatment, coupon)
    let skill = treatment?.requiredSkill
    let minutes = treatment?.durationMinutes ?? TaskTemplate.of(.performTreatment).minutes
    let slot = command.scheduledTime.map { Slot(start: $0, minutes: minutes) }
    let named = try command.beautician.map { try therapist($0, skill: skill).id }
    let beautician = try named ?? leastLoaded(role: .staff, skill: skill, slot: slot)?.id

    let skipped: [Stage] = [.scanned, .proposalSent].filter { stage in
      let order = Stage.allCases
      return (order.firstIndex(of: stage) ?? 0) > (order.firstIndex(of: workflow.currentStage) ?? 0)
    }
    var sale = try sale(bill, for: workflow, method: command.method)
    sale.couponID = coupon?.id
    var data: JSONObject = [
      "amount_st": .integer(bill.totalSt), "payment_method": .word(command.method),
      "pos_transaction_id": .id(sale.id), "transaction_number": .string(sale.transactionNumber),
      "skipped": .array(skipped.map { .word($0) }), "auto_assigned": .bool(named == nil && beautician != nil),
    ]
    if bill.isOverridden {
      data["override"] = true
      data["expected_st"] = bill.expectedSt.map(JSON.integer) ?? .null
    }

    var taskID: ID?
    var after = try move(workflow, to: stage, as: ActionRecord(.confirmPayment, command.step, data: data)) { row in
      row.treatmentID = treatment?.id ?? row.treatmentID
      row.treatmentName = treatment.map { Texts(names: $0.names)[.th] } ?? command.treatmentName ?? row.treatmentName
      row.assignedBeauticianID = beautician
      row.room = command.room ?? row.room
    } effects: { [sale] draft, after, _ in
      draft.insert(sale)
      if let coupon {
        try draft.update(coupon) { $0.discountSt = bill.couponSt }
        try draft.useCoupon(of: sale)
      }
      try draft.welcomePaying(after)
      try draft.finishTasks([.paymentReminder], of: after, as: .completed)
      try draft.finishTasks([.scanCustomer, .sendProposal], of: after, as: .cancelled)
      let task = try draft.upsertPerformTask(
        after, priority: command.priority ?? .high, minutes: minutes, due: slot?.start)
      taskID = task.id
      draft.journey(
        .paymentMade, customer: after.customerID, workflow: after.id, key: "sale:\(sale.id):paid",
        data: ["amount_st": .integer(bill.totalSt), "payment_method": .word(command.method)])
      try draft.announcePayment(after, bill.totalSt, command.method)
      if after.assignedBeauticianID == nil {
        try draft.tellLeaders(.taskAssigned, .taskUnassigned(title: task.titles), after, task: task.id, priority: .high)
      }
      // What is paid counts at once; its points come with the treatment.
      try draft.changeSpend(by: bill.totalSt, of: sale, because: sale.id)
    }
    if let slot, let beautician {
      var appointment = ScheduleAppointment(
        step: WorkflowStep(workflow.id, reason: command.step.reason, device: command.step.device),
        scheduledTime: slot.start, beautician: beautician)
      appointment.override = command.override
      appointment.priority = command.priority
      after = try book(after, appointment, minutes: minutes)
    }
    return try outcome(
      after,
      [
        "taskId": .id(taskID), "beauticianId": .id(after.assignedBeauticianID), "saleId": .id(sale.id),
        "transactionNumber": .string(sale.transactionNumber), "amountSt": .integer(bill.totalSt),
        "scheduledStart": .instant(after.scheduledStart),
      ])
  }

  /// What is sold, and what it should cost.
  private struct Bill {
    var items: JSON
    var subtotalSt: Int
    var totalSt: Int
    /// `nil` where nothing tells a price.
    var expectedSt: Int?
    var isOverridden: Bool
    /// What of the discount is a coupon's.
    var couponSt = 0
  }

  private func treatment(for command: ConfirmPayment, _ workflow: Workflow) throws -> Treatment? {
    if let id = command.treatment { return try treatment(id, "treatmentId") }
    if let name = command.treatmentName {
      let all = try rows(Treatment.self, Selection(.equal("is_active", .integer(1))))
      if let known = all.first(where: { $0.names["th"]?.string == name || $0.names["en"]?.string == name }) {
        return known
      }
    }
    return try treatment(of: workflow)
  }

  /// The plan's total or the treatment's price, less the coupon; something else is an owner's or admin's to decide.
  private func bill(
    _ command: ConfirmPayment, _ workflow: Workflow, _ treatment: Treatment?, _ coupon: CustomerCoupon?
  ) throws -> Bill {
    let planTotal = workflow.treatmentPlan["total_st"]?.integer
    let price = planTotal ?? treatment?.priceSt
    var items = workflow.treatmentPlan["items"] ?? []
    var subtotal = (items.array ?? []).reduce(0) {
      $0 + ($1["price_st"]?.integer ?? 0) * ($1["quantity"]?.integer ?? 1)
    }
    if items.array?.isEmpty ?? true {
      subtotal = price ?? command.amountSt
      items = [
        [
          "treatment_id": .id(treatment?.id),
          "name": .text(treatment.map { Texts(names: $0.names)[.th] } ?? command.treatmentName), "quantity": 1,
          "price_st": .integer(subtotal),
        ]
      ]
    }
    var couponSt = 0
    if let coupon {
      var listed = PosTransaction()
      listed.items = items
      listed.subtotalSt = subtotal
      listed.discountSt = max(0, subtotal - (price ?? subtotal))
      couponSt = try requireDiscount(of: coupon, on: listed)
    }
    let expected = price.map { $0 - couponSt }
    let isOverridden = command.amountSt != expected
    if isOverridden {
      guard command.override, let reason = reason(command.step), !reason.isEmpty else {
        throw Refusal(
          .amountMismatch,
          expected.map { "The price is \($0) satang, not \(command.amountSt)." }
            ?? "Nothing tells the price: name the treatment.",
          details: [
            "path": expected == nil ? "args.treatmentId" : "args.amountSt",
            "expected_st": expected.map(JSON.integer) ?? .null,
            "amount_st": .integer(command.amountSt), "basis": planTotal == nil ? "treatment" : "plan",
            "coupon_st": .integer(couponSt), "override": "an owner or admin, with a reason",
          ])
      }
      try actor.permit(.overrideAmount, isOwn: false, reason: reason)
    }
    if isOverridden, let coupon {
      // What an agreed amount leaves of the discount is the coupon's; it is not used up for nothing.
      couponSt = min(couponSt, max(0, subtotal - command.amountSt))
      guard couponSt > 0 else {
        throw coupon.unavailable("no_effect", "At this amount the coupon takes nothing off: leave it out.")
      }
    }
    // Less than the list is a discount; more has no line of its own, so that it is the subtotal.
    return Bill(
      items: items, subtotalSt: max(subtotal, command.amountSt), totalSt: command.amountSt, expectedSt: expected,
      isOverridden: isOverridden, couponSt: couponSt)
  }

  private mutating func sale(_ bill: Bill, for workflow: Workflow, method: PaymentMethod) throws -> PosTransaction {
    var sale = PosTransaction()
    sale.id = newID()
    sale.clinicID = clinicID
    sale.type = .sale
    sale.transactionNumber = try transactionNumber()
    sale.workflowID = workflow.id
    sale.customerID = workflow.customerID
    sale.items = bill.items
    sale.subtotalSt = bill.subtotalSt
    sale.discountSt = bill.subtotalSt - bill.totalSt
    sale.totalSt = bill.totalSt
    sale.paidSt = bill.totalSt
    sale.paymentMethod = method
    sale.paymentStatus = .paid
    sale.paidAt = now
    sale.createdBy = actor.user
    return sale
  }

  /// `TXN-202602-1`, counted anew in each month of the clinic's wall calendar.
  mutating func transactionNumber() throws -> String {
    let month = try calendar().civil(now).monthNumber
    return try "TXN-\(month)-\(next("txn:\(month)"))"
  }

  /// A lead who pays is a customer.
  private mutating func welcomePaying(_ workflow: Workflow) throws {
    try update(try customer(workflow.customerID)) { row in
      if row.status != .blacklisted { row.status = .active }
      row.assignedSalesID = row.assignedSalesID ?? workflow.assignedSalesID
    }
  }

  /// The beautician learns that it is paid, never how much.
  private mutating func announcePayment(_ workflow: Workflow, _ satang: Int, _ method: PaymentMethod) throws {
    let customer = try customer(workflow.customerID).fullName
    try emit(
      .paymentReceived, workflow,
      data: ["amount_st": .integer(satang), "payment_method": .word(method), "customer_name": .string(customer)],
      staff: [workflow.assignedSalesID], roles: .leaders)
    if workflow.assignedBeauticianID != nil {
      try emit(
        .paymentReceived, workflow, data: ["customer_name": .string(customer)], staff: [workflow.assignedBeauticianID])
    }
    try tell(
      workflow.assignedSalesID, .paymentReceived, .paymentReceived(customer: customer, satang: satang), workflow)
  }

  // MARK: Giving money back

  /// A case's sales of which something is still paid.
  func paidSales(of workflow: ID) throws -> [PosTransaction] {
    try rows(
      PosTransaction.self,
      Selection(
        .equal("workflow_id", .id(workflow)), .equal("type", .word(SaleType.sale)),
        .oneOf("payment_status", [.word(PaymentStatus.paid), .word(PaymentStatus.partiallyRefunded)]),
        order: [.ascending("id")]))
  }

  /// Pays `satang` of a sale back, or all that is left of it; spend, tier and points follow.
  mutating func refund(_ sale: PosTransaction, _ satang: Int? = nil) throws -> PosTransaction {
    let before = try net(of: sale)
    let amount = satang ?? before
    // A bill that a coupon has brought down to nothing is undone whole: there is no money to give back, but the coupon.
    let isFree = satang == nil && before == 0 && sale.paymentStatus == .paid
    guard amount > 0 || isFree, amount <= before else {
      throw Refusal(
        .amountMismatch, "There is less left to give back.",
        details: ["path": "args.amountSt", "amount_st": .integer(amount), "refundable_st": .integer(before)])
    }
    let isWhole = amount == before
    var refund = PosTransaction()
    refund.id = newID()
    refund.clinicID = clinicID
    refund.type = .refund
    refund.parentID = sale.id
    refund.transactionNumber = try transactionNumber()
    refund.workflowID = sale.workflowID
    refund.customerID = sale.customerID
    refund.items = amount == sale.paidSt ? sale.items : []
    refund.subtotalSt = amount
    refund.totalSt = amount
    refund.paidSt = amount
    refund.paymentMethod = sale.paymentMethod
    refund.paymentStatus = .paid
    refund.paidAt = now
    refund.createdBy = actor.user
    insert(refund)
    try update(sale) { $0.paymentStatus = isWhole ? .refunded : .partiallyRefunded }
    journey(
      .refunded, customer: sale.customerID, workflow: sale.workflowID,
      key: refundKey(of: sale.id) ?? "refund:\(refund.id)",
      data: ["amount_st": .integer(amount), "refund_id": .id(refund.id)])
    try changeSpend(by: -amount, of: sale, because: refund.id)
    try clawBack(refund, of: sale, before: before)
    if isWhole { try restoreCoupon(of: sale) }
    return refund
  }

  /// What this command can give back of a sale once only, however long its key is remembered.
  func refundKey(of sale: ID) -> String? { commandKey.map { "refund:\(sale):\($0)" } }
}

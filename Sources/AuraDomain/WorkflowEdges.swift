extension Draft {
  // MARK: After the treatment

  mutating func sendFollowUp(_ command: SendFollowUp) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(.sendFollowUp, on: workflow, command.step)
    return try outcome(try followUp(workflow, ActionRecord(.sendFollowUp, command.step), command.channel))
  }

  /// Somebody has written to the customer, or the clinic has by itself. The caller has been asked for the right.
  @discardableResult
  mutating func followUp(_ workflow: Workflow, _ record: ActionRecord, _ channel: Channel?) throws -> Workflow {
    let stage = try workflow.destination(of: .sendFollowUp)
    var record = record
    if let channel { record.data["channel"] = .word(channel) }
    return try move(workflow, to: stage, as: record) { _ in
    } effects: { draft, after, _ in
      draft.planClosing(of: after, at: draft.now + QuietPeriod.length)
      try draft.emit(
        .customerContacted, after, data: ["channel": channel.map { .word($0) } ?? .null],
        staff: [after.assignedSalesID], roles: .leaders)
    }
  }

  mutating func closeCase(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    try permit(.closeCase, on: workflow, step)
    let stage = try workflow.destination(of: .closeCase)
    let after = try move(workflow, to: stage, as: ActionRecord(.closeCase, step)) {
      $0.status = .closed
    } effects: { draft, after, _ in
      try draft.finishTasks(TaskType.allCases, of: after, as: .cancelled)
      draft.cancelTimer(QuietPeriod.dedupe(after.id))
    }
    return try outcome(after)
  }

  // MARK: Other hands

  mutating func reassign(_ command: Reassign) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    if command.sales != nil {
      // A beautician's right to hand over does not reach to whose customer it is.
      try actor.permit(.reassignSales, isOwn: isSales(of: workflow), reason: reason(command.step))
    }
    if command.beautician != nil { try permitHandOver(of: workflow, command.step) }
    guard workflow.status == .active else { throw workflow.invalid("The case is \(workflow.status.rawValue)") }

    var record = ActionRecord(.reassign, command.step)
    let sales = try command.sales.map { id in
      let member = try colleague(id, "salesId")
      guard member.role != .staff else {
        throw Refusal(
          .badRequest, "A customer's case belongs to sales.",
          details: ["path": "args.salesId", "problem": "role", "staff_id": .id(id)])
      }
      return id
    }
    if sales != nil {
      record.data["previous_sales_id"] = .id(workflow.assignedSalesID)
      record.data["sales_id"] = .id(sales)
    }
    let after = try handOver(
      workflow, sales: sales, beautician: command.beautician, record: record, override: command.override)
    return try outcome(
      after,
      [
        "salesId": .id(after.assignedSalesID), "beauticianId": .id(after.assignedBeauticianID),
        "already": .bool(after.version == workflow.version),
      ])
  }

  /// In treatment, the one who treats hands over, or an owner or admin who says why.
  private func permitHandOver(of workflow: Workflow, _ step: WorkflowStep) throws {
    guard workflow.currentStage == .inTreatment else {
      try permit(.reassignBeautician, on: workflow, step)
      return
    }
    if isBeautician(of: workflow) { return }
    try actor.permit(.reassignBeautician, isOwn: false, reason: reason(step))
    _ = try requireReason(step)
  }

  /// Gives a case's sides to others, with their tasks. What is in progress stays so, with its start.
  @discardableResult
  mutating func handOver(
    _ workflow: Workflow, sales: ID? = nil, beautician: ID? = nil, record: ActionRecord, override: Bool
  ) throws -> Workflow {
    var record = record
    if let beautician {
      _ = try therapist(beautician, skill: try treatment(of: workflow)?.requiredSkill)
      if let start = workflow.scheduledStart, let end = workflow.scheduledEnd,
        beautician != workflow.assignedBeauticianID,
        workflow.currentStage == .treatmentScheduled
      {
        let slot = Slot(start: start, minutes: (end - start).milliseconds / 60_000)
        let overlaps = try bookings(of: beautician, in: slot, except: workflow.id)
        if let first = overlaps.first {
          let reason = record.data["reason"]?.string ?? reason
          guard override, let reason, !reason.isEmpty else { throw try taken(first, beautician) }
          try actor.permit(.overrideSlot, isOwn: false, reason: reason)
        }
      }
      record.data["previous_beautician_id"] = .id(workflow.assignedBeauticianID)
      record.data["beautician_id"] = .id(beautician)
    }
    let isSame =
      (sales == nil || sales == workflow.assignedSalesID)
      && (beautician == nil || beautician == workflow.assignedBeauticianID)
    if isSame { return workflow }
    let customer = try customer(workflow.customerID).fullName
    return try move(workflow, to: workflow.currentStage, as: record) { row in
      row.assignedSalesID = sales ?? row.assignedSalesID
      row.assignedBeauticianID = beautician ?? row.assignedBeauticianID
    } effects: { draft, after, _ in
      for task in try draft.openTasks(of: after.id) {
        let role = TaskTemplate.of(task.taskType).role
        if role == .sales, let sales, task.assignedTo == workflow.assignedSalesID || task.assignedTo == nil {
          try draft.changeTask(task, after) { $0.assignedTo = sales }
        }
        // The treatment's task follows the case whoever had it.
        if role == .staff, let beautician,
          task.taskType == .performTreatment || task.assignedTo == workflow.assignedBeauticianID
        {
          try draft.changeTask(task, after) { $0.assignedTo = beautician }
        }
      }
      if let sales, sales != workflow.assignedSalesID {
        let owner = try draft.customer(after.customerID)
        if owner.assignedSalesID == workflow.assignedSalesID { try draft.update(owner) { $0.assignedSalesID = sales } }
        try draft.tell(sales, .workflowUpdated, .caseForYou(customer: customer), after)
        try draft.tell(
          workflow.assignedSalesID, .workflowUpdated,
          .caseHandedOver(customer: customer, to: try draft.name(of: sales) ?? ""), after)
      }
    }
  }

  private func taken(_ other: Workflow, _ beautician: ID) throws -> Refusal {
    Refusal(
      .slotTaken, "\(try name(of: beautician) ?? "The beautician") is booked then.",
      details: [
        "path": "args.beauticianId", "staff_id": .id(beautician), "workflow_id": .id(other.id),
        "scheduled_start": .instant(other.scheduledStart), "scheduled_end": .instant(other.scheduledEnd),
        "override": "an owner or admin, with a reason",
      ])
  }

  // MARK: Ending early, and taking that back

  mutating func cancel(_ command: Cancel) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(
      workflow.currentStage.isBeforePayment ? .cancelBeforePayment : .cancelAfterPayment, on: workflow, command.step)
    if workflow.status == .cancelled { return try outcome(workflow, ["already": true]) }
    guard workflow.status == .active, workflow.currentStage != .inTreatment else {
      throw workflow.invalid(
        workflow.currentStage == .inTreatment
          ? "A treatment is stopped before its case is cancelled" : "The case is over")
    }
    let reason = try requireReason(command.step)
    let sales = try paidSales(of: workflow.id)
    if !sales.isEmpty && command.settlement == nil {
      throw Refusal(
        .badRequest, "What becomes of the money?",
        details: [
          "path": "args.settlement", "problem": "refund, credit or forfeit is expected",
          "paid_st": .integer(try sales.reduce(0) { try $0 + net(of: $1) }),
        ])
    }
    var record = ActionRecord(.cancel, command.step)
    record.data["reason"] = .string(reason)
    if !sales.isEmpty, let settlement = command.settlement {
      record.data["settlement"] = .word(settlement)
      record.data["paid_st"] = .integer(try sales.reduce(0) { try $0 + net(of: $1) })
    }
    let hadAppointment = workflow.currentStage == .treatmentScheduled
    let customer = try customer(workflow.customerID).fullName
    let after = try move(workflow, to: workflow.currentStage, as: record) { row in
      row.status = .cancelled
      row.cancelReason = reason
    } effects: { draft, after, record in
      try draft.finishTasks(TaskType.allCases, of: after, as: .cancelled)
      draft.cancelTimer(QuietPeriod.dedupe(after.id))
      // A coupon goes with the money: what is paid back gives it back, what stays with the clinic, as a credit or as
      // forfeit, keeps it used.
      if command.settlement == .refund {
        record.data["refunds"] = .array(try sales.map { .id(try draft.refund($0).id) })
      }
      draft.journey(
        .cancelled, customer: after.customerID, workflow: after.id,
        key: "workflow:\(after.id):cancelled:\(try draft.nextActionSeq(of: after.id))",
        data: ["stage": .word(after.currentStage)])
      let notice = Notice.caseCancelled(customer: customer)
      try draft.tell(after.assignedSalesID, .stageChanged, notice, after)
      try draft.tell(after.assignedBeauticianID, .stageChanged, notice, after)
      if hadAppointment { try draft.tellCustomer(.stageChanged, .appointmentOff, after) }
    }
    return try outcome(after)
  }

  /// How long a cancelled case can be taken up again.
  private static let reopenWithin = Span.days(30)

  mutating func reopen(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    try permit(.reopen, on: workflow, step)
    switch workflow.status {
    case .active: throw workflow.invalid("The case is open")
    case .closed:
      guard let stage = Edges.destination(of: .reopen, from: workflow.currentStage) else {
        throw workflow.invalid("The case is over")
      }
      let after = try move(workflow, to: stage, as: ActionRecord(.reopen, step)) {
        $0.status = .active
      } effects: { draft, after, _ in
        draft.planClosing(of: after, at: draft.now + QuietPeriod.length)
        try draft.tellReopened(after)
      }
      return try outcome(after)
    case .cancelled: return try reopenCancelled(workflow, step)
    }
  }

  private mutating func reopenCancelled(_ workflow: Workflow, _ step: WorkflowStep) throws -> JSON {
    guard let last = try lastAction(of: workflow.id), now <= last.performedAt + Self.reopenWithin else {
      throw Refusal(
        .tooLate, "A case is taken up again within 30 days.",
        details: [
          "workflow_id": .id(workflow.id), "cancelled_at": .instant(try lastAction(of: workflow.id)?.performedAt),
        ])
    }
    var stage = workflow.currentStage
    // Where the money went back, it has to be paid again.
    let isPaid = try !paidSales(of: workflow.id).isEmpty
    let wasPaid = !stage.isBeforePayment
    if wasPaid && !isPaid {
      if workflow.treatmentPlan["total_st"] != nil {
        stage = .proposalSent
      } else {
        stage = workflow.scanResults == .emptyObject ? .leadCreated : .scanned
      }
    }
    // The slot may be gone, or somebody else's by now.
    if stage == .treatmentScheduled, let start = workflow.scheduledStart, let end = workflow.scheduledEnd {
      let slot = Slot(start: start, minutes: (end - start).milliseconds / 60_000)
      let isGone =
        try start < now - .minutes(15)
        || workflow.assignedBeauticianID.map { try !bookings(of: $0, in: slot, except: workflow.id).isEmpty } ?? true
      if isGone { stage = .paymentConfirmed }
    }
    if stage.isBeforePayment, let open = try openLead(of: workflow.customerID) {
      throw Refusal(
        .duplicate, "The customer has another open lead.",
        details: ["workflow_id": .id(open.id), "current_stage": .word(open.currentStage)])
    }
    var beautician = workflow.assignedBeauticianID
    if let id = beautician, try row(StaffMember.self, id)?.isActive != true { beautician = nil }
    if beautician == nil && stage == .treatmentScheduled { stage = .paymentConfirmed }
    let after = try move(workflow, to: stage, as: ActionRecord(.reopen, step)) { row in
      row.status = .active
      row.cancelReason = nil
      row.assignedBeauticianID = beautician
      if stage != .treatmentScheduled && stage != workflow.currentStage {
        row.scheduledStart = nil
        row.scheduledEnd = nil
        row.checkedInAt = nil
      }
    } effects: { draft, after, _ in
      if after.currentStage == .paymentConfirmed || after.currentStage == .treatmentScheduled {
        try draft.upsertPerformTask(
          after, priority: .high,
          minutes: try draft.treatment(of: after)?.durationMinutes ?? TaskTemplate.of(.performTreatment).minutes,
          due: after.scheduledStart)
      }
      if after.currentStage == .followUp { draft.planClosing(of: after, at: draft.now + QuietPeriod.length) }
      try draft.tellReopened(after)
    }
    return try outcome(after)
  }

  private mutating func tellReopened(_ workflow: Workflow) throws {
    let notice = Notice.caseReopened(customer: try customer(workflow.customerID).fullName)
    try tell(workflow.assignedSalesID, .stageChanged, notice, workflow)
    try tell(workflow.assignedBeauticianID, .stageChanged, notice, workflow)
  }

  // MARK: By the stage's name

  /// Finds the one action that leads from where the case is to the stage that was named, and does it.
  mutating func transition(_ command: Transition) throws -> JSON {
    let workflow = try workflow(command.workflow)
    try actor.permit(.readWorkflows, reason: reason)
    let actions = command.candidates.filter { candidate in
      if candidate.action == .reopen { return workflow.status == .closed && command.stage == .followUp }
      guard workflow.status == .active else { return false }
      // A walk-in: starting books the slot by itself.
      if candidate.action == .startTreatment && workflow.currentStage == .paymentConfirmed { return true }
      return Edges.destination(of: candidate.action, from: workflow.currentStage) == command.stage
        && workflow.currentStage != command.stage
    }
    guard actions.count == 1, let only = actions.first else {
      throw workflow.invalid(
        "No single action leads from \(workflow.currentStage.rawValue) to \(command.stage.rawValue)")
    }
    let resolved = try only.command.get()
    if let deed = resolved.deed { try actor.permit(deed, reason: resolved.reason ?? reason) }
    return try run(resolved)
  }
}

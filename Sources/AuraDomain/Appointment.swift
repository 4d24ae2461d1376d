extension Draft {
  /// How far in the past an appointment may begin: someone is already in the chair.
  private static let pastTolerance = Span.minutes(15)
  /// When a customer who has not come is a no-show.
  private static let noShowAfter = Span.minutes(15)

  mutating func scheduleAppointment(_ command: ScheduleAppointment) throws -> JSON {
    let workflow = try workflow(command.step.workflow)
    try permit(.scheduleAppointment, on: workflow, command.step)
    _ = try workflow.destination(of: .scheduleAppointment)
    let treatment = try command.treatment.map { try self.treatment($0, "treatmentId") } ?? treatment(of: workflow)
    let booked = zip2(workflow.scheduledStart, workflow.scheduledEnd).map { ($1 - $0).milliseconds / 60_000 }
    let minutes =
      command.durationMinutes ?? (command.treatment == nil ? booked : nil) ?? treatment?.durationMinutes
      ?? TaskTemplate.of(.performTreatment).minutes
    let after = try book(workflow, command, minutes: minutes)
    let task = try openTask(.performTreatment, of: workflow.id)
    return try outcome(
      after,
      [
        "taskId": .id(task?.id), "beauticianId": .id(after.assignedBeauticianID),
        "scheduledStart": .instant(after.scheduledStart), "scheduledEnd": .instant(after.scheduledEnd),
        "already": .bool(after.version == workflow.version),
      ])
  }

  /// Books or moves the appointment of a paid case. The caller has been asked for the right.
  mutating func book(
    _ workflow: Workflow, _ command: ScheduleAppointment, minutes: Int, isWalkIn: Bool = false
  ) throws -> Workflow {
    let stage = try workflow.destination(of: .scheduleAppointment)
    let treatment = try command.treatment.map { try self.treatment($0, "treatmentId") } ?? treatment(of: workflow)
    if let treatment { try requireSamePrice(treatment, workflow, command) }
    let slot = Slot(start: command.scheduledTime, minutes: minutes)
    guard slot.start >= now - Self.pastTolerance else {
      throw Refusal(
        .tooLate, "This time is past.",
        details: [
          "path": "args.scheduledTime", "scheduled_time": .instant(slot.start),
          "earliest": .instant(now - Self.pastTolerance),
        ])
    }
    let skill = treatment?.requiredSkill
    let wanted = command.beautician ?? workflow.assignedBeauticianID
    guard let beautician = try wanted ?? leastLoaded(role: .staff, skill: skill, slot: slot)?.id else {
      throw Refusal(
        .badRequest, "Nobody with the skill is free then.",
        details: ["path": "args.beauticianId", "problem": "is missing"])
    }
    _ = try therapist(beautician, skill: skill)
    let overlaps = try bookings(of: beautician, in: slot, except: workflow.id)
    // A walk-in is in the chair already: the collision is recorded, not refused.
    if !isWalkIn { try requireFree(overlaps, beautician, command.override, command.step) }

    var after = workflow
    after.assignedBeauticianID = beautician
    after.scheduledStart = slot.start
    after.scheduledEnd = slot.end
    after.room = command.room ?? workflow.room
    after.treatmentID = treatment?.id ?? workflow.treatmentID
    if command.treatment != nil, let treatment { after.treatmentName = Texts(names: treatment.names)[.th] }
    if let start = workflow.scheduledStart, try !calendar().isSameDay(start, slot.start) { after.checkedInAt = nil }
    if after == workflow && stage == workflow.currentStage { return workflow }

    let previous = workflow
    var data: JSONObject = [
      "scheduled_start": .instant(slot.start), "scheduled_end": .instant(slot.end), "beautician_id": .id(beautician),
    ]
    if previous.scheduledStart != nil {
      data["previous_start"] = .instant(previous.scheduledStart)
      data["previous_beautician_id"] = .id(previous.assignedBeauticianID)
    }
    if isWalkIn { data["walk_in"] = true }
    if !overlaps.isEmpty { data["overlaps"] = .array(overlaps.map { .id($0.id) }) }
    return try move(
      workflow, to: stage, as: ActionRecord(.scheduleAppointment, command.step, data: data)
    ) { row in
      row.assignedBeauticianID = after.assignedBeauticianID
      row.scheduledStart = after.scheduledStart
      row.scheduledEnd = after.scheduledEnd
      row.room = after.room
      row.treatmentID = after.treatmentID
      row.treatmentName = after.treatmentName
      row.checkedInAt = after.checkedInAt
    } effects: { draft, after, record in
      let task = try draft.upsertPerformTask(after, priority: command.priority, minutes: minutes, due: slot.start)
      record.data["task_id"] = .id(task.id)
      try draft.upsertPrepareTask(after)
      draft.journey(
        .appointmentBooked, customer: after.customerID, workflow: after.id,
        key: "workflow:\(after.id):booked:\(try draft.nextActionSeq(of: after.id))",
        data: ["scheduled_start": .instant(slot.start), "rescheduled": .bool(previous.scheduledStart != nil)])
      try draft.announceAppointment(after, slot)
    }
  }

  /// What was paid for is what is done: another treatment at another price is for an owner or admin to allow.
  private func requireSamePrice(_ new: Treatment, _ workflow: Workflow, _ command: ScheduleAppointment) throws {
    guard let paid = try treatment(of: workflow), paid.id != new.id, paid.priceSt != new.priceSt else { return }
    if command.override, let reason = reason(command.step), !reason.isEmpty {
      try actor.permit(.overrideAmount, isOwn: false, reason: reason)
      return
    }
    throw Refusal(
      .amountMismatch, "This treatment costs something else than the one that is paid.",
      details: [
        "path": "args.treatmentId", "expected_st": .integer(paid.priceSt), "amount_st": .integer(new.priceSt),
        "override": "an owner or admin, with a reason",
      ])
  }

  private func requireFree(_ overlaps: [Workflow], _ beautician: ID, _ override: Bool, _ step: WorkflowStep) throws {
    guard let first = overlaps.first else { return }
    if override, let reason = reason(step), !reason.isEmpty {
      try actor.permit(.overrideSlot, isOwn: false, reason: reason)
      return
    }
    throw Refusal(
      .slotTaken, "\(try name(of: beautician) ?? "The beautician") is booked then.",
      details: [
        "path": "args.scheduledTime", "staff_id": .id(beautician), "workflow_id": .id(first.id),
        "scheduled_start": .instant(first.scheduledStart), "scheduled_end": .instant(first.scheduledEnd),
        "override": "an owner or admin, with a reason",
      ])
  }

  private mutating func announceAppointment(_ workflow: Workflow, _ slot: Slot) throws {
    let treatment = try treatmentTexts(workflow)
    let customer = try customer(workflow.customerID)
    try emit(
      .appointmentScheduled, workflow,
      data: [
        "scheduled_start": .instant(slot.start), "scheduled_end": .instant(slot.end), "treatment": treatment.json,
        "room": .text(workflow.room),
      ], staff: [workflow.assignedBeauticianID, workflow.assignedSalesID], roles: .leaders,
      users: customer.userID.map { [$0] } ?? [])
    try tellCustomer(
      .appointmentScheduled, .appointment(treatment: treatment, at: try calendar().civil(slot.start).text), workflow)
  }

  // MARK: The treatment's tasks

  /// The one open treatment task of a case: made when there is none, moved when there is.
  @discardableResult
  mutating func upsertPerformTask(_ workflow: Workflow, priority: TaskPriority?, minutes: Int, due: Instant?) throws
    -> Task
  {
    guard let task = try openTask(.performTreatment, of: workflow.id) else {
      return try addTask(
        .performTreatment, for: workflow, to: workflow.assignedBeauticianID, due: due, minutes: minutes,
        priority: priority ?? .high,
        data: [
          "treatment_id": .id(workflow.treatmentID), "treatment_name": .text(workflow.treatmentName),
          "room": .text(workflow.room),
        ])
    }
    return try changeTask(task, workflow) { task in
      task.assignedTo = workflow.assignedBeauticianID
      task.dueDate = due
      task.estimatedDuration = minutes
      task.priority = priority ?? task.priority
      task.taskData.set("treatment_id", .id(workflow.treatmentID))
      task.taskData.set("treatment_name", .text(workflow.treatmentName))
      task.taskData.set("room", .text(workflow.room))
    }
  }

  /// Half an hour for the room; none where the customer is already in it.
  private mutating func upsertPrepareTask(_ workflow: Workflow) throws {
    guard let start = workflow.scheduledStart, start > now else { return }
    let due = TaskTemplate.due(.prepareTreatment, now: now, start: start)
    if let task = try openTask(.prepareTreatment, of: workflow.id) {
      try changeTask(task, workflow) { task in
        task.dueDate = due
        task.assignedTo = workflow.assignedBeauticianID
      }
    } else {
      try addTask(.prepareTreatment, for: workflow, to: workflow.assignedBeauticianID, due: due)
    }
  }

  /// Ends the open tasks of these kinds; those that somebody has begun, if it is said, otherwise.
  mutating func finishTasks(
    _ types: [TaskType], of workflow: Workflow, as status: TaskStatus, begunAs begun: TaskStatus? = nil
  ) throws {
    for task in try openTasks(of: workflow.id) where types.contains(task.taskType) {
      let done = (task.status == .inProgress ? begun ?? status : status) == .completed
      try changeTask(task, workflow) { [now, actor] task in
        task.status = done ? .completed : .cancelled
        if done {
          task.completedAt = task.end(at: now)
          task.completedBy = actor.staff ?? task.assignedTo
        }
      }
    }
  }

  // MARK: Arriving, or not

  mutating func checkIn(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    try permit(.checkIn, on: workflow, step)
    let stage = try workflow.destination(of: .checkIn)
    if workflow.checkedInAt != nil { return try outcome(workflow, ["already": true]) }
    guard let start = workflow.scheduledStart, try calendar().isSameDay(start, now) else {
      throw workflow.invalid(
        "The appointment is on another day", ["scheduled_start": .instant(workflow.scheduledStart)])
    }
    let customer = try customer(workflow.customerID)
    let after = try move(workflow, to: stage, as: ActionRecord(.checkIn, step)) { [now] row in
      row.checkedInAt = now
    } effects: { draft, after, _ in
      try draft.rewardCheckIn(after)
      try draft.emit(
        .customerArrived, after,
        data: [
          "customer_name": .string(customer.fullName), "checked_in_at": .instant(draft.now), "room": .text(after.room),
        ],
        staff: [after.assignedBeauticianID, after.assignedSalesID], roles: .leaders)
      try draft.tell(
        after.assignedBeauticianID, .customerArrived, .customerArrived(customer: customer.fullName), after,
        priority: .high)
    }
    return try outcome(after, ["checkedInAt": .instant(after.checkedInAt)])
  }

  mutating func noShow(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    try permit(.noShow, on: workflow, step)
    let stage = try workflow.destination(of: .noShow)
    if workflow.checkedInAt != nil {
      throw workflow.invalid("The customer has come", ["checked_in_at": .instant(workflow.checkedInAt)])
    }
    guard let start = workflow.scheduledStart, now >= start + Self.noShowAfter else {
      throw workflow.invalid(
        "The customer may still come", ["not_before": .instant(workflow.scheduledStart.map { $0 + Self.noShowAfter })])
    }
    let customer = try customer(workflow.customerID)
    let beautician = workflow.assignedBeauticianID
    let after = try move(
      workflow, to: stage, as: ActionRecord(.noShow, step, data: ["scheduled_start": .instant(start)])
    ) { row in
      row.noShowCount += 1
      row.scheduledStart = nil
      row.scheduledEnd = nil
      row.room = nil
    } effects: { draft, after, _ in
      try draft.finishTasks(
        [.performTreatment, .prepareTreatment, .appointmentReminder], of: after, as: .cancelled)
      try draft.addTask(
        .customerFollowUp, for: after, to: try draft.caretaker(of: after, .sales), due: draft.now + .hours(2),
        priority: .high, data: ["reason": "no_show"])
      draft.journey(
        .noShow, customer: after.customerID, workflow: after.id,
        key: "workflow:\(after.id):no_show:\(after.noShowCount):\(try draft.nextActionSeq(of: after.id))",
        data: ["scheduled_start": .instant(start)])
      try draft.takeBackCheckIn(of: after, on: start)
      let notice = Notice.noShow(customer: customer.fullName)
      try draft.tell(after.assignedSalesID, .stageChanged, notice, after)
      try draft.tell(beautician, .stageChanged, notice, after)
      try draft.planAfterNoShow(after)
    }
    return try outcome(after, ["noShowCount": .integer(after.noShowCount)])
  }
}

private func zip2<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
  guard let a, let b else { return nil }
  return (a, b)
}

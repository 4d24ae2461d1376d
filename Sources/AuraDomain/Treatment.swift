extension Draft {
  mutating func startTreatment(_ command: StartTreatment) throws -> JSON {
    var workflow = try workflow(command.step.workflow)
    if workflow.status == .active && workflow.currentStage == .inTreatment { return try startAgain(workflow, command) }
    try permit(.startTreatment, onOrBy: command, workflow)
    guard workflow.status == .active,
      workflow.currentStage == .treatmentScheduled || workflow.currentStage == .paymentConfirmed
    else { throw workflow.invalid("startTreatment does not lead on from \(workflow.currentStage.rawValue)") }

    let treatment = try treatment(of: workflow)
    if treatment?.requiresConsent == true {
      try requireConsent(.treatment, of: workflow, given: command.consent)
    }
    let beautician = try performer(of: workflow, command, treatment)
    if workflow.currentStage == .paymentConfirmed {
      let appointment = ScheduleAppointment(
        step: WorkflowStep(workflow.id, device: command.step.device), scheduledTime: now, beautician: beautician)
      workflow = try book(
        workflow, appointment, minutes: treatment?.durationMinutes ?? TaskTemplate.of(.performTreatment).minutes,
        isWalkIn: true)
    }
    let stage = try workflow.destination(of: .startTreatment)
    let previous = workflow.assignedBeauticianID
    var record = ActionRecord(.startTreatment, command.step, data: ["beautician_id": .id(beautician)])
    if let previous, previous != beautician {
      record.data["takeover"] = true
      record.data["previous_beautician_id"] = .id(previous)
    }
    var taskID: ID?
    let after = try move(workflow, to: stage, as: record) { row in
      row.assignedBeauticianID = beautician
    } effects: { draft, after, _ in
      let minutes = treatment?.durationMinutes ?? TaskTemplate.of(.performTreatment).minutes
      let open = try draft.openTask(.performTreatment, of: after.id)
      let task =
        try open
        ?? draft.addTask(.performTreatment, for: after, to: beautician, due: after.scheduledStart, minutes: minutes)
      taskID = task.id
      try draft.changeTask(task, after) { [now = draft.now, actor = draft.actor] task in
        task.assignedTo = beautician
        task.status = .inProgress
        task.startedAt = now
        task.startedBy = actor.staff
        task.notes = command.step.notes ?? task.notes
      }
      // The room is in use: nobody has to prepare it or ask whether the customer comes.
      try draft.finishTasks(
        [.prepareTreatment, .appointmentReminder], of: after, as: .cancelled, begunAs: .completed)
      try draft.announceStart(after)
    }
    return try outcome(
      after, ["taskId": .id(taskID), "startedAt": .instant(now), "beauticianId": .id(beautician), "already": false])
  }

  private func permit(_ deed: Deed, onOrBy command: StartTreatment, _ workflow: Workflow) throws {
    let isOthers = workflow.assignedBeauticianID != nil && !isBeautician(of: workflow)
    let deed: Deed = command.takeover && isOthers ? .takeOverTreatment : deed
    try actor.permit(deed, isOwn: owns(workflow), reason: reason(command.step))
  }

  /// A second start: the one who has begun, or has it now, is told that all is well; another is told who was first.
  private func startAgain(_ workflow: Workflow, _ command: StartTreatment) throws -> JSON {
    guard let task = try openTask(.performTreatment, of: workflow.id) else {
      throw workflow.invalid("The treatment has begun")
    }
    guard actor.staff != nil, task.startedBy == actor.staff || task.assignedTo == actor.staff else {
      throw try alreadyStarted(task)
    }
    return try outcome(
      workflow,
      [
        "taskId": .id(task.id), "startedAt": .instant(task.startedAt), "beauticianId": .id(task.assignedTo),
        "already": true,
      ])
  }

  /// Who will be treating: for a beautician oneself; for an owner or admin whom they name, who has it, or themselves.
  private func performer(of workflow: Workflow, _ command: StartTreatment, _ treatment: Treatment?) throws -> ID {
    if actor.role == .staff, let staff = actor.staff {
      return try therapist(staff, skill: treatment?.requiredSkill).id
    }
    if let named = command.beautician { return try therapist(named, skill: treatment?.requiredSkill).id }
    if let assigned = workflow.assignedBeauticianID {
      return try therapist(assigned, skill: treatment?.requiredSkill).id
    }
    guard let staff = actor.staff else {
      throw Refusal(.badRequest, "Who treats?", details: ["path": "args.beauticianId", "problem": "is missing"])
    }
    return staff
  }

  private mutating func announceStart(_ workflow: Workflow) throws {
    let customer = try customer(workflow.customerID).fullName
    let treatment = try treatmentTexts(workflow)
    let by = try name(of: workflow.assignedBeauticianID) ?? ""
    try emit(
      .treatmentStarted, workflow,
      data: [
        "customer_name": .string(customer), "treatment": treatment.json, "started_at": .instant(now),
        "by_name": .string(by),
      ],
      staff: [workflow.assignedBeauticianID, workflow.assignedSalesID], roles: .leaders)
    try tell(
      workflow.assignedSalesID, .treatmentStarted,
      .treatmentStarted(customer: customer, treatment: treatment, by: by), workflow)
  }

  // MARK: Completing

  mutating func completeTreatment(_ command: CompleteTreatment) throws -> JSON {
    var workflow = try workflow(command.step.workflow)
    if workflow.status != .cancelled, workflow.currentStage != .inTreatment,
      let done = try lastCompletion(of: workflow, by: actor)
    {
      return try outcome(workflow, ["already": true, "completedAt": .instant(done.performedAt)])
    }
    // Completing is for whoever has it: a case that nobody has cannot be in treatment.
    try actor.permit(.completeTreatment, isOwn: isBeautician(of: workflow), reason: reason(command.step))
    let isReady = workflow.currentStage == .treatmentScheduled || workflow.currentStage == .paymentConfirmed
    if workflow.status == .active && isReady && isBeautician(of: workflow) {
      // A tablet that was offline, or a tap that was forgotten: the assignee's word is enough for both.
      var start = StartTreatment(step: WorkflowStep(workflow.id, device: command.step.device))
      start.beautician = actor.staff
      _ = try startTreatment(start)
      workflow = try self.workflow(workflow.id)
    }
    let stage = try workflow.destination(of: .completeTreatment)
    let treatment = try treatmentTexts(workflow)
    let aftercare = try self.treatment(of: workflow).map { Texts(names: $0.aftercare) } ?? Texts("")
    let customer = try customer(workflow.customerID).fullName
    var record = ActionRecord(.completeTreatment, command.step)
    if let checklist = command.checklist { record.data["checklist"] = checklist }
    var taskID: ID?
    var points = 0
    let after = try move(workflow, to: stage, as: record) { _ in
    } effects: { draft, after, record in
      if let task = try draft.openTask(.performTreatment, of: after.id) {
        taskID = task.id
        record.data["started_at"] = .instant(task.startedAt)
        record.data["started_by"] = .id(task.startedBy)
        try draft.changeTask(task, after) { [now = draft.now, actor = draft.actor] task in
          task.status = .completed
          task.completedAt = task.end(at: now)
          task.completedBy = actor.staff
          task.notes = command.step.notes ?? task.notes
        }
      }
      try draft.addTask(
        .followUpUpsell, for: after, to: try draft.caretaker(of: after, .sales),
        due: TaskTemplate.due(.followUpUpsell, now: draft.now, start: nil))
      draft.journey(
        .treatmentCompleted, customer: after.customerID, workflow: after.id,
        key: "workflow:\(after.id):completed:\(try draft.nextActionSeq(of: after.id))",
        data: ["treatment": treatment.json, "treatment_id": .id(after.treatmentID)])
      try draft.emit(
        .treatmentCompleted, after,
        data: ["customer_name": .string(customer), "treatment": treatment.json, "completed_at": .instant(draft.now)],
        staff: [after.assignedBeauticianID, after.assignedSalesID], roles: .leaders)
      try draft.tell(
        after.assignedSalesID, .treatmentCompleted, .treatmentCompleted(customer: customer, treatment: treatment), after
      )
      try draft.tellCustomer(.treatmentCompleted, .care(treatment: treatment, aftercare: aftercare), after)
      points = try draft.awardCompletion(of: after)
      try draft.planAfterTreatment(after)
    }
    return try outcome(
      after,
      [
        "taskId": .id(taskID), "completedAt": .instant(now), "already": false, "pointsAwarded": .integer(points),
      ])
  }

  /// The completion that the caller has made of this case, as long as nothing has taken it back.
  private func lastCompletion(of workflow: Workflow, by actor: Actor) throws -> WorkflowAction? {
    guard [.treatmentCompleted, .followUp, .completed].contains(workflow.currentStage), let user = actor.user else {
      return nil
    }
    let last = try rows(
      WorkflowAction.self,
      Selection(
        .equal("workflow_id", .id(workflow.id)), .equal("type", .word(ActionType.completeTreatment)),
        order: [.descending("seq")], limit: 1)
    ).first
    return last?.performedBy == user ? last : nil
  }

  // MARK: Stopping half-way

  mutating func abortTreatment(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    try actor.permit(.abortTreatment, isOwn: isBeautician(of: workflow), reason: reason(step))
    let stage = try workflow.destination(of: .abortTreatment)
    let reason = try requireReason(step)
    let customer = try customer(workflow.customerID).fullName
    var taskID: ID?
    let after = try move(workflow, to: stage, as: ActionRecord(.abortTreatment, step)) { _ in
    } effects: { draft, after, record in
      if let task = try draft.openTask(.performTreatment, of: after.id) {
        taskID = task.id
        record.data["started_at"] = .instant(task.startedAt)
        record.data["started_by"] = .id(task.startedBy)
        try draft.changeTask(task, after) { task in
          task.status = .pending
          task.startedAt = nil
          task.startedBy = nil
        }
      }
      let notice = Notice.treatmentAborted(customer: customer, reason: reason)
      try draft.tell(after.assignedSalesID, .stageChanged, notice, after)
      try draft.tell(after.assignedBeauticianID, .stageChanged, notice, after)
    }
    return try outcome(after, ["taskId": .id(taskID)])
  }

  /// The reason that a command of this kind must give.
  func requireReason(_ step: WorkflowStep) throws -> String {
    if let reason = reason(step), !reason.isEmpty { return reason }
    throw Refusal(.badRequest, "A reason is needed.", details: ["path": "args.reason", "problem": "is missing"])
  }
}

extension Draft {
  func task(_ id: ID) throws -> Task {
    guard let task = try row(Task.self, id) else {
      throw Refusal(.notFound, "There is no such task.", details: ["task_id": .id(id)])
    }
    return task
  }

  func openTask(_ type: TaskType, of workflow: ID) throws -> Task? {
    try openTasks(of: workflow).first { $0.taskType == type }
  }

  func openTasks(of workflow: ID) throws -> [Task] {
    try rows(
      Task.self,
      Selection(.equal("workflow_id", .id(workflow)), .oneOf("status", Load.openStatus), order: [.ascending("id")]))
  }

  /// Whether a task is the caller's, as `Grant.own` means it: theirs, or of their role's pool.
  func owns(_ task: Task) -> Bool {
    guard let staff = actor.staff else { return false }
    if let assignee = task.assignedTo { return assignee == staff }
    guard let role = TaskTemplate.of(task.taskType).role else { return actor.isFrontDesk }
    return actor.role == role
  }

  // MARK: Making and changing tasks

  /// Adds a task, tells whom it is for, and plans its escalation. Unassigned, it is in its role's pool.
  @discardableResult
  mutating func addTask(
    _ type: TaskType, for workflow: Workflow, to assignee: ID?, due: Instant?, minutes: Int? = nil,
    priority: TaskPriority? = nil, title: String? = nil, description: String? = nil, data: JSON? = nil,
    dedupe: String? = nil
  ) throws -> Task {
    let template = TaskTemplate.of(type)
    let texts = template.title.filled([
      "customerName": Texts(try customer(workflow.customerID).fullName), "treatmentName": try treatmentTexts(workflow),
    ])
    var task = Task()
    task.id = newID()
    task.clinicID = clinicID
    task.workflowID = workflow.id
    task.assignedTo = assignee
    task.taskType = type
    task.title = try title ?? texts[language(of: assignee)]
    task.description = description
    task.priority = priority ?? template.priority
    task.priorityRank = task.priority.rank
    task.dueDate = due
    task.estimatedDuration = minutes ?? template.minutes
    task.taskData = data ?? .emptyObject
    task.taskData.set("customer_id", .id(workflow.customerID))
    // Both languages go along, so that a screen in the other one need not translate.
    if title == nil { task.taskData.set("titles", texts.json) }
    task.dedupeKey = dedupe
    insert(task)
    planEscalation(of: task, instead: nil)
    try announce(.taskAssigned, task, workflow)
    try tell(
      assignee, .taskAssigned, .taskForYou(title: title.map { Texts($0) } ?? texts), workflow, task: task.id,
      priority: task.priority)
    return task
  }

  /// Changes a task, moves its timers, and tells those whom the change is about.
  @discardableResult
  mutating func changeTask(_ before: Task, _ workflow: Workflow, _ change: (inout Task) -> Void) throws -> Task {
    let before = try row(Task.self, before.id) ?? before
    let after = try update(before) { task in
      change(&task)
      task.priorityRank = task.priority.rank
      if task.dueDate != before.dueDate { task.escalationLevel = 0 }
    }
    if after == before { return before }
    planEscalation(of: after, instead: before)
    let isHandedOver = after.assignedTo != before.assignedTo && after.status.isOpen
    if isHandedOver {
      try announce(.taskAssigned, after, workflow, also: before.assignedTo)
      try tell(before.assignedTo, .taskUpdated, .taskTaken(title: after.titles), workflow, task: after.id)
      try tell(
        after.assignedTo, .taskAssigned, .taskForYou(title: after.titles), workflow, task: after.id,
        priority: after.priority)
    } else {
      try announce(
        after.status == .completed && before.status != .completed ? .taskCompleted : .taskUpdated, after, workflow)
    }
    return after
  }

  private mutating func announce(_ type: EventType, _ task: Task, _ workflow: Workflow, also: ID? = nil) throws {
    var roles = [Role].leaders
    if task.assignedTo == nil { roles += TaskTemplate.of(task.taskType).role.map { [$0] } ?? [.sales, .staff] }
    try emit(
      type, workflow,
      data: [
        "task_id": .id(task.id), "task_type": .word(task.taskType), "title": .string(task.title),
        "status": .word(task.status), "assigned_to": .id(task.assignedTo), "priority": .word(task.priority),
        "due_date": .instant(task.dueDate),
      ], staff: [task.assignedTo, also], roles: roles)
  }

  func language(of staff: ID?) throws -> Language {
    if let staff, let member = try row(StaffMember.self, staff), let user = try user(member.userID) {
      return user.locale
    }
    return try clinic().language
  }

  // MARK: Commands

  mutating func createTask(_ command: CreateTask) throws -> JSON {
    let workflow = try workflow(command.workflow)
    // Stricter than `owns`: a case that nobody treats yet is not every beautician's to plan for.
    try actor.permit(.createTask, isOwn: isSales(of: workflow) || isBeautician(of: workflow), reason: reason)
    guard workflow.status == .active else { throw workflow.invalid("The case is \(workflow.status.rawValue)") }
    if command.type == .performTreatment {
      throw Refusal(
        .badRequest, "A treatment's task comes with its appointment.",
        details: ["path": "args.type", "problem": "use scheduleAppointment"])
    }
    if let key = command.dedupeKey {
      // Keys of the house's own: taken by somebody else, they would make what is done by itself fail.
      if ["rule:", "followup:"].contains(where: { key.hasPrefix($0) }) {
        throw Refusal(
          .badRequest, "This key is not for people.",
          details: ["path": "args.dedupeKey", "problem": "rule: and followup: are the hub's own"])
      }
      let open = try rows(
        Task.self, Selection(.equal("dedupe_key", .text(key)), .oneOf("status", Load.openStatus), limit: 1))
      if let task = open.first { return try taskOutcome(task, ["already": true]) }
    }
    var assignee = command.assignedTo
    if let named = assignee {
      assignee = try colleague(named, "assignedTo").id
    } else if let role = TaskTemplate.of(command.type).role {
      assignee = try caretaker(of: workflow, role)
    }
    let task = try addTask(
      command.type, for: workflow, to: assignee,
      due: command.dueDate ?? TaskTemplate.due(command.type, now: now, start: workflow.scheduledStart),
      minutes: command.estimatedMinutes, priority: command.priority, title: command.title,
      description: command.description, data: command.taskData, dedupe: command.dedupeKey)
    return try taskOutcome(task)
  }

  /// Who of a role looks after the case, as long as they are with the clinic.
  func caretaker(of workflow: Workflow, _ role: Role) throws -> ID? {
    guard let id = role == .sales ? workflow.assignedSalesID : workflow.assignedBeauticianID,
      try row(StaffMember.self, id)?.isActive == true
    else { return nil }
    return id
  }

  mutating func startTask(_ step: TaskStep) throws -> JSON {
    let task = try task(step.task)
    if task.taskType == .performTreatment {
      var start = StartTreatment(
        step: WorkflowStep(task.workflowID, notes: step.notes, device: step.device), takeover: step.takeover)
      start.consent = step.consent
      try requireOpen(task, allowing: .inProgress)
      return try startTreatment(start)
    }
    if task.status == .inProgress {
      if task.startedBy == actor.staff || task.assignedTo == actor.staff {
        return try taskOutcome(task, ["already": true])
      }
      throw try alreadyStarted(task)
    }
    try actor.permit(.workOnTask, isOwn: owns(task), reason: reason)
    try requireOpen(task)
    let changed = try changeTask(task, try workflow(task.workflowID)) { [actor, now] task in
      task.assignedTo = task.assignedTo ?? actor.staff
      task.status = .inProgress
      task.startedAt = now
      task.startedBy = actor.staff
      task.notes = step.notes ?? task.notes
      task.keep(step.device)
    }
    return try taskOutcome(changed)
  }

  mutating func completeTask(_ step: TaskStep) throws -> JSON {
    let task = try task(step.task)
    if task.taskType == .performTreatment {
      // A task of an earlier visit is over; completing it must not complete the next one.
      if task.status == .cancelled { try requireOpen(task) }
      return try completeTreatment(
        CompleteTreatment(step: WorkflowStep(task.workflowID, notes: step.notes, device: step.device)))
    }
    if task.status == .completed && task.completedBy != nil && task.completedBy == actor.staff {
      return try taskOutcome(task, ["already": true])
    }
    try actor.permit(.workOnTask, isOwn: owns(task), reason: reason)
    try requireOpen(task, allowing: .inProgress)
    let changed = try changeTask(task, try workflow(task.workflowID)) { [actor, now] task in
      task.assignedTo = task.assignedTo ?? actor.staff
      task.status = .completed
      task.completedAt = task.end(at: now)
      task.completedBy = actor.staff
      task.notes = step.notes ?? task.notes
      task.keep(step.device)
    }
    return try taskOutcome(changed)
  }

  mutating func claimTask(_ step: TaskStep) throws -> JSON {
    let task = try task(step.task)
    guard let staff = actor.staff else {
      throw Refusal(.forbidden, "Only a member of the clinic can have a task.", details: ["deed": "claimTask"])
    }
    if task.assignedTo == staff && task.status.isOpen { return try taskOutcome(task, ["already": true]) }
    try requireOpen(task)
    guard task.assignedTo == nil else {
      throw Refusal(
        .staleVersion, "Someone else has this task.",
        details: [
          "task_id": .id(task.id), "assigned_to": .id(task.assignedTo), "version": .integer(task.version),
          "assigned_to_name": .text(try name(of: task.assignedTo)),
        ])
    }
    try actor.permit(.claimTask, isOwn: owns(task), reason: reason)
    let workflow = try workflow(task.workflowID)
    let claimed = ActionRecord(.reassign, data: ["claimed": true])
    if task.taskType == .performTreatment {
      try handOver(workflow, beautician: staff, record: claimed, override: false)
    } else if TaskTemplate.of(task.taskType).role == .sales, try hasNoSeller(workflow) {
      // Only the case's seller may do what the task asks for: with the seller gone, the task alone would be of no use.
      var record = claimed
      record.data["previous_sales_id"] = .id(workflow.assignedSalesID)
      record.data["sales_id"] = .id(staff)
      try handOver(workflow, sales: staff, record: record, override: false)
    } else {
      try changeTask(task, workflow) { $0.assignedTo = staff }
    }
    return try taskOutcome(task)
  }

  /// Whether a case that goes on has nobody who sells: its seller has left the clinic, or does other work there.
  private func hasNoSeller(_ workflow: Workflow) throws -> Bool {
    guard workflow.status == .active else { return false }
    guard let id = workflow.assignedSalesID, let seller = try row(StaffMember.self, id) else { return true }
    return !seller.isActive || seller.role == .staff
  }

  mutating func updateTask(_ command: UpdateTask) throws -> JSON {
    let step = command.step
    let before = try task(step.task)
    switch command.status {
    case .inProgress where before.status != .inProgress: _ = try startTask(step)
    case .completed where before.status != .completed: _ = try completeTask(step)
    case .completed where before.completedBy == actor.staff: return try taskOutcome(before, ["already": true])
    default: break
    }
    let task = try task(step.task)
    try actor.permit(.workOnTask, isOwn: owns(task) || before.status != task.status, reason: command.reason ?? reason)
    let workflow = try workflow(task.workflowID)
    if task.status.isOpen {
      if task.taskType == .performTreatment { try refuseByHand(command, task) }
      if let assignee = command.assignedTo, assignee != task.assignedTo { _ = try colleague(assignee, "assignedTo") }
    } else if before.status == task.status {
      try requireOpen(task)
    }
    let changed = try changeTask(task, workflow) { task in
      task.priority = command.priority ?? task.priority
      task.description = command.description ?? task.description
      task.notes = step.notes ?? task.notes
      guard task.status.isOpen, task.taskType != .performTreatment else { return }
      task.dueDate = command.dueDate ?? task.dueDate
      task.assignedTo = command.assignedTo ?? task.assignedTo
      if command.status == .cancelled { task.status = .cancelled }
      if command.status == .pending && task.status == .inProgress {
        task.status = .pending
        task.startedAt = nil
        task.startedBy = nil
      }
    }
    if task.taskType == .performTreatment, let assignee = command.assignedTo, assignee != task.assignedTo {
      _ = try reassign(
        Reassign(
          step: WorkflowStep(task.workflowID, notes: step.notes, reason: command.reason, device: step.device),
          beautician: assignee))
    }
    return try taskOutcome(changed)
  }

  /// The treatment's own task follows its case: what would part them has a command of its own.
  private func refuseByHand(_ command: UpdateTask, _ task: Task) throws {
    if command.dueDate != nil && command.dueDate != task.dueDate {
      throw Refusal(
        .badRequest, "A treatment is moved by its appointment.",
        details: ["path": "args.dueDate", "problem": "use scheduleAppointment"])
    }
    if command.status == .cancelled || (command.status == .pending && task.status == .inProgress) {
      throw Refusal(
        .badRequest, "A treatment's task ends with its case.",
        details: ["path": "args.status", "problem": "use abortTreatment, noShow or cancel"])
    }
  }

  private func requireOpen(_ task: Task, allowing other: TaskStatus = .pending) throws {
    if task.status == .pending || task.status == other { return }
    throw Refusal(
      .invalidTransition, "The task is \(task.status.rawValue).",
      details: [
        "task_id": .id(task.id), "status": .word(task.status), "version": .integer(task.version),
        "completed_by": .id(task.completedBy), "completed_by_name": .text(try name(of: task.completedBy)),
        "completed_at": .instant(task.completedAt),
      ])
  }

  /// The refusal that names who was first, and when.
  func alreadyStarted(_ task: Task) throws -> Refusal {
    let name = try name(of: task.startedBy)
    return Refusal(
      .taskAlreadyStarted, "\(name ?? "Someone") has started this already.",
      details: [
        "task_id": .id(task.id), "workflow_id": .id(task.workflowID), "started_by": .id(task.startedBy),
        "started_by_name": .text(name), "started_at": .instant(task.startedAt), "version": .integer(task.version),
      ])
  }

  /// A member's name, for messages.
  func name(of staff: ID?) throws -> String? {
    guard let staff, let member = try row(StaffMember.self, staff) else { return nil }
    return try user(member.userID)?.fullName
  }

  func taskOutcome(_ task: Task, _ more: JSONObject = JSONObject()) throws -> JSON {
    let current = try row(Task.self, task.id) ?? task
    var result: JSONObject = [
      "taskId": .id(current.id), "workflowId": .id(current.workflowID), "status": .word(current.status),
      "assignedTo": .id(current.assignedTo), "version": .integer(current.version),
    ]
    result.members += more.members
    return .object(result)
  }
}

extension Task {
  /// The title in both languages, where the template gave it.
  var titles: Texts { taskData["titles"].map(Texts.init(names:)) ?? Texts(title) }

  /// Keeps what an offline tablet said of its command; a treatment's task has it in its case's actions.
  mutating func keep(_ device: DeviceMark?) {
    guard let device else { return }
    taskData.set("device_seq", device.seq.map(JSON.integer))
    taskData.set("client_time", device.clientTime.map(JSON.instant))
  }

  /// When it ended: never before it began, though the clock goes back.
  func end(at now: Instant) -> Instant { max(now, startedAt ?? now) }

  /// Late: not begun when due, or running for more than one and a half times what was estimated.
  package func isOverdue(at now: Instant) -> Bool {
    switch status {
    case .pending: dueDate.map { $0 < now } ?? false
    case .inProgress:
      if let startedAt, let estimatedDuration { startedAt + .seconds(estimatedDuration * 90) < now } else { false }
    case .completed, .cancelled: false
    }
  }
}

/// When a waiting task is told of, and to whom.
enum Escalation {
  static let toAssignee = Span.minutes(10)
  static let toLeaders = Span.minutes(20)
  static let ofPool = Span.minutes(5)

  static func dedupe(_ task: ID) -> String { "task:\(task):overdue" }
  static func poolDedupe(_ task: ID) -> String { "task:\(task):pool" }
}

/// How long a case stays in follow-up before it closes itself, and how often it looks again while tasks are open.
enum QuietPeriod {
  static let length = Span.days(7)
  static let lookAgain = Span.days(1)

  static func dedupe(_ workflow: ID) -> String { "workflow:\(workflow):close" }
}

extension Draft {
  /// Plans, moves or forgets a task's timers, whichever its change asks for.
  mutating func planEscalation(of task: Task, instead before: Task?) {
    let isWaiting = task.status == .pending
    let wasWaiting = before?.status == .pending
    if isWaiting, let due = task.dueDate {
      if !wasWaiting || before?.dueDate != due { escalate(task, level: 1, at: due + Escalation.toAssignee) }
    } else if wasWaiting && before?.dueDate != nil {
      cancelTimer(Escalation.dedupe(task.id))
    }
    let isPooled = isWaiting && task.assignedTo == nil
    let wasPooled = wasWaiting && before?.assignedTo == nil
    if isPooled && !wasPooled {
      schedule(
        PlannedTimer(
          due: now + Escalation.ofPool, kind: .taskEscalation, payload: ["task_id": .id(task.id), "level": 0],
          dedupe: Escalation.poolDedupe(task.id)))
    } else if wasPooled && !isPooled {
      cancelTimer(Escalation.poolDedupe(task.id))
    }
  }

  private mutating func escalate(_ task: Task, level: Int, at due: Instant) {
    schedule(
      PlannedTimer(
        due: due, kind: .taskEscalation, payload: ["task_id": .id(task.id), "level": .integer(level)],
        dedupe: Escalation.dedupe(task.id)))
  }

  mutating func planClosing(of workflow: Workflow, at due: Instant) {
    schedule(
      PlannedTimer(
        due: due, kind: .closeCase, payload: ["workflow_id": .id(workflow.id)],
        dedupe: QuietPeriod.dedupe(workflow.id)))
  }

  /// A timer came due. What it was planned for may be over: then nothing happens, and that is no error.
  mutating func fire(_ timer: PlannedTimer) throws -> JSON {
    switch timer.kind {
    case .taskEscalation:
      guard let id = timer.payload["task_id"]?.id, let task = try row(Task.self, id), task.status == .pending,
        let workflow = try row(Workflow.self, task.workflowID), workflow.status == .active
      else { return ["fired": false] }
      return ["fired": .bool(try escalate(task, workflow, level: timer.payload["level"]?.integer ?? 1))]
    case .closeCase:
      guard let id = timer.payload["workflow_id"]?.id, let workflow = try row(Workflow.self, id) else {
        return ["fired": false]
      }
      return ["fired": .bool(try closeIfQuiet(workflow))]
    case .pointsExpiry: return ["fired": .bool(try fireExpiry(timer))]
    case .couponRelease: return ["fired": .bool(try fireCouponRelease(timer))]
    case .tierReview: return ["fired": .bool(try fireTierReview(timer))]
    case .birthday: return ["fired": .bool(try fireBirthday(timer))]
    case .followUp: return ["fired": .bool(try fireFollowUp(timer))]
    case .pointsExpiring: return ["fired": .bool(try firePointsExpiring(timer))]
    case .automation: return ["fired": .bool(try fireRule(timer))]
    case .notificationExpiry: return ["fired": .bool(try fireNotificationExpiry(timer))]
    case .notificationPruning: return ["fired": .bool(try fireNotificationPruning(timer))]
    }
  }

  private mutating func escalate(_ task: Task, _ workflow: Workflow, level: Int) throws -> Bool {
    if level == 0 {
      guard task.assignedTo == nil else { return false }
      try tellLeaders(
        .taskOverdue, .taskUnassigned(title: task.titles), workflow, task: task.id, priority: .high)
      return true
    }
    guard let due = task.dueDate, task.escalationLevel < level else { return false }
    let threshold = level == 1 ? Escalation.toAssignee : Escalation.toLeaders
    if now < due + threshold {
      // The clock went back, or the task was moved: not yet.
      escalate(task, level: level, at: due + threshold)
      return false
    }
    let minutes = (now - due).milliseconds / 60_000
    try update(task) { $0.escalationLevel = level }
    try emit(
      .taskOverdue, workflow,
      data: [
        "task_id": .id(task.id), "title": .string(task.title), "due_date": .instant(due), "level": .integer(level),
        "minutes": .integer(minutes),
      ], staff: [task.assignedTo], roles: .leaders)
    let notice = Notice.taskOverdue(title: task.titles, minutes: minutes)
    if level == 1 {
      try tell(task.assignedTo, .taskOverdue, notice, workflow, task: task.id, priority: .high)
      escalate(task, level: 2, at: due + Escalation.toLeaders)
    } else {
      try tellLeaders(.taskOverdue, notice, workflow, task: task.id, priority: .critical, except: [task.assignedTo])
    }
    return true
  }

  private mutating func closeIfQuiet(_ workflow: Workflow) throws -> Bool {
    guard workflow.status == .active, workflow.currentStage == .followUp else { return false }
    let due = workflow.stageEnteredAt + QuietPeriod.length
    if now < due {
      planClosing(of: workflow, at: due)
      return false
    }
    guard try openTasks(of: workflow.id).isEmpty else {
      planClosing(of: workflow, at: now + QuietPeriod.lookAgain)
      return false
    }
    _ = try closeCase(WorkflowStep(workflow.id))
    return true
  }
}

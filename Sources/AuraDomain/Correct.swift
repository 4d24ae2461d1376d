extension ActionType {
  /// The moves that `correct` may take back. Money is given back by `cancel`, a cancelled or closed case is reopened,
  /// a reassigned one reassigned. A completed treatment is a visit in the customer's profile, in achievements and in a
  /// friend's referral: that stays.
  package var isCorrectable: Bool {
    switch self {
    case .scanCustomer, .sendProposal, .scheduleAppointment, .checkIn, .startTreatment, .sendFollowUp, .noShow,
      .abortTreatment:
      true
    case .initialize, .confirmPayment, .completeTreatment, .closeCase, .reassign, .cancel, .reopen, .correct,
      .startCycle:
      false
    }
  }
}

extension Draft {
  /// How long a slip of the finger can be taken back.
  static let correctWithin = Span.minutes(10)

  /// What is kept so that a move can be taken back: the state's columns as they were, and of each task the same, or
  /// that it was made.
  func undo(from before: Workflow, to after: Workflow, tasksBefore: [Task]) throws -> JSON {
    let known = Dictionary(uniqueKeysWithValues: tasksBefore.map { ($0.id, $0) })
    var changed: [JSON] = []
    for task in try tasks(of: after.id) {
      guard let was = known[task.id] else {
        changed.append(["id": .id(task.id), "made": true])
        continue
      }
      let difference = was.difference(from: task)
      if !difference.members.isEmpty { changed.append(["id": .id(task.id), "was": .object(difference)]) }
    }
    return ["state": .object(before.difference(from: after)), "tasks": .array(changed)]
  }

  /// Takes the last move back, while nothing rests on it: no money, no points, no message that was sent.
  mutating func correct(_ step: WorkflowStep) throws -> JSON {
    let workflow = try workflow(step.workflow)
    guard let last = try lastAction(of: workflow.id) else { throw workflow.invalid("Nothing has happened yet") }
    try actor.permit(.correct, isOwn: last.performedBy != nil && last.performedBy == actor.user, reason: reason(step))
    guard workflow.status == .active, last.type.isCorrectable, let undo = try keptUndo(workflow.id),
      let state = undo["state"]?.object
    else {
      throw workflow.invalid("\(last.type.commandName) cannot be taken back", ["last_action": .word(last.type)])
    }
    guard now <= last.performedAt + Self.correctWithin else {
      throw Refusal(
        .tooLate, "A move is taken back within 10 minutes.",
        details: ["performed_at": .instant(last.performedAt), "action": .string(last.type.commandName)])
    }
    try refuseWhatRestsOn(last, workflow)

    var restored = workflow
    restored.restore(state)
    if restored.currentStage == .treatmentScheduled || restored.currentStage == .inTreatment {
      try requireSlot(of: restored, instead: workflow)
    }
    let after = try move(
      workflow, to: restored.currentStage,
      as: ActionRecord(.correct, step, data: ["corrected": .word(last.type), "corrected_seq": .integer(last.seq)])
    ) {
      $0.restore(state)
    } effects: { draft, after, _ in
      try draft.restoreTasks(undo["tasks"]?.array ?? [], after)
      try draft.withdrawRuleTasks(of: after, entry: last.seq)
      if after.currentStage != .followUp { draft.cancelTimer(QuietPeriod.dedupe(after.id)) }
    }
    return try outcome(after, ["corrected": .string(last.type.commandName)])
  }

  private func refuseWhatRestsOn(_ action: WorkflowAction, _ workflow: Workflow) throws {
    let of = Condition.equal("workflow_id", .id(workflow.id))
    let previous = try rows(
      WorkflowAction.self, Selection(of, .less("seq", .integer(action.seq)), order: [.descending("seq")], limit: 1)
    ).first
    let since = previous?.id ?? workflow.id
    // Those of the same command count too: behind the action before, they have this one's time. Later ones have later
    // ids, even where the clock goes back.
    let points = try rows(PointTransaction.self, Selection(of)).filter {
      ($0.id > action.id || $0.id > since && $0.createdAt >= action.performedAt)
        && !$0.eventKey.hasPrefix(Self.checkInPrefix)
    }
    // The sale that was confirmed in the same breath is not what this move has caused.
    let money = try rows(
      PosTransaction.self, Selection(of, .greater("created_at", .instant(action.performedAt)), limit: 1))
    let messages = try rows(
      FollowUpExecution.self,
      Selection(
        of, .oneOf("status", ExecutionStatus.withCustomer.map { .word($0) }),
        .atLeast("executed_at", .instant(action.performedAt)), limit: 1))
    // On its way it is as good as there.
    let leaving = try rows(
      FollowUpExecution.self,
      Selection(
        of, .equal("status", .word(ExecutionStatus.sending)), .atLeast("updated_at", .instant(action.performedAt)),
        limit: 1))
    guard
      let what = !money.isEmpty
        ? "money"
        : !points.isEmpty
          ? "points" : !messages.isEmpty || !leaving.isEmpty ? "message" : nil
    else {
      return
    }
    throw workflow.invalid("It cannot be taken back: \(what) followed", ["followed_by": .string(what)])
  }

  private func requireSlot(of restored: Workflow, instead current: Workflow) throws {
    guard let beautician = restored.assignedBeauticianID, let start = restored.scheduledStart,
      let end = restored.scheduledEnd
    else { return }
    let isHeld =
      current.assignedBeauticianID == beautician && current.scheduledStart == start && current.scheduledEnd == end
      && (current.currentStage == .treatmentScheduled || current.currentStage == .inTreatment)
    if isHeld { return }
    let slot = Slot(start: start, minutes: (end - start).milliseconds / 60_000)
    guard let other = try bookings(of: beautician, in: slot, except: restored.id).first else { return }
    throw Refusal(
      .slotTaken, "Somebody else has the slot by now.",
      details: ["workflow_id": .id(other.id), "staff_id": .id(beautician), "scheduled_start": .instant(start)])
  }

  private mutating func restoreTasks(_ entries: [JSON], _ workflow: Workflow) throws {
    // First what was made goes, then what was changed comes back: a case has one open treatment task at most.
    for entry in entries where entry["made"] == true {
      guard let id = entry["id"]?.id, let task = try row(Task.self, id), task.status.isOpen else { continue }
      try changeTask(task, workflow) { $0.status = .cancelled }
    }
    for entry in entries {
      guard let id = entry["id"]?.id, let was = entry["was"]?.object, let task = try row(Task.self, id) else {
        continue
      }
      var restored = task
      restored.restore(was)
      // Whoever has left since does not get their task back.
      if let assignee = restored.assignedTo, try row(StaffMember.self, assignee)?.isActive != true {
        restored.assignedTo = nil
      }
      try changeTask(task, workflow) { [restored] in $0 = restored }
    }
  }
}

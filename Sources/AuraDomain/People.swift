extension Draft {
  mutating func setDuty(_ command: SetDuty) throws -> JSON {
    guard let id = command.staff ?? actor.staff else {
      throw Refusal(.badRequest, "Whose duty?", details: ["path": "args.staffId", "problem": "is missing"])
    }
    let member = try colleague(id, "staffId")
    try actor.permit(.setDuty, isOwn: id == actor.staff, reason: reason)
    try update(member) { $0.duty = command.duty }
    var pooled = 0
    if command.duty == .off && member.duty != .off {
      // Tomorrow's appointments stay with whoever goes home today.
      let end = try calendar().dayEnd(now)
      pooled = try pool(of: member, why: "off_duty") { [now] in ($0.dueDate ?? now) < end }
    }
    return ["staffId": .id(id), "duty": .word(command.duty), "pooled": .integer(pooled)]
  }

  mutating func addMember(_ command: AddMember) throws -> JSON {
    try actor.permit(command.role == .owner ? .manageOwners : .manageStaff, reason: reason)
    guard try userExists(command.user) else {
      throw Refusal(
        .notFound, "There is no such user.", details: ["path": "args.userId", "user_id": .id(command.user)])
    }
    let skills = JSON.array(command.skills.map(JSON.string))
    if let known = try rows(StaffMember.self, Selection(.equal("user_id", .id(command.user)), limit: 1)).first {
      guard !known.isActive else {
        throw Refusal(
          .duplicate, "They are a member already.",
          details: ["staff_id": .id(known.id), "role": .word(known.role)])
      }
      let member = try update(known) { row in
        row.isActive = true
        row.revokedAt = nil
        row.role = command.role
        row.frontDesk = command.isFrontDesk
        row.skills = skills
        row.duty = .on
      }
      return memberOutcome(member)
    }
    var member = StaffMember()
    member.id = newID()
    member.clinicID = clinicID
    member.userID = command.user
    member.role = command.role
    member.frontDesk = command.isFrontDesk
    member.skills = skills
    insert(member)
    return memberOutcome(member)
  }

  mutating func changeRole(_ command: ChangeRole) throws -> JSON {
    let member = try colleague(command.staff, "staffId")
    let isOwners = member.role == .owner || command.role == .owner
    try actor.permit(isOwners ? .manageOwners : .manageStaff, reason: reason)
    if member.role == .owner && command.role != .owner { try keepAnOwner(without: member) }
    if member.role.isLeader && !command.role.isLeader { try emptyBell(of: member.userID) }
    let changed = try update(member) { row in
      row.role = command.role
      row.frontDesk = command.isFrontDesk ?? row.frontDesk
      if let skills = command.skills { row.skills = .array(skills.map(JSON.string)) }
    }
    // Who no longer treats, or no longer sells, cannot keep the tasks of it.
    var pooled = 0
    if changed.role != member.role {
      pooled = try pool(of: changed, why: "role") { task in
        guard let role = TaskTemplate.of(task.taskType).role else { return false }
        return role == member.role && changed.role != role && changed.role != .owner && changed.role != .admin
      }
    }
    var result = memberOutcome(changed)
    result.set("pooled", .integer(pooled))
    return result
  }

  mutating func revokeMembership(_ command: RevokeMembership) throws -> JSON {
    guard let member = try row(StaffMember.self, command.staff) else {
      throw Refusal(
        .notFound, "There is no such member of staff.",
        details: ["path": "args.staffId", "staff_id": .id(command.staff)])
    }
    let reason = command.reason ?? reason
    try actor.permit(member.role == .owner ? .manageOwners : .manageStaff, reason: reason)
    if !member.isActive {
      var result = memberOutcome(member)
      result.set("already", true)
      return result
    }
    if member.role == .owner { try keepAnOwner(without: member) }
    try emptyBell(of: member.userID)
    // Their tasks go back before they do, so that they are still told whose they were.
    let pooled = try pool(of: member, why: "revoked") { _ in true }
    let after = try update(member) { [now] row in
      row.isActive = false
      row.duty = .off
      row.revokedAt = now
    }
    // What they are in the middle of is somebody's to hand over: who revokes should know.
    let running = try rows(
      Task.self,
      Selection(.equal("assigned_to", .id(member.id)), .equal("status", .word(TaskStatus.inProgress))))
    var result = memberOutcome(after)
    result.set("pooled", .integer(pooled))
    result.set("running", .array(running.map { .id($0.id) }))
    return result
  }

  private func keepAnOwner(without member: StaffMember) throws {
    let others = try activeStaff(roles: [.owner]).filter { $0.id != member.id }
    if others.isEmpty {
      throw Refusal(
        .forbidden, "A clinic keeps an owner.", details: ["deed": "manageOwners", "needs": "another owner"])
    }
  }

  private func memberOutcome(_ member: StaffMember) -> JSON {
    [
      "staffId": .id(member.id), "userId": .id(member.userID), "role": .word(member.role),
      "active": .bool(member.isActive),
    ]
  }

  /// Offers someone's pending tasks to the pool. What they are in the middle of stays theirs until an owner or admin
  /// hands it over. Returns how many went.
  private mutating func pool(of member: StaffMember, why: String, where isMeant: (Task) -> Bool) throws -> Int {
    let pending = try rows(
      Task.self,
      Selection(
        .equal("assigned_to", .id(member.id)), .equal("status", .word(TaskStatus.pending)), order: [.ascending("id")])
    ).filter(isMeant)
    for task in pending {
      let workflow = try workflow(task.workflowID)
      if task.taskType == .performTreatment && workflow.status == .active {
        // The case has to lose its beautician together with its task, or nobody else could take it.
        try move(
          workflow, to: workflow.currentStage,
          as: ActionRecord(
            .reassign, data: ["pooled": .string(why), "previous_beautician_id": .id(workflow.assignedBeauticianID)])
        ) {
          $0.assignedBeauticianID = nil
        } effects: { draft, after, _ in
          try draft.changeTask(task, after) { $0.assignedTo = nil }
        }
      } else {
        try changeTask(task, workflow) { $0.assignedTo = nil }
      }
    }
    if !pending.isEmpty {
      let name = try user(member.userID)?.fullName ?? ""
      try tellLeaders(
        .taskUpdated, .workLeftBehind(staff: name, count: pending.count), nil, priority: .high, except: [member.id])
    }
    return pending.count
  }
}

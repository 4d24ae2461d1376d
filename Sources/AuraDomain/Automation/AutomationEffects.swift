extension Draft {
  /// Does what the rule is for. Throws `RuleUnmet` where there is nothing to do and `Refusal` where it cannot be done;
  /// the caller works on a copy. Returns what the audit keeps of it.
  mutating func carryOut(_ rule: AutomationRule, _ workflow: Workflow, _ entry: StageEntry) throws -> JSONObject {
    guard let action = AutomationTargetAction(rawValue: rule.targetAction) else {
      throw Refusal(.badRequest, "There is no target \(rule.targetAction.prefix(40)).")
    }
    let key = rule.key(entry)
    switch try AutomationTarget(action, rule.targetData) {
    case .createTask(let plan): return try createTask(plan, rule, workflow, key)
    case .notify(let plan): return try notify(plan, rule, workflow, key)
    case .scheduleFollowUp(let id): return try scheduleFollowUp(id, workflow)
    case .awardBonus(let points, let text): return try awardBonus(points, text, rule, workflow, entry)
    case .addTag(let tag): return try addTag(tag, workflow.customerID)
    case .sendProposal(let total): return try sendProposal(totalSt: total, rule, workflow)
    case .sendFollowUp(let channel):
      try requireStage(workflow, for: .sendFollowUp)
      _ = try sendFollowUp(SendFollowUp(step: step(rule, workflow), channel: channel))
      return ["stage": .word(Stage.followUp)]
    case .closeCase:
      try requireStage(workflow, for: .closeCase)
      // Closing cancels what is open: no rule throws away somebody's work.
      guard try openTasks(of: workflow.id).isEmpty else { throw RuleUnmet(.openTasks) }
      _ = try closeCase(step(rule, workflow))
      return ["stage": .word(Stage.completed)]
    }
  }

  private func step(_ rule: AutomationRule, _ workflow: Workflow) -> WorkflowStep {
    WorkflowStep(workflow.id, reason: "rule: \(rule.ruleName)")
  }

  private func requireStage(_ workflow: Workflow, for action: ActionType) throws {
    guard workflow.status == .active else { throw RuleUnmet(.caseOver) }
    guard Edges.destination(of: action, from: workflow.currentStage) != nil else { throw RuleUnmet(.wrongStage) }
  }

  // MARK: Tasks

  private mutating func createTask(
    _ plan: AutomationTarget.TaskPlan, _ rule: AutomationRule, _ workflow: Workflow, _ key: String
  ) throws -> JSONObject {
    guard workflow.status == .active else { throw RuleUnmet(.caseOver) }
    guard try !openTasks(of: workflow.id).contains(where: { $0.dedupeKey == key }) else {
      throw RuleUnmet(.already)
    }
    let assignee = try assignee(of: plan, workflow)
    let title = try plan.title.map { try filled($0, workflow) }
    var data: JSON = ["rule_id": .id(rule.id), "rule_name": .string(rule.ruleName)]
    if let title { data.set("titles", title.json) }
    let words = try language(of: assignee)
    let task = try addTask(
      plan.type, for: workflow, to: assignee, due: due(plan, workflow), minutes: plan.estimatedMinutes,
      priority: plan.priority, title: title?[words],
      description: try plan.description.map { try filled($0, workflow)[words] }, data: data, dedupe: key)
    return ["task": .id(task.id)]
  }

  private func assignee(of plan: AutomationTarget.TaskPlan, _ workflow: Workflow) throws -> ID? {
    switch plan.assignee {
    case .pool: nil
    case .sales: try caretaker(of: workflow, .sales)
    case .beautician: try caretaker(of: workflow, .staff)
    // Whoever has left the clinic since gets nothing; their work is for the pool.
    case .staff(let id): try row(StaffMember.self, id)?.isActive == true ? id : nil
    case nil: try TaskTemplate.of(plan.type).role.flatMap { try caretaker(of: workflow, $0) }
    }
  }

  private func due(_ plan: AutomationTarget.TaskPlan, _ workflow: Workflow) -> Instant? {
    plan.dueMinutes.map { now + .minutes($0) }
      ?? TaskTemplate.due(plan.type, now: now, start: workflow.scheduledStart)
  }

  /// What a rule has made of an entry that is taken back goes with it, as long as nobody has begun it.
  mutating func withdrawRuleTasks(of workflow: Workflow, entry: Int) throws {
    for task in try openTasks(of: workflow.id) where task.status == .pending {
      guard let key = task.dedupeKey, key.hasPrefix("rule:"), key.hasSuffix(":\(workflow.id):\(entry)") else {
        continue
      }
      try changeTask(task, workflow) { $0.status = .cancelled }
    }
  }

  // MARK: Notices

  private mutating func notify(
    _ plan: AutomationTarget.NoticePlan, _ rule: AutomationRule, _ workflow: Workflow, _ key: String
  ) throws -> JSONObject {
    let (title, message) = try (filled(plan.title, workflow), filled(plan.message, workflow))
    let notice = WrittenNotice(
      title: title, message: message, priority: plan.priority,
      expires: plan.expiresHours.map { now + .hours($0) })
    let members = try recipients(plan, workflow)
    guard let members else {
      guard try tellCustomer(workflow.customerID, notice, workflow, key: key) else { throw RuleUnmet(.already) }
      return ["notified": 1]
    }
    var told = 0
    for member in members.prefix(Notification.recipientsMax) {
      if try tell(member, notice, workflow, key: key) { told += 1 }
    }
    guard told > 0 else { throw RuleUnmet(.already) }
    return ["notified": .integer(told)]
  }

  /// The members whose bells ring, at least one; `nil` for the customer's. Throws where nobody is there, or the customer
  /// wants no contact.
  private func recipients(_ plan: AutomationTarget.NoticePlan, _ workflow: Workflow) throws -> [ID]? {
    let members: [ID]
    switch plan.to {
    case .customer:
      let customer = try customer(workflow.customerID)
      let isUnwilling = try preferences(of: customer.id)?.doNotContact == true
      guard !isUnwilling, customer.status != .blacklisted, customer.anonymizedAt == nil else {
        throw RuleUnmet(.doNotContact)
      }
      return nil
    case .sales: members = try caretaker(of: workflow, .sales).map { [$0] } ?? []
    case .beautician: members = try caretaker(of: workflow, .staff).map { [$0] } ?? []
    case .leaders: members = try activeStaff(roles: .leaders).map(\.id)
    case .role(let role): members = try activeStaff(roles: [role]).map(\.id)
    case .staff(let id): members = try row(StaffMember.self, id)?.isActive == true ? [id] : []
    }
    guard !members.isEmpty else { throw RuleUnmet(.nobody) }
    return members
  }

  private func filled(_ texts: Texts, _ workflow: Workflow) throws -> Texts {
    texts.filled([
      "customerName": Texts(try customer(workflow.customerID).fullName),
      "treatmentName": try treatmentTexts(workflow),
      "salesName": Texts(try name(of: workflow.assignedSalesID) ?? ""),
      "beauticianName": Texts(try name(of: workflow.assignedBeauticianID) ?? ""),
    ])
  }

  // MARK: The customer

  private mutating func awardBonus(
    _ points: Int, _ text: Texts?, _ rule: AutomationRule, _ workflow: Workflow, _ entry: StageEntry
  ) throws -> JSONObject {
    // A case that is taken up again enters its stage again, but nobody is given the same points for that.
    if entry.action == .reopen {
      let given = try rows(PointTransaction.self, Selection(.equal("workflow_id", .id(workflow.id))))
      if given.contains(where: { $0.eventKey.hasPrefix("rule:\(rule.id):") }) { throw RuleUnmet(.already) }
    }
    let (tally, month) = try (Tally(name: "rules:bonus"), monthPeriod())
    guard try tally.count(in: month, self).plus(points) <= bonusPointsPerMonth() else { throw RuleUnmet(.bonusCap) }
    var posting = Posting(
      .bonus, points, to: workflow.customerID, key: rule.key(entry),
      try text.map { try filled($0, workflow) } ?? Texts(th: "แต้มพิเศษ", en: "Bonus"))
    posting.workflow = workflow.id
    guard try credit(posting) != nil else { throw RuleUnmet(.already) }
    try evaluateAchievements(of: workflow.customerID)
    try tally.add(points, in: month, &self)
    return ["points": .integer(points)]
  }

  private mutating func addTag(_ tag: String, _ customer: ID) throws -> JSONObject {
    let customer = try self.customer(customer)
    let tags = customer.tags.array ?? []
    guard !tags.contains(.string(tag)) else { throw RuleUnmet(.already) }
    guard tags.count < AutomationLimits.tagsMax else {
      throw Refusal(.badRequest, "A customer has at most \(AutomationLimits.tagsMax) tags.")
    }
    try update(customer) { $0.tags = .array(tags + [.string(tag)]) }
    return ["tag": .string(tag)]
  }

  // MARK: In words

  /// What the rule's target would do for a case, without doing it. Throws what `carryOut` would, but for what depends on
  /// what is there by now: tasks that are open, points and messages that were given.
  func wouldDo(_ rule: AutomationRule, _ workflow: Workflow) throws -> JSON {
    guard let action = AutomationTargetAction(rawValue: rule.targetAction) else { return .null }
    var would: JSONObject = ["target": .word(action)]
    switch try AutomationTarget(action, rule.targetData) {
    case .createTask(let plan):
      guard workflow.status == .active else { throw RuleUnmet(.caseOver) }
      would["type"] = .word(plan.type)
      would["title"] = try filled(plan.title ?? TaskTemplate.of(plan.type).title, workflow).json
      would["assignedTo"] = .id(try assignee(of: plan, workflow))
      would["dueDate"] = .instant(due(plan, workflow))
    case .notify(let plan):
      let members = try recipients(plan, workflow)
      would["to"] = rule.targetData["to"] ?? .null
      would["recipients"] = .integer(min(members?.count ?? 1, Notification.recipientsMax))
      would["title"] = try filled(plan.title, workflow).json
      would["message"] = try filled(plan.message, workflow).json
    case .scheduleFollowUp(let id): would["followUpRuleId"] = .id(try requestedRule(id).id)
    case .awardBonus(let points, _):
      would["points"] = .integer(points)
      would["customerId"] = .id(workflow.customerID)
    case .addTag(let tag):
      would["tag"] = .string(tag)
      would["customerId"] = .id(workflow.customerID)
    case .sendProposal(let total):
      try requireStage(workflow, for: .sendProposal)
      would["totalSt"] = .integer(try proposal(totalSt: total, workflow).totalSt)
    case .sendFollowUp:
      try requireStage(workflow, for: .sendFollowUp)
      would["stage"] = .word(Stage.followUp)
    case .closeCase:
      try requireStage(workflow, for: .closeCase)
      would["stage"] = .word(Stage.completed)
    }
    return .object(would)
  }

  // MARK: Moves

  private mutating func sendProposal(totalSt: Int?, _ rule: AutomationRule, _ workflow: Workflow) throws -> JSONObject {
    try requireStage(workflow, for: .sendProposal)
    let plan = try proposal(totalSt: totalSt, workflow)
    _ = try sendProposal(SendProposal(step: step(rule, workflow), plan: plan))
    return ["stage": .word(Stage.proposalSent)]
  }

  /// The rule's own price, the case's plan, or the treatment's price.
  private func proposal(totalSt: Int?, _ workflow: Workflow) throws -> Plan {
    if let totalSt { return Plan(totalSt: totalSt) }
    if let known = Plan(workflow.treatmentPlan) { return known }
    guard let treatment = try treatment(of: workflow), treatment.isActive else {
      throw Refusal(.badRequest, "Nothing tells a price: the case has no treatment.")
    }
    return Plan(items: [Plan.Item(treatment: treatment.id, priceSt: treatment.priceSt)], totalSt: treatment.priceSt)
  }
}

extension Plan {
  /// The plan that a case has already, as its row keeps it; `nil` where it has none.
  fileprivate init?(_ json: JSON) {
    guard let total = json["total_st"]?.integer else { return nil }
    let items = (json["items"]?.array ?? []).compactMap { item -> Plan.Item? in
      guard let price = item["price_st"]?.integer else { return nil }
      return Plan.Item(
        treatment: item["treatment_id"]?.id, name: item["name"]?.string, quantity: item["quantity"]?.integer ?? 1,
        priceSt: price)
    }
    self.init(items: items, discountSt: json["discount_st"]?.integer ?? 0, totalSt: total)
  }
}

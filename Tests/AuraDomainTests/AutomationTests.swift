import Testing

@testable import AuraDomain

@Suite struct `A rule` {
  let world = World()

  // MARK: What it does

  @Test func `makes a task in the same commit as the move, in its own name`() throws {
    let rule = try world.rule(
      "call", at: .treatmentCompleted, .createTask,
      [
        "type": "review_request", "title": ["th": "โทรหา {customerName}", "en": "Call {customerName}"],
        "priority": "critical", "dueMinutes": 90, "assignTo": "sales",
      ])
    let w = try world.inTreatment()
    try world.run(.complete(w), as: .b1)
    let task = try #require(world.tasks(.reviewRequest, of: w).first)
    #expect(task.title == "Call Malee")
    #expect(task.taskData["titles"] == ["th": "โทรหา Malee", "en": "Call Malee"])
    #expect(task.assignedTo == world.id(.s1))
    #expect(task.priority == .critical)
    #expect(task.dueDate == world.now + .minutes(90))
    #expect(task.taskData["rule_id"]?.id == rule)
    #expect(task.dedupeKey == "rule:\(rule):\(w):5")
    #expect(task.createdAt == world.now)
    #expect(world.events.contains { $0.eventType == .taskAssigned && $0.seq == world.seq })
    #expect(world.runs(rule) == ["matched"])
    // The case's own history has the step of the person who took it.
    #expect(world.actions(w).last?.actorKind == .staff)
    #expect(world.actions(w).last?.ruleID == nil)
  }

  @Test func `has keys that nobody else can take`() throws {
    let w = try world.lead()
    for key in ["rule:\(world.newID()):\(w):1", "followup:\(w)"] {
      var task = CreateTask(workflow: w, type: .reviewRequest)
      task.dedupeKey = key
      #expect(world.refusal(.createTask(task), as: .s1)?.details["path"] == "args.dedupeKey")
    }
  }

  @Test func `tells staff in their language, each once`() throws {
    try world.rule(
      at: .treatmentScheduled, by: .checkIn, .notify,
      [
        "to": "beautician", "title": ["th": "มาแล้ว", "en": "Here"], "message": "{customerName}: {treatmentName}",
        "priority": "high", "expiresHours": 2,
      ])
    let w = try world.scheduled()
    #expect(!world.bell(.b1).contains { $0.title == "มาแล้ว" })
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    let told = world.bell(.b1).filter { $0.title == "มาแล้ว" }
    #expect(told.map(\.message) == ["Malee: ไฮดรา เฟเชียล"])
    #expect(told.first?.priority == .high)
    #expect(told.first?.expiresAt == world.now + .hours(2))
    #expect(told.first?.metadata["workflow_id"]?.id == w)
  }

  @Test func `tells leaders, a role, one person or the customer`() throws {
    for to: JSON in ["leaders", "sales_staff", .id(world.id(.b2)), "customer", "sales"] {
      try world.rule(at: .leadCreated, .notify, ["to": to, "title": .string("to \(to.text)"), "message": "m"])
    }
    let w = try world.lead(as: .s1)
    func told(_ text: String) -> Set<ID> {
      Set(
        world.rows.all(Notification.self).filter { $0.title == "to \(text)" }.compactMap { $0.userID ?? $0.customerID })
    }
    #expect(told("\"leaders\"") == [world.user(.o1), world.user(.a1)])
    #expect(told("\"sales_staff\"") == [world.user(.s1), world.user(.s2), world.user(.desk)])
    #expect(told("\"\(world.id(.b2))\"") == [world.user(.b2)])
    #expect(told("\"sales\"") == [world.user(.s1)])
    #expect(told("\"customer\"") == [try world.workflow(w).customerID])
  }

  @Test func `leaves a customer alone who wants no contact`() throws {
    let rule = try world.rule(at: .scanned, .notify, ["to": "customer", "title": "t", "message": "m"])
    let w = try world.lead()
    let customer = try world.workflow(w).customerID
    let preferences = try #require(world.rows.of(CustomerPreferences.self, customer: customer).first)
    try world.tamper(CustomerPreferences.self, preferences.id) { $0.doNotContact = true }
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
    #expect(world.runs(rule) == ["skipped do_not_contact"])
    #expect(!world.rows.all(Notification.self).contains { $0.customerID == customer })
  }

  @Test func `awards points under its own key, up to the clinic's month`() throws {
    try world.run(.updateAutomationSettings(bonusPointsPerMonth: 100), as: .o1)
    let rule = try world.rule(at: .paymentConfirmed, .awardBonus, ["points": 60, "description": "Hello"])
    let w = try world.paid()
    let customer = try world.workflow(w).customerID
    #expect(world.ledger(customer).contains("rule:\(rule):\(w):2 +60 bonus"))
    _ = try world.paid("Nok", phone: "0899999999")
    #expect(world.runs(rule) == ["matched", "skipped bonus_cap"])
    try world.advance(.days(31))
    _ = try world.paid("Ploy", phone: "0888888888")
    #expect(world.runs(rule).last == "matched")
  }

  @Test func `adds a tag once`() throws {
    let rule = try world.rule(at: .leadCreated, .addTag, ["tag": "ใหม่"])
    let w = try world.lead()
    #expect(try world.tags(w) == ["ใหม่"])
    try world.run(.cancel(w), as: .s1)
    _ = try world.lead()
    #expect(world.runs(rule) == ["matched", "skipped already"])
    #expect(try world.tags(w) == ["ใหม่"])
  }

  @Test func `moves a case by the actions that it may take`() throws {
    let rule = try world.rule("close", at: .followUp, .transition, ["action": "close_case"])
    let w = try world.treated()
    for task in world.rows.of(AuraDomain.Task.self, w) where task.status.isOpen {
      try world.run(.completeTask(TaskStep(task.id)), as: .o1)
    }
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1)
    let last = try #require(world.actions(w).last)
    #expect(last.type == .closeCase)
    #expect(last.actorKind == .rule)
    #expect(last.ruleID == rule)
    #expect(last.performedBy == nil)
    #expect(try world.workflow(w).status == .closed)
    #expect(world.events.contains { $0.eventType == .stageChanged && $0.eventData["rule_id"]?.id == rule })
    let history = try world.ask(.workflowHistory(workflow: w), as: .s1)["actions"]?.array
    #expect(history?.last?["rule_name"] == "close")
    #expect(world.rows.timers["workflow:\(w):close"] == nil)
  }

  @Test func `does not throw away somebody's work to close a case`() throws {
    let rule = try world.rule(at: .followUp, .transition, ["action": "close_case"])
    let w = try world.followedUp()
    #expect(world.runs(rule) == ["skipped open_tasks"])
    #expect(try world.workflow(w).currentStage == .followUp)
  }

  @Test func `sends a proposal at the treatment's price`() throws {
    let rule = try world.rule(at: .scanned, .transition, ["action": "send_proposal"])
    let w = try world.lead()
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
    let workflow = try world.workflow(w)
    #expect(workflow.currentStage == .proposalSent)
    #expect(workflow.treatmentPlan["total_st"] == 500_000)
    #expect(world.runs(rule) == ["matched"])
    #expect(world.tasks(.paymentReminder, of: w).count == 1)
  }

  // MARK: When it does

  @Test func `is asked about every stage that a command enters, also those it only passes`() throws {
    let passed = try world.rule(at: .paymentConfirmed, .addTag, ["tag": "paid"])
    let there = try world.rule(
      at: .paymentConfirmed, when: .when("stage", "eq", "payment_confirmed"), .addTag, ["tag": "to book"])
    let w = try world.scheduled()
    #expect(try world.workflow(w).currentStage == .treatmentScheduled)
    #expect(world.runs(passed) == ["matched"])
    #expect(world.runs(there) == [#"skipped conditions: stage eq "payment_confirmed""#])
    #expect(try world.tags(w) == ["paid"])
  }

  @Test func `waits for its action, if it names one`() throws {
    let booked = try world.rule(at: .treatmentScheduled, by: .scheduleAppointment, .addTag, ["tag": "booked"])
    let aborted = try world.rule(at: .treatmentScheduled, by: .abortTreatment, .addTag, ["tag": "aborted"])
    let w = try world.inTreatment()
    #expect(world.runs(booked) == ["matched"])
    #expect(world.runs(aborted) == [])
    try world.run(.abort(w), as: .b1)
    #expect(world.runs(booked) == ["matched"])
    #expect(world.runs(aborted) == ["matched"])
    // Moving an appointment enters no stage.
    try world.run(.schedule(w, at: world.now + .hours(5)), as: .b1)
    #expect(world.runs(booked) == ["matched"])
  }

  @Test func `that is switched off is not asked`() throws {
    let rule = try world.rule(at: .leadCreated, .addTag, ["tag": "x"]) { $0.active = false }
    try world.lead()
    #expect(world.runs(rule) == [])
  }

  @Test func `sees the case as the command has left it`() throws {
    let rule = try world.rule(
      at: .treatmentCompleted,
      when: [
        "all": [
          .when("visits", "eq", 1), .when("points", "gte", 650), .when("spend_st", "eq", 500_000),
          .when("paid_st", "eq", 500_000), .when("from_stage", "eq", "in_treatment"),
          .when("action", "eq", "complete_treatment"), .when("tier", "lt", "silver"),
          .when("treatment_id", "eq", .id(world.t1)), .when("price_st", "lte", 500_000), .when("weekday", "eq", 1),
          .when("hour", "eq", 10), .when("age", "exists", false), .when("language", "in", ["th", "en"]),
          .when("days_since_last_visit", "eq", 0), .when("has_beautician", "eq", true),
          .when("customer_status", "eq", "active"), .when("open_tasks", "gte", 1), .when("minutes_in_stage", "eq", 0),
        ]
      ], .addTag, ["tag": "first"])
    let w = try world.treated()
    #expect(world.runs(rule) == ["matched"])
    #expect(try world.tags(w) == ["first"])
  }

  @Test func `knows birthdays and ages by the clinic's calendar`() throws {
    let rules = try [0, 1, 364].map { days in
      try world.rule(
        at: .leadCreated,
        when: [
          "all": [.when("days_to_birthday", "eq", .integer(days)), .when("age", "eq", .integer(days == 0 ? 30 : 29))]
        ],
        .addTag, ["tag": .string("\(days)")])
    }
    for (day, name) in ["1996-02-02", "1996-02-03", "1996-02-01"].enumerated() {
      var details = CustomerDetails(name: "N\(day)", phone: "081111111\(day)")
      details.dateOfBirth = name
      try world.run(.initialize(Initialize(customer: details)), as: .s1)
    }
    #expect(rules.map { world.runs($0).map { $0.prefix(7) } }.map { $0.firstIndex(of: "matched") } == [0, 1, nil])
    // Whose birthday was yesterday is thirty, and waits for a year.
    let last = try world.rule(
      at: .leadCreated, when: ["all": [.when("days_to_birthday", "eq", 364), .when("age", "eq", 30)]], .addTag,
      ["tag": "x"])
    var details = CustomerDetails(name: "N9", phone: "0811111119")
    details.dateOfBirth = "1996-02-01"
    try world.run(.initialize(Initialize(customer: details)), as: .s1)
    #expect(world.runs(last) == ["matched"])
  }

  @Test func `knows the birthday of who was born on 29 February`() throws {
    let rule = try world.rule(
      at: .leadCreated, when: .when("days_to_birthday", "eq", 0), .addTag, ["tag": "x"])
    let soon = try world.rule(at: .leadCreated, when: .when("days_to_birthday", "eq", 1), .addTag, ["tag": "y"])
    let late = try world.rule(at: .leadCreated, when: .when("days_to_birthday", "eq", 364), .addTag, ["tag": "z"])
    // Kept on the first of March where there is no such day, as everything else is.
    for (days, number) in [(26, 1), (27, 2), (28, 3)] {
      try world.advance(to: World.start + .days(days))
      var details = CustomerDetails(name: "N\(number)", phone: "081111111\(number)")
      details.dateOfBirth = "1996-02-29"
      try world.run(.initialize(Initialize(customer: details)), as: .s1)
    }
    #expect([soon, rule, late].map { world.runs($0).firstIndex(of: "matched") } == [0, 1, 2])
  }

  @Test func `knows an appointment that has begun from one that is to come`() throws {
    let late = try world.rule(
      at: .treatmentScheduled, when: .when("hours_to_appointment", "lt", 0), .addTag, ["tag": "late"])
    _ = try world.scheduled(at: world.now + .minutes(10))
    _ = try world.scheduled("Nok", phone: "0899999999", beautician: .b2, at: world.now - .minutes(10))
    #expect(world.runs(late) == ["skipped conditions: hours_to_appointment lt 0", "matched"])
  }

  // MARK: What is refused when it is saved

  @Test func `is held to the clinic's rows and the state machine when it is saved`() throws {
    let nobody = JSON.id(world.newID())
    for (stage, action, conditions, target, data, path):
      (
        Stage, ActionType?, JSON, AutomationTargetAction, JSON, String
      ) in [
        (.scanned, .closeCase, [:], .addTag, ["tag": "x"], "triggerAction"),
        (.scanned, .correct, [:], .addTag, ["tag": "x"], "triggerAction"),
        (.scanned, nil, .when("mood", "eq", 1), .addTag, ["tag": "x"], "conditions.field"),
        (.scanned, nil, .when("treatment_id", "eq", nobody), .addTag, ["tag": "x"], "conditions"),
        (.scanned, nil, [:], .addTag, [:], "targetData.tag"),
        (.scanned, nil, [:], .addTag, ["tag": "x", "y": 1], "targetData.y"),
        (.scanned, nil, [:], .createTask, ["type": "perform_treatment"], "targetData.type"),
        (.scanned, nil, [:], .createTask, ["type": "x"], "targetData.type"),
        (.scanned, nil, [:], .createTask, ["type": "review_request", "assignTo": nobody], "targetData.assignTo"),
        (.scanned, nil, [:], .createTask, ["type": "review_request", "title": "{phone}"], "targetData.title"),
        (.completed, nil, [:], .createTask, ["type": "review_request"], "targetAction"),
        (.scanned, nil, [:], .notify, ["to": "everyone", "title": "t", "message": "m"], "targetData.to"),
        (.scanned, nil, [:], .notify, ["to": "sales", "title": ["fr": "t"], "message": "m"], "targetData.title"),
        (.scanned, nil, [:], .awardBonus, ["points": 1_001], "targetData.points"),
        (.scanned, nil, [:], .scheduleFollowUp, ["followUpRuleId": nobody], "targetData.followUpRuleId"),
        (.scanned, nil, [:], .transition, ["action": "close_case"], "targetData.action"),
        (.scanned, nil, [:], .transition, ["action": "confirm_payment"], "targetData.action"),
      ]
    {
      var rule = AutomationRuleDetails()
      rule.name = "x"
      rule.triggerStage = stage
      rule.triggerAction = action.map { .action($0) }
      rule.conditions = conditions
      rule.targetAction = target
      rule.targetData = data
      let refusal = world.refusal(.createAutomationRule(rule), as: .o1)
      #expect(refusal?.details["path"]?.string == "args.\(path)", "\(path): \(refusal?.message ?? "accepted")")
    }
    #expect(world.rows.all(AutomationRule.self).isEmpty)
  }

  @Test func `is an owner's or admin's to write`() throws {
    var rule = AutomationRuleDetails()
    rule.active = false
    let id = try world.rule(at: .scanned, .addTag, ["tag": "x"])
    for person in [World.Person.s1, .b1, .desk] {
      #expect(world.refusal(.createAutomationRule(rule), as: person)?.code == .forbidden)
      #expect(world.refusal(.updateAutomationRule(rule: id, rule), as: person)?.code == .forbidden)
      #expect(throws: Refusal.self) { try world.ask(.automationRules, as: person) }
      #expect(throws: Refusal.self) { try world.ask(.automationRuns(AutomationRunFilter()), as: person) }
      #expect(throws: Refusal.self) { try world.ask(.dryRunAutomation(AutomationDryRun(.saved(id))), as: person) }
    }
    try world.changeRule(id, as: .a1) { $0.active = false }
    #expect(world.refusal(.updateAutomationRule(rule: world.newID(), rule), as: .o1)?.code == .notFound)
  }

  @Test func `is one of a hundred that are active, and of five hundred in all`() throws {
    var first: ID?
    for number in 0..<500 {
      let id = try world.rule("r\(number)", at: .completed, .addTag, ["tag": "x"]) { $0.active = number < 100 }
      first = first ?? id
    }
    var more = AutomationRuleDetails()
    more.name = "more"
    more.triggerStage = .completed
    more.targetAction = .addTag
    more.targetData = ["tag": "x"]
    #expect(world.refusal(.createAutomationRule(more), as: .o1)?.details["path"] == "args.name")
    let off = try #require(world.rows.all(AutomationRule.self).last?.id)
    var on = AutomationRuleDetails()
    on.active = true
    #expect(world.refusal(.updateAutomationRule(rule: off, on), as: .o1)?.details["path"] == "args.active")
    try world.changeRule(try #require(first)) { $0.active = false }
    try world.run(.updateAutomationRule(rule: off, on), as: .o1)
  }

  @Test func `changes in part, and tells what has become wrong with it`() throws {
    let rule = try world.rule(
      at: .scanned, by: .scanCustomer, .createTask, ["type": "review_request", "assignTo": .id(world.id(.s2))])
    try world.changeRule(rule) { $0.triggerAction = .any }
    #expect(try world.stored(rule).triggerAction == nil)
    #expect(try world.stored(rule).triggerStage == .scanned)
    try world.run(.revokeMembership(RevokeMembership(staff: world.id(.s2))), as: .o1)
    let listed = try world.ask(.automationRules, as: .o1)["rules"]?.array ?? []
    #expect(listed.count == 1)
    #expect(listed[0]["problem"]?.string?.contains("no longer with the clinic") == true)
    // What is wrong can still be switched off, and not be switched on again.
    try world.changeRule(rule) { $0.active = false }
    var on = AutomationRuleDetails()
    on.active = true
    #expect(world.refusal(.updateAutomationRule(rule: rule, on), as: .o1)?.code == .badRequest)
  }

  @Test func `gives the work of somebody who has left to the pool`() throws {
    let rule = try world.rule(
      at: .leadCreated, .createTask, ["type": "review_request", "assignTo": .id(world.id(.s2))])
    try world.run(.revokeMembership(RevokeMembership(staff: world.id(.s2))), as: .o1)
    let w = try world.lead()
    #expect(world.runs(rule) == ["matched"])
    #expect(world.tasks(.reviewRequest, of: w).map(\.assignedTo) == [nil])
  }
}

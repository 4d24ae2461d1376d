import Testing

@testable import AuraDomain

@Suite struct `A rule that fails` {
  let world = World()

  private func scan(_ w: ID) throws {
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
  }

  /// A lead without a treatment: nothing tells a price.
  private func unpriced(_ number: Int) throws -> ID {
    let lead = Initialize(customer: CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)"))
    return try #require(try world.run(.initialize(lead), as: .s1)["workflowId"]?.id)
  }

  @Test func `fails alone: the command goes on, and nothing half-done stays`() throws {
    let rule = try world.rule(at: .scanned, .transition, ["action": "send_proposal"])
    let next = try world.rule(at: .scanned, .addTag, ["tag": "after"])
    let w = try unpriced(1)
    try scan(w)
    #expect(try world.workflow(w).currentStage == .scanned)
    #expect(world.runs(rule) == ["error bad_request: Nothing tells a price: the case has no treatment."])
    #expect(world.runs(next) == ["matched"])
    #expect(try world.stored(rule).failureCount == 1)
    #expect(world.actions(w).map(\.type) == [.initialize, .scanCustomer])
    #expect(world.tasks(.paymentReminder, of: w).isEmpty)
  }

  @Test func `undoes its own changes only`() throws {
    // The posting and its achievement are made before the tag list is found full.
    try world.rule("points", at: .scanned, .awardBonus, ["points": 10])
    let tag = try world.rule("tag", at: .scanned, .addTag, ["tag": "one more"])
    let w = try unpriced(1)
    try world.change(world.customer(of: w)) { $0.tags = .array((0..<50).map { .string("t\($0)") }) }
    try scan(w)
    #expect(world.runs(tag) == ["error bad_request: A customer has at most 50 tags."])
    #expect(world.ledger(try world.customer(of: w)).count == 2)
    #expect(try world.tags(w).array?.count == 50)
  }

  @Test func `fifty times an hour is switched off, and owners and admins are told`() throws {
    let rule = try world.rule("broken", at: .scanned, .transition, ["action": "send_proposal"])
    for number in 0..<49 { try scan(try unpriced(number)) }
    #expect(try world.stored(rule).active)
    #expect(try world.stored(rule).failureCount == 49)
    // Whoever gives it the rest is told as well.
    let last = try unpriced(49)
    var step = ScanCustomer(step: WorkflowStep(last), results: ["a": 1])
    step.consent = ConsentGiven()
    try world.run(.scanCustomer(step), as: .o1)
    let after = try world.stored(rule)
    #expect(!after.active)
    #expect(after.disabledReason?.hasPrefix("50 failures within an hour") == true)
    for leader in [World.Person.o1, .a1] {
      #expect(world.bell(leader).count { $0.type == "rule_disabled" } == 1)
    }
    #expect(world.events.contains { $0.eventType == .ruleDisabled && $0.eventData["rule_id"]?.id == rule })
    try scan(try unpriced(50))
    #expect(world.runs(rule).count == 50)

    // Switched on again, it begins at nothing.
    try world.changeRule(rule) { $0.active = true }
    #expect(try world.stored(rule).failureCount == 0)
    #expect(try world.stored(rule).disabledReason == nil)
    try scan(try unpriced(51))
    #expect(try world.stored(rule).active)
    #expect(try world.stored(rule).failureCount == 1)
  }

  @Test func `now and then goes on failing`() throws {
    let rule = try world.rule(at: .scanned, .transition, ["action": "send_proposal"])
    for number in 0..<120 {
      try scan(try unpriced(number))
      try world.advance(.minutes(2))
    }
    #expect(try world.stored(rule).active)
    #expect(world.runs(rule).count == 120)
    #expect(try world.stored(rule).failureCount <= 30)
  }

  @Test func `with a field that nobody knows matches nothing, and is flagged`() throws {
    let rule = try world.rule(at: .scanned, .addTag, ["tag": "x"])
    try world.tamper(AutomationRule.self, rule) { $0.conditions = ["not": .when("mood", "eq", "bad")] }
    let w = try unpriced(1)
    try scan(w)
    #expect(world.runs(rule) == ["skipped unknown_field"])
    #expect(try world.tags(w) == [])
    let listed = try world.ask(.automationRules, as: .o1)["rules"]?.array?.first
    #expect(listed?["problem"]?.string?.contains("there is no field mood") == true)
    #expect(try world.stored(rule).active)
  }

  private static let nonsense: [(String, JSON)] = [
    ("conditions", ["all": 5]), ("conditions", ["field": "visits"]), ("target_action", "explode"),
    ("target_data", ["tag": 5]), ("target_data", []),
  ]

  @Test(arguments: nonsense)
  func `because somebody has written nonsense into it does no harm`(column: String, value: JSON) throws {
    let rule = try world.rule(at: .scanned, .addTag, ["tag": "x"])
    try world.tamper(AutomationRule.self, rule) { row in
      switch column {
      case "conditions": row.conditions = value
      case "target_action": row.targetAction = value.string ?? ""
      default: row.targetData = value
      }
    }
    let w = try unpriced(1)
    try scan(w)
    #expect(world.runs(rule).first?.hasPrefix("error bad_request") == true)
    #expect(try world.workflow(w).currentStage == .scanned)
  }

  @Test func `for a reason that is not its own fails the command`() throws {
    struct DiskIsFull: Error {}
    final class FullRows: ClinicRows {
      let rows: MemoryRows
      init(_ rows: MemoryRows) { self.rows = rows }
      var clinicID: ID { rows.clinicID }
      func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? { try rows.row(type, id) }
      func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
        if R.table == .loyaltyProfiles { throw DiskIsFull() }
        return try rows.rows(type, selection)
      }
      func counter(_ name: String) throws -> Int { try rows.counter(name) }
      func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] { [] }
      func undo(_ workflow: ID) throws -> JSON? { nil }
      func user(_ id: ID) throws -> User? { try rows.user(id) }
      func userExists(_ id: ID) throws -> Bool { try rows.userExists(id) }
      func activeUser(email: String) throws -> ID? { try rows.activeUser(email: email) }
    }
    let w = try unpriced(1)
    try world.rule(at: .scanned, when: .when("tier", "eq", "gold"), .addTag, ["tag": "x"])
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    var draft = Draft(
      rows: FullRows(world.rows), actor: world.actor(.s1), now: world.now, seq: 99, ids: IDGenerator())
    #expect(throws: DiskIsFull.self) { try decide(.scanCustomer(scan), &draft) }
  }
}

@Suite struct `What is taken back` {
  let world = World()

  @Test func `takes the rules' tasks with it, unless somebody has begun them`() throws {
    try world.rule("a", at: .treatmentScheduled, by: .scheduleAppointment, .createTask, ["type": "review_request"])
    try world.rule(
      "b", at: .treatmentScheduled, by: .scheduleAppointment, .createTask,
      ["type": "customer_follow_up", "assignTo": "sales"])
    let w = try world.paid()
    try world.run(.schedule(w, at: world.now + .hours(3), world.id(.b1)), as: .b1)
    let begun = try #require(world.tasks(.customerFollowUp, of: w).first)
    try world.run(.startTask(TaskStep(begun.id)), as: .s1)
    try world.run(.correct(WorkflowStep(w)), as: .b1)
    #expect(world.tasks(.reviewRequest, of: w).map(\.status) == [.cancelled])
    #expect(world.tasks(.customerFollowUp, of: w).map(\.status) == [.inProgress])
    // Done again, it is another entry.
    try world.run(.schedule(w, at: world.now + .hours(4), world.id(.b1)), as: .b1)
    #expect(world.tasks(.reviewRequest, of: w).map(\.status) == [.cancelled, .pending])
  }

  @Test func `stays where rules have given points for it`() throws {
    try world.rule(at: .inTreatment, .awardBonus, ["points": 10])
    let w = try world.inTreatment()
    let refusal = try #require(world.refusal(.correct(WorkflowStep(w)), as: .b1))
    #expect(refusal.details["followed_by"] == "points")
  }
}

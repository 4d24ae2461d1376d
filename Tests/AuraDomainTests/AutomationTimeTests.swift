import Testing

@testable import AuraDomain

@Suite struct `A rule with a delay` {
  let world = World()

  private func timers() -> [PlannedTimer] { world.rows.timers.values.filter { $0.kind == .automation } }

  @Test func `is planned with the move and done when its time has come`() throws {
    let rule = try world.rule(at: .treatmentCompleted, .addTag, ["tag": "ask"], delay: 180)
    let w = try world.treated()
    #expect(try world.tags(w) == [])
    #expect(world.runs(rule) == ["planned"])
    #expect(timers().map(\.dedupe) == ["rule:\(rule):\(w):5"])
    try world.advance(.minutes(179))
    #expect(try world.tags(w) == [])
    try world.advance(.minutes(1))
    #expect(try world.tags(w) == ["ask"])
    #expect(world.runs(rule) == ["planned", "matched"])
    #expect(timers().isEmpty)
  }

  @Test func `is not planned where its conditions do not hold`() throws {
    let rule = try world.rule(
      at: .treatmentCompleted, when: .when("visits", "gte", 5), .addTag, ["tag": "x"], delay: 10)
    _ = try world.treated()
    #expect(timers().isEmpty)
    #expect(world.runs(rule) == ["skipped conditions: visits gte 5"])
  }

  @Test func `asks everything again when its time has come`() throws {
    for (why, change): (String, (World, ID, ID) throws -> Void) in [
      (
        "skipped left_stage",
        { world, w, _ in try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1) }
      ),
      ("skipped inactive", { world, _, rule in try world.changeRule(rule) { $0.active = false } }),
      ("skipped rule_changed", { world, _, rule in try world.changeRule(rule) { $0.triggerStage = .followUp } }),
      ("skipped left_stage", { world, w, _ in try world.run(.cancel(w, .forfeit), as: .o1) }),
      (
        #"skipped conditions: not tags contains "vip""#,
        { world, w, _ in try world.change(world.customer(of: w)) { $0.tags = ["vip"] } }
      ),
    ] {
      let world = World()
      let rule = try world.rule(
        at: .treatmentCompleted, when: ["not": .when("tags", "contains", "vip")], .addTag, ["tag": "x"], delay: 60)
      let w = try world.treated()
      try change(world, w, rule)
      try world.advance(.hours(2))
      #expect(world.runs(rule) == ["planned", why])
    }
  }

  @Test func `knows that a case has come back to the stage as another visit to it`() throws {
    let rule = try world.rule(at: .treatmentScheduled, .addTag, ["tag": "x"], delay: 60)
    let w = try world.scheduled(at: world.now)
    try world.run(.start(w), as: .b1)
    try world.run(.abort(w), as: .b1)
    #expect(world.runs(rule) == ["planned", "planned"])
    #expect(timers().count == 2)
    try world.advance(.minutes(60))
    #expect(world.runs(rule).sorted() == ["matched", "planned", "planned", "skipped left_stage"])
  }

  @Test func `is not troubled by a slip of the finger that was taken back`() throws {
    let rule = try world.rule(at: .treatmentScheduled, .addTag, ["tag": "x"], delay: 60)
    let w = try world.scheduled(at: world.now)
    try world.run(.start(w), as: .b1)
    try world.run(.correct(WorkflowStep(w)), as: .b1)
    #expect(try world.workflow(w).currentStage == .treatmentScheduled)
    try world.advance(.minutes(60))
    #expect(world.runs(rule) == ["planned", "matched"])
  }

  @Test func `that waits for an entry that was taken back does nothing`() throws {
    let rule = try world.rule(at: .inTreatment, .addTag, ["tag": "x"], delay: 5)
    let w = try world.inTreatment()
    try world.run(.correct(WorkflowStep(w)), as: .b1)
    try world.run(.start(w), as: .b1)
    try world.advance(.minutes(5))
    #expect(world.runs(rule) == ["planned", "planned", "skipped left_stage", "matched"])
  }

  @Test func `waits anew where a cancelled case is taken up again`() throws {
    let rule = try world.rule(at: .proposalSent, .createTask, ["type": "customer_follow_up"], delay: 60)
    let at = try world.rule(at: .scanned, by: .reopen, .addTag, ["tag": "back"])
    let propose = try world.rule(at: .scanned, .transition, ["action": "send_proposal"], delay: 1)
    let w = try world.lead()
    try scan(w)
    try world.run(.cancel(w), as: .s1)
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .scanned)
    #expect(world.runs(at) == ["matched"])
    try world.advance(.minutes(1))
    #expect(world.runs(propose) == ["planned", "planned", "skipped left_stage", "matched"])
    try world.run(.cancel(w), as: .s1)
    try world.advance(.minutes(10))
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    try world.advance(.minutes(59))
    #expect(world.runs(rule) == ["planned", "planned", "skipped left_stage"])
    try world.advance(.minutes(1))
    #expect(world.runs(rule).last == "matched")
    #expect(world.tasks(.customerFollowUp, of: w).count == 1)
  }

  @Test func `gives points once for a case, however often it is taken up again`() throws {
    let rule = try world.rule(at: .leadCreated, .awardBonus, ["points": 10])
    let w = try world.lead()
    for _ in 0..<3 {
      try world.run(.cancel(w), as: .s1)
      try world.run(.reopen(WorkflowStep(w)), as: .o1)
    }
    #expect(world.runs(rule) == ["matched", "skipped already", "skipped already", "skipped already"])
  }

  @Test func `is counted by a clock that was far ahead until that is set right, and by one that slips back`() throws {
    let tally = Tally(name: "rules:x")
    func count() throws -> Int {
      var count = 0
      try world.edit { draft in count = try tally.count(in: draft.dayPeriod(), draft) }
      return count
    }
    try world.edit { draft in try tally.add(5, in: draft.dayPeriod(), &draft) }
    let now = world.now
    world.now = now - .days(1)
    #expect(try count() == 5)
    world.now = now + .days(20_000)
    #expect(try count() == 0)
    try world.edit { draft in try tally.add(7, in: draft.dayPeriod(), &draft) }
    world.now = now
    #expect(try count() == 0)
    try world.edit { draft in try tally.add(2, in: draft.dayPeriod(), &draft) }
    #expect(try count() == 2)
  }

  @Test func `is planned on a day that is full, for one that is not`() throws {
    let rule = try world.rule(at: .followUp, .addTag, ["tag": "x"], delay: 2 * 1_440)
    let w = try world.treated()
    try world.edit { draft in
      try Tally(name: "rules:\(w)").add(20, in: draft.dayPeriod(), &draft)
    }
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1)
    #expect(world.runs(rule) == ["planned"])
    try world.advance(.days(2))
    #expect(world.runs(rule) == ["planned", "matched"])
  }

  @Test func `whose end falls into a slip of the finger looks again once that can no longer be taken back`() throws {
    let rule = try world.rule(at: .treatmentScheduled, .addTag, ["tag": "x"], delay: 60)
    let w = try world.scheduled(at: world.now + .hours(1))
    let other = try world.scheduled("Nok", phone: "0899999999", beautician: .b2, at: world.now + .hours(1))
    try world.advance(.minutes(55))
    try world.run(.start(w), as: .b1)
    try world.run(.start(other), as: .b2)
    try world.advance(.minutes(8))
    #expect(world.runs(rule) == ["planned", "planned"])
    try world.run(.correct(WorkflowStep(w)), as: .b1)
    try world.advance(.minutes(8))
    #expect(world.runs(rule) == ["planned", "planned", "matched", "skipped left_stage"])
    #expect(try world.tags(w) == ["x"] && world.tags(other) == [])
    #expect(timers().isEmpty)
  }

  private func scan(_ w: ID) throws {
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
  }

  @Test func `never fires early when the clock goes back`() throws {
    let rule = try world.rule(at: .treatmentCompleted, .addTag, ["tag": "x"], delay: 60)
    let w = try world.treated()
    let timer = try #require(timers().first)
    world.now = world.now - .hours(3)
    world.rows.removeTimer(timer.dedupe)
    #expect(try world.run(.fire(timer), actor: .system)["fired"] == false)
    #expect(timers() == [timer])
    #expect(world.runs(rule) == ["planned"])
    try world.advance(to: timer.due)
    #expect(try world.tags(w) == ["x"])
  }

  @Test func `fires once, also after weeks in which nobody was there`() throws {
    let rule = try world.rule(at: .treatmentCompleted, .createTask, ["type": "review_request"], delay: 60)
    // How late is too late is for the rule to say.
    let prompt = try world.rule(
      at: .treatmentCompleted, when: .when("minutes_in_stage", "lte", 120), .addTag, ["tag": "late"], delay: 61)
    let w = try world.treated()
    let timer = try #require(timers().first { $0.payload["rule_id"]?.id == rule })
    world.now = world.now + .days(30)
    world.rows.removeTimer(timer.dedupe)
    try world.run(.fire(timer), actor: .system)
    #expect(world.tasks(.reviewRequest, of: w).count == 1)
    // The row of a timer goes with its effect; were it there again, its key would still say no.
    try world.run(.fire(timer), actor: .system)
    #expect(world.tasks(.reviewRequest, of: w).count == 1)
    #expect(world.runs(rule) == ["planned", "matched", "skipped already"])
    try world.advance(.minutes(1))
    #expect(world.runs(prompt) == ["planned", "skipped conditions: minutes_in_stage lte 120"])
  }
}

@Suite struct `Rules that set each other off` {
  let world = World()

  /// Everything that a finished treatment leaves open, done.
  private func finishTasks(_ w: ID) throws {
    for task in world.rows.of(AuraDomain.Task.self, w) where task.status.isOpen {
      try world.run(.completeTask(TaskStep(task.id)), as: .o1)
    }
  }

  @Test func `follow one another to the third, and no further`() throws {
    let chain: [(String, Stage, AutomationTargetAction, JSON)] = [
      ("one", .scanned, .transition, ["action": "send_proposal"]),
      ("two", .proposalSent, .addTag, ["tag": "two"]),
    ]
    let rules = try chain.map { try world.rule($0.0, at: $0.1, $0.2, $0.3) }
    let w = try world.lead()
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
    #expect(rules.map { world.runs($0) } == [["matched"], ["matched"]])
    #expect(world.rows.audits.map { $0.detail["depth"] } == [0, 1])

    // A fourth would be caused by the third: it is told apart by the depth that its timer carries.
    let third = try world.rule("third", at: .proposalSent, .addTag, ["tag": "three"], delay: 1)
    let other = try world.lead("Nok", phone: "0899999999")
    scan.step = WorkflowStep(other)
    try world.run(.scanCustomer(scan), as: .s1)
    var timer = try #require(world.rows.timers.values.first { $0.kind == .automation })
    #expect(timer.payload["depth"] == 1)
    timer.payload.set("depth", 3)
    world.now = timer.due
    try world.run(.fire(timer), actor: .system)
    #expect(world.runs(third) == ["planned", "skipped depth"])
  }

  @Test func `stop at twenty a day for a case, and go on the day after`() throws {
    // Closing what staff opens again, and tagging what was closed: as often as anybody likes, if nothing stopped it.
    let close = try world.rule("close", at: .followUp, .transition, ["action": "close_case"])
    let tell = try world.rule("tell", at: .completed, .notify, ["to": "leaders", "title": "t", "message": "m"])
    let w = try world.treated()
    try finishTasks(w)
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1)
    for _ in 0..<11 where try world.workflow(w).status == .closed {
      try world.run(.reopen(WorkflowStep(w)), as: .o1)
    }
    #expect(world.runs(close).count { $0 == "matched" } == 10)
    #expect(world.runs(tell).count { $0 == "matched" } == 10)
    #expect(world.runs(close).last == "skipped daily_limit")
    #expect(try world.workflow(w).currentStage == .followUp)

    // Another case has a count of its own.
    let other = try world.treated("Nok", phone: "0899999999")
    try finishTasks(other)
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(other))), as: .s1)
    #expect(try world.workflow(other).status == .closed)

    // A clock that goes back begins no new day; the next day does.
    world.now = world.now - .days(1)
    try world.run(.reopen(WorkflowStep(other)), as: .o1)
    try world.run(.closeCase(WorkflowStep(w)), as: .o1)
    #expect(world.runs(tell).last == "skipped daily_limit")
    world.now = world.now + .days(2)
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).status == .closed)
  }

  @Test func `are each asked once of an entry`() throws {
    let rules = try (0..<5).map {
      try world.rule("r\($0)", at: .treatmentCompleted, .addTag, ["tag": .string("\($0)")])
    }
    let w = try world.inTreatment()
    try world.run(.complete(w), as: .b1)
    _ = try world.twice(.complete(w), as: .b1)
    for rule in rules { #expect(world.runs(rule) == ["matched"]) }
    #expect(try world.tags(w) == ["0", "1", "2", "3", "4"])
  }
}

@Suite struct `A clinic without rules` {
  /// Counts what is asked of the rules' table.
  private final class CountingRows: ClinicRows {
    private let rows: MemoryRows
    private(set) var looks = 0

    init(_ rows: MemoryRows) { self.rows = rows }

    var clinicID: ID { rows.clinicID }
    func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? {
      if R.table == .automationRules { looks += 1 }
      return try rows.row(type, id)
    }
    func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
      if R.table == .automationRules { looks += 1 }
      return try rows.rows(type, selection)
    }
    func counter(_ name: String) throws -> Int { try rows.counter(name) }
    func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] { [] }
    func undo(_ workflow: ID) throws -> JSON? { try rows.undo(workflow) }
    func user(_ id: ID) throws -> User? { try rows.user(id) }
    func userExists(_ id: ID) throws -> Bool { try rows.userExists(id) }
    func activeUser(email: String) throws -> ID? { try rows.activeUser(email: email) }
  }

  @Test func `pays one look for each stage that a command enters`() throws {
    let world = World()
    let w = try world.lead()
    func looks(_ command: Command, as person: World.Person) throws -> Int {
      let counting = CountingRows(world.rows)
      var draft = Draft(rows: counting, actor: world.actor(person), now: world.now, seq: 9, ids: IDGenerator())
      _ = try decide(command, &draft)
      return counting.looks
    }
    #expect(try looks(.confirmPayment(world.payment(w)), as: .s1) == 1)
    #expect(try looks(.confirmPayment(world.payment(w, at: world.now)), as: .s1) == 2)
    #expect(try looks(.createTask(CreateTask(workflow: w, type: .reviewRequest)), as: .s1) == 0)
    #expect(try looks(.reassign(Reassign(step: WorkflowStep(w), sales: world.id(.s2))), as: .o1) == 0)
    #expect(try looks(.markAllNotificationsRead(), as: .s1) == 0)
  }
}

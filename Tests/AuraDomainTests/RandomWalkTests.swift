import Testing

@testable import AuraDomain

/// Thousands of commands by random people on random cases, sensible or not, under a clock that also goes back: after
/// each, what must always hold is held against the rows.
@Suite struct `Whatever people do` {
  private static let seeds: ClosedRange<UInt64> = 1...16
  private static let commandsPerSeed = 260

  @Test(arguments: seeds)
  func `the clinic stays consistent`(seed: UInt64) throws {
    var walk = Walk(seed: seed)
    for step in 0..<Self.commandsPerSeed {
      do {
        try walk.step()
        try walk.check()
      } catch {
        Issue.record("seed \(seed), step \(step), \(walk.lastCommand): \(error)")
        return
      }
    }
    #expect(walk.accepted > Self.commandsPerSeed / 4, "seed \(seed) went nowhere: \(walk.accepted)")
  }

  @Test func `the same command on the same rows is decided the same`() throws {
    var walk = Walk(seed: 99)
    walk.world.decidesTwice = true
    for _ in 0..<Self.commandsPerSeed { try walk.step() }
  }

  @Test func `every action is reached`() throws {
    var reached = Set<ActionType>()
    for seed in Self.seeds {
      var walk = Walk(seed: seed)
      for _ in 0..<Self.commandsPerSeed { try walk.step() }
      reached.formUnion(walk.world.rows.all(WorkflowAction.self).map(\.type))
      if reached.count == ActionType.allCases.count { return }
    }
    #expect(reached == Set(ActionType.allCases))
  }
}

/// One clinic's random weeks; other walks put more into the clinic and look for more.
struct Walk {
  struct Inconsistent: Error, CustomStringConvertible {
    var description: String
  }

  let world: World
  var random: SplitMix64
  var workflows: [ID] = []
  var accepted = 0
  var lastCommand = ""

  init(seed: UInt64) {
    world = World(seed: seed)
    random = SplitMix64(state: seed &* 0x9E37)
    // Every other clinic writes to its customers, and nobody ever says what became of it.
    if seed % 2 == 0 { try? world.seedFollowUps() }
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  private mutating func pick<T>(_ list: [T]) -> T? { list.randomElement(using: &random) }

  mutating func step() throws {
    if chance(30) {
      lastCommand = "time"
      try world.advance(.minutes(Int.random(in: 0...180, using: &random)))
      if chance(3) { try world.advance(.days(Int.random(in: 1...8, using: &random))) }
      if chance(3) { world.now = world.now - .minutes(Int.random(in: 1...60, using: &random)) }
    }
    let command = try randomCommand()
    let person = chance(75) ? try suitable(command) : (pick(World.Person.allCases.filter { $0 != .customer }) ?? .o1)
    lastCommand = "\(person) \(command)"
    do {
      let result = try world.run(command, as: person, reason: chance(50) ? "so it is" : nil)
      accepted += 1
      if let id = result["workflowId"]?.id, !workflows.contains(id) { workflows.append(id) }
    } catch is Refusal {}
  }

  /// Somebody who is likely to be allowed.
  private func suitable(_ command: Command) throws -> World.Person {
    guard case .startTreatment(let start) = command,
      let beautician = try world.rows.row(Workflow.self, start.step.workflow)?.assignedBeauticianID
    else { return .o1 }
    return [World.Person.b1, .b2].first { world.id($0) == beautician } ?? .o1
  }

  private mutating func randomCommand() throws -> Command {
    if workflows.isEmpty || chance(6) {
      let name = pick(["Malee", "Nok", "Ploy", "Fah", "Dao", "Som"]) ?? ""
      var command = Initialize(customer: CustomerDetails(name: name, phone: pick(["0811111111", "0822222222"]) ?? ""))
      command.treatment = chance(80) ? world.t1 : world.laser
      return .initialize(command)
    }
    // Mostly what was touched last, so that cases get somewhere.
    let w = (chance(70) ? workflows.suffix(3).randomElement(using: &random) : pick(workflows)) ?? workflows[0]
    let workflow = try world.workflow(w)
    if chance(65) { return try nextStep(of: workflow) }
    return try anything(w)
  }

  /// What would lead the case on.
  private mutating func nextStep(of workflow: Workflow) throws -> Command {
    let w = workflow.id
    let step = WorkflowStep(w, reason: "why not")
    switch workflow.currentStage {
    case .leadCreated where chance(40):
      var scan = ScanCustomer(step: step, results: ["score": .integer(Int.random(in: 0...100, using: &random))])
      scan.consent = chance(80) ? ConsentGiven() : nil
      return .scanCustomer(scan)
    case .scanned where chance(60):
      return .sendProposal(SendProposal(step: step, plan: Plan(totalSt: 700_000)))
    case .leadCreated, .scanned, .proposalSent:
      let price = workflow.treatmentPlan["total_st"]?.integer ?? (workflow.treatmentID == world.t1 ? 500_000 : 900_000)
      return .confirmPayment(
        world.payment(
          w, beautician: chance(50) ? pick([.b1, .b2]) : nil, at: chance(50) ? slot() : nil, amountSt: price))
    case .paymentConfirmed: return chance(70) ? .schedule(w, at: slot(), chance(50) ? world.id(.b1) : nil) : start(w)
    case .treatmentScheduled:
      return pick([.checkIn(step), start(w), start(w), .noShow(step)]) ?? .checkIn(step)
    case .inTreatment: return chance(85) ? .complete(w) : .abort(w)
    case .treatmentCompleted: return .sendFollowUp(SendFollowUp(step: step))
    case .followUp: return chance(30) ? .closeCase(step) : .startCycle(StartCycle(step: step))
    case .completed: return .reopen(step)
    }
  }

  private mutating func start(_ w: ID) -> Command {
    var start = StartTreatment(step: WorkflowStep(w), takeover: chance(40))
    start.consent = chance(80) ? ConsentGiven() : nil
    return .startTreatment(start)
  }

  private mutating func slot() -> Instant { world.now + .minutes(15 * Int.random(in: -2...20, using: &random)) }

  private mutating func anything(_ w: ID) throws -> Command {
    let step = WorkflowStep(w, reason: chance(80) ? "why not" : nil)
    let task = pick(world.rows.of(Task.self, w).map(\.id)) ?? world.newID()
    let member = pick([World.Person.s1, .s2, .b1, .b2, .a1].map(world.id)) ?? world.id(.b1)
    switch Int.random(in: 0..<19, using: &random) {
    case 0: return .correct(step)
    case 1: return .reopen(step)
    case 2: return .cancel(Cancel(step: step, settlement: pick([.refund, .credit, .forfeit, nil]) ?? nil))
    case 3: return .reassign(Reassign(step: step, beautician: member, override: chance(50)))
    case 4: return .reassign(Reassign(step: step, sales: member))
    case 5: return .startTask(TaskStep(task, takeover: chance(30)))
    case 6: return .completeTask(TaskStep(task))
    case 7: return .claimTask(TaskStep(task))
    case 8:
      var update = UpdateTask(step: TaskStep(task, notes: "n"))
      update.status = pick([TaskStatus.pending, .inProgress, .completed, .cancelled, nil]) ?? nil
      update.assignedTo = chance(30) ? member : nil
      update.dueDate = chance(30) ? slot() : nil
      return .updateTask(update)
    case 9:
      var create = CreateTask(workflow: w, type: pick(TaskType.allCases) ?? .reviewRequest)
      create.dedupeKey = chance(30) ? "k" : nil
      return .createTask(create)
    case 10: return .setDuty(SetDuty(staff: member, duty: chance(60) ? .on : (pick(Duty.allCases) ?? .on)))
    case 11 where chance(30): return .revokeMembership(RevokeMembership(staff: member))
    case 12:
      return .addMember(AddMember(user: world.user(pick([.s1, .b1, .b2]) ?? .b1), role: chance(50) ? .staff : .sales))
    case 13: return .changeRole(ChangeRole(staff: world.id(.b1), role: .staff, skills: ["laser"]))
    case 14: return .markAllNotificationsRead()
    case 15: return .complete(w)
    case 16: return .checkIn(step)
    case 17: return .abortTreatment(step)
    default: return .schedule(w, at: slot(), member)
    }
  }

  // MARK: What must hold

  private func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Inconsistent(description: what()) }
  }

  func check() throws {
    for id in world.touched {
      let workflow = try world.workflow(id)
      let tasks = world.rows.of(Task.self, id)
      let seqs = world.actions(id).map(\.seq)
      try demand(seqs == Array(1...max(1, seqs.count)), "actions \(seqs)")
      try demand(workflow.version == seqs.count, "version \(workflow.version) after \(seqs.count) actions")
      try checkStage(workflow, tasks)
      try checkMoney(workflow)
      for task in tasks { try check(task) }
      try checkHistory(id)
    }
    world.touched = []
    try checkTimers()
  }

  private func checkStage(_ workflow: Workflow, _ tasks: [Task]) throws {
    let stage = workflow.currentStage
    try demand((workflow.status == .closed) == (stage == .completed), "\(stage) and \(workflow.status)")
    let open = tasks.filter { $0.taskType == .performTreatment && $0.status.isOpen }
    try demand(open.count <= 1, "\(open.count) open treatment tasks")
    if workflow.status != .active {
      try demand(!tasks.contains { $0.status.isOpen }, "open tasks of a case that is over")
    }
    guard workflow.status == .active else { return }
    if let task = open.first {
      try demand(
        [.paymentConfirmed, .treatmentScheduled, .inTreatment].contains(stage), "a treatment task in \(stage)")
      try demand(task.assignedTo == workflow.assignedBeauticianID, "the task and its case have different beauticians")
      try demand((task.status == .inProgress) == (stage == .inTreatment), "task \(task.status) in \(stage)")
    }
    if stage == .treatmentScheduled || stage == .inTreatment {
      try demand(open.count == 1, "no treatment task in \(stage)")
      try demand(workflow.scheduledStart != nil && workflow.scheduledEnd != nil, "no slot in \(stage)")
    }
    if stage == .inTreatment { try demand(workflow.assignedBeauticianID != nil, "nobody treats") }
    if stage.isBeforePayment { try demand(workflow.scheduledStart == nil, "an appointment before the payment") }
  }

  private func checkMoney(_ workflow: Workflow) throws {
    let sales = world.rows.of(PosTransaction.self, workflow.id)
    let paid = sales.filter { $0.type == .sale }.reduce(0) { $0 + $1.paidSt }
    let back = sales.filter { $0.type == .refund }.reduce(0) { $0 + $1.paidSt }
    try demand(back <= paid, "\(back) given back of \(paid)")
    let isPaid = sales.contains { $0.type == .sale && $0.paymentStatus == .paid }
    if workflow.status == .active && workflow.metadata["previous_workflow_id"] == nil {
      try demand(isPaid == !workflow.currentStage.isBeforePayment, "paid \(isPaid) in \(workflow.currentStage)")
    }
  }

  private func check(_ task: Task) throws {
    try demand(
      (task.status == .inProgress) == (task.startedAt != nil && task.status.isOpen),
      "\(task.status), started \(task.startedAt as Any)")
    try demand(
      (task.status == .completed) == (task.completedAt != nil), "\(task.status), completed \(task.completedAt as Any)")
    if let from = task.startedAt, let to = task.completedAt {
      try demand(to >= from, "completed before it was started")
    }
    if task.status == .pending && task.dueDate != nil && task.escalationLevel == 0 {
      try demand(world.rows.timers["task:\(task.id):overdue"] != nil, "nobody will tell of \(task.taskType)")
    }
    try demand(task.priorityRank == task.priority.rank, "rank \(task.priorityRank) of \(task.priority)")
  }

  private func checkTimers() throws {
    for timer in world.rows.timers.values {
      if let id = timer.payload["task_id"]?.id {
        try demand(try world.task(id).status == .pending, "a timer of a task that waits no more")
      }
      if timer.kind == .closeCase, let id = timer.payload["workflow_id"]?.id {
        let workflow = try world.workflow(id)
        try demand(
          workflow.status == .active && workflow.currentStage == .followUp,
          "a closing timer in \(workflow.currentStage)")
      }
    }
  }

  private func checkHistory(_ w: ID) throws {
    let history = try world.ask(.workflowHistory(workflow: w), as: .o1)
    for part in ["actions", "stages"] {
      for entry in history[part]?.array ?? [] {
        try demand(entry["duration_ms"]?.integer ?? 0 >= 0, "negative duration")
        try demand(entry["data"]?["undo"] == nil, "the undo note is in the history")
      }
    }
  }
}

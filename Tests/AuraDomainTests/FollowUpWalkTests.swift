import Testing

@testable import AuraDomain

/// A clinic's weeks at random: people who come, do not come, change their minds, answer, opt out and in, under gateways
/// that fail in every way, and a clock that jumps. After each step, what must always hold is held against the rows.
@Suite struct `Whatever becomes of messages` {
  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `each is taken once at most, and none by whom it should not reach`(seed: UInt64) throws {
    var walk = try FollowUpWalk(seed: seed)
    for step in 0..<280 {
      do {
        try walk.step()
        try walk.check()
      } catch {
        Issue.record("seed \(seed), step \(step), \(walk.last): \(error)")
        return
      }
    }
    // The gateways come back, and in time everything ends.
    walk.gateway.mood = { _ in .good }
    try walk.rest()
    try walk.check()
    try walk.checkEnds()
  }

  @Test func `every way of ending is reached`() throws {
    var reached = Set<ExecutionStatus>()
    var reasons = Set<String>()
    for seed in 1...8 as ClosedRange<UInt64> {
      var walk = try FollowUpWalk(seed: seed)
      for _ in 0..<280 {
        try walk.step()
        reached.formUnion(walk.world.rows.all(FollowUpExecution.self).map(\.status))
      }
      let all = walk.world.rows.all(FollowUpExecution.self)
      reasons.formUnion(all.filter { $0.status == .skipped || $0.status == .cancelled }.compactMap(\.lastError))
    }
    #expect(reached == Set(ExecutionStatus.allCases), "\(reached)")
    #expect(reasons.isSuperset(of: ["opt_out", "do_not_contact", "obsolete", "stale"]), "\(reasons)")
  }

  @Test func `the same steps on the same rows are decided the same`() throws {
    var walk = try FollowUpWalk(seed: 99)
    walk.world.decidesTwice = true
    for _ in 0..<120 { try walk.step() }
  }
}

private struct FollowUpWalk {
  struct Inconsistent: Error, CustomStringConvertible {
    var description: String
  }

  let world: World
  let gateway: FakeGateway
  var random: SplitMix64
  var cases: [ID] = []
  var last = ""
  /// Dispatches that `check` has seen.
  private var seen = 0
  /// Ids whose acceptance has been reported in time.
  private var accepted: Set<ID> = []

  init(seed: UInt64) throws {
    world = World(seed: seed)
    gateway = FakeGateway(world)
    random = SplitMix64(state: seed &* 0xF011)
    try world.seedFollowUps()
    let kindness = Int(seed % 4) * 20
    gateway.mood = { [world] dispatch in
      // Moods last: what is out of order now will be in an hour, mostly.
      let hours = world.now.milliseconds / 3_600_000 / 9
      var source = SplitMix64(state: seed &* 0x6A7E &+ UInt64(hours) &* 7 &+ UInt64(dispatch.channel.rawValue.count))
      if Int.random(in: 0..<100, using: &source) < kindness { return .good }
      return FakeGateway.Mood.allCases.randomElement(using: &source) ?? .good
    }
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  private mutating func pick<T>(_ list: [T]) -> T? { list.randomElement(using: &random) }

  private mutating func run(_ command: Command, as person: World.Person = .o1) {
    last = "\(command)"
    do {
      try world.run(command, as: person, reason: "so it is")
    } catch is Refusal {
    } catch {
      Issue.record("\(last): \(error)")
    }
    gateway.look()
  }

  mutating func step() throws {
    last = "time"
    if chance(60) { try gateway.advance(.minutes(Int.random(in: 1...900, using: &random))) }
    if chance(5) { try gateway.advance(.days(Int.random(in: 1...15, using: &random))) }
    // The clock goes back, or the clinic was shut for a while: what came due comes all at once.
    if chance(3) { world.now = world.now - .minutes(Int.random(in: 1...180, using: &random)) }
    if chance(3) { try outage(.minutes(Int.random(in: 10...4_000, using: &random))) }
    guard let w = pick(cases.suffix(6)), !chance(10) else { return try newcomer() }
    let workflow = try world.workflow(w)
    if chance(65) { return try lead(workflow) }
    try somethingElse(workflow)
  }

  private mutating func outage(_ span: Span) throws {
    last = "outage"
    world.now = world.now + span
    for timer in world.rows.timers.values.sorted(by: { ($0.due, $0.dedupe) < ($1.due, $1.dedupe) })
    where timer.due <= world.now && world.rows.timers[timer.dedupe]?.due == timer.due {
      world.rows.removeTimer(timer.dedupe)
      try world.run(.fire(timer), actor: .system)
    }
    gateway.look()
  }

  private mutating func newcomer() throws {
    let number = cases.count
    var details = CustomerDetails(name: "N\(number % 9)", phone: "08\(10_000_000 + number % 9)")
    details.dateOfBirth = "1990-0\(1 + number % 6)-1\(number % 10)"
    details.email = chance(50) ? "n\(number % 9)@example.org" : nil
    var command = Initialize(customer: details)
    command.treatment = world.t1
    guard let w = try? world.run(.initialize(command), as: .o1)["workflowId"]?.id else { return }
    if !cases.contains(w) { cases.append(w) }
    if chance(50) { try world.optIn(try world.customer(of: w)) }
  }

  private mutating func lead(_ workflow: Workflow) throws {
    let step = WorkflowStep(workflow.id, reason: "why not")
    switch workflow.currentStage {
    case .leadCreated where chance(50):
      var scan = ScanCustomer(step: step, results: ["a": 1])
      scan.consent = ConsentGiven()
      run(.scanCustomer(scan))
    case .scanned: run(.sendProposal(SendProposal(step: step, plan: Plan(totalSt: 700_000))))
    case .leadCreated, .proposalSent:
      let price = workflow.treatmentPlan["total_st"]?.integer ?? 500_000
      run(.confirmPayment(world.payment(workflow.id, beautician: nil, at: chance(60) ? slot() : nil, amountSt: price)))
    case .paymentConfirmed: run(.schedule(workflow.id, at: slot(), world.id(chance(50) ? .b1 : .b2)))
    case .treatmentScheduled:
      var start = StartTreatment(step: step)
      start.beautician = workflow.assignedBeauticianID
      run(chance(60) ? .startTreatment(start) : chance(50) ? .noShow(step) : .checkIn(step))
    case .inTreatment: run(chance(90) ? .complete(workflow.id) : .abort(workflow.id))
    case .treatmentCompleted, .followUp, .completed: run(.startCycle(StartCycle(step: step, treatment: world.t1)))
    }
    if let newest = world.rows.all(Workflow.self).last?.id, !cases.contains(newest) { cases.append(newest) }
  }

  private mutating func slot() -> Instant { world.now + .minutes(15 * Int.random(in: 0...300, using: &random)) }

  private mutating func somethingElse(_ workflow: Workflow) throws {
    let step = WorkflowStep(workflow.id, reason: "why not")
    let customer = workflow.customerID
    let message = pick(world.rows.of(FollowUpExecution.self, customer: customer))
    switch Int.random(in: 0..<15, using: &random) {
    case 0: run(.cancel(Cancel(step: step, settlement: pick([.refund, .credit, .forfeit]))))
    case 1: run(.reopen(step))
    case 2: run(.correct(step))
    case 3: run(.schedule(workflow.id, at: slot()))
    case 4: try world.prefer(customer) { $0.marketingOptIn = true }
    case 5:
      var details = PreferenceDetails(customer: customer)
      details.marketingOptIn = false
      run(.updatePreferences(details), as: .b1)
    case 6 where chance(40): try world.prefer(customer) { $0.doNotContact = true }
    case 7: try world.prefer(customer) { $0.doNotContact = false }
    case 8:
      let wish = pick(BestContactTime.allCases)
      let channels = [Channel.email, .sms, .whatsapp].shuffled(using: &random)
      let zone = pick(["Asia/Bangkok", "Europe/Berlin", "America/New_York"])
      try world.prefer(customer) {
        $0.bestContactTime = wish
        $0.channels = channels
        $0.timezone = zone
      }
    case 9, 10:
      guard let message else { return }
      var response = FollowUpResponse(execution: message.id)
      response.replyText = pick(["1", "2", "STOP", "ยกเลิก", "5", "hello"])
      response.opened = chance(50)
      response.sentiment = chance(30) ? .positive : nil
      run(.recordResponse(response))
    case 11:
      guard let message else { return }
      run(.cancelFollowUp(execution: message.id, reason: nil))
    case 12:
      guard let dead = world.rows.all(FollowUpExecution.self).last(where: { $0.status == .dead }) else { return }
      run(.requeueFollowUp(execution: dead.id))
    case 13:
      guard let rule = pick(world.rows.all(FollowUpRule.self)) else { return }
      var details = FollowUpRuleDetails()
      details.active = chance(80)
      run(.updateFollowUpRule(rule: rule.id, details))
    default:
      for task in world.rows.of(Task.self, workflow.id) where task.status.isOpen {
        run(.completeTask(TaskStep(task.id)))
      }
    }
    gateway.look()
  }

  /// Months without anybody doing anything.
  mutating func rest() throws {
    last = "rest"
    for rule in world.rows.all(FollowUpRule.self) {
      var details = FollowUpRuleDetails()
      details.active = true
      run(.updateFollowUpRule(rule: rule.id, details))
    }
    try gateway.advance(.days(120))
  }

  // MARK: What must hold

  private func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws {
    if !holds { throw Inconsistent(description: what()) }
  }

  mutating func check() throws {
    for dispatch in world.rows.dispatches[seen...] { try check(dispatch) }
    seen = world.rows.dispatches.count
    for execution in world.rows.all(FollowUpExecution.self) { try check(execution) }
    for (id, taken) in gateway.taken { try demand(taken.count == 1, "\(id) came by \(taken.map(\.channel))") }
    for timer in world.rows.timers.values where timer.kind == .followUp {
      let id = try #require(timer.payload["execution_id"]?.id)
      let execution = try world.execution(id)
      try demand(ExecutionStatus.open.contains(execution.status), "a timer for what is \(execution.status)")
    }
  }

  /// Nothing leaves for who has not agreed to it, at night, or twice.
  private func check(_ dispatch: Dispatch) throws {
    let execution = try world.execution(dispatch.execution)
    let rule = try #require(try world.rows.row(FollowUpRule.self, execution.ruleID))
    try demand(!dispatch.text.contains("{"), "a hole in \(dispatch.text)")
    try demand(!dispatch.address.isEmpty, "to nobody")
    try demand(dispatch.attempt <= execution.attempts, "try \(dispatch.attempt) of \(execution.attempts)")
    if rule.needsConsent {
      try demand(dispatch.optOutLink.map(dispatch.text.contains) == true, "advertising without a way out")
    }
  }

  private func check(_ execution: FollowUpExecution) throws {
    let what = "\(execution.dedupeKey) is \(execution.status)"
    try demand(
      (execution.status == .sending) == (execution.leaseUntil != nil), "\(what), lease \(execution.leaseUntil as Any)")
    try demand(
      ExecutionStatus.withCustomer.contains(execution.status) == (execution.executedAt != nil),
      "\(what), executed \(execution.executedAt as Any)")
    let timer = world.rows.timers["followup:\(execution.id)"]
    try demand(ExecutionStatus.open.contains(execution.status) == (timer != nil), "\(what), timer \(timer as Any)")
    if execution.status == .skipped || execution.status == .dead { try demand(execution.lastError != nil, what) }
    if let timer, execution.status != .sending { try demand(timer.due == execution.dueAt, "\(what), timer elsewhere") }
  }

  /// What was put off has come or gone; what was said to be sent is with the gateway once.
  func checkEnds() throws {
    for execution in world.rows.all(FollowUpExecution.self) {
      let ended: [ExecutionStatus] = [.sent, .delivered, .skipped, .cancelled, .dead]
      let isFarAhead = execution.scheduledAt > world.now
      try demand(ended.contains(execution.status) || isFarAhead, "\(execution.dedupeKey) is \(execution.status)")
      guard ExecutionStatus.withCustomer.contains(execution.status), execution.channel != .inApp,
        execution.channel != .call, execution.providerMessageID != nil
      else { continue }
      try demand(gateway.taken[execution.id]?.count == 1, "\(execution.id) was never taken")
      try demand(execution.providerMessageID == "p-\(execution.id)", "another message's id")
    }
  }
}

@Suite struct `Nobody who has opted out` {
  /// At the moment that anything leaves, the rows say that it may.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `is ever written to`(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let world = World(seed: seed)
    try world.seedFollowUps()
    let gateway = FakeGateway(world)
    gateway.mood = { _ in FakeGateway.Mood.allCases.randomElement(using: &random) ?? .good }
    var people = SplitMix64(state: seed &+ 1)
    var checked = 0
    var advertising = 0
    func examine() throws {
      for dispatch in world.rows.dispatches[checked...] {
        let execution = try world.execution(dispatch.execution)
        let rule = try #require(try world.rows.row(FollowUpRule.self, execution.ruleID))
        let preferences = try world.preferences(execution.customerID)
        #expect(!preferences.doNotContact, "\(rule.name) to somebody who wants nothing")
        if rule.needsConsent {
          advertising += 1
          #expect(preferences.marketingOptIn, "\(rule.name) without consent")
          let week = world.messages(to: execution.customerID).filter { other in
            guard other.id != execution.id else { return false }
            let at = other.status == .sending ? other.updatedAt : other.executedAt
            return at.map { $0 > world.now - .days(7) } ?? false
          }
          #expect(week.count < preferences.maxWeeklyContacts, "\(rule.name) after \(week.count) others")
        }
        let hour = ClinicCalendar(timezone: preferences.timezone).civil(world.now).hour
        #expect((8..<20).contains(hour), "\(rule.name) at \(hour) o'clock")
      }
      checked = world.rows.dispatches.count
    }
    var customers: [ID] = []
    for number in 0..<6 {
      var details = CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)")
      details.dateOfBirth = "1990-0\(2 + number % 4)-2\(number)"
      var lead = Initialize(customer: details)
      lead.treatment = world.t1
      let w = try #require(try world.run(.initialize(lead), as: .s1)["workflowId"]?.id)
      customers.append(try world.customer(of: w))
    }
    for _ in 0..<200 {
      let customer = customers.randomElement(using: &people) ?? customers[0]
      switch Int.random(in: 0..<8, using: &people) {
      case 0, 1: try world.optIn(customer)
      case 2: try world.prefer(customer) { $0.marketingOptIn = false }
      case 3: try world.prefer(customer) { $0.doNotContact = Bool.random(using: &people) }
      case 4:
        guard let message = world.messages(to: customer).last(where: { $0.attempts > 0 }) else { break }
        try world.respond(message.id) { $0.replyText = "ยกเลิก" }
      default:
        let row = try #require(try world.rows.row(Customer.self, customer))
        _ = try? world.treated(row.fullName, phone: row.phone ?? "")
      }
      try examine()
      // Minute by minute where something is on its way, so that each message is looked at as it leaves.
      let end = world.now + .hours(Int.random(in: 1...40, using: &people))
      while world.now < end {
        gateway.look()
        let timer = world.rows.timers.values.map(\.due).filter { $0 > world.now }.min() ?? end
        let report = gateway.reports.map(\.at).filter { $0 > world.now }.min() ?? end
        try gateway.advance(to: min(end, timer, report))
        try examine()
      }
    }
    #expect(advertising > 0)
    #expect(checked > 40, "\(checked)")
  }
}

@Suite struct `A month of a clinic` {
  @Test func `runs in seconds, and everybody hears what they should`() throws {
    let world = World(seed: 30)
    try world.seedFollowUps()
    let gateway = FakeGateway(world)
    var cases: [ID] = []
    for day in 0..<30 {
      let morning = World.start + .days(day)
      try gateway.advance(to: max(world.now, morning))
      for number in 0..<6 {
        let name = "D\(day) N\(number)"
        let w = try world.lead(name, phone: "08\(10_000_000 + day * 10 + number)")
        let customer = try world.customer(of: w)
        if number % 2 == 0 { try world.optIn(customer) }
        // Tomorrow's and the day after's appointments, four a beautician.
        let slot = morning + .days(1 + number % 2) + .hours(number / 2)
        try world.run(
          .confirmPayment(world.payment(w, beautician: number % 2 == 0 ? .b1 : .b2, at: slot)), as: .s1)
        cases.append(w)
      }
      for w in cases {
        let workflow = try world.workflow(w)
        guard workflow.status == .active, workflow.currentStage == .treatmentScheduled,
          let start = workflow.scheduledStart,
          start <= morning + .hours(3)
        else { continue }
        try gateway.advance(to: max(world.now, start))
        let beautician: World.Person = workflow.assignedBeauticianID == world.id(.b1) ? .b1 : .b2
        try world.run(.start(w), as: beautician)
        try gateway.advance(.minutes(45))
        try world.run(.complete(w), as: beautician)
        for task in world.rows.of(Task.self, w) where task.status.isOpen {
          try world.run(.completeTask(TaskStep(task.id)), as: .s1)
        }
      }
    }
    try gateway.advance(.days(20))
    let done = try cases.filter { try world.workflow($0).status == .closed }
    #expect(done.count > 160, "\(done.count) of \(cases.count)")
    for w in done {
      let customer = try world.customer(of: w)
      #expect(world.messages(to: customer, .postTreatment).map(\.status) == [.sent])
      #expect(world.messages(to: customer, .satisfactionSurvey).map(\.status) == [.sent])
      let optedIn = try world.preferences(customer).marketingOptIn
      #expect(world.messages(to: customer, .upsellOpportunity).map(\.status) == (optedIn ? [.sent] : []))
      #expect(!world.messages(to: customer, .appointmentReminder).isEmpty)
    }
    #expect(gateway.taken.count == world.rows.dispatches.count)
    #expect(gateway.taken.count > 600)
  }
}

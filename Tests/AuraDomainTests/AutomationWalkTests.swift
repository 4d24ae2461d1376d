import Testing

@testable import AuraDomain

/// The random weeks of a clinic that has rules of every kind, also ones that fail and ones that somebody switches on and
/// off: what holds without rules holds with them, and of the rules themselves what is promised.
@Suite struct `Whatever rules do` {
  private static let seeds: ClosedRange<UInt64> = 1...8
  private static let stepsPerSeed = 220

  @Test(arguments: seeds)
  func `the clinic stays consistent, and they within their limits`(seed: UInt64) throws {
    var walk = try RuledWalk(seed: seed)
    for step in 0..<Self.stepsPerSeed {
      do {
        try walk.step()
        try walk.check()
      } catch {
        Issue.record("seed \(seed), step \(step), \(walk.walk.lastCommand): \(error)")
        return
      }
    }
    #expect(walk.walk.accepted > Self.stepsPerSeed / 4, "seed \(seed) went nowhere")
    try walk.checkEnds()
  }

  @Test func `every outcome and every target is reached`() throws {
    var outcomes = Set<String>()
    var targets = Set<String>()
    for seed in Self.seeds {
      var walk = try RuledWalk(seed: seed)
      for _ in 0..<Self.stepsPerSeed { try walk.step() }
      for line in walk.world.rows.audits where line.kind == AutomationAudit.kind {
        let outcome = line.detail["outcome"]?.string ?? ""
        outcomes.insert(outcome)
        if outcome == "matched" { targets.insert(line.detail["target"]?.string ?? "") }
      }
    }
    #expect(outcomes == Set(RuleOutcome.allCases.map(\.rawValue)))
    #expect(targets == Set(AutomationTargetAction.allCases.map(\.rawValue)))
  }

  @Test func `the same command on the same rows is decided the same`() throws {
    var walk = try RuledWalk(seed: 99)
    walk.world.decidesTwice = true
    for _ in 0..<Self.stepsPerSeed { try walk.step() }
  }

  /// Rules come behind the command: whatever they do, or fail to do, it is accepted or refused as without them, and
  /// answered the same.
  @Test(arguments: UInt64(21)...22)
  func `no command is refused for their sake`(seed: UInt64) throws {
    var walk = try RuledWalk(seed: seed)
    let world = walk.world
    var compared = 0
    world.decided = { command, blank, outcome in
      if case .fire = command { return }
      var draft = Draft(
        rows: WithoutRules(world.rows), actor: blank.actor, now: blank.now, seq: blank.seq,
        commandKey: blank.commandKey, ids: blank.ids)
      draft.reason = blank.reason
      let without = Result { try decide(command, &draft) }
      switch (outcome, without) {
      case (.success(let with), .success(let without)): #expect(with == without, "\(command.name)")
      case (.failure(let with as Refusal), .failure(let without as Refusal)): #expect(with == without)
      default: Issue.record("\(command.name): \(outcome) with rules, \(without) without")
      }
      compared += 1
    }
    for _ in 0..<Self.stepsPerSeed { try walk.step() }
    #expect(compared > Self.stepsPerSeed / 2)
  }
}

/// A clinic's rows with no rule among them.
private final class WithoutRules: ClinicRows {
  private let rows: MemoryRows
  init(_ rows: MemoryRows) { self.rows = rows }

  var clinicID: ID { rows.clinicID }
  func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? { try rows.row(type, id) }
  func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
    R.table == .automationRules ? [] : try rows.rows(type, selection)
  }
  func counter(_ name: String) throws -> Int { try rows.counter(name) }
  func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] {
    try rows.audits(kind, before: before, limit: limit)
  }
  func undo(_ workflow: ID) throws -> JSON? { try rows.undo(workflow) }
  func user(_ id: ID) throws -> User? { try rows.user(id) }
  func userExists(_ id: ID) throws -> Bool { try rows.userExists(id) }
  func activeUser(email: String) throws -> ID? { try rows.activeUser(email: email) }
}

private struct RuledWalk {
  struct Inconsistent: Error, CustomStringConvertible {
    var description: String
  }

  var walk: Walk
  var random: SplitMix64
  let watch = Watch()
  var world: World { walk.world }
  private var rules: [ID] = []

  /// What the commits of one step have said.
  final class Watch {
    var faults: [String] = []
    var matched: [String: Int] = [:]
    var planned: [String: Int] = [:]
    var perDay: [String: Int] = [:]
  }

  init(seed: UInt64) throws {
    walk = Walk(seed: seed)
    random = SplitMix64(state: seed &* 0xA11C)
    try world.seedFollowUps()
    let message = try world.rule(.postTreatment) {
      $0.channels = [.inApp, .sms]
      $0.conditions = FollowUpConditions(["onRequest": true])
    }
    let task: JSON = ["type": "customer_follow_up", "title": "{customerName}", "dueMinutes": 60]
    let notice: JSON = ["to": "leaders", "title": "t", "message": "{treatmentName}", "expiresHours": 24]
    rules = [
      try world.rule("tag", at: .leadCreated, .addTag, ["tag": "new"]),
      try world.rule("propose", at: .scanned, .transition, ["action": "send_proposal"], delay: 30),
      try world.rule("chase", at: .proposalSent, .createTask, task, delay: 600),
      try world.rule("paid", at: .paymentConfirmed, .awardBonus, ["points": 25]),
      try world.rule("missed", at: .paymentConfirmed, by: .noShow, .createTask, task),
      try world.rule("here", at: .treatmentScheduled, by: .checkIn, .notify, notice),
      try world.rule("booked", at: .treatmentScheduled, when: .when("tier", "lt", "gold"), .notify, notice),
      try world.rule("begun", at: .inTreatment, .createTask, ["type": "review_request", "assignTo": "beautician"]),
      try world.rule("done", at: .treatmentCompleted, .scheduleFollowUp, ["followUpRuleId": .id(message)]),
      try world.rule("on", at: .treatmentCompleted, .transition, ["action": "send_follow_up"], delay: 120),
      try world.rule("thanks", at: .followUp, when: .when("visits", "gte", 2), .addTag, ["tag": "regular"]),
      try world.rule(
        "close", at: .followUp, when: .when("open_tasks", "lte", 1), .transition, ["action": "close_case"]),
      try world.rule("closed", at: .completed, .notify, ["to": "customer", "title": "t", "message": "m"]),
    ]
    try world.tamper(AutomationRule.self, rules[7]) { $0.targetData = ["type": "nonsense"] }
    rules.append(try world.rule("unknown", at: .scanned, .addTag, ["tag": "x"]))
    try world.tamper(AutomationRule.self, rules[13]) { $0.conditions = .when("mood", "eq", 1) }
    try world.run(.updateAutomationSettings(bonusPointsPerMonth: 400), as: .o1)
    world.committed = { [world, watch] in watch.look($0, world) }
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  mutating func step() throws {
    if chance(5), let rule = rules.randomElement(using: &random), rule != rules[7], rule != rules[13] {
      var change = AutomationRuleDetails()
      change.active = try !world.stored(rule).active || chance(50)
      change.delayMinutes = chance(30) ? Int.random(in: 0...300, using: &random) : nil
      _ = world.refusal(.updateAutomationRule(rule: rule, change), as: .o1)
    }
    try walk.step()
  }

  // MARK: What must hold

  func check() throws {
    if let fault = watch.faults.first { throw Inconsistent(description: fault) }
    try walk.check()
  }

  func checkEnds() throws {
    func demand(_ holds: Bool, _ what: @autoclosure () -> String) throws {
      if !holds { throw Inconsistent(description: what()) }
    }
    for (key, count) in watch.matched { try demand(count == 1, "\(key) did it \(count) times") }
    for (key, count) in watch.planned { try demand(count == 1, "\(key) was planned \(count) times") }
    for (day, count) in watch.perDay { try demand(count <= 20, "\(count) automatic actions: \(day)") }
    // Whatever was made carries a rule's key, and an evaluation says so.
    for task in world.rows.all(AuraDomain.Task.self) {
      guard let key = task.dedupeKey, key.hasPrefix("rule:") else { continue }
      try demand(watch.matched[key] == 1, "a task of \(key)")
    }
    var perMonth: [Int: Int] = [:]
    let calendar = ClinicCalendar(timezone: "Asia/Bangkok")
    for posting in world.rows.all(PointTransaction.self) where posting.eventKey.hasPrefix("rule:") {
      try demand(watch.matched[posting.eventKey] == 1, "points of \(posting.eventKey)")
      perMonth[calendar.civil(posting.createdAt).month, default: 0] += posting.amount
    }
    for (month, points) in perMonth { try demand(points <= 400, "\(points) points in month \(month)") }
    for profile in world.rows.all(LoyaltyProfile.self) {
      let sum = world.rows.of(PointTransaction.self, customer: profile.customerID).reduce(0) { $0 + $1.amount }
      try demand(profile.availablePoints == sum, "available \(profile.availablePoints), amounts \(sum)")
    }
    for action in world.rows.all(WorkflowAction.self) where action.actorKind == .rule || action.ruleID != nil {
      try demand(action.actorKind == .rule && action.ruleID != nil && action.performedBy == nil, "\(action.type)")
      try demand([.sendProposal, .sendFollowUp, .closeCase].contains(action.type), "a rule did \(action.type)")
    }
  }
}

extension RuledWalk.Watch {
  /// Each stage that was entered is answered for by each rule that waited for it, in the same commit, once.
  func look(_ changes: [Change], _ world: World) {
    var lines: [String: Int] = [:]
    for case .audit(AutomationAudit.kind, let line) in changes {
      guard let rule = line["rule"]?.id, let workflow = line["workflow"]?.id, let entry = line["entry"]?.integer,
        let outcome = line["outcome"]?.string.flatMap(RuleOutcome.init(rawValue:)), let depth = line["depth"]?.integer
      else { return faults.append("a line of the audit: \(line.text)") }
      let key = "rule:\(rule):\(workflow):\(entry)"
      lines[key, default: 0] += 1
      if outcome != .skipped || line["reason"] != "depth", depth >= 3 { faults.append("depth \(depth): \(key)") }
      switch outcome {
      case .matched:
        matched[key, default: 0] += 1
        let day = ClinicCalendar(timezone: "Asia/Bangkok").dayStart(world.now).milliseconds
        perDay["\(workflow) \(day)", default: 0] += 1
      case .planned: planned[key, default: 0] += 1
      case .skipped, .error: break
      }
    }
    let changed = Set(changes.compactMap { ($0.row as? AutomationRule)?.id })
    for case .insert(let row) in changes {
      guard let action = row as? WorkflowAction, action.isEntry else { continue }
      let entry = StageEntry(action, depth: 0)
      for rule in world.rows.all(AutomationRule.self) where rule.active && !changed.contains(rule.id) {
        let count = lines[rule.key(entry)] ?? 0
        if count != (rule.waits(for: entry) ? 1 : 0) {
          faults.append("\(rule.ruleName) said \(count) things of \(action.type)")
        }
      }
    }
  }
}

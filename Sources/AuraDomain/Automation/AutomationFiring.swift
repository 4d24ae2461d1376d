/// A case has entered a stage, or somebody has checked in: what rules wait for. Known by the number of its action.
package struct StageEntry: Sendable, Equatable {
  var workflow: ID
  var stage: Stage
  var from: Stage?
  var action: ActionType
  var seq: Int
  var at: Instant
  /// How many rules have led to it, one after the other; 0 for what people and timers do.
  var depth: Int

  init(_ action: WorkflowAction, depth: Int) {
    workflow = action.workflowID
    stage = action.toStage
    from = action.fromStage
    self.action = action.type
    seq = action.seq
    at = action.performedAt
    self.depth = depth
  }
}

/// The rule in whose name something is done.
struct RuleInForce: Equatable {
  var id: ID
  var depth: Int
}

/// What an evaluation came to.
package enum RuleOutcome: String, Sendable, CaseIterable { case matched, planned, skipped, error }

/// Why a rule did nothing.
package enum RuleSkip: String, Sendable, CaseIterable {
  case conditions
  case unknownField = "unknown_field"
  /// It was switched off, or waits for something else by now.
  case inactive
  case ruleChanged = "rule_changed"
  case caseOver = "case_over"
  /// The case has gone on before the delay was over.
  case leftStage = "left_stage"
  case wrongStage = "wrong_stage"
  case openTasks = "open_tasks"
  case depth
  case dailyLimit = "daily_limit"
  case bonusCap = "bonus_cap"
  case already
  case nobody
  case doNotContact = "do_not_contact"
  /// The follow-up's own conditions, consent or windows are against it.
  case followUp = "follow_up"
}

extension WorkflowAction {
  /// Whether rules wait for such an action. What was only taken back is entered by no rule's door again; a case that was
  /// cancelled and is taken up again enters its stage anew, since what waited for it there is gone.
  var isEntry: Bool { type != .correct && (fromStage != toStage || type == .checkIn || type == .reopen) }
}

extension AutomationRule {
  func waits(for entry: StageEntry) -> Bool {
    guard triggerStage == entry.stage else { return false }
    return triggerAction.map { $0 == entry.action } ?? (entry.action != .checkIn)
  }

  /// One for each rule and entry: what it makes carries this key, so that nothing is made twice.
  func key(_ entry: StageEntry) -> String { "rule:\(id):\(entry.workflow):\(entry.seq)" }
}

extension Draft {
  mutating func noteEntry(_ action: WorkflowAction) {
    if action.isEntry { entries.append(StageEntry(action, depth: rule?.depth ?? 0)) }
  }

  /// Asks the rules of every stage that was entered, also of those that rules have led to. Called once, when the
  /// command itself is done; nothing that a rule does or fails to do can refuse it.
  mutating func fireRules() throws {
    var known: [Stage: [AutomationRule]] = [:]
    while !entries.isEmpty {
      let entry = entries.removeFirst()
      if known[entry.stage] == nil { known[entry.stage] = try activeRules(at: entry.stage) }
      for rule in known[entry.stage] ?? [] where rule.waits(for: entry) {
        // An earlier rule of this command may have failed once too often.
        guard let current = try row(AutomationRule.self, rule.id), current.active else { continue }
        try consider(current, entry)
      }
    }
  }

  private func activeRules(at stage: Stage) throws -> [AutomationRule] {
    // Asked for an order as well, the database would rather walk all rules by their ids.
    try rows(AutomationRule.self, Selection(.equal("active", .integer(1)), .equal("trigger_stage", .word(stage))))
      .sorted { $0.id < $1.id }
  }

  private mutating func consider(_ rule: AutomationRule, _ entry: StageEntry) throws {
    guard rule.delayMinutes > 0 else { return try evaluate(rule, entry) }
    try attempt(rule, entry) { draft in
      // The day's actions are counted on the day on which it acts.
      try draft.requireDepth(entry)
      try draft.requireMatch(rule, entry)
      draft.schedule(
        PlannedTimer(
          due: draft.now + .minutes(rule.delayMinutes), kind: .automation,
          payload: [
            "rule_id": .id(rule.id), "workflow_id": .id(entry.workflow), "entry": .integer(entry.seq),
            "depth": .integer(entry.depth),
          ], dedupe: rule.key(entry)))
      return (.planned, [:])
    }
  }

  /// A delay is over: all that let the rule be planned must still be so.
  mutating func fireRule(_ timer: PlannedTimer) throws -> Bool {
    guard now >= timer.due else {
      // The clock went back: not yet.
      schedule(timer)
      return false
    }
    guard let id = timer.payload["rule_id"]?.id, let rule = try row(AutomationRule.self, id),
      let workflow = timer.payload["workflow_id"]?.id, let seq = timer.payload["entry"]?.integer,
      let action = try rows(
        WorkflowAction.self, Selection(.equal("workflow_id", .id(workflow)), .equal("seq", .integer(seq)), limit: 1)
      ).first
    else { return false }
    let entry = StageEntry(action, depth: timer.payload["depth"]?.integer ?? 0)
    guard rule.active else { return auditSkip(.inactive, rule, entry) }
    guard rule.waits(for: entry) else { return auditSkip(.ruleChanged, rule, entry) }
    switch StageStay(entry.seq, try actions(behind: entry), at: now) {
    case .left: return auditSkip(.leftStage, rule, entry)
    case .undecided(let until):
      var later = timer
      later.due = until
      schedule(later)
      return false
    case .stayed:
      try evaluate(rule, entry)
      return true
    }
  }

  func actions(behind entry: StageEntry) throws -> [WorkflowAction] {
    try rows(
      WorkflowAction.self,
      Selection(
        .equal("workflow_id", .id(entry.workflow)), .greater("seq", .integer(entry.seq)), order: [.ascending("seq")]))
  }

  // MARK: One evaluation

  private mutating func evaluate(_ rule: AutomationRule, _ entry: StageEntry) throws {
    try attempt(rule, entry) { draft in
      try draft.requireDepth(entry)
      try draft.requireRoom(entry)
      let workflow = try draft.requireMatch(rule, entry)
      let made = try draft.acting(as: RuleInForce(id: rule.id, depth: entry.depth + 1)) { draft in
        try draft.carryOut(rule, workflow, entry)
      }
      try Tally(name: "rules:\(entry.workflow)").add(1, in: draft.dayPeriod(), &draft)
      return (.matched, made)
    }
  }

  private func requireDepth(_ entry: StageEntry) throws {
    guard entry.depth < AutomationLimits.causationDepthMax else { throw RuleUnmet(.depth) }
  }

  private func requireRoom(_ entry: StageEntry) throws {
    let today = try Tally(name: "rules:\(entry.workflow)").count(in: dayPeriod(), self)
    guard today < AutomationLimits.actionsPerWorkflowDayMax else { throw RuleUnmet(.dailyLimit) }
  }

  @discardableResult
  private func requireMatch(_ rule: AutomationRule, _ entry: StageEntry) throws -> Workflow {
    let workflow = try workflow(entry.workflow)
    guard workflow.status != .cancelled else { throw RuleUnmet(.caseOver) }
    let conditions: ConditionTree
    do {
      conditions = try ConditionTree(rule.conditions)
    } catch {
      if error.unknownField != nil { throw RuleUnmet(.unknownField) }
      throw Refusal(.badRequest, "\(error.path): \(error.problem).")
    }
    let facts = try facts(conditions.fields, of: workflow, entry)
    if let blame = conditions.blame(facts) { throw RuleUnmet(.conditions, blame) }
    return workflow
  }

  /// Does `work` on a copy: a rule that fails leaves nothing behind but the line in the audit that says so. What is no
  /// refusal, such as a full disk, is not the rule's fault, and not caught.
  private mutating func attempt(
    _ rule: AutomationRule, _ entry: StageEntry, _ work: (inout Draft) throws -> (RuleOutcome, JSONObject)
  ) throws {
    var copy = self
    do {
      let (outcome, made) = try work(&copy)
      self = copy
      audit(rule, entry, outcome, made)
    } catch let unmet as RuleUnmet {
      var more: JSONObject = ["reason": .word(unmet.skip)]
      more["because"] = unmet.because.map(JSON.string)
      audit(rule, entry, .skipped, more)
    } catch let refusal as Refusal {
      audit(
        rule, entry, .error, ["reason": .word(refusal.code), "because": .string(String(refusal.message.prefix(200)))])
      try countFailure(of: rule, refusal)
    }
  }

  private mutating func auditSkip(_ skip: RuleSkip, _ rule: AutomationRule, _ entry: StageEntry) -> Bool {
    audit(rule, entry, .skipped, ["reason": .word(skip)])
    return false
  }

  /// One line for each evaluation, without anything of a customer's: what the audit holds cannot be erased.
  private mutating func audit(
    _ rule: AutomationRule, _ entry: StageEntry, _ outcome: RuleOutcome, _ more: JSONObject
  ) {
    var line: JSONObject = [
      "rule": .id(rule.id), "workflow": .id(entry.workflow), "entry": .integer(entry.seq),
      "depth": .integer(entry.depth),
      "target": .string(rule.targetAction), "outcome": .word(outcome),
    ]
    line.members += more.members
    audit(AutomationAudit.kind, .object(line))
  }

  // MARK: Failing

  private static func failures(of rule: ID) -> Tally { Tally(name: "rule:\(rule):failures") }

  mutating func forgetFailures(of rule: ID) { Self.failures(of: rule).forget(&self) }

  private mutating func countFailure(of rule: AutomationRule, _ refusal: Refusal) throws {
    let count = try Self.failures(of: rule.id).addWithinHour(&self)
    let isTooOften = count >= AutomationLimits.failuresPerHourMax
    let after = try update(rule) { row in
      row.failureCount = count
      if isTooOften {
        row.active = false
        row.disabledReason =
          "\(AutomationLimits.failuresPerHourMax) failures within an hour; the last: \(refusal.message.prefix(200))"
      }
    }
    guard isTooOften else { return }
    // The rule tells, so that an owner whose own tap was the last straw is told too.
    try acting(as: RuleInForce(id: rule.id, depth: AutomationLimits.causationDepthMax)) { draft in
      try draft.emit(
        .ruleDisabled, nil,
        data: [
          "rule_id": .id(rule.id), "rule_name": .string(rule.ruleName), "reason": .text(after.disabledReason),
        ], roles: .leaders)
      try draft.tellLeaders(.ruleDisabled, .ruleDisabled(name: rule.ruleName), nil, priority: .high)
    }
  }
}

/// There is nothing for the rule to do, and that is no failure.
struct RuleUnmet: Error {
  var skip: RuleSkip
  /// The condition for whose sake it is so, say; nothing of a customer's.
  var because: String?

  init(_ skip: RuleSkip, _ because: String? = nil) {
    self.skip = skip
    self.because = because
  }
}

package enum AutomationAudit {
  package static let kind = "automation"
}

/// Whether a case is where an entry has led it, without having been elsewhere meanwhile.
enum StageStay: Equatable {
  case stayed, left
  /// It has just gone on, by a tap that can still be taken back until then.
  case undecided(until: Instant)

  /// - Parameters:
  ///   - entry: the number of the entry's action.
  ///   - later: the case's actions behind it. What was taken back was no move.
  init(_ entry: Int, _ later: [WorkflowAction], at now: Instant) {
    var moves: [WorkflowAction] = []
    for action in later {
      if action.type == .correct {
        guard let corrected = action.data["corrected_seq"]?.integer else { continue }
        if corrected == entry {
          self = .left
          return
        }
        moves.removeAll { $0.seq == corrected }
      } else if action.fromStage != action.toStage || action.type == .cancel {
        moves.append(action)
      }
    }
    guard let move = moves.first else {
      self = .stayed
      return
    }
    let until = move.performedAt + Draft.correctWithin
    let isLast = move.seq == later.last?.seq
    self = isLast && move.type.isCorrectable && now <= until ? .undecided(until: until + Span(milliseconds: 1)) : .left
  }
}

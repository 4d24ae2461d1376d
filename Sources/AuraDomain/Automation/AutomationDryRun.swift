/// A rule tried on a day gone by: one that is saved, or one that is only being written.
package struct AutomationDryRun: Sendable, Equatable {
  package static let limitMax = 200
  /// How many actions of the day one query looks through; `next` leads on.
  static let scannedMax = 2_000

  package enum Subject: Sendable, Equatable {
    case saved(ID)
    case draft(AutomationRuleDetails)
  }

  package var subject: Subject
  /// `YYYY-MM-DD` by the clinic's calendar; `nil` is today.
  package var day: String?
  package var limit = 100
  /// The last action of the page before.
  package var after: ID?

  package init(_ subject: Subject) { self.subject = subject }
}

extension AutomationReading {
  /// What the rule would have done on that day, case by case, and why or why not. The entries are the day's own; what
  /// the rule asks of a case is as the history tells it where it does, and today's where it does not.
  func dryRun(_ trial: AutomationDryRun) throws -> JSON {
    try permit()
    let rule = try subject(trial)
    let (start, end) = try day(trial.day)
    let conditions = try ConditionTree.checked(rule.conditions)
    let entries = try self.entries(rule, from: start, to: end, trial)
    let ofToday = conditions.fields.filter { !$0.isKnownOfThePast }
    var results: [JSON] = []
    var counts: [RuleOutcome: Int] = [:]
    for action in entries.found {
      let (outcome, result) = try tried(rule, conditions, action)
      counts[outcome, default: 0] += 1
      results.append(result)
    }
    return [
      "from": .instant(start), "to": .instant(end), "entries": .array(results), "next": .id(entries.next),
      "counts": .object(
        JSONObject(RuleOutcome.allCases.map { .init(name: $0.rawValue, value: .integer(counts[$0] ?? 0)) })),
      // What the history does not tell is judged as it is now.
      "todaysFields": .array(ofToday.map(\.rawValue).sorted().map(JSON.string)),
      "notConsidered": ["daily_limit", "bonus_cap", "depth", "already", "open_tasks", "follow_up"],
    ]
  }

  private func subject(_ trial: AutomationDryRun) throws -> AutomationRule {
    switch trial.subject {
    case .saved(let id):
      guard let rule = try rows.row(AutomationRule.self, id) else {
        throw Refusal(.notFound, "There is no such rule.", details: ["rule_id": .id(id)])
      }
      try draft.check(rule)
      return rule
    case .draft(let details):
      var rule = AutomationRule()
      rule.clinicID = rows.clinicID
      rule.ruleName = "dry run"
      // Rules are asked in the order of their ids: what is not saved yet would be the last.
      rule.id = ID(high: .max, low: .max)
      rule.set(details)
      do {
        try draft.check(rule)
      } catch let refusal as Refusal {
        throw refusal.within("rule")
      }
      return rule
    }
  }

  private func day(_ text: String?) throws -> (Instant, Instant) {
    let calendar = try draft.calendar()
    guard let text else { return (calendar.dayStart(draft.now), calendar.dayEnd(draft.now)) }
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).compactMap { Int($0) }
    guard parts.count == 3, (1970...2200).contains(parts[0]), (1...12).contains(parts[1]), (1...31).contains(parts[2]),
      // 31 February would be some day of March.
      case let noon = calendar.dayStart(year: parts[0], month: parts[1], day: parts[2]) + .hours(12),
      calendar.civil(noon).text.prefix(10) == text
    else {
      throw Refusal(
        .badRequest, "args.day: a day such as 2026-02-28 is expected.",
        details: ["path": "args.day", "problem": "a day such as 2026-02-28 is expected"])
    }
    let start = calendar.dayStart(year: parts[0], month: parts[1], day: parts[2])
    return (start, calendar.dayEnd(start))
  }

  /// The day's actions that the rule waits for, in the order of their ids, which is that of their making.
  private func entries(
    _ rule: AutomationRule, from start: Instant, to end: Instant, _ trial: AutomationDryRun
  ) throws -> (found: [WorkflowAction], next: ID?) {
    var found: [WorkflowAction] = []
    // The time is what the index finds; it may repeat, so that ids decide where the page before ended.
    var from = start
    if let after = trial.after, let last = try rows.row(WorkflowAction.self, after) {
      from = max(start, last.performedAt)
    }
    let actions = try rows.rows(
      WorkflowAction.self,
      Selection(
        .atLeast("performed_at", .instant(from)), .less("performed_at", .instant(end)),
        order: [.ascending("performed_at"), .ascending("id")], limit: AutomationDryRun.scannedMax))
    var last: ID?
    for action in actions {
      if let after = trial.after, action.performedAt == from && action.id <= after { continue }
      if found.count == trial.limit { return (found, last) }
      last = action.id
      if action.isEntry && rule.waits(for: StageEntry(action, depth: 0)) { found.append(action) }
    }
    return (found, actions.count == AutomationDryRun.scannedMax ? last : nil)
  }

  // MARK: One entry

  private func tried(
    _ rule: AutomationRule, _ conditions: ConditionTree, _ action: WorkflowAction
  ) throws -> (RuleOutcome, JSON) {
    let entry = StageEntry(action, depth: 0)
    let due = action.performedAt + .minutes(rule.delayMinutes)
    // What the rule itself has made of the entry, and what came of that, it would not have found.
    let history = try draft.actions(behind: entry).prefix { $0.ruleID != rule.id }
    let sameCommand = history.prefix { $0.commandID == action.commandID && $0.performedAt == action.performedAt }
    var sight = try sight(
      entry, at: action.performedAt, behind: sameCommand.filter { ($0.ruleID ?? rule.id) <= rule.id }, conditions)
    var outcome = RuleOutcome.matched
    var result: JSONObject = [
      "actionId": .id(action.id), "workflowId": .id(action.workflowID), "entry": .integer(action.seq),
      "at": .instant(action.performedAt), "action": .word(action.type), "due": .instant(due),
    ]
    do {
      try sight.requireMatch(conditions)
      if rule.delayMinutes > 0 {
        let (at, later) = try end(of: entry, due, Array(history))
        if at > draft.now {
          outcome = .planned
        } else {
          sight = try self.sight(entry, at: at, behind: later, conditions)
          try sight.requireMatch(conditions)
        }
      }
      if outcome == .matched { result["would"] = try sight.draft.wouldDo(rule, sight.workflow) }
    } catch let unmet as RuleUnmet {
      outcome = .skipped
      result["reason"] = .word(unmet.skip)
      result["because"] = unmet.because.map(JSON.string)
    } catch let refusal as Refusal {
      outcome = .error
      result["reason"] = .word(refusal.code)
      result["because"] = .string(refusal.message)
    }
    result["askedAt"] = .instant(sight.draft.now)
    result["checks"] = .array(conditions.leaves.map { $0.checked(sight.facts) })
    result["outcome"] = .word(outcome)
    return (outcome, .object(result))
  }

  /// When a delay is over, and what had become of the case by then; throws where it had gone on.
  private func end(
    of entry: StageEntry, _ due: Instant, _ history: [WorkflowAction]
  ) throws -> (at: Instant, later: [WorkflowAction]) {
    var at = due
    while true {
      let later = history.filter { $0.performedAt <= at }
      switch StageStay(entry.seq, later, at: at) {
      case .left: throw RuleUnmet(.leftStage)
      case .undecided(let until) where at <= draft.now: at = until
      case .undecided, .stayed: return (at, later)
      }
    }
  }

  /// A case as the rule saw it.
  private struct Sight {
    /// As of then, so that the clock's own fields are right.
    var draft: Draft
    /// Where it stood is as the history tells it, all else as it is today.
    var workflow: Workflow
    var facts: [AutomationField: Fact]

    func requireMatch(_ conditions: ConditionTree) throws {
      if let blame = conditions.blame(facts) { throw RuleUnmet(.conditions, blame) }
    }
  }

  private func sight(
    _ entry: StageEntry, at: Instant, behind later: [WorkflowAction], _ conditions: ConditionTree
  ) throws -> Sight {
    var then = Draft(rows: rows, actor: .system, now: at, seq: 0, ids: IDGenerator())
    then.reason = draft.reason
    var workflow = try then.workflow(entry.workflow)
    workflow.currentStage = later.last?.toStage ?? entry.stage
    workflow.status = workflow.currentStage == .completed ? .closed : .active
    return Sight(draft: then, workflow: workflow, facts: try then.facts(conditions.fields, of: workflow, entry))
  }
}

extension ConditionTree {
  /// Conditions of a rule that has been checked.
  fileprivate static func checked(_ json: JSON) throws -> ConditionTree {
    do { return try ConditionTree(json) } catch { throw Refusal(.badRequest, "\(error.path): \(error.problem).") }
  }
}

extension ConditionLeaf {
  fileprivate func checked(_ facts: [AutomationField: Fact]) -> JSON {
    let fact = facts[field] ?? .absent
    return [
      "condition": .string(text), "is": fact.json, "holds": .bool(holds(fact)),
      "asOf": field.isKnownOfThePast ? "then" : "today",
    ]
  }
}

extension Refusal {
  /// The same of arguments that stand a level deeper.
  fileprivate func within(_ name: String) -> Refusal {
    guard let path = details["path"]?.string, path.hasPrefix("args.") else { return self }
    var deeper = self
    let moved = "args.\(name).\(path.dropFirst("args.".count))"
    deeper.details.set("path", .string(moved))
    if let problem = details["problem"]?.string { deeper.message = "\(moved): \(problem)." }
    return deeper
  }
}

/// Which evaluations of rules, the newest first.
package struct AutomationRunFilter: Sendable, Equatable {
  package static let limitMax = 200
  /// How many lines of the audit one query looks through; `next` leads on.
  static let scannedMax = 2_000

  package var rule: ID?
  package var workflow: ID?
  package var outcome: RuleOutcome?
  package var limit = 50
  /// The last line of the page before.
  package var before: Int?

  package init() {}
}

/// What owners and admins ask about their rules. A draft that is never applied reads for it.
struct AutomationReading {
  let rows: any ClinicRows
  let draft: Draft

  init(rows: any ClinicRows, actor: Actor, now: Instant) {
    self.rows = rows
    var draft = Draft(rows: rows, actor: actor, now: now, seq: 0, ids: IDGenerator())
    // A query is asked for no reason; a super admin's reading is in the access log.
    draft.reason = "query"
    self.draft = draft
  }

  func permit() throws { try draft.actor.permit(.manageAutomation, reason: draft.reason) }

  /// The clinic's rules, each with what is wrong with it by now, and what a rule can be made of.
  func rules() throws -> JSON {
    try permit()
    let rules = try draft.rows(
      AutomationRule.self, Selection(order: [.ascending("id")], limit: AutomationLimits.rulesMax))
    let used = try Tally(name: "rules:bonus").count(in: draft.monthPeriod(), draft)
    return [
      "rules": .array(
        try rules.map { rule in
          var entry = rule.jsonObject
          entry["problem"] = .text(try rule.problem(draft))
          return .object(entry)
        }),
      "fields": .array(AutomationField.allCases.map(\.json)),
      "targets": .array(AutomationTargetAction.allCases.map { .word($0) }),
      "bonusPoints": ["perMonth": .integer(try draft.bonusPointsPerMonth()), "thisMonth": .integer(used)],
      "limits": [
        "rules": .integer(AutomationLimits.rulesMax), "activeRules": .integer(AutomationLimits.activeRulesMax),
        "depth": .integer(ConditionTree.depthMax), "nodes": .integer(ConditionTree.nodesMax),
        "delayMinutes": .integer(AutomationLimits.delayMinutesMax),
        "causationDepth": .integer(AutomationLimits.causationDepthMax),
        "actionsPerWorkflowDay": .integer(AutomationLimits.actionsPerWorkflowDayMax),
        "failuresPerHour": .integer(AutomationLimits.failuresPerHourMax),
      ],
    ]
  }

  /// What each evaluation said, out of the audit.
  func runs(_ filter: AutomationRunFilter) throws -> JSON {
    try permit()
    var entries: [JSON] = []
    var names: [ID: JSON] = [:]
    var before = filter.before
    var scanned = 0
    var hasMore = true
    search: while scanned < AutomationRunFilter.scannedMax {
      let lines = try rows.audits(AutomationAudit.kind, before: before, limit: 200)
      for line in lines {
        if entries.count == filter.limit { break search }
        before = line.number
        scanned += 1
        guard filter.admits(line.detail), let rule = line.detail["rule"]?.id else { continue }
        if names[rule] == nil { names[rule] = .text(try rows.row(AutomationRule.self, rule)?.ruleName) }
        entries.append(line.entry(named: names[rule] ?? .null))
      }
      if lines.count < 200 {
        hasMore = false
        break
      }
    }
    return ["runs": .array(entries), "next": hasMore ? before.map(JSON.integer) ?? .null : .null]
  }
}

extension AutomationRunFilter {
  fileprivate func admits(_ detail: JSON) -> Bool {
    if let rule, detail["rule"]?.id != rule { return false }
    if let workflow, detail["workflow"]?.id != workflow { return false }
    if let outcome, detail["outcome"]?.string != outcome.rawValue { return false }
    return true
  }
}

extension AuditLine {
  fileprivate func entry(named name: JSON) -> JSON {
    var entry: JSONObject = [
      "n": .integer(number), "at": .instant(at), "ruleId": detail["rule"] ?? .null, "ruleName": name,
      "workflowId": detail["workflow"] ?? .null,
    ]
    for member in detail.object?.members ?? [] where member.name != "rule" && member.name != "workflow" {
      entry[member.name] = member.value
    }
    return .object(entry)
  }
}

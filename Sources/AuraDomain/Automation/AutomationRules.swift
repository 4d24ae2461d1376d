/// What a clinic's rules are held to.
package enum AutomationLimits {
  /// Rules of a clinic, and those of them that are active.
  package static let rulesMax = 500
  package static let activeRulesMax = 100
  /// 90 days.
  package static let delayMinutesMax = 129_600
  /// A command is at depth 0, a rule that it triggers at 1, a rule that this one triggers at 2 …
  package static let causationDepthMax = 3
  package static let actionsPerWorkflowDayMax = 20
  package static let failuresPerHourMax = 50
  package static let tagsMax = 50
  package static let bonusPointsPerMonth = 10_000
  package static let bonusPointsPerMonthMax = 10_000_000
}

/// A rule as an owner or admin writes it down; for a change, what is absent stays.
package struct AutomationRuleDetails: Sendable, Equatable {
  package enum Trigger: Sendable, Equatable {
    /// Whatever has led to the stage.
    case any
    case action(ActionType)
  }

  package var name: String?
  package var triggerStage: Stage?
  package var triggerAction: Trigger?
  package var conditions: JSON?
  package var targetAction: AutomationTargetAction?
  package var targetData: JSON?
  package var delayMinutes: Int?
  package var active: Bool?

  package init() {}
}

extension Draft {
  mutating func createAutomationRule(_ details: AutomationRuleDetails) throws -> JSON {
    var rule = AutomationRule()
    rule.id = newID()
    rule.clinicID = clinicID
    rule.set(details)
    if details.triggerStage == nil { throw badRule("triggerStage", "is missing") }
    try check(rule)
    let all = try rows(AutomationRule.self, Selection(order: [.ascending("id")], limit: AutomationLimits.rulesMax))
    guard all.count < AutomationLimits.rulesMax else {
      throw badRule("name", "a clinic has at most \(AutomationLimits.rulesMax) rules; change one of them")
    }
    if rule.active { try requireRoom(in: all) }
    insert(rule)
    return outcome(rule)
  }

  mutating func updateAutomationRule(_ id: ID, _ details: AutomationRuleDetails) throws -> JSON {
    guard let before = try row(AutomationRule.self, id) else {
      throw Refusal(.notFound, "There is no such rule.", details: ["rule_id": .id(id)])
    }
    var changed = before
    changed.set(details)
    // One that is only switched off may be as wrong as it likes.
    if changed.active || details != .off { try check(changed) }
    if changed.active && !before.active {
      try requireRoom(in: rows(AutomationRule.self, Selection(.equal("active", .integer(1)))))
      // Whoever switches it on again has seen why it was off.
      changed.failureCount = 0
      changed.disabledReason = nil
      forgetFailures(of: id)
    }
    return outcome(try update(before) { $0 = changed })
  }

  private func requireRoom(in rules: [AutomationRule]) throws {
    guard rules.count(where: \.active) < AutomationLimits.activeRulesMax else {
      throw badRule("active", "at most \(AutomationLimits.activeRulesMax) rules are active")
    }
  }

  private func outcome(_ rule: AutomationRule) -> JSON {
    ["ruleId": .id(rule.id), "active": .bool(rule.active), "version": .integer(rule.version)]
  }

  private func badRule(_ name: String, _ problem: String) -> Refusal {
    Refusal(
      .badRequest, "args.\(name): \(problem).", details: ["path": .string("args.\(name)"), "problem": .string(problem)])
  }

  // MARK: What a rule may say

  /// Holds a rule to everything that can be known when it is saved.
  func check(_ rule: AutomationRule) throws {
    if rule.ruleName.isEmpty { throw badRule("name", "is missing") }
    guard (0...AutomationLimits.delayMinutesMax).contains(rule.delayMinutes) else {
      throw badRule("delayMinutes", "0 … \(AutomationLimits.delayMinutesMax) is expected")
    }
    if let action = rule.triggerAction, !action.canTrigger(rule.triggerStage) {
      throw badRule("triggerAction", "\(action.rawValue) does not lead to \(rule.triggerStage.rawValue)")
    }
    do {
      for leaf in try ConditionTree(rule.conditions).leaves where leaf.field == .treatment {
        for id in (leaf.value.array ?? [leaf.value]).compactMap(\.id) where try row(Treatment.self, id) == nil {
          throw badRule("conditions", "there is no treatment \(id)")
        }
      }
    } catch let problem as ConditionProblem {
      throw badRule(problem.path, problem.problem)
    }
    guard let action = AutomationTargetAction(rawValue: rule.targetAction) else {
      throw badRule("targetAction", "is missing")
    }
    try check(AutomationTarget(action, rule.targetData), of: rule)
  }

  private func check(_ target: AutomationTarget, of rule: AutomationRule) throws {
    switch target {
    case .createTask(let task):
      if rule.triggerStage == .completed { throw badRule("targetAction", "a case that is closed takes no task") }
      if case .staff(let id) = task.assignee { _ = try colleague(id, "targetData.assignTo") }
    case .notify(let notice):
      if case .staff(let id) = notice.to { _ = try colleague(id, "targetData.to") }
    case .scheduleFollowUp(let id):
      guard try row(FollowUpRule.self, id) != nil else {
        throw badRule("targetData.followUpRuleId", "there is no such follow-up rule")
      }
    case .awardBonus, .addTag: break
    case .sendProposal, .sendFollowUp, .closeCase:
      guard let action = target.transition, Edges.destination(of: action, from: rule.triggerStage) != nil else {
        throw badRule("targetData.action", "it does not lead on from \(rule.triggerStage.rawValue)")
      }
    }
  }

  // MARK: The clinic's own limit

  mutating func updateAutomationSettings(bonusPointsPerMonth points: Int) throws -> JSON {
    guard (0...AutomationLimits.bonusPointsPerMonthMax).contains(points) else {
      throw badRule("bonusPointsPerMonth", "0 … \(AutomationLimits.bonusPointsPerMonthMax) is expected")
    }
    let clinic = try clinic()
    var settings = clinic.settings["automation"] ?? .emptyObject
    settings.set("bonus_points_per_month", .integer(points))
    let changed = try update(clinic) { [settings] in $0.settings.set("automation", settings) }
    return ["bonusPointsPerMonth": .integer(points), "version": .integer(changed.version)]
  }

  /// How many points rules may award in a month, all of them together.
  func bonusPointsPerMonth() throws -> Int {
    let set = try clinic().settings["automation"]?["bonus_points_per_month"]?.integer
    guard let set, (0...AutomationLimits.bonusPointsPerMonthMax).contains(set) else {
      return AutomationLimits.bonusPointsPerMonth
    }
    return set
  }
}

extension AutomationRuleDetails {
  fileprivate static var off: AutomationRuleDetails {
    var details = AutomationRuleDetails()
    details.active = false
    return details
  }
}

extension AutomationRule {
  package mutating func set(_ details: AutomationRuleDetails) {
    ruleName = details.name ?? ruleName
    triggerStage = details.triggerStage ?? triggerStage
    switch details.triggerAction {
    case nil: break
    case .any: triggerAction = nil
    case .action(let action): triggerAction = action
    }
    conditions = details.conditions ?? conditions
    targetAction = details.targetAction?.rawValue ?? targetAction
    targetData = details.targetData ?? targetData
    delayMinutes = details.delayMinutes ?? delayMinutes
    active = details.active ?? active
  }

  /// Why it no longer is what may be saved; `nil` when it is. Somebody may have left, or another program have written it.
  func problem(_ draft: Draft) throws -> String? {
    do {
      try draft.check(self)
      return nil
    } catch let refusal as Refusal {
      return refusal.message
    }
  }
}

extension ActionType {
  /// Whether a case can enter the stage by this action. Checking in enters none, but somebody is waiting from then on.
  func canTrigger(_ stage: Stage) -> Bool {
    switch self {
    case .checkIn: stage == .treatmentScheduled
    // A cancelled case may have to begin again at an earlier stage than it was cancelled at.
    case .reopen: stage != .inTreatment && stage != .completed
    case .initialize, .scanCustomer, .sendProposal, .confirmPayment, .scheduleAppointment, .startTreatment,
      .completeTreatment, .sendFollowUp, .closeCase, .noShow, .abortTreatment, .startCycle:
      Edges.all.contains { $0.action == self && $0.to == stage }
    case .reassign, .cancel, .correct: false
    }
  }
}

import Testing

@testable import AuraDomain

extension World {
  /// Saves a rule as the owner does; its id.
  @discardableResult
  func rule(
    _ name: String = "rule", at stage: Stage, by action: ActionType? = nil, when conditions: JSON = [:],
    _ target: AutomationTargetAction, _ data: JSON, delay: Int = 0,
    _ change: (inout AutomationRuleDetails) -> Void = { _ in }
  ) throws -> ID {
    var rule = AutomationRuleDetails()
    rule.name = name
    rule.triggerStage = stage
    rule.triggerAction = action.map { .action($0) }
    rule.conditions = conditions
    rule.targetAction = target
    rule.targetData = data
    rule.delayMinutes = delay
    change(&rule)
    return try #require(try run(.createAutomationRule(rule), as: .o1)["ruleId"]?.id)
  }

  func stored(_ rule: ID) throws -> AutomationRule { try #require(try rows.row(AutomationRule.self, rule)) }

  /// What the audit says of a rule, the oldest first: `matched`, `skipped conditions: visits gte 5` …
  func runs(_ rule: ID? = nil) -> [String] {
    rows.audits.filter { $0.kind == "automation" && (rule == nil || $0.detail["rule"]?.id == rule) }.map { line in
      [line.detail["outcome"]?.string, line.detail["reason"]?.string]
        .compactMap { $0 }.joined(separator: " ") + (line.detail["because"]?.string.map { ": \($0)" } ?? "")
    }
  }

  func changeRule(_ rule: ID, as person: Person = .o1, _ change: (inout AutomationRuleDetails) -> Void) throws {
    var details = AutomationRuleDetails()
    change(&details)
    try run(.updateAutomationRule(rule: rule, details), as: person)
  }

  /// A row as another program might have left it.
  func tamper<R: VersionedRow>(_ type: R.Type, _ id: ID, _ change: (inout R) -> Void) throws {
    var row = try #require(try rows.row(type, id))
    change(&row)
    rows.put(row)
  }

  func tags(_ workflow: ID) throws -> JSON {
    try #require(try rows.row(Customer.self, try customer(of: workflow))).tags
  }
}

extension JSON {
  static func when(_ field: String, _ op: String, _ value: JSON) -> JSON {
    ["field": .string(field), "op": .string(op), "value": value]
  }
}

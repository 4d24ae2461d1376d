import AuraDomain

/// The arguments of rules and of the bell. What a rule's conditions and its target's data may hold is the domain's to
/// say (`ConditionTree`, `AutomationTarget`): a rule is checked against the clinic's rows as well.
extension Command {
  static let automationDecoders: [(name: String, decode: Decode)] = [
    ("createAutomationRule", { (a) throws(Refusal) in .createAutomationRule(try a.automationRule(isNew: true)) }),
    (
      "updateAutomationRule",
      { (a) throws(Refusal) in .updateAutomationRule(rule: try a.id("ruleId"), try a.automationRule(isNew: false)) }
    ),
    (
      "updateAutomationSettings",
      { (a) throws(Refusal) in
        .updateAutomationSettings(
          bonusPointsPerMonth: try a.integer("bonusPointsPerMonth", in: 0...AutomationLimits.bonusPointsPerMonthMax))
      }
    ),
    (
      "markNotificationRead", { (a) throws(Refusal) in .markNotificationRead(notification: try a.id("notificationId")) }
    ),
    (
      "markAllNotificationsRead",
      { (a) throws(Refusal) in .markAllNotificationsRead(upTo: try a.optionalID("upTo")) }
    ),
    (
      "dismissNotification", { (a) throws(Refusal) in .dismissNotification(notification: try a.id("notificationId")) }
    ),
    ("sendNotification", { (a) throws(Refusal) in .sendNotification(try a.sendNotification()) }),
  ]
}

extension Arguments {
  /// `"triggerAction": "any"` takes the action of a rule away again.
  fileprivate mutating func automationRule(isNew: Bool) throws(Refusal) -> AutomationRuleDetails {
    var rule = AutomationRuleDetails()
    rule.name = try optionalText("name", bytesMax: Size.name)
    rule.triggerStage = try optionalWord("triggerStage", Stage.self, aliases: Alias.stages)
    if let (name, value) = try value("triggerAction") {
      if value == "any" {
        rule.triggerAction = .any
      } else {
        guard let action = value.string.flatMap(ActionType.init(rawValue:)) else {
          throw bad(name, "any, or one of \(ActionType.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
        }
        rule.triggerAction = .action(action)
      }
    }
    rule.conditions = try optionalObject("conditions")
    rule.targetAction = try optionalWord("targetAction", AutomationTargetAction.self)
    rule.targetData = try optionalObject("targetData")
    rule.delayMinutes = try optionalInteger("delayMinutes", in: 0...AutomationLimits.delayMinutesMax)
    rule.active = try flag("active")
    if isNew {
      if rule.name == nil { throw bad("name", "is missing") }
      if rule.triggerStage == nil { throw bad("triggerStage", "is missing") }
      if rule.targetAction == nil { throw bad("targetAction", "is missing") }
    }
    return rule
  }

  mutating func automationRuns() throws(Refusal) -> AutomationRunFilter {
    var filter = AutomationRunFilter()
    filter.rule = try optionalID("ruleId")
    filter.workflow = try optionalID("workflowId", or: "journeyId")
    filter.outcome = try optionalWord("outcome", RuleOutcome.self)
    filter.limit = try optionalInteger("limit", in: 1...AutomationRunFilter.limitMax) ?? filter.limit
    filter.before = try optionalInteger("before", in: 0...(1 << 53))
    return filter
  }

  /// `ruleId` of a rule that is saved, or `rule` with one that is only being written.
  mutating func dryRunAutomation() throws(Refusal) -> AutomationDryRun {
    let saved = try optionalID("ruleId")
    let written = try optionalArguments("rule")
    var trial: AutomationDryRun
    switch (saved, written) {
    case (let id?, nil): trial = AutomationDryRun(.saved(id))
    case (nil, var rule?):
      let details = try rule.automationRule(isNew: false)
      if details.triggerStage == nil { throw rule.bad("triggerStage", "is missing") }
      if details.targetAction == nil { throw rule.bad("targetAction", "is missing") }
      try rule.finish()
      trial = AutomationDryRun(.draft(details))
    case (nil, nil): throw bad("ruleId", "a saved rule or a rule is expected")
    case (_?, _?): throw bad("rule", "the same as ruleId; give one of them")
    }
    trial.day = try optionalText("day", bytesMax: 10)
    trial.limit = try optionalInteger("limit", in: 1...AutomationDryRun.limitMax) ?? trial.limit
    trial.after = try optionalID("after")
    return trial
  }

  /// `staffId`, `role` (`all` for the whole staff) or `customerId`; `title` and `message` a text or `{"th", "en"}`.
  fileprivate mutating func sendNotification() throws(Refusal) -> SendNotification {
    var recipients: [SendNotification.Recipient] = []
    if let staff = try optionalID("staffId") { recipients.append(.staff(staff)) }
    if let customer = try optionalID("customerId") { recipients.append(.customer(customer)) }
    if try value("role")?.value == "all" {
      recipients.append(.everyone)
    } else if let role = try optionalWord("role", Role.self, aliases: Alias.roles) {
      recipients.append(.role(role))
    }
    guard recipients.count == 1 else { throw bad("staffId", "one of staffId, role, customerId is expected") }
    var command = SendNotification(
      to: recipients[0], title: try words("title", bytesMax: Size.name), message: try words("message", bytesMax: 3_000))
    command.priority = try optionalWord("priority", TaskPriority.self, aliases: Alias.priorities) ?? .medium
    command.link = try optionalText("link", bytesMax: 500)
    if let link = command.link, !link.hasPrefix("/") || link.hasPrefix("//") || link.contains("\\") {
      throw bad("link", "a path of this server is expected, such as /sales/")
    }
    command.expiresHours = try optionalInteger("expiresHours", in: 1...Notification.hoursMax)
    command.dedupeKey = try optionalText("dedupeKey", bytesMax: Size.word)
    return command
  }

  private mutating func words(_ name: String, bytesMax: Int) throws(Refusal) -> Texts {
    if let (_, value) = try value(name), value.object != nil, var both = try optionalArguments(name) {
      let (th, en) = (
        try both.optionalText("th", bytesMax: bytesMax), try both.optionalText("en", bytesMax: bytesMax)
      )
      try both.finish()
      guard let first = th ?? en else { throw bad(name, "is missing") }
      return Texts(th: th ?? first, en: en ?? first)
    }
    let text = try text(name, bytesMax: bytesMax)
    return Texts(th: text, en: text)
  }
}

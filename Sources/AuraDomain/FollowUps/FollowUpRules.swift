/// A rule as an owner or admin writes it down; for a change, what is absent stays.
package struct FollowUpRuleDetails: Sendable, Equatable {
  package var name: String?
  package var type: FollowUpType?
  package var conditions: FollowUpConditions?
  package var channels: [Channel]?
  package var priority: TaskPriority?
  package var active: Bool?
  package var marketing: Bool?
  /// The rule's own words instead of those of its type's templates.
  package var words: [Language: MessageWords]?
  /// The name under which WhatsApp's operator has approved the words.
  package var approvedTemplate: String?
  package var variants: [FollowUpVariant]?

  package init() {}
}

/// A message's words in one language, with `{names}` of values.
package struct MessageWords: Sendable, Equatable {
  package var subject: String?
  package var message: String

  package init(subject: String? = nil, message: String) {
    self.subject = subject
    self.message = message
  }

  init?(_ json: JSON?) {
    guard let message = json?["message"]?.string else { return nil }
    self.init(subject: json?["subject"]?.string, message: message)
  }

  var json: JSON {
    var object: JSONObject = ["message": .string(message)]
    if let subject { object["subject"] = .string(subject) }
    return .object(object)
  }
}

extension Draft {
  mutating func createFollowUpRule(_ details: FollowUpRuleDetails) throws -> JSON {
    var rule = FollowUpRule(details)
    rule.id = newID()
    rule.clinicID = clinicID
    try check(rule)
    insert(rule)
    return outcome(rule)
  }

  mutating func updateFollowUpRule(_ id: ID, _ details: FollowUpRuleDetails) throws -> JSON {
    let before = try followUpRule(id)
    var changed = before
    changed.set(details)
    try check(changed)
    // Its messages that wait were planned for another occasion, and would be judged by the wrong one.
    if changed.occasion != before.occasion {
      throw badRule("type", "what a rule waits for stays; make another rule")
    }
    return outcome(try update(before) { $0 = changed })
  }

  private func outcome(_ rule: FollowUpRule) -> JSON {
    ["ruleId": .id(rule.id), "active": .bool(rule.active), "version": .integer(rule.version)]
  }

  func followUpRule(_ id: ID) throws -> FollowUpRule {
    guard let rule = try row(FollowUpRule.self, id) else {
      throw Refusal(.notFound, "There is no such rule.", details: ["rule_id": .id(id)])
    }
    return rule
  }

  /// The clinic's rules for an occasion, in the order of their making.
  func followUpRules(for occasion: FollowUpOccasionKind) throws -> [FollowUpRule] {
    try rows(FollowUpRule.self, Selection(.equal("active", .integer(1))))
      .filter { $0.occasion == occasion && !$0.conditions.onRequest }.sorted { $0.id < $1.id }
  }

  private func badRule(_ name: String, _ problem: String) -> Refusal {
    Refusal(
      .badRequest, "args.\(name): \(problem).", details: ["path": .string("args.\(name)"), "problem": .string(problem)])
  }

  // MARK: What a rule may say

  func check(_ rule: FollowUpRule) throws {
    if rule.name.isEmpty { throw badRule("name", "is missing") }
    if rule.channelList.isEmpty { throw badRule("channels", "at least one is expected") }
    if rule.priority == .critical { throw badRule("priority", "low, medium or high is expected") }
    if rule.type.isMarketing && !rule.marketing {
      throw badRule("marketing", "\(rule.type.rawValue) is advertising, whatever it says")
    }
    try checkConditions(rule)
    try checkVariants(rule)
    for language in Language.allCases {
      guard let words = MessageWords(rule.template[language.rawValue]) else { continue }
      _ = try words.variables(of: rule.type, on: rule.occasion, "args.words.\(language.rawValue)")
    }
  }

  private func checkConditions(_ rule: FollowUpRule) throws {
    let conditions = rule.conditions
    for (name, value, most) in [
      ("daysAfter", conditions.daysAfter, 365), ("hoursAfter", conditions.hoursAfter, 72),
      ("daysBefore", conditions.daysBefore, 30), ("hoursBefore", conditions.hoursBefore, 72),
    ] {
      guard let value else { continue }
      if !(0...most).contains(value) { throw badRule("conditions.\(name)", "0 … \(most) is expected") }
    }
    let looksBack: Bool =
      switch rule.occasion {
      case .appointment, .proposal, .pointsExpire: true
      case .treated, .noShow, .tierReached, .birthday: false
      }
    if looksBack && conditions.isAfter { throw badRule("conditions.daysAfter", "this type counts back: daysBefore") }
    if !looksBack && conditions.isBefore { throw badRule("conditions.daysBefore", "this type counts on: daysAfter") }
    if conditions.isBefore && (conditions.daysBefore ?? 0) + (conditions.hoursBefore ?? 0) == 0 {
      throw badRule("conditions.daysBefore", "more than nothing is expected")
    }
    if rule.occasion == .birthday && conditions.isAfter {
      throw badRule("conditions.daysAfter", "a birthday is on its day")
    }
    try checkStage(rule)
    for (index, name) in conditions.treatmentTypes.enumerated() {
      guard let id = ID(name) else { continue }
      _ = try treatment(id, "conditions.treatmentType[\(index)]")
    }
  }

  /// A stage at which the rule would never find a case is a mistake.
  private func checkStage(_ rule: FollowUpRule) throws {
    guard let stage = rule.conditions.workflowStage else { return }
    let stages: [Stage] =
      switch rule.occasion {
      case .treated: [.treatmentCompleted]
      case .appointment: [.treatmentScheduled]
      case .noShow: [.paymentConfirmed]
      case .proposal: [.proposalSent]
      case .pointsExpire, .tierReached, .birthday: []
      }
    if stages.contains(stage) { return }
    throw badRule(
      "conditions.workflowStage",
      stages.isEmpty
        ? "this type is about no case" : "one of \(stages.map(\.rawValue).joined(separator: ", ")) is expected")
  }
}

extension FollowUpRule {
  /// A new rule: what is advertising by its type is so without being told.
  init(_ details: FollowUpRuleDetails) {
    self.init()
    marketing = details.type?.isMarketing ?? false
    set(details)
  }

  fileprivate mutating func set(_ details: FollowUpRuleDetails) {
    name = details.name ?? name
    type = details.type ?? type
    if let conditions = details.conditions { triggerConditions = conditions.json }
    if let given = details.channels { channels = .array(given.map { .word($0) }) }
    priority = details.priority ?? priority
    active = details.active ?? active
    marketing = details.marketing ?? marketing
    if let words = details.words {
      for language in Language.allCases { template.set(language.rawValue, words[language]?.json) }
    }
    if let approved = details.approvedTemplate { template.set("approvedTemplate", .string(approved)) }
    if let given = details.variants { variants = .array(given.map(\.json)) }
  }
}

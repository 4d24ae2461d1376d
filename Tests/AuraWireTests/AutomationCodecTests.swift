import AuraDomain
import AuraJSON
import Testing

@testable import AuraWire

@Suite struct `The arguments of rules and of the bell` {
  private static let id = "01990000-0000-7000-8000-000000000001"
  private static var known: ID { ID(id) ?? ID(high: 0, low: 0) }

  private func command(_ name: String, _ args: String) throws -> Command {
    try Command.decode(name: name, args: JSON.parse(args))
  }

  private func query(_ name: String, _ args: String) throws -> Query {
    try Query.decode(name: name, args: JSON.parse(args))
  }

  @Test func `a rule has what was written, and no more`() throws {
    var rule = AutomationRuleDetails()
    rule.name = "VIP"
    rule.triggerStage = .followUp
    rule.triggerAction = .action(.sendFollowUp)
    rule.conditions = ["field": "tier", "op": "gte", "value": "gold"]
    rule.targetAction = .awardBonus
    rule.targetData = ["points": 50]
    rule.delayMinutes = 60
    let text = #"""
      {"name": " VIP ", "triggerStage": "follow_up", "triggerAction": "send_follow_up",
       "conditions": {"field": "tier", "op": "gte", "value": "gold"}, "targetAction": "award_bonus",
       "targetData": {"points": 50}, "delayMinutes": 60}
      """#
    #expect(try command("createAutomationRule", text) == .createAutomationRule(rule))
    #expect(try query("dryRunAutomation", #"{"rule": \#(text), "day": "2026-02-02"}"#).name == "dryRunAutomation")

    var change = AutomationRuleDetails()
    change.triggerAction = .any
    #expect(
      try command("updateAutomationRule", #"{"ruleId":"\#(Self.id)","triggerAction":"any"}"#)
        == .updateAutomationRule(rule: Self.known, change))
  }

  @Test func `a notification goes to one kind of recipient`() throws {
    func recipient(_ text: String) throws -> SendNotification.Recipient {
      guard
        case .sendNotification(let command) = try command(
          "sendNotification", #"{\#(text), "title": "t", "message": {"en": "m"}}"#)
      else { throw Unexpected() }
      #expect(command.title == Texts(th: "t", en: "t"))
      #expect(command.message == Texts(th: "m", en: "m"))
      return command.to
    }
    #expect(try recipient(#""role": "all""#) == .everyone)
    #expect(try recipient(#""role": "beautician""#) == .role(.staff))
    #expect(try recipient(#""staffId": "\#(Self.id)""#) == .staff(Self.known))
    #expect(try recipient(#""customerId": "\#(Self.id)""#) == .customer(Self.known))
    #expect(throws: Refusal.self) { try recipient(#""role": "all", "staffId": "\#(Self.id)""#) }
    #expect(throws: Refusal.self) { try recipient(#""priority": "low""#) }
  }

  @Test func `what may be asked of the audit is bounded`() throws {
    guard
      case .automationRuns(let filter) = try query(
        "automationRuns", #"{"ruleId":"\#(Self.id)","outcome":"skipped","limit":200,"before":17}"#)
    else { throw Unexpected() }
    #expect(filter.rule == Self.known)
    #expect(filter.outcome == .skipped)
    #expect(filter.limit == 200)
    #expect(filter.before == 17)
  }

  private struct Unexpected: Error {}

  @Test(arguments: [
    ("createAutomationRule", #"{"name":"n","triggerStage":"scanned"}"#, "args.targetAction"),
    ("createAutomationRule", #"{"name":"n","targetAction":"notify"}"#, "args.triggerStage"),
    ("createAutomationRule", #"{"name":"n","triggerStage":"scanned","targetAction":"run_code"}"#, "args.targetAction"),
    (
      "createAutomationRule", #"{"name":"n","triggerStage":"scanned","targetAction":"notify","triggerAction":"x"}"#,
      "args.triggerAction"
    ),
    (
      "createAutomationRule", #"{"name":"n","triggerStage":"scanned","targetAction":"notify","delayMinutes":129601}"#,
      "args.delayMinutes"
    ),
    (
      "createAutomationRule", #"{"name":"n","triggerStage":"scanned","targetAction":"notify","conditions":[]}"#,
      "args.conditions"
    ),
    ("updateAutomationRule", #"{"active":true}"#, "args.ruleId"),
    ("updateAutomationSettings", #"{"bonusPointsPerMonth":-1}"#, "args.bonusPointsPerMonth"),
    ("sendNotification", #"{"role":"all","title":"t"}"#, "args.message"),
    ("sendNotification", #"{"role":"all","title":{"fr":"t"},"message":"m"}"#, "args.title.fr"),
    ("sendNotification", #"{"role":"all","title":"t","message":"m","link":"https://x"}"#, "args.link"),
    ("sendNotification", #"{"role":"all","title":"t","message":"m","link":"//x"}"#, "args.link"),
    ("sendNotification", #"{"role":"all","title":"t","message":"m","expiresHours":2161}"#, "args.expiresHours"),
    ("dismissNotification", "{}", "args.notificationId"),
  ])
  func `are refused at the place that is wrong`(name: String, args: String, place: String) throws {
    let refusal = try #require(throws: Refusal.self) { try command(name, args) }
    #expect(refusal.code == .badRequest)
    #expect(refusal.details["path"]?.string == place)
  }

  @Test(arguments: [
    ("dryRunAutomation", "{}", "args.ruleId"),
    ("dryRunAutomation", #"{"ruleId":"\#(id)","rule":{"triggerStage":"scanned"}}"#, "args.rule"),
    ("dryRunAutomation", #"{"rule":{"triggerStage":"scanned"}}"#, "args.rule.targetAction"),
    ("dryRunAutomation", #"{"rule":{"triggerStage":"scanned","targetAction":"notify","x":1}}"#, "args.rule.x"),
    ("automationRuns", #"{"limit":201}"#, "args.limit"),
    ("automationRuns", #"{"outcome":"lost"}"#, "args.outcome"),
    ("unreadCount", #"{"user":"me"}"#, "args.user"),
  ])
  func `of a query too`(name: String, args: String, place: String) throws {
    let refusal = try #require(throws: Refusal.self) { try query(name, args) }
    #expect(refusal.details["path"]?.string == place)
  }
}

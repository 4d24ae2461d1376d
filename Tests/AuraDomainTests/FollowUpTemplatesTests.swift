import Testing

@testable import AuraDomain

@Suite struct `A message's words` {
  let world = World()

  private func refusal(_ message: String, _ type: FollowUpType = .postTreatment) -> Refusal? {
    do throws(Refusal) {
      _ = try MessageWords(message: message).variables(of: type, "args")
      return nil
    } catch {
      return error
    }
  }

  @Test func `name only values that their type has`() throws {
    #expect(
      try MessageWords(subject: "{clinicName}", message: "{customerName} {careLink} {customerName}").variables(
        of: .postTreatment, "args") == ["clinicName", "customerName", "careLink"])
    #expect(refusal("{amount}")?.details["path"] == "args.message")
    #expect(refusal("{amount}", .paymentReminder) == nil)
    for bad in [
      "{password}", "{}", "{ customerName }", "{customerName", "customerName}", "{{customerName}}", "a } b {",
    ] {
      #expect(refusal(bad)?.code == .badRequest, "\(bad)")
    }
    #expect(refusal("no values at all") == nil)
  }

  @Test func `of the house are whole in both languages, and every type has a rule`() throws {
    try world.seedFollowUps()
    let templates = world.rows.all(FollowUpTemplate.self)
    #expect(templates.count == FollowUpType.allCases.count * 2)
    #expect(templates.allSatisfy { $0.isSystemTemplate && $0.variables.array?.isEmpty == false })
    #expect(Set(world.rows.all(FollowUpRule.self).map(\.type)) == Set(FollowUpType.allCases))
    let rules = world.rows.all(FollowUpRule.self)
    #expect(Set(rules.map(\.occasion)) == Set(FollowUpOccasionKind.allCases))
    for rule in rules { #expect(rule.needsConsent == rule.type.isMarketing) }
    // Once more copies nothing.
    let seq = world.rows.all(FollowUpRule.self).count
    try world.seedFollowUps()
    #expect(world.rows.all(FollowUpRule.self).count == seq)
    #expect(world.rows.all(FollowUpTemplate.self).count == templates.count)
  }

  /// What a customer would be sent after a treatment.
  private func sent(to customer: (ID) throws -> Void = { _ in }) throws -> String? {
    let before = world.rows.dispatches.count
    let w = try world.treated()
    try customer(try world.customer(of: w))
    try world.advance(.hours(25))
    return world.rows.dispatches.count > before ? world.rows.dispatches.last?.text : nil
  }

  private func template(
    _ language: Language, _ message: String, _ change: (inout FollowUpTemplateDetails) -> Void = { _ in }
  )
    throws -> ID
  {
    var details = FollowUpTemplateDetails()
    details.type = .postTreatment
    details.language = language
    details.message = message
    change(&details)
    return try #require(try world.run(.createFollowUpTemplate(details), as: .a1)["templateId"]?.id)
  }

  @Test func `are those of the customer's language, else the clinic's, else the other`() throws {
    _ = try world.rule(.postTreatment)
    let english = try template(.en, "EN {customerName}")
    #expect(try sent() == "EN Malee")
    let w = try #require(world.rows.all(Workflow.self).first)
    #expect(world.messages(w.id)[0].templateID == english)
    #expect(world.messages(w.id)[0].personalizedContent["language"] == "en")
    _ = try template(.th, "TH {customerName}")
    #expect(try sent() == "TH Malee")
    #expect(try sent { try world.prefer($0) { $0.language = .en } } == "EN Malee")
  }

  @Test func `are those of the channel before those of every channel`() throws {
    _ = try world.rule(.postTreatment)
    _ = try template(.th, "all")
    _ = try template(.th, "sms") { $0.channel = .sms }
    #expect(try sent() == "sms")
    #expect(
      world.refusal(
        .createFollowUpTemplate(details { $0.channel = .sms }), as: .o1)?.code == .duplicate)
  }

  private func details(_ change: (inout FollowUpTemplateDetails) -> Void) -> FollowUpTemplateDetails {
    var details = FollowUpTemplateDetails()
    details.type = .postTreatment
    details.language = .th
    details.message = "m"
    change(&details)
    return details
  }

  @Test func `of a rule's own come before those of its type`() throws {
    _ = try world.rule(.postTreatment) { $0.words = [.en: MessageWords(subject: "S", message: "own {treatmentName}")] }
    _ = try template(.th, "type")
    #expect(try sent() == "own Hydra Facial")
    #expect(world.rows.dispatches.last?.subject == "S")
  }

  @Test func `are not sent with a hole where a value is missing`() throws {
    _ = try world.rule(.postTreatment)
    _ = try template(.th, "see {careLink}")
    let w = try world.treated()
    try world.advance(.days(2))
    #expect(world.rows.dispatches.isEmpty)
    #expect(world.messages(w).map(\.status) == [.skipped])
    #expect(world.messages(w).map(\.lastError) == ["missing_value: careLink"])
    // The clinic says where its pages are.
    var settings = FollowUpSettingsDetails()
    settings.baseURL = "https://c1.example/app/"
    try world.run(.updateFollowUpSettings(settings), as: .o1)
    let other = try world.treated("Nok", phone: "089 999 9999")
    try world.advance(.days(2))
    #expect(world.rows.dispatches.last?.text == "see https://c1.example/app/care/\(world.messages(other)[0].id)")
  }

  @Test func `are nobody's to fill in: what a customer is called changes nothing`() throws {
    _ = try world.rule(.postTreatment)
    _ = try template(.th, "คุณ{customerName}")
    #expect(try sent { id in try world.change(id) { $0.fullName = "{careLink}" } } == "คุณ{careLink}")
  }

  @Test func `may change, but not into what cannot be sent`() throws {
    let id = try template(.th, "a {customerName}")
    var details = FollowUpTemplateDetails()
    details.message = "b {amount}"
    #expect(world.refusal(.updateFollowUpTemplate(template: id, details), as: .o1)?.code == .badRequest)
    details.message = "b {careLink}"
    #expect(try world.run(.updateFollowUpTemplate(template: id, details), as: .o1)["variables"] == ["careLink"])
    #expect(world.refusal(.updateFollowUpTemplate(template: id, details), as: .s1)?.code == .forbidden)
    #expect(world.refusal(.updateFollowUpTemplate(template: world.newID(), details), as: .o1)?.code == .notFound)
    #expect(world.refusal(.createFollowUpTemplate(FollowUpTemplateDetails()), as: .o1)?.code == .badRequest)
  }

  @Test func `name days and hours as people do`() {
    let civil = ClinicCalendar(timezone: "Asia/Bangkok").civil(World.start)
    #expect((civil.date(in: .th), civil.time(in: .th)) == ("2 ก.พ. 2569", "10:00 น."))
    #expect((civil.date(in: .en), civil.time(in: .en)) == ("2 Feb 2026", "10:00"))
  }

  // MARK: Rules

  @Test(
    arguments: [
      ("type", "conditions.daysBefore", FollowUpType.postTreatment, ["daysBefore": 1]),
      ("a reminder after", "conditions.daysAfter", .appointmentReminder, ["daysAfter": 1]),
      ("far too early", "conditions.daysBefore", .loyaltyReward, ["daysBefore": 31]),
      ("no time at all", "conditions.daysBefore", .appointmentReminder, ["hoursBefore": 0]),
      ("a birthday's other day", "conditions.daysAfter", .birthdaySpecial, ["daysAfter": 1]),
      ("a stage that finds nobody", "conditions.workflowStage", .postTreatment, ["workflowStage": "scanned"]),
      ("a stage without a case", "conditions.workflowStage", .birthdaySpecial, ["workflowStage": "scanned"]),
    ] as [(String, String, FollowUpType, JSON)])
  func `belong to rules that can apply`(what: String, path: String, type: FollowUpType, conditions: JSON) throws {
    var details = FollowUpRuleDetails()
    details.name = what
    details.type = type
    details.channels = [.sms]
    details.conditions = FollowUpConditions(conditions)
    #expect(world.refusal(.createFollowUpRule(details), as: .o1)?.details["path"] == .string("args.\(path)"))
  }

  @Test func `of advertising cannot be called a service`() throws {
    let id = try world.rule(.upsellOpportunity)
    #expect(try #require(try world.rows.row(FollowUpRule.self, id)).marketing)
    var details = FollowUpRuleDetails()
    details.marketing = false
    #expect(world.refusal(.updateFollowUpRule(rule: id, details), as: .o1)?.details["path"] == "args.marketing")
    details.marketing = nil
    details.conditions = FollowUpConditions()
    details.conditions?.treatmentTypes = [world.newID().description]
    #expect(world.refusal(.updateFollowUpRule(rule: id, details), as: .o1)?.code == .notFound)
    details.conditions?.treatmentTypes = []
    details.active = false
    #expect(try world.run(.updateFollowUpRule(rule: id, details), as: .a1)["active"] == false)
    #expect(world.refusal(.updateFollowUpRule(rule: id, details), as: .s1)?.code == .forbidden)
    // A service may be sent as advertising, to those who agreed only.
    let service = try world.rule(.satisfactionSurvey) { $0.marketing = true }
    #expect(try #require(try world.rows.row(FollowUpRule.self, service)).needsConsent)
  }

  @Test func `of a rule that missed appointments are not those of one that is to come`() throws {
    let id = try world.rule(.appointmentReminder) {
      var conditions = FollowUpConditions()
      conditions.hoursBefore = 2
      $0.conditions = conditions
    }
    var details = FollowUpRuleDetails()
    details.conditions = FollowUpConditions()
    details.conditions?.workflowStage = .paymentConfirmed
    #expect(world.refusal(.updateFollowUpRule(rule: id, details), as: .o1)?.details["path"] == "args.type")
  }

  @Test func `have a day between the quiet hours, and links that are some`() throws {
    var details = FollowUpSettingsDetails()
    details.quietFrom = 9
    #expect(world.refusal(.updateFollowUpSettings(details), as: .o1)?.details["path"] == "args.quietFrom")
    details.quietFrom = 21
    for bad in ["ftp://x", "https://", "https:// x", "javascript:alert(1)", "https://x/{customerName}", "https://x<y"] {
      details.baseURL = bad
      #expect(world.refusal(.updateFollowUpSettings(details), as: .o1)?.details["path"] == "args.baseUrl", "\(bad)")
    }
    details.baseURL = "https://c1.example/"
    #expect(try world.run(.updateFollowUpSettings(details), as: .o1)["baseUrl"] == "https://c1.example")
    #expect(world.refusal(.updateFollowUpSettings(details), as: .s1)?.code == .forbidden)
  }
}

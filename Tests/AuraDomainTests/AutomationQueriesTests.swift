import Testing

@testable import AuraDomain

@Suite struct `Owners and admins see` {
  let world = World()

  // MARK: The audit

  @Test func `what each evaluation said, newest first, a page at a time`() throws {
    let first = try world.rule("first", at: .leadCreated, .addTag, ["tag": "x"])
    let second = try world.rule(
      "second", at: .leadCreated, when: .when("visits", "gte", 1), .addTag, ["tag": "y"])
    var leads: [ID] = []
    for number in 0..<6 { leads.append(try world.lead("N\(number)", phone: "081111111\(number)")) }
    func runs(_ change: (inout AutomationRunFilter) -> Void) throws -> (rows: [JSON], next: Int?) {
      var filter = AutomationRunFilter()
      change(&filter)
      let answer = try world.ask(.automationRuns(filter), as: .a1)
      return (answer["runs"]?.array ?? [], answer["next"]?.integer)
    }
    let all = try runs { _ in }
    #expect(all.rows.count == 12)
    #expect(all.next == nil)
    #expect(all.rows[0]["workflowId"]?.id == leads[5])
    #expect(all.rows[0]["ruleId"]?.id == second)
    #expect(all.rows[0]["ruleName"] == "second")
    #expect(all.rows[0]["outcome"] == "skipped")
    #expect(all.rows[0]["reason"] == "conditions")
    #expect(all.rows[0]["because"] == "visits gte 1")
    #expect(all.rows[1]["outcome"] == "matched")
    #expect(all.rows[1]["tag"] == "x")

    #expect(try runs { $0.rule = first }.rows.count == 6)
    #expect(try runs { $0.workflow = leads[2] }.rows.count == 2)
    #expect(try runs { $0.outcome = .skipped }.rows.count == 6)
    var paged: [JSON] = []
    var before: Int?
    repeat {
      let page = try runs {
        $0.rule = second
        $0.limit = 4
        $0.before = before
      }
      paged += page.rows
      before = page.next
    } while before != nil
    #expect(paged == all.rows.filter { $0["ruleId"]?.id == second })
  }

  @Test func `nothing of a customer in the audit, which cannot be erased`() throws {
    for (number, target) in [
      (AutomationTargetAction.createTask, ["type": "review_request", "title": "Call {customerName}"] as JSON),
      (.notify, ["to": "leaders", "title": "{customerName}", "message": "{customerName}"]), (.addTag, ["tag": "t"]),
      (.awardBonus, ["points": 5, "description": "for {customerName}"]),
    ].enumerated() { try world.rule("r\(number)", at: .leadCreated, target.0, target.1) }
    try world.rule("v", at: .leadCreated, when: .when("source", "eq", "ads"), .addTag, ["tag": "z"])
    try world.lead("Malee Secret", phone: "081-234-5678")
    #expect(world.runs().count == 5)
    for line in world.rows.audits {
      #expect(!line.detail.text.contains("Malee") && !line.detail.text.contains("0812345678"), "\(line.detail.text)")
      #expect(line.detail.text.utf8.count < 500)
    }
  }

  @Test func `their rules, what these may be made of, and what is left of the month's points`() throws {
    try world.rule("points", at: .leadCreated, .awardBonus, ["points": 7])
    try world.lead()
    let answer = try world.ask(.automationRules, as: .o1)
    #expect(answer["rules"]?.array?.first?["rule_name"] == "points")
    #expect(answer["rules"]?.array?.first?["problem"] == .null)
    #expect(answer["bonusPoints"] == ["perMonth": 10_000, "thisMonth": 7])
    let fields = answer["fields"]?.array ?? []
    #expect(fields.count == AutomationField.allCases.count)
    let tier = fields.first { $0["field"] == "tier" }
    #expect(tier?["words"] == ["bronze", "silver", "gold", "platinum", "diamond"])
    #expect(tier?["ops"]?.array?.contains("gte") == true)
  }

  // MARK: Dry runs

  /// Yesterday one case was treated at 11 and closed by noon, one treated and left; today a third.
  private func yesterday() throws -> [ID] {
    let first = try world.treated("One", phone: "0811111111")
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(first))), as: .s1)
    try world.advance(.hours(2))
    let second = try world.treated("Two", phone: "0822222222")
    try world.advance(.days(1))
    let third = try world.treated("Three", phone: "0833333333")
    return [first, second, third]
  }

  private func rule(
    _ target: AutomationTargetAction, _ data: JSON, when conditions: JSON = [:], delay: Int = 0
  ) -> AutomationRuleDetails {
    var rule = AutomationRuleDetails()
    rule.triggerStage = .treatmentCompleted
    rule.conditions = conditions
    rule.targetAction = target
    rule.targetData = data
    rule.delayMinutes = delay
    return rule
  }

  private func tried(_ rule: AutomationRuleDetails, on day: String? = "2026-02-02") throws -> JSON {
    var trial = AutomationDryRun(.draft(rule))
    trial.day = day
    let before = (world.rows.audits.count, world.rows.timers, world.seq)
    let answer = try world.ask(.dryRunAutomation(trial), as: .o1)
    #expect(world.rows.audits.count == before.0 && world.rows.timers == before.1 && world.seq == before.2)
    return answer
  }

  @Test func `what a rule would have done on a day, to whom and why`() throws {
    let cases = try yesterday()
    let answer = try tried(
      rule(
        .createTask, ["type": "review_request", "title": "Call {customerName}", "assignTo": "sales", "dueMinutes": 30],
        when: ["all": [.when("hour", "lt", 12), .when("visits", "gte", 1)]]))
    let entries = answer["entries"]?.array ?? []
    #expect(entries.map { $0["workflowId"]?.id } == [cases[0], cases[1]])
    #expect(entries.map { $0["outcome"] } == ["matched", "skipped"])
    #expect(entries[1]["reason"] == "conditions")
    #expect(entries[1]["because"] == "hour lt 12")
    #expect(entries[0]["would"]?["title"] == ["th": "Call One", "en": "Call One"])
    #expect(entries[0]["would"]?["assignedTo"]?.id == world.id(.s1))
    #expect(entries[0]["would"]?["dueDate"] == .instant(World.start + .minutes(30)))
    #expect(
      entries[0]["checks"] == [
        ["condition": "hour lt 12", "is": 10, "holds": true, "asOf": "then"],
        ["condition": "visits gte 1", "is": 1, "holds": true, "asOf": "today"],
      ])
    #expect(answer["todaysFields"] == ["visits"])
    #expect(answer["counts"] == ["matched": 1, "planned": 0, "skipped": 1, "error": 0])
    #expect(try tried(rule(.addTag, ["tag": "x"]), on: "2026-02-01")["entries"] == [])
    #expect(try tried(rule(.addTag, ["tag": "x"]), on: nil)["entries"]?.array?.count == 1)
  }

  @Test func `where the history says that a case had gone on before the delay was over`() throws {
    let cases = try yesterday()
    let entries = try tried(rule(.addTag, ["tag": "x"], delay: 60))["entries"]?.array ?? []
    #expect(entries.map { $0["outcome"] } == ["skipped", "matched"])
    #expect(entries[0]["reason"] == "left_stage")
    let today = try tried(rule(.addTag, ["tag": "x"], delay: 60), on: "2026-02-03")["entries"]?.array ?? []
    #expect(today.map { $0["workflowId"]?.id } == [cases[2]])
    #expect(today.map { $0["outcome"] } == ["planned"])
    #expect(today.first?["due"] == .instant(world.now + .hours(1)))
  }

  @Test func `where the case stood then, not where it stands now`() throws {
    let cases = try yesterday()
    let there = try tried(rule(.addTag, ["tag": "x"], when: .when("stage", "eq", "treatment_completed")))
    // In the same moment the first was led on: a rule on entry would have seen it there.
    #expect(there["entries"]?.array?.map { $0["workflowId"]?.id } == [cases[0], cases[1]])
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(cases[1]))), as: .s1)
    let again = try tried(rule(.addTag, ["tag": "x"], when: .when("stage", "eq", "treatment_completed")))
    #expect(again["entries"]?.array?.last?["outcome"] == "matched")
  }

  @Test func `a saved rule's day in pages`() throws {
    let saved = try world.rule(at: .leadCreated, .addTag, ["tag": "x"]) { $0.active = false }
    var leads: [ID] = []
    for number in 0..<7 {
      leads.append(try world.lead("N\(number)", phone: "081111111\(number)"))
      if number % 3 == 0 { try world.advance(.minutes(5)) }
    }
    var seen: [ID] = []
    var trial = AutomationDryRun(.saved(saved))
    trial.limit = 2
    repeat {
      let page = try world.ask(.dryRunAutomation(trial), as: .o1)
      seen += page["entries"]?.array?.compactMap { $0["workflowId"]?.id } ?? []
      trial.after = page["next"]?.id
    } while trial.after != nil
    #expect(seen == leads)
  }

  @Test func `no dry run of what could not be saved`() throws {
    func path(_ details: AutomationRuleDetails, _ day: String? = nil) -> JSON? {
      var trial = AutomationDryRun(.draft(details))
      trial.day = day
      do {
        _ = try world.ask(.dryRunAutomation(trial), as: .o1)
        return nil
      } catch {
        return (error as? Refusal)?.details["path"]
      }
    }
    #expect(path(rule(.addTag, [:])) == "args.rule.targetData.tag")
    #expect(path(rule(.addTag, ["tag": "x"], when: .when("mood", "eq", 1))) == "args.rule.conditions.field")
    #expect(path(rule(.addTag, ["tag": "x"]), "yesterday") == "args.day")
    #expect(path(rule(.addTag, ["tag": "x"]), "2026-13-01") == "args.day")
    #expect(path(rule(.addTag, ["tag": "x"]), "2026-02-02") == nil)
  }
}

@Suite struct `A follow-up that a rule plans` {
  let world = World()

  @Test func `is a message like any other, once a case, for whom the rule chooses`() throws {
    try world.seedFollowUps([.satisfactionSurvey])
    let message = try world.rule(.postTreatment) { details in
      details.conditions = FollowUpConditions()
      details.conditions?.daysAfter = 2
      details.conditions?.onRequest = true
      details.words = [.th: MessageWords(message: "สวัสดี"), .en: MessageWords(message: "Hello")]
    }
    let rule = try world.rule(
      at: .treatmentCompleted, when: .when("source", "eq", "ads"), .scheduleFollowUp, ["followUpRuleId": .id(message)])
    try world.rule("again", at: .treatmentCompleted, .scheduleFollowUp, ["followUpRuleId": .id(message)]) {
      $0.active = false
    }
    let plain = try world.treated()
    #expect(!world.messages(plain).contains { $0.ruleID == message })
    var lead = Initialize(customer: CustomerDetails(name: "Nok", phone: "0899999999"))
    lead.customer.source = .ads
    lead.treatment = world.t1
    let w = try #require(try world.run(.initialize(lead), as: .s1)["workflowId"]?.id)
    try world.run(.confirmPayment(world.payment(w, at: world.now)), as: .s1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    let planned = try #require(world.messages(w).first { $0.ruleID == message })
    #expect(planned.status == .pending)
    #expect(planned.scheduledAt == world.now + .days(2))
    #expect(world.rows.timers["followup:\(planned.id)"]?.due == planned.scheduledAt)
    #expect(world.runs(rule) == ["skipped conditions: source eq \"ads\"", "matched"])
    try world.advance(.days(2))
    #expect(world.rows.dispatches.contains { $0.execution == planned.id && $0.text == "สวัสดี" })
  }

  @Test func `is planned once, whichever rule plans it`() throws {
    let message = try world.rule(.postTreatment) { $0.conditions = FollowUpConditions(["onRequest": true]) }
    let rules = try ["one", "two"].map {
      try world.rule($0, at: .treatmentCompleted, .scheduleFollowUp, ["followUpRuleId": .id(message)])
    }
    let w = try world.treated()
    #expect(rules.map { world.runs($0) } == [["matched"], ["skipped already"]])
    #expect(world.messages(w).count { $0.ruleID == message } == 1)
  }

  @Test func `is refused with the follow-up's own reasons`() throws {
    let advertising = try world.rule(.upsellOpportunity)
    let rule = try world.rule(at: .treatmentCompleted, .scheduleFollowUp, ["followUpRuleId": .id(advertising)])
    _ = try world.treated()
    #expect(world.runs(rule) == ["skipped follow_up: no_consent"])
    try world.run(
      .updateFollowUpRule(
        rule: advertising,
        {
          var off = FollowUpRuleDetails(); off.active = false; return off
        }()), as: .o1)
    _ = try world.treated("Nok", phone: "0899999999")
    #expect(world.runs(rule).last == "error bad_request: The follow-up rule is switched off.")
  }
}

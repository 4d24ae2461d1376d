extension Draft {
  /// Plans a message of a follow-up rule about a case, as if what the rule waits for had happened now; once a case. A
  /// rule that is to write to nobody else has `onRequest` among its conditions.
  mutating func scheduleFollowUp(_ id: ID, _ workflow: Workflow) throws -> JSONObject {
    let rule = try requestedRule(id)
    let known = try followUps(of: workflow.id).filter { $0.ruleID == rule.id && $0.status != .cancelled }
    guard known.isEmpty else { throw RuleUnmet(.already) }
    guard let occasion = try occasion(of: rule, workflow) else { throw RuleUnmet(.followUp, "no occasion") }
    if case .skip(let lack) = try forecast(rule, occasion, from: now) { throw RuleUnmet(.followUp, lack.text) }
    try plan(rule, occasion)
    guard let planned = try followUps(of: workflow.id).last(where: { $0.ruleID == rule.id && $0.isWaiting }) else {
      throw RuleUnmet(.already)
    }
    return ["execution": .id(planned.id)]
  }

  func requestedRule(_ id: ID) throws -> FollowUpRule {
    guard let rule = try row(FollowUpRule.self, id), rule.active else {
      throw Refusal(.badRequest, "The follow-up rule is switched off.", details: ["rule_id": .id(id)])
    }
    return rule
  }

  /// What the message would be about; `nil` where a case alone is no occasion for it.
  private func occasion(of rule: FollowUpRule, _ workflow: Workflow) throws -> FollowUpOccasion? {
    let moment: Instant?
    var anchor = workflow.id.description
    switch rule.occasion {
    case .treated: moment = workflow.currentStage.isTreated ? now : nil
    case .appointment: moment = workflow.scheduledStart
    case .noShow:
      moment = workflow.currentStage == .paymentConfirmed ? now : nil
      anchor += ":no_show:\(workflow.noShowCount)"
    case .proposal: moment = now + .days(try followUpSettings().proposalDueDays)
    case .tierReached, .pointsExpire, .birthday: moment = nil
    }
    return moment.map {
      FollowUpOccasion(
        kind: rule.occasion, customer: workflow.customerID, workflow: workflow.id, anchor: anchor, moment: $0)
    }
  }
}

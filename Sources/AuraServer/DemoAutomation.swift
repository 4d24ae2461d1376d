import AuraDomain

/// What the demo clinic leaves to rules: two that speak at once, and one that waits for a day.
enum DemoAutomation {
  static let rules: [AutomationRuleDetails] = [
    rule(
      "First visit", .treatmentCompleted, if: ["field": "visits", "op": "eq", "value": 1], .notify,
      [
        "to": "sales", "title": ["th": "มาครั้งแรก", "en": "A first visit"],
        "message": [
          "th": "คุณ{customerName} ทำ{treatmentName}เสร็จแล้ว ทักทายก่อนกลับนะคะ",
          "en": "{customerName} has had {treatmentName}: say hello before they leave.",
        ],
      ]),
    rule(
      "A great plan", .proposalSent, if: ["field": "plan_total_st", "op": "gte", "value": 2_000_000], .notify,
      [
        "to": "leaders", "title": ["th": "แผนราคาสูง", "en": "A great plan"],
        "message": [
          "th": "{salesName} เสนอ{treatmentName}ให้คุณ{customerName}",
          "en": "{salesName} has offered {treatmentName} to {customerName}.",
        ],
      ]),
    rule(
      "A proposal without an answer", .proposalSent, if: .emptyObject, .createTask,
      [
        "type": "customer_follow_up", "assignTo": "sales", "priority": "high", "dueMinutes": 120,
        "title": ["th": "โทรถามคุณ{customerName}เรื่องแผน", "en": "Ask {customerName} about the plan"],
      ], delayMinutes: 24 * 60),
  ]

  private static func rule(
    _ name: String, _ stage: Stage, if conditions: JSON, _ target: AutomationTargetAction, _ data: JSON,
    delayMinutes: Int = 0
  ) -> AutomationRuleDetails {
    var details = AutomationRuleDetails()
    details.name = name
    details.triggerStage = stage
    details.conditions = conditions
    details.targetAction = target
    details.targetData = data
    details.delayMinutes = delayMinutes
    return details
  }
}

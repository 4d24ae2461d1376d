/// A customer's case: where it stands, who looks after it, when it is treated.
package struct Workflow: VersionedRow {
  package static let table = Table.workflowStates

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var currentStage: Stage = .leadCreated
  package var status: WorkflowStatus = .active
  package var assignedSalesID: ID?
  package var assignedBeauticianID: ID?
  package var treatmentID: ID?
  package var treatmentName: String?
  package var scheduledStart: Instant?
  package var scheduledEnd: Instant?
  package var room: String?
  package var checkedInAt: Instant?
  package var stageEnteredAt: Instant = Instant(milliseconds: 0)
  package var noShowCount = 0
  package var scanResults: JSON = .emptyObject
  package var treatmentPlan: JSON = .emptyObject
  package var metadata: JSON = .emptyObject
  package var cancelReason: String?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("current_stage", &currentStage)
    visitor.column("status", &status)
    visitor.column("assigned_sales_id", &assignedSalesID)
    visitor.column("assigned_beautician_id", &assignedBeauticianID)
    visitor.column("treatment_id", &treatmentID)
    visitor.column("treatment_name", &treatmentName)
    visitor.column("scheduled_start", &scheduledStart)
    visitor.column("scheduled_end", &scheduledEnd)
    visitor.column("room", &room)
    visitor.column("checked_in_at", &checkedInAt)
    visitor.column("stage_entered_at", &stageEnteredAt)
    visitor.column("no_show_count", &noShowCount)
    visitor.column("scan_results", &scanResults)
    visitor.column("treatment_plan", &treatmentPlan)
    visitor.column("metadata", &metadata)
    visitor.column("cancel_reason", &cancelReason)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// One transition that happened: who, when, from where to where. Never changed.
package struct WorkflowAction: Row {
  package static let table = Table.workflowActions

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var workflowID: ID = ID(high: 0, low: 0)
  package var seq = 0
  package var type: ActionType = .initialize
  package var performedBy: ID?
  package var actorKind: ActorKind = .system
  package var performedAt: Instant = Instant(milliseconds: 0)
  package var fromStage: Stage?
  package var toStage: Stage = .leadCreated
  package var data: JSON = .emptyObject
  package var notes: String?
  package var commandID: String?
  package var ruleID: ID?

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("workflow_id", &workflowID)
    visitor.column("seq", &seq)
    visitor.column("type", &type)
    visitor.column("performed_by", &performedBy)
    visitor.column("actor_kind", &actorKind)
    visitor.column("performed_at", &performedAt)
    visitor.column("from_stage", &fromStage)
    visitor.column("to_stage", &toStage)
    visitor.column("data", &data)
    visitor.column("notes", &notes)
    visitor.column("command_id", &commandID)
    visitor.column("rule_id", &ruleID)
  }
}

/// A business event that people and rules react to, with whom it is for.
package struct WorkflowEvent: Row {
  package static let table = Table.workflowEvents

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var seq = 0
  package var workflowID: ID?
  package var customerID: ID?
  package var eventType: EventType = .workflowCreated
  package var eventData: JSON = .emptyObject
  package var sourceUserID: ID?
  package var targetUsers: JSON = []
  package var targetRoles: JSON = []
  package var broadcast = false
  package var processed = false
  package var commandID: String?
  package var createdAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("seq", &seq)
    visitor.column("workflow_id", &workflowID)
    visitor.column("customer_id", &customerID)
    visitor.column("event_type", &eventType)
    visitor.column("event_data", &eventData)
    visitor.column("source_user_id", &sourceUserID)
    visitor.column("target_users", &targetUsers)
    visitor.column("target_roles", &targetRoles)
    visitor.column("broadcast", &broadcast)
    visitor.column("processed", &processed)
    visitor.column("command_id", &commandID)
    visitor.column("created_at", &createdAt)
  }
}

/// A rule of a clinic: on entry to a stage, when the conditions hold, do one thing.
package struct AutomationRule: VersionedRow {
  package static let table = Table.automationRules

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var ruleName = ""
  package var triggerStage: Stage = .leadCreated
  package var triggerAction: ActionType?
  package var conditions: JSON = .emptyObject
  package var targetAction = ""
  package var targetData: JSON = .emptyObject
  package var delayMinutes = 0
  package var active: Bool = true
  package var failureCount = 0
  package var disabledReason: String?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("rule_name", &ruleName)
    visitor.column("trigger_stage", &triggerStage)
    visitor.column("trigger_action", &triggerAction)
    visitor.column("conditions", &conditions)
    visitor.column("target_action", &targetAction)
    visitor.column("target_data", &targetData)
    visitor.column("delay_minutes", &delayMinutes)
    visitor.column("active", &active)
    visitor.column("failure_count", &failureCount)
    visitor.column("disabled_reason", &disabledReason)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// When to write to whom, and what.
package struct FollowUpRule: VersionedRow {
  package static let table = Table.followupRules

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var name = ""
  package var type: FollowUpType = .postTreatment
  package var triggerConditions: JSON = .emptyObject
  package var channels: JSON = []
  package var priority: TaskPriority = .medium
  package var active: Bool = true
  package var aiPersonalization = false
  package var template: JSON = .emptyObject
  package var marketing = false
  package var variants: JSON = []
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("name", &name)
    visitor.column("type", &type)
    visitor.column("trigger_conditions", &triggerConditions)
    visitor.column("channels", &channels)
    visitor.column("priority", &priority)
    visitor.column("active", &active)
    visitor.column("ai_personalization", &aiPersonalization)
    visitor.column("template", &template)
    visitor.column("marketing", &marketing)
    visitor.column("variants", &variants)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// One message to one customer, from planned to answered.
package struct FollowUpExecution: VersionedRow {
  package static let table = Table.followupExecutions

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var ruleID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var workflowID: ID?
  package var templateID: ID?
  package var channel: Channel = .inApp
  package var scheduledAt: Instant = Instant(milliseconds: 0)
  package var executedAt: Instant?
  package var status: ExecutionStatus = .pending
  package var attempts = 0
  package var nextAttemptAt: Instant?
  package var leaseUntil: Instant?
  package var lastError: String?
  package var variant: String?
  package var personalizedContent: JSON = .emptyObject
  package var response: JSON = .emptyObject
  package var metadata: JSON = .emptyObject
  package var providerMessageID: String?
  package var dedupeKey = ""
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("rule_id", &ruleID)
    visitor.column("customer_id", &customerID)
    visitor.column("workflow_id", &workflowID)
    visitor.column("template_id", &templateID)
    visitor.column("channel", &channel)
    visitor.column("scheduled_at", &scheduledAt)
    visitor.column("executed_at", &executedAt)
    visitor.column("status", &status)
    visitor.column("attempts", &attempts)
    visitor.column("next_attempt_at", &nextAttemptAt)
    visitor.column("lease_until", &leaseUntil)
    visitor.column("last_error", &lastError)
    visitor.column("variant", &variant)
    visitor.column("personalized_content", &personalizedContent)
    visitor.column("response", &response)
    visitor.column("metadata", &metadata)
    visitor.column("provider_message_id", &providerMessageID)
    visitor.column("dedupe_key", &dedupeKey)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// The words of a message in one language.
package struct FollowUpTemplate: VersionedRow {
  package static let table = Table.followupTemplates

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var name = ""
  package var type: FollowUpType = .postTreatment
  package var language: Language = .th
  package var channel: Channel?
  package var variant: String = "A"
  package var subject: String?
  package var message = ""
  package var variables: JSON = []
  package var isSystemTemplate = false
  package var category: String?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("name", &name)
    visitor.column("type", &type)
    visitor.column("language", &language)
    visitor.column("channel", &channel)
    visitor.column("variant", &variant)
    visitor.column("subject", &subject)
    visitor.column("message", &message)
    visitor.column("variables", &variables)
    visitor.column("is_system_template", &isSystemTemplate)
    visitor.column("category", &category)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

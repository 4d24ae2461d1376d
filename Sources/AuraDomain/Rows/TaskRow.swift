/// A piece of work for one person or, unassigned, for the pool of its role.
package struct Task: VersionedRow {
  package static let table = Table.taskQueue

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var workflowID: ID = ID(high: 0, low: 0)
  package var assignedTo: ID?
  package var taskType: TaskType = .customerFollowUp
  package var title = ""
  package var description: String?
  package var priority: TaskPriority = .medium
  package var priorityRank: Int = 1
  package var status: TaskStatus = .pending
  package var dueDate: Instant?
  package var estimatedDuration: Int?
  package var taskData: JSON = .emptyObject
  package var startedAt: Instant?
  package var startedBy: ID?
  package var completedAt: Instant?
  package var completedBy: ID?
  package var notes: String?
  package var escalationLevel = 0
  package var dedupeKey: String?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("workflow_id", &workflowID)
    visitor.column("assigned_to", &assignedTo)
    visitor.column("task_type", &taskType)
    visitor.column("title", &title)
    visitor.column("description", &description)
    visitor.column("priority", &priority)
    visitor.column("priority_rank", &priorityRank)
    visitor.column("status", &status)
    visitor.column("due_date", &dueDate)
    visitor.column("estimated_duration", &estimatedDuration)
    visitor.column("task_data", &taskData)
    visitor.column("started_at", &startedAt)
    visitor.column("started_by", &startedBy)
    visitor.column("completed_at", &completedAt)
    visitor.column("completed_by", &completedBy)
    visitor.column("notes", &notes)
    visitor.column("escalation_level", &escalationLevel)
    visitor.column("dedupe_key", &dedupeKey)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

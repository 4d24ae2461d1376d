/// Everything that can be asked of a clinic without changing it.
package enum Query: Sendable, Equatable {
  case workflowHistory(workflow: ID)
  case clinicWorkflows(WorkflowFilter)
  case myTasks(TaskFilter)
  case staff(includeInactive: Bool)
  case treatments(includeInactive: Bool)
  case me
  /// Of a customer; `nil` is the caller, as in the three behind it.
  case loyaltyProfile(customer: ID?)
  case rewards(customer: ID?)
  case pointHistory(HistoryFilter)
  case coupons(customer: ID?)
  case followUpRules
  case followUpTemplates(type: FollowUpType?)
  case followUps(FollowUpFilter)
  case followUpResults(FollowUpResultsFilter)
  case dryRunFollowUp(FollowUpDryRun)
  case preferences(customer: ID?)
  // What happens by itself.
  case automationRules
  case automationRuns(AutomationRunFilter)
  case dryRunAutomation(AutomationDryRun)
  /// Of the caller's own notifications.
  case unreadCount
  /// For staff.
  case loyaltySettings

  package var name: String {
    switch self {
    case .workflowHistory: "workflowHistory"
    case .clinicWorkflows: "clinicWorkflows"
    case .myTasks: "myTasks"
    case .staff: "staff"
    case .treatments: "treatments"
    case .me: "me"
    case .loyaltyProfile: "loyaltyProfile"
    case .rewards: "rewards"
    case .pointHistory: "pointHistory"
    case .coupons: "coupons"
    case .followUpRules: "followUpRules"
    case .followUpTemplates: "followUpTemplates"
    case .followUps: "followUps"
    case .followUpResults: "followUpResults"
    case .dryRunFollowUp: "dryRunFollowUp"
    case .preferences: "preferences"
    case .automationRules: "automationRules"
    case .automationRuns: "automationRuns"
    case .dryRunAutomation: "dryRunAutomation"
    case .unreadCount: "unreadCount"
    case .loyaltySettings: "loyaltySettings"
    }
  }
}

package struct WorkflowFilter: Sendable, Equatable {
  package enum Assigned: Sendable, Equatable {
    case me
    case staff(ID)
  }

  package static let limitMax = 200

  package var stages: [Stage] = []
  package var status: WorkflowStatus?
  package var assigned: Assigned?
  /// Part of a customer's name, nickname, code or phone.
  package var search: String?
  package var limit = 50
  /// The last workflow of the page before.
  package var after: ID?

  package init() {}
}

package struct TaskFilter: Sendable, Equatable {
  package enum Status: String, Sendable, CaseIterable {
    /// Pending and in progress: what is still to be done.
    case open
    case pending
    case inProgress = "in_progress"
    case overdue, completed, cancelled
  }

  package static let limitMax = 200

  package var status = Status.open
  /// Also the unassigned tasks that the caller's role may claim.
  package var includesPool = true
  package var limit = 100

  package init() {}
}

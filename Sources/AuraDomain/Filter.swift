/// A subscription's `where`: for each named column the values that a row may have. A table that lacks the column is not
/// constrained by it, so that one filter can serve several topics.
package struct RowFilter: Sendable, Hashable {
  /// The columns that can be named, as the wire spells them, and `user_id`, which only rights use.
  package enum Column: String, Sendable, Hashable, CaseIterable {
    case assignedTo = "assigned_to"
    case workflow = "workflow_id"
    case customer = "customer_id"
    case currentStage = "current_stage"
    case status
    case user = "user_id"
  }

  package struct Term: Sendable, Hashable {
    package let column: Column
    /// Sorted and without repetition, so that equal filters are equal values. `null` stands for no value.
    package let values: [Value]
    /// The same for a column of ids, read once: a filter is asked for every row of every commit.
    fileprivate let ids: [ID?]
    fileprivate let words: [String?]

    fileprivate init(_ column: Column, _ values: [Value]) {
      self.column = column
      self.values = Set(values).sorted { $0.sortKey < $1.sortKey }
      // Only `null` stands for no value; what cannot be a value of the column is left out and admits nothing.
      ids = self.values.compactMap { value -> ID?? in
        switch value {
        case .null: .some(nil)
        case .text(let text): ID(text).map { .some($0) }
        case .integer: nil
        }
      }
      words = self.values.compactMap { value -> String?? in
        switch value {
        case .null: .some(nil)
        case .text(let text): .some(text)
        case .integer: nil
        }
      }
    }

    fileprivate func admits(_ keys: RowKeys) -> Bool {
      switch column {
      case .assignedTo: ids.contains(keys.assignedTo)
      case .workflow: ids.contains(keys.workflow)
      case .customer: ids.contains(keys.customer)
      case .user: ids.contains(keys.user)
      case .currentStage: words.contains(keys.currentStage)
      case .status: words.contains(keys.status)
      }
    }
  }

  /// Sorted by column.
  package private(set) var terms: [Term] = []

  package init() {}

  package var isEmpty: Bool { terms.isEmpty }

  /// Adds the demand that `column` has one of `values`; a second demand on a column leaves what both allow.
  package mutating func require(_ column: Column, _ values: [Value]) {
    if let index = terms.firstIndex(where: { $0.column == column }) {
      terms[index] = Term(column, terms[index].values.filter { values.contains($0) })
    } else {
      terms.append(Term(column, values))
      terms.sort { $0.column.rawValue < $1.column.rawValue }
    }
  }

  package func and(_ other: RowFilter) -> RowFilter {
    var result = self
    for term in other.terms { result.require(term.column, term.values) }
    return result
  }

  package func admits(_ table: Table, _ keys: RowKeys) -> Bool {
    for term in terms where term.column.name(in: table) != nil {
      guard term.admits(keys) else { return false }
    }
    return true
  }
}

extension RowFilter.Column {
  /// The column's name in a table's schema: a workflow is its own `workflow_id`, a customer its own `customer_id`.
  /// `nil` where the table has no such column.
  package func name(in table: Table) -> StaticString? { Self.names[table]?[self] }

  /// Looked up once: a filter is asked for every row of every commit.
  private static let names: [Table: [RowFilter.Column: StaticString]] = Dictionary(
    uniqueKeysWithValues: Table.allCases.map { table in
      var names: [RowFilter.Column: StaticString] = [:]
      for column in RowFilter.Column.allCases {
        names[column] = table.columns.first { "\($0)" == column.rawValue }
      }
      if table == .workflowStates { names[.workflow] = "id" }
      if table == .customers { names[.customer] = "id" }
      return (table, names)
    })
}

extension Value {
  fileprivate var sortKey: String {
    switch self {
    case .null: ""
    case .integer(let value): "i\(value)"
    case .text(let value): "t\(value)"
    }
  }
}

extension Table {
  /// The type of the table's rows.
  package var rowType: any Row.Type {
    switch self {
    case .workflowStates: Workflow.self
    case .workflowActions: WorkflowAction.self
    case .taskQueue: Task.self
    case .workflowEvents: WorkflowEvent.self
    case .automationRules: AutomationRule.self
    case .loyaltyProfiles: LoyaltyProfile.self
    case .loyaltyMonths: LoyaltyMonth.self
    case .pointTransactions: PointTransaction.self
    case .achievements: Achievement.self
    case .loyaltyRewards: LoyaltyReward.self
    case .loyaltyRedemptions: LoyaltyRedemption.self
    case .customerCoupons: CustomerCoupon.self
    case .followupRules: FollowUpRule.self
    case .followupExecutions: FollowUpExecution.self
    case .customerPreferences: CustomerPreferences.self
    case .followupTemplates: FollowUpTemplate.self
    case .clinics: Clinic.self
    case .users: User.self
    case .clinicStaff: StaffMember.self
    case .customers: Customer.self
    case .treatments: Treatment.self
    case .posTransactions: PosTransaction.self
    case .notifications: Notification.self
    case .pointCredits: PointCredit.self
    case .customerJourneyEvents: JourneyEvent.self
    }
  }

  /// The columns' names in the schema's order.
  package var columns: [StaticString] { Self.columnsOfTables[self] ?? [] }

  private static let columnsOfTables: [Table: [StaticString]] = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0, $0.rowType.columnNames) })
}

extension Row {
  fileprivate static var columnNames: [StaticString] {
    var visitor = ColumnNames()
    var blank = Self()
    blank.columns(&visitor)
    return visitor.names
  }
}

private struct ColumnNames: ColumnVisitor {
  var names: [StaticString] = []

  mutating func column(_ name: StaticString, _ value: inout ID) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout ID?) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout String) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout String?) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout Int) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout Int?) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout Bool) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout Instant) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout Instant?) { names.append(name) }
  mutating func column(_ name: StaticString, _ value: inout JSON) { names.append(name) }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

/// The tables that the change log carries, by their names in the schema and on the wire.
package enum Table: String, Sendable, CaseIterable {
  case workflowStates = "workflow_states"
  case workflowActions = "workflow_actions"
  case taskQueue = "task_queue"
  case workflowEvents = "workflow_events"
  case automationRules = "automation_rules"
  case loyaltyProfiles = "loyalty_profiles"
  case loyaltyMonths = "loyalty_months"
  case pointTransactions = "point_transactions"
  case pointCredits = "point_credits"
  case achievements
  case loyaltyRewards = "loyalty_rewards"
  case loyaltyRedemptions = "loyalty_redemptions"
  case customerCoupons = "customer_coupons"
  case followupRules = "followup_rules"
  case followupExecutions = "followup_executions"
  case customerPreferences = "customer_preferences"
  case followupTemplates = "followup_templates"
  case clinics
  case users
  case clinicStaff = "clinic_staff"
  case customers
  case treatments
  case posTransactions = "pos_transactions"
  case notifications
  case customerJourneyEvents = "customer_journey_events"
}

/// One row of a table, as the domain reads and writes it.
///
/// `columns` names each column once, in the schema's order; reading from the database, binding to a statement, writing
/// JSON and checking the schema are all visitors of that one list.
package protocol Row: Sendable, Equatable {
  static var table: Table { get }
  init()
  var id: ID { get set }
  mutating func columns(_ visitor: inout some ColumnVisitor)
}

/// A row that changes: each `put` raises `version` by one, which is what clients compare and `expect` names.
package protocol VersionedRow: Row {
  var version: Int { get set }
  var createdAt: Instant { get set }
  var updatedAt: Instant { get set }
}

/// What is done with each column of a row: read it, bind it, print it. The value is `inout` so that one list of columns
/// serves both directions.
package protocol ColumnVisitor {
  mutating func column(_ name: StaticString, _ value: inout ID)
  mutating func column(_ name: StaticString, _ value: inout ID?)
  mutating func column(_ name: StaticString, _ value: inout String)
  mutating func column(_ name: StaticString, _ value: inout String?)
  mutating func column(_ name: StaticString, _ value: inout Int)
  mutating func column(_ name: StaticString, _ value: inout Int?)
  mutating func column(_ name: StaticString, _ value: inout Bool)
  mutating func column(_ name: StaticString, _ value: inout Instant)
  mutating func column(_ name: StaticString, _ value: inout Instant?)
  mutating func column(_ name: StaticString, _ value: inout JSON)
  /// A value outside the enumeration; only a database that another program wrote can cause it.
  mutating func unknownCase(_ name: StaticString, _ text: String)
}

extension ColumnVisitor {
  package mutating func column<E: RawRepresentable<String>>(_ name: StaticString, _ value: inout E) {
    var text = value.rawValue
    column(name, &text)
    if text == value.rawValue { return }
    if let known = E(rawValue: text) { value = known } else { unknownCase(name, text) }
  }

  package mutating func column<E: RawRepresentable<String>>(_ name: StaticString, _ value: inout E?) {
    var text = value?.rawValue
    column(name, &text)
    guard let text else {
      value = nil
      return
    }
    if let known = E(rawValue: text) { value = known } else { unknownCase(name, text) }
  }
}

extension Row {
  /// The version that the wire prints; a row that is only ever appended has its first.
  package var wireVersion: Int { (self as? any VersionedRow)?.version ?? 1 }

  /// The row as a JSON object with every column, then `version` where the table itself has none.
  package func json(into writer: inout JSONWriter) {
    var visitor = JSONColumns(writer: writer)
    writer = JSONWriter()
    var copy = self
    visitor.writer.beginObject()
    copy.columns(&visitor)
    if !(self is any VersionedRow) {
      visitor.writer.name("version")
      visitor.writer.integer(1)
    }
    visitor.writer.endObject()
    writer = visitor.writer
  }
}

/// Prints columns as members of a JSON object.
private struct JSONColumns: ColumnVisitor {
  var writer: JSONWriter

  mutating func column(_ name: StaticString, _ value: inout ID) {
    writer.name(name)
    writer.id(value)
  }
  mutating func column(_ name: StaticString, _ value: inout ID?) {
    writer.name(name)
    if let value { writer.id(value) } else { writer.null() }
  }
  mutating func column(_ name: StaticString, _ value: inout String) {
    writer.name(name)
    writer.string(value)
  }
  mutating func column(_ name: StaticString, _ value: inout String?) {
    writer.name(name)
    if let value { writer.string(value) } else { writer.null() }
  }
  mutating func column(_ name: StaticString, _ value: inout Int) {
    writer.name(name)
    writer.integer(value)
  }
  mutating func column(_ name: StaticString, _ value: inout Int?) {
    writer.name(name)
    if let value { writer.integer(value) } else { writer.null() }
  }
  mutating func column(_ name: StaticString, _ value: inout Bool) {
    writer.name(name)
    writer.bool(value)
  }
  mutating func column(_ name: StaticString, _ value: inout Instant) {
    writer.name(name)
    writer.integer(value.milliseconds)
  }
  mutating func column(_ name: StaticString, _ value: inout Instant?) {
    writer.name(name)
    if let value { writer.integer(value.milliseconds) } else { writer.null() }
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) {
    writer.name(name)
    writer.value(value)
  }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

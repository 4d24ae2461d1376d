/// A durable commit of one clinic: what the log keeps, what streams are fed with. Made once, shared by all threads.
package final class Commit: Sendable {
  package let clinic: ID
  /// 1, 2, 3 … within the clinic, without a hole.
  package let seq: Int
  package let at: Instant
  /// The wire's `cause` object as JSON text; empty when the system acted without a command.
  package let cause: [UInt8]
  package let changes: [RowChange]

  package init(clinic: ID, seq: Int, at: Instant, cause: [UInt8], changes: [RowChange]) {
    self.clinic = clinic
    self.seq = seq
    self.at = at
    self.cause = cause
    self.changes = changes
  }
}

/// One row's change within a commit, with the row's JSON as it goes to the log and, spliced, onto the wire.
package struct RowChange: Sendable {
  package enum Operation: String, Sendable { case put, remove }

  package let table: Table
  package let operation: Operation
  package let id: ID
  package let version: Int
  /// The whole row as a JSON object; for `remove` the row as it last was.
  package let row: [UInt8]
  /// The row's filter columns after the change …
  package let keys: RowKeys
  /// … and before it; `nil` for a row that did not exist.
  package let was: RowKeys?

  package init(
    table: Table, operation: Operation, id: ID, version: Int, row: [UInt8], keys: RowKeys, was: RowKeys?
  ) {
    self.table = table
    self.operation = operation
    self.id = id
    self.version = version
    self.row = row
    self.keys = keys
    self.was = was
  }

  package init(inserting row: some Row) {
    var writer = JSONWriter(capacity: 512)
    row.json(into: &writer)
    self.init(
      table: type(of: row).table, operation: .put, id: row.id, version: row.wireVersion, row: writer.bytes,
      keys: row.keys, was: nil)
  }

  package init(updating before: some Row, to after: some Row) {
    var writer = JSONWriter(capacity: 512)
    after.json(into: &writer)
    self.init(
      table: type(of: after).table, operation: .put, id: after.id, version: after.wireVersion, row: writer.bytes,
      keys: after.keys, was: before.keys)
  }

  package init(removing row: some Row) {
    var writer = JSONWriter(capacity: 512)
    row.json(into: &writer)
    self.init(
      table: type(of: row).table, operation: .remove, id: row.id, version: row.wireVersion, row: writer.bytes,
      keys: row.keys, was: row.keys)
  }
}

/// The columns that filters and rights look at. A table that lacks one leaves it `nil`.
package struct RowKeys: Sendable, Hashable {
  package var assignedTo: ID?
  package var workflow: ID?
  package var customer: ID?
  package var user: ID?
  package var currentStage: String?
  package var status: String?
  /// Whom a business event is for; `nil` on other tables.
  package var audience: Audience?

  package init() {}

  package struct Audience: Sendable, Hashable {
    package var users: [ID]
    package var roles: [Role]
    package var isBroadcast: Bool

    package init(users: [ID], roles: [Role], isBroadcast: Bool) {
      self.users = users
      self.roles = roles
      self.isBroadcast = isBroadcast
    }
  }
}

extension Row {
  /// The row's filter columns, found by name among its columns.
  package var keys: RowKeys {
    var visitor = KeyColumns()
    var copy = self
    copy.columns(&visitor)
    var keys = visitor.keys
    // A workflow and a customer are themselves what others refer to.
    if Self.table == .workflowStates { keys.workflow = id }
    if Self.table == .customers { keys.customer = id }
    if Self.table == .workflowEvents {
      keys.audience = .init(
        users: visitor.targetUsers.array?.compactMap { $0.string.flatMap { ID($0) } } ?? [],
        roles: visitor.targetRoles.array?.compactMap { $0.string.flatMap { Role(rawValue: $0) } } ?? [],
        isBroadcast: visitor.broadcast)
    }
    return keys
  }
}

private struct KeyColumns: ColumnVisitor {
  var keys = RowKeys()
  var targetUsers = JSON.null
  var targetRoles = JSON.null
  var broadcast = false

  private func isNamed(_ name: StaticString, _ other: StaticString) -> Bool {
    name.utf8CodeUnitCount == other.utf8CodeUnitCount
      && UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        .elementsEqual(UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount))
  }

  mutating func column(_ name: StaticString, _ value: inout ID) {
    var optional: ID? = value
    column(name, &optional)
  }
  mutating func column(_ name: StaticString, _ value: inout ID?) {
    if isNamed(name, "assigned_to") { keys.assignedTo = value }
    if isNamed(name, "workflow_id") { keys.workflow = value }
    if isNamed(name, "customer_id") { keys.customer = value }
    if isNamed(name, "user_id") { keys.user = value }
  }
  mutating func column(_ name: StaticString, _ value: inout String) {
    if isNamed(name, "current_stage") { keys.currentStage = value }
    if isNamed(name, "status") { keys.status = value }
  }
  mutating func column(_ name: StaticString, _ value: inout JSON) {
    if isNamed(name, "target_users") { targetUsers = value }
    if isNamed(name, "target_roles") { targetRoles = value }
  }
  mutating func column(_ name: StaticString, _ value: inout Bool) {
    if isNamed(name, "broadcast") { broadcast = value }
  }
  mutating func column(_ name: StaticString, _ value: inout String?) {}
  mutating func column(_ name: StaticString, _ value: inout Int) {}
  mutating func column(_ name: StaticString, _ value: inout Int?) {}
  mutating func column(_ name: StaticString, _ value: inout Instant) {}
  mutating func column(_ name: StaticString, _ value: inout Instant?) {}
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

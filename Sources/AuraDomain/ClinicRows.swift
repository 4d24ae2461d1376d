/// The rows of one clinic as one transaction sees them. The store reads them from the database, tests from memory;
/// neither ever returns a row of another clinic.
package protocol ClinicRows {
  var clinicID: ID { get }
  func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R?
  func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R]
  /// The counter's value; 0 when it was never set.
  func counter(_ name: String) throws -> Int
  /// Lines of the clinic's audit of one kind, the newest first; `before` is the number of a line.
  func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine]
  /// What was kept to undo a case's last move; `nil` when it cannot be undone.
  func undo(_ workflow: ID) throws -> JSON?
  /// A user who is a member of the clinic or one of its customers.
  func user(_ id: ID) throws -> User?
  /// Whether there is an active user of this id, of whatever clinic: who becomes a member has to exist, and nothing
  /// else about them is anyone's business here.
  func userExists(_ id: ID) throws -> Bool
  /// The active user of this address in lower case, of whatever clinic: who is given a customer's page is named by it.
  func activeUser(email: String) throws -> ID?
}

/// A line of the audit as queries show it. Numbers rise, with holes: all clinics share them.
package struct AuditLine: Sendable, Equatable {
  package var number: Int
  package var at: Instant
  package var detail: JSON

  package init(number: Int, at: Instant, detail: JSON) {
    self.number = number
    self.at = at
    self.detail = detail
  }
}

/// Which rows, in which order: conditions that all hold, on columns by their names in the schema.
package struct Selection: Sendable {
  package var conditions: [Condition]
  package var order: [Order]
  package var limit: Int?

  package init(_ conditions: Condition..., order: [Order] = [], limit: Int? = nil) {
    self.conditions = conditions
    self.order = order
    self.limit = limit
  }
}

package enum Condition: Sendable {
  case equal(StaticString, Value)
  case oneOf(StaticString, [Value])
  case isNull(StaticString)
  case notNull(StaticString)
  case less(StaticString, Value)
  case atMost(StaticString, Value)
  case greater(StaticString, Value)
  case atLeast(StaticString, Value)
  /// The column's text holds this text somewhere; capital and small ASCII letters are the same, `null` holds nothing.
  case contains(StaticString, String)
}

package struct Order: Sendable {
  package var column: StaticString
  package var descending: Bool

  package static func ascending(_ column: StaticString) -> Order { Order(column: column, descending: false) }
  package static func descending(_ column: StaticString) -> Order { Order(column: column, descending: true) }
}

/// A value as a column holds it: ids, words and JSON as text, times, money and booleans as integers.
package enum Value: Sendable, Hashable {
  case null
  case integer(Int)
  case text(String)

  package static func id(_ id: ID) -> Value { .text(id.description) }
  package static func instant(_ at: Instant) -> Value { .integer(at.milliseconds) }
  package static func word(_ word: some RawRepresentable<String>) -> Value { .text(word.rawValue) }
}

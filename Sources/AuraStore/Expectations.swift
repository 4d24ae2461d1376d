import AuraDomain
import AuraJSON

/// The versions that a command names must still be true.
enum Expectations {
  private static let clinicVersion: SQL = "SELECT version, updated_at FROM clinics WHERE id = $1"

  static func check(_ session: SQLSession, _ request: CommandRequest, _ actor: Actor) throws {
    for expected in request.expect {
      let current =
        try isVisible(expected, session, request.clinic, actor)
        ? current(session, request.clinic, expected) : nil
      guard let current else {
        throw Refusal(
          .notFound, "There is no such row.",
          details: ["table": .string(expected.table.rawValue), "id": .string(expected.id.description)])
      }
      if current.version != expected.version { throw try stale(session, request.clinic, expected, current, actor) }
    }
  }

  /// A row that the caller may not see is not there, whatever its version. Staff may name any table's rows: they work
  /// with all of them; customers their own, of the tables that are shown to them.
  private static func isVisible(
    _ expected: Expectation, _ session: SQLSession, _ clinic: ID, _ actor: Actor
  ) throws -> Bool {
    guard actor.kind == .customer, let scope = actor.scope else { return true }
    guard scope.mayRead(expected.table) else { return false }
    let row = try rowKeys(expected, session, clinic)
    return row.map { scope.admits(expected.table, $0) } ?? false
  }

  private static func rowKeys(_ expected: Expectation, _ session: SQLSession, _ clinic: ID) throws -> RowKeys? {
    func keys<R: Row>(_ type: R.Type) throws -> RowKeys? {
      try StoredRows(session: session, clinicID: clinic).row(type, expected.id)?.keys
    }
    return try keys(expected.table.rowType)
  }

  private static func current(
    _ session: SQLSession, _ clinic: ID, _ expected: Expectation
  ) throws -> (version: Int, updatedAt: Instant?)? {
    let table = expected.table
    switch table {
    // A user belongs to no clinic; its version is nobody's to name here.
    case .users: return nil
    case .clinics:
      guard expected.id == clinic else { return nil }
      return try session.first(clinicVersion, .id(clinic)) { ($0.integer(0), $0.instant(1)) }
    default:
      let isVersioned = table.rowType is any VersionedRow.Type
      var found: (version: Int, updatedAt: Instant?)?
      let columns = isVersioned ? "version, updated_at" : "1, NULL"
      try session.each(
        composed: "SELECT \(columns) FROM \(table.rawValue) WHERE clinic_id = $1 AND id = $2",
        [.id(clinic), .id(expected.id)]
      ) { found = ($0.integer(0), $0.optionalInstant(1)) }
      return found
    }
  }

  /// With the current version and, while the log remembers it, who wrote it.
  private static func stale(
    _ session: SQLSession, _ clinic: ID, _ expected: Expectation, _ current: (version: Int, updatedAt: Instant?),
    _ actor: Actor
  ) throws -> Refusal {
    var details: JSON = [
      "table": .string(expected.table.rawValue), "id": .string(expected.id.description),
      "expected": .integer(expected.version), "version": .integer(current.version),
    ]
    if let at = current.updatedAt { details.set("at", .integer(at.milliseconds)) }
    if actor.kind == .customer {
      return Refusal(.staleVersion, "Somebody else has changed this meanwhile.", details: details)
    }
    let commit = try ChangeLog.writer(
      session, clinic: clinic, table: expected.table, id: expected.id, version: current.version)
    if let commit {
      details.set("seq", .integer(commit.seq))
      if !commit.cause.isEmpty, let cause = try? JSON.parse(commit.cause) {
        details.set("by", cause["by"])
        details.set("command", cause["command"])
      } else {
        details.set("by", .null)
      }
    }
    return Refusal(.staleVersion, "Somebody else has changed this meanwhile.", details: details)
  }
}

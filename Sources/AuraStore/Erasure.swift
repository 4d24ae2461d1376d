import AuraDomain
import AuraJSON

/// Takes a forgotten customer out of the log's past, a slice at a time: the images of their rows read as the rows do now.
///
/// The log keeps its numbers, versions and ids, so that a cursor of before still resumes: a client that comes back takes
/// in the redacted images and then the commit that made the rows so. No new epoch is needed.
package enum Erasure {
  private static let commitsPerSlice = 128

  private static let open: SQL = """
    SELECT clinic_id, customer_id, next_seq FROM sys_erasures WHERE finished_at IS NULL
    ORDER BY requested_at, clinic_id, customer_id LIMIT 1
    """
  private static let advance: SQL = "UPDATE sys_erasures SET next_seq = $1 WHERE clinic_id = $2 AND customer_id = $3"
  private static let finish: SQL = "UPDATE sys_erasures SET finished_at = $1 WHERE clinic_id = $2 AND customer_id = $3"
  private static let begin: SQL = """
    INSERT INTO sys_erasures (clinic_id, customer_id, requested_at, next_seq, finished_at) VALUES ($1, $2, $3, 0, NULL)
    ON CONFLICT (clinic_id, customer_id) DO UPDATE
    SET requested_at = excluded.requested_at, next_seq = 0, finished_at = NULL
    """
  private static let cases: SQL = "SELECT id FROM workflow_states WHERE clinic_id = $1 AND customer_id = $2"
  private static let rewrite: SQL = "UPDATE sys_changes SET changes = $1 WHERE clinic_id = $2 AND seq = $3"
  private static let isFinished: SQL = """
    SELECT finished_at IS NOT NULL FROM sys_erasures WHERE clinic_id = $1 AND customer_id = $2
    """
  // Answers that are kept for repeats name people in their hints.
  private static let answers: SQL = """
    UPDATE sys_commands SET result = '{}' WHERE clinic_id = $1 AND result IS NOT NULL AND instr(result, $2) > 0
    """

  static func begin(_ session: SQLSession, clinic: ID, customer: ID, now: Instant) throws {
    try session.execute(begin, .id(clinic), .id(customer), .instant(now))
  }

  /// Whether nothing of the customer is left in the log; `nil` for one whom nobody asked to forget.
  package static func isFinished(_ session: SQLSession, clinic: ID, customer: ID) throws -> Bool? {
    try session.first(isFinished, .id(clinic), .id(customer)) { $0.bool(0) }
  }

  enum Slice {
    case nothing
    case more
    /// One is done: what loops hold of the clinic's log in memory is older than the log.
    case finished(clinic: ID)
  }

  /// One slice in a transaction of its own.
  static func slice(_ session: SQLSession, now: Instant) throws -> Slice {
    let found = try session.first(open) { (clinic: $0.id(0), customer: $0.id(1), next: $0.integer(2)) }
    guard let found, let clinic = found.clinic, let customer = found.customer else { return .nothing }
    var result = Slice.more
    try session.transaction {
      let person = Person(
        customer: customer,
        cases: Set(try session.all(cases, .id(clinic), .id(customer)) { $0.id(0) }.compactMap { $0 }))
      let commits = try ChangeLog.commits(
        session, clinic: clinic, after: found.next, limit: commitsPerSlice, maxBytes: 4 << 20)
      for commit in commits {
        guard let changes = try person.redact(commit) else { continue }
        try session.execute(
          rewrite, .utf8(Commit.encodeChanges(changes)), .id(clinic), .integer(commit.seq))
      }
      if let last = commits.last {
        try session.execute(advance, .integer(last.seq), .id(clinic), .id(customer))
      } else {
        try session.execute(answers, .id(clinic), .id(customer))
        for id in person.cases { try session.execute(answers, .id(clinic), .id(id)) }
        try session.execute(finish, .instant(now), .id(clinic), .id(customer))
        result = .finished(clinic: clinic)
      }
    }
    return result
  }

  /// Whose images go.
  private struct Person {
    var customer: ID
    var cases: Set<ID>

    /// The commit's changes without them; `nil` when it holds nothing of theirs.
    func redact(_ commit: Commit) throws -> [RowChange]? {
      var isChanged = false
      let changes = try commit.changes.map { change -> RowChange in
        guard !Redaction.columns(of: change.table).members.isEmpty, isTheirs(change) else { return change }
        let image = try change.row.withUnsafeBytes { try JSON.parse($0, valuesMax: 1 << 20) }
        guard let object = image.object else { return change }
        let redacted = Redaction.redact(object, table: change.table)
        if redacted == object { return change }
        isChanged = true
        var writer = JSONWriter(capacity: change.row.count)
        writer.value(.object(redacted))
        return RowChange(
          table: change.table, operation: change.operation, id: change.id, version: change.version, row: writer.bytes,
          keys: change.keys, was: change.was)
      }
      return isChanged ? changes : nil
    }

    private func isTheirs(_ change: RowChange) -> Bool {
      if change.keys.customer == customer || change.keys.workflow.map(cases.contains) ?? false { return true }
      // A bell of the staff names the case in its metadata only.
      guard change.table == .notifications, let image = try? JSON.parse(change.row) else { return false }
      let named = image["metadata"]?["workflow_id"]?.string.flatMap { ID($0) }
      return named.map(cases.contains) ?? false
    }
  }
}

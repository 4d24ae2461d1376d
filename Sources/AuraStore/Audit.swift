import AuraDomain
import AuraSodium

/// What must be answerable years later: an append-only list, each entry's hash made over the one before, so that a
/// change to the past shows.
package enum Audit {
  private static let last: SQL = "SELECT n, hash FROM sys_audit ORDER BY n DESC LIMIT 1"
  private static let insert: SQL = """
    INSERT INTO sys_audit (n, at, clinic_id, user_id, kind, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)
    """
  private static let all: SQL = """
    SELECT n, at, clinic_id, user_id, kind, detail, hash FROM sys_audit WHERE n > $1 ORDER BY n LIMIT 1000
    """

  static func append(
    _ session: SQLSession, at now: Instant, clinic: ID?, user: ID?, kind: String, detail: JSON
  ) throws {
    let previous = try session.first(last) { (n: $0.integer(0), hash: $0.text(1)) } ?? (n: 0, hash: "")
    let n = previous.n + 1
    let text = detail.text
    let hash = hash(
      previous: previous.hash, n: n, at: now.milliseconds, clinic: clinic?.description, user: user?.description,
      kind: kind, detail: text)
    try session.execute(
      insert, .integer(n), .instant(now), .optional(clinic), .optional(user), .text(kind), .text(text), .text(hash))
  }

  /// The number of the first entry whose hash does not follow from the one before; `nil` when the chain holds.
  package static func firstBreak(_ session: SQLSession) throws -> Int? {
    var previous = (n: 0, hash: "")
    while true {
      var broken: Int?
      let from = previous.n
      try session.each(all, .integer(from)) { row in
        if broken != nil { return }
        let n = row.integer(0)
        let expected = hash(
          previous: previous.hash, n: previous.n + 1, at: row.integer(1), clinic: row.optionalText(2),
          user: row.optionalText(3), kind: row.text(4), detail: row.text(5))
        if n != previous.n + 1 || row.text(6) != expected { broken = n }
        previous = (n, row.text(6))
      }
      if let broken { return broken }
      if previous.n == from { return nil }
    }
  }

  private static func hash(
    previous: String, n: Int, at: Int, clinic: String?, user: String?, kind: String, detail: String
  ) -> String {
    let entry: JSON = [
      .string(previous), .integer(n), .integer(at), clinic.map(JSON.string) ?? .null, user.map(JSON.string) ?? .null,
      .string(kind), .string(detail),
    ]
    return Sodium.sha256(Array(entry.text.utf8))
  }
}

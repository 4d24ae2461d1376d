import AuraDomain
import Testing

@testable import AuraStore

/// What a clinic's years cost: no query of a command may walk a table that grows with them. SQLite has no statistics
/// here, so the plan depends on the indexes alone and a small database shows it.
@Suite struct `The rules' queries` {
  /// Tables that stay small, whatever the clinic's age.
  private static let small = [
    "clinic_staff", "treatments", "automation_rules", "clinics", "users", "followup_rules", "followup_templates",
  ]

  @Test func `find their rows by an index that is narrower than the clinic`() throws {
    let bench = try Bench { $0.decide = { command, draft in try decide(command, &draft) } }
    let clinic = try House(bench)
    try clinic.runDay()
    var texts = Set(bench.writer.connection.use { Array($0.composed.keys) })
    try clinic.ask()
    texts.formUnion(try bench.read { Array($0.session.composed.keys) })
    #expect(texts.count > 20)

    var walks: [String] = []
    for text in texts.sorted() {
      let parameters = text.split(separator: "$").dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }.max() ?? 0
      try bench.read { reader in
        try reader.session.each(
          composed: "EXPLAIN QUERY PLAN " + text, Array(repeating: .null, count: parameters)
        ) { row in
          let plan = row.text(3)
          let isWholeClinic = plan.hasSuffix("(clinic_id=?)") || plan.hasPrefix("SCAN")
          // A page of the newest stops at its limit; a search by part of a name reads the customers, on a reader.
          let isPage = text.contains("WHERE clinic_id = $1 ORDER BY id DESC") && text.contains("LIMIT")
          if isWholeClinic, !isPage, !text.contains(" LIKE "),
            !Self.small.contains(where: { plan.contains(" \($0) ") || plan.contains(" \($0)_") })
          {
            walks.append("\(plan)  in  \(text)")
          }
        }
      }
    }
    #expect(walks == [])
  }
}

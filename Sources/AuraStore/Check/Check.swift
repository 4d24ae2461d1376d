import AuraDomain
import Foundation

/// Looks whether a database is what it should be, without changing anything, also beside a hub that writes.
///
/// Its memory does not grow with the tables: rows are read one after the other, what has to be sorted is sorted on the
/// disk, and of the findings of one kind the first few are kept.
package enum Check {
  package struct Finding: Sendable, Equatable {
    /// The clinic's code, or its id when there is none.
    package var clinic: String
    package var subject: String
    package var problem: String
  }

  package struct Result: Sendable, Equatable {
    package var name: String
    package var count: Int
    /// The first `shownMax` of them.
    package var findings: [Finding]
    package var next: String
  }

  /// Findings of one kind that are shown; the others are counted.
  package static let shownMax = 20

  private static let foreignKeys: SQL = "PRAGMA foreign_key_check"
  private static let codes: SQL = "SELECT id, clinic_code FROM clinics"
  private static let holes: SQL = """
    SELECT clinic_id, '', 'has commits ' || MIN(seq) || ' to ' || MAX(seq) || ' in the log, and ' || COUNT(*) || ' of them'
    FROM sys_changes GROUP BY clinic_id HAVING COUNT(*) <> MAX(seq) - MIN(seq) + 1
    """
  private static let heads: SQL = """
    SELECT h.clinic_id, '', 'is at commit ' || h.seq || ', its log ends with ' || l.last FROM sys_heads h
    JOIN (SELECT clinic_id, MAX(seq) AS last FROM sys_changes GROUP BY clinic_id) l ON l.clinic_id = h.clinic_id
    WHERE l.last <> h.seq
    """

  /// Everything, one after the other; `report` gets each result as it comes.
  package static func run(directory: String, report: (Result) throws -> Void) throws {
    guard Store.holdsDatabase(directory) else { throw StoreFailure.noDatabase(path: directory) }
    let queue = try SQLite.openFile(readOnly: directory + "/" + SQLite.fileName, label: "aura.check")
    try SQLiteConnection(queue).use { session in
      guard let version = try Schema.appliedVersion(session), version == Schema.version else {
        throw StoreFailure.olderVersion(found: try Schema.appliedVersion(session) ?? 0, known: Schema.version)
      }
      try report(try pages(session))
      var names: [String: String] = [:]
      _ = try? session.each(codes) { names[$0.text(0)] = $0.text(1) }
      try report(
        try ask("file.references", session, "Restore the last backup that passes.") { found in
          try session.each(foreignKeys) { row in
            found(
              .init(
                clinic: "", subject: row.text(0),
                problem: "row \(row.integer(1)) refers to a row of \(row.text(2)) that is missing"))
          }
        })
      try report(
        try ask(
          "audit.chain", session,
          "Somebody has changed the audit, or the disk has: compare with backups, whose last entry and hash `aura backup` prints."
        ) { found in
          if let n = try Audit.firstBreak(session) {
            found(.init(clinic: "", subject: "entry \(n)", problem: "does not follow from the one before"))
          }
        })
      for (name, question) in [("log.holes", holes), ("log.head", heads)] {
        try report(
          try ask(name, question, "Clients would miss changes: restore the last backup that passes.", names, session))
      }
      try report(
        try ask(
          "log.rows", session,
          "Somebody has changed rows behind the hub's back, and clients show others: restart the hub after a restore of the last backup that passes, or write the rows anew through the hub."
        ) { found in
          try LogComparison.run(session) { found($0.named(names)) }
        })
      for invariant in Invariant.all {
        try report(try ask(invariant.name, invariant.question, invariant.next, names, session))
      }
    }
  }

  private static func pages(_ session: SQLSession) throws -> Result {
    try ask(
      "file.pages", session,
      "Stop the hub, keep a copy of the file, check the disk, and restore the last backup that passes."
    ) { found in
      for problem in try SQLite.integrity(session, findingsMax: shownMax) {
        found(Finding(clinic: "", subject: "the file", problem: problem))
      }
    }
  }

  private static func ask(
    _ name: String, _ question: SQL, _ next: String, _ names: [String: String], _ session: SQLSession
  ) throws -> Result {
    try ask(name, session, next) { found in
      try session.each(question) { row in
        found(Finding(clinic: row.text(0), subject: row.text(1), problem: row.text(2)).named(names))
      }
    }
  }

  private static func ask(
    _ name: String, _ session: SQLSession, _ next: String, _ body: ((Finding) -> Void) throws -> Void
  ) throws -> Result {
    var result = Result(name: name, count: 0, findings: [], next: next)
    do {
      try body { finding in
        result.count += 1
        if result.findings.count < shownMax { result.findings.append(finding) }
      }
    } catch let failure as SQLFailure {
      // Of a damaged file some questions have no answer; the others may.
      result.count += 1
      result.findings.append(Finding(clinic: "", subject: "the file", problem: "cannot be asked: \(failure.message)"))
    } catch let failure as StoreFailure {
      result.count += 1
      result.findings.append(Finding(clinic: "", subject: "the file", problem: "\(failure)"))
    }
    return result
  }
}

extension Check.Finding {
  fileprivate func named(_ names: [String: String]) -> Check.Finding {
    var copy = self
    copy.clinic = names[clinic] ?? clinic
    return copy
  }
}

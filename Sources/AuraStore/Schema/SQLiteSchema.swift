import Foundation

/// The schema in SQLite's words: what another engine would say differently is here and nowhere else.
enum SQLiteSchema {
  static func statements(for step: SchemaStep) -> [String] {
    switch step {
    case .table(let name, let body):
      let lines = body.split(separator: "\n").map { translate(line: $0.trimmingPrefix { $0 == " " }) }
      return ["CREATE TABLE \(name) (\n\(lines.joined(separator: "\n"))\n) STRICT"]
    case .index(let text): return ["CREATE \(text)"]
    case .uniqueMember(let name, let table, let column, let member):
      return uniqueMember(name, table, column, member)
    case .appendOnly(let table, let except): return appendOnly(table, except: except)
    case .redactable(let table, let columns, let except, let customer):
      return redactable(table, columns, except, customer)
    case .rowCheck(let table, let condition, let name): return rowCheck(table, condition, name)
    case .refundLimit: return refundLimit
    }
  }

  /// No column of JSON is ever NULL, which `json_valid` refuses before SQLite 3.45: what is absent is JSON's own null.
  ///
  /// `name JSON …,` becomes `name TEXT … CHECK (json_valid(name)),` and so on for the types that SQLite lacks.
  private static func translate(line: Substring) -> String {
    let line = spellOut(line)
    let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
    guard words.count >= 2 else { return line }
    var rest = words.count == 3 ? String(words[2]) : ""
    var type = String(words[1])
    let endsInComma = rest.hasSuffix(",") || (rest.isEmpty && type.hasSuffix(","))
    if rest.hasSuffix(",") { rest.removeLast() }
    if rest.isEmpty, type.hasSuffix(",") { type.removeLast() }
    let name = words[0]
    let translated: (type: String, check: String)
    switch type {
    case "BIGINT": translated = ("INTEGER", "")
    case "BYTEA": translated = ("BLOB", "")
    case "BOOLEAN":
      rest = rest.replacing("DEFAULT FALSE", with: "DEFAULT 0").replacing("DEFAULT TRUE", with: "DEFAULT 1")
      translated = ("INTEGER", " CHECK (\(name) IN (0, 1))")
    case "JSON": translated = ("TEXT", " CHECK (json_valid(\(name)))")
    default: return line
    }
    let gap = rest.isEmpty ? "" : " "
    return "\(name) \(translated.type)\(gap)\(rest)\(translated.check)\(endsInComma ? "," : "")"
  }

  /// `x IN ('a', 'b', 'c')` as `(x = 'a' OR …)`: of a longer list SQLite makes a table anew for each row that it checks.
  private static func spellOut(_ line: Substring) -> String {
    guard let list = line.range(of: " IN ("), let end = line[list.upperBound...].firstIndex(of: ")") else {
      return String(line)
    }
    let start =
      line[..<list.lowerBound].lastIndex { !$0.isLetter && $0 != "_" }.map(line.index(after:)) ?? line.startIndex
    let name = line[start..<list.lowerBound]
    let terms = line[list.upperBound..<end].components(separatedBy: ", ").map { "\(name) = \($0)" }
    return line[..<start] + "(" + terms.joined(separator: " OR ") + ")" + line[line.index(after: end)...]
  }

  /// By triggers: an index on `json_extract` cannot be loaded by a connection that does not trust the schema. They are
  /// as good as an index where one connection writes, and a clinic has few of these rows.
  private static func uniqueMember(_ name: String, _ table: String, _ column: String, _ member: String) -> [String] {
    ["INSERT", "UPDATE OF \(column)"].map { event in
      """
      CREATE TRIGGER \(name)_\(event.prefix(6).lowercased()) BEFORE \(event) ON \(table)
      BEGIN
        SELECT RAISE(ABORT, '\(table).\(column).\(member) is not unique') WHERE EXISTS (
          SELECT 1 FROM \(table) other WHERE other.clinic_id = NEW.clinic_id AND other.id <> NEW.id
            AND json_extract(other.\(column), '$.\(member)') = json_extract(NEW.\(column), '$.\(member)'));
      END
      """
    }
  }

  /// SQLite adds no constraint to a table that is there.
  private static func rowCheck(_ table: String, _ condition: String, _ name: String) -> [String] {
    ["INSERT", "UPDATE"].map { event in
      """
      CREATE TRIGGER \(table)_\(name)_\(event.lowercased()) BEFORE \(event) ON \(table)
      WHEN NOT (\(condition))
      BEGIN SELECT RAISE(ABORT, '\(table): \(name)'); END
      """
    }
  }

  private static func appendOnly(_ table: String, except: [String]) -> [String] {
    var triggers = [
      """
      CREATE TRIGGER \(table)_no_delete BEFORE DELETE ON \(table)
      BEGIN SELECT RAISE(ABORT, '\(table) is append-only'); END
      """
    ]
    if except.isEmpty {
      triggers.append(
        """
        CREATE TRIGGER \(table)_no_update BEFORE UPDATE ON \(table)
        BEGIN SELECT RAISE(ABORT, '\(table) is append-only'); END
        """)
    } else {
      // Which columns may not change is asked of the table itself, so that none is forgotten here.
      triggers.append(
        """
        CREATE TRIGGER \(table)_no_update BEFORE UPDATE ON \(table)
        WHEN \(frozenColumns(of: table, except: except).map { "OLD.\($0) IS NOT NEW.\($0)" }.joined(separator: " OR "))
        BEGIN SELECT RAISE(ABORT, '\(table) is append-only'); END
        """)
    }
    return triggers
  }

  private static func redactable(
    _ table: String, _ columns: [String], _ except: [String], _ customer: String
  ) -> [String] {
    func differ(_ names: [String]) -> String {
      names.map { "OLD.\($0) IS NOT NEW.\($0)" }.joined(separator: " OR ")
    }
    return [
      "DROP TRIGGER \(table)_no_update",
      """
      CREATE TRIGGER \(table)_no_update BEFORE UPDATE ON \(table)
      WHEN \(differ(frozenColumns(of: table, except: columns + except)))
        OR ((\(differ(columns))) AND NOT EXISTS (
          SELECT 1 FROM sys_erasures e WHERE e.clinic_id = OLD.clinic_id AND e.finished_at IS NULL
            AND e.customer_id = \(customer)))
      BEGIN SELECT RAISE(ABORT, '\(table) is append-only'); END
      """,
    ]
  }

  /// The columns as the table's own migration names them.
  private static func frozenColumns(of table: String, except: [String]) -> [String] {
    for migration in Schema.migrations {
      for case .table(table, let body) in migration.steps {
        return body.split(separator: "\n").compactMap { line -> String? in
          guard let first = line.split(separator: " ").first, first == first.lowercased() else { return nil }
          return except.contains(String(first)) ? nil : String(first)
        }
      }
    }
    return []
  }

  private static let refundLimit = [
    """
    CREATE TRIGGER pos_transactions_refund_insert BEFORE INSERT ON pos_transactions
    WHEN NEW.type = 'refund' AND NEW.payment_status <> 'void'
    BEGIN
      SELECT RAISE(ABORT, 'refunds exceed what was paid') WHERE NEW.total_st + (
        SELECT COALESCE(SUM(r.total_st), 0) FROM pos_transactions r
        WHERE r.clinic_id = NEW.clinic_id AND r.parent_id = NEW.parent_id AND r.type = 'refund'
          AND r.payment_status <> 'void'
      ) > COALESCE((
        SELECT s.paid_st FROM pos_transactions s
        WHERE s.clinic_id = NEW.clinic_id AND s.id = NEW.parent_id AND s.type = 'sale'
      ), -1);
    END
    """,
    """
    CREATE TRIGGER pos_transactions_refund_update AFTER UPDATE OF type, parent_id, total_st, paid_st, payment_status
    ON pos_transactions
    BEGIN
      SELECT RAISE(ABORT, 'refunds exceed what was paid') FROM pos_transactions s
      WHERE s.clinic_id = NEW.clinic_id AND s.id IN (NEW.id, NEW.parent_id) AND s.type = 'sale'
        AND s.paid_st < (
          SELECT COALESCE(SUM(r.total_st), 0) FROM pos_transactions r
          WHERE r.clinic_id = s.clinic_id AND r.parent_id = s.id AND r.type = 'refund' AND r.payment_status <> 'void'
        );
    END
    """,
  ]
}

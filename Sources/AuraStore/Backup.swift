import AuraDomain
import AuraJSON
import Foundation

/// A copy of a whole installation's database as of one moment, in one file. It is marked: no hub serves it as it is,
/// since clients would take its history for the one they know; `Restore` makes a database of it again.
package enum Backup {
  package struct Summary: Sendable, Equatable {
    package var at: Instant
    package var bytes: Int
    package var epoch: String
    package var version: Int
    /// Each clinic's code and last commit.
    package var heads: [Head]
    /// The audit's last entry: who writes it down elsewhere can tell later that nothing was cut off.
    package var auditEntries: Int
    package var auditHash: String

    package struct Head: Sendable, Equatable {
      package var code: String
      package var seq: Int
    }
  }

  static let mark = "backup"
  private static let setMark: SQL = """
    INSERT INTO sys_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value
    """
  private static let findMark: SQL = "SELECT value FROM sys_meta WHERE name = 'backup'"
  private static let heads: SQL = """
    SELECT c.clinic_code, COALESCE(h.seq, 0) FROM clinics c LEFT JOIN sys_heads h ON h.clinic_id = c.id
    ORDER BY c.clinic_code
    """
  private static let lastAudit: SQL = "SELECT n, hash FROM sys_audit ORDER BY n DESC LIMIT 1"
  private static let foreignKeys: SQL = "PRAGMA foreign_key_check"

  /// Copies the database of a folder, which a hub may be serving, to `file`. The file appears under its name when it is
  /// whole, verified and on the disk.
  ///
  /// - Parameter verifying: called between the copy and its verification.
  package static func write(
    directory: String, to file: String, replaces: Bool, now: Instant = .systemNow, progress: @escaping SQLite.Progress,
    verifying: () -> Void
  ) throws -> Summary {
    guard Store.holdsDatabase(directory) else { throw StoreFailure.noDatabase(path: directory) }
    let isOwnFile =
      DurableFiles.isSame(DurableFiles.folder(of: file), directory)
      && (file.split(separator: "/").last ?? "").hasPrefix(SQLite.fileName)
    guard !isOwnFile else { throw StoreFailure.file(path: file, reason: "it is the database itself") }
    guard replaces || access(file, F_OK) != 0 else { throw StoreFailure.fileExists(path: file) }
    // What cannot be restored is not worth writing.
    _ = try Store.look(directory: directory) { $0.epoch }
    let draft = try DraftFile(of: file)
    do {
      try SQLite.copy(from: directory + "/" + SQLite.fileName, to: draft.path, progress: progress) { session in
        let detail: JSON = ["at": .instant(now)]
        try session.execute(setMark, .text(mark), .text(detail.text))
      }
      try DurableFiles.sync(draft.path)
      verifying()
      let summary = try verify(draft.path)
      guard try DurableFiles.place(draft.path, at: file, replaces: replaces) else {
        throw StoreFailure.fileExists(path: file)
      }
      return summary
    } catch {
      draft.discard()
      throw error
    }
  }

  /// Reads a copy from its first to its last page, and says what it holds. Throws what is wrong with it.
  package static func verify(_ file: String) throws -> Summary {
    guard FileManager.default.fileExists(atPath: file) else {
      throw StoreFailure.file(path: file, reason: "there is no such file")
    }
    let queue = try SQLite.openFile(readOnly: file, label: "aura.verify")
    defer { try? queue.close() }
    return try SQLiteConnection(queue).use { session in
      guard let version = try Schema.appliedVersion(session) else {
        throw StoreFailure.foreignSchema(reason: "it is empty")
      }
      if let finding = try SQLite.integrity(session, findingsMax: 1).first {
        throw StoreFailure.damagedFile(path: file, finding: finding)
      }
      if let row = try session.first(
        foreignKeys, read: { "a row of \($0.text(0)) refers to one of \($0.text(2)) that is missing" })
      {
        throw StoreFailure.damagedFile(path: file, finding: row)
      }
      if let n = try Audit.firstBreak(session) {
        throw StoreFailure.damagedFile(
          path: file, finding: "the audit's entry \(n) does not follow from the one before")
      }
      let audit = try session.first(lastAudit) { (n: $0.integer(0), hash: $0.text(1)) } ?? (n: 0, hash: "")
      let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 0
      return Summary(
        at: try markedAt(session) ?? Instant(milliseconds: 0), bytes: size, epoch: try ChangeLog.epoch(session),
        version: version, heads: try session.all(heads) { .init(code: $0.text(0), seq: $0.integer(1)) },
        auditEntries: audit.n, auditHash: audit.hash)
    }
  }

  /// When the copy was made; `nil` for a database that is none.
  static func markedAt(_ session: SQLSession) throws -> Instant? {
    guard let text = try session.first(findMark, read: { $0.text(0) }) else { return nil }
    let at = (try? JSON.parse(text))?["at"]?.integer ?? 0
    return Instant(milliseconds: at)
  }
}

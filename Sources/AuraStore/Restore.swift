import AuraDomain
import Foundation
import GRDB

/// Makes a data folder's database of a backup.
///
/// What was done after the backup is lost, and must not come back in pieces: the database gets a new epoch, so that every
/// client takes a snapshot instead of going on from a history that is gone; everybody signs in anew, since a session or a
/// token that was ended after the backup would be good again; and a message that was due before the restore is not
/// sent, since it may have gone out (`Draft.mayHaveLeft`).
package enum Restore {
  package struct Summary: Sendable {
    package var backup: Backup.Summary
    package var epoch: String
    /// Where the database that was there is kept; `nil` when none was.
    package var replaced: String?
    /// Messages that wait, whose time had come: they go to the list of those given up.
    package var heldMessages: Int
  }

  private static let draftFolder = "restore.partial"

  private static let clearMark: SQL = "DELETE FROM sys_meta WHERE name = 'backup'"
  private static let setEpoch: SQL = "UPDATE sys_meta SET value = $1 WHERE name = 'epoch'"
  private static let endSessions: SQL = "UPDATE sys_sessions SET revoked_at = $1 WHERE revoked_at IS NULL"
  // Higher than any that was reached between the backup and now: a counter of ends, the time is far above it.
  private static let endTokens: SQL = """
    UPDATE users SET token_epoch = MAX(token_epoch + 1, $1), version = version + 1, updated_at = $2
    """
  private static let setRestored: SQL = """
    INSERT INTO sys_counters (clinic_id, name, value) SELECT id, $1, $2 FROM clinics WHERE TRUE
    ON CONFLICT (clinic_id, name) DO UPDATE SET value = excluded.value
    """
  private static let dueMessages: SQL = """
    SELECT COUNT(*) FROM followup_executions
    WHERE status IN ('pending', 'sending', 'failed') AND COALESCE(next_attempt_at, scheduled_at) <= $1
    """

  /// Restores `file` into a folder that no hub serves.
  ///
  /// - Parameter replaces: whether a database that is there may be replaced; it is kept beside the new one.
  package static func run(
    from file: String, directory: String, replaces: Bool, now: Instant = .systemNow,
    progress: @escaping SQLite.Progress,
    verifying: () -> Void
  ) throws -> Summary {
    guard FileManager.default.fileExists(atPath: file) else {
      throw StoreFailure.file(path: file, reason: "there is no such file")
    }
    try SQLite.makeFolder(directory)
    let lock = try FolderLock(directory: directory)
    defer { withExtendedLifetime(lock) {} }
    let database = directory + "/" + SQLite.fileName
    guard !DurableFiles.isSame(file, database) else {
      throw StoreFailure.file(path: file, reason: "it is the database that it is to replace")
    }
    guard replaces || !Store.holdsDatabase(directory) else { throw StoreFailure.databaseExists(path: directory) }
    // One that was interrupted has left its draft, which nobody needs.
    let drafts = directory + "/" + draftFolder
    try? FileManager.default.removeItem(atPath: drafts)
    try SQLite.makeFolder(drafts)
    defer { try? FileManager.default.removeItem(atPath: drafts) }
    let draft = drafts + "/" + SQLite.fileName
    try SQLite.copy(from: file, to: draft, progress: progress)
    verifying()
    let backup = try Backup.verify(draft)
    let (epoch, held) = try prepare(drafts, backup, now: now)
    try DurableFiles.sync(draft)
    let replaced = try setAside(database, directory, now)
    guard try DurableFiles.place(draft, at: database, replaces: true) else {
      throw StoreFailure.databaseExists(path: directory)
    }
    return Summary(backup: backup, epoch: epoch, replaced: replaced, heldMessages: held)
  }

  private static func prepare(
    _ directory: String, _ backup: Backup.Summary, now: Instant
  ) throws -> (epoch: String, held: Int) {
    var epoch = backup.epoch
    while epoch == backup.epoch { epoch = ChangeLog.freshEpoch() }
    let queue = try SQLite.openWriter(directory: directory)
    let held = try change(SQLiteConnection(queue), backup, epoch: epoch, now: now)
    try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    try queue.close()
    return (epoch, held)
  }

  private static func change(
    _ connection: consuming SQLiteConnection, _ backup: Backup.Summary, epoch: String, now: Instant
  ) throws -> Int {
    try Schema.migrate(connection, now: now, epoch: epoch)
    try Schema.verify(connection)
    return try connection.use { session in
      try session.transaction {
        try session.execute(clearMark)
        try session.execute(setEpoch, .text(epoch))
        try session.execute(endSessions, .instant(now))
        try session.execute(endTokens, .integer(now.milliseconds / 1_000), .instant(now))
        try session.execute(setRestored, .text(Draft.restoredCounter), .instant(now))
        try Audit.append(
          session, at: now, clinic: nil, user: nil, kind: "restored",
          detail: [
            "by": "command line", "backup_at": .instant(backup.at), "epoch_before": .string(backup.epoch),
            "epoch": .string(epoch),
          ])
      }
      return try session.first(dueMessages, .instant(now)) { $0.integer(0) } ?? 0
    }
  }

  /// Keeps the database that is there under another name. The name it has now is taken from it in one step, when the new
  /// one is put in its place: a crash before leaves the old one, a crash after the new one.
  private static func setAside(_ database: String, _ directory: String, _ now: Instant) throws -> String? {
    guard FileManager.default.fileExists(atPath: database) else { return nil }
    // The last commits of an orderly database are moved into its file. One that is too damaged for that keeps its log.
    try? SQLite.settle(directory: directory)
    let aside = "\(database).before-\(now.milliseconds / 1_000)"
    for suffix in ["", "-wal"] where access(database + suffix, F_OK) == 0 {
      unlink(aside + suffix)
      guard link(database + suffix, aside + suffix) == 0 else { throw DurableFiles.failure(aside + suffix) }
    }
    // A log that lay beside the new file would be taken for its own.
    for suffix in ["-wal", "-shm"] { unlink(database + suffix) }
    try DurableFiles.sync(directory)
    return aside
  }
}

import CSQLite
import Foundation
import GRDB

/// Whole copies of a database, by SQLite's online backup.
extension SQLite {
  /// What is left to copy, in pages.
  package typealias Progress = (_ done: Int, _ all: Int) -> Void

  /// Pages between two words about the progress: 4 MiB of 4 KiB pages.
  private static let pagesPerStep: CInt = 1_024

  /// Copies the database at `source`, which a hub may be writing to, into the new file at `copy`, as of one moment, and
  /// runs `finish` on it. The copy is one file without a log beside it; it is not yet synced to the disk.
  static func copy(
    from source: String, to copy: String, progress: @escaping Progress, finish: (SQLSession) throws -> Void = { _ in }
  ) throws {
    do {
      try copyPages(from: source, to: copy, progress: progress, finish: finish)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
      throw StoreFailure.file(path: copy, reason: "the disk is full")
    } catch let error as DatabaseError {
      throw StoreFailure.file(path: copy, reason: "\(error.resultCode)")
    }
  }

  private static func copyPages(
    from source: String, to copy: String, progress: @escaping Progress, finish: (SQLSession) throws -> Void
  ) throws {
    let from = try openFile(readOnly: source, label: "aura.backup")
    var configuration = Configuration()
    configuration.label = "aura.copy"
    configuration.allowsUnsafeTransactions = true
    let to = try DatabaseQueue(path: copy, configuration: configuration)
    defer {
      try? to.close()
      try? from.close()
    }
    try from.writeWithoutTransaction { read in
      // The transaction that is open already is the one that every step reads from: what is written meanwhile neither
      // changes the copy nor starts it anew.
      try read.execute(sql: "BEGIN")
      _ = try Int.fetchOne(read, sql: "SELECT COUNT(*) FROM sqlite_master")
      try to.writeWithoutTransaction { write in
        // What is cut off is thrown away whole.
        try write.execute(sql: "PRAGMA journal_mode = OFF")
        try write.execute(sql: "PRAGMA synchronous = OFF")
        try read.backup(to: write, pagesPerStep: pagesPerStep) { step in
          progress(step.completedPageCount, step.totalPageCount)
        }
      }
      try read.execute(sql: "ROLLBACK")
    }
    // A file in WAL mode would have a log made beside it by whoever opens it.
    try to.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
    try SQLiteConnection(to).use(finish)
  }

  /// A connection that reads a file, wherever it is, as `openReader` does a data folder's.
  static func openFile(readOnly path: String, label: String) throws(StoreFailure) -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = label
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    configuration.allowsUnsafeTransactions = true
    return try reading(path, configuration) { database in
      // Sorting what is large must not fill the memory.
      try database.execute(sql: "PRAGMA temp_store = FILE")
    }
  }

  /// A database in a file without a name, which is gone when it is closed.
  static func scratch() throws -> SQLiteConnection {
    var configuration = Configuration()
    configuration.label = "aura.scratch"
    configuration.allowsUnsafeTransactions = true
    let queue = try DatabaseQueue(path: "", configuration: configuration)
    try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = OFF") }
    return SQLiteConnection(queue)
  }

  /// Reads a page of a file whose engine may find it damaged; `nil` when all is well, else what it says, a line each.
  static func integrity(_ session: SQLSession, findingsMax: Int) throws -> [String] {
    try session.all(SQL("PRAGMA integrity_check(\(findingsMax))")) { $0.text(0) }.filter { $0 != "ok" }
  }

  /// Empties the log beside a database into it, as far as that can be done.
  static func settle(directory: String) throws(StoreFailure) {
    let queue = try openWriter(directory: directory)
    do {
      try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
      try queue.close()
    } catch {
      throw .engine(SQLFailure(kind: .other, code: 0, message: "\(error)"))
    }
  }
}

import AuraDomain
import Foundation

extension Store {
  /// The version of the schema that this program works with.
  package static var schemaVersion: Int { Schema.version }

  package static func holdsDatabase(_ directory: String) -> Bool {
    FileManager.default.fileExists(atPath: directory + "/" + SQLite.fileName)
  }

  /// Reads a folder that a hub may be serving at the same time: in one read transaction, without the lock, without
  /// changing anything. A database of another version is refused.
  package static func look<T>(
    directory: String, now: Instant = .systemNow, _ work: (Reader) throws -> T
  ) throws -> T {
    guard holdsDatabase(directory) else { throw StoreFailure.noDatabase(path: directory) }
    let connection = SQLiteConnection(try SQLite.openReader(directory: directory, number: 0))
    return try connection.use { session in
      guard let version = try Schema.appliedVersion(session) else {
        throw StoreFailure.foreignSchema(reason: "it is empty")
      }
      guard version == Schema.version else {
        throw StoreFailure.olderVersion(found: version, known: Schema.version)
      }
      try session.execute("BEGIN")
      defer { _ = try? session.execute("ROLLBACK") }
      return try work(Reader(session: session, epoch: try ChangeLog.epoch(session), now: now))
    }
  }
}

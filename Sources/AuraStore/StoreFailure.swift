import AuraDomain

/// Why the store could not open or do its work, each with what an operator can do about it.
package enum StoreFailure: Error, Sendable, Equatable {
  /// The folder cannot be made, read or written.
  case folder(path: String, reason: String)
  /// The folder holds no database, and who only looks makes none.
  case noDatabase(path: String)
  /// A file cannot be made, read or put in its place.
  case file(path: String, reason: String)
  /// A file stands where one is to be written.
  case fileExists(path: String)
  /// A copy of a database is not whole.
  case damagedFile(path: String, finding: String)
  /// The folder holds a copy that nobody has restored.
  case isBackup(path: String)
  /// A database stands where one is to be restored to.
  case databaseExists(path: String)
  /// Another process has this folder open for writing.
  case inUse(path: String)
  /// A later release of the program has written this database.
  case newerVersion(found: Int, known: Int)
  /// An earlier release has written this database, and who only looks does not change it.
  case olderVersion(found: Int, known: Int)
  /// The migrations in the database are not those of this program.
  case foreignSchema(reason: String)
  /// The engine refused to open, to run a statement, or to be as durable as it was told to be.
  case engine(SQLFailure)
  /// A stored value is not what the schema promises.
  case damaged(table: String, column: String, text: String)
  /// The mailbox is full; the same may be asked again later.
  case overloaded
  /// The disk is full or does not answer: nothing was written, reads go on, the next write tries again.
  case unavailable(reason: String)
  /// A commit failed in a way that leaves open whether it is on disk: the process must be started again.
  case failed(reason: String)
  /// The store has been stopped.
  case stopped
}

extension StoreFailure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .folder(let path, let reason): "the data folder \(path) cannot be used: \(reason)"
    case .noDatabase(let path): "there is no database in the folder \(path)"
    case .file(let path, let reason): "the file \(path) cannot be used: \(reason)"
    case .fileExists(let path): "there is a file \(path) already"
    case .damagedFile(let path, let finding): "the copy \(path) is not whole: \(finding)"
    case .isBackup(let path): "the database \(path) is a backup as it was written"
    case .databaseExists(let path): "there is a database in \(path) already"
    case .inUse(let path): "another process already serves the data folder \(path)"
    case .newerVersion(let found, let known):
      "the database has version \(found), this program knows versions up to \(known)"
    case .olderVersion(let found, let known): "the database has version \(found), this program works with \(known)"
    case .foreignSchema(let reason): "the database is not one of this program: \(reason)"
    case .engine(let failure): "the database refused: \(failure)"
    case .damaged(let table, let column, let text): "\(table).\(column) holds \"\(text.prefix(80))\", which cannot be"
    case .overloaded: "too much waits for the database"
    case .unavailable(let reason): "the database cannot be written at the moment: \(reason)"
    case .failed(let reason): "a commit failed and may or may not be on disk: \(reason)"
    case .stopped: "the store is stopped"
    }
  }

  /// What to do about it, as a sentence for whoever runs the hub.
  package var nextStep: String {
    switch self {
    case .folder: "Choose a folder that this user may write, or change its owner."
    case .noDatabase: "Name the folder that the hub uses, with --data."
    case .file: "Choose a place that this user may write to, with room for it."
    case .fileExists: "Choose another name, or replace it with --force."
    case .damagedFile: "Use another backup; keep this one for inspection."
    case .isBackup: "Move it out of the folder and run `aura restore --from` with it: clients must learn of the change."
    case .databaseExists: "Choose an empty folder, or replace it with --force: the old one is kept beside it."
    case .inUse: "Stop the other process, or give this one a folder of its own with --data."
    case .newerVersion: "Start the newer program, or restore the backup made before the upgrade."
    case .olderVersion: "Run `aura migrate`, or start the hub once."
    case .foreignSchema, .damaged: "Restore the last backup; keep this file for inspection."
    case .engine: "Check the disk and the file's rights, then run `aura check`."
    case .overloaded: "Try again in a moment."
    case .unavailable: "Make room on the disk; the hub goes on by itself."
    case .failed: "Check the disk and start the hub again; clients repeat what was not acknowledged."
    case .stopped: "Start the hub again."
    }
  }
}

/// An error of the engine: its kind for the program, its code and words for people.
package struct SQLFailure: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// A UNIQUE, CHECK, FOREIGN KEY or trigger said no; the statement had no effect, the transaction goes on.
    case constraint
    /// No room: nothing of the transaction remains.
    case full
    /// Reading or writing failed, memory ran out, the file is damaged or has become read-only.
    case environment
    case busy
    /// A wrong statement or use of the engine.
    case other
  }

  package var kind: Kind
  /// The engine's own number.
  package var code: Int
  package var message: String
  package var statement: String?

  package var description: String {
    "\(message) (\(code))" + (statement.map { " in \($0.prefix(120))" } ?? "")
  }
}

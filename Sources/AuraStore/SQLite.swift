import AuraDomain
import CSQLite
import Foundation
import GRDB

/// The door to SQLite: how it is opened, how durable it is, and every unsafe line. GRDB opens, configures and closes;
/// binding and reading go to the prepared statement itself, which is where a driver's time is spent.
///
/// One connection writes and checkpoints, all others only read: this keeps clear of the WAL-reset fault of SQLite's
/// older releases, which needs two connections that write or checkpoint at once.
package enum SQLite {
  static let fileName = "aura.sqlite3"
  /// A search for a longer text finds nothing: matching costs its length times the column's.
  static let patternBytesMax = 512

  /// Once for the process; without effect when somebody has opened a database before, which does no harm.
  private static let configured: Void = { _ = aura_sqlite3_no_memory_statistics() }()

  /// Opens for writing, creating folder and file. `synchronous` is FULL afterwards, read back to be sure.
  static func openWriter(directory: String) throws(StoreFailure) -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "aura.writer"
    configuration.journalMode = .wal
    configuration.busyMode = .timeout(5)
    configuration.allowsUnsafeTransactions = true
    return try opening {
      _ = configured
      let queue = try DatabaseQueue(path: directory + "/" + fileName, configuration: configuration)
      try queue.writeWithoutTransaction { database in
        try harden(database)
        // GRDB sets NORMAL when it turns WAL on, whatever was said before: acknowledged commits would be lost with
        // the power.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
        // In KiB: the pages that a transaction changes should not have to be read back from the log.
        try database.execute(sql: "PRAGMA cache_size = -32768")
        try trustSchemaIfNeeded(database)
        for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1)] {
          let found = try Int.fetchOne(database, sql: "PRAGMA \(pragma)")
          guard found == expected else {
            throw SQLFailure(kind: .other, code: 0, message: "PRAGMA \(pragma) is \(found ?? -1), not \(expected)")
          }
        }
      }
      try syncFolder(directory)
      return queue
    }
  }

  /// Opens for reading only; it never checkpoints.
  static func openReader(directory: String, number: Int) throws(StoreFailure) -> DatabaseQueue {
    var configuration = Configuration()
    configuration.label = "aura.reader.\(number)"
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    configuration.allowsUnsafeTransactions = true
    return try reading(directory + "/" + fileName, configuration) { _ in }
  }

  static func reading(
    _ path: String, _ configuration: Configuration, _ prepare: (Database) throws -> Void
  ) throws(StoreFailure) -> DatabaseQueue {
    try opening {
      _ = configured
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { database in
        try harden(database)
        try prepare(database)
        try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
        try database.execute(sql: "PRAGMA query_only = ON")
      }
      return queue
    }
  }

  /// 0 for one that is not there.
  static func bytes(ofFile path: String) -> Int {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
  }

  private static func harden(_ database: Database) throws {
    try database.execute(sql: "PRAGMA trusted_schema = OFF")
    try database.execute(sql: "PRAGMA cell_size_check = ON")
    try database.execute(sql: "PRAGMA temp_store = MEMORY")
    let connection = database.sqliteConnection
    guard aura_sqlite3_defensive(connection) == SQLITE_OK else {
      throw SQLFailure(kind: .other, code: 0, message: "defensive mode cannot be set")
    }
    for (limit, value) in [
      (SQLITE_LIMIT_LENGTH, 64 << 20), (SQLITE_LIMIT_SQL_LENGTH, 65_536),
      (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, patternBytesMax),
      (SQLITE_LIMIT_EXPR_DEPTH, 128), (SQLITE_LIMIT_ATTACHED, 1), (SQLITE_LIMIT_VARIABLE_NUMBER, 1_024),
    ] {
      sqlite3_limit(connection, limit, Int32(value))
    }
  }

  /// SQLite 3.40 counts its own JSON functions among the unsafe ones, so that with an untrusted schema no row with a
  /// `json_valid` CHECK can be written. There the writer trusts a schema that `Schema.verify` has compared, statement by
  /// statement, with this program's own; readers never do.
  private static func trustSchemaIfNeeded(_ database: Database) throws {
    try database.execute(sql: "BEGIN IMMEDIATE")
    do {
      try database.execute(sql: "CREATE TABLE sys_probe (value TEXT CHECK (json_valid(value)))")
      try database.execute(sql: "INSERT INTO sys_probe VALUES ('{}')")
      try database.execute(sql: "ROLLBACK")
    } catch let error as DatabaseError where error.message?.contains("unsafe") == true {
      try database.execute(sql: "ROLLBACK")
      try database.execute(sql: "PRAGMA trusted_schema = ON")
    }
  }

  /// Makes the folder, private to this user, if it is not there.
  static func makeFolder(_ directory: String) throws(StoreFailure) {
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .folder(path: directory, reason: String(cString: strerror(errno)))
    }
    guard access(directory, R_OK | W_OK | X_OK) == 0 else {
      throw .folder(path: directory, reason: String(cString: strerror(errno)))
    }
  }

  /// A file's name is durable only when its folder is.
  private static func syncFolder(_ directory: String) throws {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else { throw StoreFailure.folder(path: directory, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw StoreFailure.folder(path: directory, reason: String(cString: strerror(errno)))
    }
  }

  private static func opening<T>(_ body: () throws -> T) throws(StoreFailure) -> T {
    do {
      return try body()
    } catch let failure as StoreFailure {
      throw failure
    } catch let failure as SQLFailure {
      throw .engine(failure)
    } catch let error as DatabaseError {
      throw .engine(SQLFailure(error))
    } catch {
      throw .engine(SQLFailure(kind: .other, code: 0, message: "\(error)"))
    }
  }
}

/// Holds a folder for one process; released when the value goes or the process ends.
final class FolderLock: Sendable {
  private let descriptor: Int32

  init(directory: String) throws(StoreFailure) {
    let descriptor = open(directory + "/aura.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .folder(path: directory, reason: String(cString: strerror(errno))) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .inUse(path: directory)
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }
}

/// A connection and its session, confined to the thread that uses it.
final class SQLiteConnection {
  private let queue: DatabaseQueue
  /// Set during `use` only: GRDB wants its database touched inside its own accesses.
  private var database: Database?
  private lazy var session = SQLSession(engine: self)
  private var pointer: OpaquePointer?

  init(_ queue: DatabaseQueue) { self.queue = queue }

  func use<T>(_ body: (SQLSession) throws -> T) rethrows -> T {
    try queue.writeWithoutTransaction { database in
      self.database = database
      self.pointer = database.sqliteConnection
      defer { self.database = nil }
      return try body(session)
    }
  }

  var changedRows: Int { Int(sqlite3_changes(pointer)) }
  /// Whether a transaction is open; the engine closes it by itself after some errors.
  var isInTransaction: Bool { sqlite3_get_autocommit(pointer) == 0 }

  func prepare(_ text: String) throws(SQLFailure) -> SQLiteStatement {
    guard let database else {
      throw SQLFailure(kind: .other, code: 0, message: "used outside its access", statement: text)
    }
    let statement: Statement
    do {
      statement = try database.makeStatement(sql: text)
    } catch let error as DatabaseError {
      throw SQLFailure(error)
    } catch {
      throw SQLFailure(kind: .other, code: 0, message: "\(error)", statement: text)
    }
    let result = SQLiteStatement(statement)
    try result.checkParameters()
    return result
  }

  /// Runs schema text of several statements.
  func run(script: String) throws(SQLFailure) {
    do {
      try database?.execute(sql: script)
    } catch let error as DatabaseError {
      throw SQLFailure(error)
    } catch {
      throw SQLFailure(kind: .other, code: 0, message: "\(error)", statement: script)
    }
  }
}

/// A prepared statement. Text and blobs are copied when bound.
final class SQLiteStatement {
  private let statement: Statement
  private let pointer: OpaquePointer
  private var isRunning = false
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  init(_ statement: Statement) {
    self.statement = statement
    self.pointer = statement.sqliteStatement
  }

  /// Claims the statement; `false` while it is being read from.
  func begin() -> Bool {
    if isRunning { return false }
    isRunning = true
    return true
  }

  func finish() {
    sqlite3_reset(pointer)
    isRunning = false
  }

  /// SQLite numbers `$1` by first use, PostgreSQL by its digits: a text must mean the same to both.
  fileprivate func checkParameters() throws(SQLFailure) {
    for index in 0..<sqlite3_bind_parameter_count(pointer) {
      guard let name = sqlite3_bind_parameter_name(pointer, index + 1), String(cString: name) == "$\(index + 1)" else {
        throw SQLFailure(
          kind: .other, code: 0, message: "parameters are not $1, $2 … by first use",
          statement: String(cString: sqlite3_sql(pointer)))
      }
    }
  }

  // MARK: Binding, from 1

  func bind(_ arguments: [SQLValue]) throws(SQLFailure) {
    guard arguments.count == Int(sqlite3_bind_parameter_count(pointer)) else {
      throw SQLFailure(
        kind: .other, code: 0, message: "\(arguments.count) arguments", statement: String(cString: sqlite3_sql(pointer))
      )
    }
    var index: Int32 = 1
    for argument in arguments {
      bind(argument, at: index)
      index += 1
    }
  }

  func bind(_ value: SQLValue, at index: Int32) {
    switch value {
    case .null: bindNull(at: index)
    case .integer(let value): bind(value, at: index)
    case .text(let value): bind(value, at: index)
    case .utf8(let bytes): bytes.withUnsafeBufferPointer { bind(text: $0, at: index) }
    case .blob(let bytes):
      _ = bytes.withUnsafeBytes { sqlite3_bind_blob64(pointer, index, $0.baseAddress, UInt64($0.count), Self.copied) }
    case .id(let id): bind(id, at: index)
    }
  }

  func bindNull(at index: Int32) { sqlite3_bind_null(pointer, index) }
  func bind(_ value: Int, at index: Int32) { sqlite3_bind_int64(pointer, index, Int64(value)) }

  func bind(_ value: String, at index: Int32) {
    var value = value
    value.withUTF8 { bind(text: $0, at: index) }
  }

  func bind(_ id: ID, at index: Int32) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 36) { buffer in
      id.write(to: buffer)
      bind(text: UnsafeBufferPointer(buffer), at: index)
    }
  }

  func bind(text: UnsafeBufferPointer<UInt8>, at index: Int32) {
    // An empty buffer may have no address, which SQLite would take for NULL.
    guard let address = text.baseAddress else {
      sqlite3_bind_text(pointer, index, "", 0, Self.copied)
      return
    }
    address.withMemoryRebound(to: CChar.self, capacity: text.count) {
      _ = sqlite3_bind_text(pointer, index, $0, Int32(text.count), Self.copied)
    }
  }

  // MARK: Stepping and reading, from 0

  /// `true` when a row stands ready, `false` at the end.
  func step() throws(SQLFailure) -> Bool {
    switch sqlite3_step(pointer) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let connection = sqlite3_db_handle(pointer)
      throw SQLFailure(
        code: sqlite3_extended_errcode(connection), message: String(cString: sqlite3_errmsg(connection)),
        statement: String(cString: sqlite3_sql(pointer)))
    }
  }

  func isNull(_ column: Int) -> Bool { sqlite3_column_type(pointer, Int32(column)) == SQLITE_NULL }
  func integer(_ column: Int) -> Int { Int(sqlite3_column_int64(pointer, Int32(column))) }

  func withText<T>(_ column: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T {
    let text = sqlite3_column_text(pointer, Int32(column))
    let count = Int(sqlite3_column_bytes(pointer, Int32(column)))
    return try body(UnsafeBufferPointer(start: text, count: text == nil ? 0 : count))
  }

  func withBlob<T>(_ column: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    let blob = sqlite3_column_blob(pointer, Int32(column))
    let count = Int(sqlite3_column_bytes(pointer, Int32(column)))
    return try body(UnsafeRawBufferPointer(start: blob, count: blob == nil ? 0 : count))
  }
}

extension SQLFailure {
  fileprivate init(_ error: DatabaseError) {
    self.init(
      code: error.extendedResultCode.rawValue, message: error.message ?? "no message", statement: error.sql)
  }

  fileprivate init(code: Int32, message: String, statement: String?) {
    let kind: Kind =
      switch code & 0xFF {
      case SQLITE_CONSTRAINT: .constraint
      case SQLITE_FULL: .full
      case SQLITE_BUSY, SQLITE_LOCKED: .busy
      case SQLITE_IOERR, SQLITE_NOMEM, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PROTOCOL:
        .environment
      default: .other
      }
    self.init(kind: kind, code: Int(code), message: message, statement: statement)
  }
}

extension ID {
  /// Writes the 36 characters, eight digits at a time: each half of 32 bits is spread to a nibble a byte, and what is
  /// ten or more is lifted from the digits to the letters.
  fileprivate func write(to buffer: UnsafeMutableBufferPointer<UInt8>) {
    func digits(_ value: UInt64) -> UInt64 {
      var v = value & 0xFFFF_FFFF
      v = (v << 16 | v) & 0x0000_FFFF_0000_FFFF
      v = (v << 8 | v) & 0x00FF_00FF_00FF_00FF
      v = (v << 4 | v) & 0x0F0F_0F0F_0F0F_0F0F
      let letters = (v + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
      return v + 0x3030_3030_3030_3030 + letters * 39
    }
    let raw = UnsafeMutableRawBufferPointer(buffer)
    func put(_ half: UInt64, at offset: Int) {
      raw.storeBytes(of: UInt32(truncatingIfNeeded: half).bigEndian, toByteOffset: offset, as: UInt32.self)
    }
    let (a, b, c, d) = (digits(high >> 32), digits(high), digits(low >> 32), digits(low))
    raw.storeBytes(of: a.bigEndian, toByteOffset: 0, as: UInt64.self)
    put(b >> 32, at: 9)
    put(b, at: 14)
    put(c >> 32, at: 19)
    put(c, at: 24)
    raw.storeBytes(of: d.bigEndian, toByteOffset: 28, as: UInt64.self)
    raw[8] = UInt8(ascii: "-")
    raw[13] = UInt8(ascii: "-")
    raw[18] = UInt8(ascii: "-")
    raw[23] = UInt8(ascii: "-")
  }
}

import AuraDomain
import Foundation
import Synchronization

@testable import AuraStore

/// A store without threads in a folder of its own: the writer's core, a reader, a clock that the test moves, and rules
/// that are closures by the command's key.
final class Bench {
  typealias Rule = @Sendable (inout Draft) throws -> JSON

  final class Knobs: Sendable {
    let now = Mutex(Instant(milliseconds: 1_770_000_000_000))
    let rules = Mutex<[String: Rule]>([:])
    let otherwise = Mutex<Rule?>(nil)
    let reports = Mutex<[String]>([])
    let fatal = Mutex<StoreFailure?>(nil)
  }

  let directory: String
  let knobs = Knobs()
  var configuration: StoreConfiguration
  private(set) var writer: Writer
  private var reading: SQLiteConnection
  private var lock: FolderLock?
  private var keys = 0

  init(_ adjust: (inout StoreConfiguration) -> Void = { _ in }) throws {
    directory = NSTemporaryDirectory() + "aura-store-" + UUID().uuidString
    let knobs = knobs
    configuration = StoreConfiguration(directory: directory, clock: { knobs.now.withLock { $0 } }) { _, draft in
      let key = draft.commandKey ?? ""
      guard let rule = knobs.rules.withLock({ $0[key] }) ?? knobs.otherwise.withLock({ $0 }) else { return nil }
      return try rule(&draft)
    }
    configuration.report = { text in knobs.reports.withLock { $0.append(text) } }
    configuration.fatal = { failure in knobs.fatal.withLock { $0 = failure } }
    adjust(&configuration)
    (writer, reading) = try Self.open(configuration)
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private static func open(_ configuration: StoreConfiguration) throws -> (Writer, SQLiteConnection) {
    try SQLite.makeFolder(configuration.directory)
    let queue = try SQLite.openWriter(directory: configuration.directory)
    _ = try Store.prepare(queue, now: configuration.clock())
    let writer = try Writer(connection: SQLiteConnection(queue), configuration: configuration)
    return (writer, SQLiteConnection(try SQLite.openReader(directory: configuration.directory, number: 0)))
  }

  /// As after a restart of the process.
  func reopen() throws { (writer, reading) = try Self.open(configuration) }

  var now: Instant {
    get { knobs.now.withLock { $0 } }
    set { knobs.now.withLock { $0 = newValue } }
  }

  var epoch: String { writer.epoch }

  func read<T>(_ body: (Reader) throws -> T) throws -> T {
    try reading.use { session in
      try session.execute(Self.begin)
      defer { _ = try? session.execute(SQLSession.rollback) }
      return try body(Reader(session: session, epoch: writer.epoch, now: now))
    }
  }
  private static let begin: SQL = "BEGIN"

  /// A number out of the database.
  func count(_ sql: String) throws -> Int { try read { try $0.session.first(SQL(sql)) { $0.integer(0) } ?? 0 } }

  func run(_ sql: String) throws {
    try writer.connection.use { _ in try writer.connection.run(script: sql) }
  }

  /// Writes outside the commands; what `work` throws is thrown here.
  @discardableResult
  func write<T: Sendable>(_ work: @escaping @Sendable (WriteTransaction) throws -> T) throws -> (T, Batch) {
    let result = Mutex<Result<T, any Error>?>(nil)
    let job = Writer.WriteJob(
      run: { scope in
        let value = try work(scope)
        return { result.withLock { $0 = .success(value) } }
      },
      failed: { error in result.withLock { $0 = .failure(error) } })
    let batch = writer.process([.write(job)])
    for completion in batch.completions { completion() }
    return (try result.withLock { $0 }!.get(), batch)
  }

  func request(
    _ clinic: ID, _ user: ID?, key: String? = nil, digest: [UInt8] = [1], expect: [Expectation] = [],
    reason: String? = nil, rule: Rule? = nil
  ) -> CommandRequest {
    keys += 1
    let key = key ?? "key-\(keys)"
    if let rule { knobs.rules.withLock { $0[key] = rule } }
    let timer = PlannedTimer(due: now, kind: .closeCase, payload: [:], dedupe: "test")
    return CommandRequest(
      origin: .session(loop: 0, session: 1, request: keys), clinic: clinic, user: user, key: key, command: .fire(timer),
      digest: digest, expect: expect, reason: reason)
  }

  @discardableResult
  func process(_ requests: CommandRequest...) -> Batch { writer.process(requests.map { .command($0) }) }
}

extension Batch {
  var results: [Result<Outcome.Accepted, Refusal>] { outcomes.map(\.1.result) }
  var codes: [ErrorCode?] { results.map { if case .failure(let refusal) = $0 { refusal.code } else { nil } } }
  var seqs: [Int?] { results.map { if case .success(let accepted) = $0 { accepted.seq } else { nil } } }
  var duplicates: [Bool] { outcomes.map(\.1.duplicate) }
}

/// A clinic with an owner and a customer.
struct Fixture {
  var clinic: ID
  var owner: ID
  var staff: ID
  var customer: ID

  init(_ bench: Bench, code: String = "BKK01") throws {
    self = try bench.write { scope in
      var user = User()
      user.id = scope.newID()
      user.email = "Owner@\(code).example"
      user.fullName = "Owner"
      user.passwordHash = "secret-hash"
      let owner = try Accounts.insert(scope, user).id
      let clinicID = scope.newID()
      let staffID = scope.newID()
      let customerID = scope.newID()
      try scope.commit(clinic: clinicID) { draft in
        var clinic = Clinic()
        clinic.id = clinicID
        clinic.clinicCode = code
        clinic.displayName = ["th": "คลินิก", "en": "Clinic"]
        draft.insert(clinic)
        var staff = StaffMember()
        staff.id = staffID
        staff.clinicID = clinicID
        staff.userID = owner
        staff.role = .owner
        draft.insert(staff)
        draft.insert(Fixture.customer(customerID, clinicID, code: "C-1"))
      }
      return Fixture(clinic: clinicID, owner: owner, staff: staffID, customer: customerID)
    }.0
  }

  private init(clinic: ID, owner: ID, staff: ID, customer: ID) {
    self.clinic = clinic
    self.owner = owner
    self.staff = staff
    self.customer = customer
  }

  static func customer(_ id: ID, _ clinic: ID, code: String) -> Customer {
    var customer = Customer()
    customer.id = id
    customer.clinicID = clinic
    customer.customerCode = code
    customer.fullName = "สมหญิง \"Ying\""
    customer.tags = ["vip", ["a": .real(0.45)]]
    return customer
  }

  /// A rule that adds a customer.
  static func addCustomer(_ code: String) -> Bench.Rule {
    { draft in
      let id = draft.newID()
      draft.insert(Fixture.customer(id, draft.clinicID, code: code))
      return ["id": .string(id.description)]
    }
  }

  /// A rule that renames the customer.
  func rename(_ name: String) -> Bench.Rule {
    { [customer] draft in
      guard let row = try draft.row(Customer.self, customer) else { throw Refusal(.notFound, "no customer") }
      let after = try draft.update(row) { $0.fullName = name }
      return ["version": .integer(after.version)]
    }
  }
}

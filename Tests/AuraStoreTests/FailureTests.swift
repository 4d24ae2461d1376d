import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `When something goes wrong` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  struct Surprise: Error {}

  @Test func `an unexpected error of one command is temporary, and leaves the others of its transaction alone`() throws
  {
    let add = Fixture.addCustomer("C-3")
    let broken = bench.request(fixture.clinic, fixture.owner) { draft in
      _ = try add(&draft)
      throw Surprise()
    }
    let batch = bench.process(
      bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2")), broken,
      bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-4")))
    #expect(batch.codes == [nil, .internal, nil])
    #expect(batch.seqs == [2, nil, 3])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 3)
    #expect(bench.knobs.reports.withLock { $0.count } == 1)
    // The same key may be sent again, and is no duplicate.
    bench.knobs.rules.withLock { $0[broken.key] = add }
    let again = bench.process(broken)
    #expect(again.seqs == [4])
    #expect(again.duplicates == [false])
  }

  @Test func `a row that the schema refuses undoes its command only`() throws {
    let batch = bench.process(
      bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-1")),
      bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2")))
    #expect(batch.codes == [.internal, nil])
    #expect(batch.seqs == [nil, 2])
  }

  @Test func `a row of another clinic, or one that is not as it was read, is never written`() throws {
    let other = try Fixture(bench, code: "HKT01")
    let customer = fixture.customer
    let batch = bench.process(
      bench.request(fixture.clinic, fixture.owner) { draft in
        draft.insert(Fixture.customer(draft.newID(), other.clinic, code: "C-9"))
        return nil
      },
      bench.request(fixture.clinic, fixture.owner) { draft in
        guard var row = try draft.row(Customer.self, customer) else { return nil }
        // As if it had been read before somebody else's change.
        row.version = 0
        var stale = Draft(
          rows: Nothing(clinicID: draft.clinicID), actor: draft.actor, now: draft.now, seq: 1, ids: draft.ids)
        _ = try stale.update(row) { $0.fullName = "X" }
        draft = stale
        return nil
      })
    #expect(batch.codes == [.internal, .internal])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
    #expect(try bench.count("SELECT COUNT(*) FROM customers WHERE full_name = 'X'") == 0)
  }

  /// A clinic in which nothing is found.
  struct Nothing: ClinicRows {
    var clinicID: ID
    func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? { nil }
    func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] { [] }
    func counter(_ name: String) throws -> Int { 0 }
    func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] { [] }
    func undo(_ workflow: ID) throws -> JSON? { nil }
    func user(_ id: ID) throws -> User? { nil }
    func userExists(_ id: ID) throws -> Bool { false }
    func activeUser(email: String) throws -> ID? { nil }
  }

  @Test func `a commit that failed acknowledges nothing, stops the store, and is not tried again`() throws {
    bench.writer.commit = { _ in throw SQLFailure(kind: .environment, code: 1034, message: "disk I/O error") }
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let batch = bench.process(request, request)
    #expect(batch.codes == [.unavailable, .unavailable])
    #expect(batch.commits.isEmpty)
    #expect(bench.knobs.fatal.withLock { $0 } != nil)
    bench.writer.commit = { try $0.execute(SQLSession.commit) }
    #expect(bench.process(request).codes == [.unavailable])
    #expect(throws: StoreFailure.self) { try bench.write { _ in } }
    try bench.reopen()
    #expect(bench.process(request).seqs == [2])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
  }

  @Test func `a commit that failed but is on disk is a duplicate after the restart`() throws {
    bench.writer.commit = { session in
      try session.execute(SQLSession.commit)
      throw SQLFailure(kind: .environment, code: 1034, message: "disk I/O error")
    }
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    #expect(bench.process(request).codes == [.unavailable])
    try bench.reopen()
    let again = bench.process(request)
    #expect(again.seqs == [2])
    #expect(again.duplicates == [true])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
  }

  @Test func `a full disk loses the batch, not the hub: reads go on, and writes once there is room`() throws {
    let pages = try bench.count("PRAGMA page_count")
    try bench.run("PRAGMA max_page_count = \(pages + 4)")
    let long = String(repeating: "ก", count: 100_000)
    let small = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let large = bench.request(fixture.clinic, fixture.owner, rule: fixture.rename(long))
    let batch = bench.process(small, large, small)
    #expect(batch.codes == [.unavailable, .unavailable, .unavailable])
    #expect(batch.commits.isEmpty)
    #expect(bench.knobs.fatal.withLock { $0 } == nil)
    #expect(try bench.read { try $0.head(clinic: fixture.clinic) } == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 1)
    try bench.run("PRAGMA max_page_count = 100000")
    let later = bench.process(large, small)
    #expect(later.seqs == [2, 3])
    #expect(later.duplicates == [false, false])
  }

  @Test func `a commit that finds no room is given up like the rest of its batch`() throws {
    var isFull = true
    bench.writer.commit = { session in
      if isFull {
        // What the engine does by itself when the log cannot grow.
        try session.execute(SQLSession.rollback)
        throw SQLFailure(kind: .full, code: 13, message: "database or disk is full")
      }
      try session.execute(SQLSession.commit)
    }
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    #expect(bench.process(request).codes == [.unavailable])
    #expect(bench.knobs.fatal.withLock { $0 } == nil)
    isFull = false
    #expect(bench.process(request).seqs == [2])
  }

  @Test func `what a write threw is its answer, and undone`() throws {
    let clinic = fixture.clinic
    #expect(throws: Surprise.self) {
      try bench.write { scope in
        try scope.commit(clinic: clinic) { _ = try Fixture.addCustomer("C-2")(&$0) }
        scope.signal(.userDisabled(clinic))
        throw Surprise()
      }
    }
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 1)
    #expect(bench.process(bench.request(clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))).seqs == [2])
  }
}

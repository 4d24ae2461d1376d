import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `Commands` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  @Test func `a command's rows, log and key are there after it, and its commit is published`() throws {
    let batch = bench.process(bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2")))
    #expect(batch.seqs == [2])
    #expect(batch.commits.map(\.seq) == [2])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == 1)
    let logged = try bench.read { try $0.commits(clinic: fixture.clinic, after: 1) }
    let commit = try #require(logged.first)
    #expect(commit.changes.map(\.row) == batch.commits[0].changes.map(\.row))
    #expect(commit.changes.map(\.keys) == batch.commits[0].changes.map(\.keys))
    #expect(String(decoding: commit.cause, as: UTF8.self).contains("\"by\":\"\(fixture.owner)\""))
  }

  @Test func `an expectation tells a customer nothing of rows that are not theirs to see`() throws {
    let user = try bench.write { scope in
      var user = User()
      user.id = scope.newID()
      user.email = "customer@clinic.example"
      user.fullName = "Customer"
      return try Accounts.insert(scope, user).id
    }.0
    try bench.run("UPDATE customers SET user_id = '\(user)' WHERE id = '\(fixture.customer)'")
    func outcome(_ table: Table, _ id: ID, version: Int) throws -> Refusal {
      var request = bench.request(
        fixture.clinic, user, expect: [Expectation(table: table, id: id, version: version)], rule: { _ in nil })
      request.command = .markAllNotificationsRead()
      let result = try #require(bench.process(request).results.first)
      guard case .failure(let refusal) = result else { throw Refusal(.internal, "taken") }
      return refusal
    }
    let hidden = try outcome(.clinicStaff, fixture.staff, version: 99)
    let absent = try outcome(.clinicStaff, ID(high: 1, low: 1), version: 99)
    #expect(hidden.code == .notFound && hidden.message == absent.message)
    let own = try outcome(.customers, fixture.customer, version: 99)
    #expect(own.code == .staleVersion)
    #expect(own.details["by"] == nil && own.details["command"] == nil)
  }

  @Test func `who may not do it is told so before any row that they name is looked at`() throws {
    let user = try bench.write { scope in
      var user = User()
      user.id = scope.newID()
      user.email = "customer@clinic.example"
      user.fullName = "Customer"
      return try Accounts.insert(scope, user).id
    }.0
    try bench.run("UPDATE customers SET user_id = '\(user)' WHERE id = '\(fixture.customer)'")
    var request = bench.request(
      fixture.clinic, user, expect: [Expectation(table: .customers, id: fixture.customer, version: 99)])
    request.command = .setDuty(SetDuty(duty: .off))
    #expect(bench.process(request).codes == [.forbidden])
  }

  @Test func `a key that comes again has its first outcome and no second effect`() throws {
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let first = bench.process(request)
    let again = bench.process(request, request)
    #expect(again.duplicates == [true, true])
    #expect(again.seqs == first.seqs + first.seqs)
    #expect(again.commits.isEmpty)
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
  }

  @Test func `what undoes a case's last move is kept and forgotten, in no row and no log`() throws {
    let workflow = ID(high: 7, low: 9)
    func keep(_ undo: JSON?) -> Batch {
      bench.process(
        bench.request(fixture.clinic, fixture.owner) { draft in
          draft.keepUndo(workflow, undo)
          return nil
        })
    }
    func kept() throws -> JSON? { try bench.read { try $0.clinicRows(fixture.clinic).undo(workflow) } }
    #expect(try kept() == nil)
    #expect(keep(["state": ["notes": "ก", "version": 3], "tasks": []]).commits.isEmpty)
    #expect(try kept() == ["state": ["notes": "ก", "version": 3], "tasks": []])
    _ = keep(["tasks": [1]])
    #expect(try kept() == ["tasks": [1]])
    #expect(try bench.count("SELECT COUNT(*) FROM sys_undos") == 1)
    _ = keep(nil)
    #expect(try kept() == nil)
  }

  @Test func `a key twice in one transaction has one effect`() throws {
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let batch = bench.process(request, request)
    #expect(batch.duplicates == [false, true])
    #expect(batch.commits.count == 1)
  }

  @Test func `a key with another body is refused`() throws {
    var request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    bench.process(request)
    request.digest = [2]
    #expect(bench.process(request).codes == [.keyReused])
  }

  @Test func `a refusal of the rules leaves no row, and is the outcome for ever`() throws {
    let add = Fixture.addCustomer("C-2")
    let request = bench.request(fixture.clinic, fixture.owner) { draft in
      _ = try add(&draft)
      throw Refusal(.invalidTransition, "Not now.", details: ["allowed": ["a"]])
    }
    #expect(bench.process(request).codes == [.invalidTransition])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 1)
    bench.knobs.rules.withLock { $0[request.key] = add }
    let again = bench.process(request)
    #expect(again.duplicates == [true])
    #expect(again.results == [.failure(Refusal(.invalidTransition, "Not now.", details: ["allowed": ["a"]]))])
  }
}

@Suite struct `Rights at the writer` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
    bench.knobs.otherwise.withLock {
      $0 = { draft in .string("\(draft.actor.kind) \(draft.actor.role?.rawValue ?? "-")") }
    }
  }

  private func user(_ email: String, _ change: @escaping @Sendable (inout User) -> Void = { _ in }) throws -> ID {
    try bench.write { scope in
      var user = User()
      user.id = scope.newID()
      user.email = email
      change(&user)
      return try Accounts.insert(scope, user).id
    }.0
  }

  private func result(_ batch: Batch) throws -> String {
    String(decoding: try #require(batch.results.first).get().result, as: UTF8.self)
  }

  @Test func `a member acts with the role of the membership`() throws {
    #expect(try result(bench.process(bench.request(fixture.clinic, fixture.owner))) == "\"staff clinic_owner\"")
    #expect(try result(bench.process(bench.request(fixture.clinic, nil))) == "\"system -\"")
  }

  @Test func `a clinic that is not mine is forbidden, whether or not it exists, and nothing is remembered`() throws {
    let other = try Fixture(bench, code: "HKT01")
    let nowhere = ID(high: 1, low: 1)
    let batch = bench.process(
      bench.request(other.clinic, fixture.owner), bench.request(nowhere, fixture.owner),
      bench.request(fixture.clinic, ID(high: 2, low: 2)), bench.request(nowhere, nil))
    #expect(batch.codes == [.forbidden, .forbidden, .forbidden, .forbidden])
    #expect(Set(batch.results.map { "\($0)" }).count == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == 0)
  }

  @Test func `a refusal at the door is audited, once a minute for each user`() throws {
    let other = try Fixture(bench, code: "HKT01")
    for _ in 0..<5 { bench.process(bench.request(other.clinic, fixture.owner)) }
    #expect(try bench.count("SELECT COUNT(*) FROM sys_audit WHERE kind = 'denied'") == 1)
    bench.now = bench.now + .minutes(2)
    bench.process(bench.request(other.clinic, fixture.owner))
    #expect(try bench.count("SELECT COUNT(*) FROM sys_audit WHERE kind = 'denied'") == 2)
  }

  @Test(arguments: [
    "UPDATE users SET status = 'disabled'", "UPDATE clinics SET is_active = 0", "UPDATE clinic_staff SET is_active = 0",
  ])
  func `who has been shut out is forbidden from the next command on`(statement: String) throws {
    #expect(bench.process(bench.request(fixture.clinic, fixture.owner)).codes == [nil])
    try bench.run(statement)
    #expect(bench.process(bench.request(fixture.clinic, fixture.owner)).codes == [.forbidden])
  }

  @Test func `rights are those of the same transaction, not of its beginning`() throws {
    let staff = fixture.staff
    let leave = bench.request(fixture.clinic, fixture.owner) { draft in
      guard let row = try draft.row(StaffMember.self, staff) else { return nil }
      try draft.update(row) { $0.isActive = false }
      return nil
    }
    #expect(bench.process(leave, bench.request(fixture.clinic, fixture.owner)).codes == [nil, .forbidden])
  }

  @Test func `a customer acts as one in the clinic that knows them`() throws {
    let user = try user("c@example.org")
    try bench.run("UPDATE customers SET user_id = '\(user)'")
    #expect(try result(bench.process(bench.request(fixture.clinic, user))) == "\"customer -\"")
  }

  @Test func `a super admin needs a reason, and what they do is audited`() throws {
    let user = try user("sa@example.org") { $0.isSuperAdmin = true }
    #expect(bench.process(bench.request(fixture.clinic, user)).codes == [.forbidden])
    #expect(bench.process(bench.request(fixture.clinic, user, reason: "")).codes == [.forbidden])
    #expect(bench.process(bench.request(fixture.clinic, user, reason: "support case 7")).codes == [nil])
    let detail = try bench.read { reader in
      try reader.session.all("SELECT detail FROM sys_audit WHERE kind = 'super_admin_command'") { $0.text(0) }
    }
    #expect(detail.count == 1 && detail[0].contains("support case 7"))
  }

  @Test func `the audit's chain shows a change to the past`() throws {
    for number in 0..<5 {
      try bench.write { try $0.audit(user: nil, kind: "test", detail: ["n": .integer(number)]) }
    }
    #expect(try bench.read { try Audit.firstBreak($0.session) } == nil)
    try bench.run("DROP TRIGGER sys_audit_no_update; UPDATE sys_audit SET detail = '{\"n\":9}' WHERE n = 3")
    #expect(try bench.read { try Audit.firstBreak($0.session) } == 3)
    try bench.run("UPDATE sys_audit SET detail = '{\"n\":2}' WHERE n = 3")
    #expect(try bench.read { try Audit.firstBreak($0.session) } == nil)
    try bench.run("DROP TRIGGER sys_audit_no_delete; DELETE FROM sys_audit WHERE n = 2")
    #expect(try bench.read { try Audit.firstBreak($0.session) } == 3)
  }
}

@Suite struct `Expected versions` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  @Test func `a version that is still true lets the command through`() throws {
    let expect = [Expectation(table: .customers, id: fixture.customer, version: 1)]
    let request = bench.request(fixture.clinic, fixture.owner, expect: expect, rule: fixture.rename("B"))
    #expect(bench.process(request).codes == [nil])
  }

  @Test func `one that is no longer true refuses it, with the current version and who wrote it`() throws {
    bench.process(bench.request(fixture.clinic, fixture.owner, rule: fixture.rename("B")))
    let expect = [Expectation(table: .customers, id: fixture.customer, version: 1)]
    let request = bench.request(fixture.clinic, fixture.owner, expect: expect, rule: fixture.rename("C"))
    let batch = bench.process(request)
    guard case .failure(let refusal) = batch.results[0] else {
      Issue.record("not refused")
      return
    }
    #expect(refusal.code == .staleVersion)
    #expect(refusal.details["version"] == 2)
    #expect(refusal.details["by"] == .string(fixture.owner.description))
    #expect(refusal.details["command"] == "close_case")
    #expect(bench.process(request).duplicates == [true])
  }

  @Test func `a row of another clinic is not found, nor is a user`() throws {
    let other = try Fixture(bench, code: "HKT01")
    for (table, id) in [
      (Table.customers, other.customer), (.clinics, other.clinic), (.users, fixture.owner),
      (.taskQueue, fixture.customer),
    ] {
      let expect = [Expectation(table: table, id: id, version: 1)]
      #expect(bench.process(bench.request(fixture.clinic, fixture.owner, expect: expect)).codes == [.notFound])
    }
    let own = [
      Expectation(table: .clinics, id: fixture.clinic, version: 1),
      Expectation(table: .clinicStaff, id: fixture.staff, version: 1),
    ]
    #expect(bench.process(bench.request(fixture.clinic, fixture.owner, expect: own)).codes == [nil])
  }
}

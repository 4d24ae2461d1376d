import AuraDomain
import Synchronization
import Testing

@testable import AuraStore

@Suite struct `Reading` {
  let bench: Bench

  init() throws { bench = try Bench() }

  private struct Printed: Equatable {
    var keys: RowKeys
    var id: ID
    var version: Int
    var row: String
  }

  private func snapshot(_ clinic: ID, _ table: Table, _ filter: RowFilter = RowFilter()) throws -> [Printed] {
    try bench.read { reader in
      var rows: [Printed] = []
      try reader.snapshot(clinic: clinic, table: table, filter: filter) { keys, id, version, row in
        rows.append(Printed(keys: keys, id: id, version: version, row: String(decoding: row, as: UTF8.self)))
      }
      return rows
    }
  }

  @Test func `a snapshot's rows are the log's, byte for byte, with the same keys`() throws {
    let world = try World(bench, code: "A")
    _ = try World(bench, code: "B")
    for (table, row) in world.rows {
      let rows = try snapshot(world.clinic, table)
      let change = try #require(world.changes[row.id])
      let expected = Printed(
        keys: change.keys, id: change.id, version: change.version, row: String(decoding: change.row, as: UTF8.self))
      #expect(rows == [expected], "\(table)")
    }
    #expect(try snapshot(world.clinic, .users).isEmpty)
  }

  @Test func `a row that is read back prints as it was written`() throws {
    let world = try World(bench, code: "A")
    for (_, row) in world.rows {
      let change = try #require(world.changes[row.id])
      let text = try bench.read { try readBack(row, $0.clinicRows(world.clinic)) }
      #expect(text == String(decoding: change.row, as: UTF8.self))
    }
  }

  private func readBack<R: Row>(_ row: R, _ rows: any ClinicRows) throws -> String {
    var writer = JSONWriter()
    try #require(try rows.row(R.self, row.id)).json(into: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test func `the log gives back every commit as it was published`() throws {
    let world = try World(bench, code: "A")
    let commits = try bench.read { try $0.commits(clinic: world.clinic, after: 0) }
    #expect(commits.map(\.seq) == [1, 2])
    #expect(commits[0].changes.count == world.rows.count)
    for change in commits[1].changes {
      let published = try #require(world.changes[change.id])
      #expect(change.row == published.row)
      #expect(change.keys == published.keys)
      #expect(change.was == published.was)
      #expect(change.version == 2)
    }
  }

  @Test func `a user, with the hash of a password, is in no log`() throws {
    let fixture = try Fixture(bench)
    try bench.write { scope in
      try scope.commit(clinic: fixture.clinic) { draft in
        guard let user = try draft.user(fixture.owner) else { return }
        try draft.update(user) { $0.fullName = "Renamed" }
      }
    }
    #expect(try bench.count("SELECT COUNT(*) FROM users WHERE full_name = 'Renamed' AND version = 2") == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_changes WHERE instr(changes, 'secret-hash') > 0") == 0)
    #expect(try bench.read { try $0.head(clinic: fixture.clinic) } == 1)
  }

  @Test func `a filter is equality on the columns that the table has`() throws {
    let world = try World(bench, code: "A")
    let task = try #require(world.rows.first { $0.table == .taskQueue }?.row as? Task)
    func count(_ change: (inout RowFilter) -> Void) throws -> Int {
      var filter = RowFilter()
      change(&filter)
      return try snapshot(world.clinic, .taskQueue, filter).count
    }
    #expect(try count { $0.require(.status, [.text("pending"), .text("in_progress")]) } == 1)
    #expect(try count { $0.require(.status, [.text("completed")]) } == 0)
    #expect(try count { $0.require(.workflow, [.id(task.workflowID)]) } == 1)
    #expect(try count { $0.require(.assignedTo, [.null]) } == 0)
    #expect(try count { $0.require(.assignedTo, [.null, .id(task.assignedTo ?? task.id)]) } == 1)
    #expect(try count { $0.require(.assignedTo, []) } == 0)
    // The table has no such column.
    #expect(try count { $0.require(.currentStage, [.text("scanned")]) } == 1)
    try bench.run("UPDATE task_queue SET assigned_to = NULL")
    #expect(try count { $0.require(.assignedTo, [.null]) } == 1)
  }

  @Test func `what a filter admits in memory it admits in the database`() throws {
    let world = try World(bench, code: "A")
    for (table, row) in world.rows {
      let keys = try #require(world.changes[row.id]).keys
      for column in RowFilter.Column.allCases {
        let own = value(keys, column)
        let other = Value.id(ID(high: 1, low: 1))
        for values: [Value] in [[own], [.null], [other], [own, other], [.text("scanned")], []] {
          var filter = RowFilter()
          filter.require(column, values)
          #expect(
            try !snapshot(world.clinic, table, filter).isEmpty == filter.admits(table, keys),
            "\(table) \(column) \(values)")
        }
      }
    }
  }

  private func value(_ keys: RowKeys, _ column: RowFilter.Column) -> Value {
    switch column {
    case .assignedTo: keys.assignedTo.map(Value.id) ?? .null
    case .workflow: keys.workflow.map(Value.id) ?? .null
    case .customer: keys.customer.map(Value.id) ?? .null
    case .user: keys.user.map(Value.id) ?? .null
    case .currentStage: keys.currentStage.map(Value.text) ?? .null
    case .status: keys.status.map(Value.text) ?? .null
    }
  }

  @Test func `of a ledger the newest thousand are shown, unless a case or a customer is named`() throws {
    let fixture = try Fixture(bench)
    let add: @Sendable (inout Draft) throws -> Void = { draft in
      for number in 0..<1_005 {
        var points = PointTransaction()
        points.id = draft.newID()
        points.clinicID = draft.clinicID
        points.customerID = fixture.customer
        points.amount = number + 1
        points.eventKey = "e\(number)"
        draft.insert(points)
      }
    }
    try bench.write { try $0.commit(clinic: fixture.clinic, add) }
    let newest = try snapshot(fixture.clinic, .pointTransactions)
    #expect(newest.count == 1_000)
    #expect(newest.map(\.id) == newest.map(\.id).sorted())
    #expect(newest.first?.row.contains("\"amount\":6,") == true)
    var filter = RowFilter()
    filter.require(.customer, [.id(fixture.customer)])
    #expect(try snapshot(fixture.clinic, .pointTransactions, filter).count == 1_005)
  }

  @Test func `commits come in pieces of the size asked for, never none`() throws {
    let fixture = try Fixture(bench)
    for number in 0..<10 {
      bench.process(bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("X\(number)")))
    }
    try bench.read { reader throws in
      #expect(try reader.commits(clinic: fixture.clinic, after: 3, limit: 2).map(\.seq) == [4, 5])
      #expect(try reader.commits(clinic: fixture.clinic, after: 3, maxBytes: 1).map(\.seq) == [4])
      #expect(try reader.commits(clinic: fixture.clinic, after: 11).isEmpty)
      #expect(try reader.commits(clinic: fixture.owner, after: 0).isEmpty)
      #expect(try reader.oldest(clinic: fixture.clinic) == 1)
      #expect(try reader.oldest(clinic: fixture.owner) == 1)
    }
  }

  @Test func `a row, a user or a search of one clinic is never found from another`() throws {
    let (a, b) = (try World(bench, code: "A"), try World(bench, code: "B"))
    try bench.read { reader throws in
      let rows = reader.clinicRows(a.clinic)
      for (_, row) in b.rows { #expect(try isNothing(row, rows)) }
      #expect(try rows.user(b.user) == nil)
      #expect(try rows.user(a.user)?.id == a.user)
      #expect(try rows.rows(User.self, Selection()).map(\.id) == [a.user])
      #expect(try rows.rows(Clinic.self, Selection()).map(\.id) == [a.clinic])
      #expect(try rows.rows(Customer.self, Selection(.contains("full_name", "😀"))).count == 1)
      #expect(try rows.rows(Customer.self, Selection(.contains("full_name", "%"))).isEmpty)
      #expect(
        try rows.rows(Customer.self, Selection(.contains("full_name", String(repeating: "x", count: 900)))).isEmpty)
    }
  }

  private func isNothing<R: Row>(_ row: R, _ rows: any ClinicRows) throws -> Bool {
    try rows.row(R.self, row.id) == nil
  }

  /// The database and the domain's own memory must agree, or a rule that is tested in memory is wrong in the clinic.
  @Test(arguments: [
    Selection(), Selection(order: [.descending("customer_code")], limit: 3), Selection(.isNull("phone")),
    Selection(.notNull("phone"), order: [.ascending("phone")]), Selection(.equal("status", "lead")),
    Selection(.oneOf("customer_code", ["C-1", "C-3"])), Selection(.oneOf("customer_code", [])),
    Selection(.greater("customer_code", "C-2"), .atMost("customer_code", "C-5")),
    Selection(.less("phone", "5"), order: [.descending("phone"), .ascending("id")]),
    Selection(.contains("full_name", "name 1")), Selection(order: [.ascending("phone"), .descending("id")]),
  ])
  func `a selection finds in the database what it finds in memory`(selection: Selection) throws {
    let fixture = try Fixture(bench)
    try bench.write { scope in
      try scope.commit(clinic: fixture.clinic) { draft in
        for number in 2..<14 {
          var customer = Fixture.customer(draft.newID(), draft.clinicID, code: "C-\(number)")
          customer.phone = number % 3 == 0 ? nil : "\(number % 7)"
          customer.fullName = "NAME \(number)"
          draft.insert(customer)
        }
      }
    }
    try bench.read { reader throws in
      let rows = reader.clinicRows(fixture.clinic)
      let all = try rows.rows(Customer.self, Selection())
      #expect(all.count == 13)
      let expected = selection.arrange(all.filter { selection.matches($0) })
      let found = try rows.rows(Customer.self, selection)
      if selection.order.isEmpty {
        #expect(Set(found.map(\.id)) == Set(expected.map(\.id)))
      } else {
        #expect(found.map(\.id) == expected.map(\.id))
      }
    }
  }

  @Test func `a value that cannot be is damage, not a trap`() throws {
    let fixture = try Fixture(bench)
    try bench.run("UPDATE customers SET assigned_sales_id = NULL, metadata = '[[[]]]'")
    try bench.run("PRAGMA ignore_check_constraints = ON; UPDATE customers SET status = 'ghost'")
    let failure = #expect(throws: StoreFailure.self) {
      try bench.read { _ = try $0.clinicRows(fixture.clinic).row(Customer.self, fixture.customer) }
    }
    #expect(failure == .damaged(table: "customers", column: "status", text: "ghost"))
    try bench.run("UPDATE sys_changes SET changes = '[[\"customers\",\"put\",9999999999,{}]]'")
    #expect(throws: StoreFailure.self) { try bench.read { _ = try $0.commits(clinic: fixture.clinic, after: 0) } }
  }
}

extension Value: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self = .text(value) }
}

@Suite struct `The engine` {
  @Test func `is durable: the writer's synchronous is FULL, its journal a WAL, its foreign keys on`() throws {
    let bench = try Bench()
    func pragma(_ name: String) throws -> String {
      try bench.writer.connection.use { try $0.first(SQL("PRAGMA \(name)")) { $0.text(0) } ?? "" }
    }
    #expect(try pragma("synchronous") == "2")
    #expect(try pragma("journal_mode") == "wal")
    #expect(try pragma("foreign_keys") == "1")
    try bench.reopen()
    #expect(try pragma("synchronous") == "2")
  }

  @Test func `lets readers neither write nor checkpoint, and trust no schema`() throws {
    let bench = try Bench()
    try bench.read { reader throws in
      for (name, value) in [("query_only", 1), ("wal_autocheckpoint", 0), ("trusted_schema", 0)] {
        #expect(try reader.session.first(SQL("PRAGMA \(name)")) { $0.integer(0) } == value, "\(name)")
      }
      #expect(throws: SQLFailure.self) { try reader.session.execute("DELETE FROM sys_meta") }
    }
  }

  @Test func `refuses parameters that PostgreSQL would read otherwise`() throws {
    let bench = try Bench()
    for text in ["SELECT $2, $1", "SELECT ?", "SELECT $1, :a"] {
      #expect(throws: SQLFailure.self) {
        try bench.read { _ = try $0.session.first(SQL(text), 1, 2) { $0.integer(0) } }
      }
    }
    #expect(throws: SQLFailure.self) { try bench.read { _ = try $0.session.first("SELECT $1") { $0.integer(0) } } }
  }

  @Test func `reads a statement within itself`() throws {
    let bench = try Bench()
    let sql: SQL = "SELECT value FROM (SELECT 1 AS value UNION SELECT 2) ORDER BY value"
    let pairs = try bench.read { reader in
      var pairs: [[Int]] = []
      try reader.session.each(sql) { outer in
        let first = outer.integer(0)
        try reader.session.each(sql) { pairs.append([first, $0.integer(0)]) }
      }
      return pairs
    }
    #expect(pairs == [[1, 1], [1, 2], [2, 1], [2, 2]])
  }

  @Test func `a folder that cannot be written is named`() throws {
    let failure = #expect(throws: StoreFailure.self) {
      _ = try Store(configuration: StoreConfiguration(directory: "/proc/aura"))
    }
    guard case .folder("/proc/aura", _) = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }
}

@Suite struct `Ids` {
  @Test func `are bound as they are printed`() throws {
    let bench = try Bench()
    var random = Seeded(state: 7)
    var ids = (0..<500).map { _ in ID(high: random.next(), low: random.next()) }
    ids += [
      ID(high: 0, low: 0), ID(high: .max, low: .max), ID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210),
    ]
    let echo: SQL = "SELECT $1"
    for id in ids {
      let text = try bench.read { try $0.session.first(echo, .id(id)) { $0.text(0) } }
      #expect(text == id.description)
    }
  }
}

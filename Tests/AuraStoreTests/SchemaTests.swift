import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `The schema` {
  let bench: Bench

  init() throws { bench = try Bench() }

  @Test(arguments: Table.allCases) func `has each row's columns in their order`(table: Table) throws {
    let found = try bench.read { reader in
      try reader.session.all(SQL("SELECT name FROM pragma_table_info('\(table.rawValue)')")) { $0.text(0) }
    }
    #expect(found == table.columns.map { "\($0)" })
  }

  @Test func `has 23 tables, the open credits and the months besides its own, all of them strict`() throws {
    let tables = try bench.read { reader in
      try reader.session.all(SQL("SELECT name FROM sqlite_master WHERE type = 'table'")) { $0.text(0) }
    }
    #expect(Set(tables.filter { !$0.hasPrefix("sys_") }) == Set(Table.allCases.map(\.rawValue)))
    #expect(
      try bench.count("SELECT COUNT(*) FROM pragma_table_list WHERE strict = 0 AND name NOT LIKE 'sqlite_%'") == 0)
  }

  @Test func `keeps every reference between a clinic's rows within the clinic`() throws {
    let (a, b) = (try World(bench, code: "A"), try World(bench, code: "B"))
    // Rows that are never changed are changed here, to see what else holds them.
    for table in ["workflow_actions", "workflow_events", "customer_journey_events", "point_transactions"] {
      try bench.run("DROP TRIGGER \(table)_no_update")
    }
    for step in Schema.moneyChecks {
      guard case .rowCheck(let table, _, let name) = step else { continue }
      try bench.run("DROP TRIGGER \(table)_\(name)_update")
    }
    #expect(Set(a.rows.map(\.table)) == Set(Table.allCases).subtracting([.users]), "a table has no row here")
    var seen: Set<String> = []
    for (table, row) in a.rows {
      for key in try compositeKeys(of: table) {
        let parent = try #require(b.rows.first { $0.table.rawValue == key.parent }?.row.id)
        let own = try #require(a.rows.first { $0.table.rawValue == key.parent }?.row.id)
        let update = "UPDATE \(table.rawValue) SET \(key.column) = '%' WHERE id = '\(row.id)'"
        let failure = #expect(throws: SQLFailure.self, "\(table).\(key.column)") {
          try bench.run(update.replacing("%", with: parent.description))
        }
        #expect(failure?.kind == .constraint)
        #expect(failure?.message.contains("FOREIGN KEY") == true, "\(table).\(key.column): \(failure?.message ?? "")")
        try bench.run(update.replacing("%", with: own.description))
        seen.insert("\(table).\(key.column)")
      }
    }
    // Every column that names another row of the clinic is one of these.
    #expect(seen.count == 44)
  }

  @Test(arguments: [
    "pos_transactions SET paid_st = 1 WHERE transaction_number = 'TXN-1'",
    "pos_transactions SET paid_at = NULL WHERE transaction_number = 'TXN-1'",
    "pos_transactions SET payment_status = 'pending' WHERE transaction_number = 'TXN-1'",
    "pos_transactions SET parent_id = id", "pos_transactions SET type = 'refund', parent_id = id",
    "customer_coupons SET status = 'active'", "customer_coupons SET used_pos_transaction_id = NULL",
    "customer_coupons SET status = 'reserved', used_pos_transaction_id = NULL",
    "customer_coupons SET reserved_by_pos_id = used_pos_transaction_id",
    "customer_coupons SET percent_bp = -5", "customer_coupons SET percent_bp = 10001",
    "customer_coupons SET amount_st = 0", "customer_coupons SET discount_st = -1",
    "loyalty_rewards SET percent_bp = 0", "loyalty_rewards SET monetary_value_st = -1",
    "loyalty_redemptions SET status = 'issued'", "loyalty_redemptions SET applied_pos_transaction_id = NULL",
    "point_credits SET remaining = -1", "point_credits SET is_open = 0",
  ])
  func `refuses sums that do not add up and coupons on no bill or two`(change: String) throws {
    _ = try World(bench, code: "A")
    let failure = #expect(throws: SQLFailure.self) { try bench.run("UPDATE \(change)") }
    #expect(failure?.kind == .constraint, "\(failure?.message ?? "")")
  }

  @Test func `refuses a coupon on two bills, and two coupons on one`() throws {
    let world = try World(bench, code: "A")
    let sale = try #require(world.rows.first { $0.table == .posTransactions }?.row as? PosTransaction)
    let coupon = try #require(world.rows.first { $0.table == .customerCoupons }?.row as? CustomerCoupon)
    #expect(throws: SQLFailure.self) {
      try bench.write { scope in
        try scope.commit(clinic: world.clinic) { draft in
          var second = sale
          second.id = draft.newID()
          second.transactionNumber = "TXN-2"
          second.couponID = coupon.id
          draft.insert(second)
        }
      }
    }
    #expect(throws: SQLFailure.self) {
      try bench.write { scope in
        try scope.commit(clinic: world.clinic) { draft in
          var second = coupon
          second.id = draft.newID()
          second.redemptionID = nil
          second.code = "CPN-2"
          draft.insert(second)
        }
      }
    }
  }

  /// The foreign keys of two columns, the first of which is the clinic.
  private func compositeKeys(of table: Table) throws -> [(column: String, parent: String)] {
    try bench.read { reader in
      let rows = try reader.session.all(
        SQL(
          "SELECT id, seq, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list('\(table.rawValue)') ORDER BY id, seq"
        )
      ) { (id: $0.integer(0), seq: $0.integer(1), parent: $0.text(2), from: $0.text(3), to: $0.text(4)) }
      return rows.filter { row in
        row.seq == 1 && row.to == "id"
          && rows.contains { $0.id == row.id && $0.seq == 0 && $0.from == "clinic_id" && $0.to == "clinic_id" }
      }.map { ($0.from, $0.parent) }
    }
  }

  @Test func `names another row of the clinic by no single column`() throws {
    let above: Set = ["clinics", "users"]
    for table in Table.allCases {
      let single = try bench.read { reader in
        try reader.session.all(
          SQL(
            """
            SELECT "table" FROM pragma_foreign_key_list('\(table.rawValue)') GROUP BY id HAVING COUNT(*) = 1
            """)
        ) { $0.text(0) }
      }
      #expect(above.isSuperset(of: single), "\(table)")
    }
  }

  @Test(arguments: [
    "workflow_actions", "workflow_events", "customer_journey_events", "point_transactions", "sys_audit",
  ])
  func `refuses to change or delete what is append-only`(table: String) throws {
    _ = try World(bench, code: "A")
    try bench.write { try $0.audit(user: nil, kind: "test", detail: [:]) }
    let column = table == "sys_audit" ? "kind" : table == "workflow_actions" ? "type" : "clinic_id"
    for statement in ["UPDATE \(table) SET \(column) = 'x'", "DELETE FROM \(table)"] {
      let failure = #expect(throws: SQLFailure.self) { try bench.run(statement) }
      #expect(failure?.message == "\(table) is append-only")
    }
  }

  @Test func `lets an event be marked as processed, and nothing else of it be changed`() throws {
    _ = try World(bench, code: "A")
    try bench.run("UPDATE workflow_events SET processed = 1")
    let names = Table.workflowEvents.columns.map { "\($0)" }.filter { $0 != "processed" }
    for name in names {
      #expect(throws: SQLFailure.self, "\(name)") { try bench.run("UPDATE workflow_events SET \(name) = 7") }
    }
  }

  @Test func `never gives back more than was paid`() throws {
    let world = try World(bench, code: "A")
    let sale = try #require(world.rows.first { $0.table == .posTransactions }?.row as? PosTransaction)
    func refund(_ number: String, _ amount: Int, status: PaymentStatus = .paid) throws {
      try bench.write { scope in
        try scope.commit(clinic: world.clinic) { draft in
          var refund = PosTransaction()
          refund.id = draft.newID()
          refund.clinicID = world.clinic
          refund.type = .refund
          refund.parentID = sale.id
          refund.transactionNumber = number
          refund.customerID = sale.customerID
          refund.subtotalSt = amount
          refund.totalSt = amount
          refund.paymentStatus = status
          if status == .paid { (refund.paidSt, refund.paidAt) = (amount, draft.now) }
          draft.insert(refund)
        }
      }
    }
    try refund("R1", 300_000)
    #expect(throws: SQLFailure.self) { try refund("R2", 200_001) }
    try refund("R2", 200_000)
    try refund("R3", 1, status: .void)
    #expect(throws: SQLFailure.self) { try refund("R4", 1) }
    for statement in [
      "UPDATE pos_transactions SET payment_status = 'paid', paid_st = 1, paid_at = 1 WHERE transaction_number = 'R3'",
      "UPDATE pos_transactions SET total_st = 300001, subtotal_st = 300001, paid_st = 300001 WHERE transaction_number = 'R1'",
      "UPDATE pos_transactions SET paid_st = 499999, total_st = 499999, subtotal_st = 499999 WHERE transaction_number = 'TXN-1'",
    ] {
      let failure = #expect(throws: SQLFailure.self) { try bench.run(statement) }
      #expect(failure?.message == "refunds exceed what was paid")
    }
  }

  @Test(arguments: [
    // A second open lead of a customer.
    """
    INSERT INTO workflow_states (id, clinic_id, customer_id, current_stage, stage_entered_at, created_at, updated_at)
    SELECT 'x', clinic_id, customer_id, 'scanned', 0, 0, 0 FROM workflow_states
    """,
    // A second open treatment of a case.
    """
    INSERT INTO task_queue (id, clinic_id, workflow_id, task_type, title, priority_rank, created_at, updated_at)
    SELECT 'x', clinic_id, workflow_id, 'perform_treatment', '', 1, 0, 0 FROM task_queue
    """,
    // A second open task of a dedupe key.
    """
    INSERT INTO task_queue (id, clinic_id, workflow_id, task_type, title, priority_rank, dedupe_key, created_at, updated_at)
    SELECT 'x', clinic_id, workflow_id, 'send_proposal', '', 1, dedupe_key, 0, 0 FROM task_queue
    """,
    // A treatment of the same English name.
    """
    INSERT INTO treatments (id, clinic_id, names, duration_minutes, price_st, created_at, updated_at)
    SELECT 'x', clinic_id, '{"en":"Hydra Facial","th":"อื่น"}', 1, 0, 0, 0 FROM treatments
    """,
    // A second template for every channel.
    """
    INSERT INTO followup_templates (id, clinic_id, name, type, language, variant, message, created_at, updated_at)
    SELECT 'x', clinic_id, '', type, language, variant, '', 0, 0 FROM followup_templates
    """,
    "UPDATE task_queue SET priority_rank = 0",
    "UPDATE notifications SET customer_id = NULL",
    "UPDATE notifications SET is_read = 2",
    "UPDATE customers SET tags = '{'",
    "UPDATE users SET email = 'A@example.org'",
    "UPDATE pos_transactions SET total_st = total_st + 1",
    "UPDATE loyalty_rewards SET max_redemptions = 1, current_redemptions = 2",
    "DROP TRIGGER point_transactions_no_update; UPDATE point_transactions SET amount = -1, expires_at = NULL",
    "DROP TRIGGER point_transactions_no_update; UPDATE point_transactions SET type = 'redeemed', expires_at = NULL",
    "DROP TRIGGER point_transactions_no_update; UPDATE point_transactions SET type = 'refund', amount = -1",
    "UPDATE loyalty_profiles SET tier_progress_bp = 10001",
    "UPDATE automation_rules SET delay_minutes = -1",
  ])
  func `refuses what must not be`(statement: String) throws {
    _ = try World(bench, code: "A")
    let failure = #expect(throws: SQLFailure.self) { try bench.run(statement) }
    #expect(failure?.kind == .constraint)
  }

  @Test func `lets a lead be opened when the one before is no open lead`() throws {
    _ = try World(bench, code: "A")
    try bench.run("UPDATE workflow_states SET current_stage = 'in_treatment'")
    try bench.run(
      """
      INSERT INTO workflow_states (id, clinic_id, customer_id, stage_entered_at, created_at, updated_at)
      SELECT 'x', clinic_id, customer_id, 0, 0, 0 FROM workflow_states
      """)
  }

  /// The words of the schema's CHECKs and those of the domain are the same.
  @Test(arguments: [
    ("workflow_states", "current_stage", Stage.allCases.map(\.rawValue)),
    ("workflow_states", "status", WorkflowStatus.allCases.map(\.rawValue)),
    ("workflow_actions", "actor_kind", ActorKind.allCases.map(\.rawValue)),
    ("task_queue", "task_type", TaskType.allCases.map(\.rawValue)),
    ("task_queue", "priority", TaskPriority.allCases.map(\.rawValue)),
    ("task_queue", "status", TaskStatus.allCases.map(\.rawValue)),
    ("clinic_staff", "role", Role.allCases.map(\.rawValue)),
    ("clinic_staff", "duty", Duty.allCases.map(\.rawValue)),
    ("users", "locale", Language.allCases.map(\.rawValue)),
    ("users", "status", UserStatus.allCases.map(\.rawValue)),
    ("customers", "status", CustomerStatus.allCases.map(\.rawValue)),
    ("customers", "customer_type", CustomerType.allCases.map(\.rawValue)),
    ("customers", "source", CustomerSource.allCases.map(\.rawValue)),
    ("pos_transactions", "type", SaleType.allCases.map(\.rawValue)),
    ("pos_transactions", "payment_method", PaymentMethod.allCases.map(\.rawValue)),
    ("pos_transactions", "payment_status", PaymentStatus.allCases.map(\.rawValue)),
    ("loyalty_profiles", "current_tier", Tier.allCases.map(\.rawValue)),
    ("loyalty_rewards", "tier_requirement", Tier.allCases.map(\.rawValue)),
    ("loyalty_rewards", "type", RewardType.allCases.map(\.rawValue)),
    ("point_transactions", "type", PointType.allCases.map(\.rawValue)),
    ("achievements", "category", AchievementCategory.allCases.map(\.rawValue)),
    ("loyalty_redemptions", "status", RedemptionStatus.allCases.map(\.rawValue)),
    ("customer_coupons", "status", CouponStatus.allCases.map(\.rawValue)),
    ("customer_coupons", "source", CouponSource.allCases.map(\.rawValue)),
    ("customer_coupons", "type", RewardType.allCases.map(\.rawValue)),
    ("followup_executions", "status", ExecutionStatus.allCases.map(\.rawValue)),
    ("followup_executions", "channel", Channel.allCases.map(\.rawValue)),
    ("followup_templates", "channel", Channel.allCases.map(\.rawValue)),
    ("followup_templates", "language", Language.allCases.map(\.rawValue)),
  ])
  func `knows the domain's words and no others`(table: String, column: String, words: [String]) throws {
    let text = try bench.read { reader in
      try reader.session.first(SQL("SELECT sql FROM sqlite_master WHERE name = '\(table)'")) { $0.text(0) } ?? ""
    }
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(column) ") })
    #expect(line.matches(of: /'(\w+)'/).map { String($0.1) }.suffix(words.count) == words[...])
    #expect(line.matches(of: /'(\w+)'/).count == words.count + (line.contains("DEFAULT '") ? 1 : 0))
  }

  @Test func `of a later program is refused with what to do`() throws {
    try bench.run("INSERT INTO sys_migrations VALUES (99, 'from the future', 0)")
    let failure = #expect(throws: StoreFailure.self) { try bench.reopen() }
    #expect(failure == .newerVersion(found: 99, known: Schema.version))
    #expect(failure?.nextStep.contains("newer") == true)
  }

  @Test(arguments: [
    "CREATE TRIGGER sneak AFTER INSERT ON users BEGIN DELETE FROM clinics; END", "DROP TRIGGER sys_audit_no_delete",
    "CREATE TABLE other (x) STRICT",
  ])
  func `that somebody has changed is refused`(change: String) throws {
    try bench.run(change.replacing("other (x)", with: "other (x TEXT)"))
    let failure = #expect(throws: StoreFailure.self) { try bench.reopen() }
    guard case .foreignSchema = failure else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test func `is made once`() throws {
    let epoch = bench.epoch
    try bench.reopen()
    #expect(bench.epoch == epoch)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_migrations") == Schema.version)
  }
}

import AuraDomain
import AuraJSON
import Testing

@testable import AuraStore

/// Rules and notifications over the disk: what they look for is found by indexes, what they say is in the chained audit,
/// what waits outlives the process, what goes is gone from every screen.
@Suite struct `Over the disk` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench { $0.decide = { command, draft in try decide(command, &draft) } }
    fixture = try Fixture(bench)
  }

  @discardableResult
  private func run(_ command: Command) throws -> JSON {
    var request = bench.request(fixture.clinic, fixture.owner)
    request.command = command
    let outcome = try #require(bench.process(request).outcomes.first).1
    return try JSON.parse(outcome.result.get().result)
  }

  private func rule(
    _ name: String, at stage: Stage, _ target: AutomationTargetAction, _ data: JSON, delay: Int = 0
  ) throws -> ID {
    var rule = AutomationRuleDetails()
    rule.name = name
    rule.triggerStage = stage
    rule.targetAction = target
    rule.targetData = data
    rule.delayMinutes = delay
    return try #require(try run(.createAutomationRule(rule))["ruleId"]?.string.flatMap { ID($0) })
  }

  private func lead(_ number: Int = 0) throws -> ID {
    let details = CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)")
    let made = try run(.initialize(Initialize(customer: details, sales: fixture.staff)))
    return try #require(made["workflowId"]?.string.flatMap { ID($0) })
  }

  private func ask(_ query: Query) throws -> JSON {
    try bench.read { reader in
      try answer(
        query, rows: reader.clinicRows(fixture.clinic),
        actor: reader.actor(user: fixture.owner, clinic: fixture.clinic),
        now: bench.now)
    }
  }

  // MARK: Looking

  private func plan<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [String] {
    var composer = SelectComposer(RowText.of(type).select, table: R.table, clinic: fixture.clinic)
    for condition in selection.conditions { composer.add(condition) }
    return try plan(composer.text(order: selection.order, limit: selection.limit), composer.arguments)
  }

  private func plan(_ text: String, _ arguments: [SQLValue]) throws -> [String] {
    try bench.read { reader in
      var lines: [String] = []
      try reader.session.each(composed: "EXPLAIN QUERY PLAN " + text, arguments) { lines.append($0.text(3)) }
      return lines
    }
  }

  @Test func `all that rules and the bell look for is found by an index`() throws {
    let id = Value.id(ID(high: 1, low: 2))
    let unread = Condition.equal("is_read", .integer(0))
    let plans: [(String, by: String, [String])] = [
      (
        "the rules of a stage", "active=? AND trigger_stage=?",
        try plan(
          AutomationRule.self, Selection(.equal("active", .integer(1)), .equal("trigger_stage", .text("scanned"))))
      ),
      (
        "what has happened since an entry", "workflow_id=? AND seq>?",
        try plan(
          WorkflowAction.self,
          Selection(.equal("workflow_id", id), .greater("seq", .integer(1)), order: [.ascending("seq")]))
      ),
      (
        "a day's entries", "performed_at>? AND performed_at<?",
        try plan(
          WorkflowAction.self,
          Selection(
            .atLeast("performed_at", .integer(1)), .less("performed_at", .integer(2)),
            order: [.ascending("performed_at")], limit: 2_000))
      ),
      (
        "one's unread notifications", "user_id=? AND is_read=?",
        try plan(
          AuraDomain.Notification.self,
          Selection(.equal("user_id", id), unread, .atMost("id", id), order: [.ascending("id")], limit: 500))
      ),
      (
        "a customer's", "customer_id=? AND is_read=?",
        try plan(AuraDomain.Notification.self, Selection(.equal("customer_id", id), unread, limit: 101))
      ),
      (
        "a key", "dedupe_key=?",
        try plan(AuraDomain.Notification.self, Selection(.equal("dedupe_key", .text("k")), limit: 1))
      ),
      (
        "what ends now", "expires_at=?",
        try plan(
          AuraDomain.Notification.self,
          Selection(
            .equal("expires_at", .integer(1)), .equal("dismissed", .integer(0)), order: [.ascending("id")], limit: 500))
      ),
      (
        "what is old", "created_at<?",
        try plan(
          AuraDomain.Notification.self,
          Selection(.less("created_at", .integer(1)), order: [.ascending("created_at")], limit: 500))
      ),
      (
        "a kind of the audit", "kind=? AND n<?",
        try plan(
          "SELECT n, at, detail FROM sys_audit WHERE clinic_id = $1 AND kind = $2 AND n < $3 ORDER BY n DESC LIMIT $4",
          [.id(fixture.clinic), .text("automation"), .integer(5), .integer(5)])
      ),
    ]
    for (what, columns, lines) in plans {
      #expect(lines.count == 1, "\(what): \(lines)")
      for line in lines {
        #expect(line.hasPrefix("SEARCH") && line.contains("(clinic_id=? AND \(columns)"), "\(what): \(line)")
      }
    }
  }

  // MARK: Saying

  @Test func `what rules say is in the chained audit, and read out of it a page at a time`() throws {
    let tag = try rule("tag", at: .leadCreated, .addTag, ["tag": "new"])
    let points = try rule("points", at: .leadCreated, .awardBonus, ["points": 5])
    let leads = try (0..<5).map { try lead($0) }
    #expect(try bench.count("SELECT COUNT(*) FROM sys_audit WHERE kind = 'automation'") == 10)
    #expect(try bench.read { try Audit.firstBreak($0.session) } == nil)
    #expect(try bench.count("SELECT COUNT(*) FROM customers WHERE tags = '[\"new\"]'") == 5)
    var filter = AutomationRunFilter()
    filter.rule = points
    filter.limit = 3
    var seen: [String] = []
    repeat {
      let page = try ask(.automationRuns(filter))
      seen += page["runs"]?.array?.compactMap { $0["workflowId"]?.string } ?? []
      filter.before = page["next"]?.integer
    } while filter.before != nil
    #expect(seen == leads.reversed().map(\.description))
    filter.rule = tag
    #expect(try ask(.automationRuns(filter))["runs"]?.array?.first?["tag"] == "new")
  }

  @Test func `a rule that fails leaves nothing of itself, and its command all`() throws {
    let broken = try rule("broken", at: .leadCreated, .addTag, ["tag": "x"])
    try bench.run("UPDATE automation_rules SET target_data = '{\"tag\": 5}'")
    _ = try rule("good", at: .leadCreated, .notify, ["to": "leaders", "title": "t", "message": "m"])
    let w = try lead()
    #expect(try bench.count("SELECT COUNT(*) FROM workflow_states") == 1)
    #expect(try bench.count("SELECT failure_count FROM automation_rules WHERE rule_name = 'broken'") == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM notifications WHERE dedupe_key LIKE 'rule:%'") == 1)
    var filter = AutomationRunFilter()
    filter.outcome = .error
    let runs = try ask(.automationRuns(filter))["runs"]?.array ?? []
    #expect(runs.map { $0["ruleId"]?.string } == [broken.description])
    #expect(runs.first?["workflowId"]?.string == w.description)
  }

  // MARK: Waiting

  @Test func `a delay outlives the process and is over once`() throws {
    _ = try rule("later", at: .leadCreated, .addTag, ["tag": "later"], delay: 30)
    _ = try lead()
    let tagged = "SELECT COUNT(*) FROM customers WHERE tags <> '[]' AND full_name = 'N0'"
    #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind = 'automation'") == 1)
    bench.now = bench.now + .minutes(29)
    bench.process()
    #expect(try bench.count(tagged) == 0)
    try bench.reopen()
    bench.now = bench.now - .hours(1)
    bench.process()
    #expect(try bench.count(tagged) == 0)
    bench.now = bench.now + .days(3)
    bench.process()
    #expect(try bench.count(tagged) == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind = 'automation'") == 0)
    let matched = "SELECT COUNT(*) FROM sys_audit WHERE kind = 'automation' AND detail LIKE '%matched%'"
    #expect(try bench.count(matched) == 1)
    bench.now = bench.now - .days(3)
    bench.process()
    bench.now = bench.now + .days(4)
    bench.process()
    #expect(try bench.count(matched) == 1)
  }

  // MARK: Going

  @Test func `an old notification goes from the log's point of view too`() throws {
    var command = SendNotification(
      to: .staff(fixture.staff), title: Texts(th: "ก", en: "a"), message: Texts(th: "ข", en: "b"))
    command.expiresHours = 1
    try run(.sendNotification(command))
    #expect(try ask(.unreadCount) == ["unread": 1, "more": false])
    bench.now = bench.now + .hours(1)
    bench.process()
    #expect(try ask(.unreadCount) == ["unread": 0, "more": false])
    #expect(try bench.count("SELECT COUNT(*) FROM notifications WHERE dismissed AND is_read AND read_at IS NULL") == 1)
    let id = try bench.read { reader in
      try #require(reader.clinicRows(fixture.clinic).rows(AuraDomain.Notification.self, Selection()).first?.id)
    }
    bench.now = bench.now + .days(92)
    let commits = bench.process().commits
    let change = try #require(commits.flatMap(\.changes).first { $0.table == .notifications })
    #expect(change.operation == .remove)
    #expect(change.id == id)
    #expect(change.version == 2)
    #expect(change.was?.user == fixture.owner)
    #expect(try bench.count("SELECT COUNT(*) FROM notifications") == 0)
    // Whoever comes back after a night is told the same.
    let log = try bench.read { try $0.commits(clinic: fixture.clinic, after: 0) }.flatMap(\.changes)
    #expect(log.last { $0.table == .notifications }?.operation == .remove)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind LIKE 'notification%'") == 0)
  }
}

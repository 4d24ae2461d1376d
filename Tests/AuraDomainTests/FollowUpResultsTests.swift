import Testing

@testable import AuraDomain

@Suite struct `A comparison of messages` {
  // MARK: Arms

  @Test func `gives each customer the same arm for ever, by the weights`() throws {
    let world = World(seed: 7)
    let id = try world.rule(.postTreatment) {
      $0.variants = [FollowUpVariant(name: "A", weight: 30), FollowUpVariant(name: "B", weight: 70)]
    }
    let other = try world.rule(.postTreatment) {
      $0.variants = [FollowUpVariant(name: "A", weight: 50), FollowUpVariant(name: "B", weight: 50)]
    }
    let rule = try #require(try world.rows.row(FollowUpRule.self, id))
    let second = try #require(try world.rows.row(FollowUpRule.self, other))
    var counts: [String: Int] = [:]
    var both: [String: Int] = [:]
    for _ in 0..<10_000 {
      let customer = world.newID()
      let arm = rule.arm(of: customer)
      #expect(rule.arm(of: customer) == arm)
      counts[arm, default: 0] += 1
      both[arm + second.arm(of: customer), default: 0] += 1
    }
    // Four standard deviations are 183 of 10,000.
    #expect(abs((counts["B"] ?? 0) - 7_000) < 183, "\(counts)")
    // One rule's arm tells nothing of the other's.
    #expect(abs((both["BB"] ?? 0) - 3_500) < 191, "\(both)")
    // What is drawn is part of what was promised: the next version draws the same.
    let (left, right) = (ID(high: 1, low: 2), ID(high: 3, low: 4))
    var fixed = rule
    fixed.id = left
    #expect((0..<12).map { fixed.arm(of: ID(high: right.high, low: $0)) }.joined() == "BBBBBBABBAAA")
  }

  @Test func `has arms that make sense`() throws {
    let world = World()
    func refused(_ variants: [FollowUpVariant], words: Bool = false) -> String? {
      var details = FollowUpRuleDetails()
      details.name = "x"
      details.type = .postTreatment
      details.channels = [.sms]
      details.variants = variants
      if words { details.words = [.th: MessageWords(message: "m")] }
      return world.refusal(.createFollowUpRule(details), as: .o1)?.details["path"]?.string
    }
    let (a, b) = (FollowUpVariant(name: "A", weight: 1), FollowUpVariant(name: "B", weight: 0))
    #expect(refused([a, a]) == "args.variants")
    #expect(refused([b]) == "args.variants")
    #expect(refused([a, b], words: true) == "args.variants")
    #expect(refused([a, b]) == nil)
  }

  @Test func `sends each arm its words`() throws {
    let world = World()
    _ = try world.rule(.postTreatment) {
      $0.variants = [FollowUpVariant(name: "A", weight: 1), FollowUpVariant(name: "B", weight: 1)]
    }
    for variant in ["A", "B"] {
      var details = FollowUpTemplateDetails()
      (details.type, details.language, details.variant, details.message) = (.postTreatment, .th, variant, variant)
      try world.run(.createFollowUpTemplate(details), as: .o1)
    }
    for number in 0..<12 { _ = try world.treated("N\(number)", phone: "08\(10_000_000 + number)") }
    try world.advance(.days(1))
    let arms = world.rows.all(FollowUpExecution.self).map(\.variant)
    #expect(Set(arms) == ["A", "B"])
    for dispatch in world.rows.dispatches {
      #expect(try world.execution(dispatch.execution).variant == dispatch.text)
    }
  }

  // MARK: What is known

  @Test(arguments: [
    // count, of, low, high: by the formula in Wilson (1927), as R's prop.test(correct = FALSE) prints them
    (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (12, 100, 0.0700, 0.1981),
    (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0),
  ])
  func `says between which shares the truth lies`(count: Int, of: Int, low: Double, high: Double) {
    let interval = Share(count: count, of: of).interval()
    #expect(abs(interval.low - low) < 0.0001, "\(interval)")
    #expect(abs(interval.high - high) < 0.0001, "\(interval)")
  }

  @Test(
    arguments: [
      ([(100, 60), (100, 30)], "A", nil), ([(100, 30), (100, 60)], "B", nil),
      ([(100, 35), (100, 30)], nil, "no_difference"), ([(99, 90), (100, 3)], nil, "too_few"),
      ([(1_000, 90), (99, 3)], nil, "too_few"), ([(1_000, 90)], nil, "one_arm"),
      ([(100, 0), (100, 0)], nil, "no_difference"), ([(100, 44), (100, 30)], "A", nil),
      // With a third arm to be mistaken about, the same difference is not enough.
      ([(100, 44), (100, 30), (100, 30)], nil, "no_difference"), ([(200, 120), (200, 60), (200, 60)], "A", nil),
    ] as [([(Int, Int)], String?, String?)])
  func `has a winner only where there is no doubt`(arms: [(Int, Int)], winner: String?, reason: String?) {
    let named = zip(["A", "B", "C"], arms).map { ($0, Share(count: $1.1, of: $1.0)) }
    let outcome = ComparisonOutcome.of(named)
    #expect(outcome == winner.map { .winner($0) } ?? .undecided(reason ?? ""))
  }

  @Test func `calls a winner of two equal arms by mistake about once in twenty times, and not more`() {
    var random = SplitMix64(state: 20)
    var mistakes = 0
    for _ in 0..<2_000 {
      func arm() -> Share {
        Share(count: (0..<150).count { _ in Int.random(in: 0..<100, using: &random) < 20 }, of: 150)
      }
      if case .winner = ComparisonOutcome.of([("A", arm()), ("B", arm())]) { mistakes += 1 }
    }
    #expect(mistakes < 130, "\(mistakes) of 2,000")
  }

  @Test func `counts answers, and who came back within fourteen days of those who have had them`() throws {
    let world = World()
    let gateway = FakeGateway(world)
    let rule = try world.rule(.postTreatment) { $0.words = [.th: MessageWords(message: "m")] }
    var cases: [ID] = []
    for number in 0..<6 { cases.append(try world.treated("N\(number)", phone: "08\(10_000_000 + number)")) }
    try gateway.advance(.days(2))
    let ids = cases.map { world.messages($0)[0].id }
    try world.respond(ids[0]) { $0.replyText = "STOP" }
    try world.respond(ids[1]) { $0.sentiment = .positive }
    try world.respond(ids[2]) { $0.clicked = true }
    // One comes back, one moves an appointment only, one comes back too late.
    func book(_ number: Int, at: Instant) throws -> ID {
      try world.scheduled("N\(number)", phone: "08\(10_000_000 + number)", at: at)
    }
    let moved = try book(3, at: world.now + .days(40))
    try world.run(.schedule(moved, at: world.now + .days(41)), as: .s1)
    try gateway.advance(.days(14))
    _ = try book(4, at: world.now + .days(1))
    _ = try world.treated("N6", phone: "0819999999")
    try gateway.advance(.days(2))

    let results = try world.ask(.followUpResults(FollowUpResultsFilter(rule: rule)), as: .o1)
    let arm = try #require(results["arms"]?.array?.first)
    #expect(results["arms"]?.array?.count == 1)
    #expect(arm["name"] == "A")
    #expect(arm["sent"] == 7)
    #expect(arm["replied"]?["count"] == 1)
    #expect(arm["optedOut"]?["count"] == 1)
    #expect(arm["positive"]?["count"] == 1)
    #expect(arm["clicked"]?["count"] == 1)
    #expect(arm["opened"]?["count"] == 2)
    #expect(arm["delivered"]?["count"] == 3)
    // The one whose treatment was yesterday has not had the time.
    #expect(arm["rebooked"]?["of"] == 6)
    #expect(arm["rebooked"]?["count"] == 1)
    #expect(results["winner"]?["rebooked"]?["reason"] == "one_arm")
    #expect(throws: Refusal.self) { try world.ask(.followUpResults(FollowUpResultsFilter(rule: rule)), as: .s1) }
  }
}

@Suite struct `A dry run` {
  let world = World()

  private func run(_ rule: ID, _ from: Instant, _ to: Instant) throws -> [JSON] {
    let before = (world.seq, world.rows.timers.count, world.rows.dispatches.count)
    let result = try world.ask(.dryRunFollowUp(FollowUpDryRun(.rule(rule), from: from, to: to)), as: .o1)
    #expect(before == (world.seq, world.rows.timers.count, world.rows.dispatches.count))
    #expect(result["truncated"] == false)
    let entries = try #require(result["entries"]?.array)
    #expect(result["sends"]?.integer == entries.count { $0["decision"] == "send" })
    #expect(result["skips"]?.integer == entries.count { $0["decision"] == "skip" })
    return entries
  }

  /// What the dry run foresees for a month is what happens: each message at its time, by its channel, in its words.
  private func foresees(_ type: FollowUpType, _ part: String = "") throws {
    let rules = world.rows.all(FollowUpRule.self).filter { $0.type == type && (part.isEmpty || $0.name.contains(part)) }
    for rule in rules {
      for start in stride(from: 0, to: 120, by: 30) {
        let (from, to) = (World.start + .days(start), World.start + .days(start + 30))
        let foreseen = try run(rule.id, from, to).filter { $0["decision"] == "send" }
        let sent = world.rows.all(FollowUpExecution.self).filter { execution in
          execution.ruleID == rule.id && execution.status == .sent
            && (execution.executedAt.map { $0 >= from && $0 < to } ?? false)
        }
        for execution in sent {
          // An appointment that was missed is one no longer: a dry run looks at what there is.
          if rule.occasion == .appointment, let w = execution.workflowID, try world.workflow(w).scheduledStart == nil {
            continue
          }
          let entry = foreseen.first {
            $0["executionId"] == .id(execution.id) || $0["workflowId"] == .id(execution.workflowID)
          }
          #expect(entry != nil, "\(rule.name): \(execution.dedupeKey) was not foreseen")
          guard let entry, let at = entry["at"]?.integer, let done = execution.executedAt else { continue }
          #expect(abs(done.milliseconds - at) < 5_000, "\(rule.name)")
          #expect(entry["channel"] == .word(execution.channel))
          #expect(entry["variant"] == .text(execution.variant))
        }
      }
    }
  }

  @Test func `of a day that is over says what was done`() throws {
    try world.seedFollowUps()
    let gateway = FakeGateway(world)
    for number in 0..<8 {
      var details = CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)")
      details.dateOfBirth = "1990-0\(2 + number % 3)-1\(number)"
      let lead = try #require(try world.run(.initialize(Initialize(customer: details)), as: .s1)["workflowId"]?.id)
      let customer = try world.customer(of: lead)
      if number % 2 == 0 { try world.optIn(customer) }
      try world.prefer(customer) { $0.bestContactTime = BestContactTime.allCases[number % 5] }
      if number == 7 { continue }
      var scan = ScanCustomer(step: WorkflowStep(lead), results: ["a": 1])
      scan.consent = ConsentGiven()
      try world.run(.scanCustomer(scan), as: .s1)
      try world.run(.sendProposal(SendProposal(step: WorkflowStep(lead), plan: Plan(totalSt: 700_000))), as: .s1)
      try gateway.advance(.days(number % 3 == 0 ? 5 : 1))
      var payment = world.payment(lead, at: world.now + .days(2), amountSt: 700_000)
      payment.treatment = world.t1
      try world.run(.confirmPayment(payment), as: .s1)
      try gateway.advance(.days(2) + .minutes(20))
      if number == 3 {
        try world.run(.noShow(WorkflowStep(lead)), as: .s1)
        try gateway.advance(.hours(3))
        continue
      }
      try world.run(.start(lead), as: .b1)
      try world.run(.complete(lead), as: .b1)
    }
    try gateway.advance(to: World.start + .days(125))
    let sent = Set(
      world.rows.all(FollowUpExecution.self).filter { $0.status == .sent }.compactMap { execution in
        (try? world.rows.row(FollowUpRule.self, execution.ruleID))??.name
      })
    #expect(sent.count == 9, "\(sent)")
    for type in FollowUpType.allCases where type != .loyaltyReward { try foresees(type) }
  }

  @Test func `says why not`() throws {
    try world.seedFollowUps([.upsellOpportunity, .postTreatment], baseURL: nil)
    let w = try world.treated()
    let customer = try world.customer(of: w)
    let (upsell, care) = (try world.rule(named: "Next step").id, try world.rule(named: "After the").id)
    let (from, to) = (World.start, World.start + .days(30))
    #expect(try run(upsell, from, to).map { $0["reason"] } == ["no_consent"])
    #expect(try run(care, from, to).map { $0["reason"] } == ["missing_value: careLink"])
    #expect(try run(care, from, to).map { $0["executionStatus"] } == ["pending"])
    try world.prefer(customer) { $0.doNotContact = true }
    #expect(try run(care, from, to).map { $0["reason"] } == ["do_not_contact"])
    #expect(try run(care, World.start + .days(5), to).isEmpty)
  }

  @Test func `of points, tiers and birthdays finds whom they are about`() throws {
    try world.seedFollowUps([.loyaltyReward, .birthdaySpecial])
    var details = CustomerDetails(name: "Malee", phone: "0812345678")
    details.dateOfBirth = "1990-02-28"
    let w = try #require(try world.run(.initialize(Initialize(customer: details)), as: .s1)["workflowId"]?.id)
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    let sale = try world.bill(customer, 1_000_000, as: .s1)
    try world.run(.paySale(PaySale(sale: sale, amountSt: 1_000_000, method: .cash)), as: .s1)
    let (from, to) = (World.start, World.start + .days(31))
    let birthday = try run(try world.rule(named: "Birthday").id, from, to)
    #expect(birthday.map { $0["at"] } == [.instant(World.start + .days(26) - .hours(1))])
    let tier = try run(try world.rule(named: "New tier").id, from, to)
    #expect(tier.map { $0["customerId"] } == [.id(customer)])
    let points = try run(
      try world.rule(named: "Points end").id, from + .days(730 - 31), from + .days(730 - 20))
    #expect(points.count == 1)
    #expect(points.first?["text"]?.string?.hasPrefix("1100 แต้มหมดอายุ 2 ก.พ. 2571") == true)
  }

  @Test func `of a rule that is not saved, and for whom it is`() throws {
    let w = try world.treated()
    var details = FollowUpRuleDetails()
    details.name = "x"
    details.type = .satisfactionSurvey
    details.channels = [.sms]
    details.words = [.th: MessageWords(message: "{customerName}?")]
    let run = FollowUpDryRun(.draft(details), from: World.start, to: World.start + .days(10))
    let result = try world.ask(.dryRunFollowUp(run), as: .a1)
    #expect(result["ruleId"] == .null)
    #expect(result["entries"]?.array?.map { $0["text"] } == ["Malee?"])
    #expect(result["entries"]?.array?.map { $0["workflowId"] } == [.id(w)])
    details.words = [.th: MessageWords(message: "{amount}")]
    let bad = FollowUpDryRun(.draft(details), from: World.start, to: World.start + .days(10))
    #expect(throws: Refusal.self) { try world.ask(.dryRunFollowUp(bad), as: .a1) }
    #expect(throws: Refusal.self) { try world.ask(.dryRunFollowUp(run), as: .s1) }
    let long = FollowUpDryRun(.rule(world.newID()), from: World.start, to: World.start + .days(32))
    #expect(throws: Refusal.self) { try world.ask(.dryRunFollowUp(long), as: .o1) }
  }
}

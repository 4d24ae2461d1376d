import Testing

@testable import AuraDomain

/// What happens between a message's plan and its arrival.
@Suite struct `Between its plan and its arrival a message` {
  let world = World()
  let gateway: FakeGateway

  init() { gateway = FakeGateway(world) }

  /// 10:00 in Bangkok, so many days on.
  private func day(_ days: Int) -> Instant { World.start + .days(days) }

  private func proposed() throws -> ID {
    let w = try world.lead()
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
    try world.run(.sendProposal(SendProposal(step: WorkflowStep(w), plan: Plan(totalSt: 700_000))), as: .s1)
    return w
  }

  /// Fires what came due while the server was down, all at once.
  private func wakeUp(at now: Instant) throws {
    world.now = now
    for timer in world.rows.timers.values.sorted(by: { ($0.due, $0.dedupe) < ($1.due, $1.dedupe) })
    where timer.due <= now {
      world.rows.removeTimer(timer.dedupe)
      try world.run(.fire(timer), actor: .system)
    }
  }

  // MARK: Twice

  @Test func `that may be with one channel's gateway does not go to another's`() throws {
    _ = try world.rule(.postTreatment) {
      $0.channels = [.line, .sms, .email]
      $0.words = [.th: MessageWords(message: "m")]
    }
    let w = try world.treated()
    let customer = try world.customer(of: w)
    var tries = 0
    // Taken, and the answer is lost; then overloaded; then it answers.
    gateway.mood = { _ in
      tries += 1
      return tries == 1 ? .silent : tries == 2 ? .busy : .good
    }
    try gateway.advance(to: day(1) + .seconds(1))
    #expect(world.rows.dispatches.map(\.channel) == [.sms])
    // Meanwhile the customer has given two better addresses.
    try world.change(customer) {
      $0.metadata.set("lineUserId", "U1")
      $0.email = "m@example.org"
    }
    try world.prefer(customer) { $0.channels = [.email, .line] }
    try gateway.advance(.minutes(10))
    #expect(world.rows.dispatches.map(\.channel) == [.sms, .sms, .sms])
    #expect(world.messages(w).map(\.status) == [.sent])
    #expect(world.messages(w).map(\.channel) == [.sms])
  }

  @Test(arguments: [false, true])
  func `is one of two reminders that the night has brought together`(isReversed: Bool) throws {
    try world.seedFollowUps([.appointmentReminder])
    if isReversed {
      // The nearer one's rule is the older.
      var details = FollowUpRuleDetails()
      for (part, hours) in [("1 วัน", 2), ("2 ชั่วโมง", 24)] {
        details.conditions = FollowUpConditions(["hoursBefore": .integer(hours)])
        try world.run(.updateFollowUpRule(rule: try world.rule(named: part).id, details), as: .o1)
      }
    }
    // 09:00 the day after tomorrow: the first reminder tomorrow at nine, the second at eight that morning.
    let w = try world.scheduled(at: day(2) - .hours(1))
    #expect(world.messages(w).map(\.scheduledAt) == [day(1) - .hours(1), day(2) - .hours(2)])
    // Down from before the first until the night.
    try wakeUp(at: day(2) - .hours(7))
    #expect(world.messages(w).map(\.scheduledAt) == [day(2) - .hours(2), day(2) - .hours(2)])
    try gateway.advance(to: day(2))
    #expect(world.rows.dispatches.count == 1)
    let sent = try #require(world.messages(w).first { $0.status == .sent })
    #expect(sent.metadata["ideal"] == .instant(day(2) - .hours(3)))
    #expect(world.messages(w).first { $0.id != sent.id }?.lastError == "stale")
  }

  // MARK: Not at all, though it should

  @Test func `that its gateway may have is not moved to another appointment, whose reminder is another`() throws {
    _ = try world.rule(.appointmentReminder) { $0.words = [.th: MessageWords(message: "{appointmentDate}")] }
    let w = try world.scheduled(at: day(2))
    var tries = 0
    gateway.mood = { _ in
      tries += 1
      return tries == 1 ? .silent : .good
    }
    try gateway.advance(to: day(1) + .seconds(1))
    // What the courier made of it: no answer, so it waits.
    try world.report(
      try world.lastDispatch(), .failed(reason: "no answer", retryAfter: .hours(1)))
    try world.run(.schedule(w, at: day(6)), as: .s1)
    try gateway.advance(to: day(6))
    #expect(world.messages(w).map(\.status) == [.cancelled, .sent])
    let ids = world.rows.dispatches.map(\.execution)
    #expect(Set(ids).count == 2, "a gateway that knows the id would not have sent the new time")
    #expect(world.rows.dispatches.last?.text == "8 ก.พ. 2569")
  }

  @Test func `waits again when its cancelled case is taken up again`() throws {
    try world.seedFollowUps([.paymentReminder, .postTreatment, .satisfactionSurvey])
    let offer = try proposed()
    try world.run(.cancel(offer), as: .s1)
    #expect(world.messages(offer).map(\.status) == [.cancelled])
    try world.advance(.days(1))
    try world.run(.reopen(WorkflowStep(offer)), as: .o1)
    #expect(world.messages(offer).map(\.status) == [.pending])
    #expect(world.messages(offer).map(\.scheduledAt) == [day(4)])

    let w = try world.treated("Nok", phone: "089 999 9999")
    try world.run(.cancel(w, .credit), as: .o1)
    #expect(world.messages(w).map(\.status) == [.cancelled, .cancelled])
    try world.advance(.days(2))
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    // The day after is over; the week is not.
    #expect(world.messages(w).map(\.status) == [.cancelled, .pending])
    #expect(world.messages(w).last?.scheduledAt == day(8))
  }

  @Test func `waits again when the customer's objection is over`() throws {
    try world.seedFollowUps([.appointmentReminder, .postTreatment, .satisfactionSurvey])
    let before = try world.treated()
    let customer = try world.customer(of: before)
    let w = try world.scheduled(at: day(5))
    try world.prefer(customer) { $0.doNotContact = true }
    #expect(world.messages(w).allSatisfy { $0.lastError == "do_not_contact" })
    try world.advance(.days(2))
    try world.prefer(customer) { $0.doNotContact = false }
    #expect(world.messages(w).map(\.status) == [.pending, .pending])
    #expect(world.messages(w).map(\.scheduledAt) == [day(4), day(5) - .hours(2)])
    #expect(world.messages(before).map(\.status) == [.skipped, .pending])
    try gateway.advance(to: day(7))
    #expect(world.rows.dispatches.count == 3)
  }

  @Test func `on its way out is called off by an objection, and skipped when it comes back`() throws {
    try world.seedFollowUps([.postTreatment])
    let w = try world.treated()
    try world.advance(.days(1))
    let dispatch = try world.lastDispatch()
    let customer = try world.customer(of: w)
    try world.prefer(customer) { $0.marketingOptIn = false }
    #expect(world.rows.recalls.isEmpty)
    try world.prefer(customer) { $0.doNotContact = true }
    #expect(
      world.rows.recalls == [
        Recall(execution: dispatch.execution, attempt: dispatch.attempt, leaseUntil: dispatch.leaseUntil)
      ])
    try world.report(dispatch, .postponed(reason: "no longer wanted", wait: .seconds(0)))
    try world.advance(.minutes(1))
    #expect(world.messages(w).map(\.status) == [.skipped])
    #expect(world.messages(w).map(\.lastError) == ["do_not_contact"])
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `of advertising waits again when consent is given again, and comes once`() throws {
    try world.seedFollowUps([.upsellOpportunity])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    try world.prefer(customer) { $0.marketingOptIn = false }
    #expect(world.messages(w).map(\.lastError) == ["opt_out"])
    try world.optIn(customer)
    #expect(world.messages(w).map(\.status) == [.pending])
    try gateway.advance(to: day(15))
    #expect(world.messages(w).map(\.status) == [.sent])
    // What was sent is not sent again.
    try world.prefer(customer) { $0.marketingOptIn = false }
    try world.optIn(customer)
    try gateway.advance(.days(30))
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `about points that end is planned also for who agrees after the month has begun`() throws {
    _ = try world.rule(.loyaltyReward) {
      $0.conditions = FollowUpConditions(["daysBefore": 7])
      $0.words = [.th: MessageWords(message: "{expiringPoints}")]
    }
    let customer = try world.customer(of: try world.lead())
    let end = try #require(world.rows.all(PointTransaction.self).first?.expiresAt)
    try world.advance(to: end - .days(20))
    #expect(world.messages(to: customer).isEmpty)
    try world.optIn(customer)
    #expect(world.messages(to: customer).map(\.scheduledAt) == [end - .days(7)])
    try gateway.advance(to: end)
    #expect(world.rows.dispatches.map(\.text) == ["100"])
  }

  @Test func `for those who have been away long finds them, and not who has come since`() throws {
    let lost = try world.rule(.inactiveReactivation) {
      $0.conditions = FollowUpConditions(["daysAfter": 100, "customerSegment": "dormant"])
      $0.words = [.th: MessageWords(message: "m")]
    }
    let newcomers = try world.rule(.satisfactionSurvey) {
      $0.conditions = FollowUpConditions(["daysAfter": 10, "customerSegment": "new"])
      $0.words = [.th: MessageWords(message: "n")]
    }
    let w = try world.treated()
    try world.optIn(try world.customer(of: w))
    #expect(world.messages(w).map(\.ruleID) == [newcomers, lost])
    // A second visit within the days: no newcomer any more.
    try gateway.advance(.days(5))
    let second = try world.treated()
    try gateway.advance(to: day(10))
    #expect(world.messages(w).first?.lastError == "segment")
    try gateway.advance(to: day(106))
    #expect(world.messages(second).map(\.ruleID) == [lost])
    #expect(world.messages(second).map(\.status) == [.sent])
  }

  @Test func `that was taken up again goes to the gateway that may have it`() throws {
    _ = try world.rule(.postTreatment) {
      $0.channels = [.sms, .email]
      $0.words = [.th: MessageWords(message: "m")]
    }
    let w = try world.treated()
    gateway.mood = { _ in .silent }
    try gateway.advance(to: day(3))
    let id = world.messages(w)[0].id
    #expect(try world.execution(id).status == .dead)
    let customer = try world.customer(of: w)
    try world.change(customer) { $0.email = "m@example.org" }
    try world.prefer(customer) { $0.channels = [.email] }
    gateway.mood = { _ in .good }
    try world.run(.requeueFollowUp(execution: id), as: .o1)
    try gateway.advance(.minutes(5))
    #expect(try world.execution(id).status == .sent)
    #expect(Set(world.rows.dispatches.map(\.channel)) == [.sms])
  }

  // MARK: Of what is no longer so

  @Test func `of a new tier is not sent when the money has gone back, and of two in a night the higher is told`() throws
  {
    try world.seedFollowUps([.loyaltyReward])
    let customer = try world.customer(of: try world.lead())
    try world.optIn(customer)
    world.now = day(0) + .hours(12)
    let sale = try world.bill(customer, 1_000_000, as: .s1)
    try world.run(.paySale(PaySale(sale: sale, amountSt: 1_000_000, method: .cash)), as: .s1)
    #expect(world.messages(to: customer).map(\.scheduledAt) == [day(0) + .hours(22)])
    try world.run(.refundSale(RefundSale(sale: sale, reason: "x")), as: .o1)
    try gateway.advance(to: day(2))
    #expect(world.messages(to: customer).map(\.lastError) == ["obsolete"])
    #expect(world.rows.dispatches.isEmpty)

    world.now = day(2) + .hours(12)
    for amount in [1_000_000, 2_500_000] {
      let sale = try world.bill(customer, amount, as: .s1)
      try world.run(.paySale(PaySale(sale: sale, amountSt: amount, method: .cash)), as: .s1)
    }
    try gateway.advance(to: day(4))
    #expect(world.rows.dispatches.count == 1)
    #expect(world.rows.dispatches.first?.text.contains("โกลด์") == true)
  }

  @Test func `to pay is not sent with the proposal itself`() throws {
    try world.seedFollowUps([.paymentReminder])
    var settings = FollowUpSettingsDetails()
    settings.proposalDueDays = 3
    try world.run(.updateFollowUpSettings(settings), as: .o1)
    let w = try proposed()
    #expect(world.messages(w).isEmpty)
  }

  @Test func `counts against the week also when the clock has gone back`() throws {
    try world.seedFollowUps([.loyaltyReward])
    _ = try world.rule(.loyaltyReward) {
      $0.conditions = FollowUpConditions(["hoursAfter": 1])
      $0.words = [.th: MessageWords(message: "m")]
    }
    let customer = try world.customer(of: try world.lead())
    try world.optIn(customer)
    try world.prefer(customer) { $0.maxWeeklyContacts = 1 }
    let sale = try world.bill(customer, 1_000_000, as: .s1)
    world.now = day(0) + .hours(3)
    try world.run(.paySale(PaySale(sale: sale, amountSt: 1_000_000, method: .cash)), as: .s1)
    try gateway.advance(.minutes(1))
    #expect(world.rows.dispatches.count == 1)
    // The second waits a week; somebody sets the clock back and pays for more.
    world.now = day(0) + .hours(1)
    let more = try world.bill(customer, 2_500_000, as: .s1)
    try world.run(.paySale(PaySale(sale: more, amountSt: 2_500_000, method: .cash)), as: .s1)
    try gateway.advance(to: day(6))
    #expect(world.rows.dispatches.count == 1)
  }

  // MARK: By people's word

  @Test func `given up stays given up for who has asked to stop meanwhile`() throws {
    try world.seedFollowUps([.upsellOpportunity])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    try world.advance(to: day(14))
    try world.answerLast(.refused(reason: "no such number"))
    let id = world.messages(w)[0].id
    #expect(try world.execution(id).status == .dead)
    try world.respond(id) { $0.replyText = "ยกเลิกค่ะ " }
    try world.edit { draft in
      try draft.update(try draft.execution(id)) { row in
        row.status = .dead
        row.executedAt = nil
      }
    }
    try world.run(.requeueFollowUp(execution: id), as: .o1)
    try world.advance(.minutes(1))
    #expect(try world.execution(id).lastError == "opt_out")
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `called off by hand stays so, whatever reason was given`() throws {
    try world.seedFollowUps([.postTreatment])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    try world.run(.cancelFollowUp(execution: world.messages(w)[0].id, reason: "obsolete"), as: .s1)
    try world.prefer(customer) { $0.doNotContact = true }
    try world.prefer(customer) { $0.doNotContact = false }
    #expect(world.messages(w).map(\.status) == [.cancelled])
  }

  @Test func `has no words that its rule never has a value for`() throws {
    func path(_ type: FollowUpType, _ conditions: JSON, _ message: String) -> JSON? {
      var details = FollowUpRuleDetails()
      (details.name, details.type, details.channels) = ("x", type, [.sms])
      details.conditions = FollowUpConditions(conditions)
      details.words = [.en: MessageWords(message: message)]
      return world.refusal(.createFollowUpRule(details), as: .o1)?.details["path"]
    }
    let missed: JSON = ["hoursAfter": 1, "workflowStage": "payment_confirmed"]
    #expect(path(.appointmentReminder, missed, "{appointmentTime}") == "args.words.en.message")
    #expect(path(.appointmentReminder, ["hoursBefore": 2], "{appointmentTime}") == nil)
    #expect(path(.loyaltyReward, ["hoursAfter": 1], "{expiringPoints}") == "args.words.en.message")
    #expect(path(.loyaltyReward, ["daysBefore": 7], "{expiringPoints}") == nil)
  }
}

import Testing

@testable import AuraDomain

/// Step 7 of the specification's first scenario, and the follow-up cases of its list.
@Suite struct `After the treatment` {
  let world = World()
  let gateway: FakeGateway

  init() throws {
    gateway = FakeGateway(world)
    try world.seedFollowUps([.postTreatment, .satisfactionSurvey])
  }

  /// The scenario up to the treatment's end at 05:00Z.
  private func treated() throws -> ID {
    let w = try world.scheduled(at: World.start + .hours(1))
    #expect(world.messages(w).isEmpty)
    world.now = World.start + .hours(1) + .minutes(2)
    try world.run(.start(w), as: .b1)
    world.now = World.start + .hours(2)
    try world.run(.complete(w), as: .b1)
    return w
  }

  @Test func `two messages wait for their times, the first moves the case, seven quiet days close it`() throws {
    let w = try treated()
    let (nextDay, nextWeek) = (Instant(milliseconds: 1_770_094_800_000), Instant(milliseconds: 1_770_613_200_000))
    #expect(nextDay == World.start + .hours(26))
    #expect(nextWeek == World.start + .hours(2) + .days(7))
    #expect(world.messages(w).map(\.status) == [.pending, .pending])
    #expect(world.messages(w).map(\.scheduledAt) == [nextDay, nextWeek])
    let customer = try world.customer(of: w)
    let rules = world.rows.all(FollowUpRule.self)
    #expect(world.messages(w).map(\.dedupeKey) == rules.map { "\($0.id):\(customer):\(w)" })
    let upsell = try #require(world.tasks(.followUpUpsell, of: w).first)
    #expect((upsell.assignedTo, upsell.dueDate) == (world.id(.s1), nextDay))
    // Repeating any call adds no row.
    let seq = world.seq
    #expect(try world.run(.complete(w), as: .b1)["already"] == true)
    #expect(world.seq == seq)

    try world.advance(to: nextDay - Span(milliseconds: 1))
    #expect(world.rows.dispatches.isEmpty)
    try world.advance(to: nextDay)
    let dispatch = try world.lastDispatch()
    #expect(dispatch.channel == .sms)
    #expect(dispatch.address == "0812345678")
    #expect(dispatch.attempt == 1)
    #expect(dispatch.leaseUntil == nextDay + .seconds(60))
    let first = world.messages(w)[0]
    #expect(dispatch.text == "คุณMalee หลังทำไฮดรา เฟเชียลผิวเป็นอย่างไรบ้างคะ วิธีดูแล https://c1.example/care/\(first.id)")
    #expect(first.status == .sending)
    #expect(try world.workflow(w).currentStage == .treatmentCompleted)
    world.now = nextDay + .seconds(1)
    try world.answerLast(.accepted(providerMessageID: "p1"))
    #expect(try world.execution(first.id).status == .sent)
    #expect(try world.execution(first.id).executedAt == world.now)
    #expect(try world.execution(first.id).providerMessageID == "p1")
    #expect(try world.workflow(w).currentStage == .followUp)
    #expect(world.actions(w).last?.actorKind == .system)
    #expect(world.events.contains { $0.eventType == .customerContacted })

    try world.run(.completeTask(TaskStep(upsell.id)), as: .s1)
    try gateway.advance(to: nextWeek)
    #expect(world.rows.dispatches.last?.text == "ให้คะแนนเรา 1–5 ที่ https://c1.example/survey/\(world.messages(w)[1].id)")
    try gateway.advance(to: nextDay + .seconds(1) + .days(7))
    #expect(world.messages(w).map(\.status) == [.sent, .sent])
    #expect(try world.workflow(w).status == .closed)
    #expect(world.rows.timers.values.allSatisfy { $0.kind != .followUp })
  }

  @Test func `a case with an open task waits with closing, and a message is sent once`() throws {
    let w = try treated()
    try gateway.advance(.days(20))
    #expect(try world.workflow(w).currentStage == .followUp)
    #expect(gateway.taken.count == 2)
    #expect(world.rows.dispatches.count == 2)
  }

  // MARK: The nasty ones

  @Test func `when the clock jumps back nothing is sent early or twice`() throws {
    let w = try treated()
    let due = world.messages(w)[0].scheduledAt
    world.now = due - .hours(1)
    // A timer that a clock ahead of its time has fired.
    let timer = try #require(world.rows.timers["followup:\(world.messages(w)[0].id)"])
    world.rows.removeTimer(timer.dedupe)
    #expect(try world.run(.fire(timer), actor: .system)["fired"] == false)
    #expect(world.rows.dispatches.isEmpty)
    #expect(world.rows.timers[timer.dedupe]?.due == due)

    try gateway.advance(to: due + .seconds(5))
    #expect(gateway.taken.count == 1)
    world.now = world.now - .hours(1)
    #expect(try world.run(.fire(timer), actor: .system)["fired"] == false)
    try gateway.advance(.hours(2))
    #expect(world.rows.dispatches.count == 1)
    #expect(world.messages(w)[0].status == .sent)
  }

  @Test func `a gateway that takes it and does not answer has one message, and it is sent`() throws {
    let w = try treated()
    var tries = 0
    gateway.mood = { _ in
      tries += 1
      return tries == 1 ? .silent : .good
    }
    try gateway.advance(to: world.messages(w)[0].scheduledAt + .minutes(5))
    #expect(tries == 2)
    #expect(world.rows.dispatches.map(\.execution) == [world.messages(w)[0].id, world.messages(w)[0].id])
    #expect(world.rows.dispatches.map(\.attempt) == [1, 2])
    #expect(gateway.taken.count == 1)
    #expect(world.messages(w)[0].status == .sent)
  }

  @Test func `who has opted out meanwhile gets nothing`() throws {
    let w = try treated()
    try world.prefer(try world.customer(of: w)) { $0.doNotContact = true }
    #expect(world.messages(w).map(\.status) == [.skipped, .skipped])
    try gateway.advance(.days(10))
    #expect(world.rows.dispatches.isEmpty)

    // Advertising, by a withdrawal that only the rows know of.
    let other = World()
    try other.seedFollowUps([.upsellOpportunity])
    let treated = try other.treated()
    #expect(other.messages(treated).isEmpty)
    let customer = try other.customer(of: treated)
    try other.optIn(customer)
    #expect(other.messages(treated).map(\.scheduledAt) == [other.now + .days(14)])
    try other.edit { draft in
      try draft.update(try #require(try draft.preferences(of: customer))) { $0.marketingOptIn = false }
    }
    try other.advance(.days(15))
    #expect(other.messages(treated).map(\.status) == [.skipped])
    #expect(other.messages(treated).map(\.lastError) == ["opt_out"])
    #expect(other.rows.dispatches.isEmpty)
  }

  @Test func `after an outage a stale reminder is skipped and the rest goes at the next window`() throws {
    let world = World()
    try world.seedFollowUps([.postTreatment, .appointmentReminder])
    let done = try world.treated("Nok", phone: "089 999 9999")
    let w = try world.scheduled(at: world.now + .days(2))
    let reminders = world.messages(w)
    #expect(reminders.map(\.scheduledAt) == [world.now + .days(1), world.now + .days(2) - .hours(2)])
    // Down from before the first of them until the night after the appointment.
    let timers = world.rows.timers.values.sorted { ($0.due, $0.dedupe) < ($1.due, $1.dedupe) }
    let start = try #require(try world.workflow(w).scheduledStart)
    world.now = start + .hours(12)
    for timer in timers where timer.due <= world.now {
      world.rows.removeTimer(timer.dedupe)
      try world.run(.fire(timer), actor: .system)
    }
    #expect(world.messages(w).map(\.status) == [.skipped, .skipped])
    #expect(world.messages(w).map(\.lastError) == ["stale", "stale"])
    // 22:00 in Bangkok: tomorrow at eight.
    let rest = try #require(world.messages(done).first)
    #expect(rest.status == .pending)
    #expect(rest.scheduledAt == start + .hours(22))
    try world.advance(to: rest.scheduledAt)
    #expect(world.rows.dispatches.map(\.execution) == [rest.id])
  }

  @Test func `after a short outage one of two reminders is enough`() throws {
    let world = World()
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: world.now + .days(2))
    let timers = world.rows.timers.values.filter { $0.kind == .followUp }.sorted { $0.due < $1.due }
    let start = try #require(try world.workflow(w).scheduledStart)
    world.now = start - .hours(1)
    for timer in timers {
      world.rows.removeTimer(timer.dedupe)
      try world.run(.fire(timer), actor: .system)
    }
    #expect(world.messages(w).map(\.status) == [.skipped, .sending])
    #expect(world.messages(w)[0].lastError == "stale")
  }
}

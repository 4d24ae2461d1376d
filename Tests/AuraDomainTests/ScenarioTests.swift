import Testing

@testable import AuraDomain

/// Scenario 1 of the specification, steps 1 to 6; the messages of step 7 are in FollowUpScenarioTests.
@Suite struct `From a lead to a finished treatment` {
  @Test func `each step leaves the rows, versions and times that the specification names`() throws {
    let world = World()

    // 1. The lead.
    let first = try world.run(
      .initialize(Initialize(customer: CustomerDetails(name: "Malee", phone: "081 234 5678"), sales: world.id(.s1))),
      as: .s1)
    let w = try #require(first["workflowId"]?.id)
    #expect(first["stage"] == "lead_created")
    #expect(first["version"] == 1)
    #expect(first["existing"] == false)
    #expect(world.rows.all(Customer.self).map(\.phone) == ["0812345678"])
    #expect(world.rows.all(CustomerPreferences.self).count == 1)
    #expect(world.rows.all(CustomerPreferences.self).first?.marketingOptIn == false)
    #expect(world.rows.all(LoyaltyProfile.self).count == 1)
    #expect(world.rows.all(LoyaltyProfile.self).first?.referralCode.count == 10)
    let customer = try #require(first["customerId"]?.id)
    #expect(world.ledger(customer) == ["welcome:\(customer) +100 bonus"])
    #expect(world.actions(w).map(\.type) == [.initialize])
    #expect(world.events.map(\.eventType) == [.workflowCreated])

    // 2. The payment, with the beautician and the slot.
    let eleven = World.start + .hours(1)
    var payment = ConfirmPayment(step: WorkflowStep(w), amountSt: 500_000, method: .promptPay)
    payment.treatment = world.t1
    payment.beautician = world.id(.b1)
    payment.scheduledTime = eleven
    let second = try world.run(.confirmPayment(payment), as: .s1)
    #expect(second["version"] == 3)
    #expect(second["stage"] == "treatment_scheduled")
    let sale = try #require(world.rows.all(PosTransaction.self).first)
    #expect(sale.totalSt == 500_000)
    #expect(sale.paidSt == 500_000)
    #expect(sale.paymentStatus == .paid)
    #expect(sale.transactionNumber == "TXN-202602-1")
    let actions = world.actions(w)
    #expect(actions.map(\.type) == [.initialize, .confirmPayment, .scheduleAppointment])
    #expect(actions.map(\.seq) == [1, 2, 3])
    #expect(actions[1].fromStage == .leadCreated)
    #expect(actions[1].toStage == .paymentConfirmed)
    #expect(actions[1].data["skipped"] == ["scanned", "proposal_sent"])
    #expect(actions[2].fromStage == .paymentConfirmed)
    #expect(actions[2].toStage == .treatmentScheduled)
    #expect(try world.workflow(w).version == 3)
    #expect(try world.workflow(w).scheduledEnd == eleven + .minutes(60))
    #expect(world.rows.all(JourneyEvent.self).map(\.eventType) == [.paymentMade, .appointmentBooked])
    #expect(world.rows.all(Customer.self).first?.status == .active)

    // 3. The one task, and that its beautician is told.
    let task = try world.performTask(w)
    #expect(task.assignedTo == world.id(.b1))
    #expect(task.priority == .high)
    #expect(task.priorityRank == 2)
    #expect(task.dueDate == eleven)
    #expect(task.status == .pending)
    #expect(task.estimatedDuration == 60)
    let assigned = world.events.filter { $0.eventType == .taskAssigned && $0.eventData["task_id"]?.id == task.id }
    #expect(assigned.first?.targetUsers == .array([.string(world.user(.b1).description)]))
    #expect(world.bell(.b1).contains { $0.type == "task_assigned" && $0.title == "งานใหม่ของคุณ" })

    // 4. Two minutes late.
    world.now = eleven + .minutes(2)
    let fourth = try world.run(.start(w), as: .b1)
    #expect(fourth["version"] == 4)
    #expect(fourth["stage"] == "in_treatment")
    let running = try world.performTask(w)
    #expect(running.id == task.id)
    #expect(running.status == .inProgress)
    #expect(running.startedBy == world.id(.b1))
    #expect(running.startedAt == world.now)
    let started = try #require(world.events.first { $0.eventType == .treatmentStarted })
    #expect(started.targetUsers.array?.contains(.string(world.user(.s1).description)) == true)
    #expect(world.bell(.s1).contains { $0.type == "treatment_started" })

    // 5. Done at noon.
    world.now = eleven + .hours(1)
    let fifth = try world.run(.complete(w), as: .b1)
    #expect(fifth["version"] == 5)
    #expect(fifth["stage"] == "treatment_completed")
    #expect(try world.task(task.id).status == .completed)
    #expect(try world.task(task.id).completedBy == world.id(.b1))
    #expect(try world.task(task.id).completedAt == world.now)
    let upsell = try #require(world.tasks(.followUpUpsell, of: w).first)
    #expect(upsell.assignedTo == world.id(.s1))
    #expect(upsell.dueDate == world.now + .hours(24))

    // 6. The ledger.
    #expect(
      world.ledger(customer) == [
        "welcome:\(customer) +100 bonus", "sale:\(sale.id):earn +500 earned",
        "workflow:\(w):action:complete_treatment +50 bonus",
      ])
    let inTwoYears = Instant(milliseconds: 1_833_080_400_000)
    #expect(inTwoYears == world.now + .days(730))
    #expect(world.rows.all(PointTransaction.self).suffix(2).map(\.expiresAt) == [inTwoYears, inTwoYears])
    let profile = try world.profile(customer)
    #expect((profile.availablePoints, profile.totalPoints) == (650, 650))
    #expect((profile.totalSpentSt, profile.totalVisits, profile.averageSpendSt) == (500_000, 1, 500_000))
    #expect((profile.currentTier, profile.tierProgressBp) == (.bronze, 5_000))
    #expect(profile.lastVisit == world.now)
    #expect(fifth["pointsAwarded"] == 550)
    #expect(world.events.filter { $0.eventType == .pointsAwarded }.map { $0.eventData["points"] } == [500, 50])
    #expect(try world.run(.complete(w), as: .b1)["already"] == true)
    #expect(world.ledger(customer).count == 3)

    // 7, where somebody writes by hand: the next day's message, and seven days on.
    world.now = world.now + .hours(24)
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), actor: .system)
    #expect(try world.workflow(w).currentStage == .followUp)
    try world.run(.completeTask(TaskStep(upsell.id)), as: .s1)
    try world.advance(.days(7))
    #expect(try world.workflow(w).currentStage == .completed)
    #expect(try world.workflow(w).status == .closed)
    #expect(world.actions(w).last?.actorKind == .system)
  }

  @Test func `payment and appointment in two calls end with the same rows as in one`() throws {
    let at = World.start + .hours(1)
    let one = World()
    let two = World()
    let w1 = try one.scheduled(at: at)
    let w2 = try two.lead()
    try two.run(.confirmPayment(two.payment(w2, beautician: .b1)), as: .s1)
    try two.run(.schedule(w2, at: at, two.id(.b1)), as: .s1)
    for (world, w) in [(one, w1), (two, w2)] {
      #expect(try world.workflow(w).version == 3)
      #expect(try world.workflow(w).currentStage == .treatmentScheduled)
      #expect(world.actions(w).map(\.type) == [.initialize, .confirmPayment, .scheduleAppointment])
      #expect(try world.performTask(w).dueDate == at)
      #expect(world.rows.all(Task.self).count == 2)
      #expect(world.rows.all(PosTransaction.self).count == 1)
      #expect(world.rows.all(JourneyEvent.self).count == 2)
    }
  }

  @Test func `the second of the original client's two calls is a success that changes nothing`() throws {
    let world = World()
    let w = try world.scheduled()
    let task = try world.performTask(w)
    try world.run(.startTask(TaskStep(task.id)), as: .b1)
    let seq = world.seq
    #expect(try world.run(.start(w), as: .b1)["already"] == true)
    #expect(try world.run(.startTask(TaskStep(task.id)), as: .b1)["already"] == true)
    #expect(world.seq == seq)
    try world.run(.completeTask(TaskStep(task.id, notes: "went well")), as: .b1)
    #expect(try world.workflow(w).currentStage == .treatmentCompleted)
    #expect(try world.task(task.id).notes == "went well")
    let after = world.seq
    #expect(try world.run(.complete(w), as: .b1)["already"] == true)
    #expect(try world.run(.completeTask(TaskStep(task.id)), as: .b1)["already"] == true)
    #expect(world.seq == after)
  }

  @Test func `the long way leads through scan and proposal, each closing the task before`() throws {
    let world = World()
    let w = try world.lead()
    let scan = ScanCustomer(step: WorkflowStep(w), results: ["melasma": 3])
    #expect(world.refusal(.scanCustomer(scan), as: .s1)?.code == .consentRequired)
    var withConsent = scan
    withConsent.consent = ConsentGiven(version: "2026-01")
    try world.run(.scanCustomer(withConsent), as: .s1)
    let quote = try #require(world.tasks(.sendProposal, of: w).first)
    #expect(quote.dueDate == world.now + .hours(2))
    #expect(quote.priority == .high)
    #expect(world.rows.all(CustomerPreferences.self).first?.consents["health_data"]?["version"] == "2026-01")

    #expect(
      world.refusal(.sendProposal(SendProposal(step: WorkflowStep(w), plan: Plan(totalSt: 0))), as: .s1)?.details[
        "path"]
        == "args.plan.totalSt")
    let plan = Plan(
      items: [.init(treatment: world.t1, quantity: 2, priceSt: 500_000)], discountSt: 100_000, totalSt: 900_000)
    try world.run(.sendProposal(SendProposal(step: WorkflowStep(w), plan: plan)), as: .s1)
    #expect(try world.task(quote.id).status == .completed)
    let reminder = try #require(world.tasks(.paymentReminder, of: w).first)
    #expect(reminder.dueDate == world.now + .days(3))

    #expect(world.refusal(.confirmPayment(world.payment(w)), as: .s1)?.code == .amountMismatch)
    try world.run(.confirmPayment(world.payment(w, amountSt: 900_000)), as: .s1)
    #expect(try world.task(reminder.id).status == .completed)
    let sale = try #require(world.rows.all(PosTransaction.self).first)
    #expect((sale.subtotalSt, sale.discountSt, sale.totalSt) == (1_000_000, 100_000, 900_000))
    #expect(world.actions(w).last?.data["skipped"] == [])
    #expect(try world.workflow(w).version == 4)
  }
}

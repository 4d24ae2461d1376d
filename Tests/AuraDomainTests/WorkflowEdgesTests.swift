import Testing

@testable import AuraDomain

@Suite struct `A case` {
  // MARK: cancel

  @Test func `is cancelled by its sales person before the payment, by an owner or admin after`() throws {
    let world = World()
    let lead = try world.lead("A", phone: "0811111111")
    #expect(world.refusal(.cancel(lead), as: .s2)?.code == .forbidden)
    #expect(world.refusal(.cancel(lead, reason: nil), as: .s1)?.details["path"] == "args.reason")
    try world.run(.cancel(lead), as: .s1)
    #expect(try world.workflow(lead).status == .cancelled)
    #expect(try world.workflow(lead).cancelReason == "changed her mind")
    #expect(try world.run(.cancel(lead), as: .s1)["already"] == true)

    let paid = try world.scheduled("B", phone: "0822222222")
    #expect(world.refusal(.cancel(paid, .refund), as: .s1)?.code == .forbidden)
    let asked = try #require(world.refusal(.cancel(paid), as: .a1))
    #expect(asked.details["path"] == "args.settlement")
    #expect(asked.details["paid_st"] == 500_000)
    try world.run(.cancel(paid, .forfeit), as: .a1)
    #expect(world.tasks(.performTreatment, of: paid).map(\.status) == [.cancelled])
    #expect(!world.rows.timers.keys.contains { $0.hasPrefix("task:") })
    #expect(world.bell(.b1).contains { $0.title == "ยกเลิกแล้ว" })
  }

  @Test func `cancelled with a refund gives the sale back whole`() throws {
    let world = World()
    let w = try world.paid()
    try world.run(.cancel(w, .refund), as: .o1)
    let sales = world.rows.all(PosTransaction.self)
    #expect(sales.map(\.type) == [.sale, .refund])
    #expect(sales[0].paymentStatus == .refunded)
    #expect(sales[1].parentID == sales[0].id)
    #expect(sales[1].totalSt == 500_000)
    #expect(sales[1].transactionNumber == "TXN-202602-2")
    #expect(world.rows.all(JourneyEvent.self).suffix(2).map(\.eventType) == [.refunded, .cancelled])
    #expect(world.actions(w).last?.data["refunds"]?.array?.first?.id == sales[1].id)
  }

  @Test func `in treatment is stopped before it is cancelled`() throws {
    let world = World()
    let w = try world.inTreatment()
    #expect(world.refusal(.cancel(w, .refund), as: .o1)?.code == .invalidTransition)
  }

  // MARK: reopen

  @Test func `cancelled is taken up again where it was, with its task, within 30 days`() throws {
    let world = World()
    let w = try world.paid()
    try world.run(.cancel(w, .credit), as: .o1)
    let reopen = Command.reopen(WorkflowStep(w))
    #expect(world.refusal(reopen, as: .s1)?.code == .forbidden)
    world.now = World.start + .days(30)
    try world.run(reopen, as: .o1)
    #expect(try world.workflow(w).currentStage == .paymentConfirmed)
    #expect(try world.workflow(w).cancelReason == nil)
    #expect(try world.performTask(w).assignedTo == world.id(.b1))

    let other = try world.paid("B", phone: "0822222222")
    try world.run(.cancel(other, .credit), as: .o1)
    world.now = world.now + .days(30) + .seconds(1)
    #expect(world.refusal(.reopen(WorkflowStep(other)), as: .o1)?.code == .tooLate)
  }

  @Test func `reopened after a refund has to be paid again`() throws {
    let world = World()
    let w = try world.scheduled()
    try world.run(.cancel(w, .refund), as: .o1)
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .leadCreated)
    #expect(try world.workflow(w).scheduledStart == nil)
    #expect(world.tasks(.performTreatment, of: w).allSatisfy { !$0.status.isOpen })
    try world.run(.confirmPayment(world.payment(w)), as: .s1)
    #expect(world.rows.all(PosTransaction.self).count == 3)
  }

  @Test func `reopened finds its slot, or where that is gone its payment`() throws {
    let world = World()
    let at = World.start + .hours(3)
    let w = try world.scheduled("A", phone: "0811111111", at: at)
    try world.run(.cancel(w, .credit), as: .o1)
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .treatmentScheduled)
    #expect(try world.performTask(w).dueDate == at)
    try world.run(.cancel(w, .credit), as: .o1)
    _ = try world.scheduled("B", phone: "0822222222", at: at)
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .paymentConfirmed)
    #expect(try world.performTask(w).dueDate == nil)
  }

  @Test func `is not reopened beside another open lead of the customer`() throws {
    let world = World()
    let w = try world.lead()
    try world.run(.cancel(w), as: .s1)
    let other = try world.lead()
    let refusal = try #require(world.refusal(.reopen(WorkflowStep(w)), as: .o1))
    #expect(refusal.code == .duplicate)
    #expect(refusal.details["workflow_id"]?.id == other)
  }

  @Test func `closed is reopened in follow-up and closes itself again`() throws {
    let world = World()
    let w = try world.followedUp()
    try world.run(.closeCase(WorkflowStep(w)), as: .s1)
    #expect(try world.workflow(w).status == .closed)
    #expect(world.tasks(.followUpUpsell, of: w).map(\.status) == [.cancelled])
    try world.run(.reopen(WorkflowStep(w)), as: .o1)
    #expect(try world.workflow(w).currentStage == .followUp)
    try world.advance(.days(7))
    #expect(try world.workflow(w).status == .closed)
  }

  // MARK: reassign

  @Test func `is handed to another sales person with its tasks and its customer`() throws {
    let world = World()
    let w = try world.treated()
    let give = Command.reassign(Reassign(step: WorkflowStep(w), sales: world.id(.s2)))
    #expect(world.refusal(give, as: .s2)?.code == .forbidden)
    #expect(world.refusal(give, as: .b1)?.code == .forbidden)
    try world.run(give, as: .s1)
    #expect(try world.workflow(w).assignedSalesID == world.id(.s2))
    #expect(world.tasks(.followUpUpsell, of: w).first?.assignedTo == world.id(.s2))
    #expect(world.rows.all(Customer.self).first?.assignedSalesID == world.id(.s2))
    #expect(world.bell(.s2).contains { $0.title == "A customer for you" })
    #expect(try world.run(give, as: .o1)["already"] == true)
  }

  @Test func `is handed to another beautician who is free then`() throws {
    let world = World()
    let at = World.start + .hours(3)
    let w = try world.scheduled("A", phone: "0811111111", beautician: .b1, at: at)
    let other = try world.scheduled("B", phone: "0822222222", beautician: .b2, at: at + .minutes(30))
    let give = Command.reassign(Reassign(step: WorkflowStep(w), beautician: world.id(.b2)))
    #expect(world.refusal(give, as: .b1)?.details["workflow_id"]?.id == other)
    try world.run(.schedule(other, at: at + .hours(2)), as: .s1)
    try world.run(give, as: .b1)
    #expect(try world.performTask(w).assignedTo == world.id(.b2))
    #expect(world.tasks(.prepareTreatment, of: w).first?.assignedTo == world.id(.b2))
    #expect(world.bell(.b2).contains { $0.metadata["workflow_id"]?.id == w })
  }

  // MARK: closing by itself

  @Test func `closes after seven days, not while a task is open`() throws {
    let world = World()
    let w = try world.followedUp()
    let upsell = try #require(world.tasks(.followUpUpsell, of: w).first)
    try world.advance(.days(7) + .hours(1))
    #expect(try world.workflow(w).currentStage == .followUp)
    try world.run(.completeTask(TaskStep(upsell.id)), as: .s1)
    try world.advance(.days(1))
    #expect(try world.workflow(w).status == .closed)
  }

  @Test func `moved meanwhile is left alone by its old timer`() throws {
    let world = World()
    let w = try world.followedUp()
    let timer = try #require(world.rows.timers["workflow:\(w):close"])
    try world.run(.closeCase(WorkflowStep(w)), as: .s1)
    #expect(world.rows.timers["workflow:\(w):close"] == nil)
    let seq = world.seq
    #expect(try world.run(.fire(timer), actor: .system)["fired"] == false)
    #expect(world.seq == seq)
    #expect(world.refusal(.fire(timer), as: .o1)?.code == .forbidden)
  }
}

extension Span {
  static func + (a: Span, b: Span) -> Span { Span(milliseconds: a.milliseconds + b.milliseconds) }
}

import Testing

@testable import AuraDomain

@Suite struct `A slip of the finger` {
  private func undo(_ w: ID) -> Command { .correct(WorkflowStep(w)) }

  @Test func `at starting is taken back, the task waits again and the room is prepared again`() throws {
    let world = World()
    let w = try world.scheduled()
    let before = try world.workflow(w)
    let tasks = world.rows.all(Task.self).map { $0.difference(from: Task()) }
    try world.run(.start(w), as: .b1)
    world.now = world.now + .minutes(10)
    try world.run(undo(w), as: .b1)
    #expect(try world.workflow(w).difference(from: before).members.isEmpty)
    #expect(world.rows.all(Task.self).map { $0.difference(from: Task()) } == tasks)
    #expect(world.actions(w).last?.data["corrected"] == "start_treatment")
    try world.run(.start(w), as: .b1)
  }

  @Test func `is remembered where nobody who may read the history sees it, until it cannot be taken back`() throws {
    let world = World()
    let w = try world.scheduled()
    #expect(world.rows.undos[w] != nil)
    try world.run(.start(w), as: .b1)
    #expect(world.rows.undos[w]?["state"]?["current_stage"] == "treatment_scheduled")
    #expect(world.actions(w).allSatisfy { $0.data["undo"] == nil && $0.data["state"] == nil })
    try world.run(undo(w), as: .b1)
    #expect(world.rows.undos[w] == nil)
    #expect(world.refusal(undo(w), as: .o1)?.code == .invalidTransition)
  }

  @Test func `at completing stays: the visit counts, whether or not it has brought points`() throws {
    let world = World()
    let w = try world.treated()
    #expect(world.refusal(undo(w), as: .b1)?.details["last_action"] == "complete_treatment")
    // What costs nothing and has no bonus brings no points.
    let free = world.addTreatment("ปรึกษา", "Consultation", priceSt: 0) { $0.completionBonus = 0 }
    let v = try world.lead("Nok", phone: "0899999999", treatment: free)
    try world.run(.confirmPayment(world.payment(v, at: world.now, amountSt: 0)), as: .s1)
    try world.run(.start(v), as: .b1)
    try world.run(.complete(v), as: .b1)
    #expect(world.refusal(undo(v), as: .b1)?.code == .invalidTransition)
    #expect(try world.workflow(v).currentStage == .treatmentCompleted)
    #expect(try world.profile(try world.workflow(v).customerID).totalVisits == 1)
  }

  @Test func `at a message is taken back though points came between it and the move before`() throws {
    let world = World()
    let w = try world.treated()
    world.now = world.now + .minutes(1)
    try world.run(.recordReview(workflow: w), as: .o1)
    world.now = world.now + .minutes(1)
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1)
    try world.run(undo(w), as: .s1)
    #expect(try world.workflow(w).currentStage == .treatmentCompleted)
  }

  @Test func `at a check-in keeps its points, unless the customer does not come`() throws {
    let world = World()
    let at = World.start + .hours(1)
    let w = try world.scheduled(at: at)
    let customer = try world.workflow(w).customerID
    let before = try world.profile(customer).availablePoints
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    try world.run(undo(w), as: .s1)
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    #expect(try world.profile(customer).availablePoints == before + 10)
    try world.run(undo(w), as: .s1)
    world.now = at + .minutes(20)
    try world.run(.noShow(WorkflowStep(w)), as: .s1)
    #expect(try world.profile(customer).availablePoints == before)
    #expect(try world.profile(customer).totalPoints == before)
  }

  @Test func `at a no-show gives slot and task back`() throws {
    let world = World()
    let at = World.start + .hours(1)
    let w = try world.scheduled(at: at)
    let task = try world.performTask(w)
    world.now = at + .minutes(20)
    try world.run(.noShow(WorkflowStep(w)), as: .s1)
    try world.run(undo(w), as: .s1)
    #expect(try world.workflow(w).scheduledStart == at)
    #expect(try world.workflow(w).noShowCount == 0)
    #expect(try world.performTask(w).id == task.id)
    #expect(world.tasks(.customerFollowUp, of: w).map(\.status) == [.cancelled])
  }

  @Test func `at rescheduling is refused once somebody else has the old slot`() throws {
    let world = World()
    let at = World.start + .hours(3)
    let w = try world.scheduled("A", phone: "0811111111", at: at)
    try world.run(.schedule(w, at: at + .hours(4)), as: .s1)
    let other = try world.scheduled("B", phone: "0822222222", at: at)
    #expect(world.refusal(undo(w), as: .s1)?.details["workflow_id"]?.id == other)
    try world.run(.cancel(other, .credit), as: .o1)
    try world.run(undo(w), as: .s1)
    #expect(try world.workflow(w).scheduledStart == at)
    #expect(try world.performTask(w).dueDate == at)
  }

  @Test func `at a payment is none: money goes back by cancelling`() throws {
    let world = World()
    let w = try world.paid()
    let refusal = try #require(world.refusal(undo(w), as: .o1))
    #expect(refusal.code == .invalidTransition)
    #expect(refusal.details["last_action"] == "confirm_payment")
  }

  @Test func `is one's own to take back, within ten minutes, once`() throws {
    let world = World()
    let w = try world.scheduled()
    try world.run(.start(w), as: .b1)
    #expect(world.refusal(undo(w), as: .s1)?.code == .forbidden)
    world.now = world.now + .minutes(10) + .seconds(1)
    #expect(world.refusal(undo(w), as: .b1)?.code == .tooLate)
    world.now = world.now - .minutes(5)
    try world.run(undo(w), as: .o1)
    #expect(world.refusal(undo(w), as: .o1)?.code == .invalidTransition)
  }

  @Test func `is not taken back once points or a message followed`() throws {
    let world = World()
    let w = try world.followedUp()
    var posting = PointTransaction()
    posting.id = world.newID()
    posting.workflowID = w
    posting.createdAt = world.now
    world.rows.put(posting)
    #expect(world.refusal(undo(w), as: .o1)?.details["followed_by"] == "points")

    let other = World()
    let v = try other.followedUp()
    var message = FollowUpExecution()
    message.id = other.newID()
    message.workflowID = v
    message.status = .sent
    message.executedAt = other.now
    other.rows.put(message)
    #expect(other.refusal(undo(v), as: .o1)?.details["followed_by"] == "message")
  }
}

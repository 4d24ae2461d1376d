import Testing

@testable import AuraDomain

@Suite struct `A member of staff` {
  private func revoke(_ world: World, _ person: World.Person) -> Command {
    .revokeMembership(RevokeMembership(staff: world.id(person), reason: "left"))
  }

  @Test func `who leaves gives pending tasks back to the pool, and can do nothing more`() throws {
    let world = World()
    let w = try world.scheduled()
    let running = try world.lead("B", phone: "0822222222")
    try world.run(.confirmPayment(world.payment(running)), as: .s1)
    try world.run(.start(running), as: .b1)
    let result = try world.run(revoke(world, .b1), as: .a1)
    #expect(result["pooled"] == 2)
    #expect(result["running"]?.array?.first?.id == (try world.performTask(running).id))
    #expect(try world.performTask(w).assignedTo == nil)
    #expect(try world.workflow(w).assignedBeauticianID == nil)
    #expect(world.actions(w).last?.data["pooled"] == "revoked")
    // What was begun stays as it is until somebody hands it over.
    #expect(try world.performTask(running).assignedTo == world.id(.b1))
    #expect(world.refusal(.complete(running), as: .b1)?.code == .forbidden)
    let member = try #require(try world.rows.row(StaffMember.self, world.id(.b1)))
    #expect(!member.isActive)
    #expect(member.revokedAt == world.now)
    #expect(try world.run(revoke(world, .b1), as: .a1)["already"] == true)
    try world.run(.start(w), as: .b2)
    try world.run(
      .reassign(Reassign(step: WorkflowStep(running, reason: "left"), beautician: world.id(.b2))), as: .o1)
    try world.run(.complete(running), as: .b2)
  }

  @Test func `who sells for a clinic no more leaves cases that go to whoever claims their work`() throws {
    let world = World()
    let w = try world.lead()
    let other = try world.lead("B", phone: "0822222222", as: .s2)
    func propose(_ w: ID, by person: World.Person) throws -> ID {
      let result = try world.run(.createTask(CreateTask(workflow: w, type: .sendProposal)), as: person)
      return try #require(result["taskId"]?.id)
    }
    let (left, theirs) = (try propose(w, by: .s1), try propose(other, by: .s2))
    try world.run(revoke(world, .s1), as: .a1)
    let task = try world.task(left)
    #expect(task.assignedTo == nil)
    #expect(world.refusal(.confirmPayment(world.payment(w)), as: .s2)?.code == .forbidden)
    try world.run(.claimTask(TaskStep(task.id)), as: .s2)
    #expect(try world.task(task.id).assignedTo == world.id(.s2))
    let workflow = try world.workflow(w)
    #expect(workflow.assignedSalesID == world.id(.s2))
    #expect(try world.rows.row(Customer.self, workflow.customerID)?.assignedSalesID == world.id(.s2))
    let action = try #require(world.actions(w).last)
    #expect(action.type == .reassign && action.data["claimed"] == true)
    #expect(action.data["previous_sales_id"]?.id == world.id(.s1))
    #expect(world.events.contains { $0.eventType == .workflowUpdated })
    try world.run(.confirmPayment(world.payment(w)), as: .s2)
    // A colleague who is there keeps the case; the task alone goes over.
    try world.run(.setDuty(SetDuty(duty: .off)), as: .s2)
    try world.run(.claimTask(TaskStep(theirs)), as: .desk)
    #expect(try world.workflow(other).assignedSalesID == world.id(.s2))
  }

  @Test func `who goes off duty gives back what is for today, and keeps tomorrow`() throws {
    let world = World()
    let today = try world.scheduled("A", phone: "0811111111", at: World.start + .hours(2))
    let tomorrow = try world.scheduled("B", phone: "0822222222", at: World.start + .hours(26))
    #expect(try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)["pooled"] == 2)
    #expect(try world.performTask(today).assignedTo == nil)
    #expect(try world.performTask(tomorrow).assignedTo == world.id(.b1))
    #expect(world.bell(.o1).contains { $0.message.contains("Bua") })
    #expect(world.refusal(.setDuty(SetDuty(staff: world.id(.b2), duty: .off)), as: .b1)?.code == .forbidden)
    try world.run(.setDuty(SetDuty(staff: world.id(.b1), duty: .on)), as: .o1)
  }

  @Test func `is added from an existing user, once, and taken back after leaving`() throws {
    let world = World()
    let add = Command.addMember(AddMember(user: world.user(.customer), role: .staff, skills: ["laser"]))
    #expect(world.refusal(add, as: .s1)?.code == .forbidden)
    let id = try #require(try world.run(add, as: .a1)["staffId"]?.id)
    #expect(world.refusal(add, as: .a1)?.code == .duplicate)
    try world.run(.revokeMembership(RevokeMembership(staff: id)), as: .a1)
    #expect(try world.run(add, as: .a1)["staffId"]?.id == id)
    #expect(world.refusal(.addMember(AddMember(user: world.newID(), role: .staff)), as: .a1)?.code == .notFound)
  }

  @Test func `who is an owner is made and unmade by owners only, and one remains`() throws {
    let world = World()
    let promote = Command.changeRole(ChangeRole(staff: world.id(.a1), role: .owner))
    #expect(world.refusal(promote, as: .a1)?.code == .forbidden)
    #expect(world.refusal(revoke(world, .o1), as: .a1)?.code == .forbidden)
    #expect(world.refusal(revoke(world, .o1), as: .o1)?.details["needs"] == "another owner")
    #expect(world.refusal(.changeRole(ChangeRole(staff: world.id(.o1), role: .admin)), as: .o1)?.code == .forbidden)
    try world.run(promote, as: .o1)
    try world.run(revoke(world, .o1), as: .a1)
  }

  @Test func `who no longer treats loses the tasks of it`() throws {
    let world = World()
    let w = try world.scheduled()
    let result = try world.run(.changeRole(ChangeRole(staff: world.id(.b1), role: .sales)), as: .o1)
    #expect(result["pooled"] == 2)
    #expect(try world.performTask(w).assignedTo == nil)
    #expect(world.refusal(.start(w), as: .b1)?.code == .forbidden)
  }

  @Test func `who leads no more, or leaves, keeps nothing of what they were told`() throws {
    let world = World()
    _ = try world.treated()
    let takings = SendNotification(to: .role(.admin), title: Texts("Takings"), message: Texts("฿5,000"))
    try world.run(.sendNotification(takings), as: .o1)
    #expect(world.bell(.a1).contains { $0.title == "Takings" })
    #expect(!world.bell(.s1).isEmpty)
    try world.run(.changeRole(ChangeRole(staff: world.id(.a1), role: .sales)), as: .o1)
    #expect(world.bell(.a1).isEmpty)
    try world.run(.revokeMembership(RevokeMembership(staff: world.id(.s1))), as: .o1)
    // But for the word that their tasks are no longer theirs.
    #expect(world.bell(.s1).allSatisfy { $0.type == "task_updated" })
  }

  @Test func `empties their own bell and nobody else's`() throws {
    let world = World()
    _ = try world.treated()
    let mine = try #require(world.bell(.b1).first)
    #expect(world.refusal(.markNotificationRead(notification: mine.id), as: .s1)?.code == .notFound)
    try world.run(.markNotificationRead(notification: mine.id), as: .b1)
    #expect(world.bell(.b1).first?.readAt == world.now)
    let unread = world.bell(.s1).filter { !$0.isRead }.count
    #expect(unread > 0)
    #expect(try world.run(.markAllNotificationsRead(), as: .s1)["updatedCount"] == .integer(unread))
    #expect(!world.bell(.s1).contains { !$0.isRead })
    #expect(try world.run(.markAllNotificationsRead(), as: .s1)["updatedCount"] == 0)
  }
}

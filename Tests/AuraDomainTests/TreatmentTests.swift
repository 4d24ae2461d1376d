import Testing

@testable import AuraDomain

@Suite struct `A treatment` {
  @Test func `of the pool is the first one's, and the second learns whose and since when`() throws {
    let world = World()
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b2)
    let w = try world.paid(beautician: nil)
    let task = try world.performTask(w)
    #expect(task.assignedTo == nil)
    try world.run(.startTask(TaskStep(task.id)), as: .b1)
    let began = world.now
    world.now = world.now + .seconds(3)
    for command in [Command.startTask(TaskStep(task.id)), .start(w), .start(w, takeover: true)] {
      let refusal = try #require(world.refusal(command, as: .b2))
      #expect(refusal.code == .taskAlreadyStarted)
      #expect(refusal.details["started_by"]?.id == world.id(.b1))
      #expect(refusal.details["started_by_name"] == "Bua")
      #expect(refusal.details["started_at"] == .integer(began.milliseconds))
    }
    #expect(world.actions(w).filter { $0.type == .startTreatment }.count == 1)
  }

  @Test func `begun without an appointment books it for now, as two actions`() throws {
    let world = World()
    let w = try world.paid()
    let result = try world.run(.start(w), as: .b1)
    #expect(result["version"] == 4)
    #expect(world.actions(w).suffix(2).map(\.type) == [.scheduleAppointment, .startTreatment])
    #expect(world.actions(w)[2].data["walk_in"] == true)
    #expect(try world.workflow(w).scheduledStart == world.now)
    #expect(world.tasks(.prepareTreatment, of: w).isEmpty)
    #expect(try world.performTask(w).status == .inProgress)
  }

  @Test func `of a colleague is taken over only when one says so`() throws {
    let world = World()
    let w = try world.scheduled()
    #expect(world.refusal(.start(w), as: .b2)?.code == .forbidden)
    try world.run(.start(w, takeover: true), as: .b2)
    #expect(try world.workflow(w).assignedBeauticianID == world.id(.b2))
    #expect(try world.performTask(w).startedBy == world.id(.b2))
    #expect(world.actions(w).last?.data["takeover"] == true)
    #expect(world.bell(.b1).contains { $0.title == "งานถูกโอนให้ผู้อื่นแล้ว" })
    #expect(world.refusal(.complete(w), as: .b1)?.code == .forbidden)
  }

  @Test func `begun by an owner for the one assigned is that one's to finish`() throws {
    let world = World()
    let w = try world.scheduled()
    try world.run(.start(w), as: .o1)
    #expect(try world.performTask(w).assignedTo == world.id(.b1))
    #expect(try world.performTask(w).startedBy == world.id(.o1))
    #expect(try world.run(.start(w), as: .b1)["already"] == true)
    try world.run(.complete(w), as: .b1)
  }

  @Test func `that needs consent waits for it`() throws {
    let world = World()
    try world.run(.changeRole(ChangeRole(staff: world.id(.b1), role: .staff, skills: ["laser"])), as: .o1)
    let w = try world.lead(treatment: world.laser)
    try world.run(.confirmPayment(world.payment(w, at: world.now, amountSt: 900_000)), as: .s1)
    let refusal = try #require(world.refusal(.start(w), as: .b1))
    #expect(refusal.code == .consentRequired)
    #expect(refusal.details["purpose"] == "treatment")
    var start = StartTreatment(step: WorkflowStep(w))
    start.consent = ConsentGiven(version: "laser-3", channel: "tablet")
    try world.run(.startTreatment(start), as: .b1)
    #expect(world.rows.all(CustomerPreferences.self).first?.consents["treatment"]?["channel"] == "tablet")
    #expect(world.rows.all(JourneyEvent.self).contains { $0.eventType == .consentGiven })
  }

  @Test func `ends the preparation of its room`() throws {
    let world = World()
    let w = try world.scheduled()
    try world.run(.start(w), as: .b1)
    #expect(world.tasks(.prepareTreatment, of: w).map(\.status) == [.cancelled])
    #expect(!world.rows.timers.keys.contains { $0.hasPrefix("task:") })
  }

  // MARK: Completing

  @Test func `completed by its assignee without a start counts as both`() throws {
    let world = World()
    let w = try world.scheduled()
    var complete = CompleteTreatment(
      step: WorkflowStep(w, device: DeviceMark(seq: 7, clientTime: world.now - .hours(1))))
    complete.checklist = ["cleansed": true]
    try world.run(.completeTreatment(complete), as: .b1)
    #expect(world.actions(w).suffix(2).map(\.type) == [.startTreatment, .completeTreatment])
    #expect(world.actions(w).last?.data["device_seq"] == 7)
    #expect(world.actions(w).last?.data["client_time"] == .integer((world.now - .hours(1)).milliseconds))
    #expect(world.actions(w).last?.data["checklist"] == ["cleansed": true])
    #expect(world.actions(w).last?.performedAt == world.now)
  }

  @Test func `is not completed without a start by anyone but its assignee`() throws {
    let world = World()
    let w = try world.scheduled()
    #expect(world.refusal(.complete(w), as: .b2)?.code == .forbidden)
    #expect(world.refusal(.complete(w), as: .o1)?.code == .invalidTransition)
  }

  @Test func `tapped on a tablet that was offline for more than 12 hours goes to the tray`() throws {
    let world = World()
    let w = try world.scheduled()
    let old = DeviceMark(seq: 1, clientTime: world.now - .hours(12) - .seconds(1))
    let refusal = world.refusal(.startTreatment(StartTreatment(step: WorkflowStep(w, device: old))), as: .b1)
    #expect(refusal?.code == .tooLate)
    let fresh = DeviceMark(seq: 1, clientTime: world.now - .hours(12))
    try world.run(.startTreatment(StartTreatment(step: WorkflowStep(w, device: fresh))), as: .b1)
  }

  @Test func `completed tells sales, and the customer how to care`() throws {
    let world = World()
    let w = try world.treated()
    #expect(world.bell(.s1).contains { $0.title == "Treatment completed" })
    let told = world.rows.all(Notification.self).filter { $0.customerID == (try? world.workflow(w))?.customerID }
    #expect(told.last?.message == "งดแดด 3 วัน")
    #expect(world.rows.all(JourneyEvent.self).contains { $0.eventType == .treatmentCompleted })
  }

  // MARK: Stopping

  @Test func `stopped half-way goes back to its slot, and says why`() throws {
    let world = World()
    let w = try world.inTreatment()
    #expect(world.refusal(.abort(w, reason: nil), as: .b1)?.details["path"] == "args.reason")
    #expect(world.refusal(.abort(w), as: .b2)?.code == .forbidden)
    let result = try world.run(.abort(w), as: .b1)
    #expect(result["stage"] == "treatment_scheduled")
    let task = try world.performTask(w)
    #expect(task.status == .pending)
    #expect(task.startedAt == nil)
    #expect(world.actions(w).last?.data["started_at"] == .integer(World.start.milliseconds))
    try world.run(.start(w), as: .b1)
  }

  // MARK: Handing over

  @Test func `handed over half-way keeps its start, and is the new one's to complete`() throws {
    let world = World()
    let w = try world.inTreatment()
    world.now = world.now + .minutes(20)
    try world.run(.reassign(Reassign(step: WorkflowStep(w), beautician: world.id(.b2))), as: .b1)
    let task = try world.performTask(w)
    #expect(task.status == .inProgress)
    #expect(task.startedAt == World.start)
    #expect(task.startedBy == world.id(.b1))
    #expect(task.assignedTo == world.id(.b2))
    #expect(world.refusal(.complete(w), as: .b1)?.code == .forbidden)
    #expect(try world.run(.start(w), as: .b2)["already"] == true)
    try world.run(.complete(w), as: .b2)
    #expect(try world.task(task.id).completedBy == world.id(.b2))
    let history = world.actions(w).map { ($0.type, $0.performedBy) }
    #expect(history.contains { $0 == (.startTreatment, world.user(.b1)) })
    #expect(history.contains { $0 == (.completeTreatment, world.user(.b2)) })
  }

  @Test func `is handed over half-way by an owner only with a reason, by sales never`() throws {
    let world = World()
    let w = try world.inTreatment()
    func handOver(_ reason: String?) -> Command {
      .reassign(Reassign(step: WorkflowStep(w, reason: reason), beautician: world.id(.b2)))
    }
    #expect(world.refusal(handOver(nil), as: .o1)?.details["path"] == "args.reason")
    #expect(world.refusal(handOver("please"), as: .s1)?.code == .forbidden)
    try world.run(handOver("she fainted"), as: .o1)
  }
}

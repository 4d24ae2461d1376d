import Testing

@testable import AuraDomain

@Suite struct `An appointment` {
  @Test func `again is a move: the same task, its timers and its room preparation follow`() throws {
    let world = World()
    let w = try world.scheduled(at: World.start + .hours(1))
    let task = try world.performTask(w)
    let prepare = try #require(world.tasks(.prepareTreatment, of: w).first)
    #expect(prepare.dueDate == World.start + .minutes(30))
    let later = World.start + .hours(4)
    let result = try world.run(.schedule(w, at: later), as: .s1)
    #expect(result["version"] == 4)
    #expect(try world.performTask(w).id == task.id)
    #expect(try world.performTask(w).dueDate == later)
    #expect(try world.task(prepare.id).dueDate == later - .minutes(30))
    #expect(world.rows.timers["task:\(task.id):overdue"]?.due == later + .minutes(10))
    #expect(world.actions(w).last?.data["previous_start"] == .integer((World.start + .hours(1)).milliseconds))
    #expect(world.rows.all(JourneyEvent.self).filter { $0.eventType == .appointmentBooked }.count == 2)
  }

  @Test func `to the same time and person changes nothing`() throws {
    let world = World()
    let at = World.start + .hours(1)
    let w = try world.scheduled(at: at)
    let seq = world.seq
    #expect(try world.run(.schedule(w, at: at, world.id(.b1)), as: .s1)["already"] == true)
    #expect(world.seq == seq)
  }

  @Test(arguments: [(-59, true), (-60, false), (0, true), (59, true), (60, false), (30, true)])
  func `does not overlap another of the same beautician`(minutes: Int, isTaken: Bool) throws {
    let world = World()
    let slot = World.start + .hours(3)
    let first = try world.scheduled("A", phone: "0811111111", at: slot)
    let w = try world.paid("B", phone: "0822222222")
    let command = Command.schedule(w, at: slot + .minutes(minutes), world.id(.b1))
    let refusal = world.refusal(command, as: .s1)
    #expect(refusal?.code == (isTaken ? .slotTaken : nil))
    if isTaken { #expect(refusal?.details["workflow_id"]?.id == first) }
  }

  @Test func `is looked for among the day's, not among all that ever were`() throws {
    let world = World()
    let long = try world.scheduled("A", phone: "0811111111", at: World.start + .hours(1))
    var command = ScheduleAppointment(step: WorkflowStep(long), scheduledTime: World.start + .hours(1))
    command.durationMinutes = Slot.minutesMax
    try world.run(.scheduleAppointment(command), as: .s1)
    let rows = CountingRows(world.rows)
    let draft = Draft(
      rows: rows, actor: world.actor(.s1), now: world.now, seq: 1, commandKey: nil,
      ids: IDGenerator(random: SplitMix64(state: 2)))
    let end = World.start + .hours(13)
    // The longest there is still counts in its last minute …
    #expect(
      try draft.bookings(of: world.id(.b1), in: Slot(start: end - .minutes(1), minutes: 60), except: nil).count == 1)
    #expect(rows.reached == 1)
    // … and is not even looked at from then on.
    #expect(try draft.bookings(of: world.id(.b1), in: Slot(start: end + .minutes(1), minutes: 60), except: nil).isEmpty)
    #expect(rows.reached == 1)
  }

  @Test func `overlaps where an owner or admin says why, and only there`() throws {
    let world = World()
    let slot = World.start + .hours(3)
    _ = try world.scheduled("A", phone: "0811111111", at: slot)
    let w = try world.paid("B", phone: "0822222222")
    var command = ScheduleAppointment(
      step: WorkflowStep(w, reason: "twins"), scheduledTime: slot, beautician: world.id(.b1))
    command.override = true
    #expect(world.refusal(.scheduleAppointment(command), as: .s1)?.code == .forbidden)
    try world.run(.scheduleAppointment(command), as: .a1)
    #expect(world.actions(w).last?.data["overlaps"]?.array?.count == 1)
  }

  @Test func `begins no more than a quarter of an hour ago`() throws {
    let world = World()
    let w = try world.paid()
    #expect(world.refusal(.schedule(w, at: world.now - .minutes(16)), as: .s1)?.code == .tooLate)
    try world.run(.schedule(w, at: world.now - .minutes(15)), as: .s1)
  }

  @Test func `needs someone who is with the clinic, treats, and has the skill`() throws {
    let world = World()
    let w = try world.lead(treatment: world.laser)
    try world.run(.confirmPayment(world.payment(w, beautician: nil, amountSt: 900_000)), as: .s1)
    let at = world.now + .hours(1)
    #expect(world.refusal(.schedule(w, at: at, world.id(.b1)), as: .s1)?.details["problem"] == "skill")
    #expect(world.refusal(.schedule(w, at: at, world.id(.s2)), as: .s1)?.details["problem"] == "role")
    #expect(world.refusal(.schedule(w, at: at, world.newID()), as: .s1)?.code == .notFound)
    #expect(world.refusal(.schedule(w, at: at), as: .s1)?.details["path"] == "args.beauticianId")
    try world.run(.changeRole(ChangeRole(staff: world.id(.b1), role: .staff, skills: ["laser"])), as: .o1)
    try world.run(.schedule(w, at: at, world.id(.b1)), as: .s1)
  }

  @Test func `for another treatment than the paid one costs the same, or an owner's word`() throws {
    let world = World()
    let same = world.addTreatment("มาสก์", "Mask", priceSt: 500_000)
    let dearer = world.addTreatment("ทอง", "Gold", priceSt: 900_000)
    let gone = world.addTreatment("เก่า", "Old", priceSt: 500_000) { $0.isActive = false }
    let w = try world.paid()
    func book(_ treatment: ID, reason: String? = nil) -> Command {
      var command = ScheduleAppointment(
        step: WorkflowStep(w, reason: reason), scheduledTime: world.now + .hours(1), beautician: world.id(.b1))
      command.treatment = treatment
      command.override = reason != nil
      return .scheduleAppointment(command)
    }
    #expect(world.refusal(book(gone), as: .s1)?.details["problem"] == "inactive")
    #expect(world.refusal(book(dearer), as: .s1)?.code == .amountMismatch)
    #expect(world.refusal(book(dearer, reason: "a gift"), as: .s1)?.code == .forbidden)
    try world.run(book(same), as: .s1)
    #expect(try world.workflow(w).treatmentName == "มาสก์")
    #expect(try world.performTask(w).taskData["treatment_name"] == "มาสก์")
    try world.run(book(dearer, reason: "a gift"), as: .o1)
  }

  @Test func `is made for any case by the front desk`() throws {
    let world = World()
    let w = try world.paid()
    #expect(world.refusal(.schedule(w, at: world.now + .hours(1)), as: .s2)?.code == .forbidden)
    try world.run(.schedule(w, at: world.now + .hours(1)), as: .desk)
  }

  @Test func `is told to the customer in their language and at the clinic's hour`() throws {
    let world = World()
    let w = try world.scheduled(at: World.start + .hours(1))
    let told = try #require(world.rows.all(Notification.self).first { $0.customerID != nil })
    #expect(told.title == "นัดหมายของคุณ")
    #expect(told.message == "ไฮดรา เฟเชียล 2026-02-02 11:00")
    #expect(told.customerID == (try world.workflow(w).customerID))
  }

  // MARK: Arriving

  @Test func `is arrived for on its day, once`() throws {
    let world = World()
    // 09:00 of the next day in Bangkok.
    let w = try world.scheduled(at: World.start + .hours(23))
    #expect(world.refusal(.checkIn(WorkflowStep(w)), as: .s2)?.code == .invalidTransition)
    world.now = World.start + .hours(15)
    let result = try world.run(.checkIn(WorkflowStep(w)), as: .s2)
    #expect(result["version"] == 4)
    #expect(result["stage"] == "treatment_scheduled")
    #expect(world.events.contains { $0.eventType == .customerArrived })
    #expect(world.bell(.b1).contains { $0.type == "customer_arrived" })
    let seq = world.seq
    #expect(try world.run(.checkIn(WorkflowStep(w)), as: .b2)["already"] == true)
    #expect(world.seq == seq)
  }

  // MARK: Not arriving

  @Test func `that nobody came to is a no-show after a quarter of an hour`() throws {
    let world = World()
    let at = World.start + .hours(1)
    let w = try world.scheduled(at: at)
    world.now = at + .minutes(14)
    let early = try #require(world.refusal(.noShow(WorkflowStep(w)), as: .b1))
    #expect(early.code == .invalidTransition)
    #expect(early.details["not_before"] == .integer((at + .minutes(15)).milliseconds))
    world.now = at + .minutes(15)
    let result = try world.run(.noShow(WorkflowStep(w)), as: .b1)
    #expect(result["stage"] == "payment_confirmed")
    #expect(result["noShowCount"] == 1)
    #expect(world.tasks(.performTreatment, of: w).map(\.status) == [.cancelled])
    #expect(world.tasks(.prepareTreatment, of: w).map(\.status) == [.cancelled])
    #expect(world.tasks(.customerFollowUp, of: w).first?.assignedTo == world.id(.s1))
    #expect(world.rows.all(JourneyEvent.self).contains { $0.eventType == .noShow })
    #expect(world.bell(.s1).contains { $0.title == "Customer did not come" })
    // Booked again, the case has its one task again.
    try world.run(.schedule(w, at: world.now + .hours(2)), as: .s1)
    #expect(try world.performTask(w).assignedTo == world.id(.b1))
  }

  @Test func `of somebody who has come is no no-show`() throws {
    let world = World()
    let w = try world.scheduled()
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    world.now = world.now + .hours(2)
    #expect(world.refusal(.noShow(WorkflowStep(w)), as: .s1)?.details["checked_in_at"] != nil)
  }
}

/// Counts the cases that an index on the beautician and the start leads to.
private final class CountingRows: ClinicRows {
  private let rows: MemoryRows
  private(set) var reached = 0

  init(_ rows: MemoryRows) { self.rows = rows }

  var clinicID: ID { rows.clinicID }
  func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? { try rows.row(type, id) }
  func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
    var reach = Selection()
    reach.conditions = selection.conditions.filter { condition in
      switch condition {
      case .equal(let column, _): "\(column)" == "assigned_beautician_id"
      case .less(let column, _), .atMost(let column, _), .greater(let column, _), .atLeast(let column, _):
        "\(column)" == "scheduled_start"
      default: false
      }
    }
    reached += try rows.rows(type, reach).count
    return try rows.rows(type, selection)
  }
  func counter(_ name: String) throws -> Int { try rows.counter(name) }
  func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] {
    try rows.audits(kind, before: before, limit: limit)
  }
  func undo(_ workflow: ID) throws -> JSON? { try rows.undo(workflow) }
  func user(_ id: ID) throws -> User? { try rows.user(id) }
  func userExists(_ id: ID) throws -> Bool { try rows.userExists(id) }
  func activeUser(email: String) throws -> ID? { try rows.activeUser(email: email) }
}

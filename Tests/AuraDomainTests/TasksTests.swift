import Testing

@testable import AuraDomain

@Suite struct `A task` {
  private func make(
    _ world: World, _ w: ID, _ type: TaskType, as person: World.Person = .s1,
    _ change: (inout CreateTask) -> Void = { _ in }
  ) throws -> ID {
    var command = CreateTask(workflow: w, type: type)
    change(&command)
    return try #require(try world.run(.createTask(command), as: person)["taskId"]?.id)
  }

  /// Type, priority, minutes, role and when it is due, for an appointment tomorrow.
  static let golden = """
    scan_customer         high    15  sales_staff   1 h 0    Skin scan: Malee        ตรวจสแกนผิวคุณMalee
    send_proposal         high    30  sales_staff   2 h 0    Quote for Malee         จัดทำใบเสนอราคาให้คุณMalee
    prepare_treatment     medium  20  clinic_staff  23 h 30  Set up room: Malee      เตรียมห้องและอุปกรณ์คุณMalee
    perform_treatment     high    60  clinic_staff  24 h 0   Facial: Malee           ทำFacialให้คุณMalee
    follow_up_upsell      medium  10  sales_staff   24 h 0   Next plan: Malee        เสนอแผนดูแลต่อเนื่องคุณMalee
    customer_follow_up    low     5   sales_staff   168 h 0  Check in with Malee     สอบถามผลหลังทำคุณMalee
    payment_reminder      high    5   sales_staff   72 h 0   Collect payment: Malee  ติดตามยอดชำระคุณMalee
    appointment_reminder  medium  3   desk          0 h 0    Confirm visit: Malee    ยืนยันนัดคุณMalee
    review_request        low     5   sales_staff   72 h 0   Ask for review: Malee   ขอรีวิวคุณMalee
    """

  @Test func `has by its kind what this table says`() {
    let tomorrow = World.start + .days(1)
    let lines = TaskType.allCases.map { type in
      let template = TaskTemplate.of(type)
      let due = TaskTemplate.due(type, now: World.start, start: tomorrow).map {
        ($0 - World.start).milliseconds / 60_000
      }
      let filled = template.title.filled(["customerName": Texts("Malee"), "treatmentName": Texts("Facial")])
      return [
        type.rawValue, template.priority.rawValue, "\(template.minutes)", template.role?.rawValue ?? "desk",
        due.map { "\($0 / 60) h \($0 % 60)" } ?? "-", filled.en, filled.th,
      ]
    }
    let table = Golden.table(lines)
    #expect(table == Self.golden, "\n\(table)")
  }

  @Test func `speaks its assignee's language and carries the other`() throws {
    let world = World()
    let w = try world.scheduled()
    let task = try world.performTask(w)
    #expect(task.title == "ทำไฮดรา เฟเชียลให้คุณMalee")
    #expect(task.taskData["titles"]?["en"] == "Hydra Facial: Malee")
    let mine = try world.task(try make(world, w, .reviewRequest))
    #expect(mine.title == "Ask for review: Malee")
    #expect(mine.assignedTo == world.id(.s1))
    #expect(mine.dueDate == world.now + .days(3))
  }

  @Test func `is not confused by braces in a name`() {
    let texts = Texts(th: "{a}", en: "x {a} {b} {").filled(["a": Texts("{b}")])
    #expect(texts == Texts(th: "{b}", en: "x {b}  {"))
  }

  @Test func `for a treatment comes with its appointment, never by hand`() throws {
    let world = World()
    let w = try world.paid()
    #expect(
      world.refusal(.createTask(CreateTask(workflow: w, type: .performTreatment)), as: .o1)?.details["path"]
        == "args.type")
    let task = try world.performTask(w)
    var update = UpdateTask(step: TaskStep(task.id))
    update.dueDate = world.now
    #expect(world.refusal(.updateTask(update), as: .b1)?.details["path"] == "args.dueDate")
    update.dueDate = nil
    update.status = .cancelled
    #expect(world.refusal(.updateTask(update), as: .b1)?.details["path"] == "args.status")
  }

  @Test func `of a key that is open is returned, not doubled`() throws {
    let world = World()
    let w = try world.lead()
    let first = try make(world, w, .scanCustomer) { $0.dedupeKey = "scan:1" }
    #expect(try make(world, w, .scanCustomer) { $0.dedupeKey = "scan:1" } == first)
    try world.run(.completeTask(TaskStep(first)), as: .s1)
    #expect(try make(world, w, .scanCustomer) { $0.dedupeKey = "scan:1" } != first)
  }

  @Test func `is started and completed by its assignee or an owner`() throws {
    let world = World()
    let task = try make(world, try world.lead(), .scanCustomer)
    #expect(world.refusal(.startTask(TaskStep(task)), as: .s2)?.code == .forbidden)
    let device = DeviceMark(seq: 3, clientTime: world.now - .minutes(2))
    try world.run(.startTask(TaskStep(task, device: device)), as: .s1)
    #expect(try world.task(task).taskData["device_seq"] == 3)
    #expect(try world.run(.startTask(TaskStep(task)), as: .s1)["already"] == true)
    #expect(world.refusal(.startTask(TaskStep(task)), as: .o1)?.code == .taskAlreadyStarted)
    try world.run(.completeTask(TaskStep(task, notes: "done")), as: .o1)
    #expect(try world.task(task).completedBy == world.id(.o1))
    #expect(try world.task(task).notes == "done")
    #expect(try world.run(.completeTask(TaskStep(task)), as: .o1)["already"] == true)
    let refusal = try #require(world.refusal(.completeTask(TaskStep(task)), as: .s1))
    #expect(refusal.code == .invalidTransition)
    #expect(refusal.details["completed_by_name"] == "Orn")
  }

  @Test func `of the pool is claimed once, by someone of its role`() throws {
    let world = World()
    let w = try world.paid(beautician: nil)
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b2)
    let task = try world.performTask(w)
    #expect(task.assignedTo == nil)
    #expect(world.refusal(.claimTask(TaskStep(task.id)), as: .s1)?.code == .forbidden)
    try world.run(.claimTask(TaskStep(task.id)), as: .b2)
    #expect(try world.workflow(w).assignedBeauticianID == world.id(.b2))
    #expect(world.actions(w).last?.type == .reassign)
    #expect(world.actions(w).last?.data["claimed"] == true)
    let late = try #require(world.refusal(.claimTask(TaskStep(task.id)), as: .b1))
    #expect(late.code == .staleVersion)
    #expect(late.details["assigned_to_name"] == "Bee")
    #expect(try world.run(.claimTask(TaskStep(task.id)), as: .b2)["already"] == true)
  }

  @Test func `of the front desk is in the pool of whoever stands there`() throws {
    let world = World()
    let w = try world.scheduled()
    let task = try make(world, w, .appointmentReminder)
    #expect(try world.task(task).assignedTo == nil)
    #expect(world.refusal(.claimTask(TaskStep(task)), as: .s2)?.code == .forbidden)
    try world.run(.claimTask(TaskStep(task)), as: .desk)
  }

  @Test func `is changed by its assignee, and handed on with both told`() throws {
    let world = World()
    let task = try make(world, try world.lead(), .scanCustomer)
    var update = UpdateTask(step: TaskStep(task, notes: "left a message"))
    update.priority = .critical
    update.assignedTo = world.id(.s2)
    update.dueDate = world.now + .hours(5)
    #expect(world.refusal(.updateTask(update), as: .s2)?.code == .forbidden)
    try world.run(.updateTask(update), as: .s1)
    let changed = try world.task(task)
    #expect((changed.priority, changed.priorityRank) == (.critical, 3))
    #expect(changed.assignedTo == world.id(.s2))
    #expect(world.rows.timers["task:\(task):overdue"]?.due == world.now + .hours(5) + .minutes(10))
    #expect(world.bell(.s2).contains { $0.metadata["task_id"]?.id == task })
    #expect(world.refusal(.updateTask(update), as: .s1)?.code == .forbidden)
  }

  @Test func `is moved on by its status whichever call says so`() throws {
    let world = World()
    let w = try world.scheduled()
    let task = try world.performTask(w)
    var update = UpdateTask(step: TaskStep(task.id))
    update.status = .inProgress
    try world.run(.updateTask(update), as: .b1)
    #expect(try world.workflow(w).currentStage == .inTreatment)
    update.status = .completed
    update.step.notes = "fine"
    try world.run(.updateTask(update), as: .b1)
    #expect(try world.workflow(w).currentStage == .treatmentCompleted)
    #expect(try world.run(.updateTask(update), as: .b1)["already"] == true)
  }

  // MARK: Late

  @Test func `is late when its time has passed or it runs for half as long again`() {
    var task = Task()
    task.dueDate = World.start
    task.estimatedDuration = 60
    #expect(!task.isOverdue(at: World.start))
    #expect(task.isOverdue(at: World.start + .seconds(1)))
    task.status = .inProgress
    task.startedAt = World.start
    #expect(!task.isOverdue(at: World.start + .minutes(90)))
    #expect(task.isOverdue(at: World.start + .minutes(90) + .seconds(1)))
    task.status = .completed
    #expect(!task.isOverdue(at: World.start + .days(9)))
  }

  @Test func `that waits is told of after 10 minutes to its assignee, after 20 to the owner and admins`() throws {
    let world = World()
    let task = try make(world, try world.lead(), .scanCustomer)
    let due = try #require(try world.task(task).dueDate)
    func late(_ person: World.Person) -> Int { world.bell(person).filter { $0.type == "task_overdue" }.count }
    try world.advance(to: due + .minutes(10) - .seconds(1))
    #expect(late(.s1) == 0)
    try world.advance(to: due + .minutes(10))
    #expect((late(.s1), late(.o1)) == (1, 0))
    #expect(try world.task(task).escalationLevel == 1)
    try world.advance(to: due + .minutes(20))
    #expect((late(.s1), late(.o1), late(.a1)) == (1, 1, 1))
    #expect(try world.task(task).escalationLevel == 2)
    try world.advance(.days(1))
    #expect((late(.s1), late(.o1)) == (1, 1))
    #expect(world.rows.all(WorkflowEvent.self).filter { $0.eventType == .taskOverdue }.count == 2)
  }

  @Test func `that is begun is told of to nobody`() throws {
    let world = World()
    let task = try make(world, try world.lead(), .scanCustomer)
    try world.run(.startTask(TaskStep(task)), as: .s1)
    #expect(world.rows.timers["task:\(task):overdue"] == nil)
  }

  @Test func `that nobody has is told of to the owner and admins after 5 minutes`() throws {
    let world = World()
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b2)
    let w = try world.paid(beautician: nil)
    let task = try world.performTask(w)
    let told = world.bell(.a1).count
    try world.advance(.minutes(5))
    #expect(world.bell(.a1).count == told + 1)
    #expect(world.bell(.a1).last?.type == "task_overdue")
    try world.run(.claimTask(TaskStep(task.id)), as: .b1)
    #expect(world.rows.timers["task:\(task.id):pool"] == nil)
  }

  @Test func `is told of once though the clock goes back an hour`() throws {
    let world = World()
    let task = try make(world, try world.lead(), .scanCustomer)
    let due = try #require(try world.task(task).dueDate)
    let timer = try #require(world.rows.timers["task:\(task):overdue"])
    try world.advance(to: due + .minutes(10))
    world.now = world.now - .hours(1)
    // The same timer once more, as after a crash before it was crossed out: too early, and told already.
    #expect(try world.run(.fire(timer), actor: .system)["fired"] == false)
    #expect(world.bell(.s1).filter { $0.type == "task_overdue" }.count == 1)
  }
}

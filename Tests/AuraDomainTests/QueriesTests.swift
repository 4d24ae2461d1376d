import Testing

@testable import AuraDomain

@Suite struct `A query` {
  @Test func `of the staff is answered for a clinic of any size`() throws {
    let world = World()
    let w = try world.scheduled()
    for _ in 0..<1_001 {
      var member = StaffMember()
      member.id = world.newID()
      member.clinicID = world.rows.clinicID
      member.userID = world.newID()
      world.rows.put(member)
    }
    let staff = try #require(try world.ask(.staff(includeInactive: false), as: .o1)["staff"]?.array)
    #expect(staff.count == 1_008)
    let b1 = staff.first { $0["id"]?.id == world.id(.b1) }
    #expect(
      b1?["today"]?["open_tasks"]
        == .integer(world.rows.of(Task.self, w).filter { $0.assignedTo == world.id(.b1) }.count))
  }

  @Test func `for a case's history names actors and how long each step took`() throws {
    let world = World()
    let w = try world.scheduled(at: World.start + .hours(1))
    world.now = World.start + .hours(1)
    try world.run(.start(w), as: .b1)
    world.now = world.now + .minutes(50)
    try world.run(.complete(w), as: .b1)
    world.now = world.now + .minutes(5)
    let history = try world.ask(.workflowHistory(workflow: w), as: .s1)
    let actions = try #require(history["actions"]?.array)
    #expect(actions.map { $0["actor_name"] } == ["Somchai", "Somchai", "Somchai", "Bua", "Bua"])
    #expect(actions[3]["duration_ms"] == .integer(50 * 60_000))
    #expect(actions[4]["duration_ms"] == .null)
    let stages = try #require(history["stages"]?.array)
    #expect(
      stages.map { $0["stage"] } == [
        "lead_created", "payment_confirmed", "treatment_scheduled", "in_treatment", "treatment_completed",
      ])
    #expect(stages[2]["duration_ms"] == .integer(60 * 60_000))
    #expect(stages[4]["duration_ms"] == .integer(5 * 60_000))
    #expect(stages[4]["left_at"] == .null)
    #expect(history["workflow"]?["customer"]?["full_name"] == "Malee")
    #expect(history["tasks"]?.array?.count == 3)
  }

  @Test func `shows a beautician no money, and a stranger nothing`() throws {
    let world = World()
    let w = try world.treated()
    let seen = try world.ask(.workflowHistory(workflow: w), as: .b1)
    #expect(seen["actions"]?.array?.allSatisfy { $0["data"] == nil } == true)
    #expect(seen["workflow"]?["treatment_plan"] == nil)
    #expect(seen["workflow"]?["current_stage"] == "treatment_completed")
    let customer = try world.workflow(w).customerID
    let standing = try world.ask(.loyaltyProfile(customer: customer), as: .b1)
    #expect(standing["availablePoints"] == 650)
    for name in ["totalSpentSt", "averageSpendSt", "tierProgressBp"] { #expect(standing[name] == .null, "\(name)") }
    #expect(standing["nextTier"]?["missingSt"] == .null)
    #expect(try world.ask(.loyaltyProfile(customer: customer), as: .s1)["totalSpentSt"] == 500_000)
    let full = try world.ask(.workflowHistory(workflow: w), as: .s1)
    #expect(full["actions"]?.array?[1]["data"]?["amount_st"] == 500_000)
    #expect(full["actions"]?.array?.allSatisfy { $0["data"]?["undo"] == nil } == true)
    world.customerID = customer
    #expect(throws: Refusal.self) { try world.ask(.workflowHistory(workflow: w), as: .customer) }
    #expect(throws: Refusal.self) { try world.ask(.workflowHistory(workflow: world.newID()), as: .o1) }
    // A super admin reads without a reason: it is the changes that need one.
    _ = try world.ask(.workflowHistory(workflow: w), as: .root)
  }

  @Test func `for the clinic's cases filters, searches and pages without a gap`() throws {
    let world = World()
    var made: [ID] = []
    for index in 0..<7 {
      world.now = world.now + .seconds(1)
      made.append(try world.lead("Customer \(index)", phone: "08100000\(10 + index)", as: index < 4 ? .s1 : .s2))
    }
    try world.run(.confirmPayment(world.payment(made[0])), as: .s1)
    func found(_ change: (inout WorkflowFilter) -> Void, as person: World.Person = .o1) throws -> [ID] {
      var filter = WorkflowFilter()
      change(&filter)
      return try #require(try world.ask(.clinicWorkflows(filter), as: person)["workflows"]?.array).compactMap {
        $0["id"]?.id
      }
    }
    #expect(try found { _ in } == made.reversed())
    #expect(try found { $0.stages = [.paymentConfirmed] } == [made[0]])
    #expect(try found({ $0.assigned = .me }, as: .s2) == [made[6], made[5], made[4]])
    #expect(try found { $0.assigned = .staff(world.id(.b1)) } == [made[0]])
    #expect(try found { $0.search = "TOMER 5" } == [made[5]])
    #expect(try found { $0.search = "081-000-0012" } == [made[2]])
    #expect(try found { $0.search = "C-000003" } == [made[2]])
    #expect(try found { $0.search = "nobody" }.isEmpty)
    #expect(try found { $0.status = .closed }.isEmpty)

    var filter = WorkflowFilter()
    filter.limit = 3
    var paged: [ID] = []
    repeat {
      let page = try world.ask(.clinicWorkflows(filter), as: .o1)
      paged += page["workflows"]?.array?.compactMap { $0["id"]?.id } ?? []
      filter.after = page["next"]?.id
    } while filter.after != nil
    #expect(paged == made.reversed())
    let first = try world.ask(.clinicWorkflows(WorkflowFilter()), as: .o1)["workflows"]?.array?.last
    #expect(first?["beautician_name"] == "Bua")
    #expect(first?["open_tasks"] == 1)
  }

  @Test func `for my tasks puts the urgent first, then the early, those without a date last`() throws {
    let world = World()
    let w = try world.lead()
    func make(_ priority: TaskPriority, _ due: Span?) throws -> ID {
      var command = CreateTask(workflow: w, type: .scanCustomer)
      command.priority = priority
      command.dueDate = due.map { World.start + $0 }
      let id = try #require(try world.run(.createTask(command), as: .s1)["taskId"]?.id)
      if due == nil, var task = try world.rows.row(Task.self, id) {
        task.dueDate = nil
        world.rows.put(task)
      }
      return id
    }
    let order = [
      try make(.medium, .hours(1)), try make(.critical, nil), try make(.high, .hours(3)), try make(.high, .hours(2)),
      try make(.critical, .hours(9)), try make(.high, nil),
    ]
    let answer = try world.ask(.myTasks(TaskFilter()), as: .s1)
    let tasks = try #require(answer["tasks"]?.array)
    #expect(tasks.compactMap { $0["id"]?.id } == [4, 1, 3, 2, 5, 0].map { order[$0] })
    #expect(tasks[0]["workflow"]?["customer"]?["phone"] == "0812345678")
    #expect(tasks[0]["overdue"] == false)
    world.now = World.start + .minutes(150)
    var filter = TaskFilter()
    filter.status = .overdue
    let late = try #require(try world.ask(.myTasks(filter), as: .s1)["tasks"]?.array)
    #expect(late.compactMap { $0["id"]?.id } == [order[3], order[0]])
    #expect(late.allSatisfy { $0["overdue"] == true })
  }

  @Test func `for my tasks brings the pool of one's role`() throws {
    let world = World()
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b2)
    let w = try world.paid(beautician: nil)
    let task = try world.performTask(w)
    #expect(try world.ask(.myTasks(TaskFilter()), as: .b2)["pool"]?.array?.first?["id"]?.id == task.id)
    #expect(try world.ask(.myTasks(TaskFilter()), as: .o1)["pool"]?.array?.count == 1)
    #expect(try world.ask(.myTasks(TaskFilter()), as: .s1)["pool"] == [])
    var filter = TaskFilter()
    filter.includesPool = false
    #expect(try world.ask(.myTasks(filter), as: .b2)["pool"] == [])
  }

  @Test func `for the staff tells what each has to do today`() throws {
    let world = World()
    _ = try world.treated("A", phone: "0811111111")
    _ = try world.scheduled("B", phone: "0822222222", at: World.start + .hours(2))
    _ = try world.scheduled("C", phone: "0833333333", at: World.start + .hours(30))
    let staff = try #require(try world.ask(.staff(includeInactive: false), as: .s1)["staff"]?.array)
    let bua = try #require(staff.first { $0["name"] == "Bua" })
    #expect(bua["role"] == "clinic_staff")
    #expect(bua["today"] == ["open_minutes": 80, "open_tasks": 2, "in_progress": 0, "completed": 1])
    try world.run(.revokeMembership(RevokeMembership(staff: world.id(.b2))), as: .o1)
    #expect(try world.ask(.staff(includeInactive: false), as: .s1)["staff"]?.array?.count == staff.count - 1)
    #expect(try world.ask(.staff(includeInactive: true), as: .s1)["staff"]?.array?.count == staff.count)
  }

  @Test func `for the treatments gives names, prices and lengths`() throws {
    let world = World()
    let all = try #require(try world.ask(.treatments(includeInactive: false), as: .b1)["treatments"]?.array)
    #expect(all.first?["names"]?["en"] == "Hydra Facial")
    #expect(all.first?["price_st"] == 500_000)
    #expect(all.first?["duration_minutes"] == 60)
  }

  @Test func `for oneself tells role, rights and clinic`() throws {
    let world = World()
    let me = try world.ask(.me, as: .b1)
    #expect(me["user"]?["name"] == "Bua")
    #expect(me["staff"]?["role"] == "clinic_staff")
    #expect(me["clinic"]?["timezone"] == "Asia/Bangkok")
    #expect(me["rights"]?["startTreatment"] == "own")
    #expect(me["rights"]?["confirmPayment"] == nil)
    #expect(try world.ask(.me, as: .root)["rights"]?["manageOwners"] == "any")
  }
}

@Suite struct `The clinic's calendar` {
  @Test(arguments: [
    ("Asia/Bangkok", 1_770_001_200_000, "2026-02-02 10:00"), ("Asia/Bangkok", 1_772_297_999_999, "2026-02-28 23:59"),
    ("Asia/Bangkok", 1_772_298_000_000, "2026-03-01 00:00"), ("UTC", 0, "1970-01-01 00:00"),
    ("UTC", -1, "1969-12-31 23:59"), ("UTC", 951_782_400_000, "2000-02-29 00:00"),
    ("Europe/Berlin", 1_774_746_000_000, "2026-03-29 03:00"), ("Mars/Olympus", 0, "1970-01-01 07:00"),
  ])
  func `reads a moment as the wall does`(zone: String, at: Int, text: String) {
    #expect(ClinicCalendar(timezone: zone).civil(Instant(milliseconds: at)).text == text)
  }

  @Test func `knows days of 23 and 25 hours`() {
    let berlin = ClinicCalendar(timezone: "Europe/Berlin")
    // Noon of the days on which the clocks change.
    let spring = Instant(milliseconds: 1_774_778_400_000)
    let autumn = Instant(milliseconds: 1_792_926_000_000)
    #expect((berlin.dayEnd(spring) - berlin.dayStart(spring)) == .hours(23))
    #expect((berlin.dayEnd(autumn) - berlin.dayStart(autumn)) == .hours(25))
    #expect(berlin.isSameDay(berlin.dayStart(autumn), autumn))
    #expect(!berlin.isSameDay(berlin.dayEnd(autumn), autumn))
  }
}

/// Answers a query from the rows of one read transaction. Throws `Refusal`.
package func answer(_ query: Query, rows: any ClinicRows, actor: Actor, now: Instant) throws -> JSON {
  let reading = Reading(rows: rows, actor: actor, now: now)
  let loyalty = LoyaltyReading(rows: rows, actor: actor, now: now)
  let followUps = FollowUpReading(rows: rows, actor: actor, now: now)
  let automation = AutomationReading(rows: rows, actor: actor, now: now)
  switch query {
  case .workflowHistory(let workflow): return try reading.history(of: workflow)
  case .clinicWorkflows(let filter): return try reading.workflows(filter)
  case .myTasks(let filter): return try reading.tasks(filter)
  case .staff(let includeInactive): return try reading.staff(includeInactive: includeInactive)
  case .treatments(let includeInactive): return try reading.treatments(includeInactive: includeInactive)
  case .me: return try reading.me()
  case .loyaltyProfile(let customer): return try loyalty.standing(of: customer)
  case .rewards(let customer): return try loyalty.rewards(for: customer)
  case .pointHistory(let filter): return try loyalty.history(filter)
  case .coupons(let customer): return try loyalty.coupons(of: customer)
  case .followUpRules: return try followUps.rules()
  case .followUpTemplates(let type): return try followUps.templates(of: type)
  case .followUps(let filter): return try followUps.messages(filter)
  case .followUpResults(let filter): return try followUps.results(filter)
  case .dryRunFollowUp(let run): return try followUps.dryRun(run)
  case .preferences(let customer): return try followUps.preferences(of: customer)
  case .automationRules: return try automation.rules()
  case .automationRuns(let filter): return try automation.runs(filter)
  case .dryRunAutomation(let trial): return try automation.dryRun(trial)
  case .unreadCount:
    try actor.permit(.readNotifications, reason: "query")
    return try automation.draft.unreadCount()
  case .loyaltySettings: return try loyalty.settings()
  }
}

/// One query's view of the clinic.
private struct Reading {
  let rows: any ClinicRows
  let actor: Actor
  let now: Instant

  /// A query is asked for no reason: a super admin's reading is in the access log, not in the clinic's books.
  func permit(_ deed: Deed) throws { try actor.permit(deed, reason: "query") }

  // MARK: One case

  func history(of id: ID) throws -> JSON {
    try permit(.readWorkflows)
    guard let workflow = try rows.row(Workflow.self, id) else {
      throw Refusal(.notFound, "There is no such case.", details: ["workflow_id": .id(id)])
    }
    let actions = try rows.rows(
      WorkflowAction.self, Selection(.equal("workflow_id", .id(id)), order: [.ascending("seq")]))
    let tasks = try rows.rows(Task.self, Selection(.equal("workflow_id", .id(id)), order: [.ascending("id")]))
    var names = Names(rows: rows)
    var entries: [JSON] = []
    var stages: [JSON] = []
    var entered: (stage: Stage, at: Instant)?
    for (index, action) in actions.enumerated() {
      var entry = visible(action)
      entry["actor_name"] = .text(try action.performedBy.flatMap { try names.user($0) })
      if let rule = action.ruleID {
        entry["rule_name"] = .text(try rows.row(AutomationRule.self, rule)?.ruleName)
      }
      // The clock may have gone back between two actions; time spent is never less than nothing.
      let next = index + 1 < actions.count ? actions[index + 1].performedAt : nil
      entry["duration_ms"] = next.map { .integer(max(0, ($0 - action.performedAt).milliseconds)) } ?? .null
      entries.append(.object(entry))
      if entered?.stage != action.toStage {
        if let entered { stages.append(stage(entered.stage, from: entered.at, to: action.performedAt)) }
        entered = (action.toStage, action.performedAt)
      }
    }
    if let entered { stages.append(stage(entered.stage, from: entered.at, to: nil)) }
    return [
      "workflow": try summary(workflow, &names), "actions": .array(entries), "stages": .array(stages),
      "tasks": .array(try tasks.map { .object(try taskEntry($0, &names)) }),
    ]
  }

  private func stage(_ stage: Stage, from: Instant, to: Instant?) -> JSON {
    [
      "stage": .word(stage), "entered_at": .instant(from), "left_at": .instant(to),
      "duration_ms": .integer(max(0, ((to ?? now) - from).milliseconds)),
    ]
  }

  // MARK: Lists

  func workflows(_ filter: WorkflowFilter) throws -> JSON {
    try permit(.readWorkflows)
    // By id, newest first: the order of creation is the one that pages do not shift under.
    var selection = Selection(order: [.descending("id")], limit: filter.limit + 1)
    if !filter.stages.isEmpty { selection.conditions.append(.oneOf("current_stage", filter.stages.map { .word($0) })) }
    if let status = filter.status { selection.conditions.append(.equal("status", .word(status))) }
    if let after = filter.after { selection.conditions.append(.less("id", .id(after))) }
    if let search = filter.search {
      selection.conditions.append(.oneOf("customer_id", try customers(matching: search).map { .id($0) }))
    }
    var found: [Workflow] = []
    switch filter.assigned {
    case nil: found = try rows.rows(Workflow.self, selection)
    case .me: found = try actor.staff.map { try assigned(to: $0, selection) } ?? []
    case .staff(let id): found = try assigned(to: id, selection)
    }
    let page = found.prefix(filter.limit)
    var names = Names(rows: rows)
    let open = try openTaskCounts(of: page.map(\.id))
    return [
      "workflows": .array(
        try page.map { workflow in
          var entry = try summary(workflow, &names).object ?? JSONObject()
          entry["open_tasks"] = .integer(open[workflow.id] ?? 0)
          return .object(entry)
        }),
      "next": found.count > filter.limit ? .id(page.last?.id) : .null,
    ]
  }

  /// A case is someone's on either side.
  private func assigned(to staff: ID, _ selection: Selection) throws -> [Workflow] {
    var (sales, beautician) = (selection, selection)
    sales.conditions.append(.equal("assigned_sales_id", .id(staff)))
    beautician.conditions.append(.equal("assigned_beautician_id", .id(staff)))
    let first = try rows.rows(Workflow.self, sales)
    let known = Set(first.map(\.id))
    let second = try rows.rows(Workflow.self, beautician).filter { !known.contains($0.id) }
    return selection.arrange(first + second)
  }

  private static let searchedCustomersMax = 200

  private func customers(matching text: String) throws -> [ID] {
    // Written with dashes or +66, a phone is still found; four digits are enough of one.
    let digits = text.filter { $0.isNumber }
    let phone = PhoneNumber.normalised(text) ?? (digits.count >= 4 && digits.count * 2 > text.count ? digits : nil)
    var conditions: [Condition] = [
      .contains("full_name", text), .contains("nickname", text), .contains("customer_code", text),
    ]
    if let phone { conditions.append(.contains("phone", phone)) }
    var found = Set<ID>()
    for condition in conditions {
      let customers = try rows.rows(
        Customer.self, Selection(condition, order: [.descending("id")], limit: Self.searchedCustomersMax))
      found.formUnion(customers.map(\.id))
    }
    return found.sorted()
  }

  private func openTaskCounts(of workflows: [ID]) throws -> [ID: Int] {
    if workflows.isEmpty { return [:] }
    let tasks = try rows.rows(
      Task.self, Selection(.oneOf("workflow_id", workflows.map { .id($0) }), .oneOf("status", Load.openStatus)))
    return tasks.reduce(into: [:]) { $0[$1.workflowID, default: 0] += 1 }
  }

  // MARK: Tasks

  /// The caller's tasks, most urgent first: by rank, then by due date with none last, then by age.
  func tasks(_ filter: TaskFilter) throws -> JSON {
    try permit(.readTasks)
    guard let staff = actor.staff else { return ["tasks": [], "pool": []] }
    let mine = try ordered(.equal("assigned_to", .id(staff)), filter)
    var pool: [Task] = []
    if filter.includesPool && (filter.status == .open || filter.status == .pending || filter.status == .overdue) {
      let types = TaskType.allCases.filter { type in
        guard let role = TaskTemplate.of(type).role else { return actor.isFrontDesk }
        return actor.role == role || actor.role == .owner || actor.role == .admin
      }
      if !types.isEmpty {
        pool = try ordered(.isNull("assigned_to"), filter, .oneOf("task_type", types.map { .word($0) }))
      }
    }
    var names = Names(rows: rows)
    return [
      "tasks": .array(try mine.map { try withCase($0, &names) }),
      "pool": .array(try pool.map { try withCase($0, &names) }),
    ]
  }

  private func ordered(_ whose: Condition, _ filter: TaskFilter, _ more: Condition...) throws -> [Task] {
    let statuses: [TaskStatus] =
      switch filter.status {
      case .open, .overdue: [.pending, .inProgress]
      case .pending: [.pending]
      case .inProgress: [.inProgress]
      case .completed: [.completed]
      case .cancelled: [.cancelled]
      }
    let isOver = filter.status == .completed || filter.status == .cancelled
    var selection = Selection(
      whose, .oneOf("status", statuses.map { .word($0) }),
      order: isOver
        ? [.descending("id")]
        : [.descending("priority_rank"), .ascending("due_date"), .ascending("created_at"), .ascending("id")],
      // Overdue is derived, so that the limit comes after it.
      limit: filter.status == .overdue ? nil : filter.limit)
    selection.conditions += more
    let tasks = try rows.rows(Task.self, selection)
    return filter.status == .overdue ? Array(tasks.filter { $0.isOverdue(at: now) }.prefix(filter.limit)) : tasks
  }

  private func taskEntry(_ task: Task, _ names: inout Names) throws -> JSONObject {
    var entry = task.jsonObject
    entry["overdue"] = .bool(task.isOverdue(at: now))
    entry["assigned_to_name"] = .text(try task.assignedTo.flatMap { try names.staff($0) })
    return entry
  }

  private func withCase(_ task: Task, _ names: inout Names) throws -> JSON {
    var entry = try taskEntry(task, &names)
    if let workflow = try rows.row(Workflow.self, task.workflowID) { entry["workflow"] = try summary(workflow, &names) }
    return .object(entry)
  }

  // MARK: People, catalogue, oneself

  func staff(includeInactive: Bool) throws -> JSON {
    try permit(.readStaff)
    var selection = Selection(order: [.ascending("id")])
    if !includeInactive { selection.conditions.append(.equal("is_active", .integer(1))) }
    let members = try rows.rows(StaffMember.self, selection)
    let calendar = try calendar()
    var open: [Task] = []
    var completed: [Task] = []
    // A statement takes a thousand values or so.
    for first in stride(from: 0, to: members.count, by: 500) {
      let ids = members[first..<min(first + 500, members.count)].map { Value.id($0.id) }
      open += try rows.rows(Task.self, Selection(.oneOf("assigned_to", ids), .oneOf("status", Load.openStatus)))
      completed += try rows.rows(
        Task.self,
        Selection(.oneOf("completed_by", ids), .atLeast("completed_at", .instant(calendar.dayStart(now)))))
    }
    let loads = try Load.of(
      members.map(\.id), on: now, now: now, calendar: calendar, open: open, completed: completed)
    return [
      "staff": .array(
        try members.map { member in
          let load = loads[member.id] ?? Load()
          return [
            "id": .id(member.id), "user_id": .id(member.userID),
            "name": .text(try rows.user(member.userID)?.fullName), "role": .word(member.role),
            "is_active": .bool(member.isActive), "front_desk": .bool(member.frontDesk), "skills": member.skills,
            "duty": .word(member.duty), "version": .integer(member.version),
            "today": [
              "open_minutes": .integer(load.openMinutes), "open_tasks": .integer(load.openTasks),
              "in_progress": .integer(load.running), "completed": .integer(load.completed),
            ],
          ]
        })
    ]
  }

  func treatments(includeInactive: Bool) throws -> JSON {
    try permit(.readTreatments)
    var selection = Selection(order: [.ascending("id")])
    if !includeInactive || actor.kind == .customer { selection.conditions.append(.equal("is_active", .integer(1))) }
    return [
      "treatments": .array(
        try rows.rows(Treatment.self, selection).map {
          [
            "id": .id($0.id), "names": $0.names, "category": .text($0.category),
            "duration_minutes": .integer($0.durationMinutes), "price_st": .integer($0.priceSt),
            "requires_consent": .bool($0.requiresConsent), "required_skill": .text($0.requiredSkill),
            "aftercare": $0.aftercare, "is_active": .bool($0.isActive),
          ]
        })
    ]
  }

  func me() throws -> JSON {
    try permit(.readSelf)
    guard let id = actor.user, let clinic = try rows.row(Clinic.self, rows.clinicID) else {
      throw Refusal(.notFound, "There is no such clinic.", details: ["clinic": .id(rows.clinicID)])
    }
    let user = try rows.user(id)
    let member = try actor.staff.flatMap { try rows.row(StaffMember.self, $0) }
    var rights = JSONObject()
    for deed in Deed.allCases {
      let grant = actor.isSuperAdmin && actor.role == nil ? Policy.of(deed).owner : Policy.of(deed).grant(to: actor)
      if grant > .never { rights[deed.rawValue] = grant == .any ? "any" : "own" }
    }
    return [
      "user": ["id": .id(id), "name": .text(user?.fullName), "locale": user.map { .word($0.locale) } ?? .null],
      "staff": member.map {
        [
          "id": .id($0.id), "role": .word($0.role), "duty": .word($0.duty), "front_desk": .bool($0.frontDesk),
          "skills": $0.skills,
        ]
      } ?? .null,
      "customer_id": .id(actor.customer),
      "clinic": [
        "id": .id(clinic.id), "code": .string(clinic.clinicCode), "names": clinic.displayName,
        "timezone": .string(clinic.timezone),
      ],
      "rights": .object(rights),
    ]
  }

  // MARK: Parts

  private func calendar() throws -> ClinicCalendar {
    ClinicCalendar(timezone: try rows.row(Clinic.self, rows.clinicID)?.timezone ?? "Asia/Bangkok")
  }

  /// A row without the columns that the caller's role does not see.
  private func visible(_ row: some Row) -> JSONObject {
    var object = row.jsonObject
    let membership = Membership(clinic: rows.clinicID, role: actor.role, staff: actor.staff, customer: actor.customer)
    let scope =
      actor.user.flatMap { membership.scope(user: $0) }
      ?? (actor.isSuperAdmin ? Scope(kind: .management, user: actor.user) : nil)
    for column in scope?.hidden(in: type(of: row).table) ?? type(of: row).table.columns { object["\(column)"] = nil }
    return object
  }

  /// A case as cards show it: its row, whom it is about and who has it.
  private func summary(_ workflow: Workflow, _ names: inout Names) throws -> JSON {
    var entry = visible(workflow)
    if let customer = try rows.row(Customer.self, workflow.customerID) {
      entry["customer"] = [
        "id": .id(customer.id), "customer_code": .string(customer.customerCode),
        "full_name": .string(customer.fullName), "nickname": .text(customer.nickname),
        "phone": .text(customer.phone), "customer_type": .word(customer.customerType),
        "allergies": .text(customer.allergies),
      ]
    }
    entry["sales_name"] = .text(try workflow.assignedSalesID.flatMap { try names.staff($0) })
    entry["beautician_name"] = .text(try workflow.assignedBeauticianID.flatMap { try names.staff($0) })
    return .object(entry)
  }
}

/// Names that have been looked up, each once per query.
private struct Names {
  let rows: any ClinicRows
  private var users: [ID: String?] = [:]
  private var members: [ID: String?] = [:]

  init(rows: any ClinicRows) { self.rows = rows }

  mutating func user(_ id: ID) throws -> String? {
    if let known = users[id] { return known }
    let name = try rows.user(id)?.fullName
    users[id] = .some(name)
    return name
  }

  mutating func staff(_ id: ID) throws -> String? {
    if let known = members[id] { return known }
    let name = try rows.row(StaffMember.self, id).flatMap { try user($0.userID) }
    members[id] = .some(name)
    return name
  }
}

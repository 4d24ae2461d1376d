import AuraDomain
import AuraStore

/// `/api/workflow/management`: the original's second face of the same cases and tasks.
extension APIRoute {
  static let management: [APIRoute] = [
    APIRoute(.post, "/api/workflow/management", .plain) { call in
      guard let action = try call.text("action") else { throw APICall.missing(["action"]) }
      let call = try call.inner("data")
      switch action {
      case "create_workflow": return .command(try WorkflowAction.create(call))
      case "execute_transition": return .command(try WorkflowAction.move(nil, call))
      case "create_task": return .command(try TaskCommand.create(call))
      case "update_task_status":
        try call.need(["status"])
        return .command(try TaskCommand.update(call))
      case "broadcast_event": return .command(try Bell.broadcast(call))
      case "get_workflow":
        guard let id = try call.id("workflowId", "workflow_id") else { throw APICall.missing(["workflowId"]) }
        return .read { APIPage(try $0.workflow(id)) }
      case "list_workflows":
        let filter = try call.bodyFilter()
        return .read { APIPage(try $0.workflows(filter)) }
      default: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
    },
    APIRoute(.get, "/api/workflow/management", .plain) { call in
      try call.checkParameters()
      switch call.parameter("type") {
      case "my_tasks":
        var filter = TaskFilter()
        filter.status = try call.parameterWord("status", TaskFilter.Status.self) ?? .open
        filter.limit = try call.limit(50, max: 100)
        return .read { [filter] in APIPage(try $0.tasks(filter)) }
      case "workflow_tasks":
        let id = try call.neededID("workflowId", "workflow_id")
        return .read { APIPage(["tasks": try $0.workflow(id)["tasks"] ?? []]) }
      case "clinic_workflows":
        let filter = try call.workflowFilter()
        return .read { APIPage(try $0.workflows(filter)) }
      case "workflow_stats": return .read { APIPage(try $0.stages()) }
      case "event_history":
        let workflow = try call.parameterID("workflowId", "workflow_id")
        let (limit, after) = (try call.limit(50, max: 200), try call.parameterID("after"))
        return .read { APIPage(try $0.events(of: workflow, limit: limit, after: after)) }
      case "dashboard_summary": return .read { APIPage(try $0.summary()) }
      case nil: throw APICall.missing(["type"])
      case .some: throw Refusal(.badRequest, "Invalid type", details: ["path": "type"])
      }
    },
  ]
}

extension APICall {
  fileprivate func bodyFilter() throws -> WorkflowFilter {
    var parameters = self
    parameters.query = try ["stage", "status", "search", "after"].compactMap { name in
      try text(name).map { (name, $0) }
    }
    if let limit = value("limit") {
      guard let number = limit.integer else { throw Self.bad("limit", "a whole number from 1 on is expected") }
      parameters.query.append(("limit", "\(number)"))
    }
    return try parameters.workflowFilter()
  }
}

extension APIReading {
  /// The clinic's cases by stage and by status.
  func stages() throws -> JSON {
    try permit(.readWorkflows)
    let counts = try reader.caseCounts(clinic: rows.clinicID)
    var byStage = JSONObject(Stage.allCases.map { .init(name: $0.rawValue, value: 0) })
    for (stage, count) in counts.activeByStage { byStage[stage] = .integer(count) }
    var byStatus = JSONObject(WorkflowStatus.allCases.map { .init(name: $0.rawValue, value: 0) })
    for (status, count) in counts.byStatus { byStatus[status] = .integer(count) }
    return [
      "byStage": .object(byStage), "byStatus": .object(byStatus),
      "total": .integer(counts.byStatus.values.reduce(0, +)), "active": byStatus["active"] ?? 0,
    ]
  }

  func summary() throws -> JSON {
    let stages = try stages()
    let calendar = ClinicCalendar(timezone: try rows.row(Clinic.self, rows.clinicID)?.timezone ?? "Asia/Bangkok")
    let today = calendar.dayStart(now)
    let figures = try reader.dayFigures(clinic: rows.clinicID, since: today, now: now)
    var paid: JSONObject = ["count": .integer(figures.payments)]
    if actor.scope?.seesMoney ?? false { paid["totalSt"] = .integer(figures.paidSt) }
    return [
      "workflows": stages,
      "tasks": [
        "pending": .integer(figures.pendingTasks), "in_progress": .integer(figures.runningTasks),
        "overdue": .integer(figures.overdueTasks),
      ],
      "today": [
        "since": .instant(today), "newWorkflows": .integer(figures.newCases),
        "completedTreatments": .integer(figures.completedTreatments), "payments": .object(paid),
      ],
    ]
  }

  /// Business events for the caller or their role, newest first; `next` is the `after` of the next page.
  func events(of workflow: ID?, limit: Int, after: ID?) throws -> JSON {
    let conditions = workflow.map { [Condition.equal("workflow_id", .id($0))] } ?? []
    // What is not for the caller is left out behind the limit: a page may be shorter, and says where it ended.
    guard let scope = actor.scope, scope.mayRead(.workflowEvents) else {
      throw Refusal(.forbidden, "This is not for your role.", details: ["needs": "role"])
    }
    var selection = Selection(order: [.descending("id")], limit: limit)
    selection.conditions = conditions
    if let after { selection.conditions.append(.less("id", .id(after))) }
    let found = try rows.rows(WorkflowEvent.self, selection)
    return [
      "events": .array(
        found.filter { scope.admits(.workflowEvents, $0.keys) }.map { .object(visible($0)) }),
      "next": found.count == limit ? .id(found.last?.id) : .null,
    ]
  }
}

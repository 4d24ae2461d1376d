import AuraDomain
import AuraStore

extension APIRoute {
  static let tasks: [APIRoute] = [
    APIRoute(.get, "/api/tasks", .plain, top: ["tasks"]) { call in
      var filter = TaskFilter()
      filter.status = try call.parameterWord("status", TaskFilter.Status.self) ?? .pending
      filter.limit = try call.limit(20, max: 100)
      return .read { [filter] in APIPage(try $0.tasks(filter)) }
    },
    APIRoute(.post, "/api/tasks", .plain, top: ["task"]) { call in .command(try TaskCommand.create(call)) },
    APIRoute(.patch, "/api/tasks", .plain, top: ["task"]) { call in .command(try TaskCommand.update(call)) },
  ]
}

enum TaskCommand {
  static func create(_ call: APICall) throws -> APICommand {
    try call.need(["workflow_id", "workflowId", "journeyId"], ["task_type", "taskType"], ["title"])
    let (command, names) = try call.command(
      "createTask",
      [
        APIArgument("workflowId", "workflow_id", "journeyId"), APIArgument("assignedTo", "assigned_to"),
        APIArgument("type", "task_type", "taskType").only("task_type", "taskType"), APIArgument("title"),
        APIArgument("description"), APIArgument("priority"), APIArgument("dueDate", "due_date", kind: .time),
        APIArgument("taskData", "task_data"), APIArgument("estimatedMinutes", "estimated_duration"),
        APIArgument("dedupeKey", "dedupe_key"),
      ])
    return APICommand(command, names: names, answer: answer("The task is made."))
  }

  /// `version` is the one that the client has seen: a task that somebody else has changed since is left alone.
  static func update(_ call: APICall) throws -> APICommand {
    try call.need(["task_id", "taskId", "id"])
    let (command, names) = try call.command(
      "updateTask",
      [
        APIArgument("taskId", "task_id", "id"), APIArgument("status"), APIArgument("notes"), APIArgument("priority"),
        APIArgument("dueDate", "due_date", kind: .time), APIArgument("description"),
        APIArgument("assignedTo", "assigned_to"), APIArgument("reason"), APIArgument("deviceSeq"),
        APIArgument("clientTime", kind: .time),
      ])
    var api = APICommand(command, names: names, answer: answer("The task is updated."))
    if let version = call.value("version"), case .updateTask(let update) = command {
      guard let number = version.integer, number >= 1 else { throw APICall.bad("version", "a version is expected") }
      api.expect = [Expectation(table: .taskQueue, id: update.step.task, version: number)]
    }
    return api
  }

  /// The task after the command, and whether it was so already.
  private static func answer(_ message: String) -> @Sendable (JSON, inout Draft) throws -> JSON {
    { result, draft in
      var data: JSONObject = ["message": .string(message), "already": result["already"] ?? false]
      let task = try result["taskId"]?.id.flatMap { try draft.row(Task.self, $0) }
      data["task"] = task.map { .object($0.told) } ?? .null
      if let points = result["pointsAwarded"] { data["pointsAwarded"] = points }
      return .object(data)
    }
  }
}

extension APIArgument {
  /// Under these names only: the argument's own means something else in the body.
  func only(_ names: String...) -> APIArgument {
    var argument = self
    argument.names = names
    return argument
  }
}

extension Task {
  /// The row as clients read it.
  var told: JSONObject { jsonObject }
}

extension APIReading {
  /// The caller's own tasks and what they may take from the pool, each with its case and customer as the original's
  /// joins name them.
  func tasks(_ filter: TaskFilter) throws -> JSON {
    let found = try ask(.myTasks(filter))
    return [
      "tasks": .array((found["tasks"]?.array ?? []).map(joined)),
      "pool": .array((found["pool"]?.array ?? []).map(joined)),
    ]
  }

  private func joined(_ task: JSON) -> JSON {
    var told = task.object ?? JSONObject()
    let workflow = told["workflow"]
    told["workflow"] = nil
    told["workflow_states"] =
      workflow.map { workflow in
        let customer = workflow["customer"]
        return [
          "id": workflow["id"] ?? .null, "current_stage": workflow["current_stage"] ?? .null,
          "customer_id": workflow["customer_id"] ?? .null, "treatment_name": workflow["treatment_name"] ?? .null,
          "scheduled_start": workflow["scheduled_start"] ?? .null, "room": workflow["room"] ?? .null,
          "customers": customer.map { customer in
            [
              "id": customer["id"] ?? .null, "full_name": customer["full_name"] ?? .null,
              "phone": customer["phone"] ?? .null, "nickname": customer["nickname"] ?? .null,
              "allergies": customer["allergies"] ?? .null,
            ]
          } ?? .null,
        ]
      } ?? .null
    return .object(told)
  }
}

import AuraDomain

/// The steps of a case: `POST /api/workflow {action, …}`, and the later routes that ask for the same in other words.
extension APIRoute {
  static let workflow: [APIRoute] = [
    APIRoute(.post, "/api/workflow", .plain) { call in
      try call.need(["action"])
      guard let action = try call.text("action"), let step = WorkflowAction.all[action] else {
        throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
      return .command(try step.command(call))
    },
    APIRoute(.put, "/api/workflow/{id}/stage", .plain) { call in
      guard let workflow = call.path["id"].flatMap({ ID($0) }) else {
        throw Refusal(.notFound, "There is no such case.")
      }
      return .command(try WorkflowAction.move(workflow, call))
    },
    APIRoute(.post, "/api/workflow/unified", .plain) { call in
      let call = try call.inner("data")
      switch try call.text("action") {
      case "create": return .command(try WorkflowAction.create(call))
      case "transition": return .command(try WorkflowAction.move(nil, call))
      case "get":
        try call.need(["workflow_id", "workflowId", "id"])
        guard let id = try call.id("workflow_id", "workflowId", "id") else { throw APICall.missing(["workflow_id"]) }
        return .read { APIPage(try $0.workflow(id)) }
      case nil: throw APICall.missing(["action"])
      default: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
    },
    APIRoute(.get, "/api/workflow/unified", .plain) { call in
      try call.checkParameters()
      _ = try call.parameterWord("status", WorkflowStatus.self)
      switch call.parameter("action") {
      case "get":
        let id = try call.neededID("workflow_id", "workflowId")
        return .read { APIPage(try $0.workflow(id)) }
      case "list_by_sales":
        let (sales, filter) = (try call.parameterID("sales_id", "salesId"), try call.workflowFilter())
        return .read { reading in
          var filter = filter
          filter.assigned = try sales.map { .staff(try reading.staff($0)) } ?? .me
          return APIPage(try reading.workflows(filter))
        }
      case "list_by_clinic":
        let filter = try call.workflowFilter()
        return .read { APIPage(try $0.workflows(filter)) }
      case nil: throw APICall.missing(["action"])
      case .some: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
    },
  ]
}

/// One action of `POST /api/workflow`: the command's name, its arguments in the body, and the words of the answer.
struct WorkflowAction: Sendable {
  var name: String
  /// Each with its other names: a body that lacks one is refused.
  var needed: [[String]]
  var arguments: [APIArgument]
  var message: String

  static let workflowNames = ["journeyId", "workflowId", "workflow_id"]
  static let workflowID = APIArgument("workflowId", "journeyId", "workflow_id")
  private static let beautician = APIArgument("beauticianId", "beautician_id")
  private static let sales = APIArgument("salesId", "sales_id")
  private static let time = APIArgument("scheduledTime", "scheduled_time", "scheduledStart", kind: .time)
  private static let treatment = [
    APIArgument("treatmentId", "treatment_id"), APIArgument("treatmentName", "treatment_name"),
  ]
  private static let step = [
    workflowID, APIArgument("notes"), APIArgument("reason"), APIArgument("deviceSeq"),
    APIArgument("clientTime", kind: .time),
  ]
  private static let booking = [
    beautician, time, APIArgument("room"), APIArgument("priority"), APIArgument("override"),
  ]
  private static let payment =
    treatment + booking + [
      APIArgument("amount"), APIArgument("paymentMethod", "payment_method"), APIArgument("couponCode", "coupon_code"),
    ]

  static let all: [String: WorkflowAction] = Dictionary(
    uniqueKeysWithValues: [
      ("initialize", [], "The case is open."),
      ("createTask", ["beauticianId", "scheduledTime"], "The appointment is made and the task is assigned."),
      ("scheduleAppointment", ["scheduledTime"], "The appointment is made."),
      ("confirmPayment", ["amount", "paymentMethod"], "The payment is confirmed."),
      ("scanCustomer", ["scanResults"], "The scan is kept."),
      ("sendProposal", ["plan"], "The proposal is sent."),
      ("checkIn", [], "The customer is here."),
      ("startTreatment", [], "The treatment has begun."),
      ("completeTreatment", [], "The treatment is completed."),
      ("sendFollowUp", [], "The follow-up is noted."),
      ("closeCase", [], "The case is closed."),
      ("transition", ["toStage"], "The case has moved."),
      ("reassign", [], "The case is handed over."),
      ("noShow", [], "The customer has not come."),
      ("abortTreatment", [], "The treatment is broken off."),
      ("cancel", [], "The case is cancelled."),
      ("reopen", [], "The case is open again."),
      ("correct", [], "The last step is taken back."),
      ("startCycle", [], "The next round is open."),
    ].map { name, needed, message in
      let aliases = needed.map { need in arguments(of: name).first { $0.name == need }?.names ?? [need] }
      return (
        name,
        WorkflowAction(
          name: name, needed: (name == "initialize" ? [["customerData", "customer"]] : [workflowNames]) + aliases,
          arguments: arguments(of: name), message: message)
      )
    })

  private static func arguments(of name: String) -> [APIArgument] {
    switch name {
    case "initialize": [sales, APIArgument("treatmentId", "treatment_id"), APIArgument("scanId"), APIArgument("notes")]
    case "createTask": step + booking
    case "scheduleAppointment":
      step + booking + [APIArgument("treatmentId", "treatment_id"), APIArgument("durationMinutes")]
    case "confirmPayment": step + payment
    case "scanCustomer": step + [APIArgument("scanResults", "scan_results"), APIArgument("consent")]
    case "sendProposal": step + [APIArgument("plan", kind: .lines)]
    case "startTreatment": step + [beautician, APIArgument("takeover"), APIArgument("consent")]
    case "completeTreatment": step + [APIArgument("checklist")]
    case "sendFollowUp": step + [APIArgument("channel")]
    case "transition": [workflowID, APIArgument("toStage", "to_stage", "new_stage")]
    case "reassign": step + [sales, beautician, APIArgument("override")]
    case "cancel": step + [APIArgument("settlement")]
    case "startCycle": step + [APIArgument("treatmentId", "treatment_id")]
    default: step
    }
  }

  func command(_ call: APICall) throws -> APICommand {
    switch name {
    case "initialize": return try Self.create(call)
    case "transition": return try Self.move(nil, call)
    case "createTask": return try appointment(call)
    default:
      try call.need(needed)
      let (command, names) = try call.command(name, arguments)
      let customer = try call.id("customerId", "customer_id")
      let workflow = try call.id("journeyId", "workflowId", "workflow_id")
      return APICommand(
        command, names: names,
        prepare: { command, draft in
          if let workflow { try draft.check(customer: customer, of: workflow) }
          return command
        }, answer: Self.answer(message))
    }
  }

  /// The original's second call: who treats, and when. It is the appointment of a case that is paid.
  private func appointment(_ call: APICall) throws -> APICommand {
    try call.need(needed)
    let (command, names) = try call.command("scheduleAppointment", arguments)
    let (treatment, customer) = (try call.text("treatmentName", "treatment_name"), try call.id("customerId"))
    return APICommand(
      command, names: names,
      prepare: { command, draft in
        guard case .scheduleAppointment(var booking) = command else { return command }
        try draft.check(customer: customer, of: booking.step.workflow)
        if let treatment { booking.treatment = try draft.treatment(named: treatment) }
        return .scheduleAppointment(booking)
      },
      answer: { result, draft in
        var data = try Self.told(result, message)
        if let id = result["taskId"]?.id, let task = try draft.row(Task.self, id) { data["task"] = .object(task.told) }
        return .object(data)
      })
  }

  // MARK: The same in other words

  /// A new case: `customerData` with what is known of the person, members that no customer has left out.
  static func create(_ call: APICall, message: String = "The case is open.") throws -> APICommand {
    try call.need(["customerData", "customer", "customer_data"])
    guard let customer = call.value("customerData", "customer", "customer_data")?.object else {
      throw APICall.bad("customerData", "an object is expected")
    }
    let person = APICall(path: [:], query: [], body: customer)
    if person.value("name", "full_name", "fullName") == nil || person.value("phone") == nil {
      throw APICall.missing(["customerData.name", "customerData.phone"])
    }
    let known = try person.arguments([
      APIArgument("name", "full_name", "fullName"), APIArgument("phone"), APIArgument("nickname"),
      APIArgument("email"), APIArgument("age"), APIArgument("dateOfBirth", "date_of_birth"), APIArgument("gender"),
      APIArgument("source"), APIArgument("allergies"), APIArgument("language"),
      APIArgument("referralCode", "referral_code"),
    ]).args
    let (command, names) = try call.command(
      "initialize", arguments(of: "initialize"), with: ["customerData": .object(known)])
    return APICommand(command, names: names, answer: answer(message))
  }

  /// A case to a stage: the one action that leads there, with its arguments in `metadata` or beside it. `assign_to` is
  /// who treats where that action names somebody, and whoever takes the case over where it does not.
  static func move(_ workflow: ID?, _ call: APICall) throws -> APICommand {
    if workflow == nil { try call.need(workflowNames, ["toStage", "to_stage", "new_stage"]) }
    try call.need(["new_stage", "toStage", "to_stage"])
    let named = try call.text("new_stage", "toStage", "to_stage") ?? ""
    // The rewrite of the original has other words for two of them.
    let stage = ["treatment_planned": "treatment_scheduled", "in_progress": "in_treatment"][named] ?? named
    let inner = try call.inner("metadata")
    let assignee = try call.id("assign_to", "assignTo", "assigned_to")
    // Only what the action takes: another's argument would be refused.
    let wanted: [APIArgument] =
      switch stage {
      case "scanned": arguments(of: "scanCustomer")
      case "proposal_sent": arguments(of: "sendProposal")
      case "payment_confirmed": arguments(of: "confirmPayment")
      case "treatment_scheduled": arguments(of: "scheduleAppointment")
      case "in_treatment": arguments(of: "startTreatment")
      case "treatment_completed": arguments(of: "completeTreatment")
      case "follow_up": arguments(of: "sendFollowUp")
      default: step
      }
    var metadata = try inner.arguments(wanted).args
    metadata["workflowId"] = nil
    let takesBeautician = ["payment_confirmed", "treatment_scheduled", "in_treatment"].contains(stage)
    if let assignee, takesBeautician, metadata["beauticianId"] == nil { metadata["beauticianId"] = .id(assignee) }
    var more: JSONObject = ["metadata": .object(metadata)]
    if let workflow { more["workflowId"] = .id(workflow) }
    let (command, names) = try call.command("transition", arguments(of: "transition"), with: more)
    return APICommand(
      command, names: names,
      answer: { result, draft in
        var result = result
        if let assignee, !takesBeautician, let workflow = result["workflowId"]?.id {
          let staff = try draft.staff(assignee) ?? assignee
          let isSales = try draft.row(StaffMember.self, staff)?.role == .sales
          let handed = try decide(
            .reassign(
              Reassign(
                step: WorkflowStep(workflow), sales: isSales ? staff : nil, beautician: isSales ? nil : staff)), &draft)
          for member in handed.object?.members ?? [] { result.set(member.name, member.value) }
        }
        return .object(try told(result, "The case has moved."))
      })
  }

  // MARK: Answers

  static func answer(_ message: String) -> @Sendable (JSON, inout Draft) throws -> JSON {
    { result, _ in .object(try told(result, message)) }
  }

  /// What a step of a case answers, with the names that clients know it by.
  static func told(_ result: JSON, _ message: String) throws -> JSONObject {
    var data: JSONObject = ["journeyId": result["workflowId"] ?? .null, "message": .string(message)]
    data.members += result.object?.members ?? []
    data["current_stage"] = result["stage"]
    return data
  }
}

extension APICall {
  fileprivate func need(_ members: [[String]]) throws {
    let lacking = members.filter { names in
      !names.contains { name in body[name].map { $0 != .null && $0 != "" } ?? false }
    }
    if !lacking.isEmpty { throw Self.missing(lacking.compactMap(\.first)) }
  }

  /// Refuses parameters that are malformed, whether or not what is asked for looks at them.
  func checkParameters() throws {
    _ = try parameterWord("stage", Stage.self)
    _ = try positive("limit")
    for (name, alias) in [("after", "after"), ("workflowId", "workflow_id"), ("salesId", "sales_id")] {
      _ = try parameterID(name, alias)
    }
  }

  func workflowFilter() throws -> WorkflowFilter {
    var filter = WorkflowFilter()
    if let stage = try parameterWord("stage", Stage.self) { filter.stages = [stage] }
    filter.status = try parameterWord("status", WorkflowStatus.self)
    filter.search = parameter("search")
    filter.limit = try limit(50, max: WorkflowFilter.limitMax)
    filter.after = try parameterID("after")
    return filter
  }
}

extension APIReading {
  /// A case with its history, each action under both names of its members.
  func workflow(_ id: ID) throws -> JSON {
    let history = try ask(.workflowHistory(workflow: id))
    return [
      "workflow": history["workflow"] ?? .null,
      "actions": .array(
        (history["actions"]?.array ?? []).map { action in
          var told = action.object ?? JSONObject()
          told["action_type"] = told["type"]
          told["action_metadata"] = told["data"]
          told["created_at"] = told["performed_at"]
          return .object(told)
        }),
      "stages": history["stages"] ?? [], "tasks": history["tasks"] ?? [],
    ]
  }

  func workflows(_ filter: WorkflowFilter) throws -> JSON { try ask(.clinicWorkflows(filter)) }

  /// A member of staff by id or by user.
  func staff(_ id: ID) throws -> ID {
    if try rows.row(StaffMember.self, id) != nil { return id }
    return try rows.rows(StaffMember.self, Selection(.equal("user_id", .id(id)), limit: 1)).first?.id ?? id
  }
}

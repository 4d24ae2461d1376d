/// One way of the state machine: an action leads from a stage to a stage. `from` is `nil` where a case begins.
package struct Edge: Sendable, Equatable {
  package var action: ActionType
  package var from: Stage?
  package var to: Stage
}

/// The state machine as a list. What moves a case between stages is here and nowhere else; guards and effects are with
/// each action.
package enum Edges {
  package static let all: [Edge] = [
    Edge(action: .initialize, from: nil, to: .leadCreated),
    Edge(action: .startCycle, from: nil, to: .leadCreated),
    Edge(action: .startCycle, from: nil, to: .scanned),
    Edge(action: .scanCustomer, from: .leadCreated, to: .scanned),
    Edge(action: .sendProposal, from: .scanned, to: .proposalSent),
    // Sales may confirm straight after a lead; the action keeps which stages were skipped.
    Edge(action: .confirmPayment, from: .leadCreated, to: .paymentConfirmed),
    Edge(action: .confirmPayment, from: .scanned, to: .paymentConfirmed),
    Edge(action: .confirmPayment, from: .proposalSent, to: .paymentConfirmed),
    Edge(action: .scheduleAppointment, from: .paymentConfirmed, to: .treatmentScheduled),
    Edge(action: .scheduleAppointment, from: .treatmentScheduled, to: .treatmentScheduled),
    Edge(action: .checkIn, from: .treatmentScheduled, to: .treatmentScheduled),
    Edge(action: .noShow, from: .treatmentScheduled, to: .paymentConfirmed),
    Edge(action: .startTreatment, from: .treatmentScheduled, to: .inTreatment),
    Edge(action: .abortTreatment, from: .inTreatment, to: .treatmentScheduled),
    Edge(action: .completeTreatment, from: .inTreatment, to: .treatmentCompleted),
    Edge(action: .sendFollowUp, from: .treatmentCompleted, to: .followUp),
    Edge(action: .closeCase, from: .followUp, to: .completed),
    Edge(action: .reopen, from: .completed, to: .followUp),
  ]

  package static func from(_ stage: Stage) -> [Edge] { all.filter { $0.from == stage } }

  /// The actions that may lead to a stage from some other, for `transition`. A walk-in is started from
  /// `payment_confirmed` too: `startTreatment` books the slot itself.
  package static func actions(leadingTo stage: Stage) -> [ActionType] {
    var actions: [ActionType] = []
    for edge in all where edge.to == stage && edge.from != nil && edge.from != stage && !actions.contains(edge.action) {
      actions.append(edge.action)
    }
    return actions
  }

  package static func destination(of action: ActionType, from stage: Stage) -> Stage? {
    all.first { $0.action == action && $0.from == stage }?.to
  }
}

extension ActionType {
  /// The command that does this action.
  package var commandName: String {
    var name = ""
    var raises = false
    for character in rawValue {
      if character == "_" {
        raises = true
      } else {
        name += raises ? character.uppercased() : String(character)
        raises = false
      }
    }
    return name
  }
}

extension Stage {
  var isBeforePayment: Bool { self == .leadCreated || self == .scanned || self == .proposalSent }
}

extension Workflow {
  var isOpenLead: Bool { status == .active && currentStage.isBeforePayment }

  /// The stage that `action` leads to from here, or `invalid_transition` with what is allowed instead.
  func destination(of action: ActionType) throws(Refusal) -> Stage {
    guard status == .active, let stage = Edges.destination(of: action, from: currentStage) else {
      throw invalid("\(action.commandName) does not lead on from \(currentStage.rawValue)")
    }
    return stage
  }

  /// `invalid_transition` with where the case stands and what leads on from there.
  func invalid(_ message: String, _ more: JSONObject = JSONObject()) -> Refusal {
    var details: JSONObject = [
      "workflow_id": .id(id), "current_stage": .word(currentStage), "status": .word(status),
      "version": .integer(version),
      "allowed": .array(
        status == .active
          ? Edges.from(currentStage).map { ["action": .string($0.action.commandName), "to": .word($0.to)] } : []),
    ]
    details.members += more.members
    return Refusal(.invalidTransition, "\(message).", details: .object(details))
  }
}

extension JSON {
  package static func id(_ id: ID) -> JSON { .string(id.description) }
  package static func id(_ id: ID?) -> JSON { id.map { .string($0.description) } ?? .null }
  package static func word(_ word: some RawRepresentable<String>) -> JSON { .string(word.rawValue) }
  package static func instant(_ at: Instant) -> JSON { .integer(at.milliseconds) }
  package static func instant(_ at: Instant?) -> JSON { at.map { .integer($0.milliseconds) } ?? .null }
  package static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }
  var id: ID? { string.flatMap { ID($0) } }
}

/// What a transition adds to its row in the history.
struct ActionRecord {
  var type: ActionType
  var data = JSONObject()
  var notes: String?
  var device: DeviceMark?

  init(_ type: ActionType, _ step: WorkflowStep? = nil, data: JSONObject = JSONObject()) {
    self.type = type
    self.data = data
    self.notes = step?.notes
    self.device = step?.device
    if let reason = step?.reason { self.data["reason"] = .string(reason) }
  }
}

extension Draft {
  /// The case, or `not_found`: one of another clinic does not exist here.
  func workflow(_ id: ID) throws -> Workflow {
    guard let workflow = try row(Workflow.self, id) else {
      throw Refusal(.notFound, "There is no such case.", details: ["workflow_id": .id(id)])
    }
    return workflow
  }

  /// The reason given with the command or beside it.
  func reason(_ step: WorkflowStep) -> String? { step.reason ?? reason }

  func isSales(of workflow: Workflow) -> Bool { actor.staff != nil && workflow.assignedSalesID == actor.staff }
  func isBeautician(of workflow: Workflow) -> Bool {
    actor.staff != nil && workflow.assignedBeauticianID == actor.staff
  }

  /// Whether a case is the caller's, as `Grant.own` means it.
  func owns(_ workflow: Workflow) -> Bool {
    if let customer = actor.customer { return workflow.customerID == customer }
    switch actor.role {
    case .sales: return isSales(of: workflow)
    case .staff: return isBeautician(of: workflow) || workflow.assignedBeauticianID == nil
    case .owner, .admin, nil: return false
    }
  }

  func permit(_ deed: Deed, on workflow: Workflow, _ step: WorkflowStep? = nil) throws {
    try actor.permit(deed, isOwn: owns(workflow), reason: step.flatMap(reason) ?? reason)
  }

  /// Writes one transition: the state, its version one higher; what follows from it; the action with the case's next
  /// number; and, for nobody to see, what it takes to undo it.
  @discardableResult
  mutating func move(
    _ before: Workflow, to stage: Stage, as record: ActionRecord,
    change: (inout Workflow) -> Void = { _ in },
    effects: (inout Draft, Workflow, inout ActionRecord) throws -> Void = { _, _, _ in }
  ) throws -> Workflow {
    let tasksBefore = try tasks(of: before.id)
    let after = try update(before) { [now] row in
      change(&row)
      if row.currentStage != stage {
        row.currentStage = stage
        row.stageEnteredAt = max(now, row.stageEnteredAt)
      }
    }
    var record = record
    try effects(&self, after, &record)
    try settleFollowUps(of: after, instead: before)
    if record.type.isCorrectable {
      keepUndo(after.id, try undo(from: before, to: after, tasksBefore: tasksBefore))
    } else {
      keepUndo(after.id, .none)
    }
    try writeAction(record, after, from: before.currentStage)
    if stage != before.currentStage || after.status != before.status {
      try emit(
        .stageChanged, after,
        data: [
          "from_stage": .word(before.currentStage), "to_stage": .word(stage), "status": .word(after.status),
          "action": .word(record.type),
        ], staff: [after.assignedSalesID, after.assignedBeauticianID], roles: .leaders)
    } else {
      try emit(
        .workflowUpdated, after, data: ["action": .word(record.type)],
        staff: [after.assignedSalesID, after.assignedBeauticianID], roles: .leaders)
    }
    return after
  }

  mutating func writeAction(_ record: ActionRecord, _ workflow: Workflow, from stage: Stage?) throws {
    var action = WorkflowAction()
    action.id = newID()
    action.clinicID = clinicID
    action.workflowID = workflow.id
    action.seq = (try lastAction(of: workflow.id)?.seq ?? 0) + 1
    action.type = record.type
    action.performedBy = actor.user
    action.actorKind = actor.kind
    action.performedAt = now
    action.fromStage = stage
    action.toStage = workflow.currentStage
    var data = record.data
    if let device = record.device {
      data["device_seq"] = device.seq.map(JSON.integer)
      data["client_time"] = device.clientTime.map(JSON.instant)
    }
    if actor.isSuperAdmin && actor.role == nil { data["super_admin_reason"] = .text(reason) }
    action.data = .object(data)
    action.notes = record.notes
    action.commandID = commandKey
    action.ruleID = rule?.id
    insert(action)
    noteEntry(action)
  }

  func lastAction(of workflow: ID) throws -> WorkflowAction? {
    try rows(
      WorkflowAction.self,
      Selection(.equal("workflow_id", .id(workflow)), order: [.descending("seq")], limit: 1)
    ).first
  }

  func tasks(of workflow: ID) throws -> [Task] {
    try rows(Task.self, Selection(.equal("workflow_id", .id(workflow)), order: [.ascending("id")]))
  }

  /// The number that the case's next action will have: part of the keys of what happens once per action.
  func nextActionSeq(of workflow: ID) throws -> Int { (try lastAction(of: workflow)?.seq ?? 0) + 1 }

  /// What a command on a case answers.
  func outcome(_ workflow: Workflow, _ more: JSONObject = JSONObject()) throws -> JSON {
    let current = try row(Workflow.self, workflow.id) ?? workflow
    var result: JSONObject = [
      "workflowId": .id(current.id), "customerId": .id(current.customerID), "stage": .word(current.currentStage),
      "status": .word(current.status), "version": .integer(current.version),
    ]
    result.members += more.members
    return .object(result)
  }
}

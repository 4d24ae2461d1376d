extension Draft {
  /// What kept messages from a customer is over, an objection or a consent that was missing: what would have been planned
  /// without it and is still to come is planned now.
  mutating func planStillToCome(for customer: ID, where isMeant: (FollowUpRule) -> Bool = { _ in true }) throws {
    let open = try rows(
      Workflow.self,
      Selection(
        .equal("customer_id", .id(customer)), .equal("status", .word(WorkflowStatus.active)),
        order: [.descending("id")], limit: 10))
    var occasions = try open.compactMap { try comingOccasion(of: $0) }
    if let last = try lastTreatment(of: customer) { occasions.append(last) }
    occasions += try pointsEndingSoon(of: customer)
    for occasion in occasions { try planStillToCome(occasion, where: isMeant) }
  }

  /// A case that was cancelled is open again, and so is what was to be said of it; its reminders are planned with its
  /// appointment.
  mutating func planStillToCome(in workflow: Workflow) throws {
    if workflow.currentStage == .proposalSent, let proposal = try comingOccasion(of: workflow) {
      try planStillToCome(proposal) { _ in true }
    }
    guard workflow.currentStage.isTreated, let treated = try treatedOccasion(workflow) else { return }
    // Who was treated again since has not been away since this one.
    let isLast = try lastTreatment(of: workflow.customerID)?.workflow == workflow.id
    try planStillToCome(treated) { isLast || $0.type != .inactiveReactivation }
  }

  private mutating func planStillToCome(
    _ occasion: FollowUpOccasion, where isMeant: (FollowUpRule) -> Bool
  ) throws {
    for rule in try followUpRules(for: occasion.kind) where isMeant(rule) && rule.ideal(for: occasion.moment) > now {
      try plan(rule, occasion)
    }
  }

  /// What a case waits for: its appointment, or that its proposal is paid.
  private func comingOccasion(of workflow: Workflow) throws -> FollowUpOccasion? {
    switch workflow.currentStage {
    case .treatmentScheduled where workflow.checkedInAt == nil: return appointmentOccasion(workflow)
    case .proposalSent:
      guard let sent = try lastAction(.sendProposal, of: workflow.id)?.performedAt else { return nil }
      return try proposalOccasion(workflow, sent: sent)
    case .leadCreated, .scanned, .paymentConfirmed, .treatmentScheduled, .inTreatment, .treatmentCompleted, .followUp,
      .completed:
      return nil
    }
  }

  private func treatedOccasion(_ workflow: Workflow) throws -> FollowUpOccasion? {
    try lastAction(.completeTreatment, of: workflow.id).map { completion in
      FollowUpOccasion(
        kind: .treated, customer: workflow.customerID, workflow: workflow.id, anchor: workflow.id.description,
        moment: completion.performedAt)
    }
  }

  /// The treatment that ended last, of the customer's newest cases.
  private func lastTreatment(of customer: ID) throws -> FollowUpOccasion? {
    let treated = try rows(
      Workflow.self,
      Selection(
        .equal("customer_id", .id(customer)),
        .oneOf("current_stage", [.word(Stage.treatmentCompleted), .word(Stage.followUp), .word(Stage.completed)]),
        order: [.descending("id")], limit: 10))
    return try treated.filter { $0.status != .cancelled }.compactMap { try treatedOccasion($0) }
      .max { $0.moment < $1.moment }
  }

  private func lastAction(_ type: ActionType, of workflow: ID) throws -> WorkflowAction? {
    try rows(
      WorkflowAction.self,
      Selection(
        .equal("workflow_id", .id(workflow)), .equal("type", .word(type)), order: [.descending("seq")], limit: 1)
    ).first
  }
}

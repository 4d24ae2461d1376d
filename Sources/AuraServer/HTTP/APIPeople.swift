import AuraDomain

/// People are members of staff here; the original's clients name them by their user as often as by their membership.
extension Command {
  /// The command with members of staff in place of their users. What is neither stays as it is, for the rules to refuse.
  func naming(staffOf draft: Draft) throws -> Command {
    switch self {
    case .initialize(var command):
      command.sales = try draft.staff(command.sales)
      return .initialize(command)
    case .confirmPayment(var command):
      command.beautician = try draft.staff(command.beautician)
      return .confirmPayment(command)
    case .scheduleAppointment(var command):
      command.beautician = try draft.staff(command.beautician)
      return .scheduleAppointment(command)
    case .startTreatment(var command):
      command.beautician = try draft.staff(command.beautician)
      // Whom a body names is checked, never believed: a beautician starts for herself.
      if let named = command.beautician, draft.actor.role == .staff, named != draft.actor.staff {
        throw Refusal(
          .forbidden, "You start for yourself only.",
          details: ["path": "args.beauticianId", "deed": "startTreatment", "needs": "own"])
      }
      return .startTreatment(command)
    case .reassign(var command):
      command.sales = try draft.staff(command.sales)
      command.beautician = try draft.staff(command.beautician)
      return .reassign(command)
    case .createTask(var command):
      command.assignedTo = try draft.staff(command.assignedTo)
      return .createTask(command)
    case .updateTask(var command):
      command.assignedTo = try draft.staff(command.assignedTo)
      return .updateTask(command)
    case .sendNotification(var command):
      if case .staff(let id) = command.to { command.to = .staff(try draft.staff(id) ?? id) }
      return .sendNotification(command)
    case .transition(var command):
      command.candidates = try command.candidates.map { candidate in
        guard case .success(let inner) = candidate.command else { return candidate }
        var candidate = candidate
        candidate.command = .success(try inner.naming(staffOf: draft))
        return candidate
      }
      return .transition(command)
    default: return self
    }
  }
}

extension Draft {
  func staff(_ id: ID?) throws -> ID? {
    guard let id else { return nil }
    if try row(StaffMember.self, id) != nil { return id }
    return try rows(StaffMember.self, Selection(.equal("user_id", .id(id)), limit: 1)).first?.id ?? id
  }

  /// A treatment that is offered, by one of its names; they are unique in a clinic.
  func treatment(named name: String) throws -> ID? {
    try rows(Treatment.self, Selection(.equal("is_active", .integer(1)))).first {
      $0.names["th"]?.string == name || $0.names["en"]?.string == name
    }?.id
  }

  /// The customer whom a body names beside a case must be the case's own.
  func check(customer: ID?, of workflow: ID) throws {
    guard let customer, let row = try row(Workflow.self, workflow), row.customerID != customer else { return }
    throw Refusal(
      .notFound, "There is no such customer in this case.",
      details: ["path": "args.customerId", "customer_id": .id(customer)])
  }
}

/// What a tablet that was offline says of a queued command: its own order and its own clock. The server's time is the
/// one that counts; these are kept with the action.
package struct DeviceMark: Sendable, Equatable {
  package var seq: Int?
  package var clientTime: Instant?

  package init(seq: Int? = nil, clientTime: Instant? = nil) {
    self.seq = seq
    self.clientTime = clientTime
  }
}

/// What every step of a case may carry.
package struct WorkflowStep: Sendable, Equatable {
  package var workflow: ID
  package var notes: String?
  /// Why, where the rules ask for a reason: overrides, aborting, cancelling.
  package var reason: String?
  package var device: DeviceMark?

  package init(_ workflow: ID, notes: String? = nil, reason: String? = nil, device: DeviceMark? = nil) {
    self.workflow = workflow
    self.notes = notes
    self.reason = reason
    self.device = device
  }
}

/// A customer's consent as it was given at the desk, recorded with the command that needs it.
package struct ConsentGiven: Sendable, Equatable {
  package var version: String
  package var channel: String

  package init(version: String = "1", channel: String = "in_person") {
    self.version = version
    self.channel = channel
  }
}

package struct Initialize: Sendable, Equatable {
  package var customer: CustomerDetails
  package var sales: ID?
  package var treatment: ID?
  package var scanID: String?
  package var notes: String?

  package init(customer: CustomerDetails, sales: ID? = nil) {
    self.customer = customer
    self.sales = sales
  }
}

/// A newcomer as the desk writes them down.
package struct CustomerDetails: Sendable, Equatable {
  package var name: String
  package var phone: String
  package var nickname: String?
  package var email: String?
  package var age: Int?
  /// `YYYY-MM-DD`.
  package var dateOfBirth: String?
  package var gender: String?
  package var source: CustomerSource?
  package var allergies: String?
  package var language: Language?
  /// The code of the customer who has brought them.
  package var referralCode: String?

  package init(name: String, phone: String) {
    self.name = name
    self.phone = phone
  }
}

package struct ScanCustomer: Sendable, Equatable {
  package var step: WorkflowStep
  package var results: JSON
  /// Consent to keep health data, when it is given with this scan.
  package var consent: ConsentGiven?

  package init(step: WorkflowStep, results: JSON, consent: ConsentGiven? = nil) {
    self.step = step
    self.results = results
    self.consent = consent
  }
}

/// What is offered and for how much. Without `items`, `totalSt` alone.
package struct Plan: Sendable, Equatable {
  package var items: [Item]
  package var discountSt: Int
  package var totalSt: Int

  package struct Item: Sendable, Equatable {
    package var treatment: ID?
    package var name: String?
    package var quantity: Int
    package var priceSt: Int

    package init(treatment: ID? = nil, name: String? = nil, quantity: Int = 1, priceSt: Int) {
      self.treatment = treatment
      self.name = name
      self.quantity = quantity
      self.priceSt = priceSt
    }
  }

  package init(items: [Item] = [], discountSt: Int = 0, totalSt: Int) {
    self.items = items
    self.discountSt = discountSt
    self.totalSt = totalSt
  }
}

package struct SendProposal: Sendable, Equatable {
  package var step: WorkflowStep
  package var plan: Plan

  package init(step: WorkflowStep, plan: Plan) {
    self.step = step
    self.plan = plan
  }
}

package struct ConfirmPayment: Sendable, Equatable {
  package var step: WorkflowStep
  package var amountSt: Int
  package var method: PaymentMethod
  package var treatment: ID?
  /// Names the treatment where no id is known; a clinic's names are unique.
  package var treatmentName: String?
  package var beautician: ID?
  package var scheduledTime: Instant?
  package var room: String?
  package var priority: TaskPriority?
  /// A coupon of the customer's: the amount is the price less what it takes off.
  package var couponCode: String?
  /// An owner or admin takes another amount or a taken slot, and says why in `step.reason`.
  package var override: Bool

  package init(step: WorkflowStep, amountSt: Int, method: PaymentMethod) {
    self.step = step
    self.amountSt = amountSt
    self.method = method
    self.override = false
  }
}

package struct ScheduleAppointment: Sendable, Equatable {
  package var step: WorkflowStep
  package var scheduledTime: Instant
  package var beautician: ID?
  package var durationMinutes: Int?
  package var treatment: ID?
  package var room: String?
  package var priority: TaskPriority?
  /// An owner or admin books over another appointment, and says why in `step.reason`.
  package var override: Bool

  package init(step: WorkflowStep, scheduledTime: Instant, beautician: ID? = nil) {
    self.step = step
    self.scheduledTime = scheduledTime
    self.beautician = beautician
    self.override = false
  }
}

package struct StartTreatment: Sendable, Equatable {
  package var step: WorkflowStep
  /// Whom an owner or admin starts it for.
  package var beautician: ID?
  /// "I know that it is another's, I do it": a colleague steps in.
  package var takeover: Bool
  package var consent: ConsentGiven?

  package init(step: WorkflowStep, takeover: Bool = false) {
    self.step = step
    self.takeover = takeover
  }
}

package struct CompleteTreatment: Sendable, Equatable {
  package var step: WorkflowStep
  /// What the protocol's checklist recorded; kept with the action.
  package var checklist: JSON?

  package init(step: WorkflowStep, checklist: JSON? = nil) {
    self.step = step
    self.checklist = checklist
  }
}

package struct SendFollowUp: Sendable, Equatable {
  package var step: WorkflowStep
  package var channel: Channel?

  package init(step: WorkflowStep, channel: Channel? = nil) {
    self.step = step
    self.channel = channel
  }
}

package struct Reassign: Sendable, Equatable {
  package var step: WorkflowStep
  package var sales: ID?
  package var beautician: ID?
  package var override: Bool

  package init(step: WorkflowStep, sales: ID? = nil, beautician: ID? = nil, override: Bool = false) {
    self.step = step
    self.sales = sales
    self.beautician = beautician
    self.override = override
  }
}

/// What becomes of money already paid when a case is cancelled.
package enum Settlement: String, Sendable, CaseIterable { case refund, credit, forfeit }

package struct Cancel: Sendable, Equatable {
  package var step: WorkflowStep
  package var settlement: Settlement?

  package init(step: WorkflowStep, settlement: Settlement? = nil) {
    self.step = step
    self.settlement = settlement
  }
}

package struct StartCycle: Sendable, Equatable {
  package var step: WorkflowStep
  package var treatment: ID?

  package init(step: WorkflowStep, treatment: ID? = nil) {
    self.step = step
    self.treatment = treatment
  }
}

/// "Move this case to that stage": the one action that leads there is looked up when the case's stage is known, so each
/// action that could be meant is decoded beforehand, or why it could not be.
package struct Transition: Sendable, Equatable {
  package var workflow: ID
  package var stage: Stage
  package var candidates: [Candidate]

  package struct Candidate: Sendable, Equatable {
    package var action: ActionType
    package var command: Result<Command, Refusal>

    package init(action: ActionType, command: Result<Command, Refusal>) {
      self.action = action
      self.command = command
    }
  }

  package init(workflow: ID, stage: Stage, candidates: [Candidate]) {
    self.workflow = workflow
    self.stage = stage
    self.candidates = candidates
  }
}

package struct CreateTask: Sendable, Equatable {
  package var workflow: ID
  package var type: TaskType
  package var assignedTo: ID?
  package var title: String?
  package var description: String?
  package var priority: TaskPriority?
  package var dueDate: Instant?
  package var estimatedMinutes: Int?
  package var taskData: JSON?
  package var dedupeKey: String?

  package init(workflow: ID, type: TaskType) {
    self.workflow = workflow
    self.type = type
  }
}

package struct TaskStep: Sendable, Equatable {
  package var task: ID
  package var notes: String?
  package var takeover: Bool
  package var consent: ConsentGiven?
  package var device: DeviceMark?

  package init(_ task: ID, notes: String? = nil, takeover: Bool = false, device: DeviceMark? = nil) {
    self.task = task
    self.notes = notes
    self.takeover = takeover
    self.device = device
  }
}

package struct UpdateTask: Sendable, Equatable {
  package var step: TaskStep
  package var status: TaskStatus?
  package var priority: TaskPriority?
  package var dueDate: Instant?
  package var description: String?
  package var assignedTo: ID?
  package var reason: String?

  package init(step: TaskStep) { self.step = step }
}

package struct SetDuty: Sendable, Equatable {
  /// `nil`: the caller's own.
  package var staff: ID?
  package var duty: Duty

  package init(staff: ID? = nil, duty: Duty) {
    self.staff = staff
    self.duty = duty
  }
}

package struct AddMember: Sendable, Equatable {
  package var user: ID
  package var role: Role
  package var isFrontDesk: Bool
  package var skills: [String]

  package init(user: ID, role: Role, isFrontDesk: Bool = false, skills: [String] = []) {
    self.user = user
    self.role = role
    self.isFrontDesk = isFrontDesk
    self.skills = skills
  }
}

package struct ChangeRole: Sendable, Equatable {
  package var staff: ID
  package var role: Role
  package var isFrontDesk: Bool?
  package var skills: [String]?

  package init(staff: ID, role: Role, isFrontDesk: Bool? = nil, skills: [String]? = nil) {
    self.staff = staff
    self.role = role
    self.isFrontDesk = isFrontDesk
    self.skills = skills
  }
}

package struct RevokeMembership: Sendable, Equatable {
  package var staff: ID
  package var reason: String?

  package init(staff: ID, reason: String? = nil) {
    self.staff = staff
    self.reason = reason
  }
}

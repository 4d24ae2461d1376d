/// What can be asked for, as far as rights go: the commands, their graver variants, and the queries.
package enum Deed: String, Sendable, CaseIterable {
  case initialize
  case scanCustomer
  case sendProposal
  case confirmPayment
  case overrideAmount
  case scheduleAppointment
  case overrideSlot
  case checkIn
  case startTreatment
  case takeOverTreatment
  case completeTreatment
  case sendFollowUp
  case closeCase
  case reassignSales
  case reassignBeautician
  case noShow
  case abortTreatment
  case cancelBeforePayment
  case cancelAfterPayment
  case reopen
  case correct
  case startCycle
  case createTask
  case workOnTask
  case claimTask
  case setDuty
  case manageStaff
  case manageOwners
  case linkCustomer
  case forgetCustomer
  case manageLoyalty
  case redeemReward
  case cancelRedemption
  case rewardByHand
  case sell
  case refundSale
  case manageFollowUps
  case cancelFollowUp
  case recordResponse
  case updatePreferences
  case readFollowUps
  case readPreferences
  case readLoyalty
  case manageAutomation
  case sendNotification
  case readNotifications
  case readWorkflows
  case readTasks
  case readStaff
  case readTreatments
  case readSelf
}

/// How far a right goes. `own` is the case or task assigned to the caller; for a beautician also one that nobody has
/// yet, and for a customer what is about them.
package enum Grant: Int, Sendable, Comparable {
  case never, own, any

  package static func < (a: Grant, b: Grant) -> Bool { a.rawValue < b.rawValue }
}

/// Who may do what. One row a deed; what a row does not name is `never`.
///
/// A super admin from outside the clinic may do all that an owner may, with a reason that the audit keeps.
package struct Policy: Sendable, Equatable {
  package var sales = Grant.never
  package var beautician = Grant.never
  /// What staff with the `front_desk` flag may do beyond their role.
  package var desk = Grant.never
  package var admin = Grant.never
  package var owner = Grant.never
  package var customer = Grant.never
  package var system = Grant.never

  private static func row(
    sales: Grant = .never, beautician: Grant = .never, desk: Grant = .never, leaders: Grant = .any,
    customer: Grant = .never, system: Grant = .never
  ) -> Policy {
    Policy(
      sales: sales, beautician: beautician, desk: desk, admin: leaders, owner: leaders, customer: customer,
      system: system)
  }

  package static func of(_ deed: Deed) -> Policy {
    switch deed {
    case .initialize: row(sales: .any)
    case .scanCustomer: row(sales: .own)
    case .sendProposal: row(sales: .own, system: .any)
    // Never the customer alone: the system confirms what a gateway has verified.
    case .confirmPayment: row(sales: .own, system: .any)
    case .overrideAmount: row()
    case .scheduleAppointment: row(sales: .own, beautician: .own, desk: .any)
    case .overrideSlot: row()
    case .checkIn: row(sales: .any, beautician: .any, customer: .own)
    case .startTreatment: row(beautician: .own)
    case .takeOverTreatment: row(beautician: .any)
    case .completeTreatment: row(beautician: .own)
    case .sendFollowUp: row(sales: .own, system: .any)
    case .closeCase: row(sales: .own, system: .any)
    case .reassignSales: row(sales: .own)
    case .reassignBeautician: row(sales: .own, beautician: .own)
    case .noShow: row(sales: .own, beautician: .own, desk: .any)
    case .abortTreatment: row(beautician: .own)
    case .cancelBeforePayment: row(sales: .own)
    case .cancelAfterPayment: row()
    case .reopen: row()
    // Own: the move that oneself has made.
    case .correct: row(sales: .own, beautician: .own)
    case .startCycle: row(sales: .own)
    case .createTask: row(sales: .own, beautician: .own)
    case .workOnTask: row(sales: .own, beautician: .own)
    // Own: a task of one's role that nobody has.
    case .claimTask: row(sales: .own, beautician: .own)
    case .setDuty: row(sales: .own, beautician: .own)
    case .manageStaff: row()
    case .manageOwners: Policy(owner: .any)
    case .linkCustomer: row(sales: .any)
    case .forgetCustomer: row()
    case .manageLoyalty: row()
    case .redeemReward: row(sales: .any, desk: .any, customer: .own)
    // For the customer within a day, and then by owner or admin.
    case .cancelRedemption: row(customer: .own)
    case .rewardByHand: row(sales: .any, desk: .any)
    case .sell: row(sales: .any, desk: .any)
    case .refundSale: row()
    case .manageFollowUps: row()
    // Own: of one's own case or customer.
    case .cancelFollowUp: row(sales: .own, desk: .any)
    // The system's is what a gateway has heard.
    case .recordResponse: row(sales: .any, desk: .any, system: .any)
    // Whoever of the clinic hears "please do not write to me" writes it down.
    case .updatePreferences: row(sales: .any, beautician: .any, customer: .own)
    case .readFollowUps: row(sales: .any, beautician: .any)
    case .readPreferences: row(sales: .any, beautician: .any, customer: .own)
    case .readLoyalty: row(sales: .any, beautician: .any, customer: .own)
    case .manageAutomation: row()
    case .sendNotification: row()
    case .readNotifications: row(sales: .own, beautician: .own, leaders: .own, customer: .own)
    case .readWorkflows: row(sales: .any, beautician: .any)
    case .readTasks: row(sales: .own, beautician: .own)
    case .readStaff: row(sales: .any, beautician: .any)
    case .readTreatments: row(sales: .any, beautician: .any, customer: .any)
    case .readSelf: row(sales: .own, beautician: .own, leaders: .own, customer: .own)
    }
  }

  /// What an actor is granted by membership; a super admin's way in is `permit`'s matter.
  package func grant(to actor: Actor) -> Grant {
    switch actor.kind {
    case .system, .rule: return system
    case .customer: return actor.customer == nil ? .never : customer
    case .staff: break
    }
    let byRole: Grant =
      switch actor.role {
      case .sales: sales
      case .staff: beautician
      case .admin: admin
      case .owner: owner
      case nil: .never
      }
    return actor.role != nil && actor.isFrontDesk ? max(byRole, desk) : byRole
  }
}

extension Actor {
  /// Lets the deed pass or throws `forbidden`.
  ///
  /// Asked twice: before any row is read, where `isOwn` is `nil`, so that someone without the right learns nothing about
  /// what exists; and again when it is known whose the row is.
  package func permit(_ deed: Deed, isOwn: Bool? = nil, reason: String? = nil) throws(Refusal) {
    let policy = Policy.of(deed)
    let grant = policy.grant(to: self)
    if grant == .any { return }
    if grant == .own && (isOwn ?? true) { return }
    if isSuperAdmin && kind == .staff && policy.owner > .never {
      if let reason, !reason.isEmpty { return }
      throw Refusal(
        .forbidden, "A super admin acts in a clinic with a reason only.",
        details: ["deed": .string(deed.rawValue), "needs": "reason"])
    }
    throw Refusal(
      .forbidden, grant == .own ? "This is assigned to someone else." : "This is not for your role.",
      details: ["deed": .string(deed.rawValue), "needs": .string(grant == .own ? "own" : "role")])
  }
}

extension Command {
  /// The deed that the command's name asks for; graver variants are asked for where they show.
  package var deed: Deed? {
    switch self {
    case .initialize: .initialize
    case .scanCustomer: .scanCustomer
    case .sendProposal: .sendProposal
    case .confirmPayment: .confirmPayment
    case .scheduleAppointment: .scheduleAppointment
    case .checkIn: .checkIn
    case .startTreatment(let command): command.takeover ? .takeOverTreatment : .startTreatment
    case .completeTreatment: .completeTreatment
    case .sendFollowUp: .sendFollowUp
    case .closeCase: .closeCase
    case .reassign(let command): command.beautician == nil ? .reassignSales : .reassignBeautician
    case .noShow: .noShow
    case .abortTreatment: .abortTreatment
    case .cancel: .cancelBeforePayment
    case .reopen: .reopen
    case .correct: .correct
    case .startCycle: .startCycle
    case .transition: .readWorkflows
    case .createTask: .createTask
    case .startTask, .completeTask, .updateTask: .workOnTask
    case .claimTask: .claimTask
    case .setDuty: .setDuty
    case .addMember, .changeRole, .revokeMembership: .manageStaff
    case .linkCustomer, .unlinkCustomer: .linkCustomer
    case .forgetCustomer: .forgetCustomer
    case .createReward, .updateReward, .createAchievement, .updateAchievement, .awardPoints, .updateLoyaltySettings:
      .manageLoyalty
    case .redeemReward: .redeemReward
    case .cancelRedemption: .cancelRedemption
    case .unlockAchievement, .recordReview: .rewardByHand
    case .createSale, .applyCoupon, .removeCoupon, .paySale, .voidSale: .sell
    case .refundSale: .refundSale
    case .createFollowUpRule, .updateFollowUpRule, .createFollowUpTemplate, .updateFollowUpTemplate,
      .updateFollowUpSettings, .requeueFollowUp:
      .manageFollowUps
    case .cancelFollowUp: .cancelFollowUp
    case .recordResponse: .recordResponse
    case .updatePreferences: .updatePreferences
    case .createAutomationRule, .updateAutomationRule, .updateAutomationSettings: .manageAutomation
    case .sendNotification: .sendNotification
    case .markNotificationRead, .markAllNotificationsRead, .dismissNotification: .readNotifications
    case .reportDispatch, .fire: nil
    }
  }
}

/// Decides a command: reads through the draft, and leaves in it what is to change. Returns the ack's `result`; throws
/// `Refusal`, and then nothing of the draft may be applied.
///
/// Pure: the same rows, actor, time, ids and command give the same changes.
package func decide(_ command: Command, _ draft: inout Draft) throws -> JSON {
  let isOwnWork = if case .fire = command { true } else if case .reportDispatch = command { true } else { false }
  guard !isOwnWork || draft.actor.kind == .system else { throw Refusal(.forbidden, "This happens by itself.") }
  // Before any row is read: who may not do it at all learns nothing about what exists.
  if let deed = command.deed {
    try draft.actor.permit(deed, reason: command.reason ?? draft.reason)
  }
  if let clientTime = command.device?.clientTime, clientTime < draft.now - offlineSpan {
    throw Refusal(
      .tooLate, "This was done more than 12 hours ago; look at the case before doing it again.",
      details: ["client_time": .instant(clientTime), "now": .instant(draft.now)])
  }
  let result = try draft.run(command)
  // Only now, so that no rule gets between the steps of a command that makes several.
  try draft.fireRules()
  return result
}

/// How long a device may have been offline for what it queued to be still applied unseen.
private let offlineSpan = Span.hours(12)

extension Command {
  /// The reason among the arguments, where a command takes one.
  package var reason: String? {
    switch self {
    case .checkIn(let step), .closeCase(let step), .noShow(let step), .abortTreatment(let step), .reopen(let step),
      .correct(let step):
      step.reason
    case .scanCustomer(let command): command.step.reason
    case .sendProposal(let command): command.step.reason
    case .confirmPayment(let command): command.step.reason
    case .scheduleAppointment(let command): command.step.reason
    case .startTreatment(let command): command.step.reason
    case .completeTreatment(let command): command.step.reason
    case .sendFollowUp(let command): command.step.reason
    case .reassign(let command): command.step.reason
    case .cancel(let command): command.step.reason
    case .startCycle(let command): command.step.reason
    case .updateTask(let command): command.reason
    case .revokeMembership(let command): command.reason
    case .refundSale(let command): command.reason
    case .cancelFollowUp(_, let reason), .forgetCustomer(_, let reason): reason
    case .initialize, .transition, .createTask, .startTask, .completeTask, .claimTask, .setDuty, .addMember,
      .changeRole, .linkCustomer, .unlinkCustomer, .createReward, .updateReward, .redeemReward, .cancelRedemption,
      .createAchievement, .updateAchievement, .unlockAchievement, .awardPoints, .recordReview, .updateLoyaltySettings,
      .createSale, .applyCoupon, .removeCoupon, .paySale, .voidSale, .createFollowUpRule, .updateFollowUpRule,
      .createFollowUpTemplate, .updateFollowUpTemplate, .updateFollowUpSettings, .requeueFollowUp, .recordResponse,
      .updatePreferences, .reportDispatch,
      .markNotificationRead, .markAllNotificationsRead, .fire:
      nil
    case .createAutomationRule, .updateAutomationRule, .updateAutomationSettings, .dismissNotification,
      .sendNotification:
      nil
    }
  }
}

extension Draft {
  package mutating func run(_ command: Command) throws -> JSON {
    switch command {
    case .initialize(let command): try initialize(command)
    case .scanCustomer(let command): try scanCustomer(command)
    case .sendProposal(let command): try sendProposal(command)
    case .confirmPayment(let command): try confirmPayment(command)
    case .scheduleAppointment(let command): try scheduleAppointment(command)
    case .checkIn(let step): try checkIn(step)
    case .startTreatment(let command): try startTreatment(command)
    case .completeTreatment(let command): try completeTreatment(command)
    case .sendFollowUp(let command): try sendFollowUp(command)
    case .closeCase(let step): try closeCase(step)
    case .reassign(let command): try reassign(command)
    case .noShow(let step): try noShow(step)
    case .abortTreatment(let step): try abortTreatment(step)
    case .cancel(let command): try cancel(command)
    case .reopen(let step): try reopen(step)
    case .correct(let step): try correct(step)
    case .startCycle(let command): try startCycle(command)
    case .transition(let command): try transition(command)
    case .createTask(let command): try createTask(command)
    case .startTask(let step): try startTask(step)
    case .completeTask(let step): try completeTask(step)
    case .updateTask(let command): try updateTask(command)
    case .claimTask(let step): try claimTask(step)
    case .setDuty(let command): try setDuty(command)
    case .addMember(let command): try addMember(command)
    case .changeRole(let command): try changeRole(command)
    case .revokeMembership(let command): try revokeMembership(command)
    case .linkCustomer(let command): try linkCustomer(command)
    case .unlinkCustomer(let id): try unlinkCustomer(id)
    case .forgetCustomer(let id, let reason): try forgetCustomer(id, reason: reason)
    case .createReward(let details): try createReward(details)
    case .updateReward(let id, let details): try updateReward(id, details)
    case .redeemReward(let id, let customer): try redeemReward(id, for: customer)
    case .cancelRedemption(let id): try cancelRedemption(id)
    case .createAchievement(let details): try createAchievement(details)
    case .updateAchievement(let id, let details): try updateAchievement(id, details)
    case .unlockAchievement(let id, let customer, let override):
      try unlockAchievement(id, for: customer, override: override)
    case .awardPoints(let command): try awardPoints(command)
    case .recordReview(let id): try recordReview(of: id)
    case .updateLoyaltySettings(let change): try updateLoyaltySettings(change)
    case .createSale(let command): try createSale(command)
    case .applyCoupon(let id, let code): try applyCoupon(code, to: id)
    case .removeCoupon(let id): try removeCoupon(from: id)
    case .paySale(let command): try paySale(command)
    case .voidSale(let id): try voidSale(id)
    case .refundSale(let command): try refundSale(command)
    case .createFollowUpRule(let details): try createFollowUpRule(details)
    case .updateFollowUpRule(let id, let details): try updateFollowUpRule(id, details)
    case .createFollowUpTemplate(let details): try createFollowUpTemplate(details)
    case .updateFollowUpTemplate(let id, let details): try updateFollowUpTemplate(id, details)
    case .updateFollowUpSettings(let details): try updateFollowUpSettings(details)
    case .cancelFollowUp(let id, let reason): try cancelFollowUp(id, reason: reason)
    case .requeueFollowUp(let id): try requeueFollowUp(id)
    case .recordResponse(let response): try recordResponse(response)
    case .updatePreferences(let details): try updatePreferences(details)
    case .reportDispatch(let report): try reportDispatch(report)
    case .createAutomationRule(let details): try createAutomationRule(details)
    case .updateAutomationRule(let id, let details): try updateAutomationRule(id, details)
    case .updateAutomationSettings(let bonusMax): try updateAutomationSettings(bonusPointsPerMonth: bonusMax)
    case .markNotificationRead(let id): try markNotificationRead(id)
    case .markAllNotificationsRead(let upTo): try markAllNotificationsRead(upTo: upTo)
    case .dismissNotification(let id): try dismissNotification(id)
    case .sendNotification(let command): try sendNotification(command)
    case .fire(let timer): try fire(timer)
    }
  }
}

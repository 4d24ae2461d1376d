/// Everything that can be asked of a clinic, with typed arguments. The wire decodes a command's name and `args` into
/// one of these (AuraWire/CommandCodec.swift); timers come in as `fire`, by the same way.
package indirect enum Command: Sendable, Equatable {
  // The case, in the order of its life.
  case initialize(Initialize)
  case scanCustomer(ScanCustomer)
  case sendProposal(SendProposal)
  case confirmPayment(ConfirmPayment)
  case scheduleAppointment(ScheduleAppointment)
  case checkIn(WorkflowStep)
  case startTreatment(StartTreatment)
  case completeTreatment(CompleteTreatment)
  case sendFollowUp(SendFollowUp)
  case closeCase(WorkflowStep)
  // Its side roads.
  case reassign(Reassign)
  case noShow(WorkflowStep)
  case abortTreatment(WorkflowStep)
  case cancel(Cancel)
  case reopen(WorkflowStep)
  case correct(WorkflowStep)
  case startCycle(StartCycle)
  case transition(Transition)
  // Tasks.
  case createTask(CreateTask)
  case startTask(TaskStep)
  case completeTask(TaskStep)
  case updateTask(UpdateTask)
  case claimTask(TaskStep)
  // People.
  case setDuty(SetDuty)
  case addMember(AddMember)
  case changeRole(ChangeRole)
  case revokeMembership(RevokeMembership)
  case linkCustomer(LinkCustomer)
  case unlinkCustomer(customer: ID)
  case forgetCustomer(customer: ID, reason: String?)
  // Rewards.
  case createReward(RewardDetails)
  case updateReward(reward: ID, RewardDetails)
  case redeemReward(reward: ID, customer: ID?)
  case cancelRedemption(redemption: ID)
  case createAchievement(AchievementDetails)
  case updateAchievement(achievement: ID, AchievementDetails)
  case unlockAchievement(achievement: ID, customer: ID, override: Bool)
  case awardPoints(AwardPoints)
  case recordReview(workflow: ID)
  case updateLoyaltySettings(LoyaltySettings.Change)
  // The till.
  case createSale(CreateSale)
  case applyCoupon(sale: ID, code: String)
  case removeCoupon(sale: ID)
  case paySale(PaySale)
  case voidSale(sale: ID)
  case refundSale(RefundSale)
  // Follow-ups.
  case createFollowUpRule(FollowUpRuleDetails)
  case updateFollowUpRule(rule: ID, FollowUpRuleDetails)
  case createFollowUpTemplate(FollowUpTemplateDetails)
  case updateFollowUpTemplate(template: ID, FollowUpTemplateDetails)
  case updateFollowUpSettings(FollowUpSettingsDetails)
  case cancelFollowUp(execution: ID, reason: String?)
  case requeueFollowUp(execution: ID)
  case recordResponse(FollowUpResponse)
  case updatePreferences(PreferenceDetails)
  /// What a gateway answered; only the system brings it, never the wire.
  case reportDispatch(DispatchReport)
  // What happens by itself.
  case createAutomationRule(AutomationRuleDetails)
  case updateAutomationRule(rule: ID, AutomationRuleDetails)
  case updateAutomationSettings(bonusPointsPerMonth: Int)
  // The bell.
  case markNotificationRead(notification: ID)
  /// All, or those up to the newest that the caller has seen.
  case markAllNotificationsRead(upTo: ID? = nil)
  case dismissNotification(notification: ID)
  case sendNotification(SendNotification)
  /// A timer that came due; only the system brings one, never the wire.
  case fire(PlannedTimer)

  /// The name on the wire and in a commit's cause.
  package var name: String {
    switch self {
    case .initialize: "initialize"
    case .scanCustomer: "scanCustomer"
    case .sendProposal: "sendProposal"
    case .confirmPayment: "confirmPayment"
    case .scheduleAppointment: "scheduleAppointment"
    case .checkIn: "checkIn"
    case .startTreatment: "startTreatment"
    case .completeTreatment: "completeTreatment"
    case .sendFollowUp: "sendFollowUp"
    case .closeCase: "closeCase"
    case .reassign: "reassign"
    case .noShow: "noShow"
    case .abortTreatment: "abortTreatment"
    case .cancel: "cancel"
    case .reopen: "reopen"
    case .correct: "correct"
    case .startCycle: "startCycle"
    case .transition: "transition"
    case .createTask: "createTask"
    case .startTask: "startTask"
    case .completeTask: "completeTask"
    case .updateTask: "updateTask"
    case .claimTask: "claimTask"
    case .setDuty: "setDuty"
    case .addMember: "addMember"
    case .changeRole: "changeRole"
    case .revokeMembership: "revokeMembership"
    case .linkCustomer: "linkCustomer"
    case .unlinkCustomer: "unlinkCustomer"
    case .forgetCustomer: "forgetCustomer"
    case .createReward: "createReward"
    case .updateReward: "updateReward"
    case .redeemReward: "redeemReward"
    case .cancelRedemption: "cancelRedemption"
    case .createAchievement: "createAchievement"
    case .updateAchievement: "updateAchievement"
    case .unlockAchievement: "unlockAchievement"
    case .awardPoints: "awardPoints"
    case .recordReview: "recordReview"
    case .updateLoyaltySettings: "updateLoyaltySettings"
    case .createSale: "createSale"
    case .applyCoupon: "applyCoupon"
    case .removeCoupon: "removeCoupon"
    case .paySale: "paySale"
    case .voidSale: "voidSale"
    case .refundSale: "refundSale"
    case .createFollowUpRule: "createFollowUpRule"
    case .updateFollowUpRule: "updateFollowUpRule"
    case .createFollowUpTemplate: "createFollowUpTemplate"
    case .updateFollowUpTemplate: "updateFollowUpTemplate"
    case .updateFollowUpSettings: "updateFollowUpSettings"
    case .cancelFollowUp: "cancelFollowUp"
    case .requeueFollowUp: "requeueFollowUp"
    case .recordResponse: "recordResponse"
    case .updatePreferences: "updatePreferences"
    case .reportDispatch: "reportDispatch"
    case .createAutomationRule: "createAutomationRule"
    case .updateAutomationRule: "updateAutomationRule"
    case .updateAutomationSettings: "updateAutomationSettings"
    case .markNotificationRead: "markNotificationRead"
    case .markAllNotificationsRead: "markAllNotificationsRead"
    case .dismissNotification: "dismissNotification"
    case .sendNotification: "sendNotification"
    case .fire(let timer): timer.kind.rawValue
    }
  }

  /// Where a device that was offline put this command among its own; `nil` for one sent at once.
  package var device: DeviceMark? {
    switch self {
    case .checkIn(let step), .closeCase(let step), .noShow(let step), .abortTreatment(let step), .reopen(let step),
      .correct(let step):
      step.device
    case .scanCustomer(let command): command.step.device
    case .sendProposal(let command): command.step.device
    case .confirmPayment(let command): command.step.device
    case .scheduleAppointment(let command): command.step.device
    case .startTreatment(let command): command.step.device
    case .completeTreatment(let command): command.step.device
    case .sendFollowUp(let command): command.step.device
    case .reassign(let command): command.step.device
    case .cancel(let command): command.step.device
    case .startCycle(let command): command.step.device
    case .startTask(let step), .completeTask(let step), .claimTask(let step): step.device
    case .updateTask(let command): command.step.device
    case .initialize, .transition, .createTask, .setDuty, .addMember, .changeRole, .revokeMembership, .linkCustomer,
      .unlinkCustomer, .forgetCustomer,
      .createReward, .updateReward, .redeemReward, .cancelRedemption, .createAchievement, .updateAchievement,
      .unlockAchievement, .awardPoints, .recordReview, .updateLoyaltySettings, .createSale, .applyCoupon, .removeCoupon,
      .paySale, .voidSale, .refundSale, .createFollowUpRule, .updateFollowUpRule, .createFollowUpTemplate,
      .updateFollowUpTemplate, .updateFollowUpSettings, .cancelFollowUp, .requeueFollowUp, .recordResponse,
      .updatePreferences, .reportDispatch, .createAutomationRule, .updateAutomationRule, .updateAutomationSettings,
      .dismissNotification, .sendNotification, .markNotificationRead, .markAllNotificationsRead, .fire:
      nil
    }
  }
}

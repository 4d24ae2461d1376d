/// The words that columns hold. Raw values are what the schema's CHECKs, the wire and the original's clients know.

package enum Stage: String, Sendable, CaseIterable {
  case leadCreated = "lead_created"
  case scanned
  case proposalSent = "proposal_sent"
  case paymentConfirmed = "payment_confirmed"
  case treatmentScheduled = "treatment_scheduled"
  case inTreatment = "in_treatment"
  case treatmentCompleted = "treatment_completed"
  case followUp = "follow_up"
  case completed
}

package enum WorkflowStatus: String, Sendable, CaseIterable { case active, cancelled, closed }

/// The transitions of the state machine, in the words that `workflow_actions.type` keeps.
package enum ActionType: String, Sendable, CaseIterable {
  case initialize
  case scanCustomer = "scan_customer"
  case sendProposal = "send_proposal"
  case confirmPayment = "confirm_payment"
  case scheduleAppointment = "schedule_appointment"
  case checkIn = "check_in"
  case startTreatment = "start_treatment"
  case completeTreatment = "complete_treatment"
  case sendFollowUp = "send_follow_up"
  case closeCase = "close_case"
  case reassign
  case noShow = "no_show"
  case abortTreatment = "abort_treatment"
  case cancel
  case reopen
  case correct
  case startCycle = "start_cycle"
}

package enum ActorKind: String, Sendable, CaseIterable { case staff, customer, system, rule }

package enum EventType: String, Sendable, CaseIterable {
  case workflowCreated = "workflow_created"
  case workflowUpdated = "workflow_updated"
  case stageChanged = "stage_changed"
  case customerScanned = "customer_scanned"
  case paymentReceived = "payment_received"
  case appointmentScheduled = "appointment_scheduled"
  case taskAssigned = "task_assigned"
  case taskUpdated = "task_updated"
  case taskCompleted = "task_completed"
  case taskOverdue = "task_overdue"
  case customerArrived = "customer_arrived"
  case treatmentStarted = "treatment_started"
  case treatmentCompleted = "treatment_completed"
  case customerContacted = "customer_contacted"
  case upsellOpportunity = "upsell_opportunity"
  case commissionEarned = "commission_earned"
  case pointsAwarded = "points_awarded"
  case tierChanged = "tier_changed"
  case couponIssued = "coupon_issued"
  case couponUsed = "coupon_used"
  case followupFailed = "followup_failed"
  case ruleDisabled = "rule_disabled"
  case notificationSent = "notification_sent"
}

package enum TaskType: String, Sendable, CaseIterable {
  case scanCustomer = "scan_customer"
  case sendProposal = "send_proposal"
  case prepareTreatment = "prepare_treatment"
  case performTreatment = "perform_treatment"
  case followUpUpsell = "follow_up_upsell"
  case customerFollowUp = "customer_follow_up"
  case paymentReminder = "payment_reminder"
  case appointmentReminder = "appointment_reminder"
  case reviewRequest = "review_request"
}

package enum TaskPriority: String, Sendable, CaseIterable {
  case low, medium, high, critical

  /// 0 … 3, what `task_queue.priority_rank` sorts by.
  package var rank: Int {
    switch self {
    case .low: 0
    case .medium: 1
    case .high: 2
    case .critical: 3
    }
  }
}

package enum TaskStatus: String, Sendable, CaseIterable {
  case pending
  case inProgress = "in_progress"
  case completed, cancelled

  package var isOpen: Bool { self == .pending || self == .inProgress }
}

/// What a member of a clinic's staff is. `beautician` is read as `clinic_staff`.
package enum Role: String, Sendable, CaseIterable {
  case owner = "clinic_owner"
  case admin = "clinic_admin"
  case staff = "clinic_staff"
  case sales = "sales_staff"
}

package enum Duty: String, Sendable, CaseIterable {
  case on
  case onBreak = "break"
  case off
}

package enum Language: String, Sendable, CaseIterable { case th, en }
package enum UserStatus: String, Sendable, CaseIterable { case active, disabled }
package enum CustomerStatus: String, Sendable, CaseIterable { case lead, active, inactive, blacklisted }
package enum CustomerType: String, Sendable, CaseIterable { case regular, vip, member }

package enum CustomerSource: String, Sendable, CaseIterable {
  case walkIn = "walk_in"
  case referral
  case socialMedia = "social_media"
  case website, ads
}

package enum JourneyEventType: String, Sendable, CaseIterable {
  case treatmentCompleted = "treatment_completed"
  case paymentMade = "payment_made"
  case appointmentBooked = "appointment_booked"
  case emailOpened = "email_opened"
  case smsReplied = "sms_replied"
  case websiteVisited = "website_visited"
  case reviewSubmitted = "review_submitted"
  case complaintMade = "complaint_made"
  case referralMade = "referral_made"
  case loyaltyMilestone = "loyalty_milestone"
  case noShow = "no_show"
  case cancelled, refunded
  case consentGiven = "consent_given"
  case consentWithdrawn = "consent_withdrawn"
  case couponUsed = "coupon_used"
  case tierChanged = "tier_changed"
}

package enum SaleType: String, Sendable, CaseIterable { case sale, refund }

package enum PaymentMethod: String, Sendable, CaseIterable {
  case cash = "CASH"
  case card = "CARD"
  case promptPay = "PROMPTPAY"
  case transfer = "TRANSFER"
  case points = "POINTS"
}

package enum PaymentStatus: String, Sendable, CaseIterable {
  case pending, paid
  case partiallyRefunded = "partially_refunded"
  case refunded, void
}

package enum Tier: String, Sendable, CaseIterable { case bronze, silver, gold, platinum, diamond }
package enum PointType: String, Sendable, CaseIterable { case earned, redeemed, expired, bonus, refund }

package enum AchievementCategory: String, Sendable, CaseIterable {
  case spending, frequency, referral, engagement, milestone, special
}

package enum RewardType: String, Sendable, CaseIterable {
  case discountPercentage = "discount_percentage"
  case discountAmount = "discount_amount"
  case freeService = "free_service"
  case upgradeService = "upgrade_service"
  case birthdaySpecial = "birthday_special"
  case referralBonus = "referral_bonus"
}

package enum RedemptionStatus: String, Sendable, CaseIterable { case issued, applied, cancelled, expired }
package enum CouponStatus: String, Sendable, CaseIterable { case active, reserved, used, expired, cancelled }
package enum CouponSource: String, Sendable, CaseIterable {
  case redemption, birthday, achievement, tier, referral, winback, manual
}

package enum FollowUpType: String, Sendable, CaseIterable {
  case postTreatment = "post_treatment"
  case paymentReminder = "payment_reminder"
  case appointmentReminder = "appointment_reminder"
  case satisfactionSurvey = "satisfaction_survey"
  case upsellOpportunity = "upsell_opportunity"
  case loyaltyReward = "loyalty_reward"
  case birthdaySpecial = "birthday_special"
  case inactiveReactivation = "inactive_reactivation"
}

package enum Channel: String, Sendable, CaseIterable {
  case email, sms, line, call
  case inApp = "in_app"
  case whatsapp
}

package enum ExecutionStatus: String, Sendable, CaseIterable {
  case pending, sending, sent, delivered, failed, skipped, cancelled, dead
}

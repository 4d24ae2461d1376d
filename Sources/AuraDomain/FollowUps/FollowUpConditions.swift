/// What brings a follow-up about; its days are counted from this moment.
///
/// | occasion | counted from | once per |
/// |---|---|---|
/// | treated | the treatment's end | case |
/// | appointment | its start | booking |
/// | no_show | when it was noted | no-show |
/// | proposal | the day that it stands until | case |
/// | points_expire | the first credit's end of that day | customer and day |
/// | tier_reached | the sale that brought it | sale |
/// | birthday | 09:00 of the day, where the customer is | year |
enum FollowUpOccasionKind: String, CaseIterable {
  case treated, appointment
  case noShow = "no_show"
  case proposal
  case pointsExpire = "points_expire"
  case tierReached = "tier_reached"
  case birthday
}

/// When a rule applies, as `followup_rules.trigger_conditions` keeps it. Days or hours, not both.
package struct FollowUpConditions: Sendable, Equatable {
  package var daysAfter: Int?
  package var hoursAfter: Int?
  package var daysBefore: Int?
  package var hoursBefore: Int?
  /// Where the case stands when the message is planned: it tells those who missed an appointment from those who have
  /// one.
  package var workflowStage: Stage?
  package var customerSegment: CustomerSegment?
  /// Categories or ids of treatments; empty: any.
  package var treatmentTypes: [String]
  /// It waits for nothing itself: only an automation rule plans it, for whom that rule chooses.
  package var onRequest = false

  package init() { treatmentTypes = [] }

  init(_ json: JSON) {
    daysAfter = json["daysAfter"]?.integer
    hoursAfter = json["hoursAfter"]?.integer
    daysBefore = json["daysBefore"]?.integer
    hoursBefore = json["hoursBefore"]?.integer
    workflowStage = json["workflowStage"]?.string.flatMap(Stage.init(rawValue:))
    customerSegment = json["customerSegment"]?.string.flatMap(CustomerSegment.init(rawValue:))
    treatmentTypes = json["treatmentType"]?.array?.compactMap(\.string) ?? []
    onRequest = json["onRequest"]?.bool ?? false
  }

  var json: JSON {
    var object = JSONObject()
    object["daysAfter"] = daysAfter.map(JSON.integer)
    object["hoursAfter"] = hoursAfter.map(JSON.integer)
    object["daysBefore"] = daysBefore.map(JSON.integer)
    object["hoursBefore"] = hoursBefore.map(JSON.integer)
    object["workflowStage"] = workflowStage.map { .word($0) }
    object["customerSegment"] = customerSegment.map { .word($0) }
    if !treatmentTypes.isEmpty { object["treatmentType"] = .array(treatmentTypes.map(JSON.string)) }
    if onRequest { object["onRequest"] = true }
    return .object(object)
  }

  /// How long after its moment, if a rule says so.
  fileprivate var after: Span? {
    daysAfter == nil && hoursAfter == nil ? nil : .hours((daysAfter ?? 0) * 24 + (hoursAfter ?? 0))
  }

  fileprivate var before: Span? {
    daysBefore == nil && hoursBefore == nil ? nil : .hours((daysBefore ?? 0) * 24 + (hoursBefore ?? 0))
  }

  var isAfter: Bool { after != nil }
  var isBefore: Bool { before != nil }
}

extension FollowUpType {
  /// Whether it is advertising, for which a customer must have given consent.
  package var isMarketing: Bool {
    switch self {
    case .upsellOpportunity, .loyaltyReward, .birthdaySpecial, .inactiveReactivation: true
    case .postTreatment, .paymentReminder, .appointmentReminder, .satisfactionSurvey: false
    }
  }
}

extension FollowUpRule {
  var conditions: FollowUpConditions { FollowUpConditions(triggerConditions) }

  var needsConsent: Bool { marketing || type.isMarketing }

  /// A reminder of the stage `payment_confirmed` is for those who were expected and did not come: they have paid, and
  /// have no appointment. A reward's message counts to the end of points, or else tells of a new tier.
  var occasion: FollowUpOccasionKind {
    switch type {
    case .postTreatment, .satisfactionSurvey, .upsellOpportunity, .inactiveReactivation: .treated
    case .appointmentReminder: conditions.workflowStage == .paymentConfirmed ? .noShow : .appointment
    case .paymentReminder: .proposal
    case .loyaltyReward: conditions.isBefore ? .pointsExpire : .tierReached
    case .birthdaySpecial: .birthday
    }
  }

  /// When the message should be sent, windows and caps apart.
  func ideal(for moment: Instant) -> Instant {
    switch occasion {
    case .treated, .noShow, .tierReached, .birthday: moment + (conditions.after ?? defaultWait)
    case .appointment, .proposal, .pointsExpire: moment - (conditions.before ?? defaultWait)
    }
  }

  private var defaultWait: Span {
    switch type {
    case .postTreatment: .hours(24)
    case .satisfactionSurvey: .days(7)
    case .upsellOpportunity: .days(14)
    case .inactiveReactivation: .days(60)
    case .appointmentReminder: occasion == .noShow ? .hours(1) : .hours(24)
    case .paymentReminder: .days(3)
    case .loyaltyReward: occasion == .pointsExpire ? .days(30) : .hours(0)
    case .birthdaySpecial: .hours(0)
    }
  }

  /// From when on the message would be out of place. `dayEnd` is where the customer is.
  func deadline(ideal: Instant, moment: Instant, dayEnd: (Instant) -> Instant) -> Instant {
    switch occasion {
    case .appointment, .proposal, .pointsExpire: moment
    case .birthday: dayEnd(moment)
    case .noShow: ideal + .days(3)
    case .tierReached: ideal + .days(7)
    case .treated:
      switch type {
      case .satisfactionSurvey: ideal + .days(14)
      case .upsellOpportunity, .inactiveReactivation: ideal + .days(30)
      case .postTreatment, .appointmentReminder, .paymentReminder, .loyaltyReward, .birthdaySpecial: ideal + .days(3)
      }
    }
  }
}

/// Why a message is not sent. The words are kept with the execution and shown by the dry run.
enum FollowUpLack: Error, Equatable {
  case ruleOff, segment, treatment
  /// It could not arrive before what it is about.
  case tooLate
  /// Its time is over.
  case stale
  /// What it is about is no longer so.
  case obsolete
  case optOut, noConsent, doNotContact, blacklisted, erased
  case noAddress, frequencyCap, noTemplate
  case missingValue(String)

  var text: String {
    switch self {
    case .ruleOff: "rule_off"
    case .segment: "segment"
    case .treatment: "treatment"
    case .tooLate: "too_late"
    case .stale: "stale"
    case .obsolete: "obsolete"
    case .optOut: "opt_out"
    case .noConsent: "no_consent"
    case .doNotContact: "do_not_contact"
    case .blacklisted: "blacklisted"
    case .erased: "erased"
    case .noAddress: "no_address"
    case .frequencyCap: "frequency_cap"
    case .noTemplate: "no_template"
    case .missingValue(let name): "missing_value: \(name)"
    }
  }
}

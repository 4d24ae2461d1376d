/// What a message is about, whether it is being planned, sent or only thought of.
struct FollowUpSubject {
  var rule: FollowUpRule
  var recipient: Recipient
  var workflow: Workflow?
  /// What its days are counted from.
  var moment: Instant
  var variant: String
  /// `nil` where none is kept.
  var execution: ID?
}

/// A message as it can be sent, save for its address.
struct FollowUpMessage: Equatable {
  var words: MessageWords
  var language: Language
  /// `nil` for a rule's own words.
  var template: ID?
}

extension Draft {
  /// The words for a channel, with their values: in the customer's language, else in the clinic's, else in the other.
  func message(_ subject: FollowUpSubject, on channel: Channel) throws -> Result<FollowUpMessage, FollowUpLack> {
    var languages = [subject.recipient.preferences.language, try clinic().language]
    languages += Language.allCases
    for language in languages {
      guard var message = try words(subject, in: language, on: channel) else { continue }
      if try lacksWayOut(message, subject, on: channel) { message.words.message += Self.wayOut[language] }
      switch try message.words.filled({ try value(of: $0, subject, language) }) {
      case .success(let words):
        message.words = words
        return .success(message)
      case .failure(let missing): return .failure(.missingValue(missing.name))
      }
    }
    return .failure(.noTemplate)
  }

  private static let wayOut = Texts(th: "\nเลิกรับ {optOutLink}", en: "\nStop: {optOutLink}")

  /// No advertising leaves the house without a way to have no more of it, whoever wrote its words.
  private func lacksWayOut(_ message: FollowUpMessage, _ subject: FollowUpSubject, on channel: Channel) throws -> Bool {
    switch channel {
    case .inApp, .call: return false
    case .email, .sms, .line, .whatsapp:
      let has = message.words.message.contains("{\(FollowUpVariable.optOutLink.rawValue)}")
      return try subject.rule.needsConsent && !has && followUpSettings().baseURL != nil
    }
  }

  /// The rule's own words, or the type's: those of the channel and arm before those of every channel, and any of the
  /// arm before those of the first.
  private func words(
    _ subject: FollowUpSubject, in language: Language, on channel: Channel
  ) throws -> FollowUpMessage? {
    let rule = subject.rule
    if Language.allCases.contains(where: { rule.template[$0.rawValue] != nil }) {
      return MessageWords(rule.template[language.rawValue]).map {
        FollowUpMessage(words: $0, language: language, template: nil)
      }
    }
    var variants = [subject.variant]
    if subject.variant != FollowUpVariant.only { variants.append(FollowUpVariant.only) }
    for variant in variants {
      let all = try templates(of: rule.type, in: language, variant)
      if let best = all.first(where: { $0.channel == channel }) ?? all.first(where: { $0.channel == nil }) {
        return FollowUpMessage(words: best.words, language: language, template: best.id)
      }
    }
    return nil
  }

  // MARK: Values

  private func value(of variable: FollowUpVariable, _ subject: FollowUpSubject, _ language: Language) throws -> String?
  {
    let customer = subject.recipient.customer
    switch variable {
    case .customerName: return customer.fullName
    case .nickname: return customer.nickname ?? customer.fullName
    case .clinicName: return Texts(names: try clinic().displayName)[language]
    case .treatmentName: return try treatmentName(subject.workflow)?[language]
    case .portalLink, .careLink, .surveyLink, .offerLink, .bookingLink, .payLink, .optOutLink:
      return try link(variable, subject)
    case .appointmentDate: return try subject.start.map { try calendar().civil($0).date(in: language) }
    case .appointmentTime: return try subject.start.map { try calendar().civil($0).time(in: language) }
    case .amount: return (subject.workflow?.treatmentPlan["total_st"]?.integer).map { baht($0) }
    case .dueDate:
      return subject.rule.occasion == .proposal ? try calendar().civil(subject.moment).date(in: language) : nil
    case .expiringPoints, .expiryDate:
      guard subject.rule.occasion == .pointsExpire else { return nil }
      if variable == .expiryDate { return try calendar().civil(subject.moment).date(in: language) }
      let points = try pointsEnding(on: subject.moment, of: customer.id)
      return points > 0 ? String(points) : nil
    case .availablePoints: return try knownProfile(of: customer.id).map { String(max(0, $0.availablePoints)) }
    case .tierName: return try knownProfile(of: customer.id)?.currentTier.names[language]
    case .bonusPoints:
      let bonus = try loyalty().birthdayBonus
      return bonus > 0 ? String(bonus) : nil
    }
  }

  /// The treatment as a message names it; nothing where it would say "your treatment" of one that nobody knows.
  private func treatmentName(_ workflow: Workflow?) throws -> Texts? {
    guard let workflow, workflow.treatmentID != nil || workflow.treatmentName != nil else { return nil }
    return try treatmentTexts(workflow)
  }

  private func link(_ variable: FollowUpVariable, _ subject: FollowUpSubject) throws -> String? {
    let page: MessagePage
    switch variable {
    case .careLink: page = .care
    case .surveyLink: page = .survey
    case .offerLink: page = .offer
    case .bookingLink: page = .book
    case .payLink: page = .pay
    case .optOutLink: page = .stop
    case .portalLink: page = .portal
    case .customerName, .nickname, .clinicName, .treatmentName, .appointmentDate, .appointmentTime, .amount, .dueDate,
      .expiringPoints, .expiryDate, .availablePoints, .tierName, .bonusPoints:
      return nil
    }
    return try link(to: page, of: subject.execution)
  }

  /// `<base>/<page>/<execution>`: the page knows whose it is, and that the link was followed. `nil` where the clinic has
  /// not said where its pages are.
  func link(to page: MessagePage, of execution: ID?) throws -> String? {
    try followUpSettings().baseURL.map { "\($0)/\(page.rawValue)/\(execution?.description ?? "…")" }
  }

  /// What of a customer's points ends on the day of `moment`.
  func pointsEnding(on moment: Instant, of customer: ID) throws -> Int {
    let calendar = try calendar()
    return try rows(
      PointCredit.self,
      Selection(
        .equal("customer_id", .id(customer)), .equal("is_open", .integer(1)),
        .atLeast("expires_at", .instant(calendar.dayStart(moment))),
        .less("expires_at", .instant(calendar.dayEnd(moment))), order: [.ascending("expires_at")])
    ).reduce(0) { try $0.plus($1.remaining) }
  }
}

extension FollowUpSubject {
  /// The appointment's start, where the message is about one.
  fileprivate var start: Instant? { rule.occasion == .appointment ? moment : nil }
}

extension ClinicCalendar.Civil {
  /// `3 ก.พ. 2569` by the Buddhist era, or `3 Feb 2026`.
  func date(in language: Language) -> String {
    switch language {
    case .th: "\(day) \(Self.thaiMonths[month - 1]) \(year + 543)"
    case .en: "\(day) \(Self.englishMonths[month - 1]) \(year)"
    }
  }

  /// `11:00 น.` or `11:00`.
  func time(in language: Language) -> String {
    let text = String(text.suffix(5))
    return language == .th ? text + " น." : text
  }

  private static let thaiMonths = [
    "ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.",
  ]
  private static let englishMonths = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}

/// What every clinic begins with: the words of each type in both languages, and the rules of the house.
enum SystemTemplates {
  static func words(_ type: FollowUpType) -> Texts {
    switch type {
    case .postTreatment:
      Texts(
        th: "คุณ{customerName} หลังทำ{treatmentName}ผิวเป็นอย่างไรบ้างคะ วิธีดูแล {careLink}",
        en: "How is your skin after {treatmentName}, {customerName}? Care: {careLink}")
    case .paymentReminder:
      Texts(
        th: "ยอดค้าง {amount} บาท ครบกำหนด {dueDate} {payLink}", en: "{amount} THB is due {dueDate}: {payLink}")
    case .appointmentReminder:
      Texts(
        th: "นัด{treatmentName} {appointmentDate} {appointmentTime} ตอบ 1 ยืนยัน 2 เลื่อน",
        en: "{treatmentName} on {appointmentDate} {appointmentTime}. Reply 1 yes, 2 move")
    case .satisfactionSurvey:
      Texts(th: "ให้คะแนนเรา 1–5 ที่ {surveyLink}", en: "Rate us 1–5: {surveyLink}")
    case .upsellOpportunity:
      Texts(
        th: "แผนต่อจาก{treatmentName}: {offerLink} เลิกรับ {optOutLink}",
        en: "Next step after {treatmentName}: {offerLink}. Stop: {optOutLink}")
    case .loyaltyReward:
      Texts(
        th: "{expiringPoints} แต้มหมดอายุ {expiryDate} แลก {portalLink}",
        en: "{expiringPoints} points end {expiryDate}: {portalLink}")
    case .birthdaySpecial:
      Texts(
        th: "สุขสันต์วันเกิด รับ {bonusPoints} แต้ม {portalLink}", en: "Happy birthday: {bonusPoints} points {portalLink}")
    case .inactiveReactivation:
      Texts(th: "คิดถึงคุณ{customerName} จองได้ที่ {bookingLink}", en: "We miss you, {customerName}: {bookingLink}")
    }
  }

  /// The rules of the house. Two types have more than one: appointments are reminded of twice and missed once, points
  /// end and tiers rise.
  static var rules: [FollowUpRuleDetails] {
    [
      rule("หลังทำทรีตเมนต์ / After the treatment", .postTreatment) { $0.daysAfter = 1 },
      rule("แบบสอบถาม / Survey", .satisfactionSurvey) { $0.daysAfter = 7 },
      rule("เตือนนัด 1 วัน / The day before", .appointmentReminder, .high) { $0.hoursBefore = 24 },
      rule("เตือนนัด 2 ชั่วโมง / Two hours before", .appointmentReminder, .high) { $0.hoursBefore = 2 },
      rule(
        "ไม่มาตามนัด / Missed", .appointmentReminder, .high,
        words: Texts(
          th: "คุณ{customerName} เราไม่ได้พบกันตามนัด{treatmentName} เลือกเวลาใหม่ได้ที่ {bookingLink}",
          en: "We missed you, {customerName}. Choose another time for {treatmentName}: {bookingLink}")
      ) {
        $0.hoursAfter = 1
        $0.workflowStage = .paymentConfirmed
      },
      rule("เตือนชำระเงิน / Payment", .paymentReminder, .high) { $0.daysBefore = 3 },
      rule("แผนต่อไป / Next step", .upsellOpportunity, .low) { $0.daysAfter = 14 },
      rule("แต้มใกล้หมดอายุ / Points end", .loyaltyReward) { $0.daysBefore = 30 },
      rule(
        "ระดับใหม่ / New tier", .loyaltyReward,
        words: Texts(
          th: "ยินดีด้วยค่ะ คุณ{customerName} เป็นสมาชิกระดับ{tierName}แล้ว {portalLink}",
          en: "Congratulations, {customerName}: you are {tierName} now. {portalLink}")
      ) { $0.hoursAfter = 0 },
      rule("วันเกิด / Birthday", .birthdaySpecial) { _ in },
      rule("คิดถึงคุณ / Win-back", .inactiveReactivation, .low) { $0.daysAfter = 60 },
    ]
  }

  private static func rule(
    _ name: String, _ type: FollowUpType, _ priority: TaskPriority = .medium, words: Texts? = nil,
    _ change: (inout FollowUpConditions) -> Void
  ) -> FollowUpRuleDetails {
    var conditions = FollowUpConditions()
    change(&conditions)
    var details = FollowUpRuleDetails()
    details.name = name
    details.type = type
    details.conditions = conditions
    details.channels = [.line, .sms, .email, .inApp]
    details.priority = priority
    if let words { details.words = [.th: MessageWords(message: words.th), .en: MessageWords(message: words.en)] }
    return details
  }
}

extension Draft {
  /// Copies the house's templates and rules into a clinic that has none of them yet. With `types`, the rules of these
  /// only; the templates are all there, so that a rule made later has words. `lastly` is the channel that is left when
  /// no other reaches the customer.
  package mutating func seedFollowUps(
    _ types: [FollowUpType] = FollowUpType.allCases, lastly: Channel? = nil
  ) throws {
    for type in FollowUpType.allCases {
      let words = SystemTemplates.words(type)
      for language in Language.allCases where try templates(of: type, in: language, FollowUpVariant.only).isEmpty {
        var template = FollowUpTemplate()
        template.id = newID()
        template.clinicID = clinicID
        template.name = "\(type.rawValue) \(language.rawValue)"
        template.type = type
        template.language = language
        template.message = words[language]
        template.variables = .array(
          try MessageWords(message: template.message).variables(of: type, type.rawValue).map(JSON.string))
        template.isSystemTemplate = true
        template.category = type.isMarketing ? "marketing" : "service"
        insert(template)
      }
    }
    let known = try Set(rows(FollowUpRule.self, Selection()).map(\.name))
    for var details in SystemTemplates.rules {
      if let lastly { details.channels?.append(lastly) }
      guard let type = details.type, types.contains(type), let name = details.name, !known.contains(name) else {
        continue
      }
      _ = try createFollowUpRule(details)
    }
  }
}

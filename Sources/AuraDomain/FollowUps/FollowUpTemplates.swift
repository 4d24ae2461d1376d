/// A template as an owner or admin writes it down; for a change, what is absent stays.
package struct FollowUpTemplateDetails: Sendable, Equatable {
  package var name: String?
  package var type: FollowUpType?
  package var language: Language?
  /// `nil` is for every channel that has none of its own.
  package var channel: Channel?
  package var variant: String?
  package var subject: String?
  package var message: String?
  package var category: String?

  package init() {}
}

extension Draft {
  mutating func createFollowUpTemplate(_ details: FollowUpTemplateDetails) throws -> JSON {
    guard let type = details.type, let language = details.language, let message = details.message else {
      throw Refusal(.badRequest, "What is said?", details: ["path": "args.message", "problem": "is missing"])
    }
    var template = FollowUpTemplate()
    template.id = newID()
    template.clinicID = clinicID
    template.type = type
    template.language = language
    template.channel = details.channel
    template.variant = details.variant ?? FollowUpVariant.only
    template.name = details.name ?? "\(type.rawValue) \(language.rawValue) \(template.variant)"
    template.subject = details.subject
    template.message = message
    template.category = details.category
    template.variables = .array(try template.words.variables(of: type, "args").map(JSON.string))
    let same = try templates(of: type, in: language, template.variant).first { $0.channel == details.channel }
    if let same {
      throw Refusal(
        .duplicate, "There is a template of this type, language, channel and variant.",
        details: ["template_id": .id(same.id), "version": .integer(same.version)])
    }
    insert(template)
    return outcome(template)
  }

  /// Changes what is said; for whom it is stays, since its statistics are about that.
  mutating func updateFollowUpTemplate(_ id: ID, _ details: FollowUpTemplateDetails) throws -> JSON {
    guard let before = try row(FollowUpTemplate.self, id) else {
      throw Refusal(.notFound, "There is no such template.", details: ["template_id": .id(id)])
    }
    var changed = before
    changed.name = details.name ?? before.name
    changed.subject = details.subject ?? before.subject
    changed.message = details.message ?? before.message
    changed.category = details.category ?? before.category
    changed.variables = .array(try changed.words.variables(of: before.type, "args").map(JSON.string))
    return outcome(try update(before) { $0 = changed })
  }

  private func outcome(_ template: FollowUpTemplate) -> JSON {
    ["templateId": .id(template.id), "variables": template.variables, "version": .integer(template.version)]
  }

  func templates(of type: FollowUpType, in language: Language, _ variant: String) throws -> [FollowUpTemplate] {
    try rows(
      FollowUpTemplate.self,
      Selection(
        .equal("type", .word(type)), .equal("language", .word(language)), .equal("variant", .text(variant)),
        order: [.ascending("id")]))
  }
}

extension FollowUpTemplate {
  var words: MessageWords { MessageWords(subject: subject, message: message) }
}

/// A value that words may name in braces.
enum FollowUpVariable: String, CaseIterable {
  case customerName, nickname, clinicName, portalLink, optOutLink
  case treatmentName, careLink, surveyLink, offerLink, bookingLink
  case appointmentDate, appointmentTime
  case amount, dueDate, payLink
  case expiringPoints, expiryDate, availablePoints, tierName, bonusPoints

  /// What there is a value for when a message of this type is sent.
  static func of(_ type: FollowUpType) -> [FollowUpVariable] {
    let everywhere: [FollowUpVariable] = [
      .customerName, .nickname, .clinicName, .portalLink, .bookingLink, .optOutLink,
    ]
    let more: [FollowUpVariable] =
      switch type {
      case .postTreatment: [.treatmentName, .careLink, .surveyLink]
      case .paymentReminder: [.treatmentName, .amount, .dueDate, .payLink]
      case .appointmentReminder: [.treatmentName, .appointmentDate, .appointmentTime]
      case .satisfactionSurvey: [.treatmentName, .surveyLink]
      case .upsellOpportunity: [.treatmentName, .offerLink]
      case .loyaltyReward: [.expiringPoints, .expiryDate, .availablePoints, .tierName]
      case .birthdaySpecial: [.bonusPoints, .availablePoints]
      case .inactiveReactivation: [.treatmentName, .availablePoints]
      }
    return everywhere + more
  }

  /// Whether there ever is a value for it in a message about this.
  func isGiven(on occasion: FollowUpOccasionKind) -> Bool {
    switch self {
    case .appointmentDate, .appointmentTime: occasion == .appointment
    case .dueDate: occasion == .proposal
    case .expiringPoints, .expiryDate: occasion == .pointsExpire
    case .customerName, .nickname, .clinicName, .portalLink, .optOutLink, .treatmentName, .careLink, .surveyLink,
      .offerLink, .bookingLink, .amount, .payLink, .availablePoints, .tierName, .bonusPoints:
      true
    }
  }
}

extension MessageWords {
  /// The values that the words name, each once. Throws `bad_request` for a name that the type has no value for, or the
  /// occasion where the words are for one only, and for a brace that belongs to none: what is saved can be sent.
  func variables(
    of type: FollowUpType, on occasion: FollowUpOccasionKind? = nil, _ path: String
  ) throws(Refusal) -> [String] {
    let allowed = FollowUpVariable.of(type).filter { variable in occasion.map(variable.isGiven) ?? true }
    var found: [String] = []
    for (name, text) in [("subject", subject ?? ""), ("message", message)] {
      func refuse(_ problem: String) -> Refusal {
        Refusal(
          .badRequest, "\(path).\(name): \(problem).",
          details: [
            "path": .string("\(path).\(name)"), "problem": .string(problem),
            "allowed": .array(allowed.map { .word($0) }),
          ])
      }
      for part in Self.parts(text) {
        switch part {
        case .text(let text):
          if text.contains("{") || text.contains("}") { throw refuse("a brace without its other half") }
        case .variable(let name):
          guard let known = FollowUpVariable(rawValue: name), allowed.contains(known) else {
            throw refuse("there is no {\(name.prefix(40))} in \(type.rawValue)")
          }
          if !found.contains(name) { found.append(name) }
        }
      }
    }
    return found
  }

  enum Part: Equatable {
    case text(String)
    case variable(String)
  }

  /// The text in pieces: what is between braces without another brace is a variable's name.
  static func parts(_ text: String) -> [Part] {
    var parts: [Part] = []
    var rest = text[...]
    var plain = ""
    while let open = rest.firstIndex(of: "{") {
      let inner = rest[rest.index(after: open)...]
      guard let close = inner.firstIndex(where: { $0 == "}" || $0 == "{" }), inner[close] == "}" else {
        plain += rest[...open]
        rest = inner
        continue
      }
      plain += rest[..<open]
      if !plain.isEmpty { parts.append(.text(plain)) }
      plain = ""
      parts.append(.variable(String(inner[..<close])))
      rest = inner[inner.index(after: close)...]
    }
    plain += rest
    if !plain.isEmpty { parts.append(.text(plain)) }
    return parts
  }

  /// The words with their values, or the name of the first that has none.
  func filled(_ value: (FollowUpVariable) throws -> String?) throws -> Result<MessageWords, MissingValue> {
    var texts: [String] = []
    for text in [subject ?? "", message] {
      var result = ""
      for part in Self.parts(text) {
        switch part {
        case .text(let text): result += text
        case .variable(let name):
          guard let known = FollowUpVariable(rawValue: name), let value = try value(known), !value.isEmpty else {
            return .failure(MissingValue(name: name))
          }
          result += value
        }
      }
      texts.append(result)
    }
    return .success(MessageWords(subject: subject == nil ? nil : texts[0], message: texts[1]))
  }

  struct MissingValue: Error, Equatable {
    var name: String
  }
}

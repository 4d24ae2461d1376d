import AuraDomain

/// The arguments of follow-ups and of how a customer is contacted.
extension Command {
  static let followUpDecoders: [(name: String, decode: Decode)] = [
    ("createFollowUpRule", { (a) throws(Refusal) in .createFollowUpRule(try a.followUpRule(isNew: true)) }),
    (
      "updateFollowUpRule",
      { (a) throws(Refusal) in .updateFollowUpRule(rule: try a.id("ruleId"), try a.followUpRule(isNew: false)) }
    ),
    ("createFollowUpTemplate", { (a) throws(Refusal) in .createFollowUpTemplate(try a.followUpTemplate(isNew: true)) }),
    (
      "updateFollowUpTemplate",
      { (a) throws(Refusal) in
        .updateFollowUpTemplate(template: try a.id("templateId"), try a.followUpTemplate(isNew: false))
      }
    ),
    ("updateFollowUpSettings", { (a) throws(Refusal) in .updateFollowUpSettings(try a.followUpSettings()) }),
    (
      "cancelFollowUp",
      { (a) throws(Refusal) in .cancelFollowUp(execution: try a.id("executionId"), reason: try a.reason()) }
    ),
    ("requeueFollowUp", { (a) throws(Refusal) in .requeueFollowUp(execution: try a.id("executionId")) }),
    ("recordResponse", { (a) throws(Refusal) in .recordResponse(try a.followUpResponse()) }),
    ("updatePreferences", { (a) throws(Refusal) in .updatePreferences(try a.preferences()) }),
  ]
}

extension Arguments {
  /// `"conditions": {"daysAfter", "hoursAfter", "daysBefore", "hoursBefore", "workflowStage", "customerSegment",
  /// "treatmentType": [], "onRequest"}`, `"words": {"th": {"subject", "message"}, "en"}`, `"variants": [{"name", "weight"}]`
  fileprivate mutating func followUpRule(isNew: Bool) throws(Refusal) -> FollowUpRuleDetails {
    var rule = FollowUpRuleDetails()
    rule.name = try optionalText("name", bytesMax: Size.name)
    // What a rule waits for is decided when it is made.
    if isNew { rule.type = try optionalWord("type", FollowUpType.self) }
    rule.conditions = try followUpConditions()
    let channels = try words("channels", Channel.self)
    rule.channels = channels.isEmpty ? nil : channels
    rule.priority = try optionalWord("priority", TaskPriority.self, aliases: ["normal": .medium])
    rule.active = try flag("active")
    rule.marketing = try flag("marketing")
    rule.words = try messageWords()
    rule.approvedTemplate = try optionalText("approvedTemplate", bytesMax: Size.word)
    rule.variants = try followUpVariants()
    if isNew {
      if rule.name == nil { throw bad("name", "is missing") }
      if rule.type == nil { throw bad("type", "is missing") }
      if rule.channels == nil { throw bad("channels", "is missing") }
    }
    return rule
  }

  private mutating func followUpConditions() throws(Refusal) -> FollowUpConditions? {
    guard var a = try optionalArguments("conditions") else { return nil }
    var conditions = FollowUpConditions()
    conditions.daysAfter = try a.optionalInteger("daysAfter", in: 0...365)
    conditions.hoursAfter = try a.optionalInteger("hoursAfter", in: 0...72)
    conditions.daysBefore = try a.optionalInteger("daysBefore", in: 0...30)
    conditions.hoursBefore = try a.optionalInteger("hoursBefore", in: 0...72)
    conditions.workflowStage = try a.optionalWord("workflowStage", Stage.self, aliases: Alias.stages)
    conditions.customerSegment = try a.optionalWord("customerSegment", CustomerSegment.self)
    conditions.treatmentTypes = try a.texts("treatmentType", countMax: 50, bytesMax: Size.word) ?? []
    conditions.onRequest = try a.flag("onRequest") ?? false
    try a.finish()
    return conditions
  }

  /// An empty object takes a rule's own words away again.
  private mutating func messageWords() throws(Refusal) -> [Language: MessageWords]? {
    guard var a = try optionalArguments("words") else { return nil }
    var words: [Language: MessageWords] = [:]
    for language in Language.allCases {
      guard var one = try a.optionalArguments(language.rawValue) else { continue }
      words[language] = MessageWords(
        subject: try one.optionalText("subject", bytesMax: Size.name),
        message: try one.text("message", bytesMax: Size.message))
      try one.finish()
    }
    try a.finish()
    return words
  }

  private mutating func followUpVariants() throws(Refusal) -> [FollowUpVariant]? {
    guard let entries = try list("variants", countMax: 5) else { return nil }
    var variants: [FollowUpVariant] = []
    for entry in entries {
      var a = try Arguments(entry.value, path: entry.path)
      variants.append(
        FollowUpVariant(
          name: try a.text("name", bytesMax: 40), weight: try a.integer("weight", in: 0...FollowUpVariant.weightMax)))
      try a.finish()
    }
    return variants
  }

  fileprivate mutating func followUpTemplate(isNew: Bool) throws(Refusal) -> FollowUpTemplateDetails {
    var template = FollowUpTemplateDetails()
    template.name = try optionalText("name", bytesMax: Size.name)
    template.subject = try optionalText("subject", bytesMax: Size.name)
    template.message = try optionalText("message", bytesMax: Size.message)
    template.category = try optionalText("category", bytesMax: Size.word)
    if isNew {
      template.type = try word("type", FollowUpType.self)
      template.language = try word("language", Language.self)
      template.channel = try optionalWord("channel", Channel.self)
      template.variant = try optionalText("variant", bytesMax: 40)
      if template.message == nil { throw bad("message", "is missing") }
    }
    return template
  }

  fileprivate mutating func followUpSettings() throws(Refusal) -> FollowUpSettingsDetails {
    var settings = FollowUpSettingsDetails()
    settings.quietFrom = try optionalInteger("quietFrom", in: 1...24)
    settings.quietTo = try optionalInteger("quietTo", in: 0...23)
    settings.proposalDueDays = try optionalInteger("proposalDueDays", in: 1...90)
    settings.baseURL = try optionalText("baseUrl", bytesMax: 300)
    settings.contactPhone = try optionalText("contactPhone", bytesMax: Size.word)
    settings.contactLine = try optionalText("contactLine", bytesMax: Size.word)
    return settings
  }

  fileprivate mutating func followUpResponse() throws(Refusal) -> FollowUpResponse {
    var response = FollowUpResponse(execution: try id("executionId"))
    response.opened = try flag("opened") ?? false
    response.clicked = try flag("clicked") ?? false
    response.delivered = try flag("delivered") ?? false
    response.replyText = try optionalText("replyText", bytesMax: Size.reason)
    response.sentiment = try optionalWord("sentiment", Sentiment.self)
    return response
  }

  fileprivate mutating func preferences() throws(Refusal) -> PreferenceDetails {
    var details = PreferenceDetails(customer: try optionalID("customerId"))
    if try value("channels") != nil { details.channels = try words("channels", Channel.self) }
    details.language = try optionalWord("language", Language.self)
    details.bestContactTime = try optionalWord("bestContactTime", BestContactTime.self)
    details.timezone = try optionalText("timezone", bytesMax: Size.word)
    details.contentStyle = try optionalWord("contentStyle", ContentStyle.self)
    details.maxWeeklyContacts = try optionalInteger("maxWeeklyContacts", in: 0...50)
    details.maxMonthlyContacts = try optionalInteger("maxMonthlyContacts", in: 0...200)
    details.marketingOptIn = try flag("marketingOptIn")
    details.whatsappOptIn = try flag("whatsappOptIn")
    details.doNotContact = try flag("doNotContact")
    details.lineUserID = try address("lineUserId")
    details.whatsappNumber = try address("whatsappNumber")
    details.consent = try consent()
    return details
  }

  /// An id or a number as a channel's operator writes it: a few plain signs without a space.
  private mutating func address(_ name: String) throws(Refusal) -> String? {
    guard let text = try optionalText(name, bytesMax: 64) else { return nil }
    let isPlain = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "+-_.".utf8.contains(byte)
    }
    guard isPlain else { throw bad(name, "letters, digits and + - _ . are expected") }
    return text
  }

  mutating func followUpFilter() throws(Refusal) -> FollowUpFilter {
    var filter = FollowUpFilter()
    filter.statuses = try words("status", ExecutionStatus.self)
    filter.rule = try optionalID("ruleId")
    filter.customer = try optionalID("customerId")
    filter.workflow = try optionalID("workflowId", or: "journeyId")
    filter.limit = try optionalInteger("limit", in: 1...FollowUpFilter.limitMax) ?? filter.limit
    filter.after = try optionalID("after")
    return filter
  }

  mutating func followUpResults() throws(Refusal) -> FollowUpResultsFilter {
    var filter = FollowUpResultsFilter(rule: try id("ruleId"))
    filter.from = try optionalInstant("from")
    filter.to = try optionalInstant("to")
    return filter
  }

  /// `ruleId`, or `rule` as `createFollowUpRule` takes it; `from` and `to`, a day from `from` on if it is left out.
  mutating func followUpDryRun() throws(Refusal) -> FollowUpDryRun {
    let from = try instant("from")
    let to = try optionalInstant("to") ?? min(from + .days(1), .latest)
    let saved = try optionalID("ruleId")
    if var a = try optionalArguments("rule") {
      if saved != nil { throw bad("rule", "the same as ruleId; give one of them") }
      let details = try a.followUpRule(isNew: true)
      try a.finish()
      return FollowUpDryRun(.draft(details), from: from, to: to)
    }
    guard let saved else { throw bad("ruleId", "is missing") }
    return FollowUpDryRun(.rule(saved), from: from, to: to)
  }
}

extension Size {
  /// A message, in bytes of UTF-8.
  fileprivate static let message = 6_000
}

/// What a customer, or staff for them, says of how they want to be contacted; what is absent stays.
package struct PreferenceDetails: Sendable, Equatable {
  /// `nil`: the caller's own.
  package var customer: ID?
  package var channels: [Channel]?
  package var language: Language?
  package var bestContactTime: BestContactTime?
  package var timezone: String?
  package var contentStyle: ContentStyle?
  package var maxWeeklyContacts: Int?
  package var maxMonthlyContacts: Int?
  package var marketingOptIn: Bool?
  package var whatsappOptIn: Bool?
  package var doNotContact: Bool?
  /// The id that LINE has given the customer for the clinic's account.
  package var lineUserID: String?
  /// Where it is not the phone's.
  package var whatsappNumber: String?
  /// What was read and agreed to, and how; needed for whatever is agreed to.
  package var consent: ConsentGiven?

  package init(customer: ID? = nil) { self.customer = customer }
}

package enum ContentStyle: String, Sendable, CaseIterable { case professional, friendly, casual }

extension Draft {
  mutating func updatePreferences(_ details: PreferenceDetails) throws -> JSON {
    let customer = try whose(details.customer, .updatePreferences)
    if let zone = details.timezone, !ClinicCalendar.isKnown(timezone: zone) {
      throw Refusal(
        .badRequest, "There is no such time zone.",
        details: ["path": "args.timezone", "problem": "a name such as Asia/Bangkok is expected"])
    }
    try setAddresses(of: customer, details)
    var current = try preferences(of: customer.id) ?? addPreferences(of: customer.id)
    current = try update(current) { row in
      if let channels = details.channels { row.preferredChannels = .array(channels.map { .word($0) }) }
      row.language = details.language ?? row.language
      row.bestContactTime = details.bestContactTime?.rawValue ?? row.bestContactTime
      row.timezone = details.timezone ?? row.timezone
      row.contentStyle = details.contentStyle?.rawValue ?? row.contentStyle
      row.maxWeeklyContacts = details.maxWeeklyContacts ?? row.maxWeeklyContacts
      row.maxMonthlyContacts = details.maxMonthlyContacts ?? row.maxMonthlyContacts
    }
    let channel = details.consent?.channel ?? (actor.kind == .customer ? "portal" : "in_person")
    if let allowed = details.whatsappOptIn { try setConsent(.whatsapp, allowed, of: customer.id, details, channel) }
    let wasSilent = current.doNotContact
    if let silent = details.doNotContact { try setSilence(silent, of: customer.id, details, channel) }
    if let allowed = details.marketingOptIn {
      if allowed {
        try setConsent(.marketing, true, of: customer.id, details, channel)
      } else {
        try withdrawMarketing(of: customer.id, channel: channel)
      }
    }
    let after = try preferences(of: customer.id) ?? current
    if !after.doNotContact {
      if wasSilent {
        try planStillToCome(for: customer.id)
      } else if details.marketingOptIn == true {
        try planStillToCome(for: customer.id) { $0.needsConsent }
      }
    }
    return [
      "customerId": .id(customer.id), "marketingOptIn": .bool(after.marketingOptIn),
      "doNotContact": .bool(after.doNotContact), "version": .integer(after.version),
    ]
  }

  /// Staff's to write down: whoever could name another's address would have that one written to.
  private mutating func setAddresses(of customer: Customer, _ details: PreferenceDetails) throws {
    if details.lineUserID == nil && details.whatsappNumber == nil { return }
    guard actor.kind != .customer else {
      throw Refusal(
        .forbidden, "The clinic writes this down.",
        details: ["deed": .word(Deed.updatePreferences), "needs": "staff"])
    }
    try update(customer) { row in
      if let id = details.lineUserID { row.metadata.set("lineUserId", .string(id)) }
      if let number = details.whatsappNumber { row.metadata.set("whatsappNumber", .string(number)) }
    }
  }

  private mutating func addPreferences(of customer: ID) throws -> CustomerPreferences {
    var row = try blankPreferences(of: customer)
    row.id = newID()
    insert(row)
    return row
  }

  /// Nobody is agreed for: consent needs to say what was agreed to.
  private mutating func setConsent(
    _ purpose: ConsentPurpose, _ given: Bool, of customer: ID, _ details: PreferenceDetails, _ channel: String
  ) throws {
    if given && details.consent == nil {
      throw Refusal(
        .consentRequired, "What has the customer agreed to?",
        details: ["purpose": .word(purpose), "customer_id": .id(customer), "path": "args.consent"])
    }
    try keepConsent(purpose, given, of: customer, version: details.consent?.version, channel: channel)
  }

  /// Writes down what a customer agrees to or no longer agrees to. The same once more changes nothing, but for the
  /// version that is agreed to.
  mutating func keepConsent(
    _ purpose: ConsentPurpose, _ given: Bool, of customer: ID, version: String?, channel: String
  ) throws {
    let before = try preferences(of: customer) ?? addPreferences(of: customer)
    let known = before.consents[purpose.rawValue]
    let version = version ?? known?["version"]?.string
    let isKnown = known?["given"] == .bool(given) && known?["version"]?.string == version
    let isSet = purpose != .marketing || before.marketingOptIn == given
    if isKnown && isSet { return }
    let after = try update(before) { [now, actor] row in
      row.consents.set(
        purpose.rawValue,
        [
          "given": .bool(given), "version": .text(version), "at": .instant(now), "channel": .string(channel),
          "recorded_by": .id(actor.user),
        ])
      if purpose == .marketing { row.marketingOptIn = given }
    }
    journey(
      given ? .consentGiven : .consentWithdrawn, customer: customer, workflow: nil,
      key: "consent:\(customer):\(purpose.rawValue):\(after.version)",
      data: ["purpose": .word(purpose), "version": .text(version), "channel": .string(channel)])
  }

  /// No advertising from here on: what waits of it is off at once.
  mutating func withdrawMarketing(of customer: ID, channel: String) throws {
    try keepConsent(.marketing, false, of: customer, version: nil, channel: channel)
    try dropFollowUps(of: customer, .optOut) { $0.needsConsent }
  }

  /// Nothing at all from here on, or as before.
  private mutating func setSilence(
    _ silent: Bool, of customer: ID, _ details: PreferenceDetails, _ channel: String
  ) throws {
    let before = try preferences(of: customer) ?? addPreferences(of: customer)
    if before.doNotContact == silent { return }
    // To be contacted again is agreed to as well.
    try setConsent(.contact, !silent, of: customer, details, channel)
    if let current = try preferences(of: customer) { try update(current) { $0.doNotContact = silent } }
    if silent { try dropFollowUps(of: customer, .doNotContact) { _ in true } }
  }

  /// What has left cannot be called back; whatever waits can, with us or on its way out.
  private mutating func dropFollowUps(
    of customer: ID, _ lack: FollowUpLack, where isMeant: (FollowUpRule) -> Bool
  ) throws {
    for execution in try openFollowUps(of: customer) {
      guard let rule = try row(FollowUpRule.self, execution.ruleID), isMeant(rule) else { continue }
      if execution.isWaiting {
        try end(execution, .skipped, lack.text)
      } else if let leaseUntil = execution.leaseUntil {
        // It may be at its gateway already; if not, it comes back as postponed and is skipped then.
        recall(Recall(execution: execution.id, attempt: execution.attempts, leaseUntil: leaseUntil))
      }
    }
  }
}

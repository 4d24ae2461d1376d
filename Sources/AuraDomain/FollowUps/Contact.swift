/// Whom a message is for, with what decides whether they may get it. Read once for a message.
struct Recipient {
  var customer: Customer
  var preferences: CustomerPreferences
  var hours: ContactHours
  var caps: ContactCaps
}

/// Where a message goes: a channel and what it is addressed to there.
struct Address: Equatable {
  var channel: Channel
  var address: String
}

extension Draft {
  func recipient(_ id: ID) throws -> Recipient {
    let customer = try customer(id)
    let preferences = try preferences(of: id) ?? blankPreferences(of: id)
    return Recipient(
      customer: customer, preferences: preferences, hours: ContactHours(preferences, try followUpSettings()),
      caps: ContactCaps(preferences))
  }

  /// Of a customer who came without any: nobody has consented to anything.
  func blankPreferences(of customer: ID) throws -> CustomerPreferences {
    var blank = CustomerPreferences()
    blank.clinicID = clinicID
    blank.customerID = customer
    blank.timezone = try clinic().timezone
    blank.language = try clinic().language
    return blank
  }

  /// Why nobody may write to them, of this kind or at all; `nil` when one may.
  func objection(of recipient: Recipient, marketing: Bool, wasPlanned: Bool) -> FollowUpLack? {
    if recipient.customer.anonymizedAt != nil { return .erased }
    if recipient.customer.status == .blacklisted { return .blacklisted }
    if recipient.preferences.doNotContact { return .doNotContact }
    guard marketing, !recipient.preferences.marketingOptIn else { return nil }
    // What was planned had consent then: whoever has none now has withdrawn it.
    let isWithdrawn = recipient.preferences.consents[ConsentPurpose.marketing.rawValue]?["given"] == false
    return wasPlanned || isWithdrawn ? .optOut : .noConsent
  }

  /// Where a message of this rule could go: the channels that the customer prefers, in their order, then the rule's
  /// others, each where there is an address.
  func addresses(
    of recipient: Recipient, for rule: FollowUpRule, _ workflow: Workflow?, without refused: [Channel] = []
  ) throws -> [Address] {
    let allowed = rule.channelList
    let preferred = Self.channels(recipient.preferences.preferredChannels).filter(allowed.contains)
    return try (preferred + allowed.filter { !preferred.contains($0) }).filter { !refused.contains($0) }
      .compactMap { channel in
        try address(of: recipient, on: channel, rule, workflow).map { Address(channel: channel, address: $0) }
      }
  }

  static func channels(_ json: JSON) -> [Channel] {
    var channels: [Channel] = []
    for channel in json.array?.compactMap({ $0.string.flatMap(Channel.init(rawValue:)) }) ?? []
    where !channels.contains(channel) {
      channels.append(channel)
    }
    return channels
  }

  private func address(
    of recipient: Recipient, on channel: Channel, _ rule: FollowUpRule, _ workflow: Workflow?
  ) throws -> String? {
    let customer = recipient.customer
    switch channel {
    case .email: return customer.email
    case .sms: return customer.phone
    case .line: return customer.metadata["lineUserId"]?.string
    case .whatsapp:
      guard let number = customer.metadata["whatsappNumber"]?.string ?? customer.phone else { return nil }
      // Its operator lets through what was asked for and approved, and answers within a day.
      let isAskedFor = recipient.preferences.consents[ConsentPurpose.whatsapp.rawValue]?["given"] == true
      if isAskedFor && rule.approvedTemplate != nil { return number }
      return try hasWritten(customer.id, on: .whatsapp, since: now - .hours(24)) ? number : nil
    // Whoever has no account will never read it.
    case .inApp: return customer.userID?.description
    // The call is a task, and tasks belong to cases that are open.
    case .call:
      guard let workflow = try workflow ?? openCase(of: customer.id), workflow.status == .active else { return nil }
      return customer.phone
    }
  }

  /// The newest case of a customer that is still open.
  func openCase(of customer: ID) throws -> Workflow? {
    try rows(
      Workflow.self,
      Selection(
        .equal("customer_id", .id(customer)), .equal("status", .word(WorkflowStatus.active)),
        order: [.descending("id")], limit: 1)
    ).first
  }

  private func hasWritten(_ customer: ID, on channel: Channel, since: Instant) throws -> Bool {
    try recentlySent(to: customer).contains {
      $0.channel == channel && $0.response["replied_at"]?.integer ?? 0 >= since.milliseconds
    }
  }

  /// What a customer was sent within the last thirty days.
  func recentlySent(to customer: ID) throws -> [FollowUpExecution] {
    try rows(
      FollowUpExecution.self,
      Selection(
        .equal("customer_id", .id(customer)), .oneOf("status", ExecutionStatus.withCustomer.map { .word($0) }),
        .greater("executed_at", .instant(now - ContactCaps.month))))
  }

  /// When a customer is written to, besides by `execution`: what was sent and is on its way, and with `planned` also what
  /// waits.
  func contacts(of customer: ID, except execution: ID?, planned: Bool) throws -> [Instant] {
    // What was sent was sent before now, also where the clock has gone back since.
    let sent = try recentlySent(to: customer).compactMap {
      $0.id == execution ? nil : $0.executedAt.map { min($0, now) }
    }
    let open = try openFollowUps(of: customer).filter { $0.id != execution && (planned || $0.status == .sending) }
    return sent + open.map { $0.status == .sending ? $0.updatedAt : $0.dueAt }
  }

  func openFollowUps(of customer: ID) throws -> [FollowUpExecution] {
    try rows(
      FollowUpExecution.self,
      Selection(
        .equal("customer_id", .id(customer)), .oneOf("status", ExecutionStatus.open.map { .word($0) }),
        order: [.ascending("scheduled_at"), .ascending("id")]))
  }
}

extension ExecutionStatus {
  /// Still to be sent, or on its way.
  static let open: [ExecutionStatus] = [.pending, .sending, .failed]
  /// It is there, or on its last leg.
  static let withCustomer: [ExecutionStatus] = [.sent, .delivered]
}

extension FollowUpRule {
  var channelList: [Channel] { Draft.channels(channels) }

  /// The name under which WhatsApp's operator has approved the words.
  var approvedTemplate: String? { template["approvedTemplate"]?.string }
}

extension FollowUpExecution {
  /// When it is looked at next.
  var dueAt: Instant { nextAttemptAt ?? scheduledAt }
}

/// Which messages, newest first.
package struct FollowUpFilter: Sendable, Equatable {
  package static let limitMax = 200

  /// Empty: of whatever status. What was given up is `dead`.
  package var statuses: [ExecutionStatus] = []
  package var rule: ID?
  package var customer: ID?
  package var workflow: ID?
  package var limit = 50
  /// The last message of the page before.
  package var after: ID?

  package init() {}
}

/// What is asked about follow-ups. A draft that is never applied reads for it.
struct FollowUpReading {
  let draft: Draft

  init(rows: any ClinicRows, actor: Actor, now: Instant) {
    var draft = Draft(rows: rows, actor: actor, now: now, seq: 0, ids: IDGenerator())
    // A query is asked for no reason; a super admin's reading is in the access log.
    draft.reason = "query"
    self.draft = draft
  }

  func permit(_ deed: Deed) throws { try draft.actor.permit(deed, reason: "query") }

  // MARK: Rules and their words

  func rules() throws -> JSON {
    try permit(.readFollowUps)
    let rules = try draft.rows(FollowUpRule.self, Selection(order: [.ascending("id")]))
    let settings = try draft.followUpSettings()
    return [
      "rules": .array(
        rules.map {
          [
            "id": .id($0.id), "name": .string($0.name), "type": .word($0.type), "occasion": .word($0.occasion),
            "conditions": $0.triggerConditions, "channels": $0.channels, "priority": .word($0.priority),
            "active": .bool($0.active), "marketing": .bool($0.needsConsent), "words": $0.ownWords,
            "approvedTemplate": .text($0.approvedTemplate), "variants": $0.variants, "version": .integer($0.version),
          ]
        }),
      "settings": [
        "quietFrom": .integer(settings.quietFrom), "quietTo": .integer(settings.quietTo),
        "proposalDueDays": .integer(settings.proposalDueDays), "baseUrl": .text(settings.baseURL),
        "contactPhone": .text(settings.contactPhone), "contactLine": .text(settings.contactLine),
      ],
    ]
  }

  func templates(of type: FollowUpType?) throws -> JSON {
    try permit(.readFollowUps)
    var selection = Selection(order: [.ascending("id")])
    if let type { selection.conditions.append(.equal("type", .word(type))) }
    return [
      "templates": .array(
        try draft.rows(FollowUpTemplate.self, selection).map {
          [
            "id": .id($0.id), "name": .string($0.name), "type": .word($0.type), "language": .word($0.language),
            "channel": $0.channel.map { .word($0) } ?? .null, "variant": .string($0.variant),
            "subject": .text($0.subject), "message": .string($0.message), "variables": $0.variables,
            "isSystemTemplate": .bool($0.isSystemTemplate), "category": .text($0.category),
            "version": .integer($0.version),
          ]
        }),
      "variables": .object(
        JSONObject(
          FollowUpType.allCases.filter { type == nil || $0 == type }.map {
            .init(name: $0.rawValue, value: .array(FollowUpVariable.of($0).map { .word($0) }))
          })),
    ]
  }

  // MARK: Messages

  func messages(_ filter: FollowUpFilter) throws -> JSON {
    try permit(.readFollowUps)
    var selection = Selection(order: [.descending("id")], limit: filter.limit + 1)
    if let customer = filter.customer { selection.conditions.append(.equal("customer_id", .id(customer))) }
    if let workflow = filter.workflow { selection.conditions.append(.equal("workflow_id", .id(workflow))) }
    if let rule = filter.rule { selection.conditions.append(.equal("rule_id", .id(rule))) }
    if let after = filter.after { selection.conditions.append(.less("id", .id(after))) }
    let found = try find(selection, filter)
    let page = found.prefix(filter.limit)
    return [
      "followUps": .array(try page.map { try entry($0) }),
      "next": found.count > filter.limit ? .id(page.last?.id) : .null,
    ]
  }

  /// By what has an index: a customer's and a case's few are put in order here; the many of a status are found in order,
  /// a status at a time.
  private func find(_ page: Selection, _ filter: FollowUpFilter) throws -> [FollowUpExecution] {
    let statuses = filter.statuses.isEmpty ? ExecutionStatus.allCases : filter.statuses
    if filter.customer != nil || filter.workflow != nil {
      var all = page
      all.conditions.append(.oneOf("status", statuses.map { .word($0) }))
      (all.order, all.limit) = ([], nil)
      return page.arrange(try draft.rows(FollowUpExecution.self, all))
    }
    if filter.statuses.isEmpty && filter.rule == nil { return try draft.rows(FollowUpExecution.self, page) }
    return page.arrange(
      try statuses.flatMap { status in
        var one = page
        one.conditions.append(.equal("status", .word(status)))
        return try draft.rows(FollowUpExecution.self, one)
      })
  }

  private func entry(_ execution: FollowUpExecution) throws -> JSON {
    let rule = try draft.row(FollowUpRule.self, execution.ruleID)
    return [
      "id": .id(execution.id), "ruleId": .id(execution.ruleID), "rule": .text(rule?.name),
      "type": rule.map { .word($0.type) } ?? .null, "customerId": .id(execution.customerID),
      "customerName": .text(try draft.row(Customer.self, execution.customerID)?.fullName),
      "workflowId": .id(execution.workflowID), "channel": .word(execution.channel),
      "status": .word(execution.status), "scheduledAt": .instant(execution.scheduledAt),
      "nextAttemptAt": .instant(execution.nextAttemptAt), "executedAt": .instant(execution.executedAt),
      "attempts": .integer(execution.attempts), "reason": .text(execution.lastError),
      "variant": .text(execution.variant), "content": execution.personalizedContent, "response": execution.response,
      "version": .integer(execution.version),
    ]
  }

  /// How a customer is contacted; the caller's own where nobody is named.
  func preferences(of named: ID?) throws -> JSON {
    let customer = try draft.whose(named, .readPreferences)
    let row = try draft.preferences(of: customer.id) ?? draft.blankPreferences(of: customer.id)
    let addresses: [(Channel, String?)] = [
      (.email, customer.email), (.sms, customer.phone), (.line, customer.metadata["lineUserId"]?.string),
      (.call, customer.phone), (.inApp, customer.userID?.description),
    ]
    return [
      "customerId": .id(customer.id), "channels": row.preferredChannels,
      "reachable": .array(addresses.filter { $0.1 != nil }.map { .word($0.0) }), "language": .word(row.language),
      "bestContactTime": .string(row.bestContactTime), "timezone": .string(row.timezone),
      "contentStyle": .string(row.contentStyle), "maxWeeklyContacts": .integer(row.maxWeeklyContacts),
      "maxMonthlyContacts": .integer(row.maxMonthlyContacts), "marketingOptIn": .bool(row.marketingOptIn),
      "doNotContact": .bool(row.doNotContact), "lineUserId": customer.metadata["lineUserId"] ?? .null,
      "whatsappNumber": customer.metadata["whatsappNumber"] ?? .null,
      "consents": .object(
        JSONObject(
          (row.consents.object?.members ?? []).map { member in
            var consent = member.value
            consent.set("recorded_by", nil)
            return .init(name: member.name, value: consent)
          })),
      "version": .integer(row.version),
    ]
  }
}

extension FollowUpRule {
  /// The words of its own, by language; empty where its type's templates speak.
  fileprivate var ownWords: JSON {
    var words = JSONObject()
    for language in Language.allCases { words[language.rawValue] = template[language.rawValue] }
    return .object(words)
  }
}

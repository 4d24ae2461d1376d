/// What a rule would do in a stretch of time, and why; nothing is written. It goes by the rows as they are: consent and
/// addresses of today, and of appointments those that stand.
package struct FollowUpDryRun: Sendable, Equatable {
  package static let daysMax = 31

  package enum Subject: Sendable, Equatable {
    case rule(ID)
    /// One that is not saved.
    case draft(FollowUpRuleDetails)
  }

  package var subject: Subject
  package var from: Instant
  package var to: Instant

  package init(_ subject: Subject, from: Instant, to: Instant) {
    self.subject = subject
    self.from = from
    self.to = to
  }
}

extension FollowUpReading {
  private static let entriesMax = 200
  /// Occasions that are looked at; a busy clinic's month has about as many.
  private static let occasionsMax = 3_000

  func dryRun(_ run: FollowUpDryRun) throws -> JSON {
    try permit(.manageFollowUps)
    guard run.from < run.to, run.to - run.from <= .days(FollowUpDryRun.daysMax) else {
      throw Refusal(
        .badRequest, "A dry run is over a month at most.",
        details: ["path": "args.to", "problem": .string("at most \(FollowUpDryRun.daysMax) days after args.from")])
    }
    let rule = try rule(run.subject)
    var entries: [(at: Instant, entry: JSON)] = []
    var (sends, skips) = (0, 0)
    // What an automation rule asks for is in that rule's own dry run.
    let occasions = rule.conditions.onRequest ? [] : try occasions(of: rule, run)
    for occasion in occasions.prefix(Self.occasionsMax) {
      let (at, isSent, entry) = try foresee(rule, occasion)
      guard at >= run.from, at < run.to else { continue }
      if isSent { sends += 1 } else { skips += 1 }
      entries.append((at, entry))
    }
    entries.sort { $0.at < $1.at }
    return [
      "ruleId": rule.id == Self.unsaved ? .null : .id(rule.id), "from": .instant(run.from), "to": .instant(run.to),
      "occasion": .word(rule.occasion), "onRequest": .bool(rule.conditions.onRequest), "sends": .integer(sends),
      "skips": .integer(skips),
      "truncated": .bool(occasions.count > Self.occasionsMax || entries.count > Self.entriesMax),
      "entries": .array(entries.prefix(Self.entriesMax).map(\.entry)),
    ]
  }

  private static let unsaved = ID(high: 0, low: 0)

  private func rule(_ subject: FollowUpDryRun.Subject) throws -> FollowUpRule {
    switch subject {
    case .rule(let id): return try draft.followUpRule(id)
    case .draft(let details):
      var rule = FollowUpRule(details)
      rule.id = Self.unsaved
      try draft.check(rule)
      return rule
    }
  }

  private func foresee(
    _ rule: FollowUpRule, _ occasion: FollowUpOccasion
  ) throws -> (at: Instant, isSent: Bool, entry: JSON) {
    let recipient = try draft.recipient(occasion.customer)
    var entry: JSONObject = [
      "customerId": .id(occasion.customer), "customerName": .string(recipient.customer.fullName),
      "workflowId": .id(occasion.workflow), "moment": .instant(occasion.moment),
    ]
    let key = "\(rule.id):\(occasion.customer):\(occasion.anchor)"
    let known = try draft.rows(FollowUpExecution.self, Selection(.equal("dedupe_key", .text(key)), limit: 1)).first
    if let known { entry["executionId"] = .id(known.id) }
    if let known { entry["executionStatus"] = .word(known.status) }
    func skip(_ lack: FollowUpLack, at: Instant) -> (Instant, Bool, JSON) {
      entry["at"] = .instant(at)
      entry["decision"] = "skip"
      entry["reason"] = .string(lack.text)
      return (at, false, .object(entry))
    }
    switch try draft.forecast(
      rule, occasion, from: Instant(milliseconds: 0), except: known?.id)
    {
    case .skip(let lack): return skip(lack, at: rule.ideal(for: occasion.moment))
    case .send(let plan):
      let subject = FollowUpSubject(
        rule: rule, recipient: recipient, workflow: try occasion.workflow.flatMap { try draft.row(Workflow.self, $0) },
        moment: occasion.moment, variant: plan.variant, execution: known?.id)
      switch try draft.message(subject, on: plan.channel) {
      case .failure(let lack): return skip(lack, at: plan.at)
      case .success(let message):
        entry["at"] = .instant(plan.at)
        entry["decision"] = "send"
        entry["channel"] = .word(plan.channel)
        entry["variant"] = .string(plan.variant)
        entry["language"] = .word(message.language)
        entry["text"] = .string(message.words.message)
        // Its hours, or how much the customer wants to hear, have put it off.
        if plan.at != plan.ideal { entry["ideal"] = .instant(plan.ideal) }
        return (plan.at, true, .object(entry))
      }
    }
  }

  // MARK: What there was, and will be

  /// The occasions whose messages may fall into the time: hours and caps move a message on, never back.
  private func occasions(of rule: FollowUpRule, _ run: FollowUpDryRun) throws -> [FollowUpOccasion] {
    let zero = Instant(milliseconds: 0)
    let offset = rule.ideal(for: zero) - zero
    let (from, to) = (run.from - offset - (rule.needsConsent ? .days(30) : .days(2)), run.to - offset)
    switch rule.occasion {
    case .treated:
      return try actions(.completeTreatment, from, to).compactMap { action in
        try occasion(.treated, action.workflowID, moment: action.performedAt)
      }
    case .noShow:
      return try actions(.noShow, from, to).compactMap { try occasion(.noShow, $0.workflowID, moment: $0.performedAt) }
    case .proposal:
      let stands = Span.days(try draft.followUpSettings().proposalDueDays)
      return try actions(.sendProposal, from - stands, to - stands).compactMap {
        try occasion(.proposal, $0.workflowID, moment: $0.performedAt + stands)
      }
    case .appointment: return try appointments(from, to)
    case .pointsExpire: return try endingPoints(from, to)
    case .tierReached: return try newTiers(from, to)
    case .birthday: return try birthdays(from, to)
    }
  }

  private func actions(_ type: ActionType, _ from: Instant, _ to: Instant) throws -> [WorkflowAction] {
    try draft.rows(
      WorkflowAction.self,
      Selection(
        .atLeast("performed_at", .instant(from)), .less("performed_at", .instant(to)), .equal("type", .word(type)),
        order: [.descending("performed_at")], limit: Self.occasionsMax + 1))
  }

  private func occasion(
    _ kind: FollowUpOccasionKind, _ workflow: ID, moment: Instant
  ) throws -> FollowUpOccasion? {
    guard let row = try draft.row(Workflow.self, workflow), row.status != .cancelled else { return nil }
    let anchor = kind == .noShow ? "\(workflow):no_show:\(row.noShowCount)" : workflow.description
    return FollowUpOccasion(kind: kind, customer: row.customerID, workflow: workflow, anchor: anchor, moment: moment)
  }

  /// By who treats, since that is how appointments are found.
  private func appointments(_ from: Instant, _ to: Instant) throws -> [FollowUpOccasion] {
    try draft.rows(StaffMember.self, Selection(order: [.ascending("id")])).flatMap { member in
      try draft.rows(
        Workflow.self,
        Selection(
          .equal("assigned_beautician_id", .id(member.id)), .atLeast("scheduled_start", .instant(from)),
          .less("scheduled_start", .instant(to)), order: [.ascending("scheduled_start")],
          limit: Self.occasionsMax + 1)
      ).compactMap { workflow in
        try workflow.scheduledStart.flatMap { try occasion(.appointment, workflow.id, moment: $0) }
      }
    }
  }

  private func endingPoints(_ from: Instant, _ to: Instant) throws -> [FollowUpOccasion] {
    let credits = try draft.rows(
      PointCredit.self,
      Selection(
        .equal("is_open", .integer(1)), .atLeast("expires_at", .instant(from)), .less("expires_at", .instant(to)),
        order: [.ascending("expires_at"), .ascending("id")], limit: Self.occasionsMax + 1))
    var seen: Set<String> = []
    return try credits.compactMap { credit in
      let occasion = try draft.pointsOccasion(credit)
      return seen.insert("\(occasion.customer) \(occasion.anchor)").inserted ? occasion : nil
    }
  }

  private func newTiers(_ from: Instant, _ to: Instant) throws -> [FollowUpOccasion] {
    // Whether somebody has processed them does not matter; by it, and their time, is how they are found.
    try [0, 1].flatMap { processed in
      try draft.rows(
        WorkflowEvent.self,
        Selection(
          .equal("processed", .integer(processed)), .atLeast("created_at", .instant(from)),
          .less("created_at", .instant(to)), .equal("event_type", .word(EventType.tierChanged)),
          order: [.ascending("created_at")], limit: Self.occasionsMax + 1))
    }.compactMap { event in
      guard let customer = event.customerID,
        let old = event.eventData["from_tier"]?.string.flatMap(Tier.init(rawValue:)),
        let new = event.eventData["to_tier"]?.string.flatMap(Tier.init(rawValue:)), new > old
      else { return nil }
      return FollowUpOccasion(
        kind: .tierReached, customer: customer, workflow: nil, anchor: event.id.description, moment: event.createdAt)
    }
  }

  /// The customers of the months in question are read, by part of a date.
  private func birthdays(_ from: Instant, _ to: Instant) throws -> [FollowUpOccasion] {
    let calendar = try draft.calendar()
    var found: [FollowUpOccasion] = []
    var months: [Int: [Customer]] = [:]
    var day = calendar.dayStart(from)
    while day < to {
      let civil = calendar.civil(day)
      var dates = [(month: civil.month, day: civil.day)]
      // Whoever was born on the 29th has their day on the first of March where there is none.
      let isAfterShortFebruary = civil.month == 3 && civil.day == 1 && calendar.civil(day - .hours(12)).day == 28
      if isAfterShortFebruary { dates.append((2, 29)) }
      for date in dates {
        let born = try months[date.month] ?? customers(bornIn: date.month)
        months[date.month] = born
        for customer in born where customer.dateOfBirth.flatMap({ Int($0.suffix(2)) }) == date.day {
          found.append(try draft.birthdayOccasion(of: customer.id, on: day))
        }
      }
      day = calendar.dayEnd(day)
    }
    return found
  }

  private func customers(bornIn month: Int) throws -> [Customer] {
    try draft.rows(
      Customer.self,
      Selection(
        .contains("date_of_birth", month < 10 ? "-0\(month)-" : "-\(month)-"),
        .equal("status", .word(CustomerStatus.active)), .isNull("anonymized_at"), order: [.ascending("id")],
        limit: 20 * Self.occasionsMax))
  }
}

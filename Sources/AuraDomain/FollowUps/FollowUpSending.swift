/// What a due message comes to.
private enum FollowUpVerdict {
  case send(Address, FollowUpMessage)
  case later(Instant)
  case skip(FollowUpLack)
}

extension Draft {
  /// How long a gateway has to answer, and its courier to say so.
  private static let dispatchLease = Span.seconds(60)
  /// A message that is a little late still goes, though the best hours are over.
  private static let lateness = Span.minutes(15)

  /// A message's time has come: to be sent, to be tried again, or to have its lease looked at.
  mutating func fireFollowUp(_ timer: PlannedTimer) throws -> Bool {
    guard let id = timer.payload["execution_id"]?.id, let execution = try row(FollowUpExecution.self, id) else {
      return false
    }
    if try mayHaveLeft(execution) {
      try hold(execution)
      return true
    }
    switch execution.status {
    case .pending, .failed:
      if now < execution.dueAt {
        // The clock went back, or the message was moved.
        planTimer(execution, at: execution.dueAt)
        return false
      }
      return try attempt(execution)
    case .sending:
      if let lease = execution.leaseUntil, now < lease {
        planTimer(execution, at: lease)
        return false
      }
      return try leaseIsOver(execution)
    case .sent, .delivered, .skipped, .cancelled, .dead: return false
    }
  }

  /// Sends a message, puts it off, or skips it; all that was asked when it was planned is asked again.
  mutating func attempt(_ execution: FollowUpExecution) throws -> Bool {
    guard let rule = try row(FollowUpRule.self, execution.ruleID) else { return false }
    switch try verdict(execution, rule) {
    case .send(let address, let message):
      try send(execution, rule, message, to: address)
      return true
    case .later(let at):
      try update(execution) { row in
        if row.status == .pending {
          row.scheduledAt = at
        } else {
          // A lease that ends at night is looked at in the morning, as a try that waits.
          row.status = .failed
          row.leaseUntil = nil
          row.nextAttemptAt = at
        }
      }
      planTimer(execution, at: at)
      return false
    case .skip(.noAddress) where !execution.refusedChannels.isEmpty:
      try giveUp(execution, execution.lastError ?? "no channel is left")
      return true
    case .skip(let lack):
      try end(execution, .skipped, lack.text)
      return true
    }
  }

  private func verdict(_ execution: FollowUpExecution, _ rule: FollowUpRule) throws -> FollowUpVerdict {
    if !rule.active { return .skip(.ruleOff) }
    let recipient = try recipient(execution.customerID)
    if let lack = objection(of: recipient, marketing: rule.needsConsent, wasPlanned: true) { return .skip(lack) }
    if now >= execution.deadline { return .skip(.stale) }
    if try !isMeant(execution, rule) { return .skip(.obsolete) }
    if rule.type == .inactiveReactivation, try !isAway(execution) { return .skip(.obsolete) }
    if try isOvertaken(execution, rule) { return .skip(.stale) }
    let workflow = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    if let lack = try unmet(rule.conditions, workflow, execution.customerID, at: now) { return .skip(lack) }
    let hours = recipient.hours
    // On time, its hours were chosen when it was planned; late, they are chosen again.
    let isOnTime = now <= execution.dueAt + Self.lateness
    guard let open = isOnTime ? hours.waking(now) : hours.next(now, before: execution.deadline) else {
      return .skip(.stale)
    }
    if open > now { return open < execution.deadline ? .later(open) : .skip(.stale) }
    if rule.needsConsent {
      let contacts = try contacts(of: execution.customerID, except: execution.id, planned: false)
      guard
        let free = recipient.caps.first(
          from: now, before: execution.deadline, among: contacts, open: { hours.best($0) })
      else { return .skip(.frequencyCap) }
      if free > now { return .later(free) }
    }
    let addresses = try addresses(of: recipient, for: rule, workflow, without: execution.refusedChannels)
    // A gateway knows only its own messages: what one of them may have does not go to another's.
    let begun = execution.isBegun ? addresses.first { $0.channel == execution.channel } : nil
    guard let address = begun ?? addresses.first else { return .skip(.noAddress) }
    let subject = FollowUpSubject(
      rule: rule, recipient: recipient, workflow: workflow, moment: execution.moment,
      variant: execution.variant ?? FollowUpVariant.only, execution: execution.id)
    switch try message(subject, on: address.channel) {
    case .success(let message): return .send(address, message)
    case .failure(let lack): return .skip(lack)
    }
  }

  /// Whether what the message is about is still so.
  func isMeant(_ execution: FollowUpExecution, _ rule: FollowUpRule) throws -> Bool {
    let workflow = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    switch rule.occasion {
    case .treated:
      guard let workflow, workflow.status != .cancelled, workflow.currentStage.isTreated else { return false }
      return true
    case .appointment:
      return workflow?.status == .active && workflow?.currentStage == .treatmentScheduled
        && workflow?.scheduledStart == execution.moment && workflow?.checkedInAt == nil
    case .noShow: return workflow?.status == .active && workflow?.currentStage == .paymentConfirmed
    case .proposal: return workflow?.status == .active && workflow?.currentStage == .proposalSent
    case .pointsExpire: return try pointsEnding(on: execution.moment, of: execution.customerID) > 0
    // One that has gone again, or has given way to a higher one, is none to be told of.
    case .tierReached:
      guard let tier = execution.tier else { return true }
      return try knownProfile(of: execution.customerID)?.currentTier == tier
    case .birthday: return true
    }
  }

  /// Neither back since, nor about to come.
  private func isAway(_ execution: FollowUpExecution) throws -> Bool {
    let last = try knownProfile(of: execution.customerID)?.lastVisit
    if let last, last > execution.moment + .days(1) { return false }
    let coming = try rows(
      Workflow.self,
      Selection(
        .equal("customer_id", .id(execution.customerID)), .equal("status", .word(WorkflowStatus.active)),
        .oneOf(
          "current_stage",
          [.paymentConfirmed, .treatmentScheduled, .inTreatment].map { (stage: Stage) in .word(stage) }),
        limit: 1))
    return coming.isEmpty
  }

  /// Whether a nearer reminder of the same appointment is due as well, after an outage or a night, or has just gone: one
  /// of them is enough.
  private func isOvertaken(_ execution: FollowUpExecution, _ rule: FollowUpRule) throws -> Bool {
    guard rule.occasion == .appointment, let workflow = execution.workflowID else { return false }
    return try followUps(of: workflow).contains { other in
      let isDue = other.isWaiting && other.dueAt <= now
      guard other.id != execution.id, other.moment == execution.moment, other.ideal > execution.ideal,
        isDue || other.hasLeft, let next = try row(FollowUpRule.self, other.ruleID)
      else { return false }
      return next.occasion == .appointment && (next.active || other.hasLeft)
    }
  }

  // MARK: Handing over

  private mutating func send(
    _ execution: FollowUpExecution, _ rule: FollowUpRule, _ message: FollowUpMessage, to address: Address
  ) throws {
    var content = message.words.json
    content.set("language", .word(message.language))
    let leaseUntil = now + Self.dispatchLease
    let after = try update(execution) { row in
      row.channel = address.channel
      row.templateID = message.template
      row.personalizedContent = content
      row.attempts += 1
      row.status = .sending
      row.nextAttemptAt = nil
      row.leaseUntil = leaseUntil
    }
    switch address.channel {
    case .inApp:
      try showInApp(after, rule, message)
      try accepted(after, providerMessageID: nil)
    case .call:
      try askToCall(after, rule, message)
      try accepted(after, providerMessageID: nil)
    case .email, .sms, .line, .whatsapp:
      var dispatch = Dispatch(
        clinic: clinicID, execution: after.id, channel: address.channel, attempt: after.attempts,
        leaseUntil: leaseUntil, address: address.address, language: message.language, text: message.words.message)
      dispatch.subject = message.words.subject
      dispatch.approvedTemplate = address.channel == .whatsapp ? rule.approvedTemplate : nil
      dispatch.optOutLink = rule.needsConsent ? try link(to: .stop, of: after.id) : nil
      planTimer(after, at: leaseUntil)
      self.dispatch(dispatch)
    }
  }

  private mutating func showInApp(
    _ execution: FollowUpExecution, _ rule: FollowUpRule, _ message: FollowUpMessage
  ) throws {
    var row = Notification()
    row.id = newID()
    row.clinicID = clinicID
    row.customerID = execution.customerID
    row.type = rule.type.rawValue
    row.title = message.words.subject ?? rule.type.names[message.language]
    row.message = message.words.message
    row.priority = rule.priority
    row.metadata = ["execution_id": .id(execution.id)]
    row.dedupeKey = "followup:\(execution.id)"
    try post(row)
  }

  private mutating func askToCall(_ execution: FollowUpExecution, _ rule: FollowUpRule, _ message: FollowUpMessage)
    throws
  {
    let own = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    guard let workflow = try own ?? openCase(of: execution.customerID) else { return }
    try addTask(
      .customerFollowUp, for: workflow, to: try caretaker(of: workflow, .sales), due: now + .hours(4),
      priority: rule.priority, description: message.words.message,
      data: [
        "execution_id": .id(execution.id), "follow_up": .word(rule.type), "script": .string(message.words.message),
      ], dedupe: "followup:\(execution.id)")
  }

  /// It is with the customer, or with who brings it there.
  mutating func accepted(_ execution: FollowUpExecution, providerMessageID: String?) throws {
    let after = try update(execution) { [now] row in
      row.status = .sent
      row.executedAt = now
      row.leaseUntil = nil
      row.nextAttemptAt = nil
      row.lastError = nil
      row.providerMessageID = providerMessageID ?? row.providerMessageID
    }
    cancelTimer(FollowUpExecution.timer(after.id))
    guard let workflow = try after.workflowID.flatMap({ try row(Workflow.self, $0) }), workflow.status == .active,
      workflow.currentStage == .treatmentCompleted
    else { return }
    // The first word after the treatment is what the case has waited for.
    let step = WorkflowStep(workflow.id)
    try followUp(workflow, ActionRecord(.sendFollowUp, step, data: ["execution_id": .id(after.id)]), after.channel)
  }
}

extension FollowUpExecution {
  /// Channels that have refused this message for good.
  var refusedChannels: [Channel] { Draft.channels(metadata["refused"] ?? []) }

  /// How many tries have failed since it was planned or taken up again.
  var failures: Int { metadata["failures"]?.integer ?? 0 }
  /// How many leases have ended without a word since then, or since a gateway's last answer.
  var lostReports: Int { metadata["lost"]?.integer ?? 0 }
  /// Whether the gateway of its channel may have it, though nobody has said so.
  var isBegun: Bool { failures > 0 || lostReports > 0 || metadata["begun"] == true }
}

extension FollowUpType {
  var names: Texts {
    switch self {
    case .postTreatment: Texts(th: "หลังทำทรีตเมนต์", en: "After your treatment")
    case .paymentReminder: Texts(th: "แจ้งเตือนการชำระเงิน", en: "Your payment")
    case .appointmentReminder: Texts(th: "นัดหมายของคุณ", en: "Your appointment")
    case .satisfactionSurvey: Texts(th: "ความเห็นของคุณ", en: "How was it?")
    case .upsellOpportunity: Texts(th: "แผนดูแลต่อเนื่อง", en: "Your next step")
    case .loyaltyReward: Texts(th: "แต้มของคุณ", en: "Your points")
    case .birthdaySpecial: Texts(th: "สุขสันต์วันเกิด", en: "Happy birthday")
    case .inactiveReactivation: Texts(th: "คิดถึงคุณ", en: "We miss you")
    }
  }
}

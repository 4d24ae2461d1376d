/// Something that follow-ups are about: of whom, of which case, and what it happens once for.
struct FollowUpOccasion {
  var kind: FollowUpOccasionKind
  var customer: ID
  var workflow: ID?
  /// With rule and customer the execution's key: one message of a rule for one occasion.
  var anchor: String
  var moment: Instant
  /// The one that was reached, where it is about that.
  var tier: Tier?
}

/// What becomes of a rule on an occasion.
enum FollowUpForecast {
  case send(Plan)
  case skip(FollowUpLack)

  struct Plan {
    var at: Instant
    /// When it should go, windows and caps apart.
    var ideal: Instant
    var deadline: Instant
    var channel: Channel
    var variant: String
  }
}

extension Draft {
  // MARK: What brings them about

  /// A treatment is done: its messages, and none any more about having been away.
  mutating func planAfterTreatment(_ workflow: Workflow) throws {
    for execution in try openFollowUps(of: workflow.customerID)
    where execution.workflowID != workflow.id && execution.status != .sending {
      if try row(FollowUpRule.self, execution.ruleID)?.type == .inactiveReactivation {
        try cancel(execution, .obsolete)
      }
    }
    try planFollowUps(
      FollowUpOccasion(
        kind: .treated, customer: workflow.customerID, workflow: workflow.id, anchor: workflow.id.description,
        moment: now)
    )
  }

  /// A booked or moved appointment: its reminders, where there is still time for them.
  private mutating func planReminders(_ workflow: Workflow) throws {
    if let occasion = appointmentOccasion(workflow) { try planFollowUps(occasion) }
  }

  func appointmentOccasion(_ workflow: Workflow) -> FollowUpOccasion? {
    workflow.scheduledStart.map {
      FollowUpOccasion(
        kind: .appointment, customer: workflow.customerID, workflow: workflow.id, anchor: workflow.id.description,
        moment: $0)
    }
  }

  mutating func planAfterNoShow(_ workflow: Workflow) throws {
    try planFollowUps(
      FollowUpOccasion(
        kind: .noShow, customer: workflow.customerID, workflow: workflow.id,
        anchor: "\(workflow.id):no_show:\(workflow.noShowCount)", moment: now))
  }

  mutating func planPaymentReminder(_ workflow: Workflow) throws {
    try planFollowUps(try proposalOccasion(workflow, sent: now))
  }

  func proposalOccasion(_ workflow: Workflow, sent: Instant) throws -> FollowUpOccasion {
    FollowUpOccasion(
      kind: .proposal, customer: workflow.customerID, workflow: workflow.id, anchor: workflow.id.description,
      moment: sent + .days(try followUpSettings().proposalDueDays))
  }

  mutating func planTierMessage(_ tier: Tier, of customer: ID, because cause: String) throws {
    try planFollowUps(
      FollowUpOccasion(
        kind: .tierReached, customer: customer, workflow: nil, anchor: cause, moment: now, tier: tier))
  }

  /// `day` is a moment of the birthday by the clinic's calendar.
  mutating func planBirthdayMessage(of customer: ID, on day: Instant) throws {
    try planFollowUps(try birthdayOccasion(of: customer, on: day))
  }

  func birthdayOccasion(of customer: ID, on day: Instant) throws -> FollowUpOccasion {
    let civil = try calendar().civil(day)
    let there = try recipient(customer).hours.calendar
    let morning = there.time(
      minutes: 9 * 60, onDayOf: there.dayStart(year: civil.year, month: civil.month, day: civil.day) + .hours(6))
    return FollowUpOccasion(
      kind: .birthday, customer: customer, workflow: nil, anchor: String(civil.year), moment: morning)
  }

  // MARK: Planning

  mutating func planFollowUps(_ occasion: FollowUpOccasion) throws {
    for rule in try followUpRules(for: occasion.kind) { try plan(rule, occasion) }
  }

  mutating func plan(_ rule: FollowUpRule, _ occasion: FollowUpOccasion) throws {
    let key = "\(rule.id):\(occasion.customer):\(occasion.anchor)"
    var known: [FollowUpExecution]
    if occasion.kind == .appointment, let workflow = occasion.workflow {
      known = try followUps(of: workflow).filter { $0.ruleID == rule.id }
    } else {
      known = try rows(FollowUpExecution.self, Selection(.equal("dedupe_key", .text(key)), limit: 1))
    }
    // One that waits is moved; one that was called off before anybody saw it is as good as new. What was tried is
    // neither: its gateway may have it, and would take whatever comes under the same id for the same message.
    let usable = known.last { $0.isWaiting && $0.attempts == 0 || $0.wasCalledOff }
    if usable == nil, let last = known.last, occasion.kind != .appointment || last.moment == occasion.moment { return }
    // The same appointment is not reminded of twice, another one of the same case is.
    if let told = known.last(where: { $0.hasLeft }), told.moment == occasion.moment {
      if let usable, usable.isWaiting { try cancel(usable, .obsolete) }
      return
    }
    switch try forecast(rule, occasion, from: now, except: usable?.id) {
    case .skip(let lack): if let usable, usable.isWaiting { try cancel(usable, lack) }
    case .send(let plan):
      if let usable {
        try move(usable, occasion, plan)
      } else {
        insert(occasion, plan, rule, key: known.isEmpty ? key : "\(key):\(known.count + 1)")
      }
    }
  }

  private mutating func insert(
    _ occasion: FollowUpOccasion, _ plan: FollowUpForecast.Plan, _ rule: FollowUpRule, key: String
  ) {
    var execution = FollowUpExecution()
    execution.id = newID()
    execution.clinicID = clinicID
    execution.ruleID = rule.id
    execution.customerID = occasion.customer
    execution.workflowID = occasion.workflow
    execution.dedupeKey = key
    execution.variant = plan.variant
    execution.set(occasion, plan)
    insert(execution)
    planTimer(execution, at: plan.at)
  }

  private mutating func move(
    _ execution: FollowUpExecution, _ occasion: FollowUpOccasion, _ plan: FollowUpForecast.Plan
  ) throws {
    try update(execution) { row in
      row.status = .pending
      row.lastError = nil
      row.nextAttemptAt = nil
      row.set(occasion, plan)
    }
    planTimer(execution, at: plan.at)
  }

  /// When its time comes, `execution` is sent.
  package mutating func planTimer(_ execution: FollowUpExecution, at due: Instant) {
    schedule(
      PlannedTimer(
        due: due, kind: .followUp, payload: ["execution_id": .id(execution.id)],
        dedupe: FollowUpExecution.timer(execution.id)))
  }

  mutating func cancel(_ execution: FollowUpExecution, _ lack: FollowUpLack) throws {
    try end(execution, .cancelled, lack.text)
  }

  /// Takes an execution out of the queue.
  mutating func end(_ execution: FollowUpExecution, _ status: ExecutionStatus, _ why: String) throws {
    try update(execution) { row in
      row.status = status
      row.lastError = why
      row.nextAttemptAt = nil
      row.leaseUntil = nil
    }
    cancelTimer(FollowUpExecution.timer(execution.id))
  }

  func followUps(of workflow: ID) throws -> [FollowUpExecution] {
    try rows(
      FollowUpExecution.self, Selection(.equal("workflow_id", .id(workflow)), order: [.ascending("id")]))
  }

  /// After a case has moved: its reminders follow its appointment, and what waits and no longer makes sense is called
  /// off.
  mutating func settleFollowUps(of workflow: Workflow, instead before: Workflow) throws {
    let isSame =
      workflow.currentStage == before.currentStage && workflow.status == before.status
      && workflow.scheduledStart == before.scheduledStart && workflow.checkedInAt == before.checkedInAt
    if isSame { return }
    if workflow.status == .active && workflow.currentStage == .treatmentScheduled && workflow.checkedInAt == nil {
      try planReminders(workflow)
    }
    if before.status == .cancelled && workflow.status == .active { try planStillToCome(in: workflow) }
    for execution in try followUps(of: workflow.id) where execution.isWaiting {
      guard let rule = try row(FollowUpRule.self, execution.ruleID) else { continue }
      if try !isMeant(execution, rule) { try cancel(execution, .obsolete) }
    }
  }

  // MARK: Looking ahead

  /// What would become of a rule on an occasion. `from` is the earliest that a message can go.
  func forecast(
    _ rule: FollowUpRule, _ occasion: FollowUpOccasion, from: Instant, except execution: ID? = nil
  ) throws -> FollowUpForecast {
    let recipient = try recipient(occasion.customer)
    let workflow = try occasion.workflow.flatMap { try row(Workflow.self, $0) }
    let ideal = rule.ideal(for: occasion.moment)
    // A customer's segment is that of the day on which they hear of it: who is here now is away by then.
    if let lack = try unmet(rule.conditions, workflow, occasion.customer, at: max(ideal, now)) { return .skip(lack) }
    if let lack = objection(of: recipient, marketing: rule.needsConsent, wasPlanned: false) { return .skip(lack) }
    let deadline = rule.deadline(ideal: ideal, moment: occasion.moment) { recipient.hours.calendar.dayEnd($0) }
    // Whoever has just booked for tomorrow needs no word that it is tomorrow, nor who has just been sent a proposal.
    if ideal < from && occasion.kind == .appointment || ideal <= from && occasion.kind == .proposal {
      return .skip(.tooLate)
    }
    guard var at = recipient.hours.next(max(ideal, from), before: deadline) else { return .skip(.tooLate) }
    if rule.needsConsent {
      let contacts = try contacts(of: occasion.customer, except: execution, planned: true)
      guard
        let free = recipient.caps.first(
          from: at, before: deadline, among: contacts, open: { recipient.hours.best($0) })
      else { return .skip(.frequencyCap) }
      at = free
    }
    guard let first = try addresses(of: recipient, for: rule, workflow).first else { return .skip(.noAddress) }
    return .send(
      .init(
        at: at, ideal: ideal, deadline: deadline, channel: first.channel, variant: rule.arm(of: occasion.customer)))
  }

  /// What of a rule's conditions is not so; `at` is when the customer hears of it.
  func unmet(
    _ conditions: FollowUpConditions, _ workflow: Workflow?, _ customer: ID, at: Instant
  ) throws -> FollowUpLack? {
    if !conditions.treatmentTypes.isEmpty {
      let treatment = try workflow.flatMap { try self.treatment(of: $0) }
      let names = [treatment?.id.description, treatment?.category].compactMap { $0 }
      if !conditions.treatmentTypes.contains(where: { names.contains($0) }) { return .treatment }
    }
    if let segment = conditions.customerSegment, try self.segment(of: customer, at: at) != segment { return .segment }
    return nil
  }
}

extension FollowUpExecution {
  static func timer(_ id: ID) -> String { "followup:\(id)" }

  /// Waits for its time, or for its next try.
  var isWaiting: Bool { status == .pending || status == .failed }

  /// Never tried, and called off because of what became of the case, or because the customer did not want it then.
  fileprivate var wasCalledOff: Bool {
    let passing: [FollowUpLack]
    switch status {
    case .cancelled: passing = [.obsolete, .tooLate]
    case .skipped: passing = [.optOut, .noConsent, .doNotContact]
    case .pending, .sending, .sent, .delivered, .failed, .dead: return false
    }
    return attempts == 0 && metadata["by_hand"] != true && passing.contains { $0.text == lastError }
  }

  /// With the customer, as far as is known: a gateway that did not answer may have taken it.
  var hasLeft: Bool {
    status == .sending || ExecutionStatus.withCustomer.contains(status) || isWaiting && attempts > 0
  }

  var moment: Instant { instant("moment") ?? scheduledAt }
  /// When it should have gone, windows and caps apart.
  var ideal: Instant { instant("ideal") ?? scheduledAt }
  var tier: Tier? { metadata["tier"]?.string.flatMap(Tier.init(rawValue:)) }
  var deadline: Instant { instant("deadline") ?? .latest }

  private func instant(_ name: String) -> Instant? { metadata[name]?.integer.map(Instant.init(milliseconds:)) }

  fileprivate mutating func set(_ occasion: FollowUpOccasion, _ plan: FollowUpForecast.Plan) {
    channel = plan.channel
    scheduledAt = plan.at
    metadata.set("occasion", .word(occasion.kind))
    metadata.set("moment", .instant(occasion.moment))
    metadata.set("ideal", .instant(plan.ideal))
    metadata.set("deadline", .instant(plan.deadline))
    metadata.set("tier", occasion.tier.map { .word($0) })
  }
}

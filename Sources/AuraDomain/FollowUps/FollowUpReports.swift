extension Draft {
  /// After the first failure, the second …; after the last of them nobody tries again by itself.
  private static let waits: [Span] = [
    .minutes(1), .minutes(5), .minutes(30), .hours(2), .hours(12), .hours(24),
  ]
  /// Leases that may end without a word. They take no try from the gateway, which may have done all that it was asked:
  /// the process ended, say. But a message with which it ends each time must not end it for ever.
  private static let lostMax = 30
  /// After the first of them it is handed over again at once, after the next in minutes, then in hours: all of them take
  /// about a day, so that a hub that cannot stay up for a night gives nothing up.
  private static let lostAtOnce = 5

  /// How long a message waits whose lease has ended so often.
  private static func pause(afterLost lost: Int) -> Span {
    min(Span(milliseconds: Span.minutes(5).milliseconds << min(lost - lostAtOnce - 1, 8)), .hours(1))
  }

  // MARK: What the courier says

  /// Takes a gateway's answer. One for an older try, or for what has ended, changes nothing, but that a message has been
  /// accepted stays true however late it is told.
  mutating func reportDispatch(_ report: DispatchReport) throws -> JSON {
    guard let execution = try row(FollowUpExecution.self, report.execution) else {
      throw Refusal(.notFound, "There is no such message.", details: ["execution_id": .id(report.execution)])
    }
    guard execution.status == .sending, execution.attempts == report.attempt else {
      guard case .accepted(let id) = report.result, execution.mayHaveArrived(by: report.attempt) else {
        return try outcome(execution, ["applied": false])
      }
      try accepted(try update(execution) { $0.channel = report.channel }, providerMessageID: id)
      return try outcome(execution, ["applied": true])
    }
    switch report.result {
    case .accepted(let id): try accepted(execution, providerMessageID: id)
    case .refused(let reason): try refused(execution, reason)
    case .failed(let reason, let retryAfter): try failed(execution, reason, retryAfter: retryAfter)
    case .postponed(let reason, let pause): try postponed(execution, reason, pause)
    }
    return try outcome(execution, ["applied": true])
  }

  func outcome(_ execution: FollowUpExecution, _ more: JSONObject = JSONObject()) throws -> JSON {
    let current = try row(FollowUpExecution.self, execution.id) ?? execution
    var result: JSONObject = [
      "executionId": .id(current.id), "status": .word(current.status), "scheduledAt": .instant(current.scheduledAt),
      "version": .integer(current.version),
    ]
    result.members += more.members
    return .object(result)
  }

  /// This channel will never take it: the next one, at once.
  private mutating func refused(_ execution: FollowUpExecution, _ reason: String) throws {
    let after = try update(execution) { row in
      row.lastError = "\(row.channel.rawValue): \(reason)"
      row.metadata.set("refused", .array((row.refusedChannels + [row.channel]).map { .word($0) }))
      row.metadata.set("lost", nil)
      // The next channel's gateway has failed nothing yet.
      row.metadata.set("failures", nil)
      row.leaseUntil = nil
      row.status = .failed
    }
    cancelTimer(FollowUpExecution.timer(after.id))
    _ = try attempt(after)
  }

  private mutating func failed(_ execution: FollowUpExecution, _ reason: String, retryAfter: Span?) throws {
    let failures = execution.failures + 1
    let after = try update(execution) { row in
      row.lastError = "\(row.channel.rawValue): \(reason)"
      row.metadata.set("failures", .integer(failures))
      row.metadata.set("lost", nil)
      row.leaseUntil = nil
      row.status = .failed
    }
    guard failures <= Self.waits.count else { return try giveUp(after, after.lastError ?? reason) }
    let longest = Self.waits[Self.waits.count - 1]
    // The gateway's own wish counts, within reason.
    try wait(after, until: now + max(Self.waits[failures - 1], min(retryAfter ?? .seconds(0), longest)))
  }

  /// Nobody has tried: it waits, and has as many tries left as before.
  private mutating func postponed(_ execution: FollowUpExecution, _ reason: String, _ pause: Span) throws {
    let after = try update(execution) { $0.lastError = "\($0.channel.rawValue): \(reason)" }
    try wait(after, until: now + max(.seconds(1), min(pause, .hours(1))))
  }

  private mutating func wait(_ execution: FollowUpExecution, until at: Instant) throws {
    let hours = try recipient(execution.customerID).hours
    let next = hours.waking(at)
    try update(execution) { row in
      row.status = .failed
      row.leaseUntil = nil
      row.nextAttemptAt = next
    }
    planTimer(execution, at: next)
  }

  /// Nobody has said what became of it. It may be with the gateway: whoever hands it over again says the same id.
  mutating func leaseIsOver(_ execution: FollowUpExecution) throws -> Bool {
    let lost = execution.lostReports + 1
    let after = try update(execution) { row in
      row.metadata.set("lost", .integer(lost))
      row.lastError = "\(row.channel.rawValue): no report"
    }
    if lost > Self.lostMax {
      try giveUp(after, "\(after.channel.rawValue): \(lost) times no report; it may have arrived")
      return true
    }
    if lost > Self.lostAtOnce {
      try wait(after, until: now + Self.pause(afterLost: lost))
      return false
    }
    return try attempt(after)
  }

  // MARK: Dead letters

  /// Nobody tries again by itself: an owner or admin sees it, and why, and takes it up again when that is mended.
  mutating func giveUp(_ execution: FollowUpExecution, _ why: String) throws {
    try end(execution, .dead, why)
    guard let rule = try row(FollowUpRule.self, execution.ruleID) else { return }
    let customer = try customer(execution.customerID)
    let workflow = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    try emit(
      .followupFailed, workflow,
      data: [
        "execution_id": .id(execution.id), "rule": .string(rule.name), "customer_name": .string(customer.fullName),
        "channel": .word(execution.channel), "error": .string(why),
      ], staff: [workflow?.assignedSalesID ?? customer.assignedSalesID], roles: .leaders, customer: customer.id)
    // A gateway that is out of order fails for everyone: the bell rings once a day for each rule.
    let day = try calendar().civil(now).text.prefix(10)
    for leader in try activeStaff(roles: .leaders) {
      let key = "followup_failed:\(rule.id):\(day):\(leader.id)"
      guard try rows(Notification.self, Selection(.equal("dedupe_key", .text(key)), limit: 1)).isEmpty else { continue }
      try tell(
        leader.id, .followupFailed, .followUpFailed(rule: rule.name, why: why), workflow, priority: .high, dedupe: key)
    }
  }

  mutating func requeueFollowUp(_ id: ID) throws -> JSON {
    let execution = try execution(id)
    guard execution.status == .dead else { throw execution.invalid("Only what was given up is taken up again") }
    let after = try update(execution) { [now] row in
      row.status = .pending
      row.scheduledAt = now
      row.nextAttemptAt = nil
      row.lastError = nil
      row.metadata.set("begun", row.isBegun ? true : nil)
      row.metadata.set("failures", nil)
      row.metadata.set("lost", nil)
      row.metadata.set("refused", nil)
    }
    planTimer(after, at: now)
    return try outcome(after)
  }

  /// Calls a message off that has not left yet.
  mutating func cancelFollowUp(_ id: ID, reason: String?) throws -> JSON {
    let execution = try execution(id)
    let workflow = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    let customer = try customer(execution.customerID)
    let isOwn =
      workflow.map(isSales(of:)) ?? (actor.staff != nil && customer.assignedSalesID == actor.staff)
    try actor.permit(.cancelFollowUp, isOwn: isOwn, reason: self.reason)
    if execution.status == .cancelled { return try outcome(execution, ["already": true]) }
    guard execution.isWaiting || execution.status == .dead else { throw execution.invalid("It has left already") }
    try end(execution, .cancelled, reason ?? "by hand")
    try update(execution) { $0.metadata.set("by_hand", true) }
    return try outcome(execution, ["already": false])
  }

  func execution(_ id: ID) throws -> FollowUpExecution {
    guard let execution = try row(FollowUpExecution.self, id) else {
      throw Refusal(.notFound, "There is no such message.", details: ["execution_id": .id(id)])
    }
    return execution
  }
}

extension FollowUpExecution {
  /// Whether the hub does not know that it is with its customer, but the acceptance of this try would say so.
  func mayHaveArrived(by attempt: Int) -> Bool {
    switch status {
    case .pending, .sending, .failed, .dead: (1...max(1, attempts)).contains(attempt) && attempts > 0
    // What was called off in between stays so, as it does when its customer answers.
    case .sent, .delivered, .skipped, .cancelled: false
    }
  }

  func invalid(_ message: String) -> Refusal {
    Refusal(
      .invalidTransition, "\(message).",
      details: ["execution_id": .id(id), "status": .word(status), "version": .integer(version)])
  }
}

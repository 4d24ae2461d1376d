/// A customer asks to be forgotten (PDPA): what tells who they are goes from every row and from the log; ledger and bills
/// stay, about nobody.
extension Draft {
  /// - Throws: `invalid_transition` while a case is open: it is finished or cancelled first, since somebody waits for it.
  mutating func forgetCustomer(_ id: ID, reason: String?) throws -> JSON {
    let customer = try customer(id)
    try actor.permit(.forgetCustomer, reason: reason ?? self.reason)
    let cases = try rows(Workflow.self, Selection(.equal("customer_id", .id(id)), order: [.ascending("id")]))
    let open = cases.filter { $0.status == .active }
    guard open.isEmpty else {
      throw Refusal(
        .invalidTransition, "A case of theirs is still open: close or cancel it first.",
        details: ["workflows": .array(open.map { .id($0.id) })])
    }
    // First: from here to its end the append-only tables let their words go.
    erase(customer: id)
    for workflow in cases {
      keepUndo(workflow.id, nil)
      cancelTimer(QuietPeriod.dedupe(workflow.id))
    }
    cancelTimer("birthday:\(id)")
    let called = try redactMessages(of: id)
    try redact(Workflow.self, .equal("customer_id", .id(id)))
    try redact(LoyaltyRedemption.self, .equal("customer_id", .id(id)))
    try redact(Notification.self, .equal("customer_id", .id(id)))
    try redactPreferences(of: id)
    for workflow in cases {
      try redact(Task.self, .equal("workflow_id", .id(workflow.id)))
      // What the staff's bells say of it: they name the case in their metadata.
      try redact(Notification.self, .contains("metadata", workflow.id.description))
      try rewrite(WorkflowAction.self, .equal("workflow_id", .id(workflow.id)))
      try rewrite(WorkflowEvent.self, .equal("workflow_id", .id(workflow.id)))
    }
    try rewrite(WorkflowEvent.self, .equal("customer_id", .id(id)))
    try rewrite(JourneyEvent.self, .equal("customer_id", .id(id)))
    try rewrite(PointTransaction.self, .equal("customer_id", .id(id)))
    let isKnown = customer.anonymizedAt == nil
    let after = try update(customer) { [now] row in
      row = row.redacted()
      row.userID = nil
      row.status = .inactive
      row.anonymizedAt = row.anonymizedAt ?? now
    }
    audit("customer_forgotten", ["customer_id": .id(id), "reason": .text(reason)])
    return [
      "customerId": .id(id), "version": .integer(after.version), "already": .bool(!isKnown),
      "cancelledMessages": .integer(called),
    ]
  }

  /// What waits to be sent is called off; of what was sent the words go. Returns how many were called off.
  private mutating func redactMessages(of customer: ID) throws -> Int {
    var called = 0
    for execution in try rows(FollowUpExecution.self, Selection(.equal("customer_id", .id(customer)))) {
      let waits = execution.isWaiting || execution.status == .sending || execution.status == .dead
      if waits {
        called += 1
        if execution.status == .sending, let lease = execution.leaseUntil {
          recall(Recall(execution: execution.id, attempt: execution.attempts, leaseUntil: lease))
        }
        cancelTimer(FollowUpExecution.timer(execution.id))
      }
      try update(execution) { row in
        // Why it ended is not said: the image in the log must read as one that was redacted does.
        row = row.redacted()
        if waits {
          row.status = .cancelled
          row.nextAttemptAt = nil
          row.leaseUntil = nil
        }
      }
    }
    return called
  }

  private mutating func redactPreferences(of customer: ID) throws {
    for preferences in try rows(CustomerPreferences.self, Selection(.equal("customer_id", .id(customer)))) {
      try update(preferences) { row in
        row = row.redacted()
        row.doNotContact = true
        row.marketingOptIn = false
      }
    }
  }

  private mutating func redact<R: VersionedRow>(_ type: R.Type, _ whose: Condition) throws {
    for row in try rows(type, Selection(whose)) { try update(row) { $0 = $0.redacted() } }
  }

  /// Of an append-only table.
  private mutating func rewrite<R: Row>(_ type: R.Type, _ whose: Condition) throws {
    for row in try rows(type, Selection(whose)) {
      let after = row.redacted()
      if after != row { rewrite(row, as: after) }
    }
  }
}

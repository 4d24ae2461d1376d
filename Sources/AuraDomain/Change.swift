/// What a command wants the database to do. The store carries it out in the order given, inside one savepoint, and
/// appends the rows to the change log.
package enum Change: Sendable {
  case insert(any Row)
  /// The row as it was read and as it is to be; its version is one higher for each `put` of the command.
  case update(before: any Row, after: any Row)
  /// The row as it was read. Clients are told that it is gone.
  case remove(any VersionedRow)
  /// Takes the words out of a row of an append-only table, of a customer who is being forgotten.
  case rewrite(before: any Row, after: any Row)
  /// Begins to forget a customer: the log is gone through behind the commit.
  case erase(customer: ID)
  /// Plans a timer, or moves the one of the same `dedupe`.
  case schedule(PlannedTimer)
  /// Forgets the timer of this `dedupe`, if there is one.
  case cancelTimer(dedupe: String)
  /// Sets a counter of the clinic, such as the last sale's number in a month.
  case counter(name: String, value: Int)
  /// Keeps what it takes to undo a case's last move, instead of what was kept of the move before; `nil` forgets it. No
  /// row: it holds columns that some may not see, it is nobody's to read, and it is worth nothing after minutes.
  case undo(workflow: ID, JSON?)
  /// Hands a message to its gateway once the commit is durable. Nothing of it is kept: the lease's end brings it again.
  case dispatch(Dispatch)
  /// Keeps back a message that was handed over before, if it has not left the house yet.
  case recall(Recall)
  /// Writes a line into the clinic's audit.
  case audit(kind: String, detail: JSON)
}

/// Work that comes due by itself: it is stored with the commit that planned it and fires as a command of the system.
package struct PlannedTimer: Sendable, Equatable {
  package var due: Instant
  package var kind: TimerKind
  package var payload: JSON
  /// One timer of this name at most; planning it again moves it.
  package var dedupe: String

  package init(due: Instant, kind: TimerKind, payload: JSON, dedupe: String) {
    self.due = due
    self.kind = kind
    self.payload = payload
    self.dedupe = dedupe
  }
}

package enum TimerKind: String, Sendable, CaseIterable {
  /// A task's next step of escalation. Payload: `{"task_id", "level"}`.
  case taskEscalation = "task_escalation"
  /// A case in follow-up that closes itself after seven quiet days. Payload: `{"workflow_id"}`.
  case closeCase = "close_case"
  /// The night on which credits and coupons go whose time is over. No payload.
  case pointsExpiry = "points_expiry"
  /// An open bill has held a coupon for half an hour. Payload: `{"coupon_id"}`.
  case couponRelease = "coupon_release"
  /// Tiers are set anew: at a month's end, or for the profiles behind one. Payload: `{"month_end": true}` or `{"after"}`.
  case tierReview = "tier_review"
  /// A customer's birthday begins. Payload: `{"customer_id"}`.
  case birthday
  /// A follow-up is to be sent, tried again, or its lease is over. Payload: `{"execution_id"}`.
  case followUp = "follow_up"
  /// Thirty days before a day on which points end. Payload: `{"day", "after"?}`.
  case pointsExpiring = "points_expiring"
  /// A rule's delay is over. Payload: `{"rule_id", "workflow_id", "entry", "depth"}`.
  case automation
  /// Notifications end that were for a time only. No payload.
  case notificationExpiry = "notification_expiry"
  /// The night on which notifications go that nobody needs any more. No payload.
  case notificationPruning = "notification_pruning"
}

/// Who acts. Made by the store from the rows of the same transaction, never from a token's claims.
package struct Actor: Sendable, Equatable {
  package var user: ID?
  package var kind: ActorKind
  /// The membership in the command's clinic; `nil` for a customer, the system, or a super admin from outside.
  package var role: Role?
  package var staff: ID?
  package var isFrontDesk = false
  package var customer: ID?
  package var isSuperAdmin = false

  package init(user: ID?, kind: ActorKind, role: Role? = nil, staff: ID? = nil, customer: ID? = nil) {
    self.user = user
    self.kind = kind
    self.role = role
    self.staff = staff
    self.customer = customer
  }

  package static let system = Actor(user: nil, kind: .system)
}

/// Why a command did not happen. `code` is stable and public; `details` is what the caller needs to go on.
package struct Refusal: Error, Sendable, Equatable {
  package var code: ErrorCode
  package var message: String
  package var details: JSON

  package init(_ code: ErrorCode, _ message: String, details: JSON = .emptyObject) {
    self.code = code
    self.message = message
    self.details = details
  }
}

/// Every code that the wire can carry. A code is never used again for something else.
package enum ErrorCode: String, Sendable, CaseIterable {
  case badFrame = "bad_frame"
  case badRequest = "bad_request"
  case unknownType = "unknown_type"
  case unknownCommand = "unknown_command"
  case tooLarge = "too_large"
  case unauthenticated
  case tokenExpired = "token_expired"
  case forbidden
  case notFound = "not_found"
  case invalidTransition = "invalid_transition"
  case staleVersion = "stale_version"
  case taskAlreadyStarted = "task_already_started"
  case keyReused = "key_reused"
  case duplicate
  case insufficientPoints = "insufficient_points"
  case couponUnavailable = "coupon_unavailable"
  case consentRequired = "consent_required"
  case slotTaken = "slot_taken"
  case amountMismatch = "amount_mismatch"
  case tooLate = "too_late"
  case rateLimited = "rate_limited"
  case overloaded
  case unavailable
  case `internal`

  /// Whether nothing happened and the same key may be sent again as it is.
  package var isTemporary: Bool {
    switch self {
    case .rateLimited, .overloaded, .unavailable, .internal: true
    default: false
    }
  }
}

/// The results of a rule, an arm at a time.
package struct FollowUpResultsFilter: Sendable, Equatable {
  package var rule: ID
  /// Messages sent in this time; `nil`: the last ninety days.
  package var from: Instant?
  package var to: Instant?

  package init(rule: ID) { self.rule = rule }
}

/// So many of so many, and between which shares the truth lies, 95 times in a hundred.
struct Share: Equatable {
  var count: Int
  var of: Int

  /// The normal distribution's bound for 95 %.
  static let z95 = 1.959964

  var rate: Double { of == 0 ? 0 : Double(count) / Double(of) }

  /// Edwin B. Wilson's score interval (1927): it stays within 0 … 1 and is right for few and for rare.
  func interval(z: Double = Share.z95) -> (low: Double, high: Double) {
    guard of > 0 else { return (0, 1) }
    let n = Double(of)
    let scale = 1 + z * z / n
    let middle = (rate + z * z / (2 * n)) / scale
    let half = z * (rate * (1 - rate) / n + z * z / (4 * n * n)).squareRoot() / scale
    return (max(0, middle - half), min(1, middle + half))
  }

  /// Whether this share is surely above another: the difference's interval by Robert G. Newcombe's tenth method (1998)
  /// lies above nothing.
  func isAbove(_ other: Share, z: Double) -> Bool {
    let (mine, others) = (interval(z: z), other.interval(z: z))
    let down = rate - mine.low
    let up = others.high - other.rate
    return rate - other.rate > (down * down + up * up).squareRoot()
  }

  /// Shares in basis points.
  var json: JSON {
    let (low, high) = interval()
    func bp(_ share: Double) -> JSON { .integer(Int((share * 10_000).rounded())) }
    return ["count": .integer(count), "of": .integer(of), "bp": bp(rate), "lowBp": bp(low), "highBp": bp(high)]
  }
}

/// Which arm has won, or why none has.
enum ComparisonOutcome: Equatable {
  case winner(String)
  case undecided(String)

  /// Nobody wins with fewer than this in any arm.
  static let armMin = 100

  /// An arm wins that is surely above each other one. With more comparisons each has to be surer (Bonferroni), since of
  /// many that differ by chance one looks best.
  static func of(_ arms: [(name: String, share: Share)]) -> ComparisonOutcome {
    if arms.count < 2 { return .undecided("one_arm") }
    if arms.contains(where: { $0.share.of < armMin }) { return .undecided("too_few") }
    let bounds = [Share.z95, 2.241403, 2.393980, 2.497705]
    let z = bounds[min(arms.count - 2, bounds.count - 1)]
    let best = arms.first { arm in
      arms.allSatisfy { $0.name == arm.name || arm.share.isAbove($0.share, z: z) }
    }
    return best.map { .winner($0.name) } ?? .undecided("no_difference")
  }

  var json: JSON {
    switch self {
    case .winner(let arm): ["arm": .string(arm)]
    case .undecided(let reason): ["arm": .null, "reason": .string(reason)]
    }
  }
}

extension FollowUpReading {
  /// Messages that one answer is about, the newest; the years before are for another question.
  private static let messagesMax = 5_000
  private static let rebookingSpan = Span.days(14)

  private struct Arm {
    var sent = 0
    var delivered = 0
    var opened = 0
    var clicked = 0
    var replied = 0
    var positive = 0
    var optedOut = 0
    /// Replied, and not to be left alone: what an arm can win by.
    var welcomed = 0
    /// Sent so long ago that who would come back has had the time.
    var mature = 0
    var rebooked = 0
  }

  func results(_ filter: FollowUpResultsFilter) throws -> JSON {
    try permit(.manageFollowUps)
    let rule = try draft.followUpRule(filter.rule)
    let to = filter.to ?? draft.now
    let from = filter.from ?? to - .days(90)
    let sent = try draft.rows(
      FollowUpExecution.self,
      Selection(
        .equal("rule_id", .id(rule.id)), .oneOf("status", ExecutionStatus.withCustomer.map { .word($0) }),
        .atLeast("executed_at", .instant(from)), .less("executed_at", .instant(to)),
        order: [.descending("executed_at")], limit: Self.messagesMax + 1))
    var arms: [String: Arm] = [:]
    for arm in rule.arms { arms[arm.name] = Arm() }
    for execution in sent.prefix(Self.messagesMax) {
      try count(execution, of: rule, in: &arms[execution.variant ?? FollowUpVariant.only, default: Arm()])
    }
    let ordered = arms.sorted { $0.key < $1.key }
    // Only what is still compared can win.
    let compared = ordered.filter { arm in rule.arms.contains { $0.name == arm.key && $0.weight > 0 } }
    return [
      "ruleId": .id(rule.id), "from": .instant(from), "to": .instant(to),
      "truncated": .bool(sent.count > Self.messagesMax),
      "arms": .array(
        ordered.map { name, arm in
          [
            "name": .string(name), "sent": .integer(arm.sent),
            "delivered": Share(count: arm.delivered, of: arm.sent).json,
            "opened": Share(count: arm.opened, of: arm.sent).json,
            "clicked": Share(count: arm.clicked, of: arm.sent).json,
            "replied": Share(count: arm.replied, of: arm.sent).json,
            "positive": Share(count: arm.positive, of: arm.sent).json,
            "optedOut": Share(count: arm.optedOut, of: arm.sent).json,
            "rebooked": Share(count: arm.rebooked, of: arm.mature).json,
          ]
        }),
      "winner": [
        "replied": ComparisonOutcome.of(compared.map { ($0.key, Share(count: $0.value.welcomed, of: $0.value.sent)) })
          .json,
        "rebooked": ComparisonOutcome.of(
          compared.map { ($0.key, Share(count: $0.value.rebooked, of: $0.value.mature)) }
        ).json,
      ],
    ]
  }

  private func count(_ execution: FollowUpExecution, of rule: FollowUpRule, in arm: inout Arm) throws {
    let response = execution.response
    arm.sent += 1
    if execution.status == .delivered { arm.delivered += 1 }
    if response["opened_at"] != nil { arm.opened += 1 }
    if response["clicked_at"] != nil { arm.clicked += 1 }
    if response["replied_at"] != nil { arm.replied += 1 }
    if response["sentiment"] == .word(Sentiment.positive) { arm.positive += 1 }
    if response["opted_out"] == true { arm.optedOut += 1 }
    if response["replied_at"] != nil && response["opted_out"] != true { arm.welcomed += 1 }
    guard let at = execution.executedAt, at + Self.rebookingSpan <= draft.now else { return }
    arm.mature += 1
    let booked = try draft.rows(
      JourneyEvent.self,
      Selection(
        .equal("customer_id", .id(execution.customerID)), .greater("occurred_at", .instant(at)),
        .atMost("occurred_at", .instant(at + Self.rebookingSpan)),
        .equal("event_type", .word(JourneyEventType.appointmentBooked))))
    // The case that the message was about has its appointment behind it, but for those who missed it or have not paid
    // yet. Moving one is no new one.
    let isOwnAlso = rule.occasion == .noShow || rule.occasion == .proposal
    let isRebooked = booked.contains { event in
      (isOwnAlso || event.workflowID != execution.workflowID) && event.eventData["rescheduled"] != true
    }
    if isRebooked { arm.rebooked += 1 }
  }
}

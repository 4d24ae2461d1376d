/// What somebody asks for on a page behind a message's link. It comes as part of what is heard of the message.
package enum MessagePageRequest: Sendable, Equatable {
  /// No more advertising: as if they had answered STOP.
  case stop
  /// That was a slip.
  case undoStop
  /// 1 … 5, and what else they have to say.
  case rate(Int, comment: String?)
  /// A call from the clinic.
  case call(MessagePage, note: String?)
}

extension Draft {
  /// A slip is noticed soon; later, consent is asked for anew.
  fileprivate static let undoSpan = Span.hours(24)
  /// A call that was asked for is not asked for again within this time.
  fileprivate static let callSpan = Span.hours(24)

  /// Carries out what was asked for; asked for twice it is done once.
  mutating func carryOut(_ request: MessagePageRequest, _ execution: FollowUpExecution) throws {
    switch request {
    case .stop: try stop(execution)
    case .undoStop: try undoStop(execution)
    case .call(let page, let note): try promiseCall(execution, page, note)
    case .rate: break
    }
  }

  private mutating func stop(_ execution: FollowUpExecution) throws {
    if try isStopped(execution) { return }
    let preferences = try preferences(of: execution.customerID)
    let known = preferences?.consents[ConsentPurpose.marketing.rawValue]
    // What can be undone is what was agreed to until now.
    var version: JSON?
    if preferences?.marketingOptIn == true { version = known?["version"] ?? .null }
    try update(execution) { [now] row in
      row.response.set("opted_out", true)
      row.response.set("opted_out_at", .instant(now))
      row.response.set("consent_before", version)
    }
    try withdrawMarketing(of: execution.customerID, channel: "link")
  }

  /// Restores what was agreed to before, in the version that was agreed to. Only what this very link has withdrawn.
  private mutating func undoStop(_ execution: FollowUpExecution) throws {
    guard try isStopped(execution), let version = execution.consentBefore(now) else { return }
    try update(execution) { row in
      row.response.set("opted_out", nil)
      row.response.set("opted_out_at", nil)
      row.response.set("consent_before", nil)
    }
    try keepConsent(.marketing, true, of: execution.customerID, version: version.string, channel: "link")
    if try preferences(of: execution.customerID)?.doNotContact == false {
      try planStillToCome(for: execution.customerID) { $0.needsConsent }
    }
  }

  /// A task for sales, with the case that the message was about, another that is open, or a new one: who asks to be
  /// called is a lead.
  private mutating func promiseCall(_ execution: FollowUpExecution, _ page: MessagePage, _ note: String?) throws {
    guard try !isCallAsked(execution) else { return }
    try update(execution) { [now] in $0.response.set("call_asked_at", .instant(now)) }
    let workflow = try answeredCase(execution) ?? openLeadAgain(of: execution.customerID)
    let customer = try customer(execution.customerID)
    let title = Texts(th: "โทรกลับ คุณ\(customer.fullName)", en: "Call back: \(customer.fullName)")
    try addTask(
      .customerFollowUp, for: workflow, to: try caretaker(of: workflow, .sales),
      due: try recipient(customer.id).hours.waking(now + .hours(2)), priority: .high,
      title: title[try clinic().language], description: note,
      data: [
        "execution_id": .id(execution.id), "reason": "call_asked", "page": .word(page), "titles": title.json,
      ], dedupe: "followup:\(execution.id):call")
  }

  /// Whether a call was asked for just now, or is still to be made.
  func isCallAsked(_ execution: FollowUpExecution) throws -> Bool {
    guard let at = execution.response["call_asked_at"]?.integer else { return false }
    if now < Instant(milliseconds: at) + Self.callSpan { return true }
    return try hasTask("followup:\(execution.id):call")
  }
}

extension FollowUpExecution {
  /// The version of the consent that this message's link has withdrawn, while that can be undone: text, or `null` where
  /// none was noted.
  func consentBefore(_ now: Instant) -> JSON? {
    guard let at = response["opted_out_at"]?.integer, now < Instant(milliseconds: at) + Draft.undoSpan else {
      return nil
    }
    return response["consent_before"]
  }
}

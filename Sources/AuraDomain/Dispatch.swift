/// A message that is to leave the house. It is handed to a gateway only after the commit that leased it is on disk, and
/// however often it is handed over, the execution's id tells the gateway that it is one message.
package struct Dispatch: Sendable, Equatable {
  package var clinic: ID
  /// The gateway's idempotency key.
  package var execution: ID
  package var channel: Channel
  /// 1, 2, 3 …: which try this is.
  package var attempt: Int
  /// Whoever has no answer by then has lost the right to report one: another try may be under way.
  package var leaseUntil: Instant
  /// An email address, a phone number as the clinic wrote it down, or the channel's own id of the customer.
  package var address: String
  package var language: Language
  package var subject: String?
  package var text: String
  /// A template that the channel's operator has approved, where it asks for one.
  package var approvedTemplate: String?
  /// Where the customer says that they want no more of these; it stands in the text as well.
  package var optOutLink: String?

  package init(
    clinic: ID, execution: ID, channel: Channel, attempt: Int, leaseUntil: Instant, address: String, language: Language,
    text: String
  ) {
    self.clinic = clinic
    self.execution = execution
    self.channel = channel
    self.attempt = attempt
    self.leaseUntil = leaseUntil
    self.address = address
    self.language = language
    self.text = text
  }
}

/// A dispatch that is no longer wanted: where it still waits for its turn it does not begin, and is reported as postponed,
/// so that the clinic's rules look at it anew. What is on the wire is not called back.
package struct Recall: Sendable, Equatable {
  package var execution: ID
  /// Of this try; a later one is wanted again.
  package var attempt: Int
  /// After which there is nothing to keep back.
  package var leaseUntil: Instant

  package init(execution: ID, attempt: Int, leaseUntil: Instant) {
    (self.execution, self.attempt, self.leaseUntil) = (execution, attempt, leaseUntil)
  }
}

/// What became of a dispatch, as the system reports it to the clinic's rules.
package struct DispatchReport: Sendable, Equatable {
  package var execution: ID
  package var attempt: Int
  package var channel: Channel
  package var result: Result

  package enum Result: Sendable, Equatable {
    /// The gateway has taken it, now or the last time that it was asked.
    case accepted(providerMessageID: String?)
    /// It will never take it on this channel: no such address, no gateway, refused for good.
    case refused(reason: String)
    /// It may take it later: no answer, overloaded, out of order. `retryAfter` is its own wish.
    case failed(reason: String, retryAfter: Span?)
    /// It was not asked, since there was no room for the message on its way out: no failure of anybody's.
    case postponed(reason: String, wait: Span)
  }

  package init(of dispatch: Dispatch, _ result: Result) {
    execution = dispatch.execution
    attempt = dispatch.attempt
    channel = dispatch.channel
    self.result = result
  }
}

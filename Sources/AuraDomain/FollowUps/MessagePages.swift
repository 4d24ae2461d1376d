/// A page behind a link in a message, `<baseUrl>/<page>/<execution>`: whoever has the link has the message. The id is
/// the key to it: 62 of its bits are drawn for it alone, so that nobody comes upon one by guessing.
package enum MessagePage: String, Sendable, CaseIterable {
  case care, survey, offer, book, pay, portal, stop

  /// How long after its message it answers. Who wants no more is heard for longer.
  fileprivate var lifetime: Span { self == .stop ? .days(400) : .days(90) }
}

/// What a page shows: nothing about its customer that the message itself did not say.
package struct MessagePageView: Sendable, Equatable {
  package enum Part: Sendable, Equatable {
    case text(String)
    /// A link to one of the message's pages.
    case link(MessagePage)
  }

  package var page: MessagePage
  package var clinic: Texts
  package var contact: ClinicContact
  /// The message's own.
  package var language: Language
  /// Where the message names it.
  package var treatment: Texts?
  /// How to look after oneself once it is done; empty where the clinic has written nothing down.
  package var aftercare: Texts?
  /// What the message said.
  package var words: [Part] = []
  /// Whether it is known already that a link of the message was followed.
  package var isFollowed = false
  /// What the customer has answered, 1 … 5.
  package var rating: Int?
  package var isStopped = false
  package var canUndoStop = false
  package var isCallAsked = false
}

/// How customers reach a clinic, as its settings have it.
package struct ClinicContact: Sendable, Equatable {
  package var phone: String?
  /// The name of its LINE account: `@clinic`.
  package var line: String?
}

/// The page as it is now; `nil` when there is none: no such message, none that has left, one without this link, one of
/// long ago or of somebody whose data was erased.
package func messagePage(
  _ page: MessagePage, of id: ID, rows: any ClinicRows, now: Instant
) throws -> MessagePageView? {
  try Draft(rows: rows, actor: .system, now: now, seq: 0, ids: IDGenerator()).view(of: page, id)
}

extension Draft {
  fileprivate func view(of page: MessagePage, _ id: ID) throws -> MessagePageView? {
    guard let execution = try row(FollowUpExecution.self, id), execution.hasPage(page, at: now),
      let customer = try row(Customer.self, execution.customerID), customer.anonymizedAt == nil
    else { return nil }
    let said = execution.words
    let (clinic, settings) = (try clinic(), try followUpSettings())
    let language = execution.personalizedContent["language"]?.string.flatMap(Language.init(rawValue:))
    var view = MessagePageView(
      page: page, clinic: Texts(names: clinic.displayName),
      contact: ClinicContact(phone: settings.contactPhone, line: settings.contactLine),
      language: language ?? clinic.language)
    if let workflow = try execution.workflowID.flatMap({ try row(Workflow.self, $0) }) {
      let name = try treatmentTexts(workflow)
      if [name.th, name.en].contains(where: { !$0.isEmpty && said.contains($0) }) { view.treatment = name }
      if page == .care { view.aftercare = try treatment(of: workflow).map { Texts(names: $0.aftercare) } }
    }
    view.words = MessagePageView.parts(said, of: id)
    view.isFollowed = execution.response["clicked_at"] != nil
    view.rating = execution.response["rating"]?.integer
    view.isStopped = try isStopped(execution)
    view.canUndoStop = view.isStopped && execution.consentBefore(now) != nil
    view.isCallAsked = try isCallAsked(execution)
    return view
  }

  /// Whether advertising ended by this message, and has not been agreed to since.
  func isStopped(_ execution: FollowUpExecution) throws -> Bool {
    guard execution.response["opted_out"] == true else { return false }
    return try preferences(of: execution.customerID)?.marketingOptIn != true
  }
}

extension FollowUpExecution {
  fileprivate var words: String { MessageWords(personalizedContent)?.message ?? "" }

  func hasPage(_ page: MessagePage, at now: Instant) -> Bool {
    guard attempts > 0, now < (executedAt ?? updatedAt) + page.lifetime else { return false }
    // A message that may be opted out of says so where its channel has a place for it, which need not be its text.
    return page == .stop || words.contains("/\(page.rawValue)/\(id)")
  }
}

extension MessagePageView {
  /// The text of a message with its own links marked; any other address stays text.
  static func parts(_ text: String, of id: ID) -> [Part] {
    var parts: [Part] = []
    var plain = ""
    var rest = text[...]
    while !rest.isEmpty {
      let word = rest.prefix { !$0.isWhitespace }
      if word.hasPrefix("https://") || word.hasPrefix("http://"), let (page, behind) = link(in: word, id) {
        if !plain.isEmpty { parts.append(.text(plain)) }
        parts.append(.link(page))
        plain = String(behind)
      } else {
        plain += word
      }
      rest = rest[word.endIndex...]
      let gap = rest.prefix(while: \.isWhitespace)
      plain += gap
      rest = rest[gap.endIndex...]
    }
    if !plain.isEmpty { parts.append(.text(plain)) }
    return parts
  }

  private static func link(in word: Substring, _ id: ID) -> (MessagePage, Substring)? {
    for page in MessagePage.allCases {
      if let found = word.firstRange(of: "/\(page.rawValue)/\(id)") { return (page, word[found.upperBound...]) }
    }
    return nil
  }
}

package enum Sentiment: String, Sendable, CaseIterable { case positive, neutral, negative }

/// What is heard of a message that was sent: from its gateway, from a link that was followed, or from staff.
package struct FollowUpResponse: Sendable, Equatable {
  package var execution: ID
  package var opened = false
  package var clicked = false
  package var delivered = false
  package var replyText: String?
  package var sentiment: Sentiment?
  /// What was asked for on a page of its links; the clinic's own staff has commands for that.
  package var request: MessagePageRequest?

  package init(execution: ID) { self.execution = execution }
}

/// What a customer's words ask for, as far as a few clear forms go. Whatever else they write is for people to read.
enum ReplyIntent: Equatable {
  case stop
  /// To a reminder: I come; I want another time.
  case confirm, move
  /// To a survey: 1 … 5.
  case rating(Int)

  static func of(_ text: String, to occasion: FollowUpOccasionKind, _ type: FollowUpType) -> [ReplyIntent] {
    let words = normalised(text)
    var intents: [ReplyIntent] = []
    if stopWords.contains(words) { intents.append(.stop) }
    if occasion == .appointment {
      if ["1", "ยืนยัน", "yes", "confirm"].contains(words) { intents.append(.confirm) }
      // "Cancel" to a reminder may well mean the appointment: then somebody asks.
      if ["2", "เลื่อน", "เลื่อนนัด", "move", "ยกเลิก", "ยกเลิกนัด", "cancel"].contains(words) { intents.append(.move) }
    }
    if type == .satisfactionSurvey, let rating = Int(words), (1...5).contains(rating) {
      intents.append(.rating(rating))
    }
    return intents
  }

  private static let stopWords: Set<String> = [
    "stop", "stop all", "stopall", "unsubscribe", "opt out", "opt-out", "optout", "end", "quit", "ยกเลิก", "ยกเลิกรับ",
    "ยกเลิกรับข่าวสาร", "ยกเลิกการรับข่าวสาร", "ยกเลิกข้อความ", "เลิกรับ", "เลิกรับข่าวสาร", "หยุด", "หยุดส่ง", "หยุดส่งข้อความ",
    "ไม่รับข่าวสาร", "ไม่รับข่าวสารแล้ว",
  ]

  /// What people are polite with before and after what they mean.
  private static let prefixes = ["ขอ", "please "]
  private static let suffixes = [
    "ค่ะ", "คะ", "ครับ", "คับ", "จ้า", "จ้ะ", "จ๊ะ", "นะ", " please", " pls", " thanks", " thank you",
  ]

  /// Small letters, digits of one kind, single spaces; no punctuation, no pictures and nothing that is only polite. What
  /// is said several times over counts once.
  private static func normalised(_ text: String) -> String {
    var plain = ""
    for scalar in text.lowercased().unicodeScalars {
      if let kept = plainScalar(scalar) {
        plain.unicodeScalars.append(kept)
      } else if scalar.properties.isWhitespace {
        plain += " "
      }
    }
    var words = plain.split(separator: " ").joined(separator: " ")
    while let shorter = lessPolite(words) { words = shorter }
    let said = words.split(separator: " ")
    return Set(said).count == 1 ? String(said[0]) : words
  }

  private static func plainScalar(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    // Those that Chinese and Japanese keyboards write as wide as their own.
    let isWide = (0xFF01...0xFF5E).contains(scalar.value)
    let scalar = isWide ? Unicode.Scalar(scalar.value - 0xFEE0) ?? scalar : scalar
    switch scalar.properties.generalCategory {
    case .decimalNumber: return Character(scalar).wholeNumberValue.flatMap { Unicode.Scalar(UInt32(48 + $0)) }
    case .lowercaseLetter, .uppercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return scalar
    // Thai vowels and tones are marks on their letters; others make a picture of a sign.
    case .nonspacingMark, .spacingMark: return scalar.properties.isVariationSelector ? nil : scalar
    default: return scalar == "-" ? scalar : nil
    }
  }

  /// Without one polite word at the beginning or the end; `nil` where there is none, or nothing else.
  private static func lessPolite(_ words: String) -> String? {
    for suffix in suffixes where words.hasSuffix(suffix) && words != suffix {
      return String(words.dropLast(suffix.count)).trimmed
    }
    for prefix in prefixes where words.hasPrefix(prefix) && words != prefix {
      return String(words.dropFirst(prefix.count)).trimmed
    }
    return nil
  }
}

extension String {
  fileprivate var trimmed: String { split(separator: " ").joined(separator: " ") }
}

extension Draft {
  mutating func recordResponse(_ response: FollowUpResponse) throws -> JSON {
    var execution = try execution(response.execution)
    let rule = try followUpRule(execution.ruleID)
    guard execution.attempts > 0 else { throw execution.invalid("It has not been sent") }
    switch execution.status {
    case .pending, .sending, .failed, .dead:
      // Who has it was sent it, whatever became of the gateway's answer.
      try accepted(execution, providerMessageID: nil)
      execution = try self.execution(execution.id)
    case .sent, .delivered, .skipped, .cancelled: break
    }
    let before = execution.response
    var response = response
    var intents = response.replyText.map { ReplyIntent.of($0, to: rule.occasion, rule.type) } ?? []
    if case .rate(let rating, let comment) = response.request {
      let text = comment.map { "\(rating) \($0)" } ?? String(rating)
      // The same form sent twice is one answer.
      if before["rating"] == .integer(rating), before["reply_text"] == .string(text) { return try outcome(execution) }
      response.replyText = text
      intents = [.rating(rating)]
    }
    var sentiment = response.sentiment
    for case .rating(let rating) in intents where sentiment == nil {
      sentiment = rating >= 4 ? .positive : rating <= 2 ? .negative : .neutral
    }
    let after = try update(execution) { [now] row in
      row.note(response, sentiment, intents, at: now)
      if row.status == .sent { row.status = .delivered }
    }
    try keepInJourney(response, after, before)
    if let request = response.request { try carryOut(request, after) }
    for intent in intents {
      switch intent {
      case .stop: try withdrawMarketing(of: execution.customerID, channel: execution.channel.rawValue)
      case .confirm: try confirmAppointment(after, rule)
      case .move: try askToMove(after, response.replyText ?? "")
      case .rating: break
      }
    }
    if let sentiment, before["sentiment"] != .word(sentiment) {
      switch sentiment {
      case .positive: try seizeOpportunity(after, rule)
      case .negative: try askWhatIsWrong(after, rule, response.replyText)
      case .neutral: break
      }
    }
    return try outcome(
      after, ["optedOut": .bool(intents.contains(.stop)), "sentiment": sentiment.map { .word($0) } ?? .null])
  }

  private mutating func keepInJourney(_ response: FollowUpResponse, _ execution: FollowUpExecution, _ before: JSON)
    throws
  {
    let data: JSONObject = ["execution_id": .id(execution.id), "channel": .word(execution.channel)]
    if response.opened, execution.channel == .email, before["opened_at"] == nil {
      journey(
        .emailOpened, customer: execution.customerID, workflow: execution.workflowID,
        key: "followup:\(execution.id):opened", data: data)
    }
    // The first answer is an event of the customer's history; all of them are kept with the message.
    if response.replyText != nil, before["replied_at"] == nil {
      journey(
        .smsReplied, customer: execution.customerID, workflow: execution.workflowID,
        key: "followup:\(execution.id):replied", data: data)
    }
  }

  // MARK: What follows from an answer

  private mutating func confirmAppointment(_ execution: FollowUpExecution, _ rule: FollowUpRule) throws {
    guard try isMeant(execution, rule), let workflow = try execution.workflowID.flatMap({ try row(Workflow.self, $0) })
    else { return }
    try finishTasks([.appointmentReminder], of: workflow, as: .completed)
    try emit(
      .workflowUpdated, workflow,
      data: [
        "appointment_confirmed": true, "execution_id": .id(execution.id),
        "scheduled_start": .instant(workflow.scheduledStart),
      ],
      staff: [workflow.assignedSalesID, workflow.assignedBeauticianID], roles: .leaders)
  }

  /// Whoever answers a reminder of an appointment that was moved meanwhile wants that one moved too.
  private mutating func askToMove(_ execution: FollowUpExecution, _ text: String) throws {
    guard let workflow = try execution.workflowID.flatMap({ try row(Workflow.self, $0) }), workflow.status == .active,
      workflow.currentStage == .treatmentScheduled, workflow.checkedInAt == nil
    else { return }
    let key = "followup:\(execution.id):move"
    guard try !hasTask(key) else { return }
    let name = try customer(workflow.customerID).fullName
    let title = Texts(th: "ขอเลื่อนนัด คุณ\(name)", en: "Wants another time: \(name)")
    try addTask(
      .appointmentReminder, for: workflow, to: nil, due: now + .minutes(30), priority: .high,
      title: title[try clinic().language], description: text,
      data: ["execution_id": .id(execution.id), "reason": "move_requested", "titles": title.json], dedupe: key)
  }

  /// Somebody is pleased: the moment to offer what comes next.
  private mutating func seizeOpportunity(_ execution: FollowUpExecution, _ rule: FollowUpRule) throws {
    let customer = try customer(execution.customerID)
    let workflow = try answeredCase(execution)
    let sales = try workflow.flatMap { try caretaker(of: $0, .sales) } ?? customer.assignedSalesID
    try emit(
      .upsellOpportunity, workflow,
      data: [
        "customer_name": .string(customer.fullName), "execution_id": .id(execution.id), "rule": .string(rule.name),
        "reply": execution.response["reply_text"] ?? .null,
      ], staff: [sales], roles: .leaders, customer: customer.id)
    guard let workflow else {
      try tell(sales, .upsellOpportunity, .upsellOpportunity(customer: customer.fullName), nil, priority: .high)
      return
    }
    // The case may have the task already, since its treatment.
    guard try openTask(.followUpUpsell, of: workflow.id) == nil else { return }
    try addTask(
      .followUpUpsell, for: workflow, to: sales, due: TaskTemplate.due(.followUpUpsell, now: now, start: nil),
      priority: .high, data: ["execution_id": .id(execution.id)], dedupe: "followup:\(execution.id):upsell")
  }

  /// Somebody is not pleased: a person asks why, soon.
  private mutating func askWhatIsWrong(_ execution: FollowUpExecution, _ rule: FollowUpRule, _ text: String?) throws {
    guard let workflow = try answeredCase(execution) else { return try tellOfAnger(execution) }
    let key = "followup:\(execution.id):unhappy"
    guard try !hasTask(key) else { return }
    try addTask(
      .customerFollowUp, for: workflow, to: try caretaker(of: workflow, .sales), due: now + .hours(4), priority: .high,
      description: text, data: ["execution_id": .id(execution.id), "reason": "unhappy"], dedupe: key)
  }

  /// Where there is no case any more that a task could belong to, the bell says it.
  private mutating func tellOfAnger(_ execution: FollowUpExecution) throws {
    let customer = try customer(execution.customerID)
    let workflow = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    let notice = Notice.unhappyCustomer(customer: customer.fullName)
    let sales = try workflow.flatMap { try caretaker(of: $0, .sales) } ?? customer.assignedSalesID
    if let sales, try row(StaffMember.self, sales)?.isActive == true {
      try tell(sales, .customerContacted, notice, workflow, priority: .high)
    } else {
      try tellLeaders(.customerContacted, notice, workflow, priority: .high)
    }
  }

  func hasTask(_ key: String) throws -> Bool {
    try !rows(
      Task.self, Selection(.equal("dedupe_key", .text(key)), .oneOf("status", Load.openStatus), limit: 1)
    ).isEmpty
  }

  /// The case that the message was about or, where that is over, another that is open: a task belongs to one.
  func answeredCase(_ execution: FollowUpExecution) throws -> Workflow? {
    let own = try execution.workflowID.flatMap { try row(Workflow.self, $0) }
    return own?.status == .active ? own : try openCase(of: execution.customerID)
  }
}

extension FollowUpExecution {
  /// Answers that are kept of one message; who writes more is in a conversation that belongs elsewhere.
  private static let repliesMax = 20

  fileprivate mutating func note(
    _ heard: FollowUpResponse, _ sentiment: Sentiment?, _ intents: [ReplyIntent], at now: Instant
  ) {
    func first(_ name: String, _ response: inout JSON) {
      if response[name] == nil { response.set(name, .instant(now)) }
    }
    if heard.delivered { first("delivered_at", &response) }
    // Who follows a link has read what it stands in.
    if heard.opened || heard.clicked || heard.replyText != nil { first("opened_at", &response) }
    if heard.clicked { first("clicked_at", &response) }
    if let text = heard.replyText {
      response.set("replied_at", .instant(now))
      response.set("reply_text", .string(text))
      let replies = (response["replies"]?.array ?? []) + [["at": .instant(now), "text": .string(text)]]
      response.set("replies", .array(replies.suffix(Self.repliesMax)))
    }
    if let sentiment { response.set("sentiment", .word(sentiment)) }
    for intent in intents {
      switch intent {
      case .stop: response.set("opted_out", true)
      case .confirm: response.set("confirmed", true)
      case .move: response.set("move_requested", true)
      case .rating(let rating): response.set("rating", .integer(rating))
      }
    }
  }
}

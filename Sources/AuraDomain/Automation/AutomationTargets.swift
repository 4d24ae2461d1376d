/// The one thing that a rule does, with its data as `automation_rules.target_data` keeps it.
///
/// | target | data |
/// |---|---|
/// | create_task | `type`; `title`, `description`, `priority`, `dueMinutes`, `estimatedMinutes`; `assignTo`: `sales`, `beautician`, `pool` or a member's id |
/// | notify | `to`: `sales`, `beautician`, `leaders`, a role, a member's id or `customer`; `title`, `message`, `priority`, `expiresHours` |
/// | schedule_followup | `followUpRuleId` |
/// | award_bonus | `points`; `description` |
/// | add_tag | `tag` |
/// | transition | `action`: `send_proposal` (`totalSt`, or the plan's or the treatment's price), `send_follow_up` (`channel`) or `close_case` |
///
/// Titles, messages and descriptions are a text or `{"th", "en"}`, with `{customerName}`, `{treatmentName}`,
/// `{salesName}` and `{beauticianName}` in them.
enum AutomationTarget: Equatable {
  case createTask(TaskPlan)
  case notify(NoticePlan)
  case scheduleFollowUp(rule: ID)
  case awardBonus(points: Int, Texts?)
  case addTag(String)
  case sendProposal(totalSt: Int?)
  case sendFollowUp(Channel?)
  case closeCase

  struct TaskPlan: Equatable {
    var type: TaskType
    var title: Texts?
    var description: Texts?
    var priority: TaskPriority?
    var dueMinutes: Int?
    var estimatedMinutes: Int?
    /// `nil`: whoever of the type's role looks after the case.
    var assignee: Assignee?
  }

  enum Assignee: Equatable {
    case sales, beautician, pool
    case staff(ID)
  }

  struct NoticePlan: Equatable {
    var to: Recipient
    var title: Texts
    var message: Texts
    var priority: TaskPriority
    var expiresHours: Int?
  }

  enum Recipient: Equatable {
    case sales, beautician, leaders, customer
    case role(Role)
    case staff(ID)
  }
}

package enum AutomationTargetAction: String, Sendable, CaseIterable {
  case createTask = "create_task"
  case notify
  case scheduleFollowUp = "schedule_followup"
  case awardBonus = "award_bonus"
  case addTag = "add_tag"
  case transition
}

extension AutomationTarget {
  static let pointsMax = 1_000
  static let tagBytesMax = 120
  static let titleBytesMax = 600
  static let messageBytesMax = 3_000
  static let variables: Set<String> = ["customerName", "treatmentName", "salesName", "beauticianName"]

  /// Reads a target and its data, or says in a `bad_request` what is wrong with them.
  init(_ action: AutomationTargetAction, _ data: JSON) throws(Refusal) {
    var data = try TargetData(data)
    switch action {
    case .createTask:
      var task = TaskPlan(type: try data.required("type", try data.word("type", TaskType.self)))
      if task.type == .performTreatment { throw data.bad("type", "a treatment's task comes with its appointment") }
      task.title = try data.texts("title", bytesMax: Self.titleBytesMax)
      task.description = try data.texts("description", bytesMax: Self.messageBytesMax)
      task.priority = try data.word("priority", TaskPriority.self)
      task.dueMinutes = try data.integer("dueMinutes", in: 0...AutomationLimits.delayMinutesMax)
      task.estimatedMinutes = try data.integer("estimatedMinutes", in: 1...1_440)
      task.assignee = try data.text("assignTo", bytesMax: 40).map { (text) throws(Refusal) in
        guard let assignee = Assignee(text) else {
          throw data.bad("assignTo", "sales, beautician, pool or a member's id is expected")
        }
        return assignee
      }
      self = .createTask(task)
    case .notify:
      let to = try data.required("to", try data.text("to", bytesMax: 40))
      guard let recipient = Recipient(to) else {
        throw data.bad("to", "sales, beautician, leaders, a role, a member's id or customer is expected")
      }
      self = .notify(
        NoticePlan(
          to: recipient,
          title: try data.required("title", try data.texts("title", bytesMax: Self.titleBytesMax)),
          message: try data.required("message", try data.texts("message", bytesMax: Self.messageBytesMax)),
          priority: try data.word("priority", TaskPriority.self) ?? .medium,
          expiresHours: try data.integer("expiresHours", in: 1...Notification.hoursMax)))
    case .scheduleFollowUp:
      let text = try data.required("followUpRuleId", try data.text("followUpRuleId", bytesMax: 36))
      guard let id = ID(text) else { throw data.bad("followUpRuleId", "a UUID is expected") }
      self = .scheduleFollowUp(rule: id)
    case .awardBonus:
      let points = try data.required("points", try data.integer("points", in: 1...Self.pointsMax))
      self = .awardBonus(points: points, try data.texts("description", bytesMax: Self.titleBytesMax))
    case .addTag:
      self = .addTag(try data.required("tag", try data.text("tag", bytesMax: Self.tagBytesMax)))
    case .transition: self = try Self.transition(&data)
    }
    try data.finish()
  }

  private static func transition(_ data: inout TargetData) throws(Refusal) -> AutomationTarget {
    let action = try data.required("action", try data.word("action", ActionType.self))
    switch action {
    case .sendProposal: return .sendProposal(totalSt: try data.integer("totalSt", in: 1...10_000_000_000))
    case .sendFollowUp: return .sendFollowUp(try data.word("channel", Channel.self))
    case .closeCase: return .closeCase
    case .initialize, .scanCustomer, .confirmPayment, .scheduleAppointment, .checkIn, .startTreatment,
      .completeTreatment, .reassign, .noShow, .abortTreatment, .cancel, .reopen, .correct, .startCycle:
      throw data.bad("action", "one of send_proposal, send_follow_up, close_case is expected")
    }
  }

  /// The action of the state machine, where the target is one.
  var transition: ActionType? {
    switch self {
    case .sendProposal: .sendProposal
    case .sendFollowUp: .sendFollowUp
    case .closeCase: .closeCase
    case .createTask, .notify, .scheduleFollowUp, .awardBonus, .addTag: nil
    }
  }
}

extension AutomationTarget.Assignee {
  init?(_ text: String) {
    switch text {
    case "sales": self = .sales
    case "beautician": self = .beautician
    case "pool": self = .pool
    default:
      guard let id = ID(text) else { return nil }
      self = .staff(id)
    }
  }
}

extension AutomationTarget.Recipient {
  init?(_ text: String) {
    switch text {
    case "sales": self = .sales
    case "beautician": self = .beautician
    case "leaders": self = .leaders
    case "customer": self = .customer
    default:
      if let role = Role(rawValue: text) {
        self = .role(role)
      } else if let id = ID(text) {
        self = .staff(id)
      } else {
        return nil
      }
    }
  }
}

/// The members of a target's data; what is missing, of the wrong kind or unknown is a `bad_request` with its path.
private struct TargetData {
  private let object: JSONObject
  private var read: Set<String> = []

  init(_ json: JSON) throws(Refusal) {
    guard let object = json.object else { throw Self.bad("args.targetData", "an object is expected") }
    self.object = object
  }

  func bad(_ name: String, _ problem: String) -> Refusal { Self.bad("args.targetData.\(name)", problem) }

  private static func bad(_ path: String, _ problem: String) -> Refusal {
    Refusal(.badRequest, "\(path): \(problem).", details: ["path": .string(path), "problem": .string(problem)])
  }

  func finish() throws(Refusal) {
    for member in object.members where !read.contains(member.name) {
      throw bad(String(member.name.prefix(40)), "no such member")
    }
  }

  func required<T>(_ name: String, _ value: T?) throws(Refusal) -> T {
    guard let value else { throw bad(name, "is missing") }
    return value
  }

  private mutating func value(_ name: String) -> JSON? {
    read.insert(name)
    guard let value = object[name], value != .null else { return nil }
    return value
  }

  mutating func text(_ name: String, bytesMax: Int) throws(Refusal) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.string, !text.isEmpty, text.utf8.count <= bytesMax else {
      throw bad(name, "text of 1 … \(bytesMax) bytes is expected")
    }
    return text
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
    guard let value = value(name) else { return nil }
    guard let integer = value.integer, range.contains(integer) else {
      throw bad(name, "\(range.lowerBound) … \(range.upperBound) is expected")
    }
    return integer
  }

  mutating func word<E: RawRepresentable<String> & CaseIterable>(_ name: String, _: E.Type) throws(Refusal) -> E? {
    guard let value = value(name) else { return nil }
    guard let word = value.string.flatMap(E.init(rawValue:)) else {
      throw bad(name, "one of \(E.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
    }
    return word
  }

  /// A text for both languages, or one for each.
  mutating func texts(_ name: String, bytesMax: Int) throws(Refusal) -> Texts? {
    guard let value = value(name) else { return nil }
    let texts: Texts
    if let text = value.string {
      texts = Texts(text)
    } else if let object = value.object, !object.members.isEmpty,
      object.members.allSatisfy({ Language(rawValue: $0.name) != nil && $0.value.string != nil })
    {
      texts = Texts(names: value)
    } else {
      throw bad(name, "a text or {\"th\", \"en\"} is expected")
    }
    for text in [texts.th, texts.en] {
      guard !text.isEmpty, text.utf8.count <= bytesMax else {
        throw bad(name, "text of 1 … \(bytesMax) bytes is expected")
      }
      if let unknown = text.variables.first(where: { !AutomationTarget.variables.contains($0) }) {
        throw bad(name, "there is no {\(unknown.prefix(40))}")
      }
    }
    return texts
  }
}

extension String {
  /// The names between braces.
  fileprivate var variables: [String] {
    var names: [String] = []
    var rest = self[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      names.append(String(rest[rest.index(after: open)..<close]))
      rest = rest[rest.index(after: close)...]
    }
    return names
  }
}

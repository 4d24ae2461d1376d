import AuraDomain

/// The members of a command's `args`, read one by one; what is missing, of the wrong kind, out of range or unknown is
/// `bad_request` with the path in `details.path`.
struct Arguments {
  private let object: JSONObject
  private let path: String
  private var read: Set<String> = []

  init(_ value: JSON, path: String = "args") throws(Refusal) {
    guard case .object(let object) = value else { throw Self.bad(path, "an object is expected") }
    self.object = object
    self.path = path
  }

  static func bad(_ path: String, _ problem: String) -> Refusal {
    Refusal(.badRequest, "\(path): \(problem).", details: ["path": .string(path), "problem": .string(problem)])
  }

  func bad(_ name: String, _ problem: String) -> Refusal { Self.bad("\(path).\(name)", problem) }

  /// Refuses members that nobody has asked for: a misspelt argument must not be dropped in silence.
  func finish() throws(Refusal) {
    for member in object.members where !read.contains(member.name) { throw bad(member.name, "no such argument") }
  }

  // MARK: Values

  /// The member by its name or by one of its older names; `null` is as good as absent.
  mutating func value(_ names: String...) throws(Refusal) -> (name: String, value: JSON)? {
    var found: (name: String, value: JSON)?
    for name in names {
      read.insert(name)
      guard let value = object[name], value != .null else { continue }
      if let found { throw bad(name, "the same as \(found.name); give one of them") }
      found = (name, value)
    }
    return found
  }

  private func required<T>(_ name: String, _ value: T?) throws(Refusal) -> T {
    guard let value else { throw bad(name, "is missing") }
    return value
  }

  mutating func optionalID(_ name: String, or alias: String? = nil) throws(Refusal) -> ID? {
    guard let (name, value) = try value(name, alias ?? name, distinct: alias != nil) else { return nil }
    guard let text = value.string, let id = ID(text) else { throw bad(name, "a UUID is expected") }
    return id
  }

  mutating func id(_ name: String, or alias: String? = nil) throws(Refusal) -> ID {
    try required(name, try optionalID(name, or: alias))
  }

  private mutating func value(_ name: String, _ alias: String, distinct: Bool) throws(Refusal) -> (
    name: String, value: JSON
  )? {
    distinct ? try value(name, alias) : try value(name)
  }

  /// Text without the white space around it; text that is nothing else is absent.
  mutating func optionalText(_ name: String, bytesMax: Int) throws(Refusal) -> String? {
    guard let (name, value) = try value(name) else { return nil }
    guard let text = value.string else { throw bad(name, "text is expected") }
    guard text.utf8.count <= bytesMax else { throw bad(name, "at most \(bytesMax) bytes of UTF-8") }
    let trimmed = text.trimmed
    return trimmed.isEmpty ? nil : trimmed
  }

  mutating func text(_ name: String, bytesMax: Int) throws(Refusal) -> String {
    try required(name, try optionalText(name, bytesMax: bytesMax))
  }

  mutating func optionalInteger(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
    guard let (name, value) = try value(name) else { return nil }
    guard let integer = value.integer else { throw bad(name, "an integer is expected") }
    guard range.contains(integer) else { throw bad(name, "\(range.lowerBound) … \(range.upperBound) is expected") }
    return integer
  }

  mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int {
    try required(name, try optionalInteger(name, in: range))
  }

  /// Unix time in milliseconds, UTC.
  mutating func optionalInstant(_ name: String) throws(Refusal) -> Instant? {
    try optionalInteger(name, in: 0...Instant.latest.milliseconds).map(Instant.init(milliseconds:))
  }

  mutating func instant(_ name: String) throws(Refusal) -> Instant { try required(name, try optionalInstant(name)) }

  mutating func flag(_ name: String) throws(Refusal) -> Bool? {
    guard let (name, value) = try value(name) else { return nil }
    guard let flag = value.bool else { throw bad(name, "true or false is expected") }
    return flag
  }

  mutating func optionalObject(_ name: String) throws(Refusal) -> JSON? {
    guard let (name, value) = try value(name) else { return nil }
    guard value.object != nil else { throw bad(name, "an object is expected") }
    return value
  }

  mutating func object(_ name: String) throws(Refusal) -> JSON { try required(name, try optionalObject(name)) }

  /// The arguments of a nested object, with their own path.
  mutating func optionalArguments(_ name: String, or alias: String? = nil) throws(Refusal) -> Arguments? {
    guard let (name, value) = try value(name, alias ?? name, distinct: alias != nil) else { return nil }
    return try Arguments(value, path: "\(path).\(name)")
  }

  mutating func arguments(_ name: String, or alias: String? = nil) throws(Refusal) -> Arguments {
    try required(name, try optionalArguments(name, or: alias))
  }

  mutating func list(_ name: String, countMax: Int) throws(Refusal) -> [(path: String, value: JSON)]? {
    guard let (name, value) = try value(name) else { return nil }
    guard let array = value.array else { throw bad(name, "a list is expected") }
    guard array.count <= countMax else { throw bad(name, "at most \(countMax) entries") }
    return array.enumerated().map { ("\(path).\(name)[\($0)]", $1) }
  }

  mutating func texts(_ name: String, countMax: Int, bytesMax: Int) throws(Refusal) -> [String]? {
    guard let entries = try list(name, countMax: countMax) else { return nil }
    var texts: [String] = []
    for entry in entries {
      guard let text = entry.value.string?.trimmed, !text.isEmpty, text.utf8.count <= bytesMax else {
        throw Self.bad(entry.path, "text of 1 … \(bytesMax) bytes is expected")
      }
      texts.append(text)
    }
    return texts
  }

  /// One of an enumeration's words, or an older word for one.
  mutating func optionalWord<E: RawRepresentable<String> & CaseIterable>(
    _ name: String, _: E.Type, aliases: [String: E] = [:]
  ) throws(Refusal) -> E? {
    guard let (name, value) = try value(name) else { return nil }
    guard let text = value.string else { throw bad(name, "text is expected") }
    return try word(text, at: "\(path).\(name)", aliases: aliases)
  }

  mutating func word<E: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ type: E.Type, aliases: [String: E] = [:]
  ) throws(Refusal) -> E {
    try required(name, try optionalWord(name, type, aliases: aliases))
  }

  /// One word or a list of words, each once: no list is longer than there are words.
  mutating func words<E: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ type: E.Type, aliases: [String: E] = [:]
  ) throws(Refusal) -> [E] {
    guard let (name, value) = try value(name) else { return [] }
    let entries = value.array ?? [value]
    guard entries.count <= E.allCases.count else { throw bad(name, "at most \(E.allCases.count) entries") }
    var words: [E] = []
    for (index, entry) in entries.enumerated() {
      let place = value.array == nil ? "\(path).\(name)" : "\(path).\(name)[\(index)]"
      guard let text = entry.string else { throw Self.bad(place, "text is expected") }
      let word = try word(text, at: place, aliases: aliases)
      if !words.contains(where: { $0.rawValue == word.rawValue }) { words.append(word) }
    }
    return words
  }

  private func word<E: RawRepresentable<String> & CaseIterable>(
    _ text: String, at place: String, aliases: [String: E]
  ) throws(Refusal) -> E {
    if let known = E(rawValue: text) ?? aliases[text] { return known }
    throw Self.bad(place, "one of \(E.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}

/// Words of the original's clients for what has another name here.
enum Alias {
  static let taskTypes: [String: TaskType] = [
    "preparation": .prepareTreatment, "consultation": .scanCustomer, "review_scan": .scanCustomer,
    "contact_customer": .customerFollowUp, "follow_up": .customerFollowUp,
  ]
  static let stages: [String: Stage] = [
    "consultation": .leadCreated, "treatment_planned": .treatmentScheduled, "in_progress": .inTreatment,
  ]
  static let roles: [String: Role] = ["beautician": .staff]
  static let priorities: [String: TaskPriority] = ["normal": .medium, "urgent": .critical]
}

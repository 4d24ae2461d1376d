import AuraDomain
import AuraWire

/// A request's parameters and body, to be read by their names. Members that nobody asks for are left alone: the
/// original's clients send more than they need.
struct APICall: Sendable {
  /// What the path's braces stand for.
  var path: [String: String]
  var query: [(name: String, value: String)]
  var body: JSONObject

  // MARK: The query string

  func parameter(_ names: String...) -> String? {
    query.first { names.contains($0.name) }?.value
  }

  func parameterID(_ name: String, _ alias: String? = nil) throws -> ID? {
    guard let text = parameter(name, alias ?? name) else { return nil }
    guard let id = ID(text) else { throw Self.bad(name, "a UUID is expected") }
    return id
  }

  func neededID(_ name: String, _ alias: String? = nil) throws -> ID {
    guard let id = try parameterID(name, alias) else { throw Self.missing([name]) }
    return id
  }

  /// A page's length: more than there is to have is cut, as the original did.
  func limit(_ standard: Int, max: Int) throws -> Int {
    min(max, try positive("limit") ?? standard)
  }

  /// A whole number from one on.
  func positive(_ name: String) throws -> Int? {
    guard let text = parameter(name) else { return nil }
    guard text.utf8.count <= 9, let number = Int(text), number >= 1 else {
      throw Self.bad(name, "a whole number from 1 on is expected")
    }
    return number
  }

  func parameterFlag(_ name: String) throws -> Bool? {
    switch parameter(name) {
    case nil: nil
    case "true", "1": true
    case "false", "0": false
    case .some: throw Self.bad(name, "true or false is expected")
    }
  }

  /// One of an enumeration's words in the query string.
  func parameterWord<E: RawRepresentable<String> & CaseIterable>(_ name: String, _: E.Type) throws -> E? {
    guard let text = parameter(name) else { return nil }
    guard let word = E(rawValue: text) else {
      throw Self.bad(name, "one of \(E.allCases.map(\.rawValue).joined(separator: ", ")) is expected")
    }
    return word
  }

  // MARK: The body

  /// The first of the body's members of these names that is there; `null` is as good as absent.
  func value(_ names: String...) -> JSON? { value(names)?.value }

  private func value(_ names: [String]) -> (name: String, value: JSON)? {
    for name in names {
      if let value = body[name], value != .null { return (name, value) }
    }
    return nil
  }

  func text(_ names: String...) throws -> String? {
    guard let (name, value) = value(names) else { return nil }
    guard let text = value.string else { throw Self.bad(name, "text is expected") }
    return text.isEmpty ? nil : text
  }

  func id(_ names: String...) throws -> ID? {
    guard let (name, value) = value(names) else { return nil }
    guard let id = value.id else { throw Self.bad(name, "a UUID is expected") }
    return id
  }

  func flag(_ name: String) throws -> Bool? {
    guard let value = value(name) else { return nil }
    guard let flag = value.bool else { throw Self.bad(name, "true or false is expected") }
    return flag
  }

  /// Refuses a body that lacks one of these, each a name with its other names.
  func need(_ members: [String]...) throws {
    let lacking = members.filter { value($0) == nil || value($0)?.value == "" }.compactMap(\.first)
    if !lacking.isEmpty { throw Self.missing(lacking) }
  }

  /// A call whose body is the member `name` of this one, laid over it: `{action, workflowId, data: {…}}`.
  func inner(_ name: String) throws -> APICall {
    guard let value = value(name) else { return self }
    guard let object = value.object else { throw Self.bad(name, "an object is expected") }
    var call = self
    for member in object.members { call.body[member.name] = member.value }
    return call
  }

  // MARK: A command's arguments

  /// Gathers the arguments that a command takes from the body, times and money in the house's units, and decodes it.
  func command(_ name: String, _ wanted: [APIArgument], with more: JSONObject = JSONObject()) throws -> (
    command: Command, names: [String: String]
  ) {
    var (args, names) = try arguments(wanted)
    for member in more.members { args[member.name] = member.value }
    do {
      return (try Command.decode(name: name, args: .object(args)), names)
    } catch {
      throw error.called(names)
    }
  }

  func arguments(_ wanted: [APIArgument]) throws -> (args: JSONObject, names: [String: String]) {
    var (args, names) = (JSONObject(), [String: String]())
    for argument in wanted {
      guard let (name, value) = value(argument.names) else { continue }
      args[argument.name] = try argument.convert(value, name)
      names[argument.name] = name
    }
    return (args, names)
  }

  // MARK: Refusals

  static func bad(_ name: String, _ problem: String) -> Refusal {
    Refusal(.badRequest, "\(name): \(problem).", details: ["path": .string(name), "problem": .string(problem)])
  }

  static func missing(_ names: [String]) -> Refusal {
    Refusal(
      .badRequest, "Missing required fields: \(names.joined(separator: ", ")).",
      details: ["fields": .array(names.map(JSON.string)), "problem": "is missing"])
  }
}

/// An argument of a command: its name, what bodies call it, and how its value is written there.
struct APIArgument: Sendable {
  enum Kind: Sendable {
    case plain
    /// ISO 8601 in a body, Unix milliseconds in a command; the latter is taken from a body too.
    case time
    /// Baht in a body, satang in a command.
    case money
    /// A list of lines with a `price` each, or a plan of them.
    case lines
  }

  var name: String
  var names: [String]
  var kind: Kind

  init(_ name: String, _ aliases: String..., kind: Kind = .plain) {
    self.name = name
    names = [name] + aliases
    self.kind = kind
  }

  static func money(_ name: String, _ names: String...) -> APIArgument {
    var argument = APIArgument(name, kind: .money)
    argument.names = names
    return argument
  }

  func convert(_ value: JSON, _ called: String) throws -> JSON {
    switch kind {
    case .plain: return value
    case .time:
      if value.integer != nil { return value }
      guard let at = value.string.flatMap({ Instant(iso8601: $0) }) else {
        throw APICall.bad(called, "a time such as 2026-02-02T11:00:00+07:00 is expected")
      }
      return .instant(at)
    case .money: return .integer(try Self.satang(value, called))
    case .lines: return try Self.plan(value, called)
    }
  }

  /// Whole satang of an amount in baht.
  static func satang(_ value: JSON, _ called: String) throws -> Int {
    switch value {
    case .integer(let baht) where abs(baht) <= 1_000_000_000: return baht * 100
    case .real(let baht) where abs(baht) <= 1_000_000_000:
      let satang = (baht * 100).rounded()
      guard abs(baht * 100 - satang) < 0.001 else { throw APICall.bad(called, "whole satang are expected") }
      return Int(satang)
    default: throw APICall.bad(called, "an amount in baht is expected")
    }
  }

  /// `[{"treatmentId", "name", "quantity", "price"}]`, or an object with these as `items`, `discount` and `total`.
  private static func plan(_ value: JSON, _ called: String) throws -> JSON {
    if let lines = value.array {
      guard lines.count <= 50 else { throw APICall.bad(called, "at most 50 entries") }
      return .array(
        try lines.enumerated().map { index, line in
          guard let line = line.object else { throw APICall.bad("\(called)[\(index)]", "an object is expected") }
          return .object(try converted(line, line: true, "\(called)[\(index)]"))
        })
    }
    guard let plan = value.object else { throw APICall.bad(called, "an object is expected") }
    return .object(try converted(plan, line: false, called))
  }

  private static let lineArguments = [
    APIArgument("treatmentId", "treatment_id"), APIArgument("name"), APIArgument("quantity"),
    APIArgument.money("priceSt", "price", "unitPrice", "unit_price"),
  ]
  private static let planArguments = [
    APIArgument("items", kind: .lines), APIArgument.money("discountSt", "discount"),
    APIArgument.money("totalSt", "total"),
  ]

  private static func converted(_ object: JSONObject, line: Bool, _ called: String) throws -> JSONObject {
    do {
      return try APICall(path: [:], query: [], body: object).arguments(line ? lineArguments : planArguments).args
    } catch let refusal as Refusal {
      throw APICall.bad(
        "\(called).\(refusal.details["path"]?.string ?? "")", refusal.details["problem"]?.string ?? "is not valid")
    }
  }
}

extension Refusal {
  /// The refusal with paths as the body has them: `args.dueDate` is its `due_date`.
  func called(_ names: [String: String]) -> Refusal {
    guard let path = details["path"]?.string, path.hasPrefix("args") else { return self }
    let inside = path.dropFirst(path.hasPrefix("args.") ? 5 : 4)
    let first = inside.prefix { $0 != "." && $0 != "[" }
    let shown = (names[String(first)] ?? String(first)) + inside.dropFirst(first.count)
    var refusal = self
    refusal.details.set("path", .string(shown.isEmpty ? "body" : shown))
    if message.hasPrefix("\(path): ") {
      refusal.message = (shown.isEmpty ? "body" : shown) + message.dropFirst(path.count)
    }
    return refusal
  }
}

import AuraDomain
import AuraStore

/// One method of one path: what it takes and how its answer is wrapped. `APIRoute.all` is the whole API: dispatch, 405
/// with `Allow`, OPTIONS and the check of `public/api/openapi.json` follow from it.
struct APIRoute: Sendable {
  enum Method: String, Sendable {
    case get = "GET"
    case post = "POST"
    case put = "PUT"
    case patch = "PATCH"

    /// Whether a request has a body, which is a JSON object.
    var hasBody: Bool { self != .get }
  }

  let method: Method
  /// `/api/workflow/{id}/stage`: a part in braces stands for any.
  let path: String
  let envelope: APIEnvelope
  /// Members of `data` that stand at the top of the answer as well: the original's clients disagree where they are.
  let top: [String]
  /// Refusals that this route answers with another status than the table of `APIFault`.
  let statuses: [ErrorCode: Int]
  let plan: @Sendable (APICall) throws -> APIPlan
  private let parts: [Substring]

  init(
    _ method: Method, _ path: String, _ envelope: APIEnvelope, top: [String] = [], statuses: [ErrorCode: Int] = [:],
    plan: @escaping @Sendable (APICall) throws -> APIPlan
  ) {
    self.method = method
    self.path = path
    self.envelope = envelope
    self.top = top
    self.statuses = statuses
    self.plan = plan
    parts = path.split(separator: "/", omittingEmptySubsequences: false)
  }

  static let all: [APIRoute] =
    workflow + management + tasks + achievements + loyalty + notifications + till + customers

  /// The routes of a path with what its braces stand for; empty where there is none.
  static func of(path: String) -> [(route: APIRoute, parameters: [String: String])] {
    let asked = path.split(separator: "/", omittingEmptySubsequences: false)
    return all.compactMap { route in route.parameters(of: asked).map { (route, $0) } }
  }

  private func parameters(of asked: [Substring]) -> [String: String]? {
    guard parts.count == asked.count else { return nil }
    var parameters: [String: String] = [:]
    for (expected, part) in zip(parts, asked) {
      if expected.hasPrefix("{") {
        parameters[String(expected.dropFirst().dropLast())] = String(part)
      } else if expected != part {
        return nil
      }
    }
    return parameters
  }

  /// What `Allow` says of a path's routes.
  static func allowed(_ routes: [APIRoute]) -> String {
    let methods = routes.map(\.method.rawValue)
    return (methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).joined(separator: ", ")
  }
}

/// What a request comes to.
enum APIPlan: Sendable {
  case read(@Sendable (APIReading) throws -> APIPage)
  case command(APICommand)
}

/// A command and how its result is told.
struct APICommand: Sendable {
  var command: Command
  var expect: [Expectation] = []
  /// Whether a later step of it names a code that could be a guess.
  var namesCode: Bool
  /// Names by which the body called the command's arguments, for what a refusal says.
  var names: [String: String]
  var prepare: @Sendable (Command, Draft) throws -> Command
  var answer: @Sendable (JSON, inout Draft) throws -> JSON

  init(
    _ command: Command, names: [String: String] = [:],
    prepare: @escaping @Sendable (Command, Draft) throws -> Command = { command, _ in command },
    answer: @escaping @Sendable (JSON, inout Draft) throws -> JSON
  ) {
    self.command = command
    self.names = names
    namesCode = command.namesCode
    self.prepare = { try prepare($0, $1).naming(staffOf: $1) }
    self.answer = answer
  }
}

/// What is read: the `data` of the answer, times in milliseconds and money in satang (`APIWriter` prints them).
struct APIPage: Sendable {
  struct Place: Sendable {
    var page: Int
    var limit: Int
    var total: Int
  }

  var data: JSON
  var place: Place?
  /// Whether a super admin has read it, which the audit keeps.
  var isForeign = false

  init(_ data: JSON, _ place: Place? = nil) {
    self.data = data
    self.place = place
  }
}

/// A clinic in one read transaction, as its caller may see it.
struct APIReading {
  let reader: Reader
  let rows: any ClinicRows
  let actor: Actor
  let now: Instant

  func ask(_ query: Query) throws -> JSON { try answer(query, rows: rows, actor: actor, now: now) }

  func permit(_ deed: Deed) throws { try actor.permit(deed, reason: "query") }

  /// The row without the columns that the caller does not see.
  func visible<R: Row>(_ row: R) -> JSONObject { row.visible(to: actor) }

  /// Rows of a table that can be subscribed to, newest first, as far as a subscription would show them.
  func topic<R: Row>(_ type: R.Type, _ conditions: [Condition], limit: Int, after: ID? = nil) throws -> [R] {
    guard let scope = actor.scope, scope.mayRead(R.table) else {
      throw Refusal(.forbidden, "This is not for your role.", details: ["table": .word(R.table), "needs": "role"])
    }
    var selection = Selection(order: [.descending("id")], limit: limit)
    selection.conditions = conditions
    if let after { selection.conditions.append(.less("id", .id(after))) }
    return try rows.rows(type, selection).filter { scope.admits(R.table, $0.keys) }
  }
}

extension Row {
  func visible(to actor: Actor) -> JSONObject {
    var object = jsonObject
    let hidden = actor.scope?.hidden(in: Self.table) ?? Self.table.columns
    for column in hidden { object["\(column)"] = nil }
    return object
  }
}

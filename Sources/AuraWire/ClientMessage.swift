import AuraDomain
import AuraJSON

/// A frame of the client, by its `type` (protocol.md, `public/protocol/`).
package enum ClientMessage: Sendable {
  case hello(Hello)
  case subscribe(Subscribe)
  case unsubscribe(id: Int, stream: String)
  case command(CommandMessage)
  case query(QueryMessage)
  case ping(id: Int)
  case pong(n: Int)
  case auth(id: Int, token: String)
}

package struct Hello: Sendable {
  package var id: Int
  package var token: String
  package var app: String
  package var instance: String
  package var subscriptions: [Result<Subscribe, WireFailure>]
}

package struct Subscribe: Sendable {
  /// The request's id; for an entry of `hello` that of the hello.
  package var id: Int
  /// Which entry of `hello.subscribe` this is.
  package var index: Int?
  package var clinic: ID
  package var tables: [Table]
  package var wantsPresence: Bool
  package var terms: [(column: RowFilter.Column, values: [Term])]
  package var cursor: Cursor?
  /// Why a super admin looks into a clinic of others.
  package var reason: String?

  /// A value of `where`.
  package enum Term: Sendable { case me, value(Value) }

  package init(
    id: Int, index: Int? = nil, clinic: ID, tables: [Table], wantsPresence: Bool = false,
    terms: [(column: RowFilter.Column, values: [Term])] = [], cursor: Cursor? = nil
  ) {
    self.id = id
    self.index = index
    self.clinic = clinic
    self.tables = tables
    self.wantsPresence = wantsPresence
    self.terms = terms
    self.cursor = cursor
  }
}

/// A place in a clinic's log: what a client holds of a stream and brings to resume it.
package struct Cursor: Sendable, Equatable {
  package var epoch: String
  package var seq: Int
  package var scope: String

  package init(epoch: String, seq: Int, scope: String) {
    self.epoch = epoch
    self.seq = seq
    self.scope = scope
  }
}

package struct CommandMessage: Sendable {
  package var id: Int
  package var key: String
  package var clinic: ID
  package var name: String
  package var args: JSON
  package var expect: [(table: Table, id: ID, version: Int)]
  /// Why a super admin acts in a clinic of others.
  package var reason: String?
}

package struct QueryMessage: Sendable {
  package var id: Int
  package var clinic: ID
  package var name: String
  package var args: JSON
  /// Why a super admin asks about a clinic of others.
  package var reason: String?
}

/// A frame that is not taken, and the close that follows if it ends the connection.
package struct WireFailure: Error, Sendable {
  package var re: Int?
  package var index: Int?
  package var code: ErrorCode
  package var message: String
  package var path: String?
  package var close: CloseReason?

  package init(
    re: Int? = nil, _ code: ErrorCode, _ message: String, path: String? = nil, close: CloseReason? = nil
  ) {
    self.re = re
    self.code = code
    self.message = message
    self.path = path
    self.close = close
  }
}

extension ClientMessage {
  /// The largest `id`: 2^53−1, what every JSON number keeps exactly.
  package static let idMax = 9_007_199_254_740_991
  package static let keyBytesMax = 128
  package static let tokenBytesMax = 8_192
  package static let topicsMax = 16
  package static let subscriptionsPerHelloMax = 32
  package static let valuesPerTermMax = 32

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(WireFailure) -> ClientMessage {
    let json: JSON
    do throws(JSONFailure) {
      json = try JSON.parse(bytes)
    } catch {
      throw WireFailure(.badFrame, "not JSON: \(error.message) at byte \(error.offset)", close: .badFrame)
    }
    guard let object = json.object else { throw WireFailure(.badFrame, "a frame is one JSON object", close: .badFrame) }
    guard let type = object["type"]?.string else {
      throw WireFailure(.badFrame, "a frame has a `type`", path: "type", close: .badFrame)
    }
    if type == "pong" {
      guard let n = object["n"]?.integer, (0...idMax).contains(n) else {
        throw WireFailure(.badRequest, "`n` is the number of the ping", path: "n")
      }
      return .pong(n: n)
    }
    guard let id = object["id"]?.integer, (0...idMax).contains(id) else {
      let known = ["hello", "subscribe", "unsubscribe", "command", "query", "ping", "auth"].contains(type)
      if !known { throw unknownType(type, re: nil) }
      throw WireFailure(.badRequest, "`id` is an integer from 0 to 2^53−1", path: "id")
    }
    let fields = Fields(object: object, re: id)
    switch type {
    case "hello": return .hello(try Hello(fields))
    case "subscribe": return .subscribe(try Subscribe(fields, index: nil))
    case "unsubscribe": return .unsubscribe(id: id, stream: try fields.text("stream", bytesMax: 32))
    case "command": return .command(try CommandMessage(fields))
    case "query":
      return .query(
        QueryMessage(
          id: id, clinic: try fields.id("clinic"), name: try fields.text("name", bytesMax: 64),
          args: try fields.objectOrEmpty("args"), reason: fields.reason))
    case "ping": return .ping(id: id)
    case "auth": return .auth(id: id, token: try fields.text("token", bytesMax: tokenBytesMax))
    default: throw unknownType(type, re: id)
    }
  }

  private static func unknownType(_ type: String, re: Int?) -> WireFailure {
    WireFailure(re: re, .unknownType, "no message has the type `\(type.prefix(32))`", path: "type")
  }
}

/// The members of a frame, with refusals that say where.
private struct Fields {
  let object: JSONObject
  let re: Int
  var prefix = ""
  var index: Int?

  func refuse(_ name: String, _ message: String, _ code: ErrorCode = .badRequest) -> WireFailure {
    var failure = WireFailure(re: re, code, message, path: prefix + name)
    failure.index = index
    return failure
  }

  func text(_ name: String, bytesMax: Int) throws(WireFailure) -> String {
    guard let value = object[name]?.string, !value.isEmpty, value.utf8.count <= bytesMax else {
      throw refuse(name, "`\(name)` is a text of 1 to \(bytesMax) bytes")
    }
    return value
  }

  func id(_ name: String) throws(WireFailure) -> ID {
    guard let text = object[name]?.string, let id = ID(text) else { throw refuse(name, "`\(name)` is a UUID") }
    return id
  }

  var reason: String? { object["reason"]?.string.map { String($0.prefix(500)) } }

  func objectOrEmpty(_ name: String) throws(WireFailure) -> JSON {
    switch object[name] {
    case nil, .null: return .emptyObject
    case .some(let value):
      guard value.object != nil else { throw refuse(name, "`\(name)` is an object") }
      return value
    }
  }
}

extension Hello {
  fileprivate init(_ fields: Fields) throws(WireFailure) {
    id = fields.re
    do throws(WireFailure) {
      token = try fields.text("token", bytesMax: ClientMessage.tokenBytesMax)
    } catch {
      throw WireFailure(re: id, .unauthenticated, error.message, path: error.path, close: .badToken)
    }
    app = String((fields.object["client"]?["app"]?.string ?? "").prefix(64))
    instance = String((fields.object["client"]?["instance"]?.string ?? "").prefix(64))
    subscriptions = []
    guard let entries = fields.object["subscribe"], entries != .null else { return }
    guard let entries = entries.array, entries.count <= ClientMessage.subscriptionsPerHelloMax else {
      throw fields.refuse("subscribe", "`subscribe` is a list of at most \(ClientMessage.subscriptionsPerHelloMax)")
    }
    for (index, entry) in entries.enumerated() {
      let nested = Fields(
        object: entry.object ?? JSONObject(), re: fields.re, prefix: "subscribe/\(index)/", index: index)
      do throws(WireFailure) {
        subscriptions.append(.success(try Subscribe(nested, index: index)))
      } catch {
        subscriptions.append(.failure(error))
      }
    }
  }
}

extension Subscribe {
  fileprivate init(_ fields: Fields, index: Int?) throws(WireFailure) {
    id = fields.re
    self.index = index
    clinic = try fields.id("clinic")
    guard let topics = fields.object["topics"]?.array, !topics.isEmpty, topics.count <= ClientMessage.topicsMax else {
      throw fields.refuse("topics", "`topics` is a list of 1 to \(ClientMessage.topicsMax) names")
    }
    tables = []
    wantsPresence = false
    for (position, topic) in topics.enumerated() {
      let name = topic.string ?? ""
      if name == "presence" {
        wantsPresence = true
      } else if let table = Table(rawValue: name), Scope.topics.contains(table) {
        if !tables.contains(table) { tables.append(table) }
      } else {
        throw fields.refuse("topics/\(position)", "no topic is called `\(name.prefix(32))`")
      }
    }
    tables.sort { $0.rawValue < $1.rawValue }
    terms = []
    if let filter = try fields.objectOrEmpty("where").object {
      for member in filter.members { terms.append(try Self.term(member, fields)) }
    }
    cursor = try Cursor(fields)
    reason = fields.reason
  }

  private static func term(
    _ member: JSONObject.Member, _ fields: Fields
  ) throws(WireFailure) -> (column: RowFilter.Column, values: [Term]) {
    let path = "where/\(member.name.prefix(32))"
    guard let column = RowFilter.Column(rawValue: member.name), column != .user else {
      throw fields.refuse(path, "`where` can name assigned_to, workflow_id, customer_id, current_stage and status")
    }
    let listed = member.value.array ?? [member.value]
    guard !listed.isEmpty, listed.count <= ClientMessage.valuesPerTermMax else {
      throw fields.refuse(path, "a list in `where` has 1 to \(ClientMessage.valuesPerTermMax) values")
    }
    var values: [Term] = []
    for value in listed {
      switch (column, value) {
      case (.assignedTo, .null): values.append(.value(.null))
      case (.assignedTo, .string("me")): values.append(.me)
      case (.assignedTo, .string(let text)), (.workflow, .string(let text)), (.customer, .string(let text)):
        guard let id = ID(text) else { throw fields.refuse(path, "the value is a UUID") }
        values.append(.value(.id(id)))
      case (.currentStage, .string(let text)):
        guard Stage(rawValue: text) != nil else { throw fields.refuse(path, "no stage is called that") }
        values.append(.value(.text(text)))
      case (.status, .string(let text)):
        guard text.utf8.count <= 32 else { throw fields.refuse(path, "no status is called that") }
        values.append(.value(.text(text)))
      default: throw fields.refuse(path, "the value has the wrong type")
      }
    }
    return (column, values)
  }
}

extension Cursor {
  fileprivate init?(_ fields: Fields) throws(WireFailure) {
    guard let value = fields.object["cursor"], value != .null else { return nil }
    guard let epoch = value["epoch"]?.string, let scope = value["scope"]?.string, let seq = value["seq"]?.integer,
      epoch.utf8.count <= 64, scope.utf8.count <= 64, (0...ClientMessage.idMax).contains(seq)
    else { throw fields.refuse("cursor", "`cursor` is {epoch, seq, scope} as it was given") }
    self.init(epoch: epoch, seq: seq, scope: scope)
  }
}

extension CommandMessage {
  fileprivate init(_ fields: Fields) throws(WireFailure) {
    id = fields.re
    key = try fields.text("key", bytesMax: ClientMessage.keyBytesMax)
    guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw fields.refuse("key", "`key` is printable ASCII without spaces; a UUID does")
    }
    clinic = try fields.id("clinic")
    name = try fields.text("name", bytesMax: 64)
    args = try fields.objectOrEmpty("args")
    reason = fields.reason
    expect = []
    guard let expected = try fields.objectOrEmpty("expect").object else { return }
    guard expected.members.count <= 16 else { throw fields.refuse("expect", "`expect` names at most 16 rows") }
    for member in expected.members {
      let parts = member.name.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, let table = Table(rawValue: String(parts[0])), let id = ID(String(parts[1])),
        let version = member.value.integer, version >= 0
      else { throw fields.refuse("expect", "`expect` is {\"table/id\": version}") }
      expect.append((table, id, version))
    }
  }
}

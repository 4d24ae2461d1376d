import AuraDomain

/// The frames that the server sends, as JSON text. What goes to many is made once.
package enum ServerMessage {
  package static let protocolName = "aura.v1.json"

  package struct Limits: Sendable {
    package var frameBytes: Int
    package var inFlight: Int
    package var commandsPerSecond: Int

    package init(frameBytes: Int, inFlight: Int, commandsPerSecond: Int) {
      self.frameBytes = frameBytes
      self.inFlight = inFlight
      self.commandsPerSecond = commandsPerSecond
    }
  }

  package static func welcome(
    re: Int, user: ID, name: String, memberships: [Membership], expiresAt: Instant, pingMilliseconds: Int,
    limits: Limits, version: String
  ) -> [UInt8] {
    var writer = begin("welcome", re: re)
    writer.name("user")
    writer.beginObject()
    writer.name("id")
    writer.id(user)
    writer.name("name")
    writer.string(name)
    writer.name("memberships")
    writer.beginArray()
    for membership in memberships {
      writer.beginObject()
      writer.name("clinic")
      writer.id(membership.clinic)
      writer.name("role")
      if let role = membership.role { writer.string(role.rawValue) } else { writer.string("customer") }
      if let staff = membership.staff {
        writer.name("staff")
        writer.id(staff)
      }
      if let customer = membership.customer {
        writer.name("customer")
        writer.id(customer)
      }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    writer.name("expires_at")
    writer.integer(expiresAt.milliseconds)
    writer.name("ping_ms")
    writer.integer(pingMilliseconds)
    writer.name("limits")
    writer.beginObject()
    writer.name("frame_bytes")
    writer.integer(limits.frameBytes)
    writer.name("in_flight")
    writer.integer(limits.inFlight)
    writer.name("commands_per_second")
    writer.integer(limits.commandsPerSecond)
    writer.endObject()
    writer.name("server")
    writer.beginObject()
    writer.name("version")
    writer.string(version)
    writer.endObject()
    return end(&writer)
  }

  /// Whether a stream goes on from the client's cursor or starts over, and why.
  package enum Mode: String, Sendable { case resume, snapshot }
  package enum Reason: String, Sendable {
    case first, epoch
    case tooOld = "too_old"
    case ahead, scope, cheaper
  }

  /// `re` is `nil` where the server starts a stream over by itself.
  package static func subscribed(
    re: Int?, index: Int?, stream: String, mode: Mode, reason: Reason?, cursor: Cursor, oldest: Int
  ) -> [UInt8] {
    var writer = begin("subscribed", re: re)
    if let index {
      writer.name("index")
      writer.integer(index)
    }
    writer.name("stream")
    writer.string(stream)
    writer.name("mode")
    writer.string(mode.rawValue)
    if let reason {
      writer.name("reason")
      writer.string(reason.rawValue)
    }
    writer.name("cursor")
    writer.beginObject()
    writer.name("epoch")
    writer.string(cursor.epoch)
    writer.name("seq")
    writer.integer(cursor.seq)
    writer.name("scope")
    writer.string(cursor.scope)
    writer.endObject()
    writer.name("oldest")
    writer.integer(oldest)
    return end(&writer)
  }

  /// `rows` is the JSON object of this part: `{"task_queue":[…],…}`.
  package static func snapshot(stream: String, seq: Int, part: Int, last: Bool, rows: [UInt8]) -> [UInt8] {
    var writer = begin("snapshot", capacity: rows.count + 128)
    writer.name("stream")
    writer.string(stream)
    writer.name("seq")
    writer.integer(seq)
    writer.name("part")
    writer.integer(part)
    writer.name("last")
    writer.bool(last)
    writer.name("rows")
    writer.verbatim(rows)
    return end(&writer)
  }

  /// `commits` are the members of the array, already as JSON objects with commas between.
  package static func delta(stream: String, prev: Int, seq: Int, commits: [UInt8]) -> [UInt8] {
    var writer = begin("delta", capacity: commits.count + 128)
    writer.name("stream")
    writer.string(stream)
    writer.name("prev")
    writer.integer(prev)
    writer.name("seq")
    writer.integer(seq)
    writer.name("commits")
    writer.beginArray()
    writer.verbatim(commits)
    writer.endArray()
    return end(&writer)
  }

  package static func unsubscribed(stream: String, code: String, re: Int? = nil) -> [UInt8] {
    var writer = begin("unsubscribed", re: re)
    writer.name("stream")
    writer.string(stream)
    writer.name("code")
    writer.string(code)
    return end(&writer)
  }

  /// `result` is a JSON value.
  package static func ack(re: Int, key: String, duplicate: Bool, epoch: String, seq: Int, result: [UInt8]) -> [UInt8] {
    var writer = begin("ack", re: re, capacity: result.count + 192)
    writer.name("key")
    writer.string(key)
    writer.name("ok")
    writer.bool(true)
    writer.name("duplicate")
    writer.bool(duplicate)
    writer.name("cursor")
    writer.beginObject()
    writer.name("epoch")
    writer.string(epoch)
    writer.name("seq")
    writer.integer(seq)
    writer.endObject()
    writer.name("result")
    writer.verbatim(result)
    return end(&writer)
  }

  package static func refused(re: Int, key: String, duplicate: Bool, refusal: Refusal) -> [UInt8] {
    var writer = begin("ack", re: re)
    writer.name("key")
    writer.string(key)
    writer.name("ok")
    writer.bool(false)
    writer.name("duplicate")
    writer.bool(duplicate)
    writer.name("error")
    error(refusal, &writer)
    return end(&writer)
  }

  package static func result(re: Int, seq: Int, data: [UInt8]) -> [UInt8] {
    var writer = begin("result", re: re, capacity: data.count + 96)
    writer.name("ok")
    writer.bool(true)
    writer.name("seq")
    writer.integer(seq)
    writer.name("data")
    writer.verbatim(data)
    return end(&writer)
  }

  package static func result(re: Int, refusal: Refusal) -> [UInt8] {
    var writer = begin("result", re: re)
    writer.name("ok")
    writer.bool(false)
    writer.name("error")
    error(refusal, &writer)
    return end(&writer)
  }

  package static func error(_ failure: WireFailure, retryMilliseconds: Int? = nil) -> [UInt8] {
    var writer = begin("error", re: failure.re)
    if let index = failure.index {
      writer.name("index")
      writer.integer(index)
    }
    writer.name("code")
    writer.string(failure.code.rawValue)
    writer.name("message")
    writer.string(failure.message)
    writer.name("temporary")
    writer.bool(failure.code.isTemporary)
    if let path = failure.path {
      writer.name("details")
      writer.beginObject()
      writer.name("path")
      writer.string(path)
      writer.endObject()
    }
    if let retryMilliseconds {
      writer.name("retry_ms")
      writer.integer(retryMilliseconds)
    }
    return end(&writer)
  }

  /// A refusal that is no outcome of the writer: the request was not taken.
  package static func error(re: Int, refusal: Refusal, retryMilliseconds: Int? = nil) -> [UInt8] {
    var writer = begin("error", re: re)
    writer.name("code")
    writer.string(refusal.code.rawValue)
    writer.name("message")
    writer.string(refusal.message)
    writer.name("temporary")
    writer.bool(refusal.code.isTemporary)
    if refusal.details != .emptyObject {
      writer.name("details")
      writer.value(refusal.details)
    }
    if let retryMilliseconds {
      writer.name("retry_ms")
      writer.integer(retryMilliseconds)
    }
    return end(&writer)
  }

  package static func ping(n: Int, heads: some Sequence<(stream: String, seq: Int)>) -> [UInt8] {
    var writer = begin("ping")
    writer.name("n")
    writer.integer(n)
    writer.name("heads")
    writer.beginObject()
    for head in heads {
      writer.name(escaping: head.stream)
      writer.integer(head.seq)
    }
    writer.endObject()
    return end(&writer)
  }

  package static func pong(re: Int) -> [UInt8] {
    var writer = begin("pong", re: re)
    return end(&writer)
  }

  package static func authDue(at: Instant) -> [UInt8] {
    var writer = begin("auth_due")
    writer.name("at")
    writer.integer(at.milliseconds)
    return end(&writer)
  }

  /// The answer to `auth`: the connection now lasts as long as the new token.
  package static func authenticated(re: Int, expiresAt: Instant) -> [UInt8] {
    var writer = begin("authenticated", re: re)
    writer.name("expires_at")
    writer.integer(expiresAt.milliseconds)
    return end(&writer)
  }

  package static func bye(_ code: CloseReason, reason: String, reconnectMilliseconds: Int?) -> [UInt8] {
    var writer = begin("bye")
    writer.name("code")
    writer.integer(Int(code.rawValue))
    writer.name("reason")
    writer.string(reason)
    if let reconnectMilliseconds {
      writer.name("reconnect_ms")
      writer.integer(reconnectMilliseconds)
    }
    return end(&writer)
  }

  private static func error(_ refusal: Refusal, _ writer: inout JSONWriter) {
    writer.beginObject()
    writer.name("code")
    writer.string(refusal.code.rawValue)
    writer.name("message")
    writer.string(refusal.message)
    writer.name("temporary")
    writer.bool(refusal.code.isTemporary)
    writer.name("details")
    writer.value(refusal.details)
    writer.endObject()
  }

  private static func begin(_ type: StaticString, re: Int? = nil, capacity: Int = 256) -> JSONWriter {
    var writer = JSONWriter(capacity: capacity)
    writer.beginObject()
    writer.name("type")
    writer.string(type)
    if let re {
      writer.name("re")
      writer.integer(re)
    }
    return writer
  }

  private static func end(_ writer: inout JSONWriter) -> [UInt8] {
    writer.endObject()
    return writer.bytes
  }
}

/// Why the server ends a connection (protocol.md): 40xx is the client's own fault and it stays away, 41xx asks it to
/// come back later, 42xx at once.
package enum CloseReason: UInt16, Sendable, CaseIterable {
  case badFrame = 4000
  case badToken = 4001
  case accessRevoked = 4003
  case unknownVersion = 4004
  case draining = 4100
  case overloaded = 4101
  case rateLimited = 4102
  case tooSlow = 4103
  case noPong = 4104
  case internalError = 4105
  case tokenExpired = 4200
  case scopeChanged = 4201
  case resubscribe = 4202
}

/// One commit as a member of a delta's `commits`, cut down to what a stream sees.
extension Commit {
  /// Appends `{"seq":…,"at":…,"cause":…,"changes":[…]}` for the changes that `admit` turns into an operation; appends
  /// nothing, and returns `false`, when there are none.
  package func append(
    to writer: inout JSONWriter, showsCause: Bool, hidden: (Table) -> [StaticString],
    admit: (RowChange) -> RowChange.Operation?
  ) -> Bool {
    var isOpen = false
    for change in changes {
      guard let operation = admit(change) else { continue }
      if !isOpen {
        isOpen = true
        writer.beginObject()
        writer.name("seq")
        writer.integer(seq)
        writer.name("at")
        writer.integer(at.milliseconds)
        if showsCause, !cause.isEmpty {
          writer.name("cause")
          writer.verbatim(cause)
        }
        writer.name("changes")
        writer.beginArray()
      }
      writer.beginObject()
      writer.name("table")
      writer.string(change.table.rawValue)
      writer.name("op")
      writer.string(operation.rawValue)
      switch operation {
      case .put:
        writer.name("row")
        do throws(LogDamage) {
          try RowChange.append(change.row, hiding: hidden(change.table), to: &writer)
        } catch {
          // Rows come from our own writer; one that is damaged on disk is shown as gone rather than half.
          writer.beginObject()
          writer.endObject()
        }
      case .remove:
        writer.name("id")
        writer.id(change.id)
        writer.name("version")
        writer.integer(change.version)
      }
      writer.endObject()
    }
    if isOpen {
      writer.endArray()
      writer.endObject()
    }
    return isOpen
  }
}

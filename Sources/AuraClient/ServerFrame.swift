import AuraDomain
import AuraJSON
import AuraWire

/// A frame of the server, by its `type` (protocol.md, `public/protocol/`). A member that is missing or of another type
/// than documented makes the frame `malformed`: a newer server may send frames that this client does not know.
package enum ServerFrame: Sendable {
  case welcome(Welcome)
  case subscribed(Subscribed)
  case snapshot(SnapshotPart)
  case delta(Delta)
  case unsubscribed(stream: String, code: String)
  case ack(Ack)
  case result(re: Int, Result<JSON, HubError>)
  case error(re: Int?, index: Int?, HubError)
  case ping(n: Int, heads: [(stream: String, seq: Int)])
  case pong(re: Int)
  case authDue(atMilliseconds: Int)
  case presence(JSON)
  case bye(code: Int, reason: String, reconnectMilliseconds: Int?)
  case unknown(type: String)
  case malformed(String)

  package struct Welcome: Sendable {
    package var userID: String
    package var userName: String
    /// Clinics in which the user has a part: id and role.
    package var memberships: [(clinic: ID, role: String)]
    package var expiresAtMilliseconds: Int
    package var pingMilliseconds: Int
    package var inFlightMax: Int
    package var serverVersion: String
  }

  package struct Subscribed: Sendable {
    package var re: Int?
    package var index: Int?
    package var stream: String
    /// The rows follow as a snapshot; otherwise the deltas after the cursor that was given.
    package var startsOver: Bool
    package var reason: String?
    package var cursor: Cursor
  }

  package struct SnapshotPart: Sendable {
    package var stream: String
    package var seq: Int
    package var isLast: Bool
    /// Rows by table.
    package var rows: [(table: String, rows: [JSON])]
  }

  package struct Ack: Sendable {
    package var re: Int
    package var key: String
    package var isDuplicate: Bool
    /// The commit's place and the command's result, or its refusal.
    package var outcome: Result<(seq: Int, result: JSON), HubError>
  }
}

/// A delta: whole commits of one stream.
package struct Delta: Sendable {
  package var stream: String
  package var prev: Int
  package var seq: Int
  package var commits: [CommitSeen]

  package struct CommitSeen: Sendable {
    package var seq: Int
    package var atMilliseconds: Int
    /// The command that made it, and its key; empty where the server made it by itself.
    package var command: String
    package var key: String
    package var changes: [ChangeSeen]
  }

  package struct ChangeSeen: Sendable {
    package var table: String
    /// The row as it is now; nil when it was removed.
    package var row: JSON?
    package var id: String
    package var version: Int
  }
}

/// A refusal as the server words it.
package struct HubError: Error, Sendable, CustomStringConvertible {
  package var code: String
  package var message: String
  /// Nothing has happened; the same key may be sent again.
  package var isTemporary: Bool
  package var retryMilliseconds: Int?
  package var details: JSON

  package var description: String { "\(code): \(message)" }

  init(_ json: JSON) {
    code = json["code"]?.string ?? "internal"
    message = json["message"]?.string ?? ""
    isTemporary = json["temporary"]?.bool ?? false
    retryMilliseconds = json["retry_ms"]?.integer
    details = json["details"] ?? .null
  }
}

extension ServerFrame {
  /// Far above a snapshot's part: the server is trusted further than a client is.
  private static let valuesMax = 1_000_000

  package static func decode(_ bytes: UnsafeRawBufferPointer) -> ServerFrame {
    guard let json = try? JSON.parse(bytes, valuesMax: valuesMax), let type = json["type"]?.string else {
      return .malformed("not a JSON object with a type")
    }
    return decode(type, json) ?? .malformed("\(type) lacks a member")
  }

  private static func decode(_ type: String, _ json: JSON) -> ServerFrame? {
    switch type {
    case "welcome": return Welcome(json).map { .welcome($0) }
    case "subscribed": return Subscribed(json).map { .subscribed($0) }
    case "snapshot":
      guard let stream = json["stream"]?.string, let seq = json["seq"]?.integer else { return nil }
      let tables = json["rows"]?.object?.members.map { (table: $0.name, rows: $0.value.array ?? []) } ?? []
      return .snapshot(
        SnapshotPart(stream: stream, seq: seq, isLast: json["last"]?.bool ?? true, rows: tables))
    case "delta": return Delta(json).map { .delta($0) }
    case "unsubscribed":
      guard let stream = json["stream"]?.string else { return nil }
      return .unsubscribed(stream: stream, code: json["code"]?.string ?? "")
    case "ack": return Ack(json).map { .ack($0) }
    case "result":
      guard let re = json["re"]?.integer else { return nil }
      return .result(
        re: re, json["ok"]?.bool == true ? .success(json["data"] ?? .null) : .failure(HubError(json["error"] ?? .null)))
    case "error": return .error(re: json["re"]?.integer, index: json["index"]?.integer, HubError(json))
    case "ping":
      guard let n = json["n"]?.integer else { return nil }
      let heads = json["heads"]?.object?.members.compactMap { member in
        member.value.integer.map { (stream: member.name, seq: $0) }
      }
      return .ping(n: n, heads: heads ?? [])
    case "pong": return json["re"]?.integer.map { .pong(re: $0) }
    case "auth_due": return json["at"]?.integer.map { .authDue(atMilliseconds: $0) }
    case "presence": return .presence(json)
    case "bye":
      guard let code = json["code"]?.integer else { return nil }
      return .bye(
        code: code, reason: json["reason"]?.string ?? "", reconnectMilliseconds: json["reconnect_ms"]?.integer)
    default: return .unknown(type: type)
    }
  }
}

extension ServerFrame.Welcome {
  fileprivate init?(_ json: JSON) {
    guard let user = json["user"], let id = user["id"]?.string else { return nil }
    userID = id
    userName = user["name"]?.string ?? ""
    memberships = (user["memberships"]?.array ?? []).compactMap { membership in
      guard let clinic = membership["clinic"]?.string.flatMap({ ID($0) }) else { return nil }
      return (clinic, membership["role"]?.string ?? "")
    }
    expiresAtMilliseconds = json["expires_at"]?.integer ?? Int.max
    pingMilliseconds = json["ping_ms"]?.integer ?? 20_000
    inFlightMax = json["limits"]?["in_flight"]?.integer ?? 1
    serverVersion = json["server"]?["version"]?.string ?? ""
  }
}

extension ServerFrame.Subscribed {
  fileprivate init?(_ json: JSON) {
    guard let stream = json["stream"]?.string, let cursor = json["cursor"], let epoch = cursor["epoch"]?.string,
      let seq = cursor["seq"]?.integer
    else { return nil }
    re = json["re"]?.integer
    index = json["index"]?.integer
    self.stream = stream
    startsOver = json["mode"]?.string != "resume"
    reason = json["reason"]?.string
    self.cursor = Cursor(epoch: epoch, seq: seq, scope: cursor["scope"]?.string ?? "")
  }
}

extension ServerFrame.Ack {
  fileprivate init?(_ json: JSON) {
    guard let re = json["re"]?.integer, let key = json["key"]?.string else { return nil }
    self.re = re
    self.key = key
    isDuplicate = json["duplicate"]?.bool ?? false
    if json["ok"]?.bool == true {
      guard let seq = json["cursor"]?["seq"]?.integer else { return nil }
      outcome = .success((seq, json["result"] ?? .null))
    } else {
      outcome = .failure(HubError(json["error"] ?? .null))
    }
  }
}

extension Delta {
  fileprivate init?(_ json: JSON) {
    guard let stream = json["stream"]?.string, let prev = json["prev"]?.integer, let seq = json["seq"]?.integer
    else { return nil }
    self.stream = stream
    self.prev = prev
    self.seq = seq
    commits = []
    for commit in json["commits"]?.array ?? [] {
      guard let number = commit["seq"]?.integer else { return nil }
      let cause = commit["cause"]
      commits.append(
        CommitSeen(
          seq: number, atMilliseconds: commit["at"]?.integer ?? 0, command: cause?["command"]?.string ?? "",
          key: cause?["key"]?.string ?? "",
          changes: (commit["changes"]?.array ?? []).map { change in
            let row = change["row"]
            return ChangeSeen(
              table: change["table"]?.string ?? "", row: row,
              id: row?["id"]?.string ?? change["id"]?.string ?? "",
              version: row?["version"]?.integer ?? change["version"]?.integer ?? 0)
          }))
    }
  }
}

/// Reads frames for many connections on one thread. A delta is the same bytes for all subscribers of a stream, so it is
/// parsed once however many of them are here.
package final class FrameReader {
  private static let kept = 8
  private var recent: [(bytes: [UInt8], frame: ServerFrame)] = []
  private var next = 0

  package init() {}

  package func read(_ bytes: UnsafeRawBufferPointer) -> ServerFrame {
    for known in recent where known.bytes.count == bytes.count && known.bytes.elementsEqual(bytes) {
      return known.frame
    }
    let frame = ServerFrame.decode(bytes)
    if case .delta = frame {
      if recent.count < FrameReader.kept {
        recent.append((Array(bytes), frame))
      } else {
        recent[next] = (Array(bytes), frame)
        next = (next + 1) % FrameReader.kept
      }
    }
    return frame
  }
}

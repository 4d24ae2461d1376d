/// Decides whether a request may become a WebSocket. libwebsockets itself upgrades much that RFC 6455 forbids.
struct HandshakeRules {
  var endpoints: [WebSocketEndpoint]
  var allowedOrigins: Set<String>
  var isEncrypted: Bool
  /// The path of the echo, nil where there is none.
  var echoPath: String?

  enum Decision: Equatable {
    /// The place of the endpoint in `endpoints`.
    case endpoint(Int)
    case echo
    case refuse(status: Int, text: String, headers: [String])
  }

  func decide(_ head: RequestHead) -> Decision {
    func refuse(_ status: Int, _ text: String, _ headers: [String] = []) -> Decision {
      .refuse(status: status, text: text, headers: headers)
    }
    if case .refuse(let status, let text)? = RequestRules.refusal(of: head) { return refuse(status, text) }
    guard head.version == "HTTP/1.1" else { return refuse(505, "a WebSocket needs HTTP/1.1") }
    guard head.headers["upgrade"]?.lowercased() == "websocket" else {
      return refuse(400, "only an upgrade to websocket is taken")
    }
    guard head.method == "GET" else { return refuse(405, "a WebSocket is opened with GET", ["Allow: GET"]) }
    guard RequestRules.contentLength(head) == .missing || RequestRules.contentLength(head) == .bytes(0) else {
      return refuse(400, "an upgrade has no body")
    }
    let connection = head.headers["connection"] ?? ""
    guard connection.utf8.count < 120, head.tokens(of: "connection").contains("upgrade") else {
      return refuse(400, "Connection: Upgrade is missing")
    }
    let path = head.path ?? ""
    let endpoint = endpoints.firstIndex { $0.path == path }
    guard endpoint != nil || path == echoPath else { return refuse(404, "no WebSocket is served here") }
    guard head.headers["sec-websocket-version"] == "13", !head.repeated.contains("sec-websocket-version") else {
      return refuse(426, "version 13 is spoken here", ["Sec-WebSocket-Version: 13", "Upgrade: websocket"])
    }
    guard let key = head.headers["sec-websocket-key"], !head.repeated.contains("sec-websocket-key"),
      HandshakeRules.isKey(key)
    else { return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64") }
    guard takesOrigin(head) else { return refuse(403, "this origin is not allowed") }
    guard let endpoint else {
      // libwebsockets drops a connection that offers subprotocols none of which it knows.
      return head.headers["sec-websocket-protocol"] == nil ? .echo : refuse(400, "the echo has no subprotocol")
    }
    let offered = head.headers["sec-websocket-protocol"] ?? ""
    guard offered.utf8.count < 120, HandshakeRules.list(offered).contains(endpoints[endpoint].subprotocol),
      HandshakeRules.list(offered).allSatisfy({ HandshakeRules.isToken($0) })
    else {
      return refuse(
        400, "the subprotocol \(endpoints[endpoint].subprotocol) must be offered",
        ["Sec-WebSocket-Protocol: \(endpoints[endpoint].subprotocol)"])
    }
    return .endpoint(endpoint)
  }

  /// No Origin is no browser. A browser's must be the server's own, or listed.
  private func takesOrigin(_ head: RequestHead) -> Bool {
    guard let origin = head.headers["origin"] else { return true }
    guard !head.repeated.contains("origin"), let host = head.headers["host"] else { return false }
    let own = (isEncrypted ? "https://" : "http://") + host.lowercased()
    return origin.lowercased() == own || allowedOrigins.contains(origin)
  }

  /// 16 bytes in base64: 22 characters, the last with its four low bits zero, and two `=`.
  static func isKey(_ key: String) -> Bool {
    let bytes = Array(key.utf8)
    guard bytes.count == 24, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else { return false }
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    for byte in bytes[..<22] where !alphabet.contains(byte) { return false }
    guard let last = alphabet.firstIndex(of: bytes[21]) else { return false }
    return last % 16 == 0
  }

  static func list(_ text: String) -> [String] {
    text.split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
  }

  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count < 64
      && text.utf8.allSatisfy { byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}

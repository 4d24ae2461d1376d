/// What a request says before its body, as libwebsockets has parsed it.
struct RequestHead {
  var method: String
  /// Decoded and normalised; nil where it is not UTF-8 or holds a NUL.
  var path: String?
  var query: [(name: String, value: String)] = []
  /// A parameter is not UTF-8, and left out.
  var hasMalformedQuery = false
  /// `HTTP/1.1`.
  var version: String
  /// Names in lower case.
  var headers: [String: String] = [:]
  /// Names that came more than once.
  var repeated: Set<String> = []
  /// A header whose name has a blank before its colon: a proxy in front may have read it differently.
  var hasMalformedHeader = false

  func tokens(of name: String) -> [String] {
    (headers[name] ?? "").split(separator: ",").map { $0.trimmed.lowercased() }.filter { !$0.isEmpty }
  }
}

/// What is done with a request, decided from its head alone.
enum RequestDecision: Equatable {
  case staticFile(path: String)
  /// `bodyBytes` follow and go to the handler with it.
  case dynamic(path: String, bodyBytes: Int)
  /// Refused; the connection is closed, since what follows the head cannot be trusted to be a request.
  case refuse(status: Int, text: String)
}

struct RequestRules {
  var dynamicPaths: [String]
  var staticPaths: Set<String> = []
  var servesFiles: Bool
  var bodyBytesMax: Int

  func decide(_ head: RequestHead) -> RequestDecision {
    if let refusal = RequestRules.refusal(of: head) { return refusal }
    guard let path = head.path, path.hasPrefix("/") else {
      return .refuse(status: 400, text: "the path is not valid UTF-8")
    }
    let bodyBytes: Int
    switch RequestRules.contentLength(head) {
    case .malformed: return .refuse(status: 400, text: "Content-Length is not one number")
    case .missing:
      // RFC 9110 lets a request without a length have no body; libwebsockets would wait for one.
      guard !["POST", "PUT", "PATCH"].contains(head.method) else {
        return .refuse(status: 411, text: "send a Content-Length")
      }
      bodyBytes = 0
    case .bytes(let count): bodyBytes = count
    }
    if isDynamic(path) {
      guard bodyBytes <= bodyBytesMax else {
        return .refuse(status: 413, text: "a body has at most \(bodyBytesMax) bytes")
      }
      return .dynamic(path: path, bodyBytes: bodyBytes)
    }
    guard ["GET", "HEAD"].contains(head.method) else {
      return .refuse(status: 405, text: "only GET and HEAD are served here")
    }
    guard bodyBytes == 0 else { return .refuse(status: 400, text: "a \(head.method) has no body here") }
    guard servesFiles else { return .refuse(status: 404, text: "not found") }
    return .staticFile(path: path)
  }

  func isDynamic(_ path: String) -> Bool {
    !staticPaths.contains(path)
      && dynamicPaths.contains { $0 == path || ($0.hasSuffix("/") && path.hasPrefix($0)) }
  }

  /// What makes it doubtful where a request ends, or for whom it is.
  static func refusal(of head: RequestHead) -> RequestDecision? {
    guard head.version == "HTTP/1.1" || head.version == "HTTP/1.0" else {
      // A line break in the query string ends the request line early, and what follows it is no version.
      guard head.version.hasPrefix("HTTP/") else { return .refuse(status: 400, text: "the request line is malformed") }
      return .refuse(status: 505, text: "HTTP/1.1 is spoken here")
    }
    if head.hasMalformedHeader { return .refuse(status: 400, text: "a header's name ends in a blank") }
    if head.headers["transfer-encoding"] != nil {
      return .refuse(status: 501, text: "Transfer-Encoding is not taken; send a Content-Length")
    }
    if head.repeated.contains("host") { return .refuse(status: 400, text: "more than one Host") }
    let host = head.headers["host"]
    if host == nil && head.version == "HTTP/1.1" { return .refuse(status: 400, text: "a Host is missing") }
    if let host, !HostName.isValid(host) { return .refuse(status: 400, text: "the Host is malformed") }
    return nil
  }

  enum ContentLength: Equatable { case missing, malformed, bytes(Int) }

  static func contentLength(_ head: RequestHead) -> ContentLength {
    guard let text = head.headers["content-length"] else { return .missing }
    guard !head.repeated.contains("content-length"), (1...12).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text)
    else { return .malformed }
    return .bytes(count)
  }

  /// HTTP/1.1 keeps the connection unless told; HTTP/1.0 only when asked.
  static func keepsAlive(_ head: RequestHead) -> Bool {
    let tokens = head.tokens(of: "connection")
    if tokens.contains("close") { return false }
    return head.version == "HTTP/1.1" || tokens.contains("keep-alive")
  }
}

enum HostName {
  /// `name`, `name:8080`, `[::1]:8080`.
  static func isValid(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
          UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"):
          true
        default: false
        }
      }
  }
}

extension StringProtocol {
  /// Without blanks and tabs at both ends.
  var trimmed: String {
    var rest = self[...]
    while let first = rest.first, first == " " || first == "\t" { rest = rest.dropFirst() }
    while let last = rest.last, last == " " || last == "\t" { rest = rest.dropLast() }
    return String(rest)
  }
}

/// A whole request of a dynamic route.
package struct HTTPRequest: Sendable {
  /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`.
  package var method: String
  /// Decoded and without `.`, `..` and doubled slashes; begins with `/`.
  package var path: String
  /// Decoded; `?a=1&b` is `[("a", "1"), ("b", "")]`.
  package var query: [(name: String, value: String)]
  /// Names in lower case; a header that came more than once is joined with commas.
  package var headers: [String: String]
  package var body: [UInt8]
  /// The address of the socket's other end, or what a trusted proxy there says whom it speaks for.
  package var peer: String
  /// Whether the client's way to the hub, or to the trusted proxy, is encrypted.
  package var isEncrypted: Bool
  /// A parameter of the query string is not UTF-8, and left out.
  package var hasMalformedQuery = false

  /// Whether somebody between says that they pass this on; a hub's own clients do not.
  package var isForwarded: Bool {
    ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"].contains { headers[$0] != nil }
  }

  package func header(_ name: String) -> String? { headers[name.lowercased()] }
  package func parameter(_ name: String) -> String? { query.first { $0.name == name }?.value }

  /// The value of a cookie as it was sent.
  package func cookie(_ name: String) -> String? {
    guard let header = headers["cookie"] else { return nil }
    for pair in header.split(separator: ";") {
      let trimmed = pair.drop { $0 == " " }
      guard let equals = trimmed.firstIndex(of: "=") else { continue }
      if trimmed[..<equals] == name { return String(trimmed[trimmed.index(after: equals)...]) }
    }
    return nil
  }
}

package struct HTTPResponse: Sendable {
  package var status: Int
  /// Content-Length, Date and Connection are the transport's; a header with a control character in it is left out.
  package var headers: [(name: String, value: String)]
  package var body: [UInt8]

  package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package init(status: Int, text: String) {
    self.init(
      status: status, headers: [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")],
      body: Array((text + "\n").utf8))
  }

  /// A body of JSON bytes.
  package init(status: Int, json: [UInt8], headers: [(name: String, value: String)] = []) {
    self.init(
      status: status,
      headers: [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")] + headers,
      body: json)
  }
}

/// Answers one request, once, from any thread; a second answer, or one to a connection that is gone, is dropped.
package struct HTTPResponder: Sendable {
  let deliver: @Sendable (HTTPResponse) -> Void

  package init(deliver: @escaping @Sendable (HTTPResponse) -> Void) { self.deliver = deliver }
  package func respond(_ response: HTTPResponse) { deliver(response) }
}

enum HTTPStatus {
  static func reason(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}

extension HTTPResponse {
  /// The head as bytes. `bodyBytes` is the length that is announced, also where the body itself is not sent (HEAD).
  func head(keepAlive: Bool, date: String) -> [UInt8] {
    var text = "HTTP/1.1 \(status) \(HTTPStatus.reason(status))\r\n"
    for (name, value) in headers where !name.isEmpty && HTTPResponse.isClean(name) && HTTPResponse.isClean(value) {
      text += "\(name): \(value)\r\n"
    }
    if status != 304 && status != 204 { text += "Content-Length: \(body.count)\r\n" }
    text += "Date: \(date)\r\n"
    text += "X-Content-Type-Options: nosniff\r\n"
    text += keepAlive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n"
    return Array(text.utf8)
  }

  private static func isClean(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
  }
}

import AuraDomain
import AuraTransport

/// What a form on a message's page has sent.
struct MessagePageForm: Sendable, Equatable {
  enum Problem: Sendable, Equatable { case noRating }

  private var fields: [String: String] = [:]
  /// RFC 8058: a mail program has a button of its own, and sends this instead of the form.
  private(set) var isOneClick = false
  private(set) var problem: Problem?

  /// None yet.
  init() {}

  init(_ request: HTTPRequest) {
    let type = (request.header("content-type") ?? "").lowercased()
    let body = String(decoding: request.body, as: UTF8.self)
    if type.hasPrefix("multipart/form-data") {
      // Only that one field comes so; the pages' own forms do not.
      isOneClick = Self.isOneClick(multipart: body)
    } else if type.hasPrefix("application/x-www-form-urlencoded") {
      for pair in body.split(separator: "&").prefix(20) {
        let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        fields[Self.decoded(halves[0])] = halves.count > 1 ? Self.decoded(halves[1]) : ""
      }
      isOneClick = fields["List-Unsubscribe"] == "One-Click"
    }
  }

  /// What it asks for on this page; `nil` for what makes no sense there.
  func request(on page: MessagePage) -> MessagePageRequest? {
    if isOneClick { return page == .stop ? .stop : nil }
    switch (fields["do"], page) {
    case ("stop", .stop): return .stop
    case ("undo", .stop): return .undoStop
    case ("rate", .survey):
      guard let rating = fields["rating"].flatMap({ Int($0) }), (1...5).contains(rating) else { return nil }
      return .rate(rating, comment: text("comment", MessagePages.commentCharactersMax))
    case ("call", .care), ("call", .survey), ("call", .offer), ("call", .book), ("call", .pay), ("call", .portal):
      return .call(page, note: text("note", MessagePages.noteCharactersMax))
    default: return nil
    }
  }

  /// The same, to be shown again with what is missing.
  var refused: MessagePageForm {
    var form = self
    if fields["do"] == "rate" { form.problem = .noRating }
    return form
  }

  /// What was written into a field of the form that is shown again.
  subscript(_ name: String) -> String { fields[name] ?? "" }

  private func text(_ name: String, _ charactersMax: Int) -> String? {
    let text = (fields[name] ?? "").replacing("\r\n", with: "\n")
    let kept = String(text.prefix(charactersMax)).cut(bytesMax: GatewayEvents.replyBytesMax)
    return kept.allSatisfy(\.isWhitespace) ? nil : kept
  }

  /// `+` and `%XX`; what is no UTF-8 becomes the replacement character.
  private static func decoded(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
        rest.count >= 2
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func isOneClick(multipart body: String) -> Bool {
    let lines = body.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
    guard
      let head = lines.firstIndex(where: { line in
        line.lowercased().hasPrefix("content-disposition:") && line.contains("name=\"List-Unsubscribe\"")
      })
    else { return false }
    guard let blank = lines[head...].firstIndex(of: ""), blank + 1 < lines.endIndex else { return false }
    return lines[blank + 1] == "One-Click"
  }
}

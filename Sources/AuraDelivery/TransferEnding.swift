import AuraDomain
import AuraJSON

/// How a transfer ended, as far as it came.
struct TransferEnding: Equatable {
  /// The last status or reply code that was read; 0 when there was none.
  var status = 0
  /// Whether the head that `status` is of was read to its end, so that it is the gateway's word.
  var hasWord = false
  /// The first bytes of an answer's body.
  var body: [UInt8] = []
  /// Seconds that the gateway wishes to be left alone; 0 when it wishes nothing.
  var retryAfterSeconds = 0
  /// What went wrong on the way; `nil` when nothing did.
  var fault: String?
}

extension DispatchReport.Result {
  /// No gateway puts a message off for longer.
  static let retryAfterMax = Span.days(1)
  static let messageIDBytesMax = 200
  static let reasonBytesMax = 200

  /// What a webhook's answer means. Its status is its word, and what it says besides is not needed for it: a body that
  /// is cut off, too long or no JSON takes nothing back.
  init(webhook ending: TransferEnding) {
    guard ending.hasWord else {
      self = .failed(reason: Self.reason(ending.fault ?? "no answer"), retryAfter: nil)
      return
    }
    switch ending.status {
    // 409: it has had this key before.
    case 200..<300, 409: self = .accepted(providerMessageID: Self.messageID(in: ending.body))
    case 300..<400:
      self = .refused(reason: "the gateway redirects (\(ending.status)); redirects are not followed")
    // Who is not let in has the wrong secret, on one side or the other: the operator's to mend, and no word about the
    // customer's address.
    case 401, 403, 407, 408, 425, 429, 500...:
      self = .failed(
        reason: "the gateway answers \(ending.status)", retryAfter: Self.retryAfter(ending.retryAfterSeconds))
    case 400..<500: self = .refused(reason: "the gateway answers \(ending.status)")
    default: self = .failed(reason: "the gateway answers \(ending.status)", retryAfter: nil)
    }
  }

  /// What came of handing a mail over: 4yz is a failure for now, 5yz for good (RFC 5321, 4.2.1).
  /// - Parameter messageID: the mail's own.
  init(mail ending: TransferEnding, messageID: String) {
    guard let fault = ending.fault else {
      self = .accepted(providerMessageID: messageID)
      return
    }
    switch ending.status {
    // Nobody is let in without the right password (RFC 4954, 6): the operator's to mend.
    case 530, 534, 535, 538:
      self = .failed(reason: Self.reason("the mail server answers \(ending.status): \(fault)"), retryAfter: nil)
    case 500..<600: self = .refused(reason: Self.reason("the mail server answers \(ending.status): \(fault)"))
    case 400..<500: self = .failed(reason: Self.reason("the mail server answers \(ending.status)"), retryAfter: nil)
    default: self = .failed(reason: Self.reason(fault), retryAfter: nil)
    }
  }

  private static func retryAfter(_ seconds: Int) -> Span? {
    seconds > 0 ? min(Span(milliseconds: min(seconds, 1 << 32) * 1_000), retryAfterMax) : nil
  }

  private static func reason(_ text: String) -> String {
    String(decoding: text.utf8.prefix(reasonBytesMax).map { $0 < 0x20 || $0 >= 0x7F ? 0x3F : $0 }, as: UTF8.self)
  }

  private static func messageID(in body: [UInt8]) -> String? {
    guard !body.isEmpty, let id = (try? JSON.parse(body))?["messageId"]?.string else { return nil }
    let isUsable = (1...messageIDBytesMax).contains(id.utf8.count) && id.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    return isUsable ? id : nil
  }
}

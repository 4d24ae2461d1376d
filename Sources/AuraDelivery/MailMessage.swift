import AuraDomain
import Foundation
import Glibc

/// A mail as it is written on the wire: RFC 5322, all of it ASCII, lines of at most 76 characters but
/// for a link.
struct MailMessage: Equatable {
  var from: String
  var to: String
  /// With its angle brackets. The same for every attempt, so that a mail server which has it already can say so.
  var messageID: String
  var bytes: [UInt8]

  /// What a mail cannot be made of.
  enum Refusal: Error, Equatable {
    case address
    case subject
    case optOutLink

    var reason: String {
      switch self {
      case .address: "no mail address that can be written to"
      case .subject: "a subject of more than one line"
      case .optOutLink: "no https address to opt out at"
      }
    }
  }

  init(_ dispatch: Dispatch, from sender: Gateways.MailRelay.Sender, now: Instant) throws(Refusal) {
    guard MailAddress.isValid(dispatch.address) else { throw .address }
    let subject =
      dispatch.subject
      ?? {
        switch dispatch.language {
        case .th: "ข้อความจากคลินิกของคุณ"
        case .en: "A message from your clinic"
        }
      }()
    // The words are the clinic's, the names in them its customers': neither ends a line of the head.
    guard Self.isOneLine(subject) else { throw .subject }
    from = sender.address
    to = dispatch.address
    messageID = "<\(dispatch.execution)@\(MailAddress.domain(of: sender.address))>"
    var lines = ["Date: \(Self.date(now))"]
    if let name = sender.name {
      lines.append("From: " + Self.encoded(name, behind: "From: ".count, isPhrase: true) + "\r\n <\(from)>")
    } else {
      lines.append("From: <\(from)>")
    }
    lines += [
      "To: <\(to)>",
      "Subject: " + Self.encoded(subject, behind: "Subject: ".count, isPhrase: false),
      "Message-ID: \(messageID)",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "Content-Language: \(dispatch.language.rawValue)",
      // RFC 3834: no out-of-office note is wanted.
      "Auto-Submitted: auto-generated",
    ]
    if let link = dispatch.optOutLink {
      guard Self.isPlainLink(link) else { throw .optOutLink }
      // On the line of its name, however long: some readers take a first line without content for none.
      lines.append("List-Unsubscribe: <\(link)>")
      // RFC 8058: a POST there is enough, and nothing less is.
      lines.append("List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    }
    lines += ["", Self.wrapped(Self.networkText(dispatch.text)), ""]
    bytes = Array(lines.joined(separator: "\r\n").utf8)
  }

  /// Whether a text holds nothing that a reader of mail could take for the end of a line or a string.
  static func isOneLine(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar.value != 0x2028
        && scalar.value != 0x2029
    }
  }

  private static func isPlainLink(_ link: String) -> Bool {
    link.hasPrefix("https://") && link.utf8.count <= 900
      && link.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
  }

  /// As it is where it is plain and short, as encoded words of RFC 2047 otherwise. A word holds whole characters and is
  /// at most 75 long; so is a line that holds one.
  /// - Parameter behind: the characters before it on its line.
  static func encoded(_ text: String, behind start: Int, isPhrase: Bool) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: " "):
        true
      default: !isPhrase && byte > 0x20 && byte < 0x7F
      }
    }
    if isPlain, start + text.utf8.count <= 76, !text.contains("=?"), !text.hasPrefix(" "), !text.hasSuffix(" ") {
      return text
    }
    var words: [String] = []
    var piece: [UInt8] = []
    var room = wordBytesMax(behind: start)
    for scalar in text.unicodeScalars {
      let bytes = Array(String(scalar).utf8)
      if piece.count + bytes.count > room {
        words.append(word(piece))
        piece = []
        room = wordBytesMax(behind: 1)
      }
      piece += bytes
    }
    words.append(word(piece))
    return words.joined(separator: "\r\n ")
  }

  /// How many bytes fit into a word on a line of 76 characters: `=?utf-8?B?` and `?=` are 12 of them.
  private static func wordBytesMax(behind start: Int) -> Int { (min(75, 76 - start) - 12) / 4 * 3 }
  private static func word(_ bytes: [UInt8]) -> String { "=?utf-8?B?\(Data(bytes).base64EncodedString())?=" }

  /// With CR LF at the end of each line, as text travels; RFC 2046, 4.1.1.
  private static func networkText(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var last: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x0A && last != 0x0D { bytes.append(0x0D) }
      if last == 0x0D && byte != 0x0A { bytes.append(0x0A) }
      bytes.append(byte)
      last = byte
    }
    if last == 0x0D { bytes.append(0x0A) }
    return bytes
  }

  private static func wrapped(_ bytes: [UInt8]) -> String {
    let text = Array(Data(bytes).base64EncodedString().utf8)
    return stride(from: 0, to: text.count, by: 76)
      .map { String(decoding: text[$0..<min($0 + 76, text.count)], as: UTF8.self) }
      .joined(separator: "\r\n")
  }

  /// `Sun, 06 Nov 1994 08:49:37 +0000`
  static func date(_ at: Instant) -> String {
    var seconds = time_t(at.milliseconds / 1_000)
    var time = tm()
    gmtime_r(&seconds, &time)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(days[Int(time.tm_wday)]), \(two(time.tm_mday)) \(months[Int(time.tm_mon)]) \(Int(time.tm_year) + 1_900) "
      + "\(two(time.tm_hour)):\(two(time.tm_min)):\(two(time.tm_sec)) +0000"
  }
}

/// An address as mail servers take it without extensions: `local@domain`, ASCII, nothing that would have to be quoted.
enum MailAddress {
  static func isValid(_ text: String) -> Bool {
    let halves = text.split(separator: "@", omittingEmptySubsequences: false)
    guard text.utf8.count <= 254, halves.count == 2, (1...64).contains(halves[0].utf8.count) else { return false }
    let atoms = halves[0].split(separator: ".", omittingEmptySubsequences: false)
    guard atoms.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isAtomText) }) else { return false }
    // A name with a dot in it, and no address.
    guard let host = HostName(halves[1].lowercased()), host.address == nil else { return false }
    return halves[1].contains(".")
  }

  static func domain(of address: String) -> String {
    address.lastIndex(of: "@").map { address[address.index(after: $0)...].lowercased() } ?? address
  }

  /// RFC 5322's atext.
  private static func isAtomText(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }
  }
}

import AuraDomain
import Foundation
import Testing

@testable import AuraDelivery

@Suite struct MailMessageTests {
  private static let sender = Gateways.MailRelay.Sender(address: "hello@clinic.example", name: "คลินิก")

  private static func mail(
    to address: String = "praew@mail.example", subject: String? = "Your appointment", text: String = "Hello",
    link: String? = nil, from sender: Gateways.MailRelay.Sender = .init(address: "hello@clinic.example", name: nil)
  ) throws(MailMessage.Refusal) -> MailMessage {
    var dispatch = Parcels.dispatch(channel: .email, to: address)
    dispatch.language = .en
    dispatch.subject = subject
    dispatch.text = text
    dispatch.optOutLink = link
    return try MailMessage(dispatch, from: sender, now: Parcels.start)
  }

  @Test func `a mail is what RFC 5322 wants, to the byte`() throws {
    let mail = try Self.mail(text: "Hello\nนัดของคุณพรุ่งนี้ 11:00 น.", link: "https://clinic.example/out?t=1")
    #expect(
      String(decoding: mail.bytes, as: UTF8.self) == """
        Date: Mon, 02 Feb 2026 02:40:00 +0000\r
        From: <hello@clinic.example>\r
        To: <praew@mail.example>\r
        Subject: Your appointment\r
        Message-ID: <01990000-0000-7000-8000-000000010001@clinic.example>\r
        MIME-Version: 1.0\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: base64\r
        Content-Language: en\r
        Auto-Submitted: auto-generated\r
        List-Unsubscribe: <https://clinic.example/out?t=1>\r
        List-Unsubscribe-Post: List-Unsubscribe=One-Click\r
        \r
        SGVsbG8NCuC4meC4seC4lOC4guC4reC4h+C4hOC4uOC4k+C4nuC4o+C4uOC5iOC4h+C4meC4teC5\r
        iSAxMTowMCDguJku\r

        """)
    #expect(mail.from == "hello@clinic.example" && mail.to == "praew@mail.example")
  }

  @Test(arguments: [
    "Your appointment", "", "50% off? = yes", "นัด", String(repeating: "นัดของคุณพรุ่งนี้ ", count: 12), "=?utf-8?B?QQ==?=",
    " blank in front", String(repeating: "word ", count: 40), "👩🏽‍⚕️ 11:00", "café",
  ])
  func `a subject comes back as it was, in lines of at most 76`(subject: String) throws {
    let mail = try Self.mail(subject: subject)
    let text = String(decoding: mail.bytes, as: UTF8.self)
    #expect(text.utf8.allSatisfy { $0 < 0x7F })
    let lines = text.components(separatedBy: "\r\n")
    #expect(lines.allSatisfy { $0.utf8.count <= 76 })
    let start = try #require(lines.firstIndex { $0.hasPrefix("Subject: ") })
    let rest = lines[(start + 1)...].prefix { $0.hasPrefix(" ") }
    let words = [lines[start].dropFirst(9)] + rest.map { $0.dropFirst() }
    #expect(words.count == 1 || words.allSatisfy { $0.hasPrefix("=?") })
    #expect(words.map(Self.decoded).joined() == subject)
  }

  private static func decoded(_ word: Substring) -> String {
    guard word.hasPrefix("=?utf-8?B?"), word.hasSuffix("?="),
      let data = Data(base64Encoded: String(word.dropFirst(10).dropLast(2)))
    else { return String(word) }
    // Each word is whole characters by itself.
    return String(data: data, encoding: .utf8) ?? "broken"
  }

  @Test func `a sender's name is a phrase`() throws {
    let mail = try Self.mail(from: Self.sender)
    #expect(
      String(decoding: mail.bytes, as: UTF8.self).contains(
        "From: =?utf-8?B?4LiE4Lil4Li04LiZ4Li04LiB?=\r\n <hello@clinic.example>"))
    let plain = try Self.mail(from: .init(address: "a@b.example", name: "Aura Clinic"))
    #expect(String(decoding: plain.bytes, as: UTF8.self).contains("From: Aura Clinic\r\n <a@b.example>"))
    let quoting = try Self.mail(from: .init(address: "a@b.example", name: "Evil\" <x@y.z>"))
    #expect(!String(decoding: quoting.bytes, as: UTF8.self).contains("x@y.z"))
  }

  @Test(arguments: [
    "", "praew", "@mail.example", "praew@", "a@b@c.example", "praew@mail", "praew@mail.example\r\nRCPT TO:<x@y.z>",
    "praew@mail.example\n", "a b@mail.example", "<praew@mail.example>", "\"a b\"@mail.example", "a..b@mail.example",
    ".a@mail.example", "praew@127.0.0.1", "praew@[127.0.0.1]", "praew@mail..example", "praew@mail.example ",
    "praew@mail.example,x@y.example", "แพรว@mail.example", "praew@เมล.example", "praew@mail.example\u{0}",
    String(repeating: "a", count: 65) + "@mail.example",
  ])
  func `an address that could be read as anything more is refused`(address: String) {
    #expect(throws: MailMessage.Refusal.address) { try Self.mail(to: address) }
  }

  @Test(arguments: ["a@b.example", "praew.x+tag@mail.example", "o'neil_#1@mail-2.example.co.th"])
  func `a plain address is taken`(address: String) throws {
    #expect(try Self.mail(to: address).to == address)
  }

  @Test(arguments: [
    "a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b", "a\u{2028}b", "a\u{2029}b", "a\tb", "a\u{7F}",
  ])
  func `a subject of more than one line is refused`(subject: String) {
    #expect(throws: MailMessage.Refusal.subject) { try Self.mail(subject: subject) }
  }

  @Test(arguments: ["http://x.example/", "https://x.example/>\r\nBcc: x@y.z", "https://x.example/ b", "mailto:x@y.z"])
  func `a link that is more than a link is refused`(link: String) {
    #expect(throws: MailMessage.Refusal.optOutLink) { try Self.mail(link: link) }
  }

  @Test func `line ends of any kind travel as CR LF, and the text cannot leave the body`() throws {
    let mail = try Self.mail(text: "a\nb\r\nc\rd\n\n.\r\n\r\nBcc: x@y.z\r")
    let text = String(decoding: mail.bytes, as: UTF8.self)
    let body = text.components(separatedBy: "\r\n\r\n")[1].filter { $0 != "\r\n" }
    let decoded = try #require(Data(base64Encoded: body))
    #expect(String(decoding: decoded, as: UTF8.self) == "a\r\nb\r\nc\r\nd\r\n\r\n.\r\n\r\nBcc: x@y.z\r\n")
  }

  @Test func `without a subject it has one in the customer's language`() throws {
    let mail = try Self.mail(subject: nil)
    #expect(String(decoding: mail.bytes, as: UTF8.self).contains("Subject: A message from your clinic\r\n"))
  }

  @Test(arguments: [
    (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 +0000"), (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
    (1_709_210_096_789, "Thu, 29 Feb 2024 12:34:56 +0000"),
  ])
  func `a date is written as mail does`(milliseconds: Int, text: String) {
    #expect(MailMessage.date(Instant(milliseconds: milliseconds)) == text)
  }
}

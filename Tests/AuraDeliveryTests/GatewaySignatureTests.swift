import AuraDomain
import AuraSodium
import Testing

@testable import AuraDelivery

/// The expected codes are those of Python's hmac module.
@Suite struct GatewaySignatureTests {
  private static let secret = Array("a secret that the two of them keep, and nobody else".utf8)
  private static let now = Instant(milliseconds: 1_770_000_000_500)

  @Test(arguments: [
    ("1770000000", Array("{}".utf8), "2372bc3b763a49c90b78e28e85b4100ea80d8f6fc9e6bf88aeaa0b0eb4e8640e"),
    (
      "1770000000", Array(#"{"text":"สวัสดีค่ะ"}"#.utf8),
      "cf8418a341f9aa83686768a1c7c4b28070b11f0d4a274f879ac8de62871a98e3"
    ),
    ("0", [], "a8d15bc76269bce52c959288b05606de02890ae92b3714281c4f82d1560c8e78"),
    ("1770000000", Array(0...255), "7a8e04284482903d8c68a76b7b3e595f2aa33d42aa8f857ff4c5238815871099"),
  ])
  func `a signature is the one that others make`(timestamp: String, body: [UInt8], code: String) {
    #expect(GatewaySignature.header(timestamp: timestamp, body: body, secret: Self.secret) == "v1=" + code)
  }

  @Test func `a key longer than a block is hashed first`() {
    let code = Sodium.hmacSHA256(Array("x".utf8), key: [UInt8](repeating: UInt8(ascii: "k"), count: 200))
    #expect(code.prefix(4) == [0xA3, 0x4A, 0xBD, 0x1B])
  }

  @Test func `RFC 4231, test case 2`() {
    let code = Sodium.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
    #expect(code.prefix(8) == [0x5B, 0xDC, 0xC1, 0x46, 0xBF, 0x60, 0x75, 0x4E])
  }

  @Test func `what was signed is valid for five minutes either way`() {
    let body = Array("{}".utf8)
    for (age, isValid) in [(0, true), (300, true), (301, false), (-299, true), (-301, false)] {
      let timestamp = "\(1_770_000_000 - age)"
      let header = GatewaySignature.header(timestamp: timestamp, body: body, secret: Self.secret)
      let now = Instant(milliseconds: 1_770_000_000_000)
      #expect(
        GatewaySignature.isValid(header, timestamp: timestamp, body: body, secret: Self.secret, now: now) == isValid)
    }
  }

  @Test func `another body, time, secret or form is not`() {
    let body = Array("{}".utf8)
    let header = GatewaySignature.header(timestamp: "1770000000", body: body, secret: Self.secret)
    func isValid(
      _ header: String, _ timestamp: String = "1770000000", _ body: [UInt8] = Array("{}".utf8),
      _ secret: [UInt8] = Self.secret
    ) -> Bool {
      GatewaySignature.isValid(header, timestamp: timestamp, body: body, secret: secret, now: Self.now)
    }
    #expect(isValid(header))
    #expect(!isValid(header, "1770000001"))
    #expect(!isValid(header, "1770000000", Array("{ }".utf8)))
    #expect(!isValid(header, "1770000000", body, Array("another".utf8)))
    for wrong in [
      "", "v1=", String(header.dropFirst(3)), header.uppercased(), header + "0", "v2" + header.dropFirst(2),
    ] {
      #expect(!isValid(wrong))
    }
    for timestamp in ["", "-1", "+1770000000", "1770000000 ", "99999999999999999999", "x"] {
      let header = GatewaySignature.header(timestamp: timestamp, body: body, secret: Self.secret)
      #expect(!isValid(header, timestamp))
    }
  }
}

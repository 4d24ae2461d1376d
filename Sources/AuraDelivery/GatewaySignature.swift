import AuraDomain
import AuraSodium

/// How a hub and a gateway know each other's requests: HMAC-SHA256 by their common secret over the timestamp as it is
/// sent (Unix seconds), a full stop and the body, as `v1=` and 64 hexadecimal digits.
package enum GatewaySignature {
  /// How far the clocks of the two may differ; what is older is a repeat of what somebody has overheard.
  package static let ageMax = Span.minutes(5)

  package static func header(timestamp: String, body: [UInt8], secret: [UInt8]) -> String {
    "v1=" + hexadecimal(code(timestamp, body, secret))
  }

  /// Compares in a time that depends neither on the secret nor on how much of the signature is right.
  package static func isValid(
    _ header: String, timestamp: String, body: [UInt8], secret: [UInt8], now: Instant
  ) -> Bool {
    let expected = Array(self.header(timestamp: timestamp, body: body, secret: secret).utf8)
    let isSame = Sodium.areEqual(expected, Array(header.utf8))
    guard (1...12).contains(timestamp.utf8.count), timestamp.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let seconds = Int(timestamp)
    else { return false }
    let age = now - Instant(milliseconds: seconds * 1_000)
    return isSame && age <= ageMax && age >= Span(milliseconds: -ageMax.milliseconds)
  }

  private static func code(_ timestamp: String, _ body: [UInt8], _ secret: [UInt8]) -> [UInt8] {
    var message: [UInt8] = []
    message.reserveCapacity(timestamp.utf8.count + 1 + body.count)
    message.append(contentsOf: timestamp.utf8)
    message.append(UInt8(ascii: "."))
    message.append(contentsOf: body)
    return Sodium.hmacSHA256(message, key: secret)
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// A row's identity: the 128 bits of a UUID (RFC 9562), printed in lower case with hyphens.
///
/// Rows are named by version 7, whose first 48 bits are the Unix time in milliseconds, so that a table's key order is
/// its order of creation. Any version is accepted when read.
package struct ID: Hashable, Sendable, Comparable, CustomStringConvertible {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads the 36-character form; `nil` for anything else, so that a malformed id never reaches a query.
  package init?(_ text: String) {
    var text = text
    let parsed = text.withUTF8 { ID(utf8: $0) }
    guard let parsed else { return nil }
    self = parsed
  }

  package init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
    guard bytes.count == 36 else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    var digits = 0
    for index in 0..<36 {
      let byte = bytes[index]
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
        continue
      }
      let digit: UInt64
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte &- UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte &- UInt8(ascii: "a") &+ 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = UInt64(byte &- UInt8(ascii: "A") &+ 10)
      default: return nil
      }
      if digits < 16 { halves.0 = halves.0 << 4 | digit } else { halves.1 = halves.1 << 4 | digit }
      digits += 1
    }
    self.init(high: halves.0, low: halves.1)
  }

  package static func < (a: ID, b: ID) -> Bool { a.high != b.high ? a.high < b.high : a.low < b.low }

  package var description: String {
    String(unsafeUninitializedCapacity: 36) { buffer in
      var position = 0
      for nibble in 0..<32 {
        if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
          buffer[position] = UInt8(ascii: "-")
          position += 1
        }
        let half = nibble < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (nibble & 15))) & 15
        buffer[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        position += 1
      }
      return 36
    }
  }
}

/// Makes version 7 ids that never repeat and never go backwards, also when the clock does: the 74 bits behind the time
/// are drawn anew for each millisecond and counted up within one.
package struct IDGenerator: Sendable {
  private var lastMilliseconds: UInt64 = 0
  private var counter: UInt64 = 0
  private var random: any RandomNumberGenerator & Sendable

  package init(random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
    self.random = random
  }

  package mutating func next(at now: Instant) -> ID {
    let milliseconds = UInt64(max(0, now.milliseconds))
    if milliseconds > lastMilliseconds {
      lastMilliseconds = milliseconds
      counter = random.next() & 0x3FF
    } else {
      counter += 1
      if counter > 0xFFF {
        lastMilliseconds += 1
        counter = random.next() & 0x3FF
      }
    }
    let high = lastMilliseconds << 16 | 0x7000 | counter
    let low = 0x8000_0000_0000_0000 | (random.next() >> 2)
    return ID(high: high, low: low)
  }
}

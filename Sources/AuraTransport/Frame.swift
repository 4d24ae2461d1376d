/// A whole WebSocket message as it goes over the wire: header and payload in one piece, made once and sent to any number
/// of connections on any loop.
package final class Frame: Sendable {
  package let bytes: [UInt8]
  /// Header and payload.
  package var byteCount: Int { bytes.count }

  package init(text: [UInt8]) { bytes = Frame.encode(opcode: .text, payload: text) }
  package init(binary: [UInt8]) { bytes = Frame.encode(opcode: .binary, payload: binary) }

  /// Several messages in one write: what waits for many connections is then one system call for each.
  package init(joining frames: [Frame]) {
    var joined: [UInt8] = []
    joined.reserveCapacity(frames.reduce(0) { $0 + $1.byteCount })
    for frame in frames { joined += frame.bytes }
    bytes = joined
  }

  /// A close frame; a reason longer than RFC 6455 has room for (123 bytes) is cut between characters.
  init(closeCode: UInt16, reason: String) {
    var payload = [UInt8(closeCode >> 8), UInt8(closeCode & 0xff)]
    for character in reason {
      let bytes = Array(String(character).utf8)
      guard payload.count + bytes.count <= 125 else { break }
      payload += bytes
    }
    bytes = Frame.encode(opcode: .close, payload: payload)
  }

  enum Opcode: UInt8 { case text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA }

  /// RFC 6455, 5.2; a server's frames are not masked.
  static func encode(opcode: Opcode, payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(payload.count + 10)
    bytes.append(0x80 | opcode.rawValue)
    switch payload.count {
    case 0..<126:
      bytes.append(UInt8(payload.count))
    case 126..<65_536:
      bytes.append(126)
      bytes.append(UInt8(payload.count >> 8))
      bytes.append(UInt8(payload.count & 0xff))
    default:
      bytes.append(127)
      for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8((payload.count >> shift) & 0xff)) }
    }
    bytes += payload
    return bytes
  }
}

/// A WebSocket client that can do what a decent one does not.
final class TestWebSocket {
  struct Received: Equatable {
    var opcode: UInt8
    var isFinal = true
    var payload: [UInt8]
    var text: String { String(decoding: payload, as: UTF8.self) }
    var closeCode: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
  }

  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  let socket: RawSocket

  /// nil when the server does not answer 101.
  init?(port: Int, path: String = "/ws", subprotocol: String? = "aura.v1.json", receiveBufferBytes: Int? = nil) {
    socket = RawSocket(port: port, receiveBufferBytes: receiveBufferBytes)
    socket.send(TestWebSocket.request(path: path, subprotocol: subprotocol))
    guard let response = socket.response(), response.status == 101,
      response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    else { return nil }
  }

  static func request(path: String = "/ws", subprotocol: String? = "aura.v1.json") -> String {
    var text = "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    text += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\n"
    if let subprotocol { text += "Sec-WebSocket-Protocol: \(subprotocol)\r\n" }
    return text + "\r\n"
  }

  static func frame(opcode: UInt8, isFinal: Bool = true, payload: [UInt8], announced: UInt64? = nil) -> [UInt8] {
    var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | opcode]
    let length = announced ?? UInt64(payload.count)
    if length < 126 {
      bytes.append(0x80 | UInt8(length))
    } else if length < 65_536 {
      bytes += [0x80 | 126, UInt8(length >> 8), UInt8(length & 0xff)]
    } else {
      bytes.append(0x80 | 127)
      for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8((length >> shift) & 0xff)) }
    }
    let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]
    bytes += mask
    for (place, byte) in payload.enumerated() { bytes.append(byte ^ mask[place % 4]) }
    return bytes
  }

  func send(opcode: UInt8, isFinal: Bool = true, _ payload: [UInt8]) {
    socket.send(TestWebSocket.frame(opcode: opcode, isFinal: isFinal, payload: payload))
  }

  func send(_ text: String) { send(opcode: 1, Array(text.utf8)) }

  func close(_ code: Int, _ reason: String = "") {
    send(opcode: 8, [UInt8(code >> 8), UInt8(code & 0xff)] + Array(reason.utf8))
  }

  /// The next frame, or nil at the end.
  func receive() -> Received? {
    guard let head = socket.exactly(2) else { return nil }
    var length = Int(head[1] & 0x7f)
    if length >= 126 {
      guard let more = socket.exactly(length == 126 ? 2 : 8) else { return nil }
      length = more.reduce(0) { $0 << 8 | Int($1) }
    }
    guard let payload = socket.exactly(length) else { return nil }
    return Received(opcode: head[0] & 0x0f, isFinal: head[0] & 0x80 != 0, payload: payload)
  }
}

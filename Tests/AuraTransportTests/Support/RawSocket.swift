import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A blocking TCP socket to a server on loopback; reading gives up after ten seconds.
final class RawSocket {
  let descriptor: Int32
  private var pending: [UInt8] = []

  /// `receiveBufferBytes` makes a reader that chokes soon.
  init(port: Int, receiveBufferBytes: Int? = nil) {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    precondition(descriptor >= 0, "socket: \(errno)")
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
    if let receiveBufferBytes {
      var bytes = Int32(receiveBufferBytes)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
    }
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let connected = RawSocket.connect(descriptor, port)
    precondition(connected, "connect: \(errno)")
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func shutdownWriting() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// The next close of the socket is a reset.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }

  static func canConnect(port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    return connect(descriptor, port)
  }

  private static func connect(_ descriptor: Int32, _ port: Int) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  /// At least one byte, or empty at the end (or after ten seconds, or a reset).
  func some(_ max: Int = 65_536) -> [UInt8] {
    if !pending.isEmpty {
      let taken = Array(pending.prefix(max))
      pending.removeFirst(taken.count)
      return taken
    }
    var buffer = [UInt8](repeating: 0, count: max)
    let count = recv(descriptor, &buffer, max, 0)
    return count > 0 ? Array(buffer[..<count]) : []
  }

  func exactly(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let more = some(count - bytes.count)
      if more.isEmpty { return nil }
      bytes += more
    }
    return bytes
  }

  func untilEnd() -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let more = some()
      if more.isEmpty { return bytes }
      bytes += more
    }
  }

  /// The socket was closed by the other side (and not merely silent for ten seconds).
  func isAtEnd() -> Bool {
    guard pending.isEmpty else { return false }
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
    return count == 0 || (count < 0 && errno == ECONNRESET)
  }

  /// Head and body of one HTTP answer.
  func response(isHead: Bool = false) -> RawResponse? {
    var head: [UInt8] = []
    while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
      guard let byte = exactly(1) else { return nil }
      head += byte
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
    let length =
      isHead || status == 304 || status == 101 || status == 100 ? 0 : Int(headers["content-length"] ?? "") ?? 0
    guard let body = exactly(length) else { return nil }
    return RawResponse(status: status, headers: headers, body: String(decoding: body, as: UTF8.self))
  }
}

struct RawResponse {
  var status: Int
  var headers: [String: String]
  var body: String
}

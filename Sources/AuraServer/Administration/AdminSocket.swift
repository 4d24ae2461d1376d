import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A Unix socket in the data folder, and lines on it. Who may enter the folder may speak; nobody else can even see it.
enum AdminSocket {
  static let fileName = "aura.sock"
  static let lineBytesMax = 1 << 20

  struct Failure: Error, CustomStringConvertible {
    var description: String
    /// Nobody listens.
    var isAbsent = false

    init(_ what: String, errno number: Int32 = errno) {
      description = "\(what): \(String(cString: strerror(number)))"
      isAbsent = number == ENOENT || number == ECONNREFUSED
    }
  }

  /// A socket's path holds 107 bytes and a folder's may be longer: then it is named by the folder's open descriptor.
  static func withAddress<T>(
    in directory: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T
  ) throws -> T {
    let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Failure("the folder \(directory) cannot be opened") }
    defer { close(folder) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let direct = Array("\(directory)/\(fileName)".utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path) - 1
    let path = direct.count <= room ? direct : Array("/proc/self/fd/\(folder)/\(fileName)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    return try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  static func make() throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket can be made") }
    return descriptor
  }

  /// The hub's side. Whoever holds the folder's lock is the only hub, so that a socket that is there is one left behind.
  static func listen(in directory: String) throws -> Int32 {
    unlink("\(directory)/\(fileName)")
    let descriptor = try make()
    do {
      try withAddress(in: directory) { address, length in
        guard bind(descriptor, address, length) == 0 else { throw Failure("the socket cannot be bound") }
      }
      guard chmod("\(directory)/\(fileName)", 0o600) == 0 else { throw Failure("the socket's rights cannot be set") }
      guard Glibc.listen(descriptor, 16) == 0 else { throw Failure("the socket cannot be listened on") }
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  static func connect(to directory: String, seconds: Int) throws -> Int32 {
    let descriptor = try make()
    do {
      setTimes(descriptor, seconds: seconds)
      try withAddress(in: directory) { address, length in
        guard Glibc.connect(descriptor, address, length) == 0 else { throw Failure("the hub does not answer") }
      }
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  static func setTimes(_ descriptor: Int32, seconds: Int) {
    var time = timeval(tv_sec: seconds, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  /// Whether the other side is this user or root. The folder's and the socket's rights say the same; this is the lock
  /// behind the door, for a folder that was opened to others.
  static func isOwn(_ descriptor: Int32) -> Bool {
    // The kernel's `ucred`: process, user, group.
    var peer: (UInt32, UInt32, UInt32) = (0, 0, 0)
    var size = socklen_t(MemoryLayout.size(ofValue: peer))
    guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0, size == 12 else { return false }
    return peer.1 == geteuid() || peer.1 == 0
  }

  /// What comes up to a line's end; `nil` when the other side goes, says too much or nothing for too long.
  static func readLine(_ descriptor: Int32) -> [UInt8]? {
    var line: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16_384)
    while line.count <= lineBytesMax {
      let count = recv(descriptor, &piece, piece.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      if let end = piece[..<count].firstIndex(of: UInt8(ascii: "\n")) { return line + piece[..<end] }
      line += piece[..<count]
    }
    return nil
  }

  @discardableResult
  static func write(line: [UInt8], to descriptor: Int32) -> Bool {
    var rest = (line + [UInt8(ascii: "\n")])[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}

import CLibWebSockets

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The door to the system's sockets: what is done before libwebsockets has them.

package enum SocketAddress {
  /// `192.0.2.1` or `2001:db8::1`; an IPv4 address that came in over IPv6 is written as IPv4.
  static func text(_ address: sockaddr_storage) -> String {
    var address = address
    return withUnsafePointer(to: &address) { pointer -> String in
      let family = Int32(pointer.pointee.ss_family)
      var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      let written: Bool
      switch family {
      case AF_INET:
        written = pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          var host = $0.pointee.sin_addr
          return inet_ntop(AF_INET, &host, &buffer, socklen_t(buffer.count)) != nil
        }
      case AF_INET6:
        written = pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          var host = $0.pointee.sin6_addr
          return inet_ntop(AF_INET6, &host, &buffer, socklen_t(buffer.count)) != nil
        }
      default: written = false
      }
      guard written else { return "unknown" }
      let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text
    }
  }
}

extension SocketAddress {
  /// Whether an address that `text` has written is this machine's own.
  package static func isLoopback(_ address: String) -> Bool { address == "::1" || address.hasPrefix("127.") }

  /// An IPv4 or IPv6 address as `text` would write it; `nil` for what is none, a name for instance.
  package static func canonical(_ text: String) -> String? {
    var storage = sockaddr_storage()
    let isRead = withUnsafeMutablePointer(to: &storage) { pointer -> Bool in
      let isV4 = pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        $0.pointee.sin_family = sa_family_t(AF_INET)
        return inet_pton(AF_INET, text, &$0.pointee.sin_addr) == 1
      }
      if isV4 { return true }
      return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        $0.pointee.sin6_family = sa_family_t(AF_INET6)
        return inet_pton(AF_INET6, text, &$0.pointee.sin6_addr) == 1
      }
    }
    return isRead ? self.text(storage) : nil
  }
}

/// The sockets that a server listens on, one for each loop, all on one port.
struct Listeners {
  var descriptors: [Int32]
  var port: Int

  /// With several loops the port is shared by SO_REUSEPORT, which would also share it with another server of the same
  /// user: so a first socket without it finds out whether the port is free.
  static func open(host: String, port: Int, count: Int, sendBufferBytes: Int) throws(TransportFailure) -> Listeners {
    let addresses = try resolve(host: host, port: port)
    var failure = TransportFailure.addressUnusable(host: host, port: port, reason: "no address")
    for address in addresses {
      do throws(TransportFailure) {
        return try open(address, host: host, count: count, sendBufferBytes: sendBufferBytes)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private struct Address {
    var storage: sockaddr_storage
    var length: socklen_t
    var family: Int32
  }

  private static func resolve(host: String, port: Int) throws(TransportFailure) -> [Address] {
    guard (0...65_535).contains(port) else {
      throw .addressUnusable(host: host, port: port, reason: "a port is 0 to 65535")
    }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE
    var found: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, String(port), &hints, &found)
    guard result == 0, let found else {
      throw .addressUnusable(host: host, port: port, reason: String(cString: gai_strerror(result)))
    }
    defer { freeaddrinfo(found) }
    var addresses: [Address] = []
    var next: UnsafeMutablePointer<addrinfo>? = found
    while let entry = next {
      if let source = entry.pointee.ai_addr {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) { target in
          target.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(entry.pointee.ai_addrlen)))
        }
        addresses.append(Address(storage: storage, length: entry.pointee.ai_addrlen, family: entry.pointee.ai_family))
      }
      next = entry.pointee.ai_next
    }
    // `localhost` is 127.0.0.1 before ::1: more programs look there.
    return addresses.sorted { $0.family == AF_INET && $1.family != AF_INET }
  }

  private static func open(_ address: Address, host: String, count: Int, sendBufferBytes: Int) throws(TransportFailure)
    -> Listeners
  {
    var storage = address.storage
    let wanted = port(of: storage)
    func failure() -> TransportFailure {
      let reason = errno
      return reason == EADDRINUSE
        ? .portInUse(host: host, port: wanted)
        : .addressUnusable(host: host, port: wanted, reason: String(cString: strerror(reason)))
    }
    var opened: [Int32] = []
    func one(shared: Bool) -> Int32 {
      let descriptor = aura_stream_socket(address.family)
      guard descriptor >= 0 else { return -1 }
      set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
      if shared { set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
      // Accepted sockets inherit both.
      set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
      set(descriptor, SOL_SOCKET, SO_SNDBUF, Int32(sendBufferBytes))
      let bound = withUnsafePointer(to: storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, address.length) }
      }
      guard bound == 0, listen(descriptor, 4_096) == 0 else {
        let reason = errno
        close(descriptor)
        errno = reason
        return -1
      }
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      _ = withUnsafeMutablePointer(to: &storage) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
      }
      return descriptor
    }
    if count > 1 {
      let probe = one(shared: false)
      guard probe >= 0 else { throw failure() }
      close(probe)
    }
    for _ in 0..<count {
      let descriptor = one(shared: count > 1)
      guard descriptor >= 0 else {
        let reason = failure()
        for other in opened { close(other) }
        throw reason
      }
      opened.append(descriptor)
    }
    return Listeners(descriptors: opened, port: port(of: storage))
  }

  private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func port(of storage: sockaddr_storage) -> Int {
    var storage = storage
    return withUnsafePointer(to: &storage) { pointer in
      // sin_port and sin6_port are at the same place.
      pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { Int(UInt16(bigEndian: $0.pointee.sin_port)) }
    }
  }
}

enum Descriptors {
  /// Raises the limit of open files to what the system lets us, and says what it is. Beyond a quarter of a million it
  /// stays: libwebsockets has a table with a place for each.
  static func raiseLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    let wanted = min(limit.rlim_max, 262_144)
    if limit.rlim_cur != wanted {
      limit.rlim_cur = wanted
      _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(min(limit.rlim_cur, 262_144))
  }
}

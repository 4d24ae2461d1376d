import CLibWebSockets
import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// C strings that live as long as the context that points to them.
final class CStrings {
  private var made: [UnsafeMutablePointer<CChar>] = []

  func make(_ text: String) -> UnsafeMutablePointer<CChar>? {
    guard let copy = strdup(text) else { return nil }
    made.append(copy)
    return copy
  }

  deinit { for copy in made { free(copy) } }
}

/// libwebsockets' own log: kept out of the way at debug level, its last line at hand for a failure's sentence.
enum DoorLog {
  private static let log = Logger(label: "aura.libwebsockets")
  private static let last = Mutex<String?>(nil)

  static let connect: Void = lws_set_log_level(LLL_ERR | LLL_WARN) { _, line in
    guard let line else { return }
    let text = String(cString: line).trimmed.split(separator: "\n").first.map(String.init) ?? ""
    DoorLog.last.withLock { $0 = text }
    DoorLog.log.debug("\(text)")
  }

  @discardableResult
  static func takeLast() -> String? {
    last.withLock { last in
      defer { last = nil }
      return last
    }
  }
}

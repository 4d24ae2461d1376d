import CLibWebSockets
import Synchronization

/// Wakes a loop from any thread: libuv allows only `uv_async_send` there. The handle is alive while the pointer is set.
final class WakeUp: Sendable {
  /// Its address; 0 before the loop runs and after it has ended.
  private let address = Mutex<UInt>(0)

  func wake() {
    address.withLock { if let handle = UnsafeMutablePointer<uv_async_t>(bitPattern: $0) { uv_async_send(handle) } }
  }

  func set(_ handle: UnsafeMutablePointer<uv_async_t>?) {
    let value = UInt(bitPattern: handle)
    address.withLock { $0 = value }
  }
}

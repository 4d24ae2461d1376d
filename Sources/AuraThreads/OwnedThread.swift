import Foundation

/// A thread that owns state: the state is made by `body` on the thread itself and never leaves it.
package final class OwnedThread: Sendable {
  private let finished: DispatchSemaphore

  /// Starts a thread. `body` runs until it returns; what it blocks in is its own affair.
  package init(name: String, stackBytes: Int = 1 << 20, body: @escaping @Sendable () -> Void) {
    let finished = DispatchSemaphore(value: 0)
    self.finished = finished
    let thread = Thread {
      body()
      finished.signal()
    }
    thread.name = name
    thread.stackSize = stackBytes
    thread.start()
  }

  /// Waits for `body` to return; `false` when it did not within `seconds`.
  @discardableResult
  package func join(seconds: Double) -> Bool {
    guard finished.wait(timeout: .now() + seconds) == .success else { return false }
    finished.signal()
    return true
  }
}

/// A wake-up for a thread that waits in `wait()`: signals between two waits count as one.
package final class Signal: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  package init() {}
  package func raise() { semaphore.signal() }

  /// Waits for a signal; `false` at the time-out.
  @discardableResult
  package func wait(seconds: Double? = nil) -> Bool {
    guard let seconds else {
      semaphore.wait()
      return true
    }
    return semaphore.wait(timeout: .now() + seconds) == .success
  }
}

import AuraMetrics
import AuraThreads
import Foundation
import Synchronization

/// The way of the log's lines to the standard error, on a thread of its own: whoever reads there may be slow or gone, and
/// neither a loop nor the writer is to wait for that. What finds no room is lost and counted.
package final class LogLines: Sendable {
  static let shared = LogLines()
  /// Some megabytes at most.
  private static let waitingMax = 8_192

  private let mailbox: Mailbox<[UInt8]>
  private let wake: AuraThreads.Signal
  private let lostLines = Counter()
  /// Lines offered, and lines written.
  private let added = Atomic<Int>(0)
  private let written = Atomic<Int>(0)

  static var lost: Int { shared.lostLines.value }

  /// Waits until what was logged so far is written, or for `seconds`.
  package static func flush(seconds: Double = 1) { shared.flush(seconds: seconds) }

  private init() {
    let wake = AuraThreads.Signal()
    self.wake = wake
    mailbox = Mailbox(capacity: Self.waitingMax) { wake.raise() }
    _ = OwnedThread(name: "aura.log") { [self] in run() }
  }

  func add(_ line: [UInt8]) {
    guard mailbox.offer(line) else { return lostLines.add() }
    added.wrappingAdd(1, ordering: .relaxed)
  }

  func flush(seconds: Double) {
    let wanted = added.load(ordering: .relaxed)
    for _ in 0..<Int(seconds * 500) where written.load(ordering: .acquiring) < wanted { usleep(2_000) }
  }

  private func run() {
    while true {
      wake.wait()
      let lines = mailbox.takeAll()
      // Few large writes instead of many small ones, each of whole lines.
      var bytes: [UInt8] = []
      for line in lines { bytes += line }
      if !Self.write(bytes) { lostLines.add(lines.count) }
      written.wrappingAdd(lines.count, ordering: .releasing)
    }
  }

  private static func write(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = Foundation.write(STDERR_FILENO, buffer.baseAddress?.advanced(by: done), buffer.count - done)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }
}

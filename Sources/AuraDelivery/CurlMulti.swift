import CCurl
import Glibc

/// Runs transfers side by side on the thread that made it.
final class CurlMulti {
  private let multi: UnsafeMutableRawPointer
  private var transfers: [UnsafeMutableRawPointer: CurlTransfer] = [:]

  /// - Parameter connectionsMax: how many connections are kept for further use.
  init?(connectionsMax: Int) {
    guard let multi = curl_multi_init() else { return nil }
    self.multi = multi
    _ = aura_curl_multi_set(multi, CURLMOPT_MAXCONNECTS, connectionsMax)
  }

  deinit {
    for easy in transfers.keys { curl_multi_remove_handle(multi, easy) }
    transfers = [:]
    curl_multi_cleanup(multi)
  }

  func add(_ transfer: CurlTransfer) -> Bool {
    guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else { return false }
    transfers[transfer.easy] = transfer
    return true
  }

  /// Does what can be done without waiting.
  func perform() {
    var running: Int32 = 0
    curl_multi_perform(multi, &running)
  }

  /// A transfer that has come to its end, with how; `nil` when none has.
  func nextEnded() -> (transfer: CurlTransfer, ending: TransferEnding)? {
    var left: Int32 = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
      // The message is gone once its handle is.
      let code = message.pointee.data.result
      guard let transfer = transfers.removeValue(forKey: easy) else { continue }
      let ending = transfer.ending(code)
      curl_multi_remove_handle(multi, easy)
      return (transfer, ending)
    }
    return nil
  }

  /// Waits until something can be done, a byte can be read from `bell`, or the time is over.
  func wait(milliseconds: Int, bell: Int32) {
    var extra = curl_waitfd(fd: bell, events: Int16(CURL_WAIT_POLLIN), revents: 0)
    curl_multi_poll(multi, &extra, 1, Int32(clamping: milliseconds), nil)
  }
}

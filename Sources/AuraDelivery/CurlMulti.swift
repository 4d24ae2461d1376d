import CCurl
import Glibc
import Synchronization

/// Runs transfers side by side on the thread that made it.
final class CurlMulti {
  /// Of all its connections; to be kept for as long as there are any.
  let sockets: OpenSockets
  private let multi: UnsafeMutableRawPointer
  private var transfers: [UnsafeMutableRawPointer: CurlTransfer] = [:]

  /// - Parameter connectionsMax: how many connections are kept for further use.
  init?(connectionsMax: Int, sockets: OpenSockets) {
    guard let multi = curl_multi_init() else { return nil }
    self.multi = multi
    self.sockets = sockets
    _ = aura_curl_multi_set(multi, CURLMOPT_MAXCONNECTS, connectionsMax)
  }

  deinit {
    for easy in transfers.keys { curl_multi_remove_handle(multi, easy) }
    transfers = [:]
    // curl says goodbye to mail servers, and waits two minutes for one that does not answer.
    sockets.shutDownAll()
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
      if ending.fault != nil { transfer.spoilConnection() }
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

/// The sockets that curl has open. libcurl 7 waits on the spot for a mail server's last word, with whatever else its
/// thread has to do: from here another thread can end that.
final class OpenSockets: Sendable {
  private let sockets = Mutex<Set<Int32>>([])

  func open(_ make: () -> Int32) -> Int32 {
    sockets.withLock { sockets in
      let socket = make()
      if socket >= 0 { sockets.insert(socket) }
      return socket
    }
  }

  /// Closed under the lock: its number may be another socket's the moment after.
  func close(_ socket: Int32) -> Int32 {
    sockets.withLock { sockets in
      sockets.remove(socket)
      return Glibc.close(socket)
    }
  }

  func shutDown(_ socket: Int32) {
    sockets.withLock { sockets in
      if sockets.contains(socket) { _ = shutdown(socket, Int32(SHUT_RDWR)) }
    }
  }

  func shutDownAll() {
    sockets.withLock { sockets in
      for socket in sockets { _ = shutdown(socket, Int32(SHUT_RDWR)) }
    }
  }
}

/// One socket on its loop's thread: first a request or several, then perhaps a WebSocket.
package final class Connection {
  enum Phase {
    /// A request is awaited or answered.
    case http
    case open
    /// A close frame is sent; the peer's is awaited.
    case closing
    /// Nothing more is sent.
    case ended
  }

  /// Unique within the process.
  package let id: UInt64
  /// The other end's address, without its port; of a WebSocket through a trusted proxy, the client's.
  package internal(set) var peer: String
  package let isEncrypted: Bool
  /// The handler's own, for instance its session.
  package var user: AnyObject?
  /// The path of the WebSocket.
  package internal(set) var path = ""
  /// On the loop's monotonic clock; messages and pongs count.
  package internal(set) var lastReceivedAtMs = 0
  /// How the WebSocket ended: the peer's code or ours, 1005 when the peer named none, 1006 when it was lost.
  package internal(set) var closeCode = CloseCode.abnormal
  /// Why a connection to a server did not open, as the library or the server says it.
  package internal(set) var failure: String?
  /// The other end may still be written to.
  package var isOpen: Bool { phase == .open }

  unowned let loop: Loop
  /// The other end is the server.
  var isClient = false
  var phase = Phase.http
  /// nil before the adoption and after the socket is gone.
  var socket: Socket?
  /// When it is dropped unless something happens; nil for none. Only of connections in `Loop.watched`.
  var deadlineMs = Int.max
  var exchange: HTTPExchange?
  var endpoint = -1
  var isEcho = false
  var assembly: MessageAssembly?
  var kept: [UInt8] = []
  var wantsWritable = false
  var wasOpened = false
  var echoes: [Frame] = []

  init(id: UInt64, peer: String, isEncrypted: Bool, loop: Loop) {
    self.id = id
    self.peer = peer
    self.isEncrypted = isEncrypted
    self.loop = loop
  }

  /// The kernel did not take all of what was sent last: nothing more is accepted until `writable`.
  package var isChoked: Bool { socket?.isPartlyBuffered ?? true }

  /// Writes at once. `false`: not taken, because the socket is choked (ask with `requestWritable`) or no longer open.
  /// At most the rest of one frame ever waits in memory here.
  package func send(_ frame: Frame) -> Bool {
    precondition(!isClient, "a client's frames are masked, each with its own key: send(text:)")
    guard phase == .open, let socket, !socket.isPartlyBuffered else { return false }
    if socket.write(frame.bytes) { return true }
    drop()
    return false
  }

  /// The same from a client to its server.
  package func send(text: [UInt8]) -> Bool {
    guard isClient else { return send(Frame(text: text)) }
    guard phase == .open, let socket, !socket.isPartlyBuffered else { return false }
    if socket.writeMasked(text) { return true }
    drop()
    return false
  }

  /// One call of `writable` when the socket takes more.
  package func requestWritable() {
    guard phase == .open, !wantsWritable else { return }
    wantsWritable = true
    socket?.requestWritable()
  }

  /// Sends a close frame behind what is being sent; `closed` follows when the peer has answered, or has had its time.
  /// `farewell` goes out before it, also on a choked socket: it is the one write that may wait behind another.
  package func close(code: UInt16, reason: String = "", behind farewell: Frame? = nil) {
    guard phase == .open, let socket else { return }
    phase = .closing
    closeCode = code
    let close = Frame(closeCode: code, reason: reason)
    if isClient {
      if socket.writeMaskedClose(code: code) { loop.watch(self, seconds: loop.limits.closeSeconds) } else { drop() }
    } else if socket.write(farewell.map { Frame(joining: [$0, close]).bytes } ?? close.bytes) {
      loop.watch(self, seconds: loop.limits.closeSeconds)
    } else {
      drop()
    }
  }

  /// Ends the socket without a word. `closed` follows.
  package func drop() {
    if phase == .open { phase = .closing }
    socket?.kill()
    loop.kickWhenDone()
  }
}

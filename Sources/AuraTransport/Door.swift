import CLibWebSockets
import Foundation
import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

// The door to libwebsockets and libuv: every unsafe line that touches them is in the files `Door*.swift`.

/// Numbers are never used again, so a late answer cannot reach another connection.
enum ConnectionNumber {
  private static let last = Atomic<UInt64>(0)
  static func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}

/// One libuv loop with one libwebsockets context on it, on one thread.
final class Door {
  /// Set where a socket is marked to be killed: only a service of libwebsockets looks at its timers.
  var needsKick = false

  /// Contexts come and go one at a time: loading the plug-in and setting OpenSSL up are not safe otherwise.
  private static let contexts = NSLock()

  unowned let loop: Loop
  private let uvLoop: UnsafeMutablePointer<uv_loop_t>
  private let asyncHandle: UnsafeMutablePointer<uv_async_t>
  private let timer: UnsafeMutablePointer<uv_timer_t>
  private let wake: WakeUp
  let strings: CStrings
  let protocols: UnsafeMutablePointer<lws_protocols>
  private let protocolCount: Int
  private(set) var context: OpaquePointer?
  private(set) var vhost: OpaquePointer?
  /// What the vhost was made from, for the next one.
  private var vhostInfo = lws_context_creation_info()
  /// nil on a loop of clients.
  let listener: Int32?
  var listenerSocket: OpaquePointer?
  /// From then on libwebsockets closes it.
  var hasGivenListener = false
  /// By which libwebsockets is woken: the one socket that a new context has.
  private var eventPipe: Int32 = -1
  /// Held open so that a connection can be accepted and closed when the process has no descriptor left.
  var spare: Int32 = -1

  init(loop: Loop, listener: Int32?, wake: WakeUp) throws(TransportFailure) {
    self.loop = loop
    self.listener = listener
    self.wake = wake
    strings = CStrings()
    uvLoop = .allocate(capacity: 1)
    asyncHandle = .allocate(capacity: 1)
    timer = .allocate(capacity: 1)
    // No client can name the first protocol, since no subprotocol has a blank: it is for HTTP, and for the echo, whose
    // large pieces need a large buffer. The others' buffers are small, since every idle connection has one.
    let names = ["http only"] + loop.configuration.webSockets.map(\.subprotocol)
    let firstBufferBytes = loop.client?.receiveBufferBytes ?? 65_536
    protocolCount = names.count
    protocols = .allocate(capacity: names.count + 1)
    for (place, name) in names.enumerated() {
      protocols[place] = lws_protocols(
        name: strings.make(name), callback: doorCallback, per_session_data_size: 8,
        rx_buffer_size: place == 0 ? firstBufferBytes : 1_024, id: UInt32(place), user: nil, tx_packet_size: 65_536)
    }
    protocols[names.count] = lws_protocols()
    uv_loop_init(uvLoop)
    asyncHandle.initialize(to: uv_async_t())
    timer.initialize(to: uv_timer_t())
    let me = Unmanaged.passUnretained(self).toOpaque()
    asyncHandle.pointee.data = me
    timer.pointee.data = me
    uv_async_init(uvLoop, asyncHandle) { handle in
      guard let handle, let data = handle.pointee.data else { return }
      Unmanaged<Door>.fromOpaque(data).takeUnretainedValue().woken()
    }
    uv_timer_init(uvLoop, timer)
    let tickMs = UInt64(max(1, loop.client?.tickMilliseconds ?? 250))
    uv_timer_start(
      timer,
      { handle in
        guard let handle, let data = handle.pointee.data else { return }
        Unmanaged<Door>.fromOpaque(data).takeUnretainedValue().ticked()
      }, tickMs, tickMs)
    spare = open("/dev/null", O_RDONLY | O_CLOEXEC)
    Door.contexts.lock()
    let outcome = Result { () throws(TransportFailure) in try createContext(loop.configuration) }
    Door.contexts.unlock()
    if case .failure(let failure) = outcome {
      destroy()
      throw failure
    }
    wake.set(asyncHandle)
  }

  private func createContext(_ configuration: TransportConfiguration) throws(TransportFailure) {
    DoorLog.connect
    DoorLog.takeLast()
    var info = lws_context_creation_info()
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER
    info.protocols = UnsafePointer(protocols)
    info.options = aura_lws_options
    info.user = Unmanaged.passUnretained(self).toOpaque()
    info.gid = -1
    info.uid = -1
    info.count_threads = 1
    info.pt_serv_buf_size = 66_000
    info.max_http_header_data2 = UInt32(configuration.limits.requestHeaderBytesMax)
    // Ours come first; these stand behind them.
    info.timeout_secs = UInt32(max(configuration.limits.requestSeconds, configuration.limits.responseSeconds) + 5)
    info.timeout_secs_ah_idle = UInt32(configuration.limits.requestSeconds + 5)
    info.keepalive_timeout = Int32(configuration.limits.keepAliveSeconds + 5)
    if let client = loop.client {
      info.options |= aura_lws_tls_option
      if let authorities = client.authorities {
        guard access(authorities, R_OK) == 0 else {
          throw .certificate(path: authorities, reason: String(cString: strerror(errno)))
        }
        info.client_ssl_ca_filepath = UnsafePointer(strings.make(authorities))
      }
    } else if let tls = configuration.tls {
      for path in [tls.certificate, tls.key] where access(path, R_OK) != 0 {
        throw .certificate(path: path, reason: String(cString: strerror(errno)))
      }
      info.options |= aura_lws_tls_option
      info.ssl_cert_filepath = UnsafePointer(strings.make(tls.certificate))
      info.ssl_private_key_filepath = UnsafePointer(strings.make(tls.key))
      // Frames are written as they are: h2 would wrap them.
      info.alpn = UnsafePointer(strings.make("http/1.1"))
    }
    var foreign: UnsafeMutableRawPointer? = UnsafeMutableRawPointer(uvLoop)
    context = withUnsafeMutablePointer(to: &foreign) { pointer in
      info.foreign_loops = pointer
      return lws_create_context(&info)
    }
    guard context != nil else { throw .loop(reason: DoorLog.takeLast() ?? "libwebsockets gives no reason") }
    uv_walk(
      uvLoop,
      { handle, found in
        guard let handle, uv_handle_get_type(handle) == UV_POLL else { return }
        uv_fileno(handle, found?.assumingMemoryBound(to: Int32.self))
      }, &eventPipe)
    // Made apart from the context: a context that fails half-way leaves handles on the loop that nobody may touch.
    info.foreign_loops = nil
    vhostInfo = info
    vhost = lws_create_vhost(context, &info)
    guard vhost != nil else {
      let reason = DoorLog.takeLast() ?? "libwebsockets gives no reason"
      if let tls = configuration.tls { throw .certificate(path: tls.certificate, reason: reason) }
      throw .loop(reason: reason)
    }
  }

  /// Whoever comes from now on is shown this certificate. The vhost before stays, for its connections and the listener:
  /// to take it down would end them. `nil` when it was taken, else why not, and all is as it was.
  func renew(_ tls: TLSFiles) -> String? {
    for path in [tls.certificate, tls.key] where access(path, R_OK) != 0 { return String(cString: strerror(errno)) }
    var info = vhostInfo
    info.ssl_cert_filepath = UnsafePointer(strings.make(tls.certificate))
    info.ssl_private_key_filepath = UnsafePointer(strings.make(tls.key))
    Door.contexts.lock()
    defer { Door.contexts.unlock() }
    DoorLog.takeLast()
    guard let renewed = lws_create_vhost(context, &info) else {
      return DoorLog.takeLast() ?? "libwebsockets gives no reason"
    }
    vhost = renewed
    return nil
  }

  var nowMs: Int { Int(uv_now(uvLoop)) }
  static func epochSeconds() -> Int { Int(time(nil)) }

  /// Some connection has sent more than libwebsockets could hand over yet. Of a single one it cannot be asked.
  var hasBufferedInput: Bool { lws_service_adjust_timeout(context, 1, 0) == 0 }

  /// Until `stop`.
  func run() { uv_run(uvLoop, UV_RUN_DEFAULT) }
  func stop() { uv_stop(uvLoop) }

  /// Ends every socket, then the context and the loop.
  func destroy() {
    wake.set(nil)
    guard let context else { return release() }
    endSockets()
    Door.contexts.lock()
    lws_context_destroy(context)
    // libwebsockets has closed its event pipe, and will close the same number again in a turn of the loop. Until then the
    // number must be ours: another thread's file could have it by now, and would be closed. Then rather leave the rest.
    let held = fcntl(spare, F_DUPFD_CLOEXEC, eventPipe)
    if held == eventPipe {
      closeHandles()
      for _ in 0..<1_000 where uv_run(uvLoop, UV_RUN_NOWAIT) != 0 {}
      lws_context_destroy(context)
    } else {
      loop.log.notice("a loop is left unfinished, since another thread took its descriptor")
      if held >= 0 { close(held) }
    }
    Door.contexts.unlock()
    self.context = nil
    if held == eventPipe { release() }
  }

  /// Their handles close over several turns of the loop.
  private func endSockets() {
    stopListening()
    for connection in loop.connections.values { connection.socket?.kill() }
    for _ in 0..<10_000 where !loop.connections.isEmpty || listenerSocket != nil {
      lws_cancel_service(context)
      uv_run(uvLoop, UV_RUN_NOWAIT)
    }
    for _ in 0..<3 { uv_run(uvLoop, UV_RUN_NOWAIT) }
  }

  private func closeHandles() {
    for handle in [UnsafeMutableRawPointer(asyncHandle), UnsafeMutableRawPointer(timer)] {
      let handle = handle.assumingMemoryBound(to: uv_handle_t.self)
      if uv_is_closing(handle) == 0 { uv_close(handle, nil) }
    }
  }

  private func release() {
    closeHandles()
    for _ in 0..<10 where uv_run(uvLoop, UV_RUN_NOWAIT) != 0 {}
    if uv_loop_close(uvLoop) != 0 { loop.log.warning("a loop was left with open handles") }
    uvLoop.deallocate()
    asyncHandle.deallocate()
    timer.deallocate()
    protocols.deallocate()
    if spare >= 0 { close(spare) }
    if let listener, !hasGivenListener { close(listener) }
  }

  private func woken() {
    loop.drain()
    kick()
  }

  private func ticked() {
    loop.tick()
    kick()
  }

  private func kick() {
    guard needsKick else { return }
    needsKick = false
    lws_cancel_service(context)
  }

  // MARK: What libwebsockets tells

  func happened(
    _ wsi: OpaquePointer, _ reason: lws_callback_reasons, _ input: UnsafeMutableRawPointer?, _ count: Int
  ) -> Int32 {
    switch reason {
    case LWS_CALLBACK_RAW_RX_FILE:
      acceptWaiting()
      return 0
    case LWS_CALLBACK_RAW_CLOSE_FILE:
      listenerSocket = nil
      return 0
    case LWS_CALLBACK_RAW_ADOPT, LWS_CALLBACK_RAW_RX:
      // A CONNECT request turns into a raw socket; there is nothing here for it.
      return -1
    default: break
    }
    guard let opaque = lws_get_opaque_user_data(wsi) else { return 0 }
    let connection = Unmanaged<Connection>.fromOpaque(opaque).takeUnretainedValue()
    if connection.socket == nil && connection.phase != .ended { connection.socket = Socket(wsi) }
    switch reason {
    case LWS_CALLBACK_RECEIVE, LWS_CALLBACK_CLIENT_RECEIVE:
      receive(connection, wsi, input, count)
    case LWS_CALLBACK_SERVER_WRITEABLE, LWS_CALLBACK_CLIENT_WRITEABLE:
      loop.writable(connection)
    case LWS_CALLBACK_RECEIVE_PONG, LWS_CALLBACK_CLIENT_RECEIVE_PONG:
      connection.lastReceivedAtMs = nowMs
    case LWS_CALLBACK_ESTABLISHED, LWS_CALLBACK_CLIENT_ESTABLISHED:
      loop.opened(connection)
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      var code: UInt16?
      if count >= 2, let bytes = input?.assumingMemoryBound(to: UInt8.self) {
        code = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
      }
      return loop.peerCloses(connection, code: code) ? 0 : -1
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      if let text = input?.assumingMemoryBound(to: UInt8.self) {
        connection.failure = String(decoding: UnsafeBufferPointer(start: text, count: count), as: UTF8.self)
      }
      loop.ended(connection)
    case LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL, LWS_CALLBACK_CLOSED, LWS_CALLBACK_WS_CLIENT_DROP_PROTOCOL,
      LWS_CALLBACK_CLIENT_CLOSED:
      // Also where libwebsockets itself begins to close, for instance after invalid UTF-8.
      loop.ended(connection)
    case LWS_CALLBACK_WSI_DESTROY:
      lws_set_opaque_user_data(wsi, nil)
      loop.destroyed(connection)
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
      return upgrade(connection, wsi)
    case LWS_CALLBACK_HTTP:
      // The deadlines are ours.
      lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0)
      loop.requested(connection, Socket(wsi).requestHead())
    case LWS_CALLBACK_HTTP_BODY:
      loop.bodyPiece(connection, UnsafeRawBufferPointer(start: input, count: count))
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      return loop.bodyEnded(connection) ? 0 : -1
    case LWS_CALLBACK_HTTP_WRITEABLE:
      return loop.answerWritable(connection) ? 0 : -1
    default: break
    }
    return 0
  }

  private func receive(_ connection: Connection, _ wsi: OpaquePointer, _ input: UnsafeMutableRawPointer?, _ count: Int)
  {
    guard connection.phase == .open else { return }
    connection.lastReceivedAtMs = nowMs
    let announced = lws_remaining_packet_payload(wsi)
    let piece = MessageAssembly.Piece(
      bytes: count, isBinary: lws_frame_is_binary(wsi) != 0, isFirst: lws_is_first_fragment(wsi) != 0,
      isFinal: lws_is_final_fragment(wsi) != 0, announcedBytes: announced < 0 ? Int.max : announced)
    let bytes = UnsafeRawBufferPointer(start: input, count: count)
    switch connection.assembly?.take(piece) {
    case .whole?:
      deliver(connection, bytes, isBinary: piece.isBinary)
    case .keep?:
      connection.kept.append(contentsOf: bytes)
    case .complete?:
      connection.kept.append(contentsOf: bytes)
      let message = connection.kept
      connection.kept = []
      // libwebsockets looks for a character cut off at the end only where the last frame has a payload.
      if count == 0 && !piece.isBinary && String(validating: message, as: UTF8.self) == nil {
        connection.close(code: CloseCode.invalidPayload, reason: "invalid UTF-8")
        return
      }
      message.withUnsafeBytes { deliver(connection, $0, isBinary: piece.isBinary) }
    case .refuse(let code, let reason)?:
      connection.kept = []
      if code == CloseCode.tooBig { loop.configuration.counts.refusedMessages.add() }
      connection.close(code: code, reason: reason)
    case nil: break
    }
  }

  private func deliver(_ connection: Connection, _ bytes: UnsafeRawBufferPointer, isBinary: Bool) {
    if connection.isEcho {
      connection.echoes.append(isBinary ? Frame(binary: Array(bytes)) : Frame(text: Array(bytes)))
      loop.echo(connection)
    } else {
      loop.handler?.received(connection, text: bytes)
    }
  }

  private func upgrade(_ connection: Connection, _ wsi: OpaquePointer) -> Int32 {
    // After an unknown upgrade libwebsockets has answered already and let go of the headers.
    guard lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) > 0 else { return -1 }
    switch loop.upgrade(connection, Socket(wsi).requestHead()) {
    case .accept: return 0
    case .refuse(let bytes):
      _ = Socket(wsi).write(bytes)
      return -1
    }
  }
}

/// What libwebsockets calls for every event of every socket.
private func doorCallback(
  wsi: OpaquePointer?, reason: lws_callback_reasons, user: UnsafeMutableRawPointer?, input: UnsafeMutableRawPointer?,
  count: Int
) -> Int32 {
  guard let wsi, let context = lws_get_context(wsi), let door = lws_context_user(context) else { return 0 }
  return Unmanaged<Door>.fromOpaque(door).takeUnretainedValue().happened(wsi, reason, input, count)
}

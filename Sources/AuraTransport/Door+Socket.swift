import CLibWebSockets

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A connection as libwebsockets holds it; valid on its loop's thread until `LWS_CALLBACK_WSI_DESTROY`.
struct Socket {
  private let wsi: OpaquePointer

  init(_ wsi: OpaquePointer) { self.wsi = wsi }

  /// The kernel did not take all of the last write: libwebsockets holds the rest, and would hold without bound whatever
  /// is written behind it.
  var isPartlyBuffered: Bool { lws_partial_buffered(wsi) != 0 }

  /// Writes the bytes as they are, a prepared frame or a piece of an answer. `false`: the socket is dead.
  func write(_ bytes: some ContiguousBytesOfADoor) -> Bool {
    bytes.withBytes { buffer in
      guard let start = buffer.baseAddress else { return true }
      // On this path libwebsockets only reads, so what several threads share may be given.
      return lws_write(wsi, UnsafeMutablePointer(mutating: start), buffer.count, LWS_WRITE_HTTP) >= 0
    }
  }

  /// A client's message: libwebsockets writes its header before it and masks it where it lies, so it gets a copy.
  func writeMasked(_ text: [UInt8]) -> Bool { writeMasked(text, LWS_WRITE_TEXT) }

  func writeMaskedClose(code: UInt16) -> Bool {
    // LWS_WRITE_CLOSE, which the public header leaves out: the close by `lws_close_reason` works in callbacks only.
    writeMasked([UInt8(code >> 8), UInt8(code & 0xff)], lws_write_protocol(rawValue: 4))
  }

  private func writeMasked(_ payload: [UInt8], _ kind: lws_write_protocol) -> Bool {
    let headroom = Int(LWS_PRE_BYTES)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: headroom + payload.count) { scratch in
      guard let start = scratch.baseAddress else { return false }
      _ = scratch[headroom...].initialize(fromContentsOf: payload)
      return lws_write(wsi, start + headroom, payload.count, kind) >= 0
    }
  }

  func requestWritable() { lws_callback_on_writable(wsi) }

  /// Something waits to be read, be it the end.
  var hasUnreadInput: Bool {
    var byte: UInt8 = 0
    return recv(lws_get_socket_fd(wsi), &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) >= 0
  }

  /// Ends the socket at once, in the loop's next turn: never while its callback runs.
  func kill() { lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC) }

  func pauseReading() { lws_rx_flow_control(wsi, 0) }
  func resumeReading() { lws_rx_flow_control(wsi, 1) }

  /// The answer is written: await the next request. `false`: close.
  func completeTransaction() -> Bool { lws_http_transaction_completed(wsi) == 0 }

  // MARK: Headers

  func requestHead() -> RequestHead {
    let (method, path) = methodAndPath()
    var head = RequestHead(method: method, path: path, version: text(WSI_TOKEN_HTTP) ?? "")
    for (token, name) in Socket.headerNames {
      guard lws_hdr_total_length(wsi, token) > 0, let value = text(token) else { continue }
      head.headers[name] = value.trimmed
      if lws_hdr_fragment_length(wsi, token, 1) > 0 { head.repeated.insert(name) }
    }
    for name in Socket.customNames {
      if let value = custom(name + ":") { head.headers[name] = value.trimmed }
    }
    for name in ["transfer-encoding", "content-length", "host"] {
      for blank in [" ", "\t"] where custom(name + blank + ":") != nil { head.hasMalformedHeader = true }
    }
    (head.query, head.hasMalformedQuery) = query()
    return head
  }

  private static let methods: [(lws_token_indexes, String)] = [
    (WSI_TOKEN_GET_URI, "GET"), (WSI_TOKEN_POST_URI, "POST"), (WSI_TOKEN_HEAD_URI, "HEAD"),
    (WSI_TOKEN_PUT_URI, "PUT"), (WSI_TOKEN_PATCH_URI, "PATCH"), (WSI_TOKEN_DELETE_URI, "DELETE"),
    (WSI_TOKEN_OPTIONS_URI, "OPTIONS"),
  ]

  /// Headers that libwebsockets does not know by itself.
  private static let customNames = [
    "idempotency-key", "x-requested-with", "x-request-id", "sec-fetch-site", "sec-fetch-mode", "x-forwarded-proto",
    "forwarded", "x-real-ip", "aura-clinic", "aura-timestamp", "aura-signature", "sec-purpose", "purpose",
    "x-clinic-id",
  ]

  /// Known headers, `host` and not the request line's parts.
  private static let headerNames: [(lws_token_indexes, String)] = {
    var names: [(lws_token_indexes, String)] = []
    for raw in 0..<WSI_TOKEN_COUNT.rawValue {
      let token = lws_token_indexes(rawValue: raw)
      guard let start = lws_token_to_string(token) else { continue }
      let text = String(cString: UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self))
      guard text.hasSuffix(":"), !text.hasPrefix(":") else { continue }
      names.append((token, String(text.dropLast())))
    }
    return names
  }()

  private func methodAndPath() -> (String, String?) {
    for (token, name) in Socket.methods where lws_hdr_total_length(wsi, token) > 0 { return (name, text(token)) }
    return ("", nil)
  }

  /// nil for what is missing, is not UTF-8 or holds a NUL.
  private func text(_ token: lws_token_indexes) -> String? {
    let count = Int(lws_hdr_total_length(wsi, token))
    guard count > 0 else { return nil }
    return copy(count) { lws_hdr_copy(wsi, $0, $1, token) }
  }

  private func custom(_ name: String) -> String? {
    let nameBytes = Int32(name.utf8.count)
    let count = Int(lws_hdr_custom_length(wsi, name, nameBytes))
    guard count >= 0 else { return nil }
    return copy(count) { lws_hdr_custom_copy(wsi, $0, $1, name, nameBytes) } ?? ""
  }

  /// The parameters, and whether one was left out since it is not UTF-8. One without a name or a value is none; whether
  /// it was the last, only the length of all tells.
  private func query() -> (pairs: [(name: String, value: String)], isMalformed: Bool) {
    var pairs: [(name: String, value: String)] = []
    var isMalformed = false
    let total = Int(lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS))
    var (place, seen) = (Int32(0), 0)
    while seen < total {
      let count = max(0, Int(lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, place)))
      if count > 0 {
        if let text = copy(count, { lws_hdr_copy_fragment(wsi, $0, $1, WSI_TOKEN_HTTP_URI_ARGS, place) }) {
          let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          pairs.append((String(parts[0]), parts.count > 1 ? String(parts[1]) : ""))
        } else {
          isMalformed = true
        }
      }
      // The length of all counts what parts them too.
      seen += count + 1
      place += 1
    }
    return (pairs, isMalformed)
  }

  private func copy(_ count: Int, _ fill: (UnsafeMutablePointer<CChar>, Int32) -> Int32) -> String? {
    let bytes = [UInt8](unsafeUninitializedCapacity: count + 2) { buffer, initialized in
      guard let start = buffer.baseAddress else { return }
      let filled = start.withMemoryRebound(to: CChar.self, capacity: count + 2) { fill($0, Int32(count + 2)) }
      initialized = max(0, min(count, Int(filled)))
    }
    guard bytes.count == count, !bytes.contains(0) else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// Arrays and slices of bytes, as `Socket.write` takes them.
protocol ContiguousBytesOfADoor {
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result
}

extension Array<UInt8>: ContiguousBytesOfADoor {
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result { withUnsafeBufferPointer(body) }
}

extension ArraySlice<UInt8>: ContiguousBytesOfADoor {
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result { withUnsafeBufferPointer(body) }
}

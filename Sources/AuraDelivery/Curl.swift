import CCurl
import Glibc

// The door to libcurl: every unsafe line that touches it is in the files whose names begin with Curl. A transfer and the
// multi handle that runs it stay on one thread; only what a `CurlTransfer.Order` says and a `TransferEnding` tells
// crosses it.

/// One request to a webhook, or one mail handed to a server.
final class CurlTransfer {
  struct Order {
    enum Content {
      case post(headers: [String], body: [UInt8])
      case mail(from: String, to: String, bytes: [UInt8], login: (user: String, password: String)?)
    }

    var url: String
    var content: Content
    var allowsPrivate: Bool
    /// PEM file of the authorities to trust instead of the system's.
    var authorities: String?
    var connectMilliseconds: Int
    var totalMilliseconds: Int
    /// What is read of an answer: its head is refused beyond, its body ends there.
    var headBytesMax: Int
    var bodyBytesMax: Int
  }

  let easy: UnsafeMutableRawPointer
  private let order: Order
  private let sockets: OpenSockets
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private var headBytes = 0
  private var finalStatus: Int?
  private var body: [UInt8] = []
  private var bytesSent = 0
  private var hasWord = false
  private var refusedAddress = false
  /// Where curl says what went wrong; of the length that it asks for.
  private let errorText: UnsafeMutablePointer<CChar>

  /// `curl_global_init` is called before anything else, once.
  private static let isReady = aura_curl_start() != 0

  /// `nil` when there is no memory for it, or this libcurl does not know what it is asked for.
  init?(_ order: Order, _ sockets: OpenSockets) {
    guard Self.isReady, let easy = curl_easy_init() else { return nil }
    self.easy = easy
    self.order = order
    self.sockets = sockets
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    guard setUp() else { return nil }
  }

  deinit {
    curl_easy_cleanup(easy)
    errorText.deallocate()
    for list in lists { curl_slist_free_all(list) }
  }

  private func setUp() -> Bool {
    var isSet = true
    func set(_ option: CURLoption, _ number: Int) {
      isSet = aura_curl_set_number(easy, option, number) == CURLE_OK && isSet
    }
    func set(_ option: CURLoption, _ text: String?) {
      isSet = aura_curl_set_text(easy, option, text) == CURLE_OK && isSet
    }
    set(CURLOPT_URL, order.url)
    set(CURLOPT_NOSIGNAL, 1)
    // A name server that is silent must not hold up the thread beyond the time-out.
    set(CURLOPT_QUICK_EXIT, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, order.connectMilliseconds)
    set(CURLOPT_TIMEOUT_MS, order.totalMilliseconds)
    set(CURLOPT_FOLLOWLOCATION, 0)
    // No proxy, whatever the environment says: behind one, the address that is judged would be the proxy's.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_NOPROXY, "*")
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    set(CURLOPT_SSLVERSION, aura_curl_tls_1_2)
    if let authorities = order.authorities {
      set(CURLOPT_CAINFO, authorities)
      // The system's folder would be searched as well.
      set(CURLOPT_CAPATH, nil)
    }
    // What has waited longer may have been closed at the other end.
    set(CURLOPT_MAXAGE_CONN, 30)
    let context = Unmanaged.passUnretained(self).toOpaque()
    isSet = aura_curl_on_socket(easy, curlOpensSocket, context) == CURLE_OK && isSet
    // The connection outlives this transfer: what closes it is not this one's.
    let closing = Unmanaged.passUnretained(sockets).toOpaque()
    isSet = aura_curl_on_close(easy, curlClosesSocket, closing) == CURLE_OK && isSet
    isSet = aura_curl_on_head(easy, curlHasHead, context) == CURLE_OK && isSet
    isSet = aura_curl_on_body(easy, curlHasBody, context) == CURLE_OK && isSet
    switch order.content {
    case .post(let headers, let body):
      set(CURLOPT_PROTOCOLS_STR, "https")
      set(CURLOPT_HTTP_VERSION, aura_curl_http_1_1)
      set(CURLOPT_USERAGENT, "aura")
      isSet = setList(CURLOPT_HTTPHEADER, headers) && isSet
      isSet = aura_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)) == CURLE_OK && isSet
      let code = body.withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          aura_curl_set_text(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
        }
      }
      isSet = code == CURLE_OK && isSet
    case .mail(let from, let to, let bytes, let login):
      set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
      set(CURLOPT_USE_SSL, aura_curl_tls_always)
      set(CURLOPT_MAIL_FROM, from)
      isSet = setList(CURLOPT_MAIL_RCPT, [to]) && isSet
      if let login {
        set(CURLOPT_USERNAME, login.user)
        set(CURLOPT_PASSWORD, login.password)
      }
      set(CURLOPT_UPLOAD, 1)
      isSet = aura_curl_set_size(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(bytes.count)) == CURLE_OK && isSet
      isSet = aura_curl_on_read(easy, curlWantsMail, context) == CURLE_OK && isSet
    }
    return aura_curl_set_text(easy, CURLOPT_ERRORBUFFER, errorText) == CURLE_OK && isSet
  }

  private func setList(_ option: CURLoption, _ lines: [String]) -> Bool {
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines {
      guard let longer = curl_slist_append(list, line) else {
        curl_slist_free_all(list)
        return false
      }
      list = longer
    }
    guard let list else { return true }
    lists.append(list)
    return aura_curl_set_list(easy, option, list) == CURLE_OK
  }

  // MARK: What curl asks on the way

  /// A socket for this address, or none.
  fileprivate func open(_ address: UnsafePointer<curl_sockaddr>) -> curl_socket_t {
    let refused = curl_socket_t(-1)
    guard let found = Self.networkAddress(address) else { return refused }
    switch found.reach {
    case .world: break
    case .inside where order.allowsPrivate: break
    case .inside, .never:
      refusedAddress = true
      return refused
    }
    return sockets.open { aura_curl_socket(address) }
  }

  private static func networkAddress(_ address: UnsafePointer<curl_sockaddr>) -> NetworkAddress? {
    guard let start = aura_curl_address(address) else { return nil }
    let bytes = UnsafeBufferPointer(start: start, count: Int(address.pointee.addrlen))
    // Where the address begins in sockaddr_in, and in sockaddr_in6.
    switch address.pointee.family {
    case AF_INET where bytes.count >= 8: return NetworkAddress(bytes: Array(bytes[4..<8]))
    case AF_INET6 where bytes.count >= 24: return NetworkAddress(bytes: Array(bytes[8..<24]))
    default: return nil
    }
  }

  /// Takes a line of the head, or of mail's replies; `false` ends the transfer.
  fileprivate func take(head line: UnsafeBufferPointer<CChar>) -> Bool {
    headBytes += line.count
    guard headBytes <= order.headBytesMax else { return false }
    // What follows the body is no second head.
    if hasWord { return true }
    let status = line.prefix(12).map { UInt8(bitPattern: $0) }
    if status.count == 12, status.starts(with: "HTTP/1.".utf8) {
      let text = String(decoding: status[9..<12], as: UTF8.self)
      // 1xx is not the answer yet.
      finalStatus = Int(text).flatMap { $0 >= 200 ? $0 : nil }
    } else if line.count <= 2, line.allSatisfy({ $0 == 0x0D || $0 == 0x0A }), finalStatus != nil {
      hasWord = true
    }
    return true
  }

  /// Takes a piece of the body; `false` ends the transfer: what more there is nobody wants.
  fileprivate func take(body piece: UnsafeBufferPointer<CChar>) -> Bool {
    body.append(contentsOf: piece.prefix(order.bodyBytesMax - body.count).map { UInt8(bitPattern: $0) })
    return body.count < order.bodyBytesMax
  }

  /// Gives the next bytes of a mail; 0 at its end.
  fileprivate func give(to buffer: UnsafeMutableBufferPointer<CChar>) -> Int {
    guard case .mail(_, _, let bytes, _) = order.content else { return 0 }
    let count = min(buffer.count, bytes.count - bytesSent)
    for index in 0..<count { buffer[index] = CChar(bitPattern: bytes[bytesSent + index]) }
    bytesSent += count
    return count
  }

  // MARK: How it ended

  func ending(_ code: CURLcode) -> TransferEnding {
    var ending = TransferEnding(body: body)
    ending.status = aura_curl_get_number(easy, CURLINFO_RESPONSE_CODE)
    switch order.content {
    case .post:
      ending.hasWord = hasWord
      if let finalStatus { ending.status = finalStatus }
      ending.retryAfterSeconds = Int(aura_curl_get_size(easy, CURLINFO_RETRY_AFTER))
    case .mail: ending.hasWord = code == CURLE_OK
    }
    if code != CURLE_OK { ending.fault = fault(code) }
    return ending
  }

  /// Makes the connection unfit for another mail: after a fault nobody knows which reply comes next on it.
  func spoilConnection() {
    if case .mail = order.content { sockets.shutDown(aura_curl_get_socket(easy)) }
  }

  private func fault(_ code: CURLcode) -> String {
    if refusedAddress, code == CURLE_COULDNT_CONNECT {
      return "the gateway's name leads to an address that is not allowed"
    }
    if headBytes > order.headBytesMax { return "the gateway's answer has too long a head" }
    return String(cString: errorText[0] == 0 ? curl_easy_strerror(code) : UnsafePointer(errorText))
  }
}

// C calls these with what was given as their context; it lives for as long as its transfer is under way.

private func transfer(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
  context.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
}

private func curlOpensSocket(
  _ context: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
  guard let address else { return -1 }
  return transfer(context)?.open(address) ?? -1
}

private func curlClosesSocket(_ context: UnsafeMutableRawPointer?, _ socket: curl_socket_t) -> Int32 {
  guard let context else { return close(socket) }
  return Unmanaged<OpenSockets>.fromOpaque(context).takeUnretainedValue().close(socket)
}

private func curlHasHead(
  _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  let isTaken = transfer(context)?.take(head: UnsafeBufferPointer(start: data, count: size * count)) ?? false
  // Anything but the whole length ends the transfer, also where there was nothing.
  return isTaken ? size * count : size * count + 1
}

private func curlHasBody(
  _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  let isTaken = transfer(context)?.take(body: UnsafeBufferPointer(start: data, count: size * count)) ?? false
  return isTaken ? size * count : size * count + 1
}

private func curlWantsMail(
  _ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
  transfer(context)?.give(to: UnsafeMutableBufferPointer(start: data, count: size * count)) ?? 0
}

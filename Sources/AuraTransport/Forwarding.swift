/// Who asks, where a proxy stands in between. What `X-Forwarded-For` and `X-Forwarded-Proto` say is believed of the
/// configured proxies alone: anybody else may write into them whatever they like.
struct Forwarding {
  /// Addresses as `SocketAddress` writes them.
  var trustedProxies: Set<String>

  struct Client: Equatable {
    var address: String
    var isEncrypted: Bool
  }

  func client(of head: RequestHead, peer: String, isEncrypted: Bool) -> Client {
    var client = Client(address: peer, isEncrypted: isEncrypted)
    guard trustedProxies.contains(peer) else { return client }
    // Each proxy adds at the end whom it got the request from, so that what the first unknown one says is all that is
    // certain; what stands before it is hearsay.
    for entry in HandshakeRules.list(head.headers["x-forwarded-for"] ?? "").reversed() {
      guard let address = SocketAddress.canonical(Forwarding.withoutPort(entry)) else { break }
      client.address = address
      guard trustedProxies.contains(address) else { break }
    }
    switch head.headers["x-forwarded-proto"]?.lowercased() {
    case "https", "wss": client.isEncrypted = true
    case "http", "ws": client.isEncrypted = false
    default: break
    }
    return client
  }

  /// Some proxies write `192.0.2.1:5000` and `[2001:db8::1]:5000`.
  private static func withoutPort(_ text: String) -> String {
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return String(text[text.index(after: text.startIndex)..<end])
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 ? String(parts[0]) : text
  }
}

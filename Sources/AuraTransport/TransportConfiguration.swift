/// What a server listens on, whom it lets in and how much of anything it takes.
package struct TransportConfiguration: Sendable {
  /// A name or an address: `127.0.0.1`, `::1`, `0.0.0.0`, `localhost`.
  package var host = "127.0.0.1"
  /// 0 lets the system choose; `Transport.port` says which it was.
  package var port = 0
  /// Threads, each with its own event loop, listener and connections.
  package var loops = 1
  package var tls: TLSFiles?
  /// The folder of static files; nil serves none.
  package var staticRoot: String?
  /// WebSocket endpoints that are the handler's.
  package var webSockets: [WebSocketEndpoint] = []
  /// Origins besides the server's own, as a browser writes them: `https://desk.example`.
  package var allowedOrigins: Set<String> = []
  /// Addresses of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, as `SocketAddress.canonical`
  /// writes them.
  package var trustedProxies: Set<String> = []
  /// Paths that `LoopHandler.http` answers: an exact path, or everything below one that ends in `/`.
  package var dynamicPaths: [String] = []
  /// Files below one of those, by their exact paths.
  package var staticPaths: Set<String> = []
  /// Serves `/echo`: returns every message, for conformance suites only.
  package var echoes = false
  package var limits = TransportLimits()
  package var counts = TransportCounts()

  package init() {}
}

package struct TLSFiles: Sendable {
  /// A PEM file with the certificate and what it is signed by.
  package var certificate: String
  /// A PEM file with its private key.
  package var key: String

  package init(certificate: String, key: String) {
    self.certificate = certificate
    self.key = key
  }
}

/// A path where a WebSocket may be opened. A client must offer the subprotocol.
package struct WebSocketEndpoint: Sendable {
  package var path: String
  package var subprotocol: String
  /// A longer message is refused with 1009 as soon as its length is known.
  package var messageBytesMax: Int

  package init(path: String, subprotocol: String, messageBytesMax: Int = 65_536) {
    self.path = path
    self.subprotocol = subprotocol
    self.messageBytesMax = messageBytesMax
  }
}

/// Everything a peer could make grow has a limit here.
package struct TransportLimits: Sendable {
  /// Open sockets over all loops; the process's limit of descriptors, less `descriptorReserve`, is used where it is lower.
  package var connectionsMax = 20_000
  package var connectionsPerAddressMax = 20_000
  /// Descriptors kept for files, the database and the loops themselves.
  package var descriptorReserve = 128
  /// From the accept to a whole request, a WebSocket's handshake included; and from a later request's head to its end.
  package var requestSeconds = 10
  /// How long a connection is kept for a next request.
  package var keepAliveSeconds = 30
  /// For the handler's answer and for sending it.
  package var responseSeconds = 30
  package var requestBodyBytesMax = 65_536
  /// All headers of a request; libwebsockets closes the connection of a longer one without an answer.
  package var requestHeaderBytesMax = 16_384
  package var staticFileBytesMax = 8 << 20
  package var staticCacheBytesMax = 32 << 20
  /// The kernel's send buffer of one WebSocket: it bounds what a reader that has stopped can hold.
  package var socketSendBufferBytes = 65_536
  /// How long the peer may take to answer a close frame.
  package var closeSeconds = 3
  package var echoMessageBytesMax = 16 << 20
  /// Work posted to a loop that it has not yet taken.
  package var mailboxMax = 65_536

  package init() {}
}

/// Why a server cannot listen; `description` is one sentence with a next step, for the terminal.
package enum TransportFailure: Error, Equatable, CustomStringConvertible {
  case portInUse(host: String, port: Int)
  case addressUnusable(host: String, port: Int, reason: String)
  case certificate(path: String, reason: String)
  case staticRoot(path: String, reason: String)
  case loop(reason: String)

  package var description: String {
    switch self {
    case .portInUse(let host, let port):
      "port \(port) on \(host) is in use: stop the program that holds it, or choose another with --port"
    case .addressUnusable(let host, let port, let reason):
      "cannot listen on \(host) port \(port) (\(reason)): choose an address of this machine with --host and a free port with --port"
    case .certificate(let path, let reason):
      "the TLS certificate or key \(path) cannot be used (\(reason)): give a PEM certificate with --tls-cert and its own key with --tls-key"
    case .staticRoot(let path, let reason):
      "the folder \(path) cannot be served (\(reason)): name the folder with the pages with --public"
    case .loop(let reason):
      "the event loop cannot start (\(reason)): check that libwebsockets-evlib-uv is installed"
    }
  }
}

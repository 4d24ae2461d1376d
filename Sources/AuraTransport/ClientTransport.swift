import AuraThreads
import Synchronization

/// How connections to servers are made.
package struct ClientConfiguration: Sendable {
  package var subprotocol: String
  package var connectSeconds = 20
  /// A longer message of the server closes the connection with 1009.
  package var messageBytesMax = 16 << 20
  /// Each open connection has a buffer of this size.
  package var receiveBufferBytes = 4_096
  /// How often `LoopHandler.tick` is called.
  package var tickMilliseconds = 250
  /// A PEM file of authorities to trust beside the system's.
  package var authorities: String?
  /// For a server that is tried out with a certificate of its own making.
  package var trustsAnyCertificate = false

  package init(subprotocol: String) { self.subprotocol = subprotocol }
}

/// Where a WebSocket is: `ws://host[:port][/path]` or `wss://…`; `http` and `https` stand for the two.
package struct WebSocketAddress: Sendable, Equatable, CustomStringConvertible {
  package var host: String
  package var port: Int
  package var path: String
  package var isEncrypted: Bool

  package init(host: String, port: Int, path: String, isEncrypted: Bool = false) {
    self.host = host
    self.port = port
    self.path = path
    self.isEncrypted = isEncrypted
  }

  /// nil for what is no such address. Without a path it is `path`.
  package init?(_ text: String, path defaultPath: String = "/") {
    let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
    let scheme = parts[0].lowercased()
    guard parts.count == 2, ["ws", "wss", "http", "https"].contains(scheme) else { return nil }
    isEncrypted = scheme == "wss" || scheme == "https"
    let slash = parts[1].firstIndex(of: "/") ?? parts[1].endIndex
    let authority = parts[1][..<slash]
    let rest = String(parts[1][slash...])
    path = rest.isEmpty || rest == "/" ? defaultPath : rest
    var name = authority[...]
    var number: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      name = authority[authority.index(after: authority.startIndex)..<end]
      let behind = authority[authority.index(after: end)...]
      if behind.hasPrefix(":") { number = behind.dropFirst() } else if !behind.isEmpty { return nil }
    } else if let colon = authority.firstIndex(of: ":") {
      name = authority[..<colon]
      number = authority[authority.index(after: colon)...]
    }
    host = String(name)
    guard let port = number.map({ Int($0) }) ?? (isEncrypted ? 443 : 80), (1...65_535).contains(port),
      HostName.isValid(host)
    else { return nil }
    self.port = port
  }

  /// As the Host header has it.
  package var hostHeader: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isEncrypted ? 443 : 80) ? name : "\(name):\(port)"
  }

  package var description: String { "\(isEncrypted ? "wss" : "ws")://\(hostHeader)\(path)" }
}

/// What a handler of clients opens connections with, on its loop's thread.
package final class Connector {
  private unowned let loop: Loop

  init(loop: Loop) { self.loop = loop }

  /// Begins to connect. `opened` or `closed` follows, and after `opened` in any case `closed`; `closed` may come before
  /// this returns.
  package func connect(_ address: WebSocketAddress, user: AnyObject?) -> Connection {
    loop.connect(address, user: user)
  }

  /// The loop's monotonic clock, in milliseconds.
  package var nowMs: Int { loop.nowMs }
}

/// A thread with WebSocket connections to servers: thousands where a test needs them.
package final class ClientTransport<Handler: LoopHandler>: Sendable {
  private let mailbox: Mailbox<LoopMessage>
  private let thread: OwnedThread
  private let hasStopped = Mutex(false)

  /// `handler` is called once, on the thread.
  package init(_ configuration: ClientConfiguration, handler: @escaping @Sendable (Connector) -> Handler)
    throws(TransportFailure)
  {
    _ = Descriptors.raiseLimit()
    let wake = WakeUp()
    let mailbox = Mailbox<LoopMessage>(capacity: 65_536) { wake.wake() }
    let outcome = Outcome()
    self.mailbox = mailbox
    thread = OwnedThread(name: "aura-clients") {
      do throws(TransportFailure) {
        let loop = try Loop(
          index: 0, configuration: TransportConfiguration(), client: configuration,
          admission: Admission(connectionsMax: 0, perAddressMax: 0), mailbox: mailbox)
        try loop.run(
          listener: nil, wake: wake, handler: { handler(Connector(loop: $0)) }, ready: { outcome.set(nil) })
      } catch {
        outcome.set(error)
      }
    }
    if let failure = outcome.wait() { throw failure }
  }

  deinit { stop() }

  /// Runs `work` on the thread. `false`: it has stopped, or does not keep up.
  @discardableResult
  package func post(_ work: @escaping @Sendable (Handler) -> Void) -> Bool {
    mailbox.offer(
      .work { handler in
        if let handler = handler as? Handler { work(handler) }
      })
  }

  /// Closes every connection and ends the thread. May be called twice, but not on the thread itself.
  package func stop() {
    let isFirst = hasStopped.withLock { stopped in
      defer { stopped = true }
      return !stopped
    }
    guard isFirst else { return }
    mailbox.offer(.stop)
    thread.join(seconds: 10)
  }
}

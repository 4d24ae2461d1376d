/// What a server does on one loop. Made on that loop's thread and called on no other, so it need not be Sendable and
/// needs no lock.
package protocol LoopHandler: AnyObject, SendableMetatype {
  /// A WebSocket is open.
  func opened(_ connection: Connection)
  /// A whole text message, valid UTF-8, at most the endpoint's `messageBytesMax`. The bytes live until this returns.
  func received(_ connection: Connection, text: UnsafeRawBufferPointer)
  /// What `Connection.requestWritable` asked for: the socket takes more.
  func writable(_ connection: Connection)
  /// The WebSocket is closed, or closing from the other side: `send` no longer takes anything. Called once for each
  /// `opened`; `closeCode` says how.
  func closed(_ connection: Connection)
  /// A request on one of `dynamicPaths`, its body whole. Answer now or later, from any thread.
  func http(_ request: HTTPRequest, respond: HTTPResponder)
  /// What is answered where a request below `dynamicPaths` is refused for its head alone; `nil` is `text` as it is.
  func refusal(of path: String, status: Int, text: String) -> HTTPResponse?
  /// About every 250 ms. `nowMs` is the loop's monotonic clock, the one of `Connection.lastReceivedAtMs`.
  func tick(nowMs: Int)
}

extension LoopHandler {
  package func writable(_ connection: Connection) {}
  package func tick(nowMs: Int) {}
  package func refusal(of path: String, status: Int, text: String) -> HTTPResponse? { nil }
  package func http(_ request: HTTPRequest, respond: HTTPResponder) {
    respond.respond(HTTPResponse(status: 404, text: "not found"))
  }
}

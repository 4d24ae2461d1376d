/// A text frame made once and written to many sockets. The transport's own type stands behind it.
package protocol SharedFrame: AnyObject, Sendable {
  var byteCount: Int { get }
}

/// A connection as the hub sees it. Used on the loop's thread only.
package protocol Outlet: AnyObject {
  /// Writes the frame at once; `false` when the socket still holds a part of an earlier one and took nothing.
  func send(_ frame: any SharedFrame) -> Bool
  /// Asks for one `Hub.drain` when the socket can take more.
  func requestWritable()
}

/// Joins the pieces in which libwebsockets hands over a message: fragments of the peer's, and parts of a frame as they
/// are read from the socket. Knows no socket, so that a table of pieces tests it.
struct MessageAssembly {
  struct Piece {
    var bytes: Int
    var isBinary = false
    /// The first piece of a message.
    var isFirst = true
    /// Nothing of the message follows.
    var isFinal = true
    /// What the frame's header announced and has not come yet.
    var announcedBytes = 0
  }

  enum Step: Equatable {
    /// The piece is the whole message.
    case whole
    /// Keep the piece and wait.
    case keep
    /// Keep the piece; what is kept is the message.
    case complete
    case refuse(code: UInt16, reason: String)
  }

  let messageBytesMax: Int
  let takesBinary: Bool
  private(set) var keptBytes = 0

  init(messageBytesMax: Int, takesBinary: Bool) {
    self.messageBytesMax = messageBytesMax
    self.takesBinary = takesBinary
  }

  mutating func take(_ piece: Piece) -> Step {
    if piece.isFirst { keptBytes = 0 }
    if piece.isBinary && !takesBinary { return .refuse(code: CloseCode.unsupportedData, reason: "text frames only") }
    // Subtracting keeps an announced 2^63 from overflowing.
    guard piece.announcedBytes <= messageBytesMax - piece.bytes - keptBytes else {
      return .refuse(code: CloseCode.tooBig, reason: "a message has at most \(messageBytesMax) bytes")
    }
    if piece.isFinal && keptBytes == 0 { return .whole }
    keptBytes += piece.bytes
    return piece.isFinal ? .complete : .keep
  }
}

/// RFC 6455, 7.4.1.
package enum CloseCode {
  package static let normal: UInt16 = 1000
  package static let goingAway: UInt16 = 1001
  package static let protocolError: UInt16 = 1002
  package static let unsupportedData: UInt16 = 1003
  package static let invalidPayload: UInt16 = 1007
  package static let policy: UInt16 = 1008
  package static let tooBig: UInt16 = 1009
  package static let internalError: UInt16 = 1011
  /// What stands for «no close frame came»; never sent.
  package static let abnormal: UInt16 = 1006
  package static let none: UInt16 = 1005
}

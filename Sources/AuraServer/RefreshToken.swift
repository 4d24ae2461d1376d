import AuraDomain
import AuraSodium

/// What keeps a browser signed in: the session's id and a secret of 256 bits that changes with each use. The database
/// has only a digest of the current one.
///
/// The first secret is random. Each next one is made of the one before under a key of the installation, which gives two
/// things at no cost: a browser whose answer was lost, or two tabs that refreshed at once, get the same successor
/// again; and any older secret of the chain can be told from a guess, so that a stolen one ends the session.
struct RefreshToken: Sendable, Equatable {
  /// How far back an older secret is recognised: at one refresh in 15 minutes, ten days.
  static let stepsMax = 1_000

  let session: ID
  let secret: [UInt8]

  init(session: ID, secret: [UInt8] = Sodium.randomBytes(32)) {
    self.session = session
    self.secret = secret
  }

  /// Reads a cookie's value.
  init?(_ text: String) {
    guard text.utf8.count == 64, let bytes = Base64URL.decode(text.utf8), bytes.count == 48 else { return nil }
    func half(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(session: ID(high: half(0..<8), low: half(8..<16)), secret: Array(bytes[16...]))
  }

  var text: String {
    func bytes(_ half: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
    return Base64URL.encode(bytes(session.high) + bytes(session.low) + secret)
  }

  /// What the database keeps.
  var digest: [UInt8] { Sodium.digest(secret) }

  func successor(key: [UInt8]) -> RefreshToken {
    RefreshToken(session: session, secret: Sodium.digest(Array(session.description.utf8) + secret, key: key))
  }

  /// What a token that is presented is worth to a session whose current secret has `current` as its digest.
  enum Standing: Equatable {
    /// The current one: it gets its successor, which becomes the current one.
    case current(RefreshToken)
    /// The one before: it gets the one that is current already, however late it asks. Nobody has shown that one yet,
    /// so that its answer may have been lost on the way to a tablet that then slept. Whoever has a copy of this one
    /// gets no more than the browser would: once either of the two has gone on twice, the other's is an older one.
    case justReplaced(RefreshToken)
    /// Used and replaced before, and its successor too: it, or what replaced it, is in the wrong hands.
    case stolen
    /// Never a token of this session.
    case unknown
  }

  /// Walks the chain, a millisecond or two for what is not in it: nothing for the writer's thread.
  func standing(current: [UInt8], key: [UInt8]) -> Standing {
    if let near = nearStanding(current: current, key: key) { return near }
    var next = successor(key: key)
    for _ in 0..<Self.stepsMax {
      next = next.successor(key: key)
      if Sodium.areEqual(next.digest, current) { return .stolen }
    }
    return .unknown
  }

  /// The standing of the current token and of the one before it; `nil` of any other, of which only the walk tells
  /// whether it was ever one.
  func nearStanding(current: [UInt8], key: [UInt8]) -> Standing? {
    let next = successor(key: key)
    if Sodium.areEqual(digest, current) { return .current(next) }
    if Sodium.areEqual(next.digest, current) { return .justReplaced(next) }
    return nil
  }
}

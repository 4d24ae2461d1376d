import AuraDomain
import AuraJSON
import Synchronization

/// What an access token says: who, from which session, until when. What its bearer may do is read from the database.
package struct AccessClaims: Sendable, Equatable {
  package var user: ID
  /// The session that it was issued in; `nil` for one of the command line or of another identity provider.
  package var session: ID?
  /// The user's `token_epoch` when it was issued; one that has been raised since makes the token void. `nil` where
  /// another provider issued it.
  package var epoch: Int?
  package var issuedAt: Instant
  package var expiresAt: Instant

  package init(user: ID, session: ID?, epoch: Int?, issuedAt: Instant, expiresAt: Instant) {
    self.user = user
    self.session = session
    self.epoch = epoch
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }
}

/// Why a token is not taken.
package enum TokenFailure: Error, Sendable, Equatable {
  /// Not a token, not ours, or signed otherwise than its key allows. What exactly is not told to who sent it.
  case invalid
  case expired

  package var code: ErrorCode {
    switch self {
    case .invalid: .unauthenticated
    case .expired: .tokenExpired
    }
  }
}

/// Issues access tokens (JWT, RFC 7519) with the installation's secret, and checks these and those of an identity
/// provider whose public key is configured.
///
/// A key is bound to one algorithm and one issuer (RFC 8725 §3.1): the token's header only chooses among the keys.
package struct Tokens: Sendable {
  package static let issuer = "aura"
  package static let audience = "aura"
  package static let bytesMax = 4_096
  package static let accessLifetime = Span.minutes(15)
  /// How far another provider's clock may be off. Our own tokens meet the clock that they were made by.
  package static let leeway = Span.seconds(30)

  private struct Key: Sendable {
    var algorithm: LibJWT.Algorithm
    var bytes: [UInt8]
    var issuer: String
    var audience: String
    var leeway: Span
    /// Claims that only our own tokens can be trusted to carry.
    var isOwn: Bool
  }

  private let own: Key
  private var keys: [Key]

  package init(secret: InstallationSecret) {
    own = Key(
      algorithm: .hs256, bytes: secret.key(for: "access token HS256"), issuer: Self.issuer, audience: Self.audience,
      leeway: Span(milliseconds: 0), isOwn: true)
    keys = [own]
  }

  /// Takes tokens of another issuer as well: `publicKey` is a PEM file's text, RSA for RS256 or P-256 for ES256.
  /// `false` when it is neither.
  package mutating func trust(publicKey pem: String, issuer: String, audience: String = Self.audience) -> Bool {
    guard let algorithm = PublicKey.algorithm(ofPEM: pem) else { return false }
    keys.append(
      Key(
        algorithm: algorithm, bytes: Array(pem.utf8), issuer: issuer, audience: audience, leeway: Self.leeway,
        isOwn: false))
    return true
  }

  /// Issues a token; `nil` only when libjwt has no memory.
  package func issue(_ claims: AccessClaims) -> String? {
    var object: JSONObject = [
      "iss": .string(own.issuer), "aud": .string(own.audience), "sub": .string(claims.user.description),
      "iat": .integer(claims.issuedAt.milliseconds / 1_000), "exp": .integer(claims.expiresAt.milliseconds / 1_000),
    ]
    if let session = claims.session { object["sid"] = .string(session.description) }
    if let epoch = claims.epoch { object["epoch"] = .integer(epoch) }
    return LibJWT.sign(claims: JSON.object(object).text, algorithm: own.algorithm, key: own.bytes)
  }

  /// Checks signature, algorithm, issuer, audience and times. Whether user, session and epoch still stand is for the
  /// database to say.
  package func verify(_ token: String, now: Instant) throws(TokenFailure) -> AccessClaims {
    guard let algorithm = Self.headerAlgorithm(of: token) else { throw .invalid }
    for key in keys where key.algorithm == algorithm {
      guard let text = LibJWT.verify(token, algorithm: algorithm, key: key.bytes) else { continue }
      guard let claims = try? JSON.parse(text) else { throw .invalid }
      return try Self.check(claims, by: key, now: now)
    }
    throw .invalid
  }

  /// Reads the header before libjwt sees the token. One that names an extension as critical is refused (RFC 7515 §4.1.11).
  private static func headerAlgorithm(of token: String) -> LibJWT.Algorithm? {
    guard token.utf8.count <= bytesMax, !token.utf8.contains(0) else { return nil }
    let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty && Base64URL.decode($0) != nil }),
      let header = Base64URL.decode(parts[0]), let fields = try? JSON.parse(header), fields["crit"] == nil,
      let name = fields["alg"]?.string
    else { return nil }
    return LibJWT.Algorithm(rawValue: name)
  }

  private static func check(_ claims: JSON, by key: Key, now: Instant) throws(TokenFailure) -> AccessClaims {
    guard claims["iss"]?.string == key.issuer, names(claims["aud"], key.audience),
      let user = claims["sub"]?.string.flatMap({ ID($0) }), let expires = instant(claims["exp"])
    else { throw .invalid }
    // "Not before" is optional, and our own tokens carry none.
    if let notBefore = claims["nbf"] {
      guard let start = instant(notBefore), start <= now + key.leeway else { throw .invalid }
    }
    guard expires + key.leeway > now else { throw .expired }
    var session: ID?
    var epoch: Int?
    if key.isOwn {
      if let sid = claims["sid"] {
        guard let id = sid.string.flatMap({ ID($0) }) else { throw .invalid }
        session = id
      }
      guard let value = claims["epoch"]?.integer else { throw .invalid }
      epoch = value
    }
    return AccessClaims(
      user: user, session: session, epoch: epoch, issuedAt: instant(claims["iat"]) ?? now, expiresAt: expires)
  }

  /// `aud` is one name or a list of them (RFC 7519 §4.1.3).
  private static func names(_ audience: JSON?, _ wanted: String) -> Bool {
    switch audience {
    case .string(let name): name == wanted
    case .array(let names): names.contains(.string(wanted))
    default: false
    }
  }

  /// Seconds since 1970 within what the wire accepts; providers may print them as a real.
  private static func instant(_ value: JSON?) -> Instant? {
    let seconds: Double
    switch value {
    case .integer(let whole): seconds = Double(whole)
    case .real(let real): seconds = real
    default: return nil
    }
    guard seconds >= 0, seconds < Double(Instant.latest.milliseconds / 1_000) else { return nil }
    return Instant(milliseconds: Int(seconds * 1_000))
  }
}

/// Tells what a PEM public key is for by the algorithm that its SubjectPublicKeyInfo names (RFC 5280 §4.1.2.7).
private enum PublicKey {
  private static let rsa: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
  private static let p256: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]

  static func algorithm(ofPEM pem: String) -> LibJWT.Algorithm? {
    let lines = pem.split(whereSeparator: \.isNewline)
    guard lines.count >= 3, lines.first == "-----BEGIN PUBLIC KEY-----", lines.last == "-----END PUBLIC KEY-----" else {
      return nil
    }
    let body = lines.dropFirst().dropLast().joined().utf8.compactMap { character -> UInt8? in
      switch character {
      case UInt8(ascii: "+"): UInt8(ascii: "-")
      case UInt8(ascii: "/"): UInt8(ascii: "_")
      case UInt8(ascii: "="), UInt8(ascii: "\r"), UInt8(ascii: " "): nil
      default: character
      }
    }
    guard let bytes = Base64URL.decode(body) else { return nil }
    // The algorithm stands before the key itself.
    let head = Array(bytes.prefix(32))
    if head.firstRange(of: rsa) != nil { return .rs256 }
    if head.firstRange(of: p256) != nil { return .es256 }
    return nil
  }
}

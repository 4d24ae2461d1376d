import CJWT
import Glibc

/// The door to libjwt: every unsafe line that touches it is in this file. It signs and checks signatures; what the
/// claims must say is decided in `Tokens`.
enum LibJWT {
  enum Algorithm: String, Sendable, CaseIterable {
    case hs256 = "HS256"
    case es256 = "ES256"
    case rs256 = "RS256"

    fileprivate var code: jwt_alg_t {
      switch self {
      case .hs256: JWT_ALG_HS256
      case .es256: JWT_ALG_ES256
      case .rs256: JWT_ALG_RS256
      }
    }
  }

  /// A token of these claims (a JSON object as text); `nil` when libjwt takes the claims or the key for unfit.
  static func sign(claims: String, algorithm: Algorithm, key: [UInt8]) -> String? {
    var made: OpaquePointer?
    guard jwt_new(&made) == 0, let token = made else { return nil }
    defer { jwt_free(token) }
    guard jwt_add_grants_json(token, claims) == 0,
      jwt_set_alg(token, algorithm.code, key, Int32(key.count)) == 0,
      let text = jwt_encode_str(token)
    else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  /// The claims of a token that bears a valid signature of exactly this algorithm by this key; `nil` otherwise.
  ///
  /// libjwt takes the algorithm from the token. That alone would let a public key be used as an HMAC secret, and
  /// "none" pass without a key: the caller compares the header first, and here the answer is compared again.
  static func verify(_ token: String, algorithm: Algorithm, key: [UInt8]) -> String? {
    precondition(!key.isEmpty, "without a key libjwt checks nothing")
    var decoded: OpaquePointer?
    guard jwt_decode(&decoded, token, key, Int32(key.count)) == 0, let jwt = decoded else { return nil }
    defer { jwt_free(jwt) }
    guard jwt_get_alg(jwt) == algorithm.code, let claims = jwt_get_grants_json(jwt, nil) else { return nil }
    defer { free(claims) }
    return String(cString: claims)
  }
}

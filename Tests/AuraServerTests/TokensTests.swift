import AuraDomain
import AuraSodium
import AuraJSON
import Testing

@testable import AuraServer

@Suite struct TokensTests {
  private static let now = Instant(milliseconds: 1_770_000_000_000)
  private static let secret = InstallationSecret(bytes: [UInt8](repeating: 7, count: 32))
  private static let user = ID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001)
  private static let session = ID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0002)

  private static func claims(epoch: Int? = 3, session: ID? = session, lifetime: Span = .minutes(15)) -> AccessClaims {
    AccessClaims(user: user, session: session, epoch: epoch, issuedAt: now, expiresAt: now + lifetime)
  }

  /// A token with any header and claims, signed as HS256 with `key` whatever the header says.
  private static func forge(header: String, claims: String, key: [UInt8]) -> String {
    // An HS256 token of libjwt's own making lends its signature only where the header is libjwt's own; so sign here.
    let input = Base64URL.encode(Array(header.utf8)) + "." + Base64URL.encode(Array(claims.utf8))
    return input + "." + Base64URL.encode(HMAC.sha256(Array(input.utf8), key: key))
  }

  private static func ownClaims(_ change: (inout JSONObject) -> Void = { _ in }) -> String {
    var object: JSONObject = [
      "iss": "aura", "aud": "aura", "sub": .string(user.description), "epoch": 0,
      "iat": .integer(now.milliseconds / 1_000), "exp": .integer(now.milliseconds / 1_000 + 60),
    ]
    change(&object)
    return JSON.object(object).text
  }

  @Test func `what was issued is what is read`() throws {
    let tokens = Tokens(secret: Self.secret)
    let token = try #require(tokens.issue(Self.claims()))
    #expect(try tokens.verify(token, now: Self.now) == Self.claims())
    let ofCommandLine = try #require(tokens.issue(Self.claims(session: nil)))
    #expect(try tokens.verify(ofCommandLine, now: Self.now).session == nil)
  }

  @Test func `a token ends at its second, and before that the clock may jump back`() throws {
    let tokens = Tokens(secret: Self.secret)
    let token = try #require(tokens.issue(Self.claims(lifetime: .seconds(60))))
    #expect(throws: Never.self) { try tokens.verify(token, now: Self.now + .seconds(59)) }
    #expect(throws: TokenFailure.expired) { try tokens.verify(token, now: Self.now + .seconds(60)) }
    #expect(throws: Never.self) { try tokens.verify(token, now: Self.now - .hours(1)) }
  }

  @Test func `a token of another installation is refused`() throws {
    let token = try #require(
      Tokens(secret: InstallationSecret(bytes: [UInt8](repeating: 8, count: 32))).issue(Self.claims()))
    #expect(throws: TokenFailure.invalid) { try Tokens(secret: Self.secret).verify(token, now: Self.now) }
  }

  @Test func `the forging of these tests is a true one`() throws {
    let token = Self.forge(
      header: #"{"alg":"HS256"}"#, claims: Self.ownClaims(), key: Self.secret.key(for: "access token HS256"))
    #expect(throws: Never.self) { try Tokens(secret: Self.secret).verify(token, now: Self.now) }
  }

  @Test(arguments: ["none", "None", "NONE", "", "HS384", "HS512", "hs256", "RS256", "ES256", "PS256"])
  func `only the key's own algorithm is taken, whatever the header says`(algorithm: String) {
    let key = Self.secret.key(for: "access token HS256")
    let signed = Self.forge(header: #"{"typ":"JWT","alg":"\#(algorithm)"}"#, claims: Self.ownClaims(), key: key)
    let tokens = Tokens(secret: Self.secret)
    #expect(throws: TokenFailure.invalid) { try tokens.verify(signed, now: Self.now) }
    let unsigned = signed.split(separator: ".").prefix(2).joined(separator: ".") + "."
    #expect(throws: TokenFailure.invalid) { try tokens.verify(unsigned, now: Self.now) }
  }

  @Test func `a header without an algorithm, or with a critical extension, is refused`() {
    let key = Self.secret.key(for: "access token HS256")
    let tokens = Tokens(secret: Self.secret)
    for header in [
      "{}", #"{"alg":"HS256","crit":["exp"]}"#, #"{"alg":"HS256","alg":"none"}"#, "[]", "null", "\"HS256\"",
    ] {
      let token = Self.forge(header: header, claims: Self.ownClaims(), key: key)
      #expect(throws: TokenFailure.invalid) { try tokens.verify(token, now: Self.now) }
    }
  }

  @Test func `claims that are missing or of another kind are refused`() {
    let key = Self.secret.key(for: "access token HS256")
    let tokens = Tokens(secret: Self.secret)
    let changes: [(inout JSONObject) -> Void] = [
      { $0["iss"] = nil }, { $0["iss"] = "other" }, { $0["aud"] = nil }, { $0["aud"] = "other" },
      { $0["aud"] = ["other"] },
      { $0["sub"] = nil }, { $0["sub"] = "admin" }, { $0["sub"] = 7 }, { $0["exp"] = nil },
      { $0["exp"] = "9999999999" },
      { $0["exp"] = -1 }, { $0["exp"] = .integer(.max) }, { $0["exp"] = .real(1e300) }, { $0["epoch"] = nil },
      { $0["epoch"] = "0" }, { $0["sid"] = "nobody" }, { $0["nbf"] = .integer(Self.now.milliseconds / 1_000 + 1) },
    ]
    for change in changes {
      let claims = Self.ownClaims(change)
      let token = Self.forge(header: #"{"alg":"HS256"}"#, claims: claims, key: key)
      #expect(throws: TokenFailure.invalid, "\(claims)") { try tokens.verify(token, now: Self.now) }
    }
  }

  @Test func `one changed character, wherever it stands, is refused`() throws {
    let tokens = Tokens(secret: Self.secret)
    let token = Array(try #require(tokens.issue(Self.claims())).utf8)
    for index in token.indices {
      var changed = token
      changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      let text = String(decoding: changed, as: UTF8.self)
      #expect(throws: TokenFailure.self, "at \(index)") { try tokens.verify(text, now: Self.now) }
    }
  }

  @Test(arguments: ["", ".", "..", "...", "a.b.c", "a.b", "💧.💧.💧", "eyJhbGciOiJub25lIn0..", " ", "\0", "a.b.c.d.e"])
  func `what is no token is refused`(text: String) {
    let tokens = Tokens(secret: Self.secret)
    #expect(throws: TokenFailure.invalid) { try tokens.verify(text, now: Self.now) }
    #expect(throws: TokenFailure.invalid) {
      try tokens.verify(text + String(repeating: "a", count: 100_000), now: Self.now)
    }
  }

  @Test func `a provider's token is taken by its public key, for its issuer, with its clock`() throws {
    var tokens = Tokens(secret: Self.secret)
    let knowsRSA = tokens.trust(publicKey: TestKeys.rsaPublic, issuer: "https://id.example")
    #expect(knowsRSA)
    let knowsP256 = tokens.trust(publicKey: TestKeys.p256Public, issuer: "https://id.example")
    #expect(knowsP256)
    let claims = Self.ownClaims {
      $0["iss"] = "https://id.example"
      $0["epoch"] = nil
      $0["sid"] = "their-own"
    }
    for (algorithm, key) in [(LibJWT.Algorithm.rs256, TestKeys.rsaPrivate), (.es256, TestKeys.p256Private)] {
      let token = try #require(LibJWT.sign(claims: claims, algorithm: algorithm, key: Array(key.utf8)))
      let read = try tokens.verify(token, now: Self.now)
      #expect(read.user == Self.user && read.session == nil && read.epoch == nil)
      #expect(throws: Never.self) { try tokens.verify(token, now: Self.now + .seconds(80)) }
      #expect(throws: TokenFailure.expired) { try tokens.verify(token, now: Self.now + .seconds(91)) }
      let pretending = try #require(LibJWT.sign(claims: Self.ownClaims(), algorithm: algorithm, key: Array(key.utf8)))
      #expect(throws: TokenFailure.invalid) { try tokens.verify(pretending, now: Self.now) }
    }
  }

  @Test func `a public key is no HMAC secret`() {
    var tokens = Tokens(secret: Self.secret)
    let knowsRSA = tokens.trust(publicKey: TestKeys.rsaPublic, issuer: "aura")
    #expect(knowsRSA)
    for key in [TestKeys.rsaPublic, TestKeys.rsaPublic.trimmingSuffix("\n")] {
      for algorithm in ["HS256", "RS256"] {
        let token = Self.forge(
          header: #"{"alg":"\#(algorithm)","typ":"JWT"}"#, claims: Self.ownClaims(), key: Array(key.utf8))
        #expect(throws: TokenFailure.invalid) { try tokens.verify(token, now: Self.now) }
      }
    }
  }

  @Test func `a file that holds no public key is not trusted`() {
    var tokens = Tokens(secret: Self.secret)
    for text in ["", "hello", TestKeys.rsaPrivate, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
      let isTrusted = tokens.trust(publicKey: text, issuer: "x")
      #expect(!isTrusted)
    }
  }

  @Test func `base 64 has one text for each value`() {
    for count in 0..<40 {
      let bytes = Sodium.randomBytes(count)
      #expect(Base64URL.decode(Base64URL.encode(bytes).utf8) == bytes)
    }
    for text in ["A", "AB=", "AB==", "A+", "A/", "AB", "AAB", "A A"] {
      #expect(Base64URL.decode(text.utf8) == nil, "\(text)")
    }
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}

import CSodium

/// The door to libsodium: every unsafe line that touches it is in this file. Each call is synchronous and thread-safe.
package enum Sodium {
  /// What one argon2id hash costs. The default is OWASP's second choice: 19 MiB, two passes, one lane.
  package struct Cost: Sendable, Equatable {
    package var memoryBytes: Int
    package var passes: Int

    package init(memoryBytes: Int, passes: Int) {
      self.memoryBytes = memoryBytes
      self.passes = passes
    }

    package static let standard = Cost(memoryBytes: 19 << 20, passes: 2)
    /// The least that libsodium takes; for tests of everything but the cost itself.
    package static let least = Cost(memoryBytes: Int(crypto_pwhash_argon2id_MEMLIMIT_MIN), passes: 1)
  }

  package static let digestBytes = 32

  /// `sodium_init` chooses implementations for this processor and may be called often, but not from two threads at once.
  private static let isReady: Bool = sodium_init() >= 0

  /// The password's argon2id hash with its salt and cost, as text of the form `$argon2id$v=19$m=…`; `nil` when there
  /// is not enough memory.
  package static func passwordHash(_ password: String, cost: Cost) -> String? {
    precondition(isReady, "libsodium did not start")
    var text = [CChar](repeating: 0, count: Int(crypto_pwhash_argon2id_STRBYTES))
    let characters = terminated(password)
    let count = UInt64(characters.count - 1)
    guard crypto_pwhash_str(&text, characters, count, UInt64(cost.passes), cost.memoryBytes) == 0 else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Whether `hash` was made of `password`. A text that is no hash fits none.
  package static func isPassword(_ password: String, of hash: String) -> Bool {
    precondition(isReady, "libsodium did not start")
    guard let text = padded(hash) else { return false }
    let characters = terminated(password)
    return crypto_pwhash_str_verify(text, characters, UInt64(characters.count - 1)) == 0
  }

  /// Whether `hash` was made at another cost than `cost`.
  package static func isOutdated(_ hash: String, cost: Cost) -> Bool {
    precondition(isReady, "libsodium did not start")
    guard let text = padded(hash) else { return true }
    return crypto_pwhash_str_needs_rehash(text, UInt64(cost.passes), cost.memoryBytes) != 0
  }

  package static func randomBytes(_ count: Int) -> [UInt8] {
    precondition(isReady, "libsodium did not start")
    var bytes = [UInt8](repeating: 0, count: count)
    randombytes_buf(&bytes, count)
    return bytes
  }

  /// BLAKE2b of 256 bits; with a key (16 … 64 bytes) it is a message authentication code.
  package static func digest(_ message: [UInt8], key: [UInt8] = []) -> [UInt8] {
    precondition(isReady, "libsodium did not start")
    precondition(key.isEmpty || (16...64).contains(key.count), "a BLAKE2b key has 16 to 64 bytes")
    var digest = [UInt8](repeating: 0, count: digestBytes)
    crypto_generichash(&digest, digestBytes, message, UInt64(message.count), key.isEmpty ? nil : key, key.count)
    return digest
  }

  /// SHA-256 (FIPS 180-4) as 64 hexadecimal digits, for what others must be able to check with their own tools.
  package static func sha256(_ message: [UInt8]) -> String {
    precondition(isReady, "libsodium did not start")
    var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
    crypto_hash_sha256(&digest, message, UInt64(message.count))
    var text = [CChar](repeating: 0, count: digest.count * 2 + 1)
    sodium_bin2hex(&text, text.count, digest, digest.count)
    return String(decoding: text.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// HMAC-SHA256 (RFC 2104); the key may be of any length.
  package static func hmacSHA256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    precondition(isReady, "libsodium did not start")
    var state = crypto_auth_hmacsha256_state()
    var code = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
    crypto_auth_hmacsha256_init(&state, key, key.count)
    crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
    crypto_auth_hmacsha256_final(&state, &code)
    sodium_memzero(&state, MemoryLayout.size(ofValue: state))
    return code
  }

  /// Compares in a time that does not depend on the bytes.
  package static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && sodium_memcmp(a, b, a.count) == 0
  }

  /// With a NUL behind it, so that an empty password has an address too.
  private static func terminated(_ password: String) -> [CChar] { password.utf8.map { CChar(bitPattern: $0) } + [0] }

  /// The text in a buffer of the length that libsodium reads; `nil` when it cannot be a hash.
  private static func padded(_ hash: String) -> [CChar]? {
    let bytes = hash.utf8
    guard bytes.count < Int(crypto_pwhash_argon2id_STRBYTES), !bytes.contains(0) else { return nil }
    var text = bytes.map { CChar(bitPattern: $0) }
    text.append(contentsOf: repeatElement(0, count: Int(crypto_pwhash_argon2id_STRBYTES) - text.count))
    return text
  }
}

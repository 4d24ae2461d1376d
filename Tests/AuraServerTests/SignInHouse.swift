import AuraDomain
import AuraJSON
import AuraSodium
import AuraStore
@testable import AuraTransport
import Foundation
import Synchronization
import Testing

@testable import AuraServer

/// A store with one user, and the sign-in before it, without a socket.
final class House: Sendable {
  static let right: JSONObject = ["email": "sales@demo.aura", "password": "secret"]
  static let wrong: JSONObject = ["email": "sales@demo.aura", "password": "wrong"]

  struct Answer {
    var status: Int
    var headers: [(name: String, value: String)]
    var json: JSON

    /// The refresh cookie's is the last of its name.
    func header(_ name: String) -> String? { headers.last { $0.name == name }?.value }
    /// The refresh cookie's value.
    var cookie: String? {
      guard let value = header("Set-Cookie")?.split(separator: ";").first?.dropFirst("aura_refresh=".count) else {
        return nil
      }
      return value.isEmpty ? nil : String(value)
    }
    var essence: (Int, String?, String?) { (status, json["code"]?.string, json["message"]?.string) }
  }

  let user = ID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001)
  let tokens: Tokens
  private let signIn: SignIn
  private let store: Store
  private let passwords: Passwords
  private let folder: String
  private let clock: Clock
  private let seen: Seen

  private final class Clock: Sendable {
    let value = Mutex(Instant(milliseconds: 1_770_000_000_000))
  }

  private final class Seen: Sendable {
    let signals = Mutex<[Signal]>([])
  }

  private init(limits: LoginLimits, allowedOrigins: Set<String>) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aura-sign-in-\(UUID())").path
    self.folder = folder
    let clock = Clock()
    self.clock = clock
    let now: @Sendable () -> Instant = { clock.value.withLock { $0 } }
    let seen = Seen()
    self.seen = seen
    store = try Store(configuration: StoreConfiguration(directory: folder, clock: now))
    store.start { batch in seen.signals.withLock { $0 += batch.signals } }
    let secret = try InstallationSecret(directory: folder)
    tokens = Tokens(secret: secret)
    passwords = Passwords(threads: 1, waitingMax: 32, cost: .least)
    signIn = SignIn(
      store: store, tokens: tokens, secret: secret, passwords: passwords, allowedOrigins: allowedOrigins,
      limits: limits, clock: now)
  }

  /// Opens the house with its one user in it.
  static func open(
    limits: LoginLimits = LoginLimits(), allowedOrigins: Set<String> = [], hashCost: Sodium.Cost = .least
  ) async throws -> House {
    let house = try House(limits: limits, allowedOrigins: allowedOrigins)
    try await house.write { scope in
      var user = User()
      user.id = house.user
      user.email = "sales@demo.aura"
      user.fullName = "สมศรี"
      user.passwordHash = Sodium.passwordHash("secret", cost: hashCost)
      try Accounts.insert(scope, user)
    }
    return house
  }

  func close() {
    store.stop()
    passwords.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  var now: Instant { clock.value.withLock { $0 } }
  func move(_ span: Span) { clock.value.withLock { $0 = $0 + span } }

  /// Runs `work` while the writer is held up: what needs it would wait for ever.
  func withoutWriter(_ work: () async throws -> Void) async rethrows {
    let held = DispatchSemaphore(value: 0)
    store.write { _ in
      held.wait()
    } then: { _ in
    }
    defer { held.signal() }
    try await work()
  }

  /// What the hub was told to close.
  var signals: [Signal] {
    seen.signals.withLock { $0 }.filter { if case .sessionRevoked = $0 { true } else { false } }
  }

  func post(
    _ route: String, _ body: JSONObject = [:], cookie: String? = nil, bearer: String? = nil, isEncrypted: Bool = false
  ) async -> Answer {
    var headers = ["content-type": "application/json", "host": "hub:8080"]
    if let cookie { headers["cookie"] = "theme=dark; aura_refresh=\(cookie)" }
    if let bearer { headers["authorization"] = "Bearer \(bearer)" }
    return await request(
      "/api/auth/\(route)", headers: headers, body: Array(JSON.object(body).text.utf8), isEncrypted: isEncrypted)
  }

  func request(
    _ path: String, method: String = "POST", headers: [String: String] = ["content-type": "application/json"],
    body: [UInt8], isEncrypted: Bool = false
  ) async -> Answer {
    let request = HTTPRequest(
      method: method, path: path, query: [], headers: headers, body: body, peer: "192.0.2.1", isEncrypted: isEncrypted)
    let response = await withCheckedContinuation { continuation in
      signIn.handle(request, HTTPResponder { continuation.resume(returning: $0) })
    }
    return Answer(
      status: response.status, headers: response.headers, json: (try? JSON.parse(response.body)) ?? .null)
  }

  func write<T: Sendable>(_ work: @escaping @Sendable (WriteTransaction) throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
      store.write(work) { continuation.resume(with: $0) }
    }
  }

  func identity(_ claims: AccessClaims) async throws -> Identity? {
    try await withCheckedThrowingContinuation { continuation in
      store.read({ try $0.identity(user: claims.user, session: claims.session) }) { continuation.resume(with: $0) }
    }
  }

  func passwordHash() async throws -> String {
    let user = user
    return try await write { try Accounts.user($0.session, id: user)?.passwordHash ?? "" }
  }
}

import AuraSodium
import AuraThreads
import Synchronization
import Testing

@testable import AuraServer

@Suite struct PasswordsTests {
  private static func passwords(waitingMax: Int = 8) -> Passwords {
    Passwords(threads: 1, waitingMax: waitingMax, cost: .least)
  }

  private static func verdict(_ passwords: Passwords, _ password: String, _ hash: String?) async -> Passwords.Verdict {
    await withCheckedContinuation { continuation in
      #expect(passwords.check(password, against: hash) { continuation.resume(returning: $0) })
    }
  }

  @Test func `the stored hash is argon2id at 19 MiB and two passes`() throws {
    let hash = try #require(Passwords.hash("correct horse"))
    #expect(hash.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
    #expect(hash != Passwords.hash("correct horse"))
    #expect(!Sodium.isOutdated(hash, cost: .standard))
  }

  @Test(arguments: ["secret", "", "รหัสผ่านของฉัน", "a\0b", String(repeating: "x", count: 1_024)])
  func `a password fits its own hash and no other`(password: String) async throws {
    let passwords = Self.passwords()
    defer { passwords.stop() }
    let hash = try #require(Sodium.passwordHash(password, cost: .least))
    #expect(await Self.verdict(passwords, password, hash) == .right(rehash: nil))
    #expect(await Self.verdict(passwords, password + "x", hash) == .wrong)
    #expect(await Self.verdict(passwords, "a", hash) == .wrong)
  }

  @Test func `without an account nothing fits, not even the empty password`() async {
    let passwords = Self.passwords()
    defer { passwords.stop() }
    #expect(await Self.verdict(passwords, "", nil) == .wrong)
    #expect(await Self.verdict(passwords, "secret", nil) == .wrong)
  }

  @Test(arguments: ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", String(repeating: "$", count: 500), "a\0b"])
  func `a text that is no hash fits nothing`(hash: String) async {
    let passwords = Self.passwords()
    defer { passwords.stop() }
    #expect(await Self.verdict(passwords, "secret", hash) == .wrong)
    #expect(await Self.verdict(passwords, "", hash) == .wrong)
  }

  @Test func `a hash made at another cost is made anew when its password was right`() async throws {
    let passwords = Self.passwords()
    defer { passwords.stop() }
    let old = try #require(Sodium.passwordHash("secret", cost: .init(memoryBytes: 16_384, passes: 2)))
    guard case .right(.some(let new)) = await Self.verdict(passwords, "secret", old) else {
      Issue.record("the old hash was not right, or not outdated")
      return
    }
    #expect(!Sodium.isOutdated(new, cost: .least) && Sodium.isPassword("secret", of: new))
    #expect(await Self.verdict(passwords, "wrong", old) == .wrong)
  }

  @Test func `what is beyond the limit is refused, and what was taken is finished at the stop`() {
    let passwords = Self.passwords(waitingMax: 2)
    let gate = Signal()
    let done = Mutex(0)
    // The first job holds the thread until the others are in.
    let hash = Sodium.passwordHash("secret", cost: .least)
    let entered = Signal()
    #expect(
      passwords.check("secret", against: hash) { _ in
        entered.raise()
        gate.wait()
      })
    entered.wait()
    let taken = (0..<5).map { _ in passwords.make("x") { _ in done.withLock { $0 += 1 } } }
    #expect(taken == [true, true, false, false, false])
    gate.raise()
    passwords.stop()
    #expect(done.withLock { $0 } == 2)
    #expect(!passwords.make("x") { _ in })
  }
}

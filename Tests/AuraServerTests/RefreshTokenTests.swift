import AuraDomain
import Testing

@testable import AuraServer

@Suite struct RefreshTokenTests {
  private static let session = ID(high: 0x0199_0000_0000_7abc, low: 0x8000_0000_0000_0002)
  private static let key = [UInt8](repeating: 5, count: 32)

  /// The first token and those after it.
  private static func chain(_ count: Int) -> [RefreshToken] {
    (1..<count).reduce(into: [RefreshToken(session: session)]) { chain, _ in
      chain.append(chain[chain.count - 1].successor(key: key))
    }
  }

  @Test func `a cookie reads as what was written`() throws {
    let token = RefreshToken(session: Self.session)
    #expect(token.text.utf8.count == 64)
    #expect(RefreshToken(token.text) == token)
    for text in ["", "x", String(repeating: "=", count: 64), token.text + "A", String(token.text.dropLast())] {
      #expect(RefreshToken(text) == nil)
    }
  }

  @Test func `the current one gets the next, each time the same`() {
    let chain = Self.chain(3)
    let standing = chain[1].standing(current: chain[1].digest, key: Self.key)
    #expect(standing == .current(chain[2]))
    #expect(chain[1].standing(current: chain[1].digest, key: Self.key) == standing)
    #expect(chain[2].digest != chain[1].digest)
  }

  @Test func `the one before gets the current one, for the answer that was lost`() {
    let chain = Self.chain(3)
    #expect(chain[1].standing(current: chain[2].digest, key: Self.key) == .justReplaced(chain[2]))
  }

  @Test func `the near look tells of the last two what the walk tells, and of others nothing`() {
    let chain = Self.chain(4)
    for token in [chain[2], chain[3]] {
      let near = token.nearStanding(current: chain[3].digest, key: Self.key)
      #expect(near != nil && near == token.standing(current: chain[3].digest, key: Self.key))
    }
    for token in [chain[0], chain[1], RefreshToken(session: Self.session)] {
      #expect(token.nearStanding(current: chain[3].digest, key: Self.key) == nil)
    }
  }

  @Test(arguments: [2, 3, 10, 1_000])
  func `an older one tells that somebody has it who should not`(steps: Int) {
    let chain = Self.chain(steps + 1)
    let standing = chain[0].standing(current: chain[steps].digest, key: Self.key)
    #expect(standing == .stolen)
  }

  @Test func `a guess, another session's or another installation's ends nothing`() {
    let chain = Self.chain(3)
    let other = RefreshToken(session: Self.session)
    let moved = RefreshToken(session: ID(high: 1, low: 2), secret: chain[0].secret)
    for token in [other, moved] {
      #expect(token.standing(current: chain[2].digest, key: Self.key) == .unknown)
    }
    let foreign = chain[0].standing(
      current: chain[2].digest, key: [UInt8](repeating: 6, count: 32))
    #expect(foreign == .unknown)
  }
}

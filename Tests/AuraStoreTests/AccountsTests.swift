import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `Users and their sessions` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  private func signIn(_ digest: UInt8) throws -> LoginSession {
    let (owner, expires) = (fixture.owner, bench.now + .days(30))
    let id = try bench.write { scope in
      let id = scope.newID()
      try LoginSessions.create(
        scope, id: id, user: owner, refreshDigest: [digest], expiresAt: expires, address: "127.0.0.1", agent: nil)
      return id
    }.0
    return try #require(try find(id))
  }

  private func identity(_ session: ID?) throws -> Identity? {
    try bench.read { try $0.identity(user: fixture.owner, session: session) }
  }

  private func find(_ id: ID) throws -> LoginSession? {
    try bench.read { try LoginSessions.find($0.session, id: id) }
  }

  @Test func `a user is found by an address in any case, and an address is there once`() throws {
    let user = try bench.read { try Accounts.user($0.session, email: "OWNER@bkk01.EXAMPLE") }
    #expect(user?.id == fixture.owner)
    #expect(user?.passwordHash == "secret-hash")
    #expect(throws: Accounts.AddressTaken(email: "owner@bkk01.example")) {
      try bench.write { scope in
        var user = User()
        user.id = scope.newID()
        user.email = "OWNER@BKK01.example"
        try Accounts.insert(scope, user)
      }
    }
  }

  @Test func `a session is valid until it expires or is revoked`() throws {
    let session = try signIn(1)
    #expect(try identity(session.id)?.session == .valid)
    #expect(try identity(fixture.clinic)?.session == .unknown)
    #expect(try identity(nil)?.session == nil)
    bench.now = session.expiresAt
    #expect(try identity(session.id)?.session == .expired)
    let batch = try bench.write { try LoginSessions.revoke($0, session: session.id) }.1
    #expect(batch.signals == [.sessionRevoked(session.id)])
    #expect(try identity(session.id)?.session == .revoked)
    // Once is enough.
    #expect(try bench.write { try LoginSessions.revoke($0, session: session.id) }.1.signals.isEmpty)
  }

  @Test func `a refresh token is replaced once: who still has the old one replaces nothing`() throws {
    let session = try signIn(1)
    let expires = bench.now + .days(60)
    func rotate(_ old: UInt8, _ new: UInt8) throws -> Bool {
      try bench.write {
        try LoginSessions.rotate($0, session: session.id, from: [old], to: [new], expiresAt: expires)
      }.0
    }
    #expect(try rotate(1, 2))
    #expect(try !rotate(1, 3))
    let found = try #require(try find(session.id))
    #expect(found.refreshDigest == [2])
    #expect(found.expiresAt == expires)
    #expect(found.rotatedAt == bench.now)
    try bench.write { try LoginSessions.revoke($0, session: session.id) }
    #expect(try !rotate(2, 3))
  }

  @Test func `raising the epoch ends every session of the user and tells of it`() throws {
    let sessions = [try signIn(1), try signIn(2)]
    let owner = fixture.owner
    let batch = try bench.write { try Accounts.raiseTokenEpoch($0, user: owner) }.1
    #expect(Set(batch.signals) == Set(sessions.map { .sessionRevoked($0.id) } + [.userDisabled(owner)]))
    #expect(try identity(nil)?.tokenEpoch == 1)
    #expect(try bench.read { try LoginSessions.active($0.session, user: owner, now: bench.now) }.isEmpty)
  }

  @Test func `an identity lists the active memberships of active clinics`() throws {
    let other = try Fixture(bench, code: "HKT01")
    try bench.run("UPDATE customers SET user_id = '\(fixture.owner)'")
    let found = try #require(try identity(nil))
    #expect(
      found.memberships == [
        Membership(clinic: fixture.clinic, role: .owner, staff: fixture.staff, customer: fixture.customer),
        Membership(clinic: other.clinic, role: nil, staff: nil, customer: other.customer),
      ])
    try bench.run(
      "UPDATE clinic_staff SET is_active = 0; UPDATE clinics SET is_active = 0 WHERE id = '\(other.clinic)'")
    // No longer staff, still the customer that they are.
    #expect(try identity(nil)?.memberships.map(\.customer) == [fixture.customer])
    #expect(try bench.read { try $0.identity(user: fixture.clinic, session: nil) } == nil)
  }

  @Test func `a disabled user is one, with the sessions ended`() throws {
    let session = try signIn(1)
    let owner = fixture.owner
    try bench.write { try Accounts.setStatus($0, user: owner, .disabled) }
    let found = try #require(try identity(session.id))
    #expect(!found.isActive)
    #expect(found.session == .revoked)
    #expect(found.tokenEpoch == 1)
  }
}

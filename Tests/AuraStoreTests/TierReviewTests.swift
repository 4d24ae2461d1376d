import AuraDomain
import Testing

@testable import AuraStore

/// A change of what tiers go by reaches every customer, some in each transaction, so that nobody waits long for the
/// writer; a restart between two slices goes on where the first has ended.
@Suite struct `A review of all tiers` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench { $0.decide = { command, draft in try decide(command, &draft) } }
    fixture = try Fixture(bench)
  }

  private func addProfiles(_ count: Int) throws {
    try bench.write { [fixture] scope in
      try scope.commit(clinic: fixture.clinic) { draft in
        for number in 0..<count {
          let customer = Fixture.customer(draft.newID(), draft.clinicID, code: "P-\(number)")
          draft.insert(customer)
          var profile = LoyaltyProfile()
          profile.id = draft.newID()
          profile.clinicID = draft.clinicID
          profile.customerID = customer.id
          profile.totalPoints = 1_500
          profile.referralCode = "BN\(number)"
          draft.insert(profile)
        }
      }
    }
  }

  private func set(_ change: LoyaltySettings.Change) throws {
    var request = bench.request(fixture.clinic, fixture.owner)
    request.command = .updateLoyaltySettings(change)
    let batch = bench.process(request)
    #expect(batch.codes.first == .some(nil))
  }

  /// Other timers wait too: a notification's end comes some night.
  private var reviews: Int {
    get throws { try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind = 'tier_review'") }
  }

  private var silver: Int {
    get throws { try bench.count("SELECT COUNT(*) FROM loyalty_profiles WHERE current_tier = 'silver'") }
  }

  @Test func `goes on in slices, over a restart too, and ends`() throws {
    try addProfiles(450)
    try set(LoyaltySettings.Change(tierBasis: .points))
    var seen = [try silver]
    while try reviews > 0, seen.count < 10 {
      bench.process()
      seen.append(try silver)
      try bench.reopen()
    }
    // The first slice may share the command's own transaction.
    #expect(seen.filter { $0 > 0 } == [200, 400, 450])
    #expect(try reviews == 0)
    #expect(try bench.count("SELECT COUNT(*) FROM customer_journey_events WHERE event_type = 'tier_changed'") == 450)
    #expect(try bench.count("SELECT COUNT(*) FROM notifications WHERE type = 'tier_changed'") == 450)
  }

  @Test func `comes with each month's end while a window is set`() throws {
    try addProfiles(3)
    try set(LoyaltySettings.Change([.qualifyingMonths: 2], tierBasis: .points))
    bench.process()
    #expect(try silver == 3)
    // 2026-02-02; nothing of the 1,500 points lies in the months that count from March on.
    bench.now = bench.now + .days(28)
    for _ in 0..<4 { bench.process() }
    #expect(try silver == 0)
    #expect(try reviews == 1)
    try set(LoyaltySettings.Change([.qualifyingMonths: 0]))
    bench.now = bench.now + .days(31)
    for _ in 0..<4 { bench.process() }
    #expect(try silver == 3)
    #expect(try reviews == 0)
  }
}

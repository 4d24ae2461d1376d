import Testing

@testable import AuraDomain

/// Where all credits are good for the same time, what expires is known without looking at any credit: the credits whose
/// end has come, less all that was ever taken. The ledger, which uses credits one by one, has to come to the same.
@Suite struct `Credits of one term` {
  @Test(arguments: 1...12)
  func `expire as the closed form says`(seed: Int) throws {
    var random = SplitMix64(state: UInt64(seed) &* 0x9E37_79B9)
    let world = World(seed: UInt64(seed))
    // Its end is another one.
    try world.set([.welcomeBonus: 0])
    let customer = try world.workflow(world.lead()).customerID
    var model = Model()
    var wasExpired = false
    for step in 0..<300 {
      world.now = world.now + .minutes(Int.random(in: 1...40_000, using: &random))
      var draft = Draft(
        rows: world.rows, actor: .system, now: world.now, seq: step + 2, commandKey: nil,
        ids: IDGenerator(random: SplitMix64(state: random.next())))
      try draft.expireCredits(of: customer)
      let expired = model.expire(at: world.now)
      wasExpired = wasExpired || expired > 0
      let posted = draft.changes.compactMap { $0.row as? PointTransaction }.reduce(0) { $0 - $1.amount }
      #expect(posted == expired, "seed \(seed), step \(step): \(posted) instead of \(expired)")

      let points = Int.random(in: 1...300, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        var bonus = Posting(.bonus, points, to: customer, key: "credit:\(step)", Texts("x"))
        bonus.expires = .at(world.now + .days(Model.term))
        try draft.credit(bonus)
        model.credits.append((points, world.now + .days(Model.term)))
      case 5..<9:
        guard model.available >= points else { break }
        try draft.debit(Posting(.redeemed, points, to: customer, key: "redeem:\(step)", Texts("x")))
        model.taken += points
      default:
        // Whatever is there: the rest is owed, and the next credits pay it off.
        try draft.debit(Posting(.refund, points, to: customer, key: "refund:\(step)", Texts("x")))
        model.taken += points
      }
      try world.rows.apply(draft.changes)
      #expect(try world.profile(customer).availablePoints == model.available, "seed \(seed), step \(step)")
      if model.available != (try world.profile(customer).availablePoints) { return }
    }
    #expect(wasExpired)
  }

  /// Credits and what was taken of them, expiry included; nothing is known of which gave what.
  private struct Model {
    static let term = 100

    var credits: [(points: Int, end: Instant)] = []
    var taken = 0

    var available: Int { credits.reduce(-taken) { $0 + $1.points } }

    mutating func expire(at now: Instant) -> Int {
      let due = credits.reduce(0) { $0 + ($1.end <= now ? $1.points : 0) }
      let expired = max(0, due - taken)
      taken += expired
      return expired
    }
  }
}

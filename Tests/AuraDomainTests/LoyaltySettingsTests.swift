import Testing

@testable import AuraDomain

@Suite struct `A clinic's settings of loyalty` {
  private func stored(_ world: World) throws -> JSON? {
    try world.rows.row(Clinic.self, world.rows.clinicID)?.settings["loyalty"]
  }

  private func change(_ numbers: [LoyaltySettings.Number: Int]) -> Command {
    .updateLoyaltySettings(LoyaltySettings.Change(numbers))
  }

  @Test func `change in what is named and come back whole`() throws {
    let world = World()
    let first = try world.run(change([.earnRateSt: 2_000]), as: .o1)
    #expect(first["settings"]?["earnRateSt"] == 2_000)
    #expect(first["settings"]?["welcomeBonus"] == 100)
    #expect(first["settings"]?["tierBasis"] == "spend")
    #expect(first["version"] == 2)
    let second = try world.run(change([.welcomeBonus: 0, .expiryMonths: 12]), as: .a1)
    #expect(second["settings"]?["earnRateSt"] == 2_000)
    #expect(try stored(world) == ["earn_rate_satang": 2_000, "expiry_months": 12, "welcome_bonus": 0])
    _ = try world.twice(change([.welcomeBonus: 0]), as: .o1)
    #expect(try world.ask(.loyaltySettings, as: .b1)["settings"] == second["settings"])
    #expect(try world.ask(.loyaltySettings, as: .s1)["version"] == second["version"])
  }

  @Test func `leave alone what else stands in the clinic's row`() throws {
    let world = World()
    var clinic = try #require(try world.rows.row(Clinic.self, world.rows.clinicID))
    clinic.settings = ["language": "en", "loyalty": ["earn_rate_satang": -1, "colour": "red"]]
    world.rows.put(clinic)
    try world.run(change([.reviewBonus: 5]), as: .o1)
    #expect(
      try world.rows.row(Clinic.self, world.rows.clinicID)?.settings == [
        "language": "en", "loyalty": ["earn_rate_satang": -1, "colour": "red", "review_bonus": 5],
      ])
    #expect(try world.ask(.loyaltySettings, as: .o1)["settings"]?["earnRateSt"] == 1_000)
  }

  @Test(arguments: LoyaltySettings.Number.allCases)
  func `are held to their range`(number: LoyaltySettings.Number) throws {
    let world = World()
    for value in [number.range.lowerBound - 1, number.range.upperBound + 1, .min, .max] {
      let refused = world.refusal(change([number: value]), as: .o1)
      #expect(refused?.code == .badRequest)
      #expect(refused?.details["path"]?.string?.hasPrefix("args.") == true)
    }
    for value in [number.range.lowerBound, number.range.upperBound] {
      let result = try world.run(change([number: value]), as: .o1)
      #expect(result["settings"]?[number.rawValue] == .integer(value))
    }
  }

  @Test func `are the owner's and admins' to change, and for staff to see`() throws {
    let it = try LoyaltyWorld()
    for person: World.Person in [.s1, .b1, .desk, .customer] {
      #expect(it.world.refusal(change([.reviewBonus: 5]), as: person)?.code == .forbidden)
    }
    #expect(it.world.refusal(.updateLoyaltySettings(.init()), as: .o1)?.details["path"] == "args")
    let refused = #expect(throws: Refusal.self) { try it.world.ask(.loyaltySettings, as: .customer) }
    #expect(refused?.code == .forbidden)
  }

  @Test func `never rewrite what has been posted`() throws {
    let it = try LoyaltyWorld()
    let before = it.world.rows.all(PointTransaction.self)
    try it.world.run(change([.earnRateSt: 10_000, .expiryMonths: 1]), as: .o1)
    #expect(it.world.rows.all(PointTransaction.self) == before)
    let sale = try it.world.bill(it.customer, 100_000)
    #expect(try it.world.pay(sale)["pointsAwarded"] == 10)
    try it.world.advance(.days(40))
    #expect(it.world.ledger(it.customer).filter { $0.hasPrefix("expire:") }.count == 1)
    #expect(try it.world.profile(it.customer).availablePoints == 650)
    // What was earned at the old rate goes back at it.
    let old = try #require(it.world.rows.of(PosTransaction.self, it.workflow).first)
    try it.world.run(.refundSale(RefundSale(sale: old.id, amountSt: 100_000, reason: "x")), as: .o1)
    #expect(it.world.ledger(it.customer).last?.contains(" -100 refund") == true)
  }
}

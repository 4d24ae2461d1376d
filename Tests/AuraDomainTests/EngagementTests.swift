import Testing

@testable import AuraDomain

@Suite struct `Bonuses beside the sales` {
  private func achievement(_ world: World, _ name: String, _ conditions: JSON, points: Int = 100) throws -> ID {
    var details = AchievementDetails()
    details.name = name
    details.conditions = conditions
    details.pointsReward = points
    return try #require(try world.run(.createAchievement(details), as: .o1)["achievementId"]?.id)
  }

  private func visit(_ world: World, _ name: String = "Malee", phone: String = "081-234-5678", code: String? = nil)
    throws
    -> ID
  {
    var lead = Initialize(customer: CustomerDetails(name: name, phone: phone))
    lead.customer.referralCode = code
    lead.treatment = world.t1
    let w = try #require(try world.run(.initialize(lead), as: .s1)["workflowId"]?.id)
    try world.run(.confirmPayment(world.payment(w, at: world.now)), as: .s1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    return try world.workflow(w).customerID
  }

  @Test func `come with what a customer has reached, once each, also one upon the other`() throws {
    let world = World()
    let first = try achievement(world, "First", ["totalSpent": 1])
    let rich = try achievement(world, "Points", ["pointsEarned": 700, "visitCount": 1])
    _ = try achievement(world, "Silver", ["tierReached": "silver"])
    let customer = try visit(world)
    #expect(
      world.ledger(customer).suffix(2) == [
        "achievement:\(customer):\(first) +100 bonus", "achievement:\(customer):\(rich) +100 bonus",
      ])
    let profile = try world.profile(customer)
    #expect(profile.totalAchievements == 2)
    #expect(profile.has(first) && profile.has(rich))
    #expect(world.rows.all(JourneyEvent.self).filter { $0.eventType == .loyaltyMilestone }.count == 2)
    try world.advance(.hours(2))
    _ = try visit(world)
    #expect(world.ledger(customer).filter { $0.hasPrefix("achievement:") }.count == 3)
  }

  @Test func `ask for visits in time, months in a row, and treatments`() throws {
    let world = World()
    let often = try achievement(world, "Often", ["visitCount": 2, "withinMonths": 1])
    let steady = try achievement(world, "Steady", ["consecutiveVisits": 3])
    let both = try achievement(world, "Both", ["treatmentTypes": [.id(world.t1), .id(world.laser)]])
    let customer = try visit(world)
    try world.advance(.days(40))
    _ = try visit(world)
    #expect(try !world.profile(customer).has(often))
    try world.advance(.days(20))
    _ = try visit(world)
    let profile = try world.profile(customer)
    #expect(profile.has(often))
    #expect(!profile.has(both))
    // February, March and April.
    #expect(profile.has(steady))
  }

  @Test func `refuse conditions that nobody understands`() throws {
    for conditions: JSON in [
      [:], ["luck": 1], ["totalSpent": "all"], ["withinMonths": 3], ["visitCount": 0], ["tierReached": "wood"],
      ["treatmentTypes": ["x"]], ["totalSpent": .integer(.max)],
    ] {
      #expect(AchievementConditions(conditions) == nil, "\(conditions)")
    }
    let world = World()
    var details = AchievementDetails()
    details.name = "x"
    details.conditions = ["luck": 1]
    #expect(world.refusal(.createAchievement(details), as: .o1)?.details["path"] == "args.conditions")
  }

  @Test func `are unlocked by hand where the conditions hold, or with an owner's reason`() throws {
    let world = World()
    let customer = try visit(world)
    let vip = try achievement(world, "VIP", ["tierReached": "gold"])
    #expect(try achievement(world, "VIP2", ["tierReached": "gold"]) != vip)
    let plain = Command.unlockAchievement(achievement: vip, customer: customer, override: false)
    let forced = Command.unlockAchievement(achievement: vip, customer: customer, override: true)
    #expect(world.refusal(plain, as: .s1)?.code == .invalidTransition)
    #expect(world.refusal(forced, as: .s1, reason: "a friend")?.code == .forbidden)
    #expect(try world.run(forced, as: .o1, reason: "an apology")["pointsAwarded"] == 100)
    #expect(world.refusal(forced, as: .o1, reason: "an apology")?.code == .duplicate)
  }

  @Test func `stay secret until they are reached`() throws {
    let world = World()
    var details = AchievementDetails()
    details.name = "Secret"
    details.conditions = ["visitCount": 2]
    details.isSecret = true
    try world.run(.createAchievement(details), as: .o1)
    world.customerID = try visit(world)
    func shown(_ person: World.Person) throws -> Int? {
      try world.ask(.loyaltyProfile(customer: world.customerID), as: person)["achievements"]?.array?.count
    }
    #expect(try shown(.customer) == 0)
    #expect(try shown(.s1) == 1)
    try world.advance(.hours(2))
    _ = try visit(world)
    #expect(try shown(.customer) == 1)
  }

  @Test func `thank whoever brings a friend, after the friend's first paid visit`() throws {
    let world = World()
    let friend = try visit(world)
    let code = try world.profile(friend).referralCode
    func lead(_ name: String, _ phone: String, code: String) -> Command {
      var details = CustomerDetails(name: name, phone: phone)
      details.referralCode = code
      return .initialize(Initialize(customer: details))
    }
    #expect(world.refusal(lead("Nok", "0822222222", code: "BNXXXXXXXX"), as: .s1)?.code == .badRequest)
    #expect(world.refusal(lead("Other Me", "0812345678", code: code), as: .s1)?.code == .badRequest)
    try world.advance(.hours(2))
    let newcomer = try visit(world, "Nok", phone: "0822222222", code: code.lowercased())
    #expect(world.ledger(friend).last == "referral:\(newcomer) +200 bonus")
    #expect(try world.profile(friend).successfulReferrals == 1)
    let coupon = try #require(world.rows.all(CustomerCoupon.self).first { $0.customerID == newcomer })
    #expect((coupon.source, coupon.percentBp) == (.referral, 1_000))
    try world.advance(.hours(2))
    _ = try visit(world, "Nok", phone: "0822222222")
    #expect(try world.profile(friend).successfulReferrals == 1)
  }

  @Test func `thank for nobody whose first visit was paid back whole`() throws {
    let world = World()
    let friend = try visit(world)
    let code = try world.profile(friend).referralCode
    try world.advance(.hours(2))
    let newcomer = try visit(world, "Nok", phone: "0822222222", code: code)
    let sale = try #require(world.rows.of(PosTransaction.self, customer: newcomer).first)
    try world.giveBack(sale.id, baht: 4_999)
    #expect(try world.profile(friend).successfulReferrals == 1)
    try world.giveBack(sale.id)
    #expect(
      world.ledger(friend).suffix(2) == [
        "referral:\(newcomer) +200 bonus", "refund:referral:\(newcomer) -200 refund",
      ])
    let profile = try world.profile(friend)
    #expect((profile.successfulReferrals, profile.totalPoints, profile.availablePoints) == (0, 650, 650))
    // Once per person, there and back.
    try world.advance(.hours(2))
    _ = try visit(world, "Nok", phone: "0822222222")
    let again = try #require(world.rows.of(PosTransaction.self, customer: newcomer).last { $0.type == .sale })
    try world.giveBack(again.id)
    #expect(try world.profile(friend).availablePoints == 650)
    #expect(try world.profile(newcomer).availablePoints == 100)
  }

  @Test func `count a friend without a bonus too, and take that back`() throws {
    let world = World()
    try world.set([.referralBonus: 0])
    let friend = try visit(world)
    try world.advance(.hours(2))
    let newcomer = try visit(world, "Nok", phone: "0822222222", code: try world.profile(friend).referralCode)
    #expect(try world.profile(friend).successfulReferrals == 1)
    let sale = try #require(world.rows.of(PosTransaction.self, customer: newcomer).first)
    try world.giveBack(sale.id)
    #expect(try world.profile(friend).successfulReferrals == 0)
    #expect(world.ledger(friend).count == 3)
  }

  @Test func `greet a newcomer in their language`() throws {
    let world = World()
    let friend = try visit(world)
    for (name, phone, language, text) in [
      ("Nok", "0822222222", Language.th, "ของขวัญต้อนรับ: "), ("Ann", "0833333333", .en, "Welcome gift: "),
    ] {
      var lead = Initialize(customer: CustomerDetails(name: name, phone: phone))
      lead.customer.referralCode = try world.profile(friend).referralCode
      lead.customer.language = language
      let customer = try #require(try world.run(.initialize(lead), as: .s1)["customerId"]?.id)
      #expect(world.lastTold(customer)?.hasPrefix(text) == true)
    }
  }

  @Test func `are two hundred achievements at a time`() throws {
    let world = World()
    for number in 0..<200 { _ = try achievement(world, "A\(number)", ["visitCount": .integer(number + 100)]) }
    var details = AchievementDetails()
    details.name = "one more"
    details.conditions = ["visitCount": 1]
    let refused = try #require(world.refusal(.createAchievement(details), as: .o1))
    #expect(refused.code == .tooLarge)
    #expect(refused.details["limit"] == 200)
    details.isActive = false
    let resting = try #require(try world.run(.createAchievement(details), as: .o1)["achievementId"]?.id)
    var wake = AchievementDetails()
    wake.isActive = true
    #expect(world.refusal(.updateAchievement(achievement: resting, wake), as: .o1)?.code == .tooLarge)
    let other = try #require(world.rows.all(Achievement.self).first { $0.isActive }?.id)
    // One that is in use can be changed.
    try world.run(.updateAchievement(achievement: other, wake), as: .o1)
    var rest = AchievementDetails()
    rest.isActive = false
    try world.run(.updateAchievement(achievement: other, rest), as: .o1)
    try world.run(.updateAchievement(achievement: resting, wake), as: .o1)
    #expect(try world.profile(visit(world)).has(resting))
  }

  @Test func `thank for ten friends a month`() throws {
    let world = World()
    let friend = try visit(world)
    let code = try world.profile(friend).referralCode
    for number in 0..<11 {
      try world.advance(.hours(2))
      _ = try visit(world, "N\(number)", phone: "08222222\(10 + number)", code: code)
    }
    #expect(world.ledger(friend).filter { $0.hasPrefix("referral:") }.count == 10)
    #expect(try world.profile(friend).successfulReferrals == 10)
  }

  @Test func `wish a happy birthday once a year, to whoever has paid`() throws {
    let world = World()
    var details = CustomerDetails(name: "Malee", phone: "081-234-5678")
    details.dateOfBirth = "1990-03-01"
    var lead = Initialize(customer: details)
    lead.treatment = world.t1
    try world.run(.initialize(lead), as: .s1)
    let customer = try visit(world)
    try world.advance(.days(30))
    #expect(world.ledger(customer).last == "birthday:\(customer):2026 +100 bonus")
    try world.advance(.days(365))
    #expect(world.ledger(customer).filter { $0.hasPrefix("birthday:") }.count == 2)
  }

  @Test func `come with checking in, once a day, and with a review, once a visit`() throws {
    let world = World()
    let w = try world.scheduled()
    let customer = try world.workflow(w).customerID
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    #expect(world.ledger(customer).last == "checkin:\(customer):2026-02-02 +10 bonus")
    try world.run(.correct(WorkflowStep(w)), as: .s1)
    try world.run(.checkIn(WorkflowStep(w)), as: .s1)
    #expect(world.ledger(customer).filter { $0.hasPrefix("checkin:") }.count == 1)
    #expect(world.refusal(.recordReview(workflow: w), as: .s1)?.code == .invalidTransition)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    #expect(try world.run(.recordReview(workflow: w), as: .s1)["pointsAwarded"] == 50)
    #expect(try world.twice(.recordReview(workflow: w), as: .s1)["pointsAwarded"] == 0)
  }

  @Test func `are given by hand by owners and admins, once for one thing`() throws {
    let world = World()
    let customer = try visit(world)
    func award(_ points: Int, _ transaction: String) -> Command {
      .awardPoints(AwardPoints(customer: customer, points: points, transaction: transaction))
    }
    #expect(try world.run(award(25, "t1"), as: .a1)["availablePoints"] == 675)
    #expect(world.refusal(award(25, "t1"), as: .a1)?.code == .duplicate)
    #expect(world.refusal(award(10_001, "t2"), as: .a1)?.code == .badRequest)
    #expect(world.refusal(award(1, "t3"), as: .s1)?.code == .forbidden)
  }
}

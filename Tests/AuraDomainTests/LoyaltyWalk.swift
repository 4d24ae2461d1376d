@testable import AuraDomain

/// A clinic's years of points at random. Nothing is random but the seed.
struct LoyaltyWalk {
  enum Rules: CaseIterable {
    /// As a clinic begins.
    case house
    case points
    /// Tiers rest on the last three months.
    case window
    /// Somebody changes the settings all the time, and bills have limits.
    case changing
  }

  /// What was done, to do it again.
  private struct Done {
    var command: Command
    var key: String
  }

  let world: World
  var random: SplitMix64
  var customers: [ID] = []
  var rewards: [ID] = []
  var sales: [ID] = []
  var accepted = 0
  var wasNegative = false
  var last = ""
  private let rules: Rules
  private var history: [Done] = []

  init(seed: UInt64, rules: Rules) throws {
    self.rules = rules
    world = World(seed: seed)
    world.firesTwice = [.pointsExpiry, .couponRelease, .birthday, .tierReview]
    random = SplitMix64(state: seed &* 0x51ED)
    switch rules {
    case .house, .changing: break
    case .points: try world.set(basis: .points)
    case .window: try world.set([.qualifyingMonths: 3])
    }
    rewards = [
      try world.reward("10%", cost: 500) { $0.perCustomerLimit = 6 },
      try world.reward("5%", cost: 60) { $0.percentBp = 500 },
      try world.reward("฿100", cost: 90) {
        $0.type = .discountAmount
        $0.monetaryValueSt = 10_000
        $0.stackable = false
        $0.couponDays = 20
      },
      try world.reward("few", cost: 40) { $0.maxRedemptions = 25 },
      try world.reward("gold", cost: 300) { $0.tierRequirement = .gold },
    ]
    var achievement = AchievementDetails()
    achievement.name = "Five visits"
    achievement.conditions = ["visitCount": 5]
    achievement.pointsReward = 200
    try world.run(.createAchievement(achievement), as: .o1)
    achievement.name = "Gold"
    achievement.conditions = ["tierReached": "gold", "consecutiveVisits": 2]
    try world.run(.createAchievement(achievement), as: .o1)
    rewards.append(
      try world.reward("by itself", cost: 30) {
        $0.percentBp = 700
        $0.autoApply = true
      })
  }

  /// How often somebody lost a tier.
  var fell: Int {
    func rank(_ word: JSON?) -> Int { word?.string.flatMap(Tier.init(rawValue:))?.rank ?? 0 }
    return world.rows.all(JourneyEvent.self).count {
      $0.eventType == .tierChanged && rank($0.eventData["to_tier"]) < rank($0.eventData["from_tier"])
    }
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
  private mutating func pick<T>(_ list: [T]) -> T? { list.randomElement(using: &random) }
  private mutating func satang(_ most: Int) -> Int { Int.random(in: 0...most, using: &random) }

  /// One operation; what is refused has to change nothing, which `check` sees.
  mutating func step() throws {
    try passTime()
    if chance(5), let done = pick(history) { try doAgain(done) }
    if rules == .changing && chance(4) { try changeSettings() }
    let customer = pick(customers)
    do {
      switch Int.random(in: 0..<100, using: &random) {
      case _ where customers.count < 4: try newcomer()
      case 0..<3 where customers.count < 40: try newcomer()
      case 0..<16: try visit(customer)
      case 16..<30: try openBill(customer)
      case 30..<45: try redeem(customer)
      case 45..<57: try applyCoupon()
      case 57..<75: try pay()
      case 75..<80: try cancelRedemption()
      case 80..<90: try refund()
      case 90..<93: try run(.voidSale(sale: try someSale()))
      case 93..<95: try run(.removeCoupon(sale: try someSale()))
      case 95..<98:
        guard let customer else { return }
        let award = AwardPoints(
          customer: customer, points: 1 + satang(80), transaction: "t\(satang(2_000))")
        try run(.awardPoints(award))
      default:
        guard let workflow = pick(world.rows.all(Workflow.self).suffix(10)) else { return }
        try run(.recordReview(workflow: workflow.id))
      }
    } catch is Refusal {}
  }

  private mutating func run(_ command: Command) throws {
    last = "\(command)"
    let key = "k\(accepted)"
    try world.run(command, as: .o1, reason: "so it is", key: key)
    accepted += 1
    if command.happensOnce { history.append(Done(command: command, key: key)) }
  }

  private func doAgain(_ done: Done) throws {
    try world.changesNothing(done.command, actor: world.actor(.o1), reason: "so it is", key: done.key)
  }

  /// Everything once more, long after it happened.
  func repeatAll() throws {
    for done in history { try doAgain(done) }
  }

  private mutating func changeSettings() throws {
    var change = LoyaltySettings.Change()
    switch Int.random(in: 0..<6, using: &random) {
    case 0: change.tierBasis = pick(TierBasis.allCases)
    case 1: change.numbers[.qualifyingMonths] = pick([0, 1, 2, 12])
    case 2: change.numbers[.earnRateSt] = pick([500, 1_000, 2_500])
    case 3: change.numbers[.expiryMonths] = pick([0, 1, 6, 24])
    case 4: change.numbers[.couponBillMaxBp] = pick([1_000, 5_000, 10_000])
    default: change.numbers[.couponBillMinSt] = pick([0, 50_000])
    }
    last = "\(change)"
    try world.run(.updateLoyaltySettings(change), as: .o1)
  }

  private mutating func passTime() throws {
    last = "time"
    if chance(50) { try world.advance(.minutes(satang(240))) }
    if chance(4) { try world.advance(.days(satang(20))) }
    if world.seq > 40 && satang(400) == 0 { try world.advance(.days(300 + satang(200))) }
    // The clock goes back now and then; over a month's end, a tier would wait for the next one.
    let back = world.now - .minutes(satang(60))
    if chance(2), calendar.month(back) == calendar.month(world.now) { world.now = back }
  }

  private mutating func newcomer() throws {
    let number = customers.count
    var details = CustomerDetails(name: "N\(number)", phone: "08\(10_000_000 + number)")
    details.dateOfBirth = chance(50) ? "1990-\(chance(50) ? "02-29" : "07-15")" : nil
    if chance(50) { details.referralCode = pick(world.rows.all(LoyaltyProfile.self))?.referralCode }
    last = "newcomer"
    let result = try world.run(.initialize(Initialize(customer: details)), as: .o1)
    accepted += 1
    if let id = result["customerId"]?.id { customers.append(id) }
  }

  /// A visit from the lead to its end, at a price that somebody has talked about.
  private mutating func visit(_ customer: ID?) throws {
    guard let customer, let row = try world.rows.row(Customer.self, customer) else { return }
    last = "visit"
    var lead = Initialize(customer: CustomerDetails(name: row.fullName, phone: row.phone ?? ""))
    lead.treatment = world.t1
    let w = try world.run(.initialize(lead), as: .o1)["workflowId"]?.id ?? world.newID()
    if chance(10) { return }
    var payment = world.payment(w, beautician: .b1, amountSt: chance(70) ? 500_000 : satang(3_000_000))
    payment.override = true
    payment.step.reason = "agreed"
    try run(.confirmPayment(payment))
    sales += world.rows.of(PosTransaction.self, w).map(\.id)
    if chance(12) { return try run(.cancel(w, pick(Settlement.allCases))) }
    var start = StartTreatment(step: WorkflowStep(w))
    start.beautician = world.id(.b1)
    try run(.startTreatment(start))
    if chance(5) { return }
    try run(.complete(w))
    if chance(5) { try run(.cancel(w, .refund)) }
  }

  private mutating func openBill(_ customer: ID?) throws {
    guard let customer else { return }
    last = "bill"
    let most = chance(10) ? 4_000_000 : 200_000
    sales.append(try world.bill(customer, satang(most), discount: 0, as: .s1))
    accepted += 1
  }

  private mutating func redeem(_ customer: ID?) throws {
    guard let customer, let reward = pick(rewards) else { return }
    try run(.redeemReward(reward: reward, customer: customer))
  }

  private mutating func someSale() throws -> ID {
    guard let id = chance(70) ? sales.suffix(12).randomElement(using: &random) : pick(sales) else {
      throw Refusal(.notFound, "none")
    }
    return id
  }

  private mutating func applyCoupon() throws {
    let sale = try someSale()
    let customer = try world.sale(sale).customerID
    // Mostly one's own; now and then somebody else's.
    let own = world.rows.of(CustomerCoupon.self, customer: chance(85) ? customer : pick(customers) ?? customer)
    guard let coupon = chance(80) ? own.filter({ $0.status == .active }).last : pick(own) else { return }
    try run(.applyCoupon(sale: sale, code: coupon.code))
  }

  private mutating func pay() throws {
    let sale = try someSale()
    try run(.paySale(PaySale(sale: sale, amountSt: try world.sale(sale).totalSt, method: .cash)))
  }

  private mutating func cancelRedemption() throws {
    guard let redemption = world.rows.all(LoyaltyRedemption.self).suffix(15).randomElement(using: &random) else {
      return
    }
    try run(.cancelRedemption(redemption: redemption.id))
  }

  private mutating func refund() throws {
    let sale = try someSale()
    if chance(25) {
      // Whoever has spent their points and is paid back afterwards owes some.
      let customer = try world.sale(sale).customerID
      for _ in 0..<12 where world.refusal(.redeemReward(reward: rewards[1], customer: customer), as: .o1) != nil {
        break
      }
    }
    let part = chance(50) ? 1 + satang(max(1, try world.sale(sale).paidSt)) : nil
    try run(.refundSale(RefundSale(sale: sale, amountSt: part, reason: "x")))
  }
}

extension Command {
  /// Whether doing it again, whatever has happened since, has to change nothing. What makes something new each time is
  /// kept from doing so by the store's memory of keys alone, and so is what can be done, undone and done again.
  fileprivate var happensOnce: Bool {
    switch self {
    case .initialize, .createSale, .applyCoupon, .removeCoupon: false
    default: true
    }
  }
}

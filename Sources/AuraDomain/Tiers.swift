/// | tier | net spend, baht | or points | points × |
/// |---|---|---|---|
/// | bronze | 0 | 0 | 1 |
/// | silver | 10,000 | 1,000 | 1.1 |
/// | gold | 30,000 | 3,000 | 1.25 |
/// | platinum | 60,000 | 7,000 | 1.5 |
/// | diamond | 100,000 | 15,000 | 2 |
extension Tier {
  /// From which net spend in satang, or from how many points, a customer is of this tier.
  package func floor(by basis: TierBasis) -> Int {
    switch (self, basis) {
    case (.bronze, _): 0
    case (.silver, .spend): 1_000_000
    case (.silver, .points): 1_000
    case (.gold, .spend): 3_000_000
    case (.gold, .points): 3_000
    case (.platinum, .spend): 6_000_000
    case (.platinum, .points): 7_000
    case (.diamond, .spend): 10_000_000
    case (.diamond, .points): 15_000
    }
  }

  /// What points are multiplied by, in basis points.
  package var multiplierBp: Int {
    switch self {
    case .bronze: 10_000
    case .silver: 11_000
    case .gold: 12_500
    case .platinum: 15_000
    case .diamond: 20_000
    }
  }

  package static func of(_ measure: Int, by basis: TierBasis) -> Tier {
    allCases.last { measure >= $0.floor(by: basis) } ?? .bronze
  }

  package var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  package var next: Tier? { Self.allCases.dropFirst(rank + 1).first }

  /// How far a measure has come from this tier's floor to the next's, in basis points; 10,000 at the top.
  package func progressBp(_ measure: Int, by basis: TierBasis) -> Int {
    guard let next else { return 10_000 }
    let (way, whole) = (measure - floor(by: basis), next.floor(by: basis) - floor(by: basis))
    // What is of this tier is less than the next floor: the product is far from overflowing.
    return way <= 0 ? 0 : way >= whole ? 10_000 : way * 10_000 / whole
  }

  var names: Texts {
    switch self {
    case .bronze: Texts(th: "บรอนซ์", en: "Bronze")
    case .silver: Texts(th: "ซิลเวอร์", en: "Silver")
    case .gold: Texts(th: "โกลด์", en: "Gold")
    case .platinum: Texts(th: "แพลทินัม", en: "Platinum")
    case .diamond: Texts(th: "ไดมอนด์", en: "Diamond")
    }
  }
}

extension Tier: Comparable {
  package static func < (a: Tier, b: Tier) -> Bool { a.rank < b.rank }
}

/// What a customer's tier rests on.
///
/// Without a window both numbers are all that there ever was. With one of n months, `current` is this month and the
/// n − 1 before it, which lifts a customer at once, and `held` the n months before this one, which the last month end
/// has counted and which hold until this month ends.
struct TierMeasure: Equatable {
  var basis: TierBasis
  var current: Int
  var held: Int

  var tier: Tier { .of(max(current, held), by: basis) }
  /// The way to the next tier is what counts towards it: that of the present months.
  var progressBp: Int { tier.progressBp(current, by: basis) }
}

/// A sale and what of it is still paid.
typealias PaidSale = (sale: PosTransaction, net: Int)

extension Draft {
  /// What the tier rests on, as if `sales` had not been: points are multiplied by the tier before them.
  func tierMeasure(of profile: LoyaltyProfile, without sales: [PaidSale] = []) throws -> TierMeasure {
    let settings = try loyalty()
    let present = try calendar().month(now)
    let window = settings.window(in: present)
    var counted: [(month: CalendarMonth, amount: Int)] = []
    if settings.tierBasis == .spend {
      // Of points nothing has to be taken off: they are not posted yet.
      counted = try sales.map { (try month(of: $0.sale), -$0.net) }
    }
    guard window > 0 else {
      let total = settings.tierBasis == .spend ? profile.totalSpentSt : profile.totalPoints
      let rest = try counted.reduce(total) { try $0.plus($1.amount) }
      return TierMeasure(basis: settings.tierBasis, current: rest, held: rest)
    }
    counted += try loyaltyMonths(of: profile.customerID, since: present.adding(-window)).map {
      (CalendarMonth(number: $0.month), settings.tierBasis == .spend ? $0.spentSt : $0.points)
    }
    var measure = TierMeasure(basis: settings.tierBasis, current: 0, held: 0)
    for (of, amount) in counted {
      // A month that the clock has gone back from counts too.
      if of > present.adding(-window) { measure.current = try measure.current.plus(amount) }
      if of < present && of >= present.adding(-window) { measure.held = try measure.held.plus(amount) }
    }
    return measure
  }

  /// A customer's months from `since` on, in their order: as many as a window has, and this one.
  func loyaltyMonths(of customer: ID, since: CalendarMonth) throws -> [LoyaltyMonth] {
    try rows(
      LoyaltyMonth.self,
      Selection(
        .equal("customer_id", .id(customer)), .atLeast("month", .integer(since.number)), order: [.ascending("month")]))
  }

  func month(of sale: PosTransaction) throws -> CalendarMonth { try calendar().month(sale.paidAt ?? now) }

  /// Adds to a customer's month, or takes off. What was never counted there cannot be taken off: a clinic's sales may be
  /// older than its ledger.
  mutating func count(spentSt: Int = 0, points: Int = 0, of customer: ID, in month: CalendarMonth) throws {
    let known = try rows(
      LoyaltyMonth.self,
      Selection(.equal("customer_id", .id(customer)), .equal("month", .integer(month.number)), limit: 1)
    ).first
    var row = known ?? LoyaltyMonth()
    row.spentSt = max(0, try row.spentSt.plus(spentSt))
    row.points = max(0, try row.points.plus(points))
    if let known {
      try update(known) { $0 = row }
      return
    }
    row.id = newID()
    row.clinicID = clinicID
    row.customerID = customer
    row.month = month.number
    insert(row)
  }

  /// Adds to a customer's net spend what a sale brought, or takes off what of it went back, and sets the tier by it at
  /// once. `cause` is the sale or the refund.
  mutating func changeSpend(by satang: Int, of sale: PosTransaction, because cause: ID) throws {
    if satang == 0 { return }
    let profile = try loyaltyProfile(of: sale.customerID)
    let spent = max(0, try profile.totalSpentSt.plus(satang))
    try count(spentSt: satang, of: sale.customerID, in: try month(of: sale))
    try update(profile) { row in
      row.totalSpentSt = spent
      row.averageSpendSt = row.totalVisits == 0 ? 0 : spent / row.totalVisits
    }
    if try loyalty().tierBasis == .spend {
      try setTier(of: sale.customerID, because: cause.description, workflow: sale.workflowID)
    }
  }

  /// Puts a customer where what they have spent or earned belongs. `cause` is what can change a tier once.
  mutating func setTier(of customer: ID, because cause: String, workflow: ID? = nil) throws {
    let before = try loyaltyProfile(of: customer)
    let measure = try tierMeasure(of: before)
    try update(before) { row in
      row.currentTier = measure.tier
      row.tierProgressBp = measure.progressBp
    }
    guard measure.tier != before.currentTier else { return }
    let data: JSONObject = ["from_tier": .word(before.currentTier), "to_tier": .word(measure.tier)]
    journey(
      .tierChanged, customer: customer, workflow: workflow, key: "tier:\(customer):\(cause):\(measure.tier.rawValue)",
      data: data)
    let user = try self.customer(customer).userID
    try emit(.tierChanged, nil, data: data, roles: .leaders, users: user.map { [$0] } ?? [], customer: customer)
    try tellCustomer(customer, .tierChanged, .tierReached(measure.tier))
    if measure.tier > before.currentTier { try planTierMessage(measure.tier, of: customer, because: cause) }
  }
}

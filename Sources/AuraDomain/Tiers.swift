/// | tier | net spend, baht | points × |
/// |---|---|---|
/// | bronze | 0 | 1 |
/// | silver | 10,000 | 1.1 |
/// | gold | 30,000 | 1.25 |
/// | platinum | 60,000 | 1.5 |
/// | diamond | 100,000 | 2 |
extension Tier {
  /// The net spend in satang from which on a customer is of this tier.
  package var floorSt: Int {
    switch self {
    case .bronze: 0
    case .silver: 1_000_000
    case .gold: 3_000_000
    case .platinum: 6_000_000
    case .diamond: 10_000_000
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

  package static func of(spentSt: Int) -> Tier { allCases.last { spentSt >= $0.floorSt } ?? .bronze }

  package var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  package var next: Tier? { Self.allCases.dropFirst(rank + 1).first }

  /// How far a spend has come from this tier's floor to the next's, in basis points; 10,000 at the top.
  package func progressBp(spentSt: Int) -> Int {
    guard let next else { return 10_000 }
    let (way, whole) = (spentSt - floorSt, next.floorSt - floorSt)
    // A spend of this tier is less than the next floor: the product is far from overflowing.
    return way <= 0 ? 0 : min(10_000, way * 10_000 / whole)
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

extension Draft {
  /// Adds to a customer's net spend what a sale brought, or takes off what went back, and sets the tier by it at once.
  mutating func changeSpend(of customer: ID, by satang: Int, for sale: PosTransaction) throws {
    if satang == 0 { return }
    let before = try loyaltyProfile(of: customer)
    let spent = try before.totalSpentSt.plus(satang)
    let tier = Tier.of(spentSt: spent)
    try update(before) { row in
      row.totalSpentSt = spent
      row.currentTier = tier
      row.tierProgressBp = tier.progressBp(spentSt: spent)
      row.averageSpendSt = row.totalVisits == 0 ? 0 : spent / row.totalVisits
    }
    if tier != before.currentTier { try announceTier(tier, instead: before.currentTier, of: customer, for: sale) }
  }

  private mutating func announceTier(_ tier: Tier, instead old: Tier, of customer: ID, for sale: PosTransaction) throws
  {
    let data: JSONObject = ["from_tier": .word(old), "to_tier": .word(tier)]
    journey(
      .tierChanged, customer: customer, workflow: sale.workflowID, key: "tier:\(customer):\(sale.id):\(tier.rawValue)",
      data: data)
    let user = try self.customer(customer).userID
    try emit(.tierChanged, nil, data: data, roles: .leaders, users: user.map { [$0] } ?? [], customer: customer)
    if tier > old {
      try tellCustomer(customer, .tierChanged, .tierReached(tier))
      try planTierMessage(of: customer, for: sale)
    }
  }
}

extension Tier: Comparable {
  package static func < (a: Tier, b: Tier) -> Bool { a.rank < b.rank }
}

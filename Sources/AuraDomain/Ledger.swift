/// What is to be written into a customer's ledger. The key is what can happen once only.
struct Posting {
  var customer: ID
  var type: PointType
  /// Above nothing; whether it comes or goes is said by `credit` or `debit`.
  var points: Int
  var key: String
  var text: Texts
  var workflow: ID?
  var sale: ID?
  var reward: ID?
  var achievement: ID?
  /// A credit's end: by the clinic's rule, or another one.
  var expires = Expires.byRule
  /// At what a sale's points were calculated.
  var rate: EarnRate?
  /// The credit that a refund takes back: it no longer counts in the month in which it came.
  var reverses: PointTransaction?
  /// Whether a business event tells of it.
  var isAnnounced = true

  enum Expires {
    case byRule
    case at(Instant?)
  }

  init(_ type: PointType, _ points: Int, to customer: ID, key: String, _ text: Texts) {
    self.customer = customer
    self.type = type
    self.points = points
    self.key = key
    self.text = text
  }
}

/// Satang for a point, and the multiplier of the tier before the sale.
struct EarnRate: Equatable {
  var satang: Int
  var multiplierBp: Int

  /// ⌊net × multiplier ÷ (rate × 10,000)⌋
  func points(forSt net: Int) throws(Refusal) -> Int {
    net <= 0 ? 0 : try net.scaled(by: multiplierBp, over: satang.times(10_000))
  }
}

/// How many open credits a debit reads at first: it reads about as many as it uses, not as many as there are.
private let creditsPerLook = 32

extension Draft {
  /// The posting that has this key, if it has happened.
  func posting(_ key: String) throws -> PointTransaction? {
    try rows(PointTransaction.self, Selection(.equal("event_key", .text(key)), limit: 1)).first
  }

  /// Adds points; the first of them pay off what a clawback has left owing. A key that was used, or no points: nothing
  /// happens.
  @discardableResult
  mutating func credit(_ posting: Posting) throws -> PointTransaction? {
    guard posting.points > 0, try self.posting(posting.key) == nil else { return nil }
    let profile = try loyaltyProfile(of: posting.customer)
    let available = try profile.availablePoints.plus(posting.points)
    // What a cancelled redemption gives back was counted when it was earned.
    let total = posting.type == .refund ? profile.totalPoints : try profile.totalPoints.plus(posting.points)
    var row = transaction(posting, amount: posting.points)
    row.expiresAt =
      switch posting.expires {
      case .byRule: try expiry()
      case .at(let end): end
      }
    row.absorbed = min(max(0, -profile.availablePoints), posting.points)
    insert(row)

    var left = PointCredit()
    left.id = newID()
    left.clinicID = clinicID
    left.customerID = posting.customer
    left.transactionID = row.id
    left.remaining = posting.points - row.absorbed
    left.isOpen = left.remaining > 0
    left.expiresAt = row.expiresAt ?? .latest
    left.earnRateSt = posting.rate?.satang
    left.multiplierBp = posting.rate?.multiplierBp
    insert(left)
    if left.isOpen, let end = row.expiresAt {
      try planExpiry(at: end)
      try planExpiryNotice(at: end)
    }

    try update(profile) { row in
      row.availablePoints = available
      row.totalPoints = total
    }
    if posting.type != .refund { try countPoints(posting.points, row, in: now) }
    if posting.isAnnounced { try announce(row) }
    return row
  }

  /// Takes points, those that expire first before the others, and keeps which credits gave how many. What the credits
  /// do not give is owed; only a refund may do that, and the caller has seen to it.
  @discardableResult
  mutating func debit(_ posting: Posting) throws -> PointTransaction? {
    guard posting.points > 0, try self.posting(posting.key) == nil else { return nil }
    try expireCredits(of: posting.customer)
    let profile = try loyaltyProfile(of: posting.customer)
    guard posting.type == .refund || profile.availablePoints >= posting.points else {
      throw Refusal(
        .insufficientPoints, "There are not enough points.",
        details: ["available_points": .integer(profile.availablePoints), "points": .integer(posting.points)])
    }
    let available = try profile.availablePoints.minus(posting.points)
    let total = posting.type == .refund ? try profile.totalPoints.minus(posting.points) : profile.totalPoints
    var row = transaction(posting, amount: -posting.points)
    row.allocations = .object(try allocate(posting.points, of: posting.customer))
    insert(row)
    try update(profile) { row in
      row.availablePoints = available
      row.totalPoints = total
    }
    if posting.type == .refund { try countPoints(-posting.points, row, in: posting.reverses?.createdAt ?? now) }
    return row
  }

  /// What lifetime points are made of counts in its month, and sets the tier where that goes by points.
  private mutating func countPoints(_ points: Int, _ row: PointTransaction, in moment: Instant) throws {
    try count(points: points, of: row.customerID, in: try calendar().month(moment))
    if try loyalty().tierBasis == .points {
      try setTier(of: row.customerID, because: row.id.description, workflow: row.workflowID)
    }
  }

  /// Takes what is left of one credit, whatever else is open.
  mutating func release(_ credit: PointCredit, _ posting: Posting) throws {
    guard try self.posting(posting.key) == nil else { return }
    let profile = try loyaltyProfile(of: posting.customer)
    let available = try profile.availablePoints.minus(credit.remaining)
    var row = transaction(posting, amount: -credit.remaining)
    row.allocations = [credit.transactionID.description: .integer(credit.remaining)]
    insert(row)
    try use(credit.remaining, of: credit)
    try update(profile) { $0.availablePoints = available }
  }

  private mutating func allocate(_ points: Int, of customer: ID) throws -> JSONObject {
    var allocations = JSONObject()
    var wanted = points
    // Each look passes over what this command has used already: twice as many each time, few looks for many credits.
    var look = creditsPerLook
    while wanted > 0 {
      let open = try openCredits(.equal("customer_id", .id(customer)), limit: look)
      if open.isEmpty { break }
      look *= 2
      for credit in open where wanted > 0 {
        let part = min(wanted, credit.remaining)
        try use(part, of: credit)
        allocations.members.append(.init(name: credit.transactionID.description, value: .integer(part)))
        wanted -= part
      }
    }
    return allocations
  }

  /// Credits with something left, those that expire first before the others.
  func openCredits(_ conditions: Condition..., limit: Int) throws -> [PointCredit] {
    var selection = Selection(
      .equal("is_open", .integer(1)), order: [.ascending("expires_at")], limit: limit)
    selection.conditions = conditions + selection.conditions
    return try rows(PointCredit.self, selection)
  }

  mutating func use(_ points: Int, of credit: PointCredit) throws {
    try update(credit) { row in
      row.remaining -= points
      row.isOpen = row.remaining > 0
    }
  }

  private mutating func transaction(_ posting: Posting, amount: Int) -> PointTransaction {
    var row = PointTransaction()
    row.id = newID()
    row.clinicID = clinicID
    row.customerID = posting.customer
    row.type = posting.type
    row.amount = amount
    row.description = posting.text[language]
    row.workflowID = posting.workflow
    row.achievementID = posting.achievement
    row.rewardID = posting.reward
    row.posTransactionID = posting.sale
    row.eventKey = posting.key
    row.createdBy = actor.user
    row.createdAt = now
    return row
  }

  /// What a ledger's lines are written in.
  private var language: Language { (try? clinic().language) ?? .th }

  private mutating func announce(_ row: PointTransaction) throws {
    let profile = try loyaltyProfile(of: row.customerID)
    let user = try customer(row.customerID).userID
    try emit(
      .pointsAwarded, try row.workflowID.flatMap { try self.row(Workflow.self, $0) },
      data: [
        "points": .integer(row.amount), "type": .word(row.type), "event_key": .string(row.eventKey),
        "available_points": .integer(profile.availablePoints),
      ], roles: .leaders, users: user.map { [$0] } ?? [], customer: row.customerID)
  }

  // MARK: Whose it is

  /// A customer's profile. It is made with the customer; one who came without gets it with the first posting.
  mutating func loyaltyProfile(of customer: ID) throws -> LoyaltyProfile {
    if let known = try knownProfile(of: customer) { return known }
    var profile = LoyaltyProfile()
    profile.id = newID()
    profile.clinicID = clinicID
    profile.customerID = customer
    profile.referralCode = try referralCode()
    profile.joinedAt = now
    insert(profile)
    return profile
  }

  func knownProfile(of customer: ID) throws -> LoyaltyProfile? {
    try rows(LoyaltyProfile.self, Selection(.equal("customer_id", .id(customer)), limit: 1)).first
  }

  /// `BN` and eight letters that nobody mistakes for others.
  private mutating func referralCode() throws -> String {
    while true {
      let code = code("BN", from: "ABCDEFGHJKMNPQRSTUVWXYZ")
      if try rows(LoyaltyProfile.self, Selection(.equal("referral_code", .text(code)), limit: 1)).isEmpty {
        return code
      }
    }
  }

  /// `prefix` and eight letters drawn from `letters`.
  mutating func code(_ prefix: String, from letters: String) -> String {
    let letters = Array(letters)
    var bits = newID().low & 0x3FFF_FFFF_FFFF_FFFF
    var code = prefix
    for _ in 0..<8 {
      code.append(letters[Int(bits % UInt64(letters.count))])
      bits /= UInt64(letters.count)
    }
    return code
  }
}

/// What an achievement asks for: all of it.
///
/// `{"totalSpent": baht, "visitCount": n, "withinMonths": n, "referralCount": n, "pointsEarned": n,
/// "consecutiveVisits": months, "treatmentTypes": [treatment ids], "tierReached": tier}`; `withinMonths` narrows
/// `visitCount`. Nothing at all, or a word that is none of these, is never met.
struct AchievementConditions: Equatable {
  var totalSpentSt: Int?
  var visitCount: Int?
  var withinMonths: Int?
  var referralCount: Int?
  var pointsEarned: Int?
  var consecutiveMonths: Int?
  var treatments: [ID] = []
  var tier: Tier?

  init?(_ json: JSON) {
    guard let members = json.object?.members, !members.isEmpty else { return nil }
    for member in members {
      switch (member.name, member.value) {
      case ("totalSpent", .integer(let baht)) where (1...Self.countMax).contains(baht): totalSpentSt = baht * 100
      case ("visitCount", .integer(let count)) where (1...Self.visitsMax).contains(count): visitCount = count
      case ("withinMonths", .integer(let count)) where (1...Self.monthsMax).contains(count): withinMonths = count
      case ("referralCount", .integer(let count)) where (1...Self.countMax).contains(count): referralCount = count
      case ("pointsEarned", .integer(let count)) where (1...Self.countMax).contains(count): pointsEarned = count
      case ("consecutiveVisits", .integer(let count)) where (1...Self.monthsMax).contains(count):
        consecutiveMonths = count
      case ("treatmentTypes", .array(let list)) where (1...Self.monthsMax).contains(list.count):
        treatments = list.compactMap(\.id)
        guard treatments.count == list.count else { return nil }
      case ("tierReached", .string(let word)):
        guard let known = Tier(rawValue: word) else { return nil }
        tier = known
      default: return nil
      }
    }
    if withinMonths != nil && visitCount == nil { return nil }
  }

  static let countMax = 1_000_000_000
  static let visitsMax = 500
  static let monthsMax = 60

  /// Whether the customer's history is needed, and not the profile alone.
  var needsVisits: Bool { withinMonths != nil || consecutiveMonths != nil || !treatments.isEmpty }
}

/// An achievement as an owner or admin writes it down; for a change, what is absent stays.
package struct AchievementDetails: Sendable, Equatable {
  package var name: String?
  package var description: String?
  package var category: AchievementCategory?
  package var conditions: JSON?
  package var pointsReward: Int?
  package var badgeIcon: String?
  /// `{"percentBp": n}`: a coupon.
  package var specialReward: JSON?
  package var isActive: Bool?
  package var isSecret: Bool?

  package init() {}
}

extension Draft {
  mutating func createAchievement(_ details: AchievementDetails) throws -> JSON {
    var row = Achievement()
    row.id = newID()
    row.clinicID = clinicID
    set(details, on: &row)
    try check(row)
    if row.isActive { try requireRoom() }
    insert(row)
    return ["achievementId": .id(row.id), "version": 1]
  }

  mutating func updateAchievement(_ id: ID, _ details: AchievementDetails) throws -> JSON {
    let row = try achievement(id)
    var changed = row
    set(details, on: &changed)
    try check(changed)
    if changed.isActive && !row.isActive { try requireRoom() }
    let after = try update(row) { $0 = changed }
    return ["achievementId": .id(after.id), "version": .integer(after.version)]
  }

  private func set(_ details: AchievementDetails, on row: inout Achievement) {
    row.name = details.name ?? row.name
    row.description = details.description ?? row.description
    row.category = details.category ?? row.category
    row.conditions = details.conditions ?? row.conditions
    row.pointsReward = details.pointsReward ?? row.pointsReward
    row.badgeIcon = details.badgeIcon ?? row.badgeIcon
    row.specialReward = details.specialReward ?? row.specialReward
    row.isActive = details.isActive ?? row.isActive
    row.isSecret = details.isSecret ?? row.isSecret
  }

  private func check(_ row: Achievement) throws {
    func refuse(_ name: String, _ problem: String) -> Refusal {
      Refusal(
        .badRequest, "args.\(name): \(problem).",
        details: ["path": .string("args.\(name)"), "problem": .string(problem)])
    }
    guard !row.name.isEmpty else { throw refuse("name", "is missing") }
    guard AchievementConditions(row.conditions) != nil else { throw refuse("conditions", "cannot be met") }
    let same = try rows(Achievement.self, Selection(.equal("name", .text(row.name)), limit: 2))
    guard same.allSatisfy({ $0.id == row.id }) else {
      throw Refusal(.duplicate, "There is an achievement of this name.", details: ["path": "args.name"])
    }
  }

  /// As many as each posting looks through.
  static let activeAchievementsMax = 200

  private func requireRoom() throws {
    let active = try rows(
      Achievement.self, Selection(.equal("is_active", .integer(1)), limit: Self.activeAchievementsMax))
    if active.count >= Self.activeAchievementsMax {
      throw Refusal(
        .tooLarge, "There are \(Self.activeAchievementsMax) active achievements; put one out of use first.",
        details: ["path": "args.isActive", "limit": .integer(Self.activeAchievementsMax)])
    }
  }

  private func achievement(_ id: ID) throws -> Achievement {
    guard let row = try row(Achievement.self, id) else {
      throw Refusal(.notFound, "There is no such achievement.", details: ["achievement_id": .id(id)])
    }
    return row
  }

  /// Unlocks by hand: what the conditions say still holds, unless an owner or admin says otherwise with a reason.
  mutating func unlockAchievement(_ id: ID, for customer: ID, override: Bool) throws -> JSON {
    let customer = try presentCustomer(customer)
    let row = try achievement(id)
    let profile = try loyaltyProfile(of: customer.id)
    if profile.has(id) {
      throw Refusal(.duplicate, "It is unlocked already.", details: ["achievement_id": .id(id)])
    }
    let asked = AchievementConditions(row.conditions)
    if try !row.isActive || !(asked.map { try isMet($0, profile, visits(of: customer.id, for: [$0])) } ?? false) {
      guard override, let reason, !reason.isEmpty else {
        throw Refusal(
          .invalidTransition, "Its conditions are not met, or it is out of use.",
          details: ["achievement_id": .id(id), "override": "an owner or admin, with a reason"])
      }
      try actor.permit(.manageLoyalty, isOwn: false, reason: reason)
    }
    let points = try unlock(row, of: customer.id)
    try evaluateAchievements(of: customer.id)
    return ["achievementId": .id(id), "customerId": .id(customer.id), "pointsAwarded": .integer(points)]
  }

  /// Unlocks what the customer has reached. What an achievement brings may be what another one asks for.
  mutating func evaluateAchievements(of customer: ID) throws {
    let all = try rows(
      Achievement.self,
      Selection(.equal("is_active", .integer(1)), order: [.ascending("id")], limit: Draft.activeAchievementsMax))
    if all.isEmpty { return }
    var profile = try loyaltyProfile(of: customer)
    let unlocked = Set((profile.unlockedAchievements.array ?? []).compactMap(\.id))
    var pending = all.compactMap { row in
      unlocked.contains(row.id) ? nil : AchievementConditions(row.conditions).map { (row: row, asked: $0) }
    }
    let visits = try visits(of: customer, for: pending.map(\.asked))
    var found = true
    while found {
      found = false
      var rest: [(row: Achievement, asked: AchievementConditions)] = []
      for entry in pending {
        guard try isMet(entry.asked, profile, visits) else {
          rest.append(entry)
          continue
        }
        _ = try unlock(entry.row, of: customer)
        profile = try loyaltyProfile(of: customer)
        found = true
      }
      pending = rest
    }
  }

  private mutating func unlock(_ row: Achievement, of customer: ID) throws -> Int {
    let key = "achievement:\(customer):\(row.id)"
    try update(try loyaltyProfile(of: customer)) { profile in
      profile.unlockedAchievements = .array((profile.unlockedAchievements.array ?? []) + [.id(row.id)])
      profile.totalAchievements += 1
    }
    journey(
      .loyaltyMilestone, customer: customer, workflow: nil, key: key,
      data: ["achievement_id": .id(row.id), "name": .string(row.name)])
    var posting = Posting(.bonus, row.pointsReward, to: customer, key: key, Texts(row.name))
    posting.achievement = row.id
    let points = try credit(posting)?.amount ?? 0
    if let percent = row.specialReward["percentBp"]?.integer, (1...10_000).contains(percent) {
      try issueGift(.achievement, percentBp: percent, to: customer, name: Texts(row.name))
    }
    try tellCustomer(customer, .pointsAwarded, .achievementReached(name: row.name, points: points))
    return points
  }

  private func isMet(
    _ asked: AchievementConditions, _ profile: LoyaltyProfile, _ visits: [JourneyEvent]
  ) throws -> Bool {
    if let spent = asked.totalSpentSt, profile.totalSpentSt < spent { return false }
    if let count = asked.referralCount, profile.successfulReferrals < count { return false }
    if let points = asked.pointsEarned, profile.totalPoints < points { return false }
    if let tier = asked.tier, profile.currentTier < tier { return false }
    if let visits = asked.visitCount, profile.totalVisits < visits { return false }
    return try !asked.needsVisits || isMet(asked, by: visits)
  }

  private func isMet(_ asked: AchievementConditions, by visits: [JourneyEvent]) throws -> Bool {
    let calendar = try calendar()
    if let within = asked.withinMonths, let count = asked.visitCount {
      let from = calendar.adding(months: -within, to: now)
      guard visits.filter({ $0.occurredAt >= from }).count >= count else { return false }
    }
    if let months = asked.consecutiveMonths {
      // This month and those before it, without a gap.
      let seen = Set(visits.map { calendar.month($0.occurredAt) })
      let last = calendar.month(now)
      guard (0..<months).allSatisfy({ seen.contains(last.adding(-$0)) }) else { return false }
    }
    let had = Set(visits.compactMap { $0.eventData["treatment_id"]?.id })
    return asked.treatments.allSatisfy(had.contains)
  }

  /// A customer's last visits, as many and as far back as these conditions ask for.
  private func visits(of customer: ID, for all: [AchievementConditions]) throws -> [JourneyEvent] {
    let asking = all.filter(\.needsVisits)
    if asking.isEmpty { return [] }
    let calendar = try calendar()
    let months = asking.reduce(0) { max($0, $1.withinMonths ?? 0, $1.consecutiveMonths ?? 0) }
    let since =
      asking.contains { !$0.treatments.isEmpty }
      ? Instant(milliseconds: 0) : calendar.adding(months: -months, to: calendar.dayStart(now))
    return try rows(
      JourneyEvent.self,
      Selection(
        .equal("customer_id", .id(customer)), .atLeast("occurred_at", .instant(since)),
        .equal("event_type", .word(JourneyEventType.treatmentCompleted)), order: [.descending("occurred_at")],
        limit: AchievementConditions.visitsMax))
  }
}

extension LoyaltyProfile {
  func has(_ achievement: ID) -> Bool { (unlockedAchievements.array ?? []).contains { $0.id == achievement } }
}

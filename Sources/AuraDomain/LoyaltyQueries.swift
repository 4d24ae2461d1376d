/// Which of a customer's rows, newest first.
package struct HistoryFilter: Sendable, Equatable {
  package static let limitMax = 100

  /// `nil`: the caller's own.
  package var customer: ID?
  package var limit = 20
  /// The last posting of the page before.
  package var after: ID?

  package init(customer: ID? = nil) { self.customer = customer }
}

/// What a customer, or staff for one, asks of points, rewards and coupons. A draft that is never applied reads for it.
struct LoyaltyReading {
  private let draft: Draft

  init(rows: any ClinicRows, actor: Actor, now: Instant) {
    var draft = Draft(rows: rows, actor: actor, now: now, seq: 0, ids: IDGenerator())
    // A query is asked for no reason; a super admin's reading is in the access log.
    draft.reason = "query"
    self.draft = draft
  }

  private func whose(_ named: ID?) throws -> Customer { try draft.whose(named, .readLoyalty) }

  private func profile(of customer: ID) throws -> LoyaltyProfile {
    if var known = try draft.knownProfile(of: customer) {
      // What has ended since the last night counts no more, whenever its posting comes.
      known.availablePoints -= try ended(of: customer)
      return known
    }
    var blank = LoyaltyProfile()
    blank.customerID = customer
    return blank
  }

  /// What is left of credits whose end has come.
  private func ended(of customer: ID) throws -> Int {
    try draft.openCredits(
      .equal("customer_id", .id(customer)), .atMost("expires_at", .instant(draft.now)), limit: Self.creditsLookedAt
    ).reduce(0) { $0 + $1.remaining }
  }

  private static let creditsLookedAt = 10_000

  // MARK: The clinic's rules

  /// How the clinic rewards, for those who work there.
  func settings() throws -> JSON {
    try draft.actor.permit(.readLoyalty, isOwn: false, reason: draft.reason)
    return ["settings": try draft.loyalty().json, "version": .integer(try draft.clinic().version)]
  }

  // MARK: Where one stands

  func standing(of named: ID?) throws -> JSON {
    let customer = try whose(named)
    let profile = try profile(of: customer.id)
    let tier = profile.currentTier
    let seesMoney = draft.actor.scope?.seesMoney ?? true
    let measure = try draft.tierMeasure(of: profile)
    // What a tier still takes tells what was spent, unless it goes by points.
    let seesWay = seesMoney || measure.basis == .points
    return [
      "customerId": .id(customer.id), "availablePoints": .integer(profile.availablePoints),
      "totalPoints": .integer(profile.totalPoints), "currentTier": .word(tier),
      "tierBasis": .word(measure.basis), "tierProgressBp": seesWay ? .integer(profile.tierProgressBp) : .null,
      "nextTier": tier.next.map { next in
        let floor = next.floor(by: measure.basis)
        return [
          "tier": .word(next), measure.basis.named("floor"): .integer(floor),
          measure.basis.named("missing"): seesWay ? .integer(max(0, floor - measure.current)) : .null,
        ]
      } ?? .null,
      "keepTier": seesWay ? try keeping(tier, measure.basis, customer.id) : .null,
      "multiplierBp": .integer(tier.multiplierBp),
      "totalSpentSt": seesMoney ? .integer(profile.totalSpentSt) : .null,
      "totalVisits": .integer(profile.totalVisits),
      "averageSpendSt": seesMoney ? .integer(profile.averageSpendSt) : .null,
      "lastVisit": .instant(profile.lastVisit), "referralCode": .string(profile.referralCode),
      "successfulReferrals": .integer(profile.successfulReferrals), "joinedAt": .instant(profile.joinedAt),
      "nextExpiry": try nextExpiry(of: customer.id), "achievements": try achievements(profile),
      "version": .integer(profile.version),
    ]
  }

  /// By when how much is needed to stay of a tier that rests on the last months: the first month whose end would cost it
  /// if nothing more came.
  private func keeping(_ tier: Tier, _ basis: TierBasis, _ customer: ID) throws -> JSON {
    let window = try draft.loyalty().qualifyingMonths
    guard window > 0, tier > .bronze else { return .null }
    let calendar = try draft.calendar()
    let month = calendar.month(draft.now)
    let months = try draft.loyaltyMonths(of: customer, since: month.adding(1 - window))
    for ahead in 0...window {
      let last = month.adding(ahead)
      let counted = months.filter { $0.month > last.adding(-window).number }
        .reduce(0) { $0 + (basis == .spend ? $1.spentSt : $1.points) }
      let missing = tier.floor(by: basis) - counted
      if missing > 0 {
        return [
          "tier": .word(tier), "by": .instant(calendar.start(last.adding(1))),
          basis.named("missing"): .integer(missing),
        ]
      }
    }
    return .null
  }

  /// The credits that end first, and those that end with them.
  private func nextExpiry(of customer: ID) throws -> JSON {
    let mine = Condition.equal("customer_id", .id(customer))
    let coming = Condition.greater("expires_at", .instant(draft.now))
    guard let first = try draft.openCredits(mine, coming, limit: 1).first, first.expiresAt < .latest else {
      return .null
    }
    let points = try draft.openCredits(
      mine, .equal("expires_at", .instant(first.expiresAt)), limit: Self.creditsLookedAt
    ).reduce(0) { $0 + $1.remaining }
    return ["at": .instant(first.expiresAt), "points": .integer(points)]
  }

  /// A secret achievement shows once it is reached.
  private func achievements(_ profile: LoyaltyProfile) throws -> JSON {
    let all = try draft.rows(
      Achievement.self,
      Selection(
        .equal("is_active", .integer(1)), order: [.ascending("id")], limit: Draft.activeAchievementsMax))
    return .array(
      all.filter { !$0.isSecret || profile.has($0.id) || draft.actor.kind != .customer }.map {
        [
          "id": .id($0.id), "name": .string($0.name), "description": .text($0.description),
          "category": .word($0.category),
          "conditions": $0.conditions, "pointsReward": .integer($0.pointsReward), "badgeIcon": .text($0.badgeIcon),
          "unlocked": .bool(profile.has($0.id)),
        ]
      })
  }

  // MARK: What points buy

  func rewards(for named: ID?) throws -> JSON {
    let customer = try whose(named)
    let profile = try profile(of: customer.id)
    let all = try draft.rows(
      LoyaltyReward.self,
      Selection(
        .equal("is_active", .integer(1)), order: [.ascending("points_cost"), .ascending("id")],
        limit: Draft.activeRewardsMax))
    let now = draft.now
    let shown = all.filter { reward in reward.validUntil.map { now < $0 } ?? true }
    return [
      "customerId": .id(customer.id), "availablePoints": .integer(profile.availablePoints),
      "currentTier": .word(profile.currentTier),
      "rewards": .array(try shown.map { try entry($0, profile) }),
    ]
  }

  private func entry(_ reward: LoyaltyReward, _ profile: LoyaltyProfile) throws -> JSON {
    let lack = try draft.lacking(reward, profile)
    return [
      "id": .id(reward.id), "name": .string(reward.name), "description": .text(reward.description),
      "type": .word(reward.type), "pointsCost": .integer(reward.pointsCost),
      "percentBp": reward.percentBp.map(JSON.integer) ?? .null, "monetaryValueSt": .integer(reward.monetaryValueSt),
      "treatmentId": .id(reward.treatmentID), "tierRequirement": reward.tierRequirement.map { .word($0) } ?? .null,
      "validUntil": .instant(reward.validUntil), "couponDays": .integer(reward.couponDays),
      "autoApply": .bool(reward.autoApply),
      "left": reward.maxRedemptions.map { .integer($0 - reward.currentRedemptions) } ?? .null,
      "open": .bool(lack == nil), "locked": lack.map { .string($0.rawValue) } ?? .null,
      "missingPoints": .integer(max(0, reward.pointsCost - profile.availablePoints)),
      "version": .integer(reward.version),
    ]
  }

  // MARK: What has been

  func history(_ filter: HistoryFilter) throws -> JSON {
    let customer = try whose(filter.customer)
    let mine = Condition.equal("customer_id", .id(customer.id))
    var selection = Selection(
      mine, order: [.descending("created_at"), .descending("id")], limit: filter.limit + 1)
    if let after = filter.after {
      guard let last = try draft.row(PointTransaction.self, after), last.customerID == customer.id else {
        throw Refusal(.notFound, "There is no such posting.", details: ["path": "args.after"])
      }
      selection.conditions.append(.atMost("created_at", .instant(last.createdAt)))
    }
    let found = try page(selection, after: filter.after, limit: filter.limit)
    let page = found.prefix(filter.limit)
    let redemptions = try draft.rows(
      LoyaltyRedemption.self,
      Selection(mine, order: [.descending("issued_at"), .descending("id")], limit: filter.limit))
    return [
      "customerId": .id(customer.id),
      "transactions": .array(
        page.map {
          [
            "id": .id($0.id), "type": .word($0.type), "amount": .integer($0.amount),
            "description": .string($0.description), "createdAt": .instant($0.createdAt),
            "expiresAt": .instant($0.expiresAt), "rewardId": .id($0.rewardID), "workflowId": .id($0.workflowID),
          ]
        }),
      "next": found.count > filter.limit ? .id(page.last?.id) : .null,
      "redemptions": .array(
        try redemptions.map {
          [
            "id": .id($0.id), "code": .string($0.code), "status": .word($0.status),
            "pointsCost": .integer($0.pointsCost), "issuedAt": .instant($0.issuedAt),
            "appliedAt": .instant($0.appliedAt), "appliedPosTransactionId": .id($0.appliedPosTransactionID),
            "reward": .text(try draft.row(LoyaltyReward.self, $0.rewardID)?.name),
          ]
        }),
    ]
  }

  /// One more than a page behind the posting `after`. One lazy expiry may have posted many in that moment: as far as
  /// they reach, more is read.
  private func page(_ selection: Selection, after: ID?, limit: Int) throws -> [PointTransaction] {
    var selection = selection
    while true {
      let found = try draft.rows(PointTransaction.self, selection)
      let isAll = found.count < selection.limit ?? 0
      let start = after.flatMap { id in found.firstIndex { $0.id == id } }.map { $0 + 1 } ?? 0
      if isAll || (after == nil || start > 0) && found.count - start > limit { return Array(found[start...]) }
      selection.limit = (selection.limit ?? limit) * 2 + limit
    }
  }

  /// Read in the index's order and put in order here: by ids the database would walk the clinic's coupons.
  private static let couponsLookedAt = 1_000

  func coupons(of named: ID?) throws -> JSON {
    let customer = try whose(named)
    let all = try draft.rows(
      CustomerCoupon.self,
      Selection(
        .equal("customer_id", .id(customer.id)),
        .oneOf("status", [.word(CouponStatus.active), .word(CouponStatus.reserved), .word(CouponStatus.used)]),
        limit: Self.couponsLookedAt))
    return [
      "customerId": .id(customer.id),
      "coupons": .array(
        all.sorted { $0.id > $1.id }.prefix(100).map {
          [
            "id": .id($0.id), "code": .string($0.code), "source": .word($0.source), "type": .word($0.type),
            "percentBp": $0.percentBp.map(JSON.integer) ?? .null, "amountSt": $0.amountSt.map(JSON.integer) ?? .null,
            "treatmentId": .id($0.treatmentID), "stackable": .bool($0.stackable), "status": .word($0.status),
            "validUntil": .instant($0.validUntil), "usedAt": .instant($0.usedAt), "version": .integer($0.version),
          ]
        }),
    ]
  }
}

extension TierBasis {
  /// `floorSt` of money, `floorPoints` of points.
  fileprivate func named(_ name: String) -> String {
    switch self {
    case .spend: "\(name)St"
    case .points: "\(name)Points"
    }
  }
}

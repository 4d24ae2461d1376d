/// What a customer's ledger adds up to.
package struct LoyaltyProfile: VersionedRow {
  package static let table = Table.loyaltyProfiles

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var totalPoints = 0
  package var availablePoints = 0
  package var currentTier: Tier = .bronze
  package var tierProgressBp = 0
  package var totalSpentSt = 0
  package var totalVisits = 0
  package var averageSpendSt = 0
  package var lastVisit: Instant?
  package var unlockedAchievements: JSON = []
  package var totalAchievements = 0
  package var successfulReferrals = 0
  package var referralCode = ""
  package var joinedAt: Instant = Instant(milliseconds: 0)
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("total_points", &totalPoints)
    visitor.column("available_points", &availablePoints)
    visitor.column("current_tier", &currentTier)
    visitor.column("tier_progress_bp", &tierProgressBp)
    visitor.column("total_spent_st", &totalSpentSt)
    visitor.column("total_visits", &totalVisits)
    visitor.column("average_spend_st", &averageSpendSt)
    visitor.column("last_visit", &lastVisit)
    visitor.column("unlocked_achievements", &unlockedAchievements)
    visitor.column("total_achievements", &totalAchievements)
    visitor.column("successful_referrals", &successfulReferrals)
    visitor.column("referral_code", &referralCode)
    visitor.column("joined_at", &joinedAt)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// One posting of the ledger of points. Never changed.
package struct PointTransaction: Row {
  package static let table = Table.pointTransactions

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var type: PointType = .earned
  package var amount = 0
  package var description = ""
  package var workflowID: ID?
  package var achievementID: ID?
  package var rewardID: ID?
  package var posTransactionID: ID?
  package var expiresAt: Instant?
  package var absorbed = 0
  package var allocations: JSON = .emptyObject
  package var eventKey = ""
  package var createdBy: ID?
  package var createdAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("type", &type)
    visitor.column("amount", &amount)
    visitor.column("description", &description)
    visitor.column("workflow_id", &workflowID)
    visitor.column("achievement_id", &achievementID)
    visitor.column("reward_id", &rewardID)
    visitor.column("pos_transaction_id", &posTransactionID)
    visitor.column("expires_at", &expiresAt)
    visitor.column("absorbed", &absorbed)
    visitor.column("allocations", &allocations)
    visitor.column("event_key", &eventKey)
    visitor.column("created_by", &createdBy)
    visitor.column("created_at", &createdAt)
  }
}

/// Something a customer can reach, with its reward.
package struct Achievement: VersionedRow {
  package static let table = Table.achievements

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var name = ""
  package var description: String?
  package var category: AchievementCategory = .milestone
  package var conditions: JSON = .emptyObject
  package var pointsReward = 0
  package var badgeIcon: String?
  /// `null` for none, which the database holds as JSON too.
  package var specialReward: JSON = .null
  package var isActive: Bool = true
  package var isSecret = false
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("name", &name)
    visitor.column("description", &description)
    visitor.column("category", &category)
    visitor.column("conditions", &conditions)
    visitor.column("points_reward", &pointsReward)
    visitor.column("badge_icon", &badgeIcon)
    visitor.column("special_reward", &specialReward)
    visitor.column("is_active", &isActive)
    visitor.column("is_secret", &isSecret)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// What points buy.
package struct LoyaltyReward: VersionedRow {
  package static let table = Table.loyaltyRewards

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var name = ""
  package var description: String?
  package var type: RewardType = .discountAmount
  package var pointsCost: Int = 1
  package var percentBp: Int?
  package var monetaryValueSt = 0
  package var treatmentID: ID?
  package var isActive: Bool = true
  package var maxRedemptions: Int?
  package var currentRedemptions = 0
  package var perCustomerLimit: Int?
  package var tierRequirement: Tier?
  package var validFrom: Instant = Instant(milliseconds: 0)
  package var validUntil: Instant?
  package var couponDays: Int = 90
  package var autoApply = false
  package var stackable: Bool = true
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("name", &name)
    visitor.column("description", &description)
    visitor.column("type", &type)
    visitor.column("points_cost", &pointsCost)
    visitor.column("percent_bp", &percentBp)
    visitor.column("monetary_value_st", &monetaryValueSt)
    visitor.column("treatment_id", &treatmentID)
    visitor.column("is_active", &isActive)
    visitor.column("max_redemptions", &maxRedemptions)
    visitor.column("current_redemptions", &currentRedemptions)
    visitor.column("per_customer_limit", &perCustomerLimit)
    visitor.column("tier_requirement", &tierRequirement)
    visitor.column("valid_from", &validFrom)
    visitor.column("valid_until", &validUntil)
    visitor.column("coupon_days", &couponDays)
    visitor.column("auto_apply", &autoApply)
    visitor.column("stackable", &stackable)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// A reward that was bought with points.
package struct LoyaltyRedemption: VersionedRow {
  package static let table = Table.loyaltyRedemptions

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var rewardID: ID = ID(high: 0, low: 0)
  package var pointsCost = 0
  package var code = ""
  package var status: RedemptionStatus = .issued
  package var issuedAt: Instant = Instant(milliseconds: 0)
  package var appliedAt: Instant?
  package var appliedPosTransactionID: ID?
  package var eventKey = ""
  package var metadata: JSON = .emptyObject
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("reward_id", &rewardID)
    visitor.column("points_cost", &pointsCost)
    visitor.column("code", &code)
    visitor.column("status", &status)
    visitor.column("issued_at", &issuedAt)
    visitor.column("applied_at", &appliedAt)
    visitor.column("applied_pos_transaction_id", &appliedPosTransactionID)
    visitor.column("event_key", &eventKey)
    visitor.column("metadata", &metadata)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// A code that takes something off a bill.
package struct CustomerCoupon: VersionedRow {
  package static let table = Table.customerCoupons

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var redemptionID: ID?
  package var code = ""
  package var source: CouponSource = .manual
  package var type: RewardType = .discountAmount
  package var percentBp: Int?
  package var amountSt: Int?
  package var treatmentID: ID?
  package var stackable = false
  package var status: CouponStatus = .active
  package var validFrom: Instant = Instant(milliseconds: 0)
  package var validUntil: Instant = Instant(milliseconds: 0)
  package var reservedByPosID: ID?
  package var reservedUntil: Instant?
  package var usedPosTransactionID: ID?
  package var usedAt: Instant?
  package var discountSt: Int?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("redemption_id", &redemptionID)
    visitor.column("code", &code)
    visitor.column("source", &source)
    visitor.column("type", &type)
    visitor.column("percent_bp", &percentBp)
    visitor.column("amount_st", &amountSt)
    visitor.column("treatment_id", &treatmentID)
    visitor.column("stackable", &stackable)
    visitor.column("status", &status)
    visitor.column("valid_from", &validFrom)
    visitor.column("valid_until", &validUntil)
    visitor.column("reserved_by_pos_id", &reservedByPosID)
    visitor.column("reserved_until", &reservedUntil)
    visitor.column("used_pos_transaction_id", &usedPosTransactionID)
    visitor.column("used_at", &usedAt)
    visitor.column("discount_st", &discountSt)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

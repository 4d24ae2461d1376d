/// What a new clinic rewards its customers with until it writes down its own: names in both languages, since a reward's
/// row has one name.
package enum StarterLoyalty {
  package static let rewards: [RewardDetails] = [
    reward("ส่วนลด 10% · 10% off", .discountPercentage, points: 500, percentBp: 1_000, tier: .bronze),
    reward("ส่วนลด ฿500 · ฿500 off", .discountAmount, points: 1_000, baht: 500, tier: .silver),
    reward("มาสก์พรีเมียม · Premium mask", .upgradeService, points: 2_000, baht: 800, tier: .gold),
    reward("ของขวัญวันเกิด · Birthday special", .birthdaySpecial, points: 1_500, baht: 1_000, tier: .silver),
  ]

  package static let achievements: [AchievementDetails] = [
    achievement("ซื้อครั้งแรก · First purchase", .milestone, ["totalSpent": 1], points: 100),
    achievement("ใช้จ่ายครบ ฿10,000 · ฿10,000 spent", .spending, ["totalSpent": 10_000], points: 300),
    achievement("ใช้จ่ายครบ ฿50,000 · ฿50,000 spent", .spending, ["totalSpent": 50_000], points: 500),
    achievement(
      "5 ครั้งใน 3 เดือน · 5 visits in 3 months", .frequency, ["visitCount": 5, "withinMonths": 3], points: 200),
    achievement("12 ครั้งในหนึ่งปี · 12 visits a year", .frequency, ["visitCount": 12, "withinMonths": 12], points: 400),
    achievement("6 เดือนติดต่อกัน · 6 months in a row", .engagement, ["consecutiveVisits": 6], points: 600),
    achievement("แนะนำเพื่อนคนแรก · First friend brought", .referral, ["referralCount": 1], points: 150),
    achievement("แนะนำเพื่อน 5 คน · 5 friends brought", .referral, ["referralCount": 5], points: 500),
    achievement("แนะนำเพื่อน 10 คน · 10 friends brought", .referral, ["referralCount": 10], points: 1_000),
  ]

  private static func reward(
    _ name: String, _ type: RewardType, points: Int, percentBp: Int? = nil, baht: Int = 0, tier: Tier
  ) -> RewardDetails {
    var details = RewardDetails()
    details.name = name
    details.type = type
    details.pointsCost = points
    details.percentBp = percentBp
    details.monetaryValueSt = baht * 100
    details.tierRequirement = tier
    return details
  }

  private static func achievement(
    _ name: String, _ category: AchievementCategory, _ conditions: JSON, points: Int
  ) -> AchievementDetails {
    var details = AchievementDetails()
    details.name = name
    details.category = category
    details.conditions = conditions
    details.pointsReward = points
    return details
  }
}

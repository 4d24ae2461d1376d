/// How a clinic rewards its customers: `settings.loyalty` of its row. What is absent or makes no sense is as the house
/// has it.
package struct LoyaltySettings: Sendable, Equatable {
  /// Satang that bring one point at the lowest tier.
  package var earnRateSt = 1_000
  /// Calendar months that a credit is good for; 0 for ever.
  package var expiryMonths = 24
  package var welcomeBonus = 100
  package var referralBonus = 200
  package var birthdayBonus = 100
  package var checkInBonus = 10
  package var reviewBonus = 50
  package var tierBasis = TierBasis.spend
  /// Months whose spend or points a tier rests on; 0 for all that there ever were.
  package var qualifyingMonths = 0
  /// What a bill comes to at least for a coupon to be taken, before any discount.
  package var couponBillMinSt = 0
  /// The most that a coupon takes off what a bill comes to without it, in basis points.
  package var couponBillMaxBp = 10_000
  /// A new window counts from the end of the month in which it was set; until then the one before does.
  var qualifyingBefore = 0
  /// That month, `202602`; 0 when the window was never changed.
  var qualifyingSince = 0

  package init() {}

  /// The settings that are numbers, by their names on the wire.
  package enum Number: String, Sendable, CaseIterable {
    case earnRateSt, expiryMonths, welcomeBonus, referralBonus, birthdayBonus, checkInBonus, reviewBonus
    case qualifyingMonths, couponBillMinSt, couponBillMaxBp

    package var range: ClosedRange<Int> {
      switch self {
      case .earnRateSt: 1...100_000_000
      case .expiryMonths: 0...1_200
      case .welcomeBonus, .referralBonus, .birthdayBonus, .checkInBonus, .reviewBonus: 0...1_000_000
      case .qualifyingMonths: 0...36
      case .couponBillMinSt: 0...10_000_000_000
      case .couponBillMaxBp: 1...10_000
      }
    }

    /// The name in the clinic's row.
    var member: String {
      switch self {
      case .earnRateSt: "earn_rate_satang"
      case .expiryMonths: "expiry_months"
      case .welcomeBonus: "welcome_bonus"
      case .referralBonus: "referral_bonus"
      case .birthdayBonus: "birthday_bonus"
      case .checkInBonus: "check_in_bonus"
      case .reviewBonus: "review_bonus"
      case .qualifyingMonths: "qualifying_months"
      case .couponBillMinSt: "coupon_bill_min_satang"
      case .couponBillMaxBp: "coupon_bill_max_bp"
      }
    }

    var path: WritableKeyPath<LoyaltySettings, Int> {
      switch self {
      case .earnRateSt: \.earnRateSt
      case .expiryMonths: \.expiryMonths
      case .welcomeBonus: \.welcomeBonus
      case .referralBonus: \.referralBonus
      case .birthdayBonus: \.birthdayBonus
      case .checkInBonus: \.checkInBonus
      case .reviewBonus: \.reviewBonus
      case .qualifyingMonths: \.qualifyingMonths
      case .couponBillMinSt: \.couponBillMinSt
      case .couponBillMaxBp: \.couponBillMaxBp
      }
    }
  }

  /// What an owner or admin changes; what is not named stays.
  package struct Change: Sendable, Equatable {
    package var numbers: [Number: Int] = [:]
    package var tierBasis: TierBasis?

    package init(_ numbers: [Number: Int] = [:], tierBasis: TierBasis? = nil) {
      self.numbers = numbers
      self.tierBasis = tierBasis
    }
  }

  init(_ json: JSON?) {
    for number in Number.allCases {
      if let given = json?[number.member]?.integer, number.range.contains(given) { self[keyPath: number.path] = given }
    }
    tierBasis = json?["tier_basis"]?.string.flatMap(TierBasis.init(rawValue:)) ?? tierBasis
    if let since = json?["qualifying_since"]?.integer, let before = json?["qualifying_before"]?.integer,
      Number.qualifyingMonths.range.contains(before)
    {
      (qualifyingSince, qualifyingBefore) = (since, before)
    }
  }

  /// As the wire has them.
  package var json: JSON {
    var object = JSONObject()
    for number in Number.allCases { object[number.rawValue] = .integer(self[keyPath: number.path]) }
    object["tierBasis"] = .word(tierBasis)
    return .object(object)
  }
}

/// What a tier is reached by.
package enum TierBasis: String, Sendable, CaseIterable { case spend, points }

extension Draft {
  func loyalty() throws -> LoyaltySettings { LoyaltySettings(try clinic().settings["loyalty"]) }

  /// Writes the clinic's row. The ledger stays as it is: what was earned, and when it ends, was settled when it was
  /// posted.
  mutating func updateLoyaltySettings(_ change: LoyaltySettings.Change) throws -> JSON {
    func refuse(_ path: String, _ problem: String) -> Refusal {
      Refusal(.badRequest, "\(path): \(problem).", details: ["path": .string(path), "problem": .string(problem)])
    }
    if change == LoyaltySettings.Change() { throw refuse("args", "something to change is expected") }
    let clinic = try clinic()
    let before = LoyaltySettings(clinic.settings["loyalty"])
    var after = before
    var members = clinic.settings["loyalty"]?.object ?? JSONObject()
    for number in LoyaltySettings.Number.allCases {
      guard let value = change.numbers[number] else { continue }
      guard number.range.contains(value) else {
        throw refuse("args.\(number.rawValue)", "\(number.range.lowerBound) … \(number.range.upperBound) is expected")
      }
      members[number.member] = .integer(value)
      if number == .qualifyingMonths, value != before.qualifyingMonths {
        after.setWindow(value, in: try calendar().month(now))
        members["qualifying_before"] = .integer(after.qualifyingBefore)
        members["qualifying_since"] = .integer(after.qualifyingSince)
      } else {
        after[keyPath: number.path] = value
      }
    }
    if let basis = change.tierBasis {
      after.tierBasis = basis
      members["tier_basis"] = .word(basis)
    }
    guard after != before else { return outcome(after, clinic, already: true) }
    if after.tierBasis != before.tierBasis { planTierReview(at: now) }
    if max(after.qualifyingMonths, after.qualifyingBefore) > 0 { try planMonthEnd() }
    let changed = try update(clinic) { $0.settings.set("loyalty", .object(members)) }
    return outcome(after, changed, already: false)
  }

  private func outcome(_ settings: LoyaltySettings, _ clinic: Clinic, already: Bool) -> JSON {
    ["settings": settings.json, "version": .integer(clinic.version), "already": .bool(already)]
  }
}

extension Int {
  /// Sums and products of money and points: what does not fit is refused, never wrapped.
  func plus(_ other: Int) throws(Refusal) -> Int { try Self.fitting(addingReportingOverflow(other)) }
  func minus(_ other: Int) throws(Refusal) -> Int { try Self.fitting(subtractingReportingOverflow(other)) }
  func times(_ other: Int) throws(Refusal) -> Int { try Self.fitting(multipliedReportingOverflow(by: other)) }

  /// ⌊self × factor ÷ divisor⌋ of numbers that are not negative.
  func scaled(by factor: Int, over divisor: Int) throws(Refusal) -> Int { try times(factor) / divisor }

  private static func fitting(_ result: (partialValue: Int, overflow: Bool)) throws(Refusal) -> Int {
    if result.overflow {
      throw Refusal(.badRequest, "The numbers are too large.", details: ["problem": "overflow"])
    }
    return result.partialValue
  }
}

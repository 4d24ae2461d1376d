/// How a clinic rewards its customers: `settings.loyalty` of its row. What is absent or makes no sense is as the house
/// has it.
struct LoyaltySettings: Equatable {
  /// Satang that bring one point at the lowest tier.
  var earnRateSt = 1_000
  /// Calendar months that a credit is good for; 0 for ever.
  var expiryMonths = 24
  var welcomeBonus = 100
  var referralBonus = 200
  var birthdayBonus = 100
  var checkInBonus = 10
  var reviewBonus = 50

  init() {}

  init(_ json: JSON?) {
    func read(_ name: String, _ range: ClosedRange<Int>, _ value: inout Int) {
      if let given = json?[name]?.integer, range.contains(given) { value = given }
    }
    read("earn_rate_satang", 1...100_000_000, &earnRateSt)
    read("expiry_months", 0...1_200, &expiryMonths)
    read("welcome_bonus", 0...Self.bonusMax, &welcomeBonus)
    read("referral_bonus", 0...Self.bonusMax, &referralBonus)
    read("birthday_bonus", 0...Self.bonusMax, &birthdayBonus)
    read("check_in_bonus", 0...Self.bonusMax, &checkInBonus)
    read("review_bonus", 0...Self.bonusMax, &reviewBonus)
  }

  private static let bonusMax = 1_000_000
}

extension Draft {
  func loyalty() throws -> LoyaltySettings { LoyaltySettings(try clinic().settings["loyalty"]) }
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

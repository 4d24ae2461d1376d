/// One arm of a comparison: what share of the customers gets the templates of this name.
package struct FollowUpVariant: Sendable, Equatable {
  package var name: String
  package var weight: Int

  package init(name: String, weight: Int) {
    self.name = name
    self.weight = weight
  }

  var json: JSON { ["name": .string(name), "weight": .integer(weight)] }

  /// Of a rule that compares nothing.
  static let only = "A"
  package static let weightMax = 10_000
}

extension FollowUpRule {
  var arms: [FollowUpVariant] {
    variants.array?.compactMap { entry in
      guard let name = entry["name"]?.string, let weight = entry["weight"]?.integer, weight >= 0 else { return nil }
      return FollowUpVariant(name: name, weight: weight)
    } ?? []
  }

  /// The arm of a customer: the same for every message of the rule, and drawn anew for each rule, so that one
  /// comparison does not colour the next.
  func arm(of customer: ID) -> String {
    let arms = arms
    let total = arms.reduce(0) { $0 + $1.weight }
    guard total > 0 else { return arms.first?.name ?? FollowUpVariant.only }
    var point = Int(Self.mix(id, customer) % UInt64(total))
    for arm in arms {
      if point < arm.weight { return arm.name }
      point -= arm.weight
    }
    return FollowUpVariant.only
  }

  /// The same in every process and for ever: an arm is not to change with the program's next version. Its last steps
  /// are those of Sebastiano Vigna's SplitMix64.
  private static func mix(_ rule: ID, _ customer: ID) -> UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    for word in [rule.high, rule.low, customer.high, customer.low] {
      hash = (hash ^ word) &* 0x100_0000_01B3
      hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
      hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
      hash ^= hash >> 31
    }
    return hash
  }
}

extension Draft {
  func checkVariants(_ rule: FollowUpRule) throws {
    let arms = rule.arms
    if arms.isEmpty { return }
    func refuse(_ problem: String) -> Refusal {
      Refusal(
        .badRequest, "args.variants: \(problem).", details: ["path": "args.variants", "problem": .string(problem)])
    }
    if Set(arms.map(\.name)).count < arms.count { throw refuse("each name once") }
    guard arms.allSatisfy({ (0...FollowUpVariant.weightMax).contains($0.weight) }) else {
      throw refuse("weights of 0 … \(FollowUpVariant.weightMax) are expected")
    }
    if arms.allSatisfy({ $0.weight == 0 }) { throw refuse("one arm at least has a weight") }
    // The rule's own words are one message; what is compared is in the templates.
    if arms.count > 1, Language.allCases.contains(where: { rule.template[$0.rawValue] != nil }) {
      throw refuse("a rule with words of its own has no variants")
    }
  }
}

/// What a rule's conditions may ask of a case: a closed list, so that no rule reaches what it should not know. Nothing
/// of a customer's health is among them.
package enum AutomationField: String, Sendable, CaseIterable {
  // The case.
  /// Where it stands now, which is past the trigger if the same command has led it on.
  case stage
  case fromStage = "from_stage"
  case action
  case treatment = "treatment_id"
  case treatmentCategory = "treatment_category"
  case priceSt = "price_st"
  case planTotalSt = "plan_total_st"
  /// Paid for this case and not given back.
  case paidSt = "paid_st"
  case noShowCount = "no_show_count"
  case isCheckedIn = "checked_in"
  case hasSales = "has_sales"
  case hasBeautician = "has_beautician"
  case openTasks = "open_tasks"
  /// 0 on entry; what a rule with a delay may be late.
  case minutesInStage = "minutes_in_stage"
  /// Below nothing once it has begun.
  case hoursToAppointment = "hours_to_appointment"
  case daysSinceCreated = "days_since_created"
  // The clinic's clock: 1 is Monday; 0 … 23.
  case weekday
  case hour
  // The customer.
  case customerType = "customer_type"
  case customerStatus = "customer_status"
  case source
  case language
  case age
  case tags
  case hasPhone = "has_phone"
  case hasEmail = "has_email"
  case isReferred = "referred"
  case doNotContact = "do_not_contact"
  case marketingOptIn = "marketing_opt_in"
  case daysSinceRegistered = "days_since_registered"
  /// 0 on the day.
  case daysToBirthday = "days_to_birthday"
  // What they have earned and spent.
  case tier
  case points
  case totalPoints = "total_points"
  case spendSt = "spend_st"
  case averageSpendSt = "average_spend_st"
  case visits
  case referrals
  case daysSinceLastVisit = "days_since_last_visit"
  /// How often they come and how long they have been away.
  case segment
}

/// What a field holds, and so what it may be compared with.
package enum AutomationFieldType: Sendable, Equatable {
  case integer, flag
  case word([String])
  /// Words of which a later one is more.
  case rank([String])
  case id
  case text
  case list

  package var name: String {
    switch self {
    case .integer: "integer"
    case .flag: "flag"
    case .word: "word"
    case .rank: "rank"
    case .id: "id"
    case .text: "text"
    case .list: "list"
    }
  }

  package var operators: [ConditionOperator] {
    switch self {
    case .integer, .rank: [.eq, .ne, .gt, .gte, .lt, .lte, .in, .exists]
    case .flag: [.eq, .ne, .exists]
    case .word, .id: [.eq, .ne, .in, .exists]
    case .text: [.eq, .ne, .in, .contains, .exists]
    case .list: [.contains, .exists]
    }
  }

  package var words: [String]? {
    switch self {
    case .word(let words), .rank(let words): words
    case .integer, .flag, .id, .text, .list: nil
    }
  }
}

extension AutomationField {
  package var type: AutomationFieldType {
    switch self {
    case .stage, .fromStage: .word(Stage.allCases.map(\.rawValue))
    case .action: .word(ActionType.allCases.map(\.rawValue))
    case .treatment: .id
    case .treatmentCategory: .text
    case .priceSt, .planTotalSt, .paidSt, .noShowCount, .openTasks, .minutesInStage, .hoursToAppointment,
      .daysSinceCreated, .weekday, .hour, .age, .daysSinceRegistered, .daysToBirthday, .points, .totalPoints, .spendSt,
      .averageSpendSt, .visits, .referrals, .daysSinceLastVisit:
      .integer
    case .isCheckedIn, .hasSales, .hasBeautician, .hasPhone, .hasEmail, .isReferred, .doNotContact, .marketingOptIn:
      .flag
    case .customerType: .word(CustomerType.allCases.map(\.rawValue))
    case .customerStatus: .word(CustomerStatus.allCases.map(\.rawValue))
    case .source: .word(CustomerSource.allCases.map(\.rawValue))
    case .language: .word(Language.allCases.map(\.rawValue))
    case .tags: .list
    case .tier: .rank(Tier.allCases.map(\.rawValue))
    case .segment: .word(CustomerSegment.allCases.map(\.rawValue))
    }
  }

  /// Whether the history tells what it was on a day gone by; a dry run has only today's rows for the others.
  package var isKnownOfThePast: Bool {
    switch self {
    case .stage, .fromStage, .action, .minutesInStage, .daysSinceCreated, .weekday, .hour, .source, .age, .isReferred,
      .daysSinceRegistered, .daysToBirthday:
      true
    case .treatment, .treatmentCategory, .priceSt, .planTotalSt, .paidSt, .noShowCount, .isCheckedIn, .hasSales,
      .hasBeautician, .openTasks, .hoursToAppointment, .customerType, .customerStatus, .language, .tags, .hasPhone,
      .hasEmail, .doNotContact, .marketingOptIn, .tier, .points, .totalPoints, .spendSt, .averageSpendSt, .visits,
      .referrals, .daysSinceLastVisit, .segment:
      false
    }
  }

  /// As an editor of rules needs it.
  var json: JSON {
    var object: JSONObject = [
      "field": .word(self), "type": .string(type.name), "ops": .array(type.operators.map { .word($0) }),
      "known_of_the_past": .bool(isKnownOfThePast),
    ]
    if let words = type.words { object["words"] = .array(words.map(JSON.string)) }
    return .object(object)
  }
}

package enum ConditionOperator: String, Sendable, CaseIterable {
  case eq, ne, gt, gte, lt, lte
  case `in`
  case contains, exists
}

/// What a field holds of one case.
package enum Fact: Sendable, Equatable {
  /// Nothing is known: only `exists: false` is true of it.
  case absent
  case integer(Int)
  case flag(Bool)
  case text(String)
  case list([String])

  var json: JSON {
    switch self {
    case .absent: .null
    case .integer(let value): .integer(value)
    case .flag(let value): .bool(value)
    case .text(let value): .string(value)
    case .list(let values): .array(values.map(JSON.string))
    }
  }
}

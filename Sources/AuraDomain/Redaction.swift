/// What of the rows about a customer tells who they are, how they are, or what somebody wrote of them, and what stands
/// there once they are forgotten. Ids, times, stages, amounts and points stay: books and counts remain right, about
/// somebody whom nobody can name.
///
/// The same list serves the rows as they are and their old images in the log, so that both read alike.
package enum Redaction {
  package static let word = "(forgotten)"

  package static func columns(of table: Table) -> JSONObject {
    switch table {
    case .customers:
      [
        "full_name": .string(word), "nickname": nil, "email": nil, "phone": nil, "date_of_birth": nil, "gender": nil,
        "allergies": nil, "medical_notes": nil, "skin_concerns": [], "tags": [], "metadata": .emptyObject,
      ]
    // That a consent was given or withdrawn, when and by which words, is the clinic's proof and stays.
    case .customerPreferences: ["birthday": nil, "anniversary_date": nil]
    case .workflowStates:
      ["scan_results": .emptyObject, "treatment_plan": .emptyObject, "metadata": .emptyObject, "cancel_reason": nil]
    case .workflowActions: ["data": .emptyObject, "notes": nil]
    case .workflowEvents: ["event_data": .emptyObject]
    case .customerJourneyEvents: ["event_data": .emptyObject]
    case .taskQueue: ["title": .string(word), "description": nil, "task_data": .emptyObject, "notes": nil]
    case .notifications: ["title": .string(word), "message": .string(word)]
    case .followupExecutions:
      ["personalized_content": .emptyObject, "response": .emptyObject, "last_error": nil, "provider_message_id": nil]
    case .pointTransactions: ["description": .string(word)]
    case .loyaltyRedemptions: ["metadata": .emptyObject]
    // A bill's items are what the tax office may ask for.
    case .posTransactions: [:]
    case .automationRules, .loyaltyProfiles, .loyaltyMonths, .pointCredits, .achievements, .loyaltyRewards,
      .customerCoupons, .followupRules, .followupTemplates, .clinics, .users, .clinicStaff, .treatments:
      [:]
    }
  }

  /// The row's image with what is to go replaced; the same one when nothing of it is.
  package static func redact(_ image: JSONObject, table: Table) -> JSONObject {
    var image = image
    for column in columns(of: table).members where image[column.name] != nil { image[column.name] = column.value }
    return image
  }
}

extension Row {
  func redacted() -> Self {
    var copy = self
    copy.restore(Redaction.columns(of: Self.table))
    return copy
  }
}

import AuraDomain

/// What customers agree to, and whom they bring.
extension APIRoute {
  static let customers: [APIRoute] = [
    APIRoute(.get, "/api/consent", .meta) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { reading in
        let preferences = try reading.ask(.preferences(customer: customer))
        return APIPage([
          "customerId": preferences["customerId"] ?? .null, "consents": preferences["consents"] ?? [:],
          "marketingOptIn": preferences["marketingOptIn"] ?? false,
          "doNotContact": preferences["doNotContact"] ?? false,
        ])
      }
    },
    APIRoute(.post, "/api/consent", .meta) { call in .command(try ConsentCommand.make(call)) },
    APIRoute(.get, "/api/referrals", .meta) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { reading in
        let standing = try reading.ask(.loyaltyProfile(customer: customer))
        return APIPage([
          "customerId": standing["customerId"] ?? .null, "referralCode": standing["referralCode"] ?? .null,
          "successfulReferrals": standing["successfulReferrals"] ?? 0,
        ])
      }
    },
    APIRoute(.post, "/api/referrals", .meta) { call in
      try call.need(["referralCode", "referral_code"], ["customerData", "customer"])
      let code = try call.text("referralCode", "referral_code")
      guard var person = call.value("customerData", "customer")?.object else {
        throw APICall.bad("customerData", "an object is expected")
      }
      person["referral_code"] = nil
      person["referralCode"] = .text(code)
      var call = call
      call.body["customer"] = nil
      call.body["customerData"] = .object(person)
      return .command(try WorkflowAction.create(call, message: "The newcomer's case is open."))
    },
  ]
}

enum ConsentCommand {
  /// One purpose at a time: `marketing`, `whatsapp` or `contact`. Health data and treatments are consented to with the scan
  /// or the treatment that needs it.
  static func make(_ call: APICall) throws -> APICommand {
    try call.need(["purpose", "consentType", "consent_type"], ["given"])
    guard let given = try call.flag("given") else { throw APICall.missing(["given"]) }
    var more = JSONObject()
    switch try call.text("purpose", "consentType", "consent_type") {
    case "marketing": more["marketingOptIn"] = .bool(given)
    case "whatsapp": more["whatsappOptIn"] = .bool(given)
    case "contact": more["doNotContact"] = .bool(!given)
    default: throw APICall.bad("purpose", "one of marketing, whatsapp, contact is expected")
    }
    if given {
      try call.need(["version"])
      var consent = JSONObject()
      consent["version"] = .text(try call.text("version"))
      consent["channel"] = try call.text("channel").map(JSON.string)
      more["consent"] = .object(consent)
    }
    let (command, names) = try call.command(
      "updatePreferences", [APIArgument("customerId", "customer_id")], with: more)
    return APICommand(command, names: names) { result, draft in
      var data = result.object ?? JSONObject()
      let preferences = try result["customerId"]?.id.flatMap { customer in
        try draft.rows(CustomerPreferences.self, Selection(.equal("customer_id", .id(customer)), limit: 1)).first
      }
      // Who wrote it down is the clinic's own affair.
      data["consents"] = .object(
        JSONObject(
          (preferences?.consents.object?.members ?? []).map { member in
            var consent = member.value
            consent.set("recorded_by", nil)
            return .init(name: member.name, value: consent)
          }))
      data["message"] = "The choice is kept."
      return .object(data)
    }
  }
}

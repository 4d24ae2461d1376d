import AuraDomain

extension APIRoute {
  static let loyalty: [APIRoute] = [
    APIRoute(.get, "/api/loyalty", .meta) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { APIPage(try $0.ask(.loyaltyProfile(customer: customer))) }
    },
    APIRoute(.post, "/api/loyalty", .meta) { call in
      switch try call.text("action") {
      case "award": return .command(try LoyaltyCommand.award(call))
      case "redeem": return .command(try LoyaltyCommand.redeem(call))
      case nil: throw APICall.missing(["action"])
      default: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
    },
    APIRoute(.get, "/api/loyalty/points", .meta) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { reading in
        let standing = try reading.ask(.loyaltyProfile(customer: customer))
        return APIPage([
          "points": standing["availablePoints"] ?? 0, "availablePoints": standing["availablePoints"] ?? 0,
          "totalPoints": standing["totalPoints"] ?? 0, "currentTier": standing["currentTier"] ?? .null,
          "customerId": standing["customerId"] ?? .null,
        ])
      }
    },
    APIRoute(.post, "/api/loyalty/points", .meta) { call in .command(try LoyaltyCommand.award(call)) },
    APIRoute(.get, "/api/loyalty/rewards", .meta) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { APIPage(try $0.ask(.rewards(customer: customer))) }
    },
    APIRoute(.post, "/api/loyalty/redeem", .meta) { call in .command(try LoyaltyCommand.redeem(call)) },
    APIRoute(.get, "/api/loyalty/history", .meta) { call in
      var filter = HistoryFilter(customer: try call.parameterID("customerId", "customer_id"))
      filter.limit = try call.limit(20, max: 50)
      filter.after = try call.parameterID("after")
      return .read { [filter] in APIPage(try $0.history(filter)) }
    },
    APIRoute(.get, "/api/customer/loyalty", .meta, top: ["profile", "achievements", "transactions"]) { call in
      let customer = try call.parameterID("customerId", "customer_id")
      return .read { reading in
        let standing = try reading.ask(.loyaltyProfile(customer: customer))
        let history = try reading.history(HistoryFilter(customer: standing["customerId"]?.id ?? customer))
        var profile = standing.object ?? JSONObject()
        profile["achievements"] = nil
        return APIPage([
          "profile": .object(profile.withSnakeNames), "achievements": standing["achievements"] ?? [],
          "transactions": history["transactions"] ?? [], "redemptions": history["redemptions"] ?? [],
        ])
      }
    },
  ]

  static let achievements: [APIRoute] = [
    APIRoute(.get, "/api/achievements", .plain, top: ["achievements", "customerProgress"]) { call in
      _ = try call.neededID("clinic_id", "clinicId")
      let customer = try call.parameterID("customer_id", "customerId")
      return .read { APIPage(try $0.achievements(of: customer)) }
    },
    // What is unlocked already was a plain mistake to the original.
    APIRoute(
      .post, "/api/achievements", .plain, top: ["achievement", "points_awarded"], statuses: [.duplicate: 400]
    ) { call in .command(try LoyaltyCommand.unlock(call)) },
  ]
}

enum LoyaltyCommand {
  static func award(_ call: APICall) throws -> APICommand {
    try call.need(["customerId", "customer_id"], ["points"], ["transactionId", "transaction_id"])
    let (command, names) = try call.command(
      "awardPoints",
      [
        APIArgument("customerId", "customer_id"), APIArgument("points"),
        APIArgument("transactionId", "transaction_id"), APIArgument("description"),
      ])
    return APICommand(command, names: names) { result, _ in
      var data = result.object ?? JSONObject()
      data["points"] = result["availablePoints"]
      return .object(data)
    }
  }

  static func redeem(_ call: APICall) throws -> APICommand {
    try call.need(["rewardId", "reward_id"])
    let (command, names) = try call.command(
      "redeemReward", [APIArgument("rewardId", "reward_id"), APIArgument("customerId", "customer_id")])
    return APICommand(command, names: names) { result, _ in
      var data = result.object ?? JSONObject()
      data["message"] = "The reward is redeemed."
      return .object(data)
    }
  }

  static func unlock(_ call: APICall) throws -> APICommand {
    try call.need(["customer_id", "customerId"], ["clinic_id", "clinicId"], ["achievement_id", "achievementId"])
    let (command, names) = try call.command(
      "unlockAchievement",
      [
        APIArgument("achievementId", "achievement_id"), APIArgument("customerId", "customer_id"),
        APIArgument("override"),
      ])
    return APICommand(command, names: names) { result, draft in
      let row = try result["achievementId"]?.id.flatMap { try draft.row(Achievement.self, $0) }
      return [
        "achievement": row.map { .object($0.jsonObject) } ?? .null, "points_awarded": result["pointsAwarded"] ?? 0,
        "customer_id": result["customerId"] ?? .null, "message": "The achievement is unlocked.",
      ]
    }
  }
}

extension APIReading {
  /// The last postings and redemptions; a redemption's reward is an object, as the original's join makes it.
  func history(_ filter: HistoryFilter) throws -> JSON {
    var history = try ask(.pointHistory(filter))
    history.set(
      "redemptions",
      .array(
        (history["redemptions"]?.array ?? []).map { redemption in
          var told = redemption
          told.set("reward", ["name": redemption["reward"] ?? .null])
          return told
        }))
    return history
  }

  /// What can be achieved; with a customer, or for one, what is. A secret shows to customers once it is reached.
  func achievements(of named: ID?) throws -> JSON {
    try permit(.readLoyalty)
    let all = try rows.rows(
      Achievement.self, Selection(.equal("is_active", .integer(1)), order: [.ascending("id")], limit: 200))
    var (unlocked, progress): (Set<ID>, JSON) = ([], .null)
    if named != nil || actor.kind == .customer {
      let standing = try ask(.loyaltyProfile(customer: named))
      let entries = (standing["achievements"]?.array ?? []).filter { $0["unlocked"] == true }
      unlocked = Set(entries.compactMap { $0["id"]?.id })
      progress = ["unlocked": .array(entries.compactMap { $0["id"] }), "total": .integer(entries.count)]
    }
    return [
      "achievements": .array(
        all.filter { !$0.isSecret || actor.kind != .customer || unlocked.contains($0.id) }.map { row in
          var told = row.jsonObject
          told["special_reward"] = nil
          if named != nil || actor.kind == .customer { told["is_unlocked"] = .bool(unlocked.contains(row.id)) }
          return .object(told)
        }),
      "customerProgress": progress,
    ]
  }
}

extension JSONObject {
  /// Each member once more under its name in the database: `availablePoints` and `available_points`.
  var withSnakeNames: JSONObject {
    var both = self
    for member in members {
      var name = ""
      for character in member.name {
        name += character.isUppercase ? "_" + character.lowercased() : String(character)
      }
      if both[name] == nil { both[name] = member.value }
    }
    return both
  }
}

import AuraDomain

extension APIRoute {
  static let notifications: [APIRoute] = [
    APIRoute(.get, "/api/notifications", .meta, top: ["notifications", "unreadCount"]) { call in
      let unread = try call.parameterFlag("unread") ?? false
      let (page, limit) = (try call.positive("page") ?? 1, try call.limit(20, max: 50))
      return .read { try $0.notifications(unread: unread, page: page, limit: limit) }
    },
    APIRoute(.post, "/api/notifications", .meta) { call in
      switch try call.text("action") {
      case "markRead": return .command(try Bell.one("markNotificationRead", call))
      case "dismiss": return .command(try Bell.one("dismissNotification", call))
      case "markAllRead": return .command(try Bell.all(call))
      case "send": return .command(try Bell.send(call))
      case nil: throw APICall.missing(["action"])
      default: throw Refusal(.badRequest, "Invalid action", details: ["path": "action"])
      }
    },
  ]
}

enum Bell {
  static func one(_ name: String, _ call: APICall) throws -> APICommand {
    try call.need(["notificationId", "notification_id", "id"])
    let (command, names) = try call.command(name, [APIArgument("notificationId", "notification_id", "id")])
    return APICommand(command, names: names) { result, draft in
      var data = result.object ?? JSONObject()
      let row = try result["notificationId"]?.id.flatMap { try draft.row(Notification.self, $0) }
      data["notification"] = row.map { .object($0.visible(to: draft.actor)) } ?? .null
      return .object(data)
    }
  }

  static func all(_ call: APICall) throws -> APICommand {
    let (command, names) = try call.command("markAllNotificationsRead", [APIArgument("upTo", "up_to")])
    return APICommand(command, names: names) { result, _ in result }
  }

  /// To whom the body says; to oneself where it says nothing, as the original did.
  static func send(_ call: APICall) throws -> APICommand {
    try call.need(["title"], ["message"])
    var wanted = [
      APIArgument("title"), APIArgument("message"), APIArgument("priority"), APIArgument("link", "action_url"),
      APIArgument("expiresHours"), APIArgument("dedupeKey"),
    ]
    let isForSomebody = call.value("staffId", "userId", "user_id", "role", "customerId") != nil
    wanted += [APIArgument("staffId", "userId", "user_id"), APIArgument("role"), APIArgument("customerId")]
    let own: JSONObject = isForSomebody ? [:] : ["role": "all"]
    let (command, names) = try call.command("sendNotification", wanted, with: own)
    return APICommand(
      command, names: names,
      prepare: { command, draft in
        guard !isForSomebody, case .sendNotification(var notice) = command else { return command }
        guard let staff = draft.actor.staff else { throw APICall.missing(["staffId"]) }
        notice.to = .staff(staff)
        return .sendNotification(notice)
      },
      answer: { result, _ in
        var data = result.object ?? JSONObject()
        data["message"] = "The notification is sent."
        return .object(data)
      })
  }

  /// To the whole staff: what the original's management route calls a broadcast.
  static func broadcast(_ call: APICall) throws -> APICommand {
    var call = call
    for name in ["staffId", "userId", "user_id", "customerId"] { call.body[name] = nil }
    if call.value("role") == nil { call.body["role"] = "all" }
    return try send(call)
  }
}

extension APIReading {
  /// How many are counted: a bell is emptied of what is old, so that this is far from what anybody has.
  private static let countedMax = 1_000

  func notifications(unread: Bool, page: Int, limit: Int) throws -> APIPage {
    try permit(.readNotifications)
    let whose: Condition? =
      actor.kind == .customer
      ? actor.customer.map { .equal("customer_id", .id($0)) } : actor.user.map { .equal("user_id", .id($0)) }
    guard let whose else { return APIPage(["notifications": [], "unreadCount": 0]) }
    var selection = Selection(
      whose, .equal("dismissed", .integer(0)), order: [.descending("id")], limit: Self.countedMax)
    if unread { selection.conditions.append(.equal("is_read", .integer(0))) }
    let all = try rows.rows(Notification.self, selection)
    let start = min(all.count, (page - 1) * limit)
    let shown = all[start..<min(all.count, start + limit)]
    return APIPage(
      [
        "notifications": .array(shown.map { .object(visible($0)) }),
        "unreadCount": try ask(.unreadCount)["unread"] ?? 0,
      ], .init(page: page, limit: limit, total: all.count))
  }
}

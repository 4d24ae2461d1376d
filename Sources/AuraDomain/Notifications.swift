extension Notification {
  /// Older ones go, read or not.
  static let keptFor = Span.days(90)
  /// The longest that one may be good for.
  package static let hoursMax = 90 * 24
  /// How many are told by one wish.
  static let recipientsMax = 200
  /// What people of a clinic may send by hand in a day, counted by recipients.
  static let sentPerDayMax = 1_000
  /// Up to where unread ones are counted.
  static let countedMax = 100
  /// How many rows one command or timer changes, so that it does not hold up the clinic.
  static let rowsPerCommand = 500
}

/// Words that a person or a rule has written.
struct WrittenNotice {
  var title: Texts
  var message: Texts
  var priority: TaskPriority = .medium
  var link: String?
  var expires: Instant?
}

/// A message of an owner or admin into somebody's bell.
package struct SendNotification: Sendable, Equatable {
  package enum Recipient: Sendable, Equatable {
    case staff(ID)
    case role(Role)
    /// All of the staff.
    case everyone
    case customer(ID)
  }

  package var to: Recipient
  package var title: Texts
  package var message: Texts
  package var priority = TaskPriority.medium
  /// A path of this server's own pages.
  package var link: String?
  package var expiresHours: Int?
  /// Nobody is sent two of the same key.
  package var dedupeKey: String?

  package init(to: Recipient, title: Texts, message: Texts) {
    self.to = to
    self.title = title
    self.message = message
  }
}

extension Draft {
  // MARK: Into the bell

  /// Adds a notification, with the timers of its end: of the moment it names, and of the night on which all go that are
  /// old.
  mutating func post(_ row: Notification) throws {
    insert(row)
    if let end = row.expiresAt {
      let name = "notifications:expire:\(end.milliseconds)"
      if !isPlanned({ $0.dedupe == name }) { plan(.notificationExpiry, name, at: end) }
    }
    // One night for all that a command tells.
    if isPlanned({ $0.kind == .notificationPruning }) { return }
    let night = try calendar().night(after: now + Notification.keptFor)
    plan(.notificationPruning, "notifications:prune:\(night.milliseconds)", at: night)
  }

  private func isPlanned(_ isMeant: (PlannedTimer) -> Bool) -> Bool {
    changes.contains { if case .schedule(let timer) = $0 { isMeant(timer) } else { false } }
  }

  private mutating func plan(_ kind: TimerKind, _ name: String, at due: Instant) {
    schedule(PlannedTimer(due: due, kind: kind, payload: .emptyObject, dedupe: name))
  }

  /// Tells a member of staff once per key, in their language; `false` when they have been told.
  mutating func tell(_ staff: ID, _ notice: WrittenNotice, _ workflow: Workflow?, key: String?) throws -> Bool {
    guard let member = try row(StaffMember.self, staff), let user = try user(member.userID) else { return false }
    var row = try written(notice, workflow, user.locale)
    row.userID = user.id
    return try post(row, key: key.map { "\($0):\(user.id)" })
  }

  mutating func tellCustomer(
    _ customer: ID, _ notice: WrittenNotice, _ workflow: Workflow?, key: String?
  ) throws -> Bool {
    var row = try written(notice, workflow, try preferences(of: customer)?.language ?? .th)
    row.customerID = customer
    return try post(row, key: key.map { "\($0):\(customer)" })
  }

  private mutating func post(_ row: Notification, key: String?) throws -> Bool {
    var row = row
    row.dedupeKey = key
    if let key, try !rows(Notification.self, Selection(.equal("dedupe_key", .text(key)), limit: 1)).isEmpty {
      return false
    }
    try post(row)
    return true
  }

  private mutating func written(
    _ notice: WrittenNotice, _ workflow: Workflow?, _ language: Language
  ) throws -> Notification {
    var row = Notification()
    row.id = newID()
    row.clinicID = clinicID
    row.type = EventType.notificationSent.rawValue
    row.title = notice.title[language]
    row.message = notice.message[language]
    row.priority = notice.priority
    row.link = notice.link
    row.expiresAt = notice.expires
    var metadata = JSONObject()
    if let workflow { metadata["workflow_id"] = .id(workflow.id) }
    if let rule { metadata["rule_id"] = .id(rule.id) }
    if let user = actor.user { metadata["sent_by"] = .id(user) }
    row.metadata = .object(metadata)
    return row
  }

  // MARK: Reading and putting away

  mutating func markNotificationRead(_ id: ID) throws -> JSON {
    let row = try mine(id)
    try markRead(row)
    return ["notificationId": .id(id), "already": .bool(row.isRead)]
  }

  /// Marks all, or those that the caller has seen: what came between looking and tapping stays unread, on whatever
  /// device. `more` says that not all fitted into one command.
  mutating func markAllNotificationsRead(upTo last: ID?) throws -> JSON {
    guard let whose = bell else { return ["updatedCount": 0, "more": false] }
    var unread = Selection(
      whose, .equal("is_read", .integer(0)), order: [.ascending("id")], limit: Notification.rowsPerCommand)
    if let last { unread.conditions.append(.atMost("id", .id(last))) }
    let rows = try rows(Notification.self, unread)
    for row in rows { try markRead(row) }
    return ["updatedCount": .integer(rows.count), "more": .bool(rows.count == Notification.rowsPerCommand)]
  }

  /// Puts one away, for every device. It counts as read, so that unread is one column whoever counts.
  mutating func dismissNotification(_ id: ID) throws -> JSON {
    let row = try mine(id)
    try markRead(row)
    try update(row) { $0.dismissed = true }
    return ["notificationId": .id(id), "already": .bool(row.dismissed)]
  }

  private mutating func markRead(_ row: Notification) throws {
    if row.isRead { return }
    try update(row) { [now] row in
      row.isRead = true
      row.readAt = now
    }
  }

  private func mine(_ id: ID) throws -> Notification {
    if let row = try row(Notification.self, id) {
      let isMine =
        actor.kind == .customer
        ? row.customerID != nil && row.customerID == actor.customer : row.userID != nil && row.userID == actor.user
      if isMine { return row }
    }
    throw Refusal(.notFound, "There is no such notification.", details: ["notification_id": .id(id)])
  }

  /// Whose bell is the caller's; `nil` for the system.
  private var bell: Condition? {
    if actor.kind == .customer { return actor.customer.map { .equal("customer_id", .id($0)) } }
    return actor.user.map { .equal("user_id", .id($0)) }
  }

  /// How many of the caller's are unread, up to 100: exactly the rows of their stream whose `is_read` is false.
  func unreadCount() throws -> JSON {
    guard let whose = bell else { return ["unread": 0, "more": false] }
    let unread = try rows(
      Notification.self, Selection(whose, .equal("is_read", .integer(0)), limit: Notification.countedMax + 1)
    ).count
    return [
      "unread": .integer(min(unread, Notification.countedMax)), "more": .bool(unread > Notification.countedMax),
    ]
  }

  // MARK: Coming to an end

  /// The time of some is over: they are put away. Nobody has read them, and `read_at` goes on saying so.
  mutating func fireNotificationExpiry(_ timer: PlannedTimer) throws -> Bool {
    let over = try rows(
      Notification.self,
      Selection(
        .equal("expires_at", .instant(timer.due)), .equal("dismissed", .integer(0)), order: [.ascending("id")],
        limit: Notification.rowsPerCommand))
    for row in over where now >= timer.due {
      try update(row) { row in
        row.isRead = true
        row.dismissed = true
      }
    }
    if now < timer.due || over.count == Notification.rowsPerCommand { schedule(timer) }
    return now >= timer.due && !over.isEmpty
  }

  /// Old ones go for good, some hundreds at a time, and are gone from every screen.
  mutating func fireNotificationPruning(_ timer: PlannedTimer) throws -> Bool {
    let old = try rows(
      Notification.self,
      Selection(
        .less("created_at", .instant(now - Notification.keptFor)), order: [.ascending("created_at")],
        limit: Notification.rowsPerCommand))
    for row in old { remove(row) }
    if old.count == Notification.rowsPerCommand { schedule(timer) }
    return !old.isEmpty
  }

  /// What was told to somebody in a place that they no longer hold is not theirs to read: it goes from every screen, the
  /// newest hundreds of what was read and of what was not.
  mutating func emptyBell(of user: ID) throws {
    for isRead in [0, 1] {
      let told = try rows(
        Notification.self,
        Selection(
          .equal("user_id", .id(user)), .equal("is_read", .integer(isRead)), order: [.descending("id")],
          limit: Notification.rowsPerCommand))
      for row in told { remove(row) }
    }
  }

  // MARK: By hand

  mutating func sendNotification(_ command: SendNotification) throws -> JSON {
    let notice = WrittenNotice(
      title: command.title, message: command.message, priority: command.priority, link: command.link,
      expires: command.expiresHours.map { now + .hours($0) })
    let key = command.dedupeKey.map { "sent:\($0)" }
    var told: [ID] = []
    var roles: [Role] = []
    var already = 0
    switch command.to {
    case .customer(let id):
      let customer = try customer(id)
      guard try preferences(of: id)?.doNotContact != true, customer.anonymizedAt == nil else {
        throw Refusal(
          .badRequest, "The customer wants no messages.",
          details: ["path": "args.customerId", "problem": "do_not_contact", "customer_id": .id(id)])
      }
      if try tellCustomer(id, notice, nil, key: key) {
        told = [id]
        try emit(.notificationSent, nil, data: [:], users: customer.userID.map { [$0] } ?? [], customer: id)
      } else {
        already = 1
      }
    case .staff(let id):
      _ = try colleague(id, "staffId")
      if try tell(id, notice, nil, key: key) { told = [id] } else { already = 1 }
    case .role(let role):
      roles = [role]
      (told, already) = try tellAll(roles, notice, key)
    case .everyone:
      roles = Role.allCases
      (told, already) = try tellAll(roles, notice, key)
    }
    if case .customer = command.to {
    } else if !told.isEmpty {
      try emit(.notificationSent, nil, data: [:], staff: told)
    }
    try countSent(told.count)
    return ["sent": .integer(told.count), "already": .integer(already)]
  }

  private mutating func tellAll(
    _ roles: [Role], _ notice: WrittenNotice, _ key: String?
  ) throws -> (told: [ID], already: Int) {
    let members = try activeStaff(roles: roles).filter { $0.userID != actor.user }
    guard members.count <= Notification.recipientsMax else {
      throw Refusal(
        .tooLarge, "At most \(Notification.recipientsMax) are told at a time.",
        details: ["path": "args.role", "recipients": .integer(members.count)])
    }
    var told: [ID] = []
    for member in members where try tell(member.id, notice, nil, key: key) { told.append(member.id) }
    return (told, members.count - told.count)
  }

  private mutating func countSent(_ count: Int) throws {
    let (tally, day) = try (Tally(name: "notifications:sent"), dayPeriod())
    guard try tally.count(in: day, self) + count <= Notification.sentPerDayMax else {
      let end = try calendar().dayEnd(now)
      throw Refusal(
        .rateLimited, "At most \(Notification.sentPerDayMax) notifications are sent by hand in a day.",
        details: ["retry_ms": .integer(max(0, (end - now).milliseconds))])
    }
    if count > 0 { try tally.add(count, in: day, &self) }
  }
}

import Testing

@testable import AuraDomain

@Suite struct `The bell` {
  let world = World()

  private func send(
    _ to: SendNotification.Recipient, as person: World.Person = .o1,
    _ change: (inout SendNotification) -> Void = { _ in }
  ) throws -> JSON {
    var command = SendNotification(
      to: to, title: Texts(th: "ประชุม", en: "Meeting"), message: Texts(th: "บ่ายสาม", en: "At three"))
    change(&command)
    return try world.run(.sendNotification(command), as: person)
  }

  private func unread(_ person: World.Person) throws -> JSON {
    try world.ask(.unreadCount, as: person)["unread"] ?? .null
  }

  // MARK: Sending

  @Test func `rings for a person, a role, everyone or a customer, each in their language`() throws {
    #expect(try send(.staff(world.id(.b1))) == ["sent": 1, "already": 0])
    #expect(world.bell(.b1).map(\.title) == ["ประชุม"])
    #expect(try send(.staff(world.id(.s1)))["sent"] == 1)
    #expect(world.bell(.s1).map(\.message) == ["At three"])
    #expect(world.bell(.s1)[0].metadata["sent_by"]?.id == world.user(.o1))
    #expect(try send(.role(.sales))["sent"] == 3)
    // Nobody is told what they have just said themselves.
    #expect(try send(.everyone)["sent"] == 6)
    #expect(try send(.everyone, as: .a1)["sent"] == 6)
    #expect(world.bell(.o1).count == 1)
    #expect(world.events.map(\.eventType) == [.notificationSent])
    #expect(world.events[0].targetUsers.array?.count == 6)

    let w = try world.lead()
    let customer = try world.customer(of: w)
    #expect(try send(.customer(customer))["sent"] == 1)
    #expect(world.rows.all(Notification.self).filter { $0.customerID == customer }.map(\.title) == ["ประชุม"])
    try world.prefer(customer) { $0.doNotContact = true }
    #expect(throws: Refusal.self) { try send(.customer(customer)) }
  }

  @Test func `is an owner's or admin's to ring for others`() throws {
    let command = SendNotification(to: .everyone, title: Texts("t"), message: Texts("m"))
    for person in [World.Person.s1, .b1, .desk] {
      #expect(world.refusal(.sendNotification(command), as: person)?.code == .forbidden)
    }
    #expect(
      world.refusal(
        .sendNotification(.init(to: .staff(world.newID()), title: Texts("t"), message: Texts("m"))), as: .o1)?.code
        == .notFound)
    #expect(
      world.refusal(
        .sendNotification(.init(to: .customer(world.newID()), title: Texts("t"), message: Texts("m"))), as: .o1)?.code
        == .notFound)
  }

  @Test func `rings once for one key`() throws {
    #expect(try send(.role(.sales)) { $0.dedupeKey = "fire" } == ["sent": 3, "already": 0])
    #expect(try send(.role(.sales)) { $0.dedupeKey = "fire" } == ["sent": 0, "already": 3])
    #expect(try send(.everyone) { $0.dedupeKey = "fire" } == ["sent": 3, "already": 3])
    #expect(world.bell(.s1).count == 1)
  }

  @Test func `rings a thousand times a day by hand, and again the day after`() throws {
    for _ in 0..<166 { _ = try send(.everyone) }
    let refusal = world.refusal(
      .sendNotification(SendNotification(to: .everyone, title: Texts("t"), message: Texts("m"))), as: .o1)
    #expect(refusal?.code == .rateLimited)
    #expect(refusal?.details["retry_ms"] == .integer(14 * 3_600_000))
    #expect(try send(.staff(world.id(.s1)))["sent"] == 1)
    try world.advance(.days(1))
    #expect(try send(.everyone)["sent"] == 6)
  }

  // MARK: Reading

  @Test func `counts what is unread, up to a hundred`() throws {
    for _ in 0..<100 { _ = try send(.staff(world.id(.s1))) }
    #expect(try world.ask(.unreadCount, as: .s1) == ["unread": 100, "more": false])
    _ = try send(.staff(world.id(.s1)))
    #expect(try world.ask(.unreadCount, as: .s1) == ["unread": 100, "more": true])
    #expect(try world.run(.markAllNotificationsRead(), as: .s1) == ["updatedCount": 101, "more": false])
    #expect(try world.ask(.unreadCount, as: .s1) == ["unread": 0, "more": false])
  }

  @Test func `keeps what came between looking and tapping unread`() throws {
    for _ in 0..<3 { _ = try send(.staff(world.id(.s1))) }
    let seen = try #require(world.bell(.s1).last?.id)
    // On the way to the hub, another one comes.
    _ = try send(.staff(world.id(.s1)))
    #expect(try world.run(.markAllNotificationsRead(upTo: seen), as: .s1)["updatedCount"] == 3)
    #expect(try unread(.s1) == 1)
    #expect(world.bell(.s1).filter { !$0.isRead }.map(\.id) == [try #require(world.bell(.s1).last?.id)])
  }

  @Test func `is emptied over several commands when nobody has looked for long`() throws {
    for _ in 0..<501 {
      _ = try send(.staff(world.id(.s1)))
    }
    #expect(try world.run(.markAllNotificationsRead(), as: .s1) == ["updatedCount": 500, "more": true])
    #expect(try world.run(.markAllNotificationsRead(), as: .s1) == ["updatedCount": 1, "more": false])
  }

  @Test func `lets one be put away, which counts as read, and only one's own`() throws {
    _ = try send(.staff(world.id(.s1)))
    let id = try #require(world.bell(.s1).first?.id)
    #expect(world.refusal(.dismissNotification(notification: id), as: .s2)?.code == .notFound)
    #expect(world.refusal(.dismissNotification(notification: id), as: .o1)?.code == .notFound)
    try world.run(.dismissNotification(notification: id), as: .s1)
    let row = world.bell(.s1)[0]
    #expect(row.dismissed && row.isRead && row.readAt == world.now)
    #expect(try unread(.s1) == 0)
    _ = try world.twice(.dismissNotification(notification: id), as: .s1)
  }

  @Test func `is a customer's too`() throws {
    let w = try world.lead()
    let customer = try world.customer(of: w)
    world.customerID = customer
    _ = try send(.customer(customer))
    #expect(try unread(.customer) == 1)
    let id = try #require(world.rows.all(Notification.self).last { $0.customerID == customer }?.id)
    #expect(world.refusal(.markNotificationRead(notification: id), as: .s1)?.code == .notFound)
    try world.run(.dismissNotification(notification: id), as: .customer)
    #expect(try unread(.customer) == 0)
  }

  // MARK: Coming to an end

  @Test func `forgets at its time what was for a time only, though nobody has read it`() throws {
    _ = try send(.staff(world.id(.s1))) { $0.expiresHours = 2 }
    _ = try send(.staff(world.id(.s1))) { $0.expiresHours = 2 }
    _ = try send(.staff(world.id(.s1))) { $0.expiresHours = 3 }
    _ = try send(.staff(world.id(.s1)))
    try world.run(.markNotificationRead(notification: world.bell(.s1)[0].id), as: .s1)
    let read = world.bell(.s1)[0].readAt
    try world.advance(.minutes(119))
    #expect(try unread(.s1) == 3)
    try world.advance(.minutes(1))
    #expect(try unread(.s1) == 2)
    #expect(world.bell(.s1).map(\.dismissed) == [true, true, false, false])
    #expect(world.bell(.s1).map(\.readAt) == [read, nil, nil, nil])
    try world.advance(.hours(1))
    #expect(try unread(.s1) == 1)
    try world.advance(.days(1))
    #expect(try unread(.s1) == 1)
  }

  @Test func `forgets nothing early when the clock goes back`() throws {
    _ = try send(.staff(world.id(.s1))) { $0.expiresHours = 2 }
    let timer = try #require(world.rows.timers.values.first { $0.kind == .notificationExpiry })
    world.now = world.now - .hours(5)
    world.rows.removeTimer(timer.dedupe)
    try world.run(.fire(timer), actor: .system)
    #expect(try unread(.s1) == 1)
    #expect(world.rows.timers[timer.dedupe] == timer)
  }

  @Test func `keeps for ninety days, and lets the old ones go some hundreds at a time`() throws {
    for number in 1...1_100 {
      if number == 900 { try world.advance(.days(1)) }
      _ = try send(.staff(world.id(.s1)))
    }
    let timers = world.rows.timers.values.filter { $0.kind == .notificationPruning }
    #expect(timers.count == 2)
    try world.advance(.days(89))
    #expect(world.bell(.s1).count == 1_100)
    let seq = world.seq
    try world.advance(.days(1))
    #expect(world.bell(.s1).count == 201)
    // Two firings for nine hundred.
    #expect(world.seq == seq + 2)
    try world.advance(.days(1))
    #expect(world.bell(.s1).isEmpty)
    #expect(!world.rows.timers.values.contains { $0.kind == .notificationPruning })
  }
}

/// What screens compute from their streams is what the hub would answer, on every tab and device.
@Suite struct `A count of unread notifications` {
  /// One tab: rows as the stream brings them, applied by their versions alone.
  private struct Tab {
    var rows: [ID: Notification] = [:]
    /// Commits that this tab has not been sent yet: it sleeps, or its connection is slow.
    var behind: [[Change]] = []

    var unread: Int { rows.values.count { !$0.isRead } }

    mutating func catchUp() {
      for commit in behind {
        for change in commit {
          switch change {
          case .remove(let row): if rows[row.id]?.version ?? 0 <= row.version { rows[row.id] = nil }
          case .insert(let row), .update(_, let row):
            guard let row = row as? Notification, rows[row.id]?.version ?? 0 < row.version else { continue }
            rows[row.id] = row
          case .rewrite, .erase, .schedule, .cancelTimer, .counter, .undo, .dispatch, .recall, .audit: continue
          }
        }
      }
      behind = []
    }
  }

  @Test(arguments: UInt64(1)...4)
  func `is the same on every tab once it has heard everything`(seed: UInt64) throws {
    let world = World(seed: seed)
    var random = SplitMix64(state: seed)
    let people: [World.Person] = [.s1, .b1]
    var tabs: [World.Person: [Tab]] = [.s1: [Tab(), Tab(), Tab()], .b1: [Tab(), Tab()]]
    func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    world.committed = { changes in
      for person in people {
        let mine = changes.filter {
          ($0.row ?? $0.removed).map { ($0 as? Notification)?.userID == world.user(person) } ?? false
        }
        for index in tabs[person, default: []].indices { tabs[person]?[index].behind.append(mine) }
      }
    }
    for step in 0..<200 {
      let person = people.randomElement(using: &random) ?? .s1
      let bell = world.bell(person)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<40:
        var command = SendNotification(
          to: chance(50) ? .everyone : .staff(world.id(person)), title: Texts("t"), message: Texts("m"))
        command.expiresHours = chance(30) ? Int.random(in: 1...48, using: &random) : nil
        command.dedupeKey = chance(20) ? "k\(Int.random(in: 0...5, using: &random))" : nil
        _ = world.refusal(.sendNotification(command), as: .o1)
      case 40..<60:
        if let row = bell.randomElement(using: &random) {
          _ = world.refusal(.markNotificationRead(notification: row.id), as: person)
        }
      case 60..<72:
        if let row = bell.randomElement(using: &random) {
          _ = world.refusal(.dismissNotification(notification: row.id), as: person)
        }
      case 72..<80:
        // A tab says what it has seen, which may be old.
        let seen = tabs[person]?.randomElement(using: &random)?.rows.keys.max()
        try world.run(.markAllNotificationsRead(upTo: seen), as: person)
      case 80..<90: try world.advance(.hours(Int.random(in: 0...30, using: &random)))
      case 90..<92: try world.advance(.days(Int.random(in: 10...60, using: &random)))
      default: world.now = world.now - .minutes(Int.random(in: 0...90, using: &random))
      }
      for person in people {
        let asked = try world.ask(.unreadCount, as: person)["unread"]?.integer
        let kept = world.bell(person).count
        for index in tabs[person, default: []].indices where chance(40) || step == 199 {
          tabs[person]?[index].catchUp()
          let tab = try #require(tabs[person]?[index])
          #expect(min(tab.unread, 100) == asked, "seed \(seed), step \(step)")
          #expect(tab.rows.count == kept, "seed \(seed), step \(step)")
        }
      }
    }
  }
}

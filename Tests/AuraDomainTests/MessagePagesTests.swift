import Testing

@testable import AuraDomain

@Suite struct `A page behind a message's link` {
  let world = World()

  /// A message that was sent with these words; its id.
  private func sent(_ message: String) throws -> ID {
    try world.edit { draft in
      try draft.update(try draft.clinic()) { $0.settings.set("follow_up", ["base_url": "https://c1.example/m"]) }
    }
    _ = try world.rule(.postTreatment) { $0.words = [.th: MessageWords(message: message)] }
    let w = try world.treated()
    try world.optIn(try world.customer(of: w))
    try world.advance(.days(1))
    try world.answerLast(.accepted(providerMessageID: nil))
    return try world.lastDispatch().execution
  }

  private func view(_ page: MessagePage, _ id: ID) throws -> MessagePageView? {
    try messagePage(page, of: id, rows: world.rows, now: world.now)
  }

  private func ask(_ id: ID, _ request: MessagePageRequest) throws {
    try world.respond(id) {
      $0.clicked = true
      $0.request = request
    }
  }

  // MARK: Which there are

  @Test func `is there for each link that the message has, and for who wants no more`() throws {
    let id = try sent("ให้คะแนน {surveyLink}")
    #expect(try view(.survey, id)?.words == [.text("ให้คะแนน "), .link(.survey)])
    #expect(try view(.survey, id)?.language == .th)
    #expect(try view(.stop, id) != nil)
    for page in MessagePage.allCases where page != .survey && page != .stop { #expect(try view(page, id) == nil) }
  }

  @Test func `is not there for what is no message, has not left, or is long ago`() throws {
    #expect(try view(.stop, world.newID()) == nil)
    let id = try sent("{surveyLink}")
    let waiting = world.messages(try world.treated("Nok", phone: "089 999 9999"))[0]
    #expect(waiting.attempts == 0)
    #expect(try view(.stop, waiting.id) == nil)
    #expect(try view(.survey, try #require(try world.execution(id).workflowID)) == nil)
    world.now = world.now + .days(91)
    #expect(try view(.survey, id) == nil)
    #expect(try view(.stop, id) != nil)
    world.now = world.now + .days(400)
    #expect(try view(.stop, id) == nil)
  }

  @Test func `is gone when the customer's data is erased`() throws {
    let id = try sent("{surveyLink}")
    try world.change(try world.execution(id).customerID) { $0.anonymizedAt = World.start }
    #expect(try view(.survey, id) == nil)
    #expect(try view(.stop, id) == nil)
  }

  @Test func `names the treatment only where the message does`() throws {
    let silent = try sent("ดูแล {careLink}")
    #expect(try view(.care, silent)?.treatment == nil)
    let named = try sent("หลังทำ{treatmentName} {careLink}")
    #expect(try view(.care, named)?.treatment?.en.isEmpty == false)
  }

  @Test func `marks the message's own links and no others`() throws {
    let id = try #require(ID("019aa7c1-2000-7000-8000-0000000000f1"))
    #expect(
      MessagePageView.parts("A https://x.example/m/pay/\(id). B\nhttps://evil.example/ http://y/stop/\(id)", of: id)
        == [.text("A "), .link(.pay), .text(". B\nhttps://evil.example/ "), .link(.stop)])
    #expect(MessagePageView.parts("/pay/\(id)", of: id) == [.text("/pay/\(id)")])
    #expect(MessagePageView.parts("", of: id).isEmpty)
  }

  // MARK: Survey

  @Test func `takes a rating once, however often the form is sent, and another when minds change`() throws {
    let id = try sent("{surveyLink}")
    try ask(id, .rate(5, comment: "ดีมากค่ะ"))
    #expect(try view(.survey, id)?.rating == 5)
    #expect(try world.execution(id).response["sentiment"] == "positive")
    #expect(try world.execution(id).response["reply_text"] == "5 ดีมากค่ะ")
    let tasks = world.rows.all(Task.self).count
    let seq = world.seq
    try ask(id, .rate(5, comment: "ดีมากค่ะ"))
    #expect(world.seq == seq)
    try ask(id, .rate(1, comment: nil))
    #expect(try world.execution(id).response["sentiment"] == "negative")
    #expect(try view(.survey, id)?.rating == 1)
    #expect(world.rows.all(Task.self).filter { $0.taskData["reason"] == "unhappy" }.map(\.description) == ["1"])
    try ask(id, .rate(5, comment: nil))
    try ask(id, .rate(1, comment: nil))
    #expect(world.rows.all(Task.self).count == tasks + 1)
    #expect(try world.execution(id).response["replies"]?.array?.count == 4)
  }

  @Test func `takes STOP in a comment for a word, not for a wish`() throws {
    let id = try sent("{surveyLink}")
    try ask(id, .rate(3, comment: "STOP"))
    #expect(try world.preferences(try world.execution(id).customerID).marketingOptIn)
  }

  // MARK: Stop

  @Test func `ends advertising at once, and gives back within a day what it took`() throws {
    let id = try sent("{surveyLink}")
    let customer = try world.execution(id).customerID
    #expect(try view(.stop, id)?.isStopped == false)
    try ask(id, .stop)
    #expect(try !world.preferences(customer).marketingOptIn)
    #expect(try view(.stop, id)?.isStopped == true)
    #expect(try view(.stop, id)?.canUndoStop == true)
    let seq = world.seq
    let consents = try world.preferences(customer).consents
    try ask(id, .stop)
    #expect(try world.preferences(customer).consents == consents)
    #expect(world.seq <= seq + 1)

    try ask(id, .undoStop)
    #expect(try world.preferences(customer).marketingOptIn)
    #expect(try world.preferences(customer).consents["marketing"]?["version"] == "2026-01")
    #expect(try world.preferences(customer).consents["marketing"]?["channel"] == "link")
    #expect(try view(.stop, id)?.isStopped == false)

    try ask(id, .stop)
    world.now = world.now + .hours(24)
    #expect(try view(.stop, id)?.canUndoStop == false)
    try ask(id, .undoStop)
    #expect(try !world.preferences(customer).marketingOptIn)
  }

  @Test func `gives nothing back that nobody had agreed to, or that was withdrawn elsewhere`() throws {
    let id = try sent("{surveyLink}")
    let customer = try world.execution(id).customerID
    try ask(id, .undoStop)
    try world.prefer(customer) { $0.marketingOptIn = false }
    try ask(id, .undoStop)
    #expect(try !world.preferences(customer).marketingOptIn)
    try ask(id, .stop)
    #expect(try view(.stop, id)?.isStopped == true)
    #expect(try view(.stop, id)?.canUndoStop == false)
    try ask(id, .undoStop)
    #expect(try !world.preferences(customer).marketingOptIn)
    // Agreed to again in person: the page offers to stop again.
    try world.optIn(customer)
    #expect(try view(.stop, id)?.isStopped == false)
  }

  // MARK: A call

  @Test func `that asks for a call makes one task for sales, with what was said`() throws {
    let id = try sent("{careLink}")
    try ask(id, .call(.care, note: "after five"))
    try ask(id, .call(.care, note: "please"))
    let tasks = world.rows.all(Task.self).filter { $0.taskData["reason"] == "call_asked" }
    #expect(tasks.map(\.description) == ["after five"])
    #expect(tasks.map(\.assignedTo) == [world.id(.s1)])
    #expect(tasks.map(\.workflowID) == [try world.execution(id).workflowID])
    #expect(try view(.care, id)?.isCallAsked == true)
    try world.advance(.days(2))
    // It is still to be made.
    #expect(try view(.care, id)?.isCallAsked == true)
  }

  @Test func `that asks for a call opens a case where none is open`() throws {
    let id = try sent("{bookingLink}")
    let old = try #require(try world.execution(id).workflowID)
    try world.edit { draft in
      let workflow = try #require(try draft.row(Workflow.self, old))
      try draft.update(workflow) { $0.status = .closed }
    }
    try ask(id, .call(.book, note: nil))
    let task = try #require(world.rows.all(Task.self).first { $0.taskData["reason"] == "call_asked" })
    #expect(task.workflowID != old)
    let new = try world.workflow(task.workflowID)
    #expect(new.currentStage == .leadCreated)
    #expect(new.assignedSalesID == world.id(.s1))
    #expect(task.assignedTo == world.id(.s1))
  }

  @Test func `that is asked for at night is due in the morning`() throws {
    let id = try sent("{careLink}")
    try world.advance(.hours(12))
    try ask(id, .call(.care, note: nil))
    let due = try #require(world.rows.all(Task.self).first { $0.taskData["reason"] == "call_asked" }?.dueDate)
    #expect(ClinicCalendar(timezone: "Asia/Bangkok").civil(due).text.hasSuffix(" 08:00"))
  }

  @Test func `says how to reach the clinic as its settings have it`() throws {
    let id = try sent("{careLink}")
    var settings = FollowUpSettingsDetails()
    settings.contactPhone = "02 123 4567"
    settings.contactLine = "@aura.c1"
    try world.run(.updateFollowUpSettings(settings), as: .o1)
    #expect(try view(.care, id)?.contact == ClinicContact(phone: "02 123 4567", line: "@aura.c1"))
    for bad in ["aura", "@", "@a b", "@<script>"] {
      settings.contactLine = bad
      #expect(
        world.refusal(.updateFollowUpSettings(settings), as: .o1)?.details["path"] == "args.contactLine", "\(bad)")
    }
    settings.contactLine = nil
    settings.contactPhone = "call us"
    #expect(world.refusal(.updateFollowUpSettings(settings), as: .o1)?.details["path"] == "args.contactPhone")
  }
}

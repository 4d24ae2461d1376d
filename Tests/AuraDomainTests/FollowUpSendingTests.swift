import Testing

@testable import AuraDomain

@Suite struct `A message that is due` {
  let world = World()

  /// A case with one message of a rule by these channels, a day on at 10:00; its id.
  private func due(
    _ channels: [Channel], customer change: (inout Customer) -> Void = { _ in },
    _ rule: (inout FollowUpRuleDetails) -> Void = { _ in }
  ) throws -> ID {
    _ = try world.rule(.postTreatment) { details in
      details.channels = channels
      details.words = [.th: MessageWords(message: "ท {customerName}"), .en: MessageWords(message: "e {customerName}")]
      rule(&details)
    }
    let w = try world.treated()
    try world.change(try world.customer(of: w), change)
    try world.advance(.days(1))
    return try #require(world.messages(w).first?.id)
  }

  private var channels: [Channel] { world.rows.dispatches.map(\.channel) }

  // MARK: Where it goes

  @Test func `goes by one channel, the customer's first that has an address`() throws {
    let id = try due([.email, .line, .sms]) {
      $0.email = "m@example.org"
      $0.metadata.set("lineUserId", "U1")
    }
    #expect(channels == [.email])
    #expect(world.rows.dispatches[0].address == "m@example.org")
    #expect(try world.execution(id).channel == .email)

    let other = try world.treated("Nok", phone: "089 999 9999")
    let customer = try world.customer(of: other)
    try world.change(customer) { $0.metadata.set("lineUserId", "U2") }
    try world.prefer(customer) { $0.channels = [.whatsapp, .line] }
    try world.advance(.days(1))
    #expect(world.rows.dispatches.last?.channel == .line)
    #expect(world.rows.dispatches.last?.address == "U2")
  }

  @Test func `goes by the next channel when one refuses it, and is given up when none is left`() throws {
    let id = try due([.email, .sms]) { $0.email = "m@example.org" }
    try world.answerLast(.refused(reason: "no such address"))
    #expect(channels == [.email, .sms])
    #expect(world.rows.dispatches.map(\.attempt) == [1, 2])
    #expect(world.rows.dispatches[0].execution == world.rows.dispatches[1].execution)
    #expect(try world.execution(id).status == .sending)
    #expect(try world.execution(id).channel == .sms)
    try world.answerLast(.refused(reason: "no gateway"))
    #expect(try world.execution(id).status == .dead)
    #expect(try world.execution(id).lastError == "sms: no gateway")
    #expect(world.rows.timers["followup:\(id)"] == nil)
    let failed = world.events.filter { $0.eventType == .followupFailed }
    #expect(failed.map { $0.eventData["error"] } == ["sms: no gateway"])
    #expect(world.bell(.o1).count { $0.type == "followup_failed" } == 1)
    #expect(world.bell(.a1).count { $0.type == "followup_failed" } == 1)
    #expect(try world.workflow(try #require(try world.execution(id).workflowID)).currentStage == .treatmentCompleted)
    // The same rule on the same day rings no second time.
    let cases = [try world.treated("Nok", phone: "089 999 9999"), try world.treated("Fah", phone: "088 888 8888")]
    try world.advance(.days(1))
    for dispatch in world.rows.dispatches.suffix(2) { try world.report(dispatch, .refused(reason: "no gateway")) }
    #expect(cases.map { world.messages($0).map(\.status) } == [[.dead], [.dead]])
    #expect(world.bell(.o1).count { $0.type == "followup_failed" } == 2)
  }

  @Test func `that is shown in the app is a notification of the same commit`() throws {
    let id = try due([.sms, .inApp]) {
      $0.userID = world.user(.customer)
      $0.phone = nil
    }
    #expect(world.rows.dispatches.isEmpty)
    let execution = try world.execution(id)
    #expect(execution.status == .sent)
    let shown = world.rows.all(Notification.self).filter { $0.type == "post_treatment" }
    #expect(shown.map(\.message) == ["ท Malee"])
    #expect(shown.map(\.customerID) == [execution.customerID])
    let workflow = try world.workflow(try #require(execution.workflowID))
    #expect(workflow.currentStage == .followUp)
    #expect(world.rows.timers["followup:\(id)"] == nil)
  }

  @Test func `that is a call is a task with the script, for whose customer it is`() throws {
    let id = try due([.inApp, .call])
    #expect(try world.execution(id).status == .sent)
    #expect(try world.execution(id).channel == .call)
    let w = try #require(try world.execution(id).workflowID)
    let task = try #require(world.tasks(.customerFollowUp, of: w).first)
    #expect(task.assignedTo == world.id(.s1))
    #expect(task.description == "ท Malee")
    #expect(task.taskData["execution_id"] == .id(id))
    // The case waits for it before it closes.
    try world.advance(.days(8))
    #expect(try world.workflow(w).status == .active)
  }

  @Test func `goes by WhatsApp with an approved template to who has asked for it, or within a day of their word`()
    throws
  {
    let id = try due([.whatsapp, .sms]) { _ in
    } _: {
      $0.approvedTemplate = "care_v1"
    }
    #expect(channels == [.sms])
    try world.answerLast(.accepted(providerMessageID: nil))
    let customer = try world.execution(id).customerID
    try world.prefer(customer) { $0.whatsappOptIn = true }
    _ = try world.treated()
    try world.advance(.days(1))
    #expect(channels == [.sms, .whatsapp])
    #expect(world.rows.dispatches.last?.approvedTemplate == "care_v1")
    try world.answerLast(.accepted(providerMessageID: nil))
    // Without one, only to somebody who has just written.
    let free = try world.rule(.satisfactionSurvey) {
      $0.channels = [.whatsapp]
      $0.words = [.th: MessageWords(message: "m")]
      $0.conditions = FollowUpConditions(["daysAfter": 0])
    }
    #expect(world.messages(try world.treated()).contains { $0.ruleID == free } == false)
    try world.respond(try world.lastDispatch().execution) { $0.replyText = "thank you" }
    #expect(world.messages(try world.treated()).contains { $0.ruleID == free })
  }

  @Test func `with nobody to go to is skipped`() throws {
    let id = try due([.sms]) { $0.phone = nil }
    #expect(try world.execution(id).lastError == "no_address")
    #expect(try world.execution(id).status == .skipped)
  }

  @Test(arguments: ["blacklisted", "erased"])
  func `to somebody who is not to be written to is skipped`(reason: String) throws {
    let id = try due([.sms]) { customer in
      if reason == "erased" { customer.anonymizedAt = World.start } else { customer.status = .blacklisted }
    }
    #expect(try world.execution(id).lastError == reason)
    #expect(world.rows.dispatches.isEmpty)
  }

  @Test func `of a rule that was switched off is skipped`() throws {
    let rule = try world.rule(.postTreatment) { $0.words = [.th: MessageWords(message: "m")] }
    let w = try world.treated()
    var details = FollowUpRuleDetails()
    details.active = false
    try world.run(.updateFollowUpRule(rule: rule, details), as: .o1)
    try world.advance(.days(1))
    #expect(world.messages(w).map(\.lastError) == ["rule_off"])
  }

  // MARK: When it goes wrong

  @Test func `is tried again later each time, six times, and then it is a dead letter`() throws {
    try withoutNight()
    let id = try due([.sms])
    var waits: [Int] = []
    for _ in 0..<6 {
      try world.answerLast(.failed(reason: "503", retryAfter: nil))
      let execution = try world.execution(id)
      #expect(execution.status == .failed)
      let next = try #require(execution.nextAttemptAt)
      waits.append((next - world.now).milliseconds / 60_000)
      #expect(world.rows.timers["followup:\(id)"]?.due == next)
      try world.advance(to: next)
    }
    #expect(waits == [1, 5, 30, 120, 720, 1_440])
    try world.answerLast(.failed(reason: "503", retryAfter: nil))
    #expect(try world.execution(id).status == .dead)
    #expect(try world.execution(id).lastError == "sms: 503")
    #expect(try world.execution(id).attempts == 7)
    try world.advance(.days(3))
    #expect(world.rows.dispatches.count == 7)

    // It is seen, and taken up again: the tries go on counting, so that no report is taken for another's.
    var filter = FollowUpFilter()
    filter.statuses = [.dead]
    let letters = try world.ask(.followUps(filter), as: .o1)["followUps"]?.array ?? []
    #expect(letters.map { $0["id"] } == [.id(id)])
    #expect(letters.first?["reason"] == "sms: 503")
    #expect(world.refusal(.requeueFollowUp(execution: id), as: .s1)?.code == .forbidden)
    // Three days late it is out of place; an hour after the last try it was not.
    try world.run(.requeueFollowUp(execution: id), as: .o1)
    try world.advance(.seconds(1))
    #expect(try world.execution(id).lastError == "stale")
  }

  @Test func `that was taken up again has all its tries and channels again`() throws {
    let id = try due([.email, .sms]) { $0.email = "m@example.org" }
    try world.answerLast(.refused(reason: "x"))
    try world.answerLast(.refused(reason: "x"))
    try world.run(.requeueFollowUp(execution: id), as: .a1)
    try world.advance(.seconds(1))
    #expect(world.rows.dispatches.last?.attempt == 3)
    #expect(world.rows.dispatches.last?.channel == .email)
    try world.answerLast(.accepted(providerMessageID: "p"))
    #expect(try world.execution(id).status == .sent)
  }

  @Test func `has all its tries with the next channel as well`() throws {
    let id = try due([.email, .sms]) { $0.email = "m@example.org" }
    for wait in [1, 5, 30] {
      try world.answerLast(.failed(reason: "503", retryAfter: nil))
      try world.advance(.minutes(wait))
    }
    try world.answerLast(.refused(reason: "no such address"))
    #expect(world.rows.dispatches.last?.channel == .sms)
    try world.answerLast(.failed(reason: "503", retryAfter: nil))
    #expect(try world.execution(id).nextAttemptAt == world.now + .minutes(1))
  }

  @Test func `waits as long as its gateway asks, within a day`() throws {
    let id = try due([.sms])
    try world.answerLast(.failed(reason: "429", retryAfter: .minutes(20)))
    #expect(try world.execution(id).nextAttemptAt == world.now + .minutes(20))
    try world.advance(.minutes(20))
    try world.answerLast(.failed(reason: "429", retryAfter: .days(400)))
    #expect(try world.execution(id).nextAttemptAt == world.now + .days(1))
  }

  @Test func `that found no room on its way out has lost no try`() throws {
    let id = try due([.sms])
    for _ in 0..<20 {
      try world.answerLast(.postponed(reason: "no room", wait: .seconds(90)))
      #expect(try world.execution(id).nextAttemptAt == world.now + .seconds(90))
      #expect(try world.execution(id).lastError == "sms: no room")
      try world.advance(.seconds(90))
    }
    try world.answerLast(.failed(reason: "503", retryAfter: nil))
    #expect(try world.execution(id).nextAttemptAt == world.now + .minutes(1))
    try world.advance(.minutes(1))
    try world.answerLast(.postponed(reason: "no room", wait: .days(9)))
    #expect(try world.execution(id).nextAttemptAt == world.now + .hours(1))
    try world.advance(.hours(1))
    try world.answerLast(.accepted(providerMessageID: "p"))
    #expect(try world.execution(id).status == .sent)
  }

  @Test func `is not tried again at night`() throws {
    let id = try due([.sms])
    for _ in 0..<4 {
      try world.answerLast(.failed(reason: "503", retryAfter: nil))
      try world.advance(to: try #require(try world.execution(id).nextAttemptAt))
    }
    // Twelve hours from about one in the afternoon would be in the night.
    try world.answerLast(.failed(reason: "503", retryAfter: nil))
    let next = try #require(try world.execution(id).nextAttemptAt)
    #expect(ClinicCalendar(timezone: "Asia/Bangkok").civil(next).text == "2026-02-04 08:00")
  }

  @Test func `that was accepted is sent, however late that is told, and goes by no other channel`() throws {
    let id = try due([.email, .sms]) { $0.email = "m@example.org" }
    let first = try world.lastDispatch()
    try world.advance(.minutes(1))
    try world.answerLast(.refused(reason: "no such address"))
    #expect(channels == [.email, .email, .sms])
    #expect(try world.report(first, .failed(reason: "x", retryAfter: nil))["applied"] == false)
    #expect(try world.execution(id).status == .sending)
    #expect(try world.report(first, .accepted(providerMessageID: "first"))["applied"] == true)
    #expect(try world.execution(id).status == .sent)
    #expect(try world.execution(id).channel == .email)
    #expect(try world.execution(id).providerMessageID == "first")
    #expect(world.rows.timers["followup:\(id)"] == nil)
    #expect(try world.answerLast(.accepted(providerMessageID: "last"))["applied"] == false)
    #expect(try world.answerLast(.refused(reason: "x"))["applied"] == false)
    #expect(try world.execution(id).providerMessageID == "first")
    try world.advance(.days(2))
    #expect(world.rows.dispatches.count == 3)
  }

  @Test func `that was given up is sent when its acceptance is told after all; one that was called off is not`() throws
  {
    let id = try due([.sms])
    let first = try world.lastDispatch()
    try world.advance(.minutes(1))
    try world.answerLast(.refused(reason: "x"))
    #expect(try world.execution(id).status == .dead)
    try world.report(first, .accepted(providerMessageID: "p"))
    #expect(try world.execution(id).status == .sent)
    #expect(try world.execution(id).lastError == nil)

    let other = try due([.sms])
    let lost = try world.lastDispatch()
    try world.prefer(try world.execution(other).customerID) { $0.doNotContact = true }
    try world.advance(.minutes(1))
    #expect(try world.report(lost, .accepted(providerMessageID: "p"))["applied"] == false)
    #expect(try world.execution(other).status == .skipped)
  }

  @Test func `with a report of an older try, or of what has ended, does not change`() throws {
    let id = try due([.sms])
    let first = try world.lastDispatch()
    try world.answerLast(.failed(reason: "503", retryAfter: nil))
    try world.advance(.minutes(1))
    let seq = world.seq
    #expect(try world.report(first, .failed(reason: "x", retryAfter: nil))["applied"] == false)
    #expect(try world.report(first, .postponed(reason: "x", wait: .seconds(1)))["applied"] == false)
    #expect(try world.report(first, .refused(reason: "x"))["applied"] == false)
    #expect(world.seq == seq)
    #expect(try world.answerLast(.accepted(providerMessageID: "p"))["applied"] == true)
    #expect(try world.answerLast(.failed(reason: "x", retryAfter: nil))["applied"] == false)
    #expect(try world.execution(id).providerMessageID == "p")
    #expect(try world.execution(id).status == .sent)
    let nobody = Dispatch(
      clinic: world.rows.clinicID, execution: world.newID(), channel: .sms, attempt: 1, leaseUntil: world.now,
      address: "", language: .th, text: "")
    #expect(throws: Refusal.self) { try world.report(nobody, .accepted(providerMessageID: nil)) }
    let command = Command.reportDispatch(
      DispatchReport(of: try world.lastDispatch(), .accepted(providerMessageID: nil)))
    #expect(world.refusal(command, as: .o1)?.code == .forbidden)
  }

  /// By night nobody is written to, so that this clinic has none.
  private func withoutNight() throws {
    var settings = FollowUpSettingsDetails()
    (settings.quietFrom, settings.quietTo) = (24, 0)
    try world.run(.updateFollowUpSettings(settings), as: .o1)
  }

  @Test
  func `whose lease ends without a word is handed over again at once, then in minutes and hours, and not for ever`()
    throws
  {
    try withoutNight()
    let id = try due([.sms])
    try world.advance(.minutes(5))
    #expect(world.rows.dispatches.count == 6)
    #expect(try world.execution(id).lastError == "sms: no report")
    var waits: [Int] = []
    while try world.execution(id).status != .dead, waits.count < 100 {
      try world.advance(.minutes(1))
      guard let next = try world.execution(id).nextAttemptAt else { continue }
      waits.append((next - world.now).milliseconds / 60_000)
      try world.advance(to: next)
    }
    // In all more than a night.
    #expect(waits == [5, 10, 20, 40] + Array(repeating: 60, count: 21))
    #expect(try world.execution(id).lastError == "sms: 31 times no report; it may have arrived")
    #expect(Set(world.rows.dispatches.map(\.execution)) == [id])
    #expect(world.rows.dispatches.map(\.attempt) == Array(1...31))
    // Whoever takes it up again asks the gateway about the same message.
    try world.run(.requeueFollowUp(execution: id), as: .o1)
    try world.advance(.seconds(1))
    #expect(try world.lastDispatch().attempt == 32)
    try world.answerLast(.accepted(providerMessageID: "p"))
    #expect(try world.execution(id).status == .sent)
  }

  @Test func `whose leases end without a word has as many tries at its gateway as before`() throws {
    try withoutNight()
    let id = try due([.sms])
    for wait in [1, 5, 30, 120, 720] {
      // The hub ends twice with the message under way, then the gateway is out of order.
      let first = world.rows.dispatches.count
      try world.advance(.minutes(2))
      #expect(world.rows.dispatches.count == first + 2)
      try world.answerLast(.failed(reason: "503", retryAfter: nil))
      #expect(try world.execution(id).nextAttemptAt == world.now + .minutes(wait))
      guard wait < 720 else { break }
      try world.advance(.minutes(wait))
    }
    #expect(try world.execution(id).status == .failed)
    #expect(try world.execution(id).failures == 5)
    #expect(try world.execution(id).attempts == 15)
  }

  @Test func `whose lease ends after the customer has opted out is not handed over again`() throws {
    let id = try due([.sms])
    try world.prefer(try world.execution(id).customerID) { $0.doNotContact = true }
    #expect(try world.execution(id).status == .sending)
    try world.advance(.minutes(2))
    #expect(try world.execution(id).status == .skipped)
    #expect(try world.execution(id).lastError == "do_not_contact")
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `and under way is not undone: a move that it followed stands`() throws {
    _ = try due([.sms])
    let w = try #require(world.rows.all(Workflow.self).first?.id)
    #expect(
      world.refusal(.cancelFollowUp(execution: world.messages(w)[0].id, reason: nil), as: .o1)?.code
        == .invalidTransition)
  }
}

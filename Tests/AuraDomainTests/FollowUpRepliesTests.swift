import Testing

@testable import AuraDomain

@Suite struct `A customer's answer` {
  let world = World()
  let gateway: FakeGateway

  init() throws {
    gateway = FakeGateway(world)
    try world.seedFollowUps()
  }

  /// A message of this type that was sent.
  private func sent(_ type: FollowUpType) throws -> (case: ID, message: ID) {
    let w = type == .appointmentReminder ? try world.scheduled(at: world.now + .days(1)) : try world.treated()
    try world.optIn(try world.customer(of: w))
    while true {
      try gateway.advance(.hours(6))
      if let one = world.messages(to: try world.customer(of: w), type).first(where: { $0.status == .sent }) {
        return (w, one.id)
      }
      if world.now > World.start + .days(40) { throw MemoryRows.Broken(description: "\(type) was never sent") }
    }
  }

  @Test(arguments: [
    "STOP", "stop", " Stop. ", "unsubscribe", "ยกเลิก", "ยกเลิกค่ะ", "ยกเลิก ครับ", "เลิกรับข่าวสาร", "Opt-out",
  ])
  func `that asks to stop stops all advertising at once`(text: String) throws {
    let (w, id) = try sent(.upsellOpportunity)
    let customer = try world.customer(of: w)
    #expect(world.messages(to: customer, .inactiveReactivation).map(\.status) == [.pending])
    #expect(try world.respond(id) { $0.replyText = text }["optedOut"] == true)
    let preferences = try world.preferences(customer)
    #expect(!preferences.marketingOptIn)
    #expect(!preferences.doNotContact)
    #expect(preferences.consents["marketing"]?["given"] == false)
    #expect(preferences.consents["marketing"]?["version"] == "2026-01")
    #expect(preferences.consents["marketing"]?["channel"] == "sms")
    #expect(world.messages(to: customer, .inactiveReactivation).map(\.lastError) == ["opt_out"])
    #expect(world.rows.of(JourneyEvent.self, customer: customer).last { $0.eventType == .consentWithdrawn } != nil)
    #expect(try world.execution(id).response["opted_out"] == true)
    // Services go on.
    let before = world.rows.dispatches.count
    _ = try world.scheduled(at: world.now + .days(2))
    try gateway.advance(.days(3))
    #expect(world.rows.dispatches.count == before + 2)
  }

  @Test(arguments: ["I want to stop by tomorrow", "don't stop", "ยกเลิกไม่ได้หรอ", "ok", "5", "ขอบคุณค่ะ"])
  func `that asks for something else stops nothing`(text: String) throws {
    let (w, id) = try sent(.upsellOpportunity)
    #expect(try world.respond(id) { $0.replyText = text }["optedOut"] == false)
    #expect(try world.preferences(try world.customer(of: w)).marketingOptIn)
    #expect(try world.execution(id).response["reply_text"] == .string(text))
  }

  @Test(arguments: ["1", "๑", "ยืนยันค่ะ", "Yes"])
  func `to a reminder confirms the appointment`(text: String) throws {
    let (w, id) = try sent(.appointmentReminder)
    let start = try world.workflow(w).scheduledStart
    try world.run(.createTask(CreateTask(workflow: w, type: .appointmentReminder)), as: .o1)
    try world.respond(id) { $0.replyText = text }
    #expect(world.tasks(.appointmentReminder, of: w).map(\.status) == [.completed])
    #expect(world.events.contains { $0.eventData["appointment_confirmed"] == true })
    #expect(try world.workflow(w).scheduledStart == start)
    #expect(try world.execution(id).response["confirmed"] == true)
  }

  @Test(arguments: ["2", "๒", "เลื่อนครับ", "ยกเลิก"])
  func `to a reminder asks for another time, which is the desk's to find`(text: String) throws {
    let (w, id) = try sent(.appointmentReminder)
    try world.respond(id) { $0.replyText = text }
    let task = try #require(world.tasks(.appointmentReminder, of: w).first)
    #expect(task.assignedTo == nil)
    #expect(task.priority == .high)
    #expect(task.title == "ขอเลื่อนนัด คุณMalee")
    #expect(task.description == text)
    #expect(
      try world.ask(.myTasks(TaskFilter()), as: .desk)["pool"]?.array?.contains { $0["id"] == .id(task.id) } == true)
    // "Cancel" may mean either: the appointment is asked about, and advertising ends.
    #expect(try world.preferences(try world.customer(of: w)).marketingOptIn == (text != "ยกเลิก"))
    try world.respond(id) { $0.replyText = text }
    #expect(world.tasks(.appointmentReminder, of: w).count == 1)
  }

  @Test func `after the appointment confirms nothing`() throws {
    let (w, id) = try sent(.appointmentReminder)
    world.now = try #require(try world.workflow(w).scheduledStart)
    try world.run(.start(w), as: .b1)
    try world.respond(id) { $0.replyText = "2" }
    #expect(world.tasks(.appointmentReminder, of: w).isEmpty)
  }

  @Test func `that is pleased is an opportunity for whose customer it is`() throws {
    let (w, id) = try sent(.satisfactionSurvey)
    for task in world.tasks(.followUpUpsell, of: w) { try world.run(.completeTask(TaskStep(task.id)), as: .s1) }
    let before = world.tasks(.followUpUpsell, of: w).count
    #expect(try world.respond(id) { $0.replyText = "5" }["sentiment"] == "positive")
    let event = try #require(world.events.first { $0.eventType == .upsellOpportunity })
    #expect(event.targetUsers.array == [.id(world.user(.s1))])
    let tasks = world.tasks(.followUpUpsell, of: w)
    #expect(tasks.count == before + 1)
    #expect(tasks.last?.assignedTo == world.id(.s1))
    #expect(try world.execution(id).response["rating"] == 5)
    // Said again it is the same opportunity.
    try world.respond(id) { $0.sentiment = .positive }
    #expect(world.tasks(.followUpUpsell, of: w).count == before + 1)
  }

  @Test func `that is pleased after the case has closed rings a bell`() throws {
    let (w, id) = try sent(.satisfactionSurvey)
    try world.run(.closeCase(WorkflowStep(w)), as: .s1)
    try world.respond(id) { $0.sentiment = .positive }
    #expect(world.bell(.s1).contains { $0.type == "upsell_opportunity" })
    #expect(world.rows.of(Task.self, w).allSatisfy { !$0.status.isOpen })
  }

  @Test func `that is not pleased is somebody's to ask about`() throws {
    let (w, id) = try sent(.satisfactionSurvey)
    #expect(try world.respond(id) { $0.replyText = "๒" }["sentiment"] == "negative")
    #expect(world.tasks(.customerFollowUp, of: w).map(\.priority) == [.high])
    #expect(try world.respond(id) { $0.replyText = "3" }["sentiment"] == "neutral")
  }

  @Test func `is kept with its times, the first of each in the customer's history`() throws {
    let (w, id) = try sent(.postTreatment)
    let at = world.now
    try world.respond(id) { $0.delivered = true }
    #expect(try world.execution(id).status == .delivered)
    world.now = at + .minutes(5)
    try world.respond(id) { $0.clicked = true }
    world.now = at + .minutes(9)
    try world.respond(id) { $0.opened = true }
    let response = try world.execution(id).response
    #expect(response["delivered_at"] == .instant(at))
    #expect(response["opened_at"] == .instant(at + .minutes(5)))
    #expect(response["clicked_at"] == .instant(at + .minutes(5)))
    for number in 0..<25 { try world.respond(id) { $0.replyText = "no. \(number)" } }
    #expect(try world.execution(id).response["replies"]?.array?.count == 20)
    let history = world.rows.of(JourneyEvent.self, customer: try world.customer(of: w)).map(\.eventType)
    #expect(history.count { $0 == .smsReplied } == 1)
  }

  @Test func `to a message whose report was lost says that it has come`() throws {
    _ = try world.rule(.satisfactionSurvey) {
      $0.conditions = FollowUpConditions(["daysAfter": 0])
      $0.words = [.th: MessageWords(message: "m")]
    }
    let w = try world.treated()
    try world.advance(.seconds(1))
    let id = try world.lastDispatch().execution
    #expect(try world.execution(id).status == .sending)
    try world.respond(id) { $0.opened = true }
    #expect(try world.execution(id).status == .delivered)
    #expect(try world.workflow(w).currentStage == .followUp)
    try world.advance(.hours(1))
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `to nothing that was sent is none`() throws {
    let w = try world.treated()
    let id = world.messages(w)[0].id
    var response = FollowUpResponse(execution: id)
    response.replyText = "STOP"
    #expect(world.refusal(.recordResponse(response), as: .s1)?.code == .invalidTransition)
    #expect(world.refusal(.recordResponse(response), as: .b1)?.code == .forbidden)
    #expect(world.refusal(.recordResponse(FollowUpResponse(execution: world.newID())), as: .s1)?.code == .notFound)
  }
}

@Suite struct `How a customer wants to be contacted` {
  let world = World()

  @Test func `is theirs and the staff's to say, advertising with the consent's version`() throws {
    let w = try world.lead()
    let customer = try world.customer(of: w)
    world.customerID = customer
    var details = PreferenceDetails()
    details.channels = [.line, .sms]
    details.language = .en
    details.bestContactTime = .evening
    details.maxWeeklyContacts = 1
    details.contentStyle = .casual
    try world.run(.updatePreferences(details), as: .customer)
    let row = try world.preferences(customer)
    #expect(row.preferredChannels == ["line", "sms"])
    #expect((row.language, row.bestContactTime, row.maxWeeklyContacts) == (.en, "evening", 1))
    #expect(row.version == 2)

    details = PreferenceDetails()
    details.marketingOptIn = true
    #expect(world.refusal(.updatePreferences(details), as: .customer)?.code == .consentRequired)
    details.consent = ConsentGiven(version: "7", channel: "portal")
    #expect(try world.run(.updatePreferences(details), as: .customer)["marketingOptIn"] == true)
    let consent = try world.preferences(customer).consents["marketing"]
    #expect(consent?["given"] == true)
    #expect(consent?["version"] == "7")
    #expect(consent?["channel"] == "portal")
    #expect(consent?["at"] == .instant(world.now))
    // The same once more changes nothing.
    let seq = world.seq
    try world.run(.updatePreferences(details), as: .customer)
    #expect(world.seq == seq)
    // As easy to withdraw: no version, no reason.
    details = PreferenceDetails()
    details.marketingOptIn = false
    try world.run(.updatePreferences(details), as: .customer)
    #expect(try world.preferences(customer).consents["marketing"]?["given"] == false)
    let journey = world.rows.of(JourneyEvent.self, customer: customer)
    #expect(journey.map(\.eventType) == [.consentGiven, .consentWithdrawn])
    #expect(journey.map { $0.eventData["version"] } == ["7", "7"])
    #expect(try world.ask(.preferences(customer: nil), as: .customer)["consents"]?["marketing"]?["recorded_by"] == nil)
    #expect(try world.ask(.preferences(customer: customer), as: .b1)["reachable"] == ["sms", "call"])
  }

  @Test func `on LINE is known by the id that staff write down, and customers do not`() throws {
    try world.seedFollowUps([.postTreatment])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    world.customerID = customer
    var details = PreferenceDetails()
    details.lineUserID = "U4af4980629"
    #expect(world.refusal(.updatePreferences(details), as: .customer)?.code == .forbidden)
    try world.prefer(customer) { $0.lineUserID = "U4af4980629" }
    let seq = world.seq
    try world.prefer(customer) { $0.lineUserID = "U4af4980629" }
    #expect(world.seq == seq)
    let known = try world.ask(.preferences(customer: customer), as: .s1)
    #expect(known["lineUserId"] == "U4af4980629")
    #expect(known["reachable"] == ["sms", "line", "call"])
    try world.advance(.days(1))
    #expect(world.rows.dispatches.map(\.address) == ["U4af4980629"])
    #expect(world.rows.dispatches.map(\.channel) == [.line])
  }

  @Test func `is nobody else's`() throws {
    let w = try world.lead()
    let other = try world.lead("Nok", phone: "089 999 9999")
    world.customerID = try world.customer(of: w)
    let details = PreferenceDetails(customer: try world.customer(of: other))
    #expect(world.refusal(.updatePreferences(details), as: .customer)?.code == .forbidden)
    #expect(world.refusal(.updatePreferences(PreferenceDetails()), as: .s1)?.details["path"] == "args.customerId")
    #expect(throws: Refusal.self) { try world.ask(.preferences(customer: details.customer), as: .customer) }
    #expect(throws: Refusal.self) { try world.ask(.followUps(FollowUpFilter()), as: .customer) }
    var zone = PreferenceDetails(customer: try world.customer(of: w))
    zone.timezone = "Mars/Olympus"
    #expect(world.refusal(.updatePreferences(zone), as: .s1)?.details["path"] == "args.timezone")
  }

  @Test func `may be not at all, until they agree again`() throws {
    try world.seedFollowUps([.postTreatment])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    try world.prefer(customer) { $0.doNotContact = true }
    #expect(world.messages(w).map(\.lastError) == ["do_not_contact"])
    #expect(world.messages(try world.treated()).isEmpty)
    var again = PreferenceDetails(customer: customer)
    again.doNotContact = false
    #expect(world.refusal(.updatePreferences(again), as: .s1)?.code == .consentRequired)
    again.consent = ConsentGiven(version: "1", channel: "phone")
    try world.run(.updatePreferences(again), as: .s1)
    #expect(world.messages(try world.treated()).count == 1)
  }

  @Test func `is written down also of a customer who came without`() throws {
    let w = try world.lead()
    let customer = try world.customer(of: w)
    var bare = try #require(try world.rows.row(Customer.self, customer))
    bare.id = world.newID()
    bare.customerCode = "C-9"
    world.rows.put(bare)
    try world.optIn(bare.id)
    #expect(try world.preferences(bare.id).marketingOptIn)
    #expect(try world.preferences(bare.id).timezone == "Asia/Bangkok")
  }
}

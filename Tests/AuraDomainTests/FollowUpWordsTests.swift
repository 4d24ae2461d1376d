import Testing

@testable import AuraDomain

@Suite struct `What customers write back` {
  @Test(arguments: [
    "ยกเลิกค่ะ\n", "ยกเลิก ค่ะ 🙏", "ยกเลิกนะคะ", "ยกเลิกนะครับ 🙏🏻", "ＳＴＯＰ", "ยก\u{200B}เลิก", "STOP\r\n", "  “stop” ",
    "Stop please",
    "ขอยกเลิกค่ะ", "หยุดส่งข้อความ", "ไม่รับข่าวสารแล้วค่ะ", "STOP STOP", "stop\u{00A0}",
  ])
  func `is a stop however it is typed`(text: String) {
    #expect(ReplyIntent.of(text, to: .treated, .upsellOpportunity) == [.stop])
  }

  @Test(arguments: [
    "", " ", "ค่ะ", "ไม่ยกเลิกค่ะ", "don't stop", "non-stop", "when does it stop?", "หยุดวันไหนคะ", "ยกเลิกได้ไหมคะ",
    "stopover",
    "please", "🙏", "1", String(repeating: "stop it ", count: 300),
  ])
  func `is no stop where it only sounds like one`(text: String) {
    #expect(ReplyIntent.of(text, to: .treated, .upsellOpportunity) == [])
  }

  @Test(arguments: ["5 ค่ะ ", "๕", "５", " 5\n", "5 ⭐️"])
  func `is a rating however it is typed`(text: String) {
    #expect(ReplyIntent.of(text, to: .treated, .satisfactionSurvey) == [.rating(5)])
  }

  @Test func `in anger after the case has closed is heard by whose customer it is`() throws {
    let world = World()
    let gateway = FakeGateway(world)
    try world.seedFollowUps([.satisfactionSurvey])
    let w = try world.treated()
    try gateway.advance(.days(7) + .minutes(1))
    let id = world.messages(w)[0].id
    try world.run(.closeCase(WorkflowStep(w)), as: .s1)
    #expect(try world.respond(id) { $0.replyText = "1" }["sentiment"] == "negative")
    #expect(world.bell(.s1).filter { $0.title == "An unhappy customer: ask why" }.map(\.message) == ["Malee"])
    let rung = world.bell(.s1).count
    try world.respond(id) { $0.replyText = "1" }
    #expect(world.bell(.s1).count == rung)
  }
}

@Suite struct `An answer to an appointment's old time` {
  @Test func `that wants another one is the desk's to hear`() throws {
    let world = World()
    let gateway = FakeGateway(world)
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: World.start + .days(2))
    try gateway.advance(to: World.start + .days(1) + .minutes(1))
    let id = world.messages(w)[0].id
    try world.run(.schedule(w, at: World.start + .days(4)), as: .s1)
    try world.respond(id) { $0.replyText = "ขอเลื่อนนัดค่ะ" }
    #expect(world.tasks(.appointmentReminder, of: w).map(\.description) == ["ขอเลื่อนนัดค่ะ"])
  }
}

@Suite struct `What is said of a rule` {
  let world = World()

  @Test func `who missed an appointment has come back when the same case is booked again`() throws {
    let gateway = FakeGateway(world)
    let rule = try world.rule(.appointmentReminder) {
      $0.conditions = FollowUpConditions(["hoursAfter": 1, "workflowStage": "payment_confirmed"])
      $0.words = [.th: MessageWords(message: "m")]
    }
    for number in 0..<2 {
      let w = try world.scheduled("N\(number)", phone: "08\(10_000_000 + number)", at: world.now)
      world.now = world.now + .minutes(20)
      try world.run(.noShow(WorkflowStep(w)), as: .s1)
      try gateway.advance(.hours(2))
      if number == 0 {
        try world.run(.schedule(w, at: world.now + .days(2)), as: .s1)
        try world.run(.schedule(w, at: world.now + .days(3)), as: .s1)
      }
    }
    try gateway.advance(.days(15))
    let arm = try world.ask(.followUpResults(FollowUpResultsFilter(rule: rule)), as: .o1)["arms"]?.array?.first
    #expect(arm?["rebooked"]?["of"] == 2)
    #expect(arm?["rebooked"]?["count"] == 1)
  }

  @Test func `an arm does not win by being told to stop`() throws {
    let rule = try world.rule(.postTreatment) {
      $0.variants = [FollowUpVariant(name: "A", weight: 1), FollowUpVariant(name: "B", weight: 1)]
    }
    let customer = try world.customer(of: try world.lead())
    for number in 0..<240 {
      var sent = FollowUpExecution()
      sent.id = world.newID()
      sent.clinicID = world.rows.clinicID
      (sent.ruleID, sent.customerID, sent.dedupeKey) = (rule, customer, "k\(number)")
      (sent.status, sent.executedAt, sent.attempts) = (.delivered, world.now, 1)
      sent.variant = number % 2 == 0 ? "A" : "B"
      if number % 2 == 1 { sent.response = ["replied_at": .instant(world.now), "opted_out": true] }
      world.rows.put(sent)
    }
    world.now = world.now + .days(1)
    let results = try world.ask(.followUpResults(FollowUpResultsFilter(rule: rule)), as: .o1)
    #expect(results["winner"]?["replied"]?["reason"] == "no_difference")
    let replied = results["arms"]?.array?.map { $0["replied"]?["count"] }
    #expect(replied == [0, 120])
  }

  @Test func `a dry run knows who was born on the last of February`() throws {
    try world.seedFollowUps([.birthdaySpecial])
    var details = CustomerDetails(name: "Malee", phone: "0812345678")
    details.dateOfBirth = "1992-02-29"
    let w = try #require(try world.run(.initialize(Initialize(customer: details)), as: .s1)["workflowId"]?.id)
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    try world.change(customer) { $0.status = .active }
    let run = FollowUpDryRun(
      .rule(try world.rule(named: "Birthday").id), from: World.start + .days(20), to: World.start + .days(30))
    let foreseen = try world.ask(.dryRunFollowUp(run), as: .o1)["entries"]?.array?.map { $0["at"] }
    try world.advance(to: World.start + .days(30))
    #expect(foreseen == world.messages(to: customer).map { .instant($0.scheduledAt) })
    #expect(foreseen?.count == 1)
  }
}

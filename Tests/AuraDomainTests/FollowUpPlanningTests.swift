import Testing

@testable import AuraDomain

@Suite struct `Follow-ups are planned` {
  let world = World()

  /// 10:00 in Bangkok, so many days on.
  private func day(_ days: Int) -> Instant { World.start + .days(days) }

  // MARK: Appointments

  @Test func `a day and two hours before an appointment, and move with it`() throws {
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: day(3))
    #expect(world.messages(w).map(\.scheduledAt) == [day(2), day(3) - .hours(2)])
    let ids = world.messages(w).map(\.id)
    try world.run(.schedule(w, at: day(5)), as: .s1)
    #expect(world.messages(w).map(\.scheduledAt) == [day(4), day(5) - .hours(2)])
    #expect(world.messages(w).map(\.id) == ids)
    #expect(
      world.rows.timers.values.filter { $0.kind == .followUp }.map(\.due).sorted() == [day(4), day(5) - .hours(2)])
    try world.advance(to: day(4))
    #expect(world.rows.dispatches.last?.text == "นัดไฮดรา เฟเชียล 7 ก.พ. 2569 10:00 น. ตอบ 1 ยืนยัน 2 เลื่อน")
    try world.answerLast(.accepted(providerMessageID: nil))
    #expect(try world.workflow(w).currentStage == .treatmentScheduled)
  }

  @Test func `anew for an appointment that was moved after its reminder had gone`() throws {
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: day(2))
    try world.advance(to: day(1))
    try world.answerLast(.accepted(providerMessageID: nil))
    try world.run(.schedule(w, at: day(6)), as: .s1)
    #expect(world.messages(w).map(\.status) == [.sent, .pending, .pending])
    #expect(world.messages(w).map(\.scheduledAt) == [day(1), day(5), day(6) - .hours(2)])
    // Back to where it was: that one was reminded of.
    try world.run(.schedule(w, at: day(2)), as: .s1)
    #expect(world.messages(w).filter { $0.status == .pending }.map(\.scheduledAt) == [day(2) - .hours(2)])
  }

  @Test func `not for an appointment that is too near, nor at night`() throws {
    try world.seedFollowUps([.appointmentReminder])
    let soon = try world.scheduled(at: world.now + .hours(1))
    #expect(world.messages(soon).isEmpty)
    let today = try world.scheduled("Nok", phone: "089 999 9999", beautician: .b2, at: world.now + .hours(5))
    #expect(world.messages(today).map(\.scheduledAt) == [world.now + .hours(3)])
    // 08:30: the day before at 08:30, and two hours before is night until 08:00.
    let early = try world.scheduled("Ploy", phone: "088 888 8888", at: day(2) - .minutes(90))
    #expect(world.messages(early).map(\.scheduledAt) == [day(1) - .minutes(90), day(2) - .hours(2)])
    // 08:00: it could not arrive before.
    let earliest = try world.scheduled("Fah", phone: "087 777 7777", beautician: .b2, at: day(2) - .hours(2))
    #expect(world.messages(earliest).map(\.scheduledAt) == [day(1) - .hours(2)])
    // Whoever likes evenings still hears of it in time.
    let evening = try world.paid("Som", phone: "086 666 6666", beautician: .b2)
    try world.prefer(try world.customer(of: evening)) { $0.bestContactTime = .evening }
    try world.run(.schedule(evening, at: day(3)), as: .s1)
    #expect(world.messages(evening).map(\.scheduledAt) == [day(2) + .hours(7), day(3) - .hours(2)])
  }

  @Test func `and called off when the customer has come, does not come, or the case ends`() throws {
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: day(0) + .hours(4))
    #expect(world.messages(w).map(\.status) == [.pending])
    try world.run(.checkIn(WorkflowStep(w)), as: .desk)
    #expect(world.messages(w).map(\.status) == [.cancelled])
    #expect(world.messages(w).map(\.lastError) == ["obsolete"])
    #expect(world.rows.timers.values.allSatisfy { $0.kind != .followUp })
    // A slip of the finger: it is planned again.
    try world.run(.correct(WorkflowStep(w)), as: .desk)
    #expect(world.messages(w).map(\.status) == [.pending])

    let other = try world.scheduled("Nok", phone: "089 999 9999", beautician: .b2, at: day(3))
    try world.run(.cancel(other, .credit), as: .o1)
    #expect(world.messages(other).map(\.status) == [.cancelled, .cancelled])
    try world.run(.reopen(WorkflowStep(other)), as: .o1)
    #expect(world.messages(other).map(\.status) == [.pending, .pending])
  }

  @Test func `for those who did not come, in place of what waited`() throws {
    try world.seedFollowUps([.appointmentReminder])
    let w = try world.scheduled(at: day(0) + .hours(2) + .minutes(5))
    #expect(world.messages(w).count == 1)
    world.now = day(0) + .hours(3)
    try world.run(.noShow(WorkflowStep(w)), as: .s1)
    let open = world.messages(w).filter { $0.status == .pending }
    #expect(open.map(\.scheduledAt) == [day(0) + .hours(4)])
    try world.advance(.hours(1))
    #expect(world.rows.dispatches.last?.text.contains("https://c1.example/book/") == true)
    try world.answerLast(.accepted(providerMessageID: nil))
    // Booked again in time, nobody is asked to.
    try world.run(.schedule(w, at: world.now + .hours(3)), as: .s1)
    world.now = world.now + .hours(4)
    try world.run(.noShow(WorkflowStep(w)), as: .s1)
    try world.run(.schedule(w, at: world.now + .days(2)), as: .s1)
    let missed = try world.rule(named: "Missed")
    #expect(world.messages(w).filter { $0.ruleID == missed.id }.map(\.status) == [.sent, .cancelled])
  }

  // MARK: Treatments

  @Test func `after a treatment, not after one that was stopped half-way, and its end is not taken back`() throws {
    try world.seedFollowUps([.postTreatment, .satisfactionSurvey])
    let w = try world.inTreatment()
    try world.run(.abort(w), as: .b1)
    #expect(world.messages(w).isEmpty)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    #expect(world.messages(w).map(\.status) == [.pending, .pending])
    world.now = world.now + .minutes(5)
    #expect(world.refusal(.correct(WorkflowStep(w)), as: .b1)?.code == .invalidTransition)
    #expect(world.messages(w).map(\.status) == [.pending, .pending])
    #expect(
      world.messages(w).map(\.scheduledAt) == [world.now - .minutes(5) + .days(1), world.now - .minutes(5) + .days(7)])
    // On its way, a message is one that was sent.
    try world.advance(to: world.now + .days(1))
    try world.run(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1)
    #expect(world.messages(w)[0].status == .sending)
  }

  @Test func `by kind of treatment and of customer`() throws {
    let facial = world.addTreatment("หน้า", "Face", priceSt: 100_000) { $0.category = "facial" }
    let byCategory = try world.rule(.postTreatment) {
      $0.conditions = FollowUpConditions(["treatmentType": ["facial"]])
    }
    let byID = try world.rule(.postTreatment) {
      $0.conditions = FollowUpConditions(["treatmentType": [.string(world.t1.description)]])
    }
    let forLoyal = try world.rule(.satisfactionSurvey) {
      $0.conditions = FollowUpConditions(["customerSegment": "promising"])
    }
    let first = try world.treated()
    #expect(world.messages(first).map(\.ruleID) == [byID])
    let w = try world.lead(treatment: facial)
    try world.run(.confirmPayment(world.payment(w, at: world.now, amountSt: 100_000)), as: .s1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    #expect(Set(world.messages(w).map(\.ruleID)) == [byCategory, forLoyal])
  }

  @Test(
    arguments: [
      (0, 0, nil, "new"), (2, 0, 10, "promising"), (5, 0, 60, "loyal"), (10, 5_000_000, 60, "vip"),
      (10, 4_999_999, 60, "loyal"), (10, 5_000_000, 61, "at_risk"), (1, 0, 91, "dormant"), (9, 0, 181, "lost"),
    ] as [(Int, Int, Int?, String)])
  func `for segments that anybody can check`(visits: Int, satang: Int, away: Int?, name: String) {
    let last = away.map { World.start - .days($0) }
    #expect(CustomerSegment.of(visits: visits, spentSt: satang, lastVisit: last, at: World.start).rawValue == name)
  }

  // MARK: Payments

  @Test func `three days before a proposal's last, and not when it is paid`() throws {
    try world.seedFollowUps([.paymentReminder])
    func proposed(_ name: String, _ phone: String) throws -> ID {
      let w = try world.lead(name, phone: phone)
      var scan = ScanCustomer(step: WorkflowStep(w), results: ["a": 1])
      scan.consent = ConsentGiven()
      try world.run(.scanCustomer(scan), as: .s1)
      try world.run(.sendProposal(SendProposal(step: WorkflowStep(w), plan: Plan(totalSt: 1_250_050))), as: .s1)
      return w
    }
    let w = try proposed("Malee", "081 111 1111")
    #expect(world.messages(w).map(\.scheduledAt) == [day(4)])
    let paid = try proposed("Nok", "089 999 9999")
    try world.run(.confirmPayment(world.payment(paid, amountSt: 1_250_050)), as: .s1)
    #expect(world.messages(paid).map(\.status) == [.cancelled])
    try world.advance(to: day(4))
    let id = world.messages(w)[0].id
    #expect(
      world.rows.dispatches.map(\.text) == [
        "ยอดค้าง 12,500.50 บาท ครบกำหนด 9 ก.พ. 2569 https://c1.example/pay/\(id)"
      ])
  }

  // MARK: Advertising

  @Test func `as advertising only with consent, and with consent that comes later where there is still time`() throws {
    try world.seedFollowUps([.upsellOpportunity, .inactiveReactivation])
    let w = try world.treated()
    let customer = try world.customer(of: w)
    #expect(world.messages(w).isEmpty)
    try world.advance(.days(20))
    try world.optIn(customer)
    // The offer's day is over, the other's is to come.
    #expect(world.messages(w).map(\.scheduledAt) == [day(60)])
    try world.advance(to: day(60))
    let id = world.messages(w)[0].id
    #expect(
      world.rows.dispatches.map(\.text) == [
        "คิดถึงคุณMalee จองได้ที่ https://c1.example/book/\(id)\nเลิกรับ https://c1.example/stop/\(id)"
      ])
    #expect(world.rows.dispatches[0].optOutLink == "https://c1.example/stop/\(id)")
  }

  @Test func `once per absence: whoever comes again is not missed`() throws {
    try world.seedFollowUps([.inactiveReactivation])
    let first = try world.treated()
    try world.optIn(try world.customer(of: first))
    try world.advance(.days(30))
    let second = try world.treated()
    #expect(world.messages(first).map(\.status) == [.cancelled])
    #expect(world.messages(second).map(\.scheduledAt) == [day(90)])
    // Whoever has an appointment is not missed either.
    try world.advance(.days(58))
    _ = try world.scheduled(at: world.now + .days(10))
    try world.advance(.days(5))
    #expect(world.messages(second).map(\.lastError) == ["obsolete"])
    #expect(world.rows.dispatches.isEmpty)
  }

  @Test func `for a new tier, and only for a higher one`() throws {
    try world.seedFollowUps([.loyaltyReward])
    let w = try world.lead()
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    let sale = try world.bill(customer, 1_000_000, as: .s1)
    try world.run(.paySale(PaySale(sale: sale, amountSt: 1_000_000, method: .cash)), as: .s1)
    try world.advance(.seconds(1))
    let id = world.messages(to: customer)[0].id
    let wayOut = "\nเลิกรับ https://c1.example/stop/\(id)"
    #expect(
      world.rows.dispatches.map(\.text) == [
        "ยินดีด้วยค่ะ คุณMalee เป็นสมาชิกระดับซิลเวอร์แล้ว https://c1.example/portal/\(id)" + wayOut
      ])
    try world.answerLast(.accepted(providerMessageID: nil))
    try world.run(.refundSale(RefundSale(sale: sale, reason: "x")), as: .o1)
    try world.advance(.days(3))
    #expect(world.rows.dispatches.count == 1)
  }

  @Test func `thirty days before points end, one word for all of a day, and none where they are gone`() throws {
    try world.seedFollowUps([.loyaltyReward])
    let w = try world.lead()
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    let award = AwardPoints(customer: customer, points: 40, transaction: "t")
    try world.run(.awardPoints(award), as: .o1)
    let gone = try world.lead("Nok", phone: "089 999 9999")
    try world.optIn(try world.customer(of: gone))
    let end = Instant(milliseconds: 1_833_073_200_000)
    #expect(world.rows.all(PointTransaction.self).map(\.expiresAt) == [end, end, end])

    try world.advance(to: end - .days(31))
    #expect(world.rows.all(FollowUpExecution.self).isEmpty)
    try world.advance(to: end - .days(30) - .hours(1))
    #expect(world.rows.all(FollowUpExecution.self).map(\.scheduledAt) == [end - .days(30), end - .days(30)])
    let reward = try world.reward("10%", cost: 100)
    try world.run(.redeemReward(reward: reward, customer: try world.customer(of: gone)), as: .o1)
    try world.advance(to: end - .days(30))
    let id = try #require(world.messages(to: customer).first?.id)
    #expect(
      world.rows.dispatches.map(\.text) == [
        "140 แต้มหมดอายุ 2 ก.พ. 2571 แลก https://c1.example/portal/\(id)\nเลิกรับ https://c1.example/stop/\(id)"
      ])
    #expect(world.messages(to: try world.customer(of: gone)).map(\.lastError) == ["obsolete"])
  }

  @Test func `on a birthday at nine where the customer is, once a year`() throws {
    try world.seedFollowUps([.birthdaySpecial])
    var details = CustomerDetails(name: "Malee", phone: "0812345678")
    details.dateOfBirth = "1990-02-10"
    let w = try #require(try world.run(.initialize(Initialize(customer: details)), as: .s1)["workflowId"]?.id)
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    try world.change(customer) { $0.status = .active }
    try world.prefer(customer) { $0.timezone = "Europe/Berlin" }
    try world.advance(to: day(370))
    let texts = world.messages(to: customer)
    #expect(
      texts.map(\.scheduledAt).map { ClinicCalendar(timezone: "Europe/Berlin").civil($0).text } == ["2026-02-10 09:00"])
    #expect(world.rows.dispatches.first?.text.hasPrefix("สุขสันต์วันเกิด รับ 100 แต้ม") == true)
    try world.advance(to: day(380))
    #expect(world.messages(to: customer).count == 2)
  }

  @Test func `no more than a customer wants to hear, and advertising waits its turn`() throws {
    // Three in seven days: services count, and are never held back.
    try world.seedFollowUps([.postTreatment, .satisfactionSurvey, .upsellOpportunity])
    let gateway = FakeGateway(world)
    let w = try world.treated()
    let customer = try world.customer(of: w)
    try world.optIn(customer)
    try world.prefer(customer) { $0.maxWeeklyContacts = 1 }
    let again = try world.scheduled(at: world.now)
    try world.run(.start(again), as: .b1)
    try world.run(.complete(again), as: .b1)
    // Surveys on the seventh day fill the week until the fourteenth, when each of them has to have left it.
    let offers = world.messages(to: customer, .upsellOpportunity)
    #expect(offers.map(\.scheduledAt) == [day(14), day(21)])
    try gateway.advance(.days(40))
    #expect(world.messages(to: customer).allSatisfy { $0.status == .sent })
    let sent = world.messages(to: customer, .upsellOpportunity).compactMap(\.executedAt)
    #expect(sent.count == 2)
    #expect(sent.map { ($0 - day(0)).milliseconds / 86_400_000 } == [14, 21])
    // And where nobody is to be written to at all, nobody is.
    try world.prefer(customer) { $0.maxWeeklyContacts = 0 }
    let third = try world.treated()
    #expect(world.messages(third).count == 2)
  }

  @Test func `by staff's leave: one that waits can be called off, by whose customer it is`() throws {
    try world.seedFollowUps([.postTreatment])
    let w = try world.treated()
    let id = world.messages(w)[0].id
    #expect(world.refusal(.cancelFollowUp(execution: id, reason: nil), as: .s2)?.code == .forbidden)
    #expect(world.refusal(.cancelFollowUp(execution: id, reason: nil), as: .b1)?.code == .forbidden)
    #expect(world.refusal(.cancelFollowUp(execution: world.newID(), reason: nil), as: .s1)?.code == .notFound)
    try world.run(.cancelFollowUp(execution: id, reason: "called her"), as: .s1)
    #expect(try world.execution(id).status == .cancelled)
    #expect(try world.execution(id).lastError == "called her")
    _ = try world.twice(.cancelFollowUp(execution: id, reason: nil), as: .desk)
    try world.advance(.days(2))
    #expect(world.rows.dispatches.isEmpty)
    #expect(world.refusal(.requeueFollowUp(execution: id), as: .o1)?.code == .invalidTransition)
  }
}

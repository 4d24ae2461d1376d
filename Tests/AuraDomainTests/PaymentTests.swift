import Testing

@testable import AuraDomain

@Suite struct `A payment` {
  @Test func `of another amount than the price is refused with the price`() throws {
    let world = World()
    let w = try world.lead()
    let refusal = try #require(world.refusal(.confirmPayment(world.payment(w, amountSt: 450_000)), as: .s1))
    #expect(refusal.code == .amountMismatch)
    #expect(refusal.details["expected_st"] == 500_000)
    #expect(world.rows.all(PosTransaction.self).isEmpty)
  }

  @Test func `of another amount is taken by an owner or admin who says why`() throws {
    let world = World()
    let w = try world.lead()
    var payment = world.payment(w, amountSt: 450_000)
    payment.override = true
    #expect(world.refusal(.confirmPayment(payment), as: .o1)?.code == .amountMismatch)
    payment.step.reason = "an old friend of the house"
    #expect(world.refusal(.confirmPayment(payment), as: .s1)?.code == .forbidden)
    try world.run(.confirmPayment(payment), as: .o1)
    let sale = try #require(world.rows.all(PosTransaction.self).first)
    #expect((sale.subtotalSt, sale.discountSt, sale.totalSt) == (500_000, 50_000, 450_000))
    #expect(world.actions(w).last?.data["reason"] == "an old friend of the house")
    #expect(world.actions(w).last?.data["expected_st"] == 500_000)
  }

  @Test func `without anything that tells the price asks for the treatment`() throws {
    let world = World()
    let result = try world.run(
      .initialize(Initialize(customer: CustomerDetails(name: "Malee", phone: "0812345678"))), as: .s1)
    let w = try #require(result["workflowId"]?.id)
    #expect(world.refusal(.confirmPayment(world.payment(w)), as: .s1)?.details["path"] == "args.treatmentId")
    var payment = world.payment(w)
    payment.treatmentName = "Hydra Facial"
    try world.run(.confirmPayment(payment), as: .s1)
    #expect(try world.workflow(w).treatmentID == world.t1)
    #expect(try world.workflow(w).treatmentName == "ไฮดรา เฟเชียล")
  }

  @Test func `is numbered anew each month of the clinic's calendar, without a hole`() throws {
    let world = World()
    // 23:59 of 28 February in Bangkok, and a minute later.
    let midnight = Instant(milliseconds: 1_772_298_000_000)
    world.now = midnight - .minutes(1)
    _ = try world.paid("A", phone: "0811111111")
    _ = try world.paid("B", phone: "0822222222")
    world.now = midnight
    _ = try world.paid("C", phone: "0833333333")
    #expect(
      world.rows.all(PosTransaction.self).map(\.transactionNumber) == ["TXN-202602-1", "TXN-202602-2", "TXN-202603-1"])
  }

  @Test func `tells the beautician that it is paid and not how much`() throws {
    let world = World()
    let w = try world.paid()
    let events = world.events.filter { $0.eventType == .paymentReceived }
    #expect(events.count == 2)
    for event in events {
      let toBeautician = event.targetUsers.array?.contains(.string(world.user(.b1).description)) == true
      #expect(toBeautician == (event.eventData["amount_st"] == nil))
      if toBeautician { #expect(event.targetRoles == []) }
    }
    #expect(try world.workflow(w).assignedBeauticianID == world.id(.b1))
  }

  @Test func `cannot be made twice`() throws {
    let world = World()
    let w = try world.paid()
    #expect(world.refusal(.confirmPayment(world.payment(w)), as: .s1)?.code == .invalidTransition)
    #expect(world.rows.all(PosTransaction.self).count == 1)
    #expect(world.tasks(.performTreatment, of: w).count == 1)
  }

  @Test func `with points is refused until there is a ledger to pay from`() throws {
    let world = World()
    var payment = world.payment(try world.lead())
    payment.method = .points
    #expect(world.refusal(.confirmPayment(payment), as: .s1)?.details["path"] == "args.paymentMethod")
  }

  // MARK: Who gets the task

  @Test func `without a beautician named goes to the one with the fewest minutes that day`() throws {
    let world = World()
    _ = try world.scheduled("A", phone: "0811111111", beautician: .b1)
    let w = try world.paid("B", phone: "0822222222", beautician: nil)
    #expect(try world.workflow(w).assignedBeauticianID == world.id(.b2))
    #expect(world.actions(w).last?.data["auto_assigned"] == true)
    // b2's task has no date yet: it counts for today, so that both have as much, and b1 more.
    let third = try world.paid("C", phone: "0833333333", beautician: nil)
    #expect(try world.workflow(third).assignedBeauticianID == world.id(.b2))
  }

  @Test func `is given by equal load to who has done least today, then to who has waited longest`() throws {
    let world = World()
    _ = try world.treated("A", phone: "0811111111")
    let w = try world.paid("B", phone: "0822222222", beautician: nil)
    #expect(try world.workflow(w).assignedBeauticianID == world.id(.b2))
  }

  @Test func `passes over who is off duty, unskilled or booked, never to another role`() throws {
    let world = World()
    try world.run(.setDuty(SetDuty(duty: .off)), as: .b1)
    let slot = world.now + .hours(1)
    _ = try world.scheduled("A", phone: "0811111111", beautician: .b2, at: slot)
    let w = try world.lead("B", phone: "0822222222")
    var payment = world.payment(w, beautician: nil, at: slot + .minutes(30))
    let result = try world.run(.confirmPayment(payment), as: .s1)
    #expect(result["beauticianId"] == .null)
    #expect(result["stage"] == "payment_confirmed")
    let task = try world.performTask(w)
    #expect(task.assignedTo == nil)
    #expect(task.dueDate == slot + .minutes(30))
    #expect(world.bell(.o1).contains { $0.title == "A task that nobody has" })
    let event = try #require(world.events.first { $0.eventType == .taskAssigned })
    #expect(event.targetRoles.array?.contains("clinic_staff") == true)

    let other = try world.lead("C", phone: "0833333333", treatment: world.laser)
    payment = world.payment(other, beautician: nil, amountSt: 900_000)
    try world.run(.confirmPayment(payment), as: .s1)
    #expect(try world.workflow(other).assignedBeauticianID == nil)
  }

  @Test func `with a slot and nobody named books whoever is free`() throws {
    let world = World()
    let w = try world.lead()
    let result = try world.run(
      .confirmPayment(world.payment(w, beautician: nil, at: world.now + .hours(1))), as: .s1)
    #expect(result["stage"] == "treatment_scheduled")
    #expect(result["version"] == 3)
  }
}

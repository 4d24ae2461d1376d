/// Points that an owner or admin gives. `transaction` is what can be rewarded once only.
package struct AwardPoints: Sendable, Equatable {
  package var customer: ID
  package var points: Int
  package var transaction: String
  package var description: String?

  package init(customer: ID, points: Int, transaction: String, description: String? = nil) {
    self.customer = customer
    self.points = points
    self.transaction = transaction
    self.description = description
  }
}

extension Draft {
  /// The most that is given by hand at a time.
  static let awardMax = 10_000

  mutating func awardPoints(_ command: AwardPoints) throws -> JSON {
    let customer = try presentCustomer(command.customer)
    guard (1...Self.awardMax).contains(command.points) else {
      throw Refusal(
        .badRequest, "1 … \(Self.awardMax) points are given by hand.",
        details: ["path": "args.points", "problem": .string("1 … \(Self.awardMax) is expected")])
    }
    let key = "award:\(command.transaction)"
    if let known = try posting(key) {
      throw Refusal(
        .duplicate, "It was rewarded already.",
        details: ["transaction_id": .string(command.transaction), "points": .integer(known.amount)])
    }
    let text = command.description.map { Texts($0) } ?? Texts(th: "แต้มพิเศษ", en: "Bonus")
    try credit(Posting(.bonus, command.points, to: customer.id, key: key, text))
    try evaluateAchievements(of: customer.id)
    let profile = try loyaltyProfile(of: customer.id)
    return [
      "customerId": .id(customer.id), "pointsAwarded": .integer(command.points),
      "availablePoints": .integer(profile.availablePoints), "transactionId": .string(command.transaction),
    ]
  }

  /// A review that a customer has written of a finished visit: once a visit.
  mutating func recordReview(of workflow: ID) throws -> JSON {
    let workflow = try self.workflow(workflow)
    guard workflow.currentStage.isTreated else { throw workflow.invalid("A review follows a visit") }
    var posting = Posting(
      .bonus, try loyalty().reviewBonus, to: workflow.customerID, key: "review:\(workflow.id)",
      Texts(th: "โบนัสรีวิว", en: "Review bonus"))
    posting.workflow = workflow.id
    let key = "review:\(workflow.id)"
    guard try rows(JourneyEvent.self, Selection(.equal("event_key", .text(key)), limit: 1)).isEmpty else {
      return try outcome(workflow, ["already": true, "pointsAwarded": 0])
    }
    journey(.reviewSubmitted, customer: workflow.customerID, workflow: workflow.id, key: key)
    let points = try credit(posting)?.amount ?? 0
    try evaluateAchievements(of: workflow.customerID)
    return try outcome(workflow, ["already": false, "pointsAwarded": .integer(points)])
  }

  /// Coming is rewarded once a day of the clinic's. A check-in that is corrected keeps it: the customer may still come.
  mutating func rewardCheckIn(_ workflow: Workflow) throws {
    var posting = Posting(
      .bonus, try loyalty().checkInBonus, to: workflow.customerID, key: try checkInKey(of: workflow, at: now),
      Texts(th: "โบนัสเช็คอิน", en: "Check-in bonus"))
    posting.workflow = workflow.id
    try credit(posting)
  }

  /// Who was checked in by mistake and has not come is rewarded for nothing.
  mutating func takeBackCheckIn(of workflow: Workflow, on day: Instant) throws {
    let key = try checkInKey(of: workflow, at: day)
    guard let bonus = try posting(key), bonus.workflowID == workflow.id else { return }
    var posting = Posting(
      .refund, bonus.amount, to: workflow.customerID, key: "\(key):back",
      Texts(th: "ไม่ได้มาตามนัด", en: "Did not come"))
    posting.workflow = workflow.id
    try debit(posting)
  }

  static let checkInPrefix = "checkin:"

  private func checkInKey(of workflow: Workflow, at day: Instant) throws -> String {
    "\(Self.checkInPrefix)\(workflow.customerID):\(try calendar().civil(day).text.prefix(10))"
  }

  // MARK: Birthdays

  /// Five minutes into the customer's next birthday.
  mutating func planBirthday(of customer: Customer, after: Instant) throws {
    guard let parts = customer.dateOfBirth?.split(separator: "-").compactMap({ Int($0) }), parts.count == 3 else {
      return
    }
    let calendar = try calendar()
    let year = calendar.civil(after).year
    for year in [year, year + 1] {
      let due = calendar.dayStart(year: year, month: parts[1], day: parts[2]) + .minutes(5)
      if due <= after { continue }
      schedule(
        PlannedTimer(
          due: due, kind: .birthday, payload: ["customer_id": .id(customer.id)], dedupe: "birthday:\(customer.id)"))
      return
    }
  }

  mutating func fireBirthday(_ timer: PlannedTimer) throws -> Bool {
    guard let customer = try timer.payload["customer_id"]?.id.flatMap({ try row(Customer.self, $0) }),
      customer.anonymizedAt == nil
    else { return false }
    try planBirthday(of: customer, after: max(now, timer.due))
    // Who has never paid is no customer yet.
    guard customer.status == .active else { return false }
    let year = try calendar().civil(timer.due).year
    let posted = try credit(
      Posting(
        .bonus, try loyalty().birthdayBonus, to: customer.id, key: "birthday:\(customer.id):\(year)",
        Texts(th: "สุขสันต์วันเกิด", en: "Happy birthday")))
    try planBirthdayMessage(of: customer.id, on: timer.due)
    return posted != nil
  }
}

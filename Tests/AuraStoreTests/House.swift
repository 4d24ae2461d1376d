import AuraDomain
import Testing

@testable import AuraStore

/// A clinic whose people do what people of a clinic do.
struct House {
  let bench: Bench
  let clinic: ID
  let (owner, sales, first, second): (ID, ID, ID, ID)
  let salesStaff: ID
  let firstStaff: ID
  let treatment: ID

  init(_ bench: Bench) throws {
    self.bench = bench
    let made = try bench.write { scope in
      let clinicID = scope.newID()
      let treatmentID = scope.newID()
      var people: [(user: ID, staff: ID)] = []
      for (index, _) in [Role.owner, .sales, .staff, .staff].enumerated() {
        var user = User()
        user.id = scope.newID()
        user.email = "p\(index)@clinic.example"
        user.fullName = "Person \(index)"
        people.append((try Accounts.insert(scope, user).id, scope.newID()))
      }
      try scope.commit(clinic: clinicID) { [people] draft in
        var clinic = Clinic()
        clinic.id = clinicID
        clinic.clinicCode = "C1"
        clinic.displayName = ["th": "คลินิก", "en": "Clinic"]
        draft.insert(clinic)
        for (person, role) in zip(people, [Role.owner, .sales, .staff, .staff]) {
          var staff = StaffMember()
          staff.id = person.staff
          staff.clinicID = clinicID
          staff.userID = person.user
          staff.role = role
          draft.insert(staff)
        }
        var treatment = Treatment()
        treatment.id = treatmentID
        treatment.clinicID = clinicID
        treatment.names = ["th": "ทรีตเมนต์", "en": "Treatment"]
        treatment.priceSt = 500_000
        draft.insert(treatment)
        try draft.seedFollowUps()
        clinic.settings.set("follow_up", ["base_url": "https://c1.example"])
        try draft.update(try #require(try draft.row(Clinic.self, clinicID))) { $0.settings = clinic.settings }
      }
      return (clinicID, people, treatmentID)
    }.0
    clinic = made.0
    treatment = made.2
    (owner, sales, first, second) = (made.1[0].user, made.1[1].user, made.1[2].user, made.1[3].user)
    (salesStaff, firstStaff) = (made.1[1].staff, made.1[2].staff)
  }

  @discardableResult
  func run(_ user: ID, _ command: Command) throws -> Outcome {
    var request = bench.request(clinic, user)
    request.command = command
    return try #require(bench.process(request).outcomes.first).1
  }

  /// Starts a case; its id.
  func lead(_ name: String) throws -> ID {
    try run(
      sales, .initialize(Initialize(customer: CustomerDetails(name: name, phone: "0812345678"), sales: salesStaff)))
    return try bench.read { reader in
      try #require(
        reader.clinicRows(clinic).rows(
          Workflow.self, Selection(.equal("status", "active"), order: [.descending("id")], limit: 1)
        )
        .first?.id)
    }
  }

  func pay(_ workflow: ID, at time: Instant?, by beautician: ID? = nil) throws {
    var payment = ConfirmPayment(step: WorkflowStep(workflow), amountSt: 500_000, method: .cash)
    payment.treatment = treatment
    payment.scheduledTime = time
    payment.beautician = beautician
    let outcome = try run(sales, .confirmPayment(payment))
    #expect(throws: Never.self) { try outcome.result.get() }
  }

  /// Runs what has to be taken; its result.
  func take(_ user: ID, _ command: Command) throws -> JSON { try JSON.parse(run(user, command).result.get().result) }

  /// What a till and a customer's page do in a day, with everything on that makes it look further.
  func sell(to customer: ID, case treated: ID) throws {
    _ = try take(owner, .updateLoyaltySettings(LoyaltySettings.Change([.qualifyingMonths: 12])))
    for details in StarterLoyalty.achievements { _ = try take(owner, .createAchievement(details)) }
    var details = RewardDetails()
    (details.name, details.type, details.pointsCost) = ("a tenth", .discountPercentage, 10)
    (details.percentBp, details.perCustomerLimit, details.autoApply) = (1_000, 5, true)
    let reward = try #require(try take(owner, .createReward(details))["rewardId"]?.string.flatMap { ID($0) })
    func bill() throws -> ID {
      let sale = CreateSale(customer: customer, items: [.init(name: "Cream", priceSt: 90_000)])
      return try #require(try take(sales, .createSale(sale))["saleId"]?.string.flatMap { ID($0) })
    }
    let first = try bill()
    _ = try take(sales, .paySale(PaySale(sale: first, amountSt: 90_000, method: .cash)))
    let redeemed = try take(sales, .redeemReward(reward: reward, customer: customer))
    let code = try #require(redeemed["couponCode"]?.string)
    let second = try bill()
    _ = try take(sales, .removeCoupon(sale: second))
    _ = try take(sales, .applyCoupon(sale: second, code: code))
    _ = try take(sales, .paySale(PaySale(sale: second, amountSt: 81_000, method: .cash)))
    _ = try take(owner, .refundSale(RefundSale(sale: second, reason: "asked")))
    _ = try take(sales, .voidSale(sale: try bill()))
    let again = try take(sales, .redeemReward(reward: reward, customer: customer))
    let unused = try #require(again["redemptionId"]?.string.flatMap { ID($0) })
    _ = try take(owner, .cancelRedemption(redemption: unused))
    _ = try take(owner, .awardPoints(AwardPoints(customer: customer, points: 5, transaction: "t")))
    _ = try take(owner, .recordReview(workflow: treated))
    _ = try take(owner, .linkCustomer(LinkCustomer(customer: customer, account: .user(self.second))))
    _ = try take(owner, .unlinkCustomer(customer: customer))
  }

  func runDay() throws {
    let through = try lead("One")
    try pay(through, at: bench.now + .hours(1))
    try pay(try lead("Two"), at: nil)
    let named = try lead("Three")
    try pay(named, at: bench.now + .hours(4), by: firstStaff)
    try run(first, .checkIn(WorkflowStep(named)))
    try run(first, .startTreatment(StartTreatment(step: WorkflowStep(named))))
    try run(owner, .reassign(Reassign(step: WorkflowStep(named, reason: "break"), beautician: firstStaff)))
    try run(first, .completeTreatment(CompleteTreatment(step: WorkflowStep(named))))
    let customer = try #require(
      try bench.read { try $0.clinicRows(clinic).row(Workflow.self, named)?.customerID })
    try sell(to: customer, case: named)
    try run(sales, .sendFollowUp(SendFollowUp(step: WorkflowStep(named))))
    try run(owner, .correct(WorkflowStep(named)))
    try run(owner, .cancel(Cancel(step: WorkflowStep(through, reason: "asked"), settlement: .refund)))
    try run(owner, .startCycle(StartCycle(step: WorkflowStep(named))))
    try run(first, .setDuty(SetDuty(duty: .off)))
    try run(owner, .revokeMembership(RevokeMembership(staff: firstStaff, reason: "left")))
    try run(sales, .markAllNotificationsRead())
    try runFollowUps(of: named)
    bench.now = bench.now + .days(9)
    for _ in 0..<20 { bench.process() }
  }

  /// Consent, proposals, what is sent, refused, failed, answered, given up and taken up again.
  private func runFollowUps(of workflow: ID) throws {
    let customer = try bench.read { try #require($0.clinicRows(clinic).row(Workflow.self, workflow)?.customerID) }
    var preferences = PreferenceDetails(customer: customer)
    preferences.marketingOptIn = true
    preferences.consent = ConsentGiven()
    try run(owner, .updatePreferences(preferences))
    let offered = try lead("Four")
    var scan = ScanCustomer(step: WorkflowStep(offered), results: ["a": 1])
    scan.consent = ConsentGiven()
    try run(sales, .scanCustomer(scan))
    try run(sales, .sendProposal(SendProposal(step: WorkflowStep(offered), plan: Plan(totalSt: 100))))
    var left: [Dispatch] = []
    for _ in 0..<30 {
      bench.now = bench.now + .hours(24)
      left += bench.process().dispatches
    }
    #expect(left.count > 3)
    for (index, dispatch) in left.enumerated() {
      let results: [DispatchReport.Result] = [
        .refused(reason: "x"), .failed(reason: "x", retryAfter: nil), .accepted(providerMessageID: "p"),
      ]
      let report = DispatchReport(of: dispatch, results[index % results.count])
      var request = bench.request(clinic, owner)
      request.user = nil
      request.command = .reportDispatch(report)
      bench.process(request)
      try run(owner, .requeueFollowUp(execution: dispatch.execution))
      var response = FollowUpResponse(execution: dispatch.execution)
      response.replyText = index % 2 == 0 ? "5" : "STOP"
      response.sentiment = index % 3 == 0 ? .positive : .negative
      try run(owner, .recordResponse(response))
      try run(owner, .cancelFollowUp(execution: dispatch.execution, reason: nil))
    }
  }

  func ask() throws {
    for user in [owner, sales, second] {
      try bench.read { reader in
        let rows = reader.clinicRows(clinic)
        let actor = try reader.actor(user: user, clinic: clinic)
        let workflow = try #require(rows.rows(Workflow.self, Selection(.equal("status", "active"), limit: 1)).first)
        var all = WorkflowFilter()
        all.search = "One"
        var letters = FollowUpFilter()
        letters.statuses = [.dead, .failed]
        var mine = FollowUpFilter()
        mine.customer = workflow.customerID
        let rules = try rows.rows(FollowUpRule.self, Selection())
        for rule in rules {
          let run = FollowUpDryRun(.rule(rule.id), from: bench.now - .days(10), to: bench.now)
          _ = try? answer(.dryRunFollowUp(run), rows: rows, actor: actor, now: bench.now)
          _ = try? answer(
            .followUpResults(FollowUpResultsFilter(rule: rule.id)), rows: rows, actor: actor, now: bench.now)
        }
        for query: Query in [
          .followUpRules, .followUpTemplates(type: .postTreatment), .followUps(FollowUpFilter()), .followUps(letters),
          .followUps(mine), .preferences(customer: workflow.customerID),
          .workflowHistory(workflow: workflow.id), .clinicWorkflows(WorkflowFilter()), .clinicWorkflows(all),
          .myTasks(TaskFilter()), .staff(includeInactive: true), .treatments(includeInactive: false), .me,
        ] { _ = try? answer(query, rows: rows, actor: actor, now: bench.now) }
      }
    }
  }
}

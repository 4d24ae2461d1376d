import AuraDomain
import AuraServer
import AuraStore

/// A clinic with sales, a beautician, a treatment and the house's rules of follow-up, and messages that wait.
struct CaseHouse {
  private let store: DirectStore
  private let sales: LoadFixture.Person
  private let beautician: LoadFixture.Person
  private let treatment: ID
  private let priceSt: Int
  private static let messagesPerCustomer = 100

  struct Incomplete: Error {}

  init(directory: String, messages: Int) throws {
    let people = try LoadFixture.prepare(directory: directory, LoadFixture.Size(clinics: 1, staff: 2))
    guard let sales = people.first(where: { $0.role == .sales }),
      let beautician = people.first(where: { $0.role == .staff })
    else { throw Incomplete() }
    (self.sales, self.beautician) = (sales, beautician)
    store = try DirectStore(directory: directory, firesTimers: true)
    let clinic = sales.clinic
    let rule = try store.write { scope in
      try scope.commit(clinic: clinic) { draft in try draft.seedFollowUps(lastly: .call) }
      return try scope.clinicRows(clinic).rows(FollowUpRule.self, Selection()).first { $0.type == .satisfactionSurvey }
    }
    let treatment = try store.read { try $0.clinicRows(clinic).rows(Treatment.self, Selection()).first }
    guard let rule, let treatment else { throw Incomplete() }
    (self.treatment, priceSt) = (treatment.id, treatment.priceSt)
    for start in stride(from: 0, to: messages, by: Self.messagesPerCustomer) {
      let count = min(Self.messagesPerCustomer, messages - start)
      _ = try store.write { scope in
        try scope.commit(clinic: clinic) { draft in Self.wait(count, of: rule.id, from: start, in: &draft) }
      }
    }
  }

  func close() { store.close() }

  /// One customer and their messages, written as planning would have, all of them due within the next month.
  private static func wait(_ count: Int, of rule: ID, from start: Int, in draft: inout Draft) {
    var customer = Customer()
    customer.id = draft.newID()
    customer.clinicID = draft.clinicID
    customer.customerCode = "W\(start)"
    customer.fullName = "W\(start)"
    customer.status = .active
    draft.insert(customer)
    for number in start..<(start + count) {
      var execution = FollowUpExecution()
      execution.id = draft.newID()
      execution.clinicID = draft.clinicID
      execution.ruleID = rule
      execution.customerID = customer.id
      execution.scheduledAt = draft.now + .days(1) + .minutes(number % 40_000)
      execution.dedupeKey = "bench:\(number)"
      draft.insert(execution)
      draft.planTimer(execution, at: execution.scheduledAt)
    }
  }

  /// A new customer's case from lead to treated.
  func treat(_ round: Int) throws {
    var start = Initialize(customer: CustomerDetails(name: "C\(round)", phone: "08\(10_000_000 + round)"))
    start.treatment = treatment
    let made = try store.run(.initialize(start), clinic: sales.clinic, as: sales.user, key: "\(round)-1")
    guard let workflow = made["workflowId"]?.string.flatMap({ ID($0) }) else { throw Incomplete() }
    let step = WorkflowStep(workflow)
    var payment = ConfirmPayment(step: step, amountSt: priceSt, method: .promptPay)
    payment.treatment = treatment
    payment.beautician = beautician.staff
    // One after the other, a slot each.
    payment.scheduledTime = .systemNow + .hours(3) + .hours(2 * max(0, round + 1))
    try store.run(.confirmPayment(payment), clinic: sales.clinic, as: sales.user, key: "\(round)-2")
    try store.run(
      .startTreatment(StartTreatment(step: step)), clinic: sales.clinic, as: beautician.user, key: "\(round)-3")
    try store.run(
      .completeTreatment(CompleteTreatment(step: step)), clinic: sales.clinic, as: beautician.user, key: "\(round)-4")
  }
}

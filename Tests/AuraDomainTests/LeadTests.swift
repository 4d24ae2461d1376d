import Testing

@testable import AuraDomain

@Suite struct `A lead` {
  private func newcomer(_ name: String, _ phone: String) -> Initialize {
    Initialize(customer: CustomerDetails(name: name, phone: phone))
  }

  @Test(arguments: [
    ("081-234-5678", "0812345678"), ("+66 81 234 5678", "0812345678"), ("0066812345678", "0812345678"),
    ("+66 (0)81 234 5678", "0812345678"), ("๐๘๑๒๓๔๕๖๗๘", "0812345678"), ("+1 415.555.0100", "+14155550100"),
    ("02 123 4567", "021234567"),
  ])
  func `is known by a phone however it is written`(written: String, stored: String) {
    #expect(PhoneNumber.normalised(written) == stored)
  }

  @Test(arguments: ["", "none", "12345", "081-234-567x", "1234567890123456", "+", "½½½½½½½"])
  func `needs a phone that is one`(text: String) {
    #expect(PhoneNumber.normalised(text) == nil)
  }

  @Test(arguments: [
    ("คุณ มาลี  ใจดี", "มาลี ใจดี"), ("คุณมาลี ใจดี", "มาลี ใจดี"), ("MALEE Jaidee", "malee jaidee"), ("Mr. Bean", "bean"),
    ("คุณ", "คุณ"),
  ])
  func `is known by a name without its titles`(written: String, compared: String) {
    #expect(PersonName.normalised(written) == compared)
  }

  @Test func `of the same phone and name is returned, not doubled`() throws {
    let world = World()
    let w = try world.lead("Malee Jaidee", phone: "081-234-5678")
    let seq = world.seq
    let again = try world.run(.initialize(newcomer("คุณ malee  jaidee", "+66812345678")), as: .s1)
    #expect(again["workflowId"]?.id == w)
    #expect(again["existing"] == true)
    #expect(world.seq == seq)
    #expect(world.rows.all(Customer.self).count == 1)
  }

  @Test func `of the same phone and another name is another person, with a hint`() throws {
    let world = World()
    try world.lead("Malee", phone: "0812345678")
    let result = try world.run(.initialize(newcomer("Malee's daughter", "0812345678")), as: .s1)
    #expect(result["existing"] == false)
    #expect(result["duplicates"]?.array?.first?["name"] == "Malee")
    #expect(world.rows.all(Customer.self).count == 2)
    #expect(world.rows.all(LoyaltyProfile.self).count == 2)
    #expect(Set(world.rows.all(Customer.self).map(\.customerCode)) == ["C-000001", "C-000002"])
  }

  @Test func `of a customer whose last case has moved on is a new case for the same customer`() throws {
    let world = World()
    let first = try world.paid()
    let second = try world.lead()
    #expect(first != second)
    #expect(world.rows.all(Customer.self).count == 1)
    #expect(try world.workflow(second).currentStage == .leadCreated)
  }

  @Test func `belongs to the sales person named, or to who writes it down`() throws {
    let world = World()
    var command = newcomer("A", "0811111111")
    command.sales = world.id(.s2)
    let named = try #require(try world.run(.initialize(command), as: .s1)["workflowId"]?.id)
    #expect(try world.workflow(named).assignedSalesID == world.id(.s2))
    #expect(world.bell(.s2).map(\.type) == ["workflow_created"])
    #expect(world.bell(.s2).first?.title == "New lead")

    command = newcomer("B", "0822222222")
    command.sales = world.id(.b1)
    #expect(world.refusal(.initialize(command), as: .s1)?.details["path"] == "args.salesId")
    command.sales = world.newID()
    #expect(world.refusal(.initialize(command), as: .s1)?.code == .notFound)
    try world.run(.revokeMembership(RevokeMembership(staff: world.id(.s2))), as: .o1)
    command.sales = world.id(.s2)
    #expect(world.refusal(.initialize(command), as: .s1)?.details["problem"] == "inactive")
  }

  @Test func `with a bad phone is refused at its place`() {
    let world = World()
    let refusal = world.refusal(.initialize(newcomer("A", "call me")), as: .s1)
    #expect(refusal?.code == .badRequest)
    #expect(refusal?.details["path"] == "args.customer.phone")
  }

  @Test func `a new round follows a finished treatment and keeps the scan`() throws {
    let world = World()
    let w = try world.lead()
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["score": 71])
    scan.consent = ConsentGiven()
    try world.run(.scanCustomer(scan), as: .s1)
    let round = Command.startCycle(StartCycle(step: WorkflowStep(w)))
    #expect(world.refusal(round, as: .s1)?.code == .invalidTransition)
    try world.run(.confirmPayment(world.payment(w)), as: .s1)
    try world.run(.start(w), as: .b1)
    try world.run(.complete(w), as: .b1)
    let result = try world.run(round, as: .s1)
    let new = try #require(result["workflowId"]?.id)
    #expect(try world.workflow(new).currentStage == .scanned)
    #expect(try world.workflow(new).metadata["previous_workflow_id"]?.id == w)
    #expect(try world.workflow(new).scanResults == ["score": 71])
    #expect(try world.run(round, as: .s1)["existing"] == true)
  }
}

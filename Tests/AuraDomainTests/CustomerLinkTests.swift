import Testing

@testable import AuraDomain

@Suite struct `A customer's account` {
  private func link(_ customer: ID, _ user: ID) -> Command {
    .linkCustomer(LinkCustomer(customer: customer, account: .user(user)))
  }

  private func link(_ customer: ID, email: String) -> Command {
    .linkCustomer(LinkCustomer(customer: customer, account: .email(email)))
  }

  private func customer(_ world: World, _ name: String = "Malee", phone: String = "0811111111") throws -> ID {
    try world.workflow(world.lead(name, phone: phone)).customerID
  }

  @Test func `is given by staff and taken away again`() throws {
    let world = World()
    let malee = try customer(world)
    let user = world.user(.customer)
    #expect(try world.run(link(malee, user), as: .s2)["userId"] == .id(user))
    _ = try world.twice(link(malee, user), as: .o1)
    #expect(try world.rows.row(Customer.self, malee)?.userID == user)
    #expect(try world.run(.unlinkCustomer(customer: malee), as: .a1)["userId"] == .null)
    _ = try world.twice(.unlinkCustomer(customer: malee), as: .s1)
    for person: World.Person in [.b1, .customer] {
      #expect(world.refusal(link(malee, user), as: person)?.code == .forbidden)
      #expect(world.refusal(.unlinkCustomer(customer: malee), as: person)?.code == .forbidden)
    }
  }

  @Test func `is found by its address, however that is written`() throws {
    let world = World()
    var portal = User()
    portal.id = world.newID()
    portal.email = "malee@example.org"
    world.rows.put(portal)
    let malee = try customer(world)
    #expect(try world.run(link(malee, email: "Malee@Example.org"), as: .s1)["userId"] == .id(portal.id))
    let nok = try customer(world, "Nok", phone: "0822222222")
    #expect(world.refusal(link(nok, email: "nobody@example.org"), as: .s1)?.details["path"] == "args.email")
    portal.status = .disabled
    world.rows.put(portal)
    #expect(world.refusal(link(nok, email: "malee@example.org"), as: .s1)?.code == .notFound)
    #expect(world.refusal(link(nok, portal.id), as: .s1)?.code == .notFound)
  }

  @Test func `belongs to one customer of a clinic, and a customer has one`() throws {
    let world = World()
    let (malee, nok) = (try customer(world), try customer(world, "Nok", phone: "0822222222"))
    try world.run(link(malee, world.user(.customer)), as: .s1)
    let second = try #require(world.refusal(link(nok, world.user(.customer)), as: .o1))
    #expect(second.code == .duplicate)
    #expect(second.details["customer_id"] == .id(malee))
    #expect(world.refusal(link(malee, world.user(.b2)), as: .o1)?.details["path"] == "args.customerId")
    try world.run(.unlinkCustomer(customer: malee), as: .s1)
    try world.run(link(nok, world.user(.customer)), as: .s1)
    #expect(world.refusal(link(world.newID(), world.user(.b1)), as: .o1)?.code == .notFound)
  }

  @Test func `is not given to oneself by whoever sells`() throws {
    let world = World()
    let malee = try customer(world)
    #expect(world.refusal(link(malee, world.user(.s1)), as: .s1)?.code == .forbidden)
    try world.run(link(malee, world.user(.s1)), as: .s2)
    // Staff stay staff.
    #expect(try world.ask(.me, as: .s1)["staff"]?["role"] == "sales_staff")
  }

  @Test func `is not given to somebody who was made anonymous`() throws {
    let world = World()
    let malee = try customer(world)
    var row = try #require(try world.rows.row(Customer.self, malee))
    row.userID = world.user(.customer)
    row.anonymizedAt = world.now
    world.rows.put(row)
    try world.run(.unlinkCustomer(customer: malee), as: .s1)
    #expect(world.refusal(link(malee, world.user(.customer)), as: .o1)?.code == .notFound)
  }
}

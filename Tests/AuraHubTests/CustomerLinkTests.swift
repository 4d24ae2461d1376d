import AuraDomain
import AuraWire
import Testing

@testable import AuraHub

/// A portal account that is given to a customer, and taken away, while it is connected.
@Suite struct `A customer's link` {
  private func customer(_ world: World, user: ID?, version: Int) -> Customer {
    var customer = Customer()
    customer.id = ID(high: 3, low: 1)
    customer.clinicID = world.clinic
    customer.userID = user
    customer.fullName = "Malee"
    customer.version = version
    return customer
  }

  private func publish(_ world: World, _ changes: RowChange...) {
    world.append(changes)
    world.publish(1)
  }

  private func texts(_ socket: World.Socket) -> [String] {
    defer { socket.received = [] }
    return socket.received.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func `begins and ends at the very commit, before anything of it is shown`() throws {
    let world = World(seed: 31)
    let socket = World.Socket()
    let user = world.users[1]
    let session = world.hub.open(id: 7, user: user, signIn: nil, memberships: [], outlet: socket)
    let wish = Subscribe(id: 1, clinic: world.clinic, tables: [.loyaltyProfiles])
    world.hub.subscribe(session, wish)
    #expect(texts(socket).joined().contains("forbidden"))

    let nobody = customer(world, user: nil, version: 1)
    let linked = customer(world, user: user, version: 2)
    publish(world, RowChange(updating: nobody, to: linked))
    #expect(session.membership(in: world.clinic)?.customer == linked.id)
    world.hub.subscribe(session, wish)
    world.hub.loaded(
      world.reads[0].request.token,
      Hub.Load(epoch: "e1", seq: 1, oldest: 1, content: .snapshot(.first, parts: [Array("{}".utf8)])))
    _ = texts(socket)

    var profile = LoyaltyProfile()
    profile.id = ID(high: 4, low: 1)
    profile.clinicID = world.clinic
    profile.customerID = linked.id
    profile.referralCode = "BNSECRET"
    publish(world, RowChange(inserting: profile))
    #expect(texts(socket).joined().contains("BNSECRET"))

    // What is in the commit that ends it is not shown any more.
    var after = profile
    after.availablePoints = 777
    after.version = 2
    publish(
      world, RowChange(updating: profile, to: after),
      RowChange(updating: linked, to: customer(world, user: nil, version: 3)))
    let last = texts(socket)
    #expect(last.count == 1 && last[0].contains("access_revoked"))
    #expect(!last.joined().contains("777"))
    #expect(world.closed.map(\.user) == [user])
  }

  @Test func `that ends leaves a colleague among the staff`() throws {
    let world = World(seed: 32)
    let session = world.hub.open(
      id: 8, user: world.users[0], signIn: nil,
      memberships: [
        Membership(clinic: world.clinic, role: .sales, staff: world.staff[0], customer: ID(high: 3, low: 1))
      ],
      outlet: World.Socket())
    publish(
      world,
      RowChange(
        updating: customer(world, user: world.users[0], version: 2), to: customer(world, user: nil, version: 3)))
    #expect(session.membership(in: world.clinic)?.customer == nil)
    #expect(session.membership(in: world.clinic)?.role == .sales)
    #expect(world.closed.isEmpty)
  }
}

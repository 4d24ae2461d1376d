import AuraDomain
import AuraWire
import Testing

@testable import AuraHub

@Suite struct `Snapshots, deltas and resumes` {
  private static func terms(_ index: Int, _ staff: ID) -> [(column: RowFilter.Column, values: [Subscribe.Term])] {
    switch index % 4 {
    case 0: []
    case 1: [(.assignedTo, [.me])]
    case 2: [(.status, [.value(.text("pending")), .value(.text("in_progress"))])]
    default: [(.assignedTo, [.me, .value(.null)]), (.status, [.value(.text("pending"))])]
    }
  }

  @Test(arguments: UInt64(1)...80)
  func `meet without a gap whatever is late, choked or lost`(seed: UInt64) throws {
    let world = World(seed: seed, ringBytes: seed % 3 == 0 ? 1_200 : 6_000)
    let clients = (0..<8).map { index in
      Client(
        user: world.users[index % 3], staff: world.staff[index % 3], terms: Self.terms(index, world.staff[index % 3]))
    }
    var nextSession: UInt64 = 1
    for _ in 0..<600 {
      let client = clients[Int.random(in: 0..<clients.count, using: &world.random)]
      switch Int.random(in: 0..<100, using: &world.random) {
      case 0..<30: world.write()
      case 30..<55: world.publish(Int.random(in: 1...4, using: &world.random))
      case 55..<65:
        if let index = world.reads.indices.randomElement(using: &world.random), world.reads[index].result == nil {
          world.read(index)
        }
      case 65..<75:
        if let index = world.reads.indices.randomElement(using: &world.random), world.reads[index].result != nil {
          world.finishRead(index)
        }
      case 75..<80:
        if !client.isConnected {
          client.connect(world, id: nextSession)
          nextSession += 1
        }
      case 80..<82: if client.isConnected { client.disconnect(world) }
      case 82..<88: client.socket.room = Int.random(in: 0...3, using: &world.random)
      case 88..<97:
        client.socket.room = Bool.random(using: &world.random) ? .max : 2
        if let session = client.session, client.socket.wantsWritable {
          client.socket.wantsWritable = false
          world.hub.drain(session)
        }
      case 97: world.floor = max(world.floor, world.log.count - 60)
      default: client.receive()
      }
    }
    // Everything settles: all sockets take, all reads finish, all commits arrive.
    for client in clients where !client.isConnected {
      client.connect(world, id: nextSession)
      nextSession += 1
    }
    for _ in 0..<400 {
      world.publish(1_000_000)
      for client in clients {
        client.socket.room = .max
        if let session = client.session { world.hub.drain(session) }
      }
      if world.reads.isEmpty { break }
      if world.reads[0].result == nil { world.read(0) }
      world.finishRead(0)
    }
    for client in clients {
      client.receive()
      #expect(client.faults == [], "seed \(seed)")
      let session = try #require(client.session)
      let subscription = try #require(session.subscriptions.values.first)
      #expect(session.queue.isEmpty && subscription.position == subscription.stream.tail, "seed \(seed)")
      #expect(client.cursor?.seq == subscription.stream.tail, "seed \(seed)")
      let key = subscription.stream.key
      let expected = Dictionary(
        uniqueKeysWithValues: world.visible(key.filter, key.scope).map { ($0.id.description, $0.version) })
      #expect(client.rows.mapValues { $0["version"]?.integer ?? 0 } == expected, "seed \(seed)")
    }
  }

  @Test func `all subscribers of a stream are sent the same frame`() throws {
    let world = World(seed: 1)
    let clients = (0..<5).map { _ in Client(user: world.users[0], staff: world.staff[0], terms: []) }
    for (index, client) in clients.enumerated() { client.connect(world, id: UInt64(index)) }
    while !world.reads.isEmpty {
      world.read(0)
      world.finishRead(0)
    }
    for client in clients { client.receive() }
    world.write()
    world.publish(1)
    let frames = clients.map { $0.socket.received }
    #expect(frames.allSatisfy { $0.count == 1 && $0 == frames[0] })
    #expect(world.hub.streamCount == 1)
  }

  @Test func `commits that are ready together share a frame`() throws {
    let world = World(seed: 2, frameBytes: 65_536)
    let client = Client(user: world.users[0], staff: world.staff[0], terms: [])
    client.connect(world, id: 1)
    world.read(0)
    world.finishRead(0)
    client.receive()
    for _ in 0..<16 { world.write() }
    world.publish(16)
    #expect(client.socket.received.count == 1)
    client.receive()
    #expect(client.cursor?.seq == 16 && client.faults == [])
  }

  @Test func `a reader that stops costs a place, not a copy of what it misses`() throws {
    let world = World(seed: 3)
    let client = Client(user: world.users[0], staff: world.staff[0], terms: [])
    client.connect(world, id: 1)
    world.read(0)
    world.finishRead(0)
    client.socket.room = 0
    for _ in 0..<500 {
      world.write()
      world.publish(1)
    }
    let session = try #require(client.session)
    #expect(session.queue.count == 1)
  }

  @Test func `who comes while a snapshot is read is served from the same one, frame for frame`() throws {
    let world = World(seed: 9)
    let clients = (0..<4).map { _ in Client(user: world.users[0], staff: world.staff[0], terms: []) }
    for _ in 0..<6 { world.write() }
    world.publish(6)
    clients[0].connect(world, id: 0)
    world.read(0)
    for (index, client) in clients.enumerated().dropFirst() { client.connect(world, id: UInt64(index)) }
    #expect(world.reads.count == 1)
    world.write()
    world.publish(1)
    world.finishRead(0)
    for client in clients { client.receive() }
    #expect(clients.allSatisfy { $0.faults == [] && $0.rows.count == world.rows.count })
    world.write()
    world.publish(1)
    for client in clients { client.receive() }
    #expect(clients.allSatisfy { $0.faults == [] && $0.cursor?.seq == 8 })
  }

  @Test func `a subscription that is replaced takes what waited of it along`() throws {
    let world = World(seed: 10)
    for _ in 0..<5 { world.write() }
    world.publish(5)
    let client = Client(user: world.users[0], staff: world.staff[0], terms: [])
    client.connect(world, id: 1)
    let session = try #require(client.session)
    client.socket.room = 0
    for _ in 0..<50 {
      world.hub.subscribe(session, Subscribe(id: 2, clinic: world.clinic, tables: [.taskQueue]))
      while !world.reads.isEmpty {
        if world.reads[0].result == nil { world.read(0) }
        world.finishRead(0)
      }
    }
    let snapshots = session.queue.count { if case .stream = $0 { true } else { false } }
    #expect(snapshots == 1, "one snapshot waits, not one for each time it was asked for")
    #expect(session.subscriptionCount == 1)
  }

  @Test func `a long run of commits goes out in frames of the size that was promised`() throws {
    let world = World(seed: 11, ringBytes: 1 << 20, frameBytes: 4_000)
    let client = Client(user: world.users[0], staff: world.staff[0], terms: [])
    client.connect(world, id: 1)
    world.read(0)
    world.finishRead(0)
    client.receive()
    for _ in 0..<60 { world.write() }
    world.publish(60)
    // One commit may go over the edge; two of these are smaller than half a frame.
    #expect(client.socket.received.count > 5 && client.socket.received.allSatisfy { $0.count < 4_000 + 2_500 })
    client.receive()
    #expect(client.faults == [] && client.cursor?.seq == 60)
  }

  @Test func `a resume from memory asks no reader`() throws {
    let world = World(seed: 4, ringBytes: 1 << 20)
    let first = Client(user: world.users[0], staff: world.staff[0], terms: [])
    let second = Client(user: world.users[0], staff: world.staff[0], terms: [])
    for (index, client) in [first, second].enumerated() {
      client.connect(world, id: UInt64(index))
      while !world.reads.isEmpty {
        world.read(0)
        world.finishRead(0)
      }
    }
    first.disconnect(world)
    for _ in 0..<20 { world.write() }
    world.publish(20)
    first.connect(world, id: 9)
    #expect(world.reads.isEmpty)
    first.receive()
    #expect(first.modes == ["snapshot", "resume"] && first.faults == [])
    #expect(first.rows.count == world.rows.count)
  }
}

@Suite struct `Rights` {
  private func member(_ world: World, role: Role, active: Bool, version: Int) -> StaffMember {
    var member = StaffMember()
    member.id = world.staff[0]
    member.clinicID = world.clinic
    member.userID = world.users[0]
    member.role = role
    member.isActive = active
    member.revokedAt = active ? nil : world.now
    member.version = version
    return member
  }

  private func connected(_ world: World) -> Client {
    let client = Client(user: world.users[0], staff: world.staff[0], terms: [])
    client.connect(world, id: 1)
    world.read(0)
    world.finishRead(0)
    client.receive()
    return client
  }

  @Test func `end at the commit that ends them, before anything of it is shown`() throws {
    let world = World(seed: 5)
    let client = connected(world)
    world.write()
    let before = member(world, role: .staff, active: true, version: 1)
    let after = member(world, role: .staff, active: false, version: 2)
    var task = AuraDomain.Task()
    task.id = world.ids.next(at: world.now)
    task.title = "secret"
    world.append([RowChange(inserting: task), RowChange(updating: before, to: after)])
    world.write()
    world.publish(3)
    let texts = client.socket.received.map { String(decoding: $0, as: UTF8.self) }
    #expect(texts.count == 2)
    #expect(texts[0].contains("\"type\":\"delta\"") && !texts[0].contains("secret"))
    #expect(texts[1].contains("access_revoked"))
    client.receive()
    #expect(client.rows.isEmpty && client.codes == ["access_revoked"])
    #expect(world.closed.map(\.code) == [.accessRevoked])
    #expect(world.hub.streamCount == 0)
  }

  @Test func `of a customer do not reach to who did what`() throws {
    let world = World(seed: 12)
    let customer = ID(high: 3, low: 3)
    let socket = World.Socket()
    let session = world.hub.open(
      id: 5, user: world.users[1], signIn: nil,
      memberships: [Membership(clinic: world.clinic, role: nil, staff: nil, customer: customer)], outlet: socket)
    world.hub.subscribe(session, Subscribe(id: 1, clinic: world.clinic, tables: [.workflowStates]))
    var workflow = Workflow()
    workflow.id = world.ids.next(at: world.now)
    workflow.customerID = customer
    workflow.cancelReason = "private"
    let read = Hub.Load(epoch: "e1", seq: 0, oldest: 1, content: .snapshot(.first, parts: [Array("{}".utf8)]))
    world.hub.loaded(world.reads[0].request.token, read)
    socket.received = []
    let cause = Array(#"{"command":"cancel","key":"k","by":"somebody"}"#.utf8)
    world.hub.publish([
      Commit(clinic: world.clinic, seq: 1, at: world.now, cause: cause, changes: [RowChange(inserting: workflow)])
    ])
    let text = String(decoding: socket.received.first ?? [], as: UTF8.self)
    #expect(text.contains(workflow.id.description))
    #expect(!text.contains("cause") && !text.contains("somebody") && !text.contains("private"))
  }

  @Test func `of a super admin without a membership need a reason`() throws {
    let world = World(seed: 13)
    let socket = World.Socket()
    let session = world.hub.open(
      id: 6, user: world.users[2], signIn: nil, memberships: [], isSuperAdmin: true, outlet: socket)
    var wish = Subscribe(id: 1, clinic: world.clinic, tables: [.taskQueue])
    world.hub.subscribe(session, wish)
    #expect(world.reads.isEmpty && String(decoding: socket.received[0], as: UTF8.self).contains("forbidden"))
    wish.reason = "a complaint"
    world.hub.subscribe(session, wish)
    #expect(world.reads.count == 1)
    #expect(world.intrusions == [nil, "a complaint"])
  }

  @Test func `that change with a role end the old streams and leave the connection`() throws {
    let world = World(seed: 6)
    let client = connected(world)
    let before = member(world, role: .staff, active: true, version: 1)
    world.append([RowChange(updating: before, to: member(world, role: .sales, active: true, version: 2))])
    world.publish(1)
    client.receive()
    #expect(client.codes == ["scope_changed"] && world.closed.isEmpty)
    #expect(client.session?.membership(in: world.clinic)?.role == .sales)
  }

  @Test func `are not touched by a change of duty`() throws {
    let world = World(seed: 7)
    let client = connected(world)
    let before = member(world, role: .staff, active: true, version: 1)
    var after = before
    after.duty = .onBreak
    after.version = 2
    world.append([RowChange(updating: before, to: after)])
    world.publish(1)
    client.receive()
    #expect(client.codes == [] && client.session?.subscriptionCount == 1)
  }

  @Test func `of a clinic that is not mine are refused alike, whether it exists or not`() throws {
    let world = World(seed: 8)
    let client = connected(world)
    let session = try #require(client.session)
    for clinic in [ID(high: 9, low: 9), ID(high: 0, low: 0)] {
      world.hub.subscribe(
        session,
        Subscribe(id: 2, clinic: clinic, tables: [.taskQueue], wantsPresence: false, terms: [], cursor: nil))
    }
    let texts = client.socket.received.map { String(decoding: $0, as: UTF8.self) }
    #expect(texts.count == 2 && texts[0] == texts[1] && texts[0].contains("forbidden"))
  }
}

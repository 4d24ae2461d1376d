import AuraDomain
import AuraJSON
import AuraWire
import Testing

@testable import AuraHub

/// A person's bell on several devices: each hears what the others did, and of what is gone that it is gone.
@Suite struct `A person's notifications` {
  private final class Device {
    let socket = World.Socket()
    private(set) var rows: [String: JSON] = [:]

    var unread: Int { rows.values.count { $0["is_read"] == false } }

    func receive() throws {
      for text in socket.received {
        let frame = try JSON.parse(text)
        for row in frame["rows"]?["notifications"]?.array ?? [] { rows[row["id"]?.string ?? ""] = row }
        for change in (frame["commits"]?.array ?? []).flatMap({ $0["changes"]?.array ?? [] }) {
          if change["op"] == "put", let row = change["row"], let id = row["id"]?.string {
            rows[id] = row
          } else if change["op"] == "remove", let id = change["id"]?.string {
            #expect(rows.removeValue(forKey: id) != nil)
          }
        }
      }
      socket.received = []
    }
  }

  private let world = World(seed: 1)

  private func device(_ number: UInt64, of user: ID) -> Device {
    let device = Device()
    let session = world.hub.open(
      id: number, user: user, signIn: nil,
      memberships: [Membership(clinic: world.clinic, role: .staff, staff: world.staff[0], customer: nil)],
      outlet: device.socket)
    world.hub.subscribe(
      session,
      Subscribe(id: 1, clinic: world.clinic, tables: [.notifications], wantsPresence: false, terms: [], cursor: nil))
    while !world.reads.isEmpty {
      world.read(0)
      world.finishRead(0)
    }
    return device
  }

  private func notification(for user: ID) -> AuraDomain.Notification {
    var row = AuraDomain.Notification()
    row.id = world.ids.next(at: world.now)
    row.clinicID = world.clinic
    row.userID = user
    row.title = "ใหม่"
    return row
  }

  @Test func `are read, put away and gone on all devices alike, and on nobody else's`() throws {
    let (mine, other) = (world.users[0], world.users[1])
    let phone = device(1, of: mine)
    let tablet = device(2, of: mine)
    let stranger = device(3, of: other)
    let all = [phone, tablet, stranger]
    func counts(_ changes: [RowChange]) throws -> [Int] {
      world.append(changes)
      world.publish(1)
      for device in all { try device.receive() }
      return all.map(\.unread)
    }
    var rows = (0..<3).map { _ in notification(for: mine) }
    #expect(try counts(rows.map { RowChange(inserting: $0) }) == [3, 3, 0])
    let read = rows[0]
    rows[0].isRead = true
    rows[0].version = 2
    #expect(try counts([RowChange(updating: read, to: rows[0])]) == [2, 2, 0])
    #expect(try counts([RowChange(removing: rows[1]), RowChange(removing: rows[0])]) == [1, 1, 0])
    #expect(all.map(\.rows.count) == [1, 1, 0])
    #expect(try counts([RowChange(inserting: notification(for: other))]) == [1, 1, 1])
  }

  @Test func `that are gone survive the log's own text`() throws {
    let row = notification(for: world.users[0])
    let text = Commit.encodeChanges([RowChange(removing: row)])
    let back = try Commit.decodeChanges(text)
    #expect(back.map(\.operation) == [.remove])
    #expect(back[0].id == row.id && back[0].version == 1 && back[0].was == row.keys && back[0].keys == row.keys)
  }
}

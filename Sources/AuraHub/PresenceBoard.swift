import AuraDomain
import AuraWire
import Synchronization

/// Who of each clinic's staff is connected, on how many devices, on duty or not. Outside the log and never durable.
///
/// All loops share it: a change is numbered and handed to `broadcast` under the lock, so that every loop's mailbox gets
/// a clinic's changes in the order of their numbers.
package final class PresenceBoard: Sendable {
  package struct Person: Sendable, Hashable {
    package var user: ID
    package var staff: ID
    package var role: Role
    package var name: String
    package var duty: Duty

    package init(user: ID, staff: ID, role: Role, name: String, duty: Duty) {
      self.user = user
      self.staff = staff
      self.role = role
      self.name = name
      self.duty = duty
    }
  }

  private struct Entry {
    var person: Person
    var devices: Int
    /// When the last device left; the others are told after the grace.
    var leftAt: Instant?
  }

  private struct State {
    var clinics: [ID: [ID: Entry]] = [:]
    var numbers: [ID: Int] = [:]
  }

  /// A tablet that changes from one access point to the next is not seen to leave.
  package static let grace = Span.seconds(10)

  private let state = Mutex(State())
  private let broadcast: @Sendable (_ clinic: ID, _ frame: [UInt8]) -> Void

  package init(broadcast: @escaping @Sendable (_ clinic: ID, _ frame: [UInt8]) -> Void) {
    self.broadcast = broadcast
  }

  package func enter(_ person: Person, clinic: ID) {
    state.withLock { state in
      var entry = state.clinics[clinic]?[person.user] ?? Entry(person: person, devices: 0)
      let wasThere = state.clinics[clinic]?[person.user] != nil
      entry.devices += 1
      entry.leftAt = nil
      entry.person = person
      state.clinics[clinic, default: [:]][person.user] = entry
      announce(wasThere ? "update" : "enter", [entry], clinic, &state)
    }
  }

  package func leave(user: ID, clinic: ID, now: Instant) {
    state.withLock { state in
      guard var entry = state.clinics[clinic]?[user], entry.devices > 0 else { return }
      entry.devices -= 1
      if entry.devices == 0 { entry.leftAt = now }
      state.clinics[clinic]?[user] = entry
      if entry.devices > 0 { announce("update", [entry], clinic, &state) }
    }
  }

  /// Takes somebody who is no longer of the staff off at once, whatever the devices.
  package func remove(user: ID, clinic: ID) {
    state.withLock { state in
      guard let entry = state.clinics[clinic]?.removeValue(forKey: user) else { return }
      announce("leave", [entry], clinic, &state)
    }
  }

  /// The person's duty or role has changed.
  package func update(user: ID, clinic: ID, _ change: (inout Person) -> Void) {
    state.withLock { state in
      guard var entry = state.clinics[clinic]?[user] else { return }
      let before = entry.person
      change(&entry.person)
      guard entry.person != before else { return }
      state.clinics[clinic]?[user] = entry
      announce("update", [entry], clinic, &state)
    }
  }

  /// Lets those go whose grace is over. Called about once a second.
  package func expire(now: Instant) {
    state.withLock { state in
      for (clinic, entries) in state.clinics {
        let gone = entries.values.filter { entry in entry.leftAt.map { now - $0 >= Self.grace } ?? false }
        if gone.isEmpty { continue }
        for entry in gone { state.clinics[clinic]?[entry.person.user] = nil }
        announce("leave", gone, clinic, &state)
        if state.clinics[clinic]?.isEmpty == true { state.clinics[clinic] = nil }
      }
    }
  }

  /// Hands the whole clinic to `deliver` under the lock, so that no change slips between it and what follows.
  package func all(_ clinic: ID, deliver: ([UInt8]) -> Void) {
    state.withLock { state in
      let entries = (state.clinics[clinic] ?? [:]).values.sorted { $0.person.user < $1.person.user }
      deliver(Self.frame("all", entries, clinic, n: state.numbers[clinic] ?? 0))
    }
  }

  private func announce(_ operation: StaticString, _ entries: [Entry], _ clinic: ID, _ state: inout State) {
    state.numbers[clinic, default: 0] += 1
    broadcast(clinic, Self.frame(operation, entries, clinic, n: state.numbers[clinic] ?? 0))
  }

  private static func frame(_ operation: StaticString, _ entries: [Entry], _ clinic: ID, n: Int) -> [UInt8] {
    var writer = JSONWriter(capacity: 128 + entries.count * 192)
    writer.beginObject()
    writer.name("type")
    writer.string("presence" as StaticString)
    writer.name("clinic")
    writer.id(clinic)
    writer.name("n")
    writer.integer(n)
    writer.name("op")
    writer.string(operation)
    writer.name("users")
    writer.beginArray()
    for entry in entries {
      writer.beginObject()
      writer.name("id")
      writer.id(entry.person.user)
      writer.name("staff")
      writer.id(entry.person.staff)
      writer.name("role")
      writer.string(entry.person.role.rawValue)
      writer.name("name")
      writer.string(entry.person.name)
      writer.name("duty")
      writer.string(entry.person.duty.rawValue)
      writer.name("devices")
      writer.integer(entry.devices)
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return writer.bytes
  }
}

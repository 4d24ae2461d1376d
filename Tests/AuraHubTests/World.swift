import AuraDomain
import AuraJSON
import AuraWire

@testable import AuraHub

/// A hub, its database and its clients in one thread under a seeded schedule: durable commits that reach the hub late,
/// reads that see more than the hub does, sockets that choke, connections that drop. Nothing is random but the seed.
final class World {
  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  final class Frame: SharedFrame {
    let text: [UInt8]
    var byteCount: Int { text.count }
    init(_ text: [UInt8]) { self.text = text }
  }

  final class Socket: Outlet {
    /// Frames that the socket still takes before it chokes.
    var room = Int.max
    var wantsWritable = false
    var received: [[UInt8]] = []

    func send(_ frame: any SharedFrame) -> Bool {
      guard room > 0, let frame = frame as? Frame else { return false }
      room -= 1
      received.append(frame.text)
      return true
    }
    func requestWritable() { wantsWritable = true }
  }

  var random: Random
  var now = Instant(milliseconds: 1_770_000_000_000)
  var ids = IDGenerator(random: Random(state: 7))
  let clinic: ID
  let staff: [ID]
  let users: [ID]
  /// The database: what is durable.
  var log: [Commit] = []
  var rows: [ID: AuraDomain.Task] = [:]
  var history: [[ID: AuraDomain.Task]] = [[:]]
  var floor = 0
  var published = 0
  var reads: [(request: Hub.LoadRequest, result: Hub.Load?)] = []
  private(set) var hub: Hub! = nil
  var closed: [(user: ID, code: CloseReason)] = []
  /// Looks into the clinic by strangers: the reason that was given.
  var intrusions: [String?] = []

  init(seed: UInt64, ringBytes: Int = 6_000, frameBytes: Int = 2_000) {
    random = Random(state: seed)
    clinic = ids.next(at: now)
    staff = (0..<3).map { ID(high: 1, low: UInt64($0)) }
    users = (0..<3).map { ID(high: 2, low: UInt64($0)) }
    var configuration = Hub.Configuration()
    configuration.ringBytes = ringBytes
    configuration.frameBytes = frameBytes
    hub = Hub(
      configuration: configuration, epoch: "e1", heads: [:],
      surroundings: .init(
        makeFrame: { Frame($0) },
        load: { [unowned self] in reads.append(($0, nil)) },
        close: { [unowned self] session, code, _ in closed.append((session.user, code)) },
        presence: { _, _ in }, membershipChanged: { _, _ in },
        intrusion: { [unowned self] _, _, reason in intrusions.append(reason) },
        now: { [unowned self] in now }))
  }

  // MARK: The database

  func write() {
    var changes: [RowChange] = []
    for _ in 0..<Int.random(in: 1...3, using: &random) {
      if rows.count < 4 || (rows.count < 25 && Bool.random(using: &random)) {
        var task = AuraDomain.Task()
        task.id = ids.next(at: now)
        task.clinicID = clinic
        task.assignedTo = staff.randomElement(using: &random)
        task.title = "งาน \(log.count)"
        rows[task.id] = task
        changes.append(RowChange(inserting: task))
      } else {
        let keys = rows.keys.sorted()
        guard let id = keys.randomElement(using: &random), !changes.contains(where: { $0.id == id }),
          let before = rows[id]
        else { continue }
        var after = before
        after.version += 1
        after.assignedTo = Bool.random(using: &random) ? staff.randomElement(using: &random) : nil
        after.status = TaskStatus.allCases.randomElement(using: &random) ?? .pending
        rows[id] = after
        changes.append(RowChange(updating: before, to: after))
      }
    }
    append(changes)
  }

  func append(_ changes: [RowChange]) {
    log.append(Commit(clinic: clinic, seq: log.count + 1, at: now, cause: [], changes: changes))
    history.append(rows)
  }

  /// Lets the hub see some of what is durable.
  func publish(_ count: Int) {
    let upTo = min(log.count, published + count)
    guard upTo > published else { return }
    hub.publish(Array(log[published..<upTo]))
    published = upTo
  }

  /// The read transaction of a waiting load: it sees all that is durable now.
  func read(_ index: Int) {
    let request = reads[index].request
    let seq = log.count
    if let cursor = request.cursor, cursor.epoch == "e1", cursor.scope == request.scope.digest, cursor.seq <= seq,
      cursor.seq >= floor
    {
      let commits = Array(log[cursor.seq..<min(seq, cursor.seq + 40)])
      reads[index].result = .init(
        epoch: "e1", seq: commits.last?.seq ?? seq, oldest: floor + 1, content: .commits(commits))
    } else {
      var writer = JSONWriter()
      writer.beginObject()
      writer.name("task_queue")
      writer.beginArray()
      for row in visible(request.filter, request.scope) {
        row.json(into: &writer)
      }
      writer.endArray()
      writer.endObject()
      reads[index].result = .init(
        epoch: "e1", seq: seq, oldest: floor + 1,
        content: .snapshot(request.cursor == nil ? .first : .tooOld, parts: [writer.bytes]))
    }
  }

  func finishRead(_ index: Int) {
    let (request, result) = reads.remove(at: index)
    if let result { hub.loaded(request.token, result) } else { hub.loadFailed(request.token) }
  }

  func visible(_ filter: RowFilter, _ scope: Scope) -> [AuraDomain.Task] {
    rows.values.filter { filter.admits(.taskQueue, $0.keys) && scope.admits(.taskQueue, $0.keys) }
      .sorted { $0.id < $1.id }
  }
}

/// A client that does what the protocol tells clients to do, and holds the server to it.
final class Client {
  let user: ID
  let staff: ID
  let terms: [(column: RowFilter.Column, values: [Subscribe.Term])]
  private(set) var socket = World.Socket()
  private(set) var session: Session?
  private(set) var stream: String?
  private(set) var cursor: Cursor?
  private(set) var rows: [String: JSON] = [:]
  private var staged: [String: JSON] = [:]
  private var announced: Cursor?
  private(set) var faults: [String] = []
  private(set) var codes: [String] = []
  private(set) var modes: [String] = []

  init(user: ID, staff: ID, terms: [(column: RowFilter.Column, values: [Subscribe.Term])]) {
    self.user = user
    self.staff = staff
    self.terms = terms
  }

  var isConnected: Bool { session != nil }

  func connect(_ world: World, id: UInt64) {
    socket = World.Socket()
    stream = nil
    let session = world.hub.open(
      id: id, user: user, signIn: nil,
      memberships: [Membership(clinic: world.clinic, role: .staff, staff: staff, customer: nil)], outlet: socket)
    self.session = session
    world.hub.subscribe(
      session,
      Subscribe(id: 1, clinic: world.clinic, tables: [.taskQueue], wantsPresence: false, terms: terms, cursor: cursor))
  }

  func disconnect(_ world: World) {
    receive()
    if let session { world.hub.close(session) }
    session = nil
    staged = [:]
  }

  func receive() {
    let frames = socket.received
    socket.received = []
    for frame in frames { take(frame) }
  }

  private func take(_ text: [UInt8]) {
    guard let json = try? JSON.parse(text), let type = json["type"]?.string else {
      return faults.append("not a frame: \(String(decoding: text, as: UTF8.self))")
    }
    switch type {
    case "subscribed":
      stream = json["stream"]?.string
      modes.append(json["mode"]?.string ?? "")
      if json["mode"]?.string == "snapshot" { staged = [:] }
      guard let place = json["cursor"], let epoch = place["epoch"]?.string, let seq = place["seq"]?.integer,
        let scope = place["scope"]?.string
      else { return faults.append("no cursor") }
      // A resume may set the place back over commits that held nothing; strict versions show it if they held something.
      // A snapshot's place becomes mine with its last part: a connection lost before that resumes from the old one.
      announced = Cursor(epoch: epoch, seq: seq, scope: scope)
      if json["mode"]?.string == "resume" { cursor = announced }
    case "snapshot":
      for row in json["rows"]?["task_queue"]?.array ?? [] { staged[row["id"]?.string ?? ""] = row }
      if json["last"]?.bool == true {
        rows = staged
        cursor = announced
        if json["seq"]?.integer != cursor?.seq { faults.append("a snapshot of another place") }
      }
    case "delta":
      guard let prev = json["prev"]?.integer, let seq = json["seq"]?.integer else { return faults.append("no prev") }
      if prev != cursor?.seq { faults.append("gap: prev \(prev), mine \(cursor?.seq ?? -1)") }
      cursor?.seq = seq
      var last = prev
      for commit in json["commits"]?.array ?? [] {
        let number = commit["seq"]?.integer ?? 0
        if number <= last || number > seq { faults.append("commit \(number) in a delta from \(prev) to \(seq)") }
        last = number
        for change in commit["changes"]?.array ?? [] { apply(change) }
      }
    case "unsubscribed":
      codes.append(json["code"]?.string ?? "")
      rows = [:]
      cursor = nil
    case "error": faults.append("error: \(String(decoding: text, as: UTF8.self))")
    default: faults.append("unexpected \(type)")
    }
  }

  /// Strict: a snapshot and its deltas meet exactly, so nothing is ever put twice or removed in vain.
  private func apply(_ change: JSON) {
    if change["op"]?.string == "put" {
      let row = change["row"] ?? .null
      let id = row["id"]?.string ?? ""
      if let held = rows[id]?["version"]?.integer, held >= row["version"]?.integer ?? 0 {
        faults.append("a put of version \(row["version"]?.integer ?? 0) over \(held)")
      }
      rows[id] = row
    } else {
      let id = change["id"]?.string ?? ""
      if rows.removeValue(forKey: id) == nil { faults.append("a remove of a row that is not held") }
    }
  }
}

import AuraDomain
import Testing

@Suite struct `The log's text` {
  private func task(_ body: (inout AuraDomain.Task) -> Void) -> AuraDomain.Task {
    var ids = IDGenerator()
    var task = AuraDomain.Task()
    task.id = ids.next(at: Instant(milliseconds: 1_770_000_000_000))
    task.clinicID = ids.next(at: Instant(milliseconds: 1_770_000_000_000))
    task.workflowID = ids.next(at: Instant(milliseconds: 1_770_000_000_001))
    body(&task)
    return task
  }

  @Test func `what is decoded is what was encoded, whatever the text in it`() throws {
    let before = task { $0.title = "a \"quoted\" ],}\\ \u{1} ก ทรีตเมนต์ 🙂" }
    var after = before
    after.status = .inProgress
    after.version = 2
    after.taskData = ["note": "},{", "deep": [[["]"]]], "n": -12, "x": nil]
    let changes = [RowChange(inserting: before), RowChange(updating: before, to: after)]
    let decoded = try Commit.decodeChanges(Commit.encodeChanges(changes))
    #expect(decoded.count == 2)
    for (a, b) in zip(changes, decoded) {
      #expect(a.table == b.table && a.operation == b.operation && a.id == b.id && a.version == b.version)
      #expect(a.row == b.row)
      #expect(a.keys == b.keys)
      #expect(a.was == b.was)
    }
    #expect(decoded[1].was?.status == "pending")
    #expect(decoded[1].keys.status == "in_progress")
  }

  @Test func `an event keeps whom it is for`() throws {
    var ids = IDGenerator()
    let now = Instant(milliseconds: 1_770_000_000_000)
    var event = WorkflowEvent()
    event.id = ids.next(at: now)
    let user = ids.next(at: now)
    event.targetUsers = [.string(user.description)]
    event.targetRoles = ["clinic_owner", "clinic_admin"]
    let decoded = try Commit.decodeChanges(Commit.encodeChanges([RowChange(inserting: event)]))
    #expect(decoded[0].keys == event.keys)
    #expect(decoded[0].keys.audience == .init(users: [user], roles: [.owner, .admin], isBroadcast: false))
  }

  @Test func `a hidden column is gone and the rest is untouched`() throws {
    let row = task { $0.notes = "ลับ \"}" }
    let change = RowChange(inserting: row)
    var writer = JSONWriter()
    try RowChange.append(change.row, hiding: ["notes", "task_data"], to: &writer)
    let text = String(decoding: writer.bytes, as: UTF8.self)
    #expect(!text.contains("notes") && !text.contains("task_data") && !text.contains("ลับ"))
    #expect(text.hasPrefix("{\"id\":\"") && text.hasSuffix("}"))
    #expect(text.contains("\"status\":\"pending\""))
  }

  @Test(arguments: [
    "", "[", "[[", "[[\"task_queue\",\"put\",99999,{}", "[[\"nope\",\"put\",2,{},null]]",
    "[[\"task_queue\",\"put\",-1,{},null]]",
  ])
  func `damage is an error, not a trap`(text: String) {
    #expect(throws: LogDamage.self) { try Commit.decodeChanges(Array(text.utf8)) }
  }
}

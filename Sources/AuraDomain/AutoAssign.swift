/// A stretch of time that somebody is booked for, end excluded.
package struct Slot: Equatable {
  var start: Instant
  var end: Instant

  /// The longest appointment there is: what began earlier than that before a slot is over by then.
  package static let minutesMax = 720

  init(start: Instant, minutes: Int) {
    self.start = start
    self.end = start + .minutes(minutes)
  }
}

extension StaffMember {
  func has(skill: String?) -> Bool {
    guard let skill else { return true }
    return skills.array?.contains(.string(skill)) ?? false
  }
}

extension Draft {
  func activeStaff(roles: [Role]) throws -> [StaffMember] {
    try rows(
      StaffMember.self,
      Selection(
        .equal("is_active", .integer(1)), .oneOf("role", roles.map { .word($0) }), order: [.ascending("id")]))
  }

  /// A colleague named by a command: of this clinic, and still with it.
  func colleague(_ id: ID, _ path: String) throws -> StaffMember {
    guard let member = try row(StaffMember.self, id) else {
      throw Refusal(
        .notFound, "There is no such member of staff.", details: ["path": .string("args.\(path)"), "staff_id": .id(id)])
    }
    guard member.isActive else { throw unfit(member, path, "inactive", "is no longer with the clinic") }
    return member
  }

  /// Who can treat: beauticians, and owners and admins who do it themselves; never sales.
  func therapist(_ id: ID, skill: String?, _ path: String = "beauticianId") throws -> StaffMember {
    let member = try colleague(id, path)
    guard member.role != .sales else { throw unfit(member, path, "role", "does not treat") }
    guard member.has(skill: skill) else {
      throw unfit(member, path, "skill", "lacks the skill that the treatment needs", ["required_skill": .text(skill)])
    }
    return member
  }

  private func unfit(
    _ member: StaffMember, _ path: String, _ problem: String, _ words: String, _ more: JSONObject = JSONObject()
  ) -> Refusal {
    var details: JSONObject = [
      "path": .string("args.\(path)"), "problem": .string(problem), "staff_id": .id(member.id),
    ]
    details.members += more.members
    let name = (try? user(member.userID))??.fullName ?? "This member of staff"
    return Refusal(.badRequest, "\(name) \(words).", details: .object(details))
  }

  /// The cases that someone is booked for within a slot. The lower bound of the start leaves the years before unread.
  func bookings(of staff: ID, in slot: Slot, except workflow: ID?) throws -> [Workflow] {
    try rows(
      Workflow.self,
      Selection(
        .equal("assigned_beautician_id", .id(staff)), .less("scheduled_start", .instant(slot.end)),
        .atLeast("scheduled_start", .instant(slot.start - .minutes(Slot.minutesMax))),
        .greater("scheduled_end", .instant(slot.start)), .equal("status", .word(WorkflowStatus.active)),
        .oneOf("current_stage", [.word(Stage.treatmentScheduled), .word(Stage.inTreatment)]),
        order: [.ascending("scheduled_start")])
    ).filter { $0.id != workflow }
  }

  /// Who should get new work: on duty, of the right role and skill, free in the slot; then who has the fewest open
  /// minutes on that day, then who has completed least today, then who has been idle longest, then by id. `nil` when
  /// nobody fits: the work goes to the pool, never to another role.
  func leastLoaded(role: Role, skill: String?, slot: Slot?, except: ID? = nil) throws -> StaffMember? {
    var candidates = try activeStaff(roles: [role]).filter {
      $0.duty == .on && $0.has(skill: skill) && $0.id != except
    }
    if let slot { candidates = try candidates.filter { try bookings(of: $0.id, in: slot, except: nil).isEmpty } }
    if candidates.count < 2 { return candidates.first }

    let loads = try loads(of: candidates.map(\.id), on: slot?.start ?? now)
    return candidates.min { a, b in
      let (x, y) = (loads[a.id] ?? Load(), loads[b.id] ?? Load())
      if x.openMinutes != y.openMinutes { return x.openMinutes < y.openMinutes }
      if x.completed != y.completed { return x.completed < y.completed }
      if x.lastCompletedAt != y.lastCompletedAt {
        return (x.lastCompletedAt?.milliseconds ?? 0) < (y.lastCompletedAt?.milliseconds ?? 0)
      }
      return a.id < b.id
    }
  }

  func loads(of staff: [ID], on day: Instant) throws -> [ID: Load] {
    let calendar = try calendar()
    return try Load.of(
      staff, on: day, now: now, calendar: calendar,
      open: try rows(
        Task.self,
        Selection(.oneOf("assigned_to", staff.map { .id($0) }), .oneOf("status", Load.openStatus))),
      completed: try rows(
        Task.self,
        Selection(
          .oneOf("completed_by", staff.map { .id($0) }),
          .atLeast("completed_at", .instant(calendar.dayStart(now))))))
  }
}

/// How much one member of staff has to do on a day, and has done today.
struct Load: Equatable {
  var openMinutes = 0
  var openTasks = 0
  var running = 0
  var completed = 0
  var lastCompletedAt: Instant?

  static let openStatus: [Value] = [.word(TaskStatus.pending), .word(TaskStatus.inProgress)]

  static func of(
    _ staff: [ID], on day: Instant, now: Instant, calendar: ClinicCalendar, open: [Task], completed: [Task]
  ) throws -> [ID: Load] {
    var loads = Dictionary(uniqueKeysWithValues: staff.map { ($0, Load()) })
    let (start, end) = (calendar.dayStart(day), calendar.dayEnd(day))
    let isToday = calendar.isSameDay(day, now)
    for task in open {
      guard let id = task.assignedTo else { continue }
      // What is late or has no date is today's work.
      let isThatDay = task.dueDate.map { ($0 >= start || isToday) && $0 < end } ?? isToday
      guard isThatDay else { continue }
      loads[id]?.openMinutes += task.estimatedDuration ?? TaskTemplate.of(task.taskType).minutes
      loads[id]?.openTasks += 1
      if task.status == .inProgress { loads[id]?.running += 1 }
    }
    for task in completed {
      guard let id = task.completedBy else { continue }
      var load = loads[id] ?? Load()
      load.completed += 1
      load.lastCompletedAt = max(load.lastCompletedAt ?? Instant(milliseconds: 0), task.completedAt ?? now)
      loads[id] = load
    }
    return loads
  }
}

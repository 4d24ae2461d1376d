import Testing

@testable import AuraDomain

/// The fixture of the specification: a clinic in Bangkok on 2026-02-02 at 10:00, its people, one treatment for ฿5,000.
final class World {
  enum Person: String, CaseIterable, Sendable { case s1, s2, b1, b2, o1, a1, desk, root, customer }

  let rows: MemoryRows
  var now = World.start
  private(set) var seq = 0

  private(set) var users: [Person: ID] = [:]
  private(set) var staff: [Person: ID] = [:]
  private(set) var t1 = ID(high: 0, low: 0)
  private(set) var laser = ID(high: 0, low: 0)
  private var ids: IDGenerator
  var customerID: ID?
  /// Told of every commit's changes, as streams are.
  var committed: (([Change]) -> Void)?
  /// Told of every command with the draft it was decided on and what came of it.
  var decided: ((Command, Draft, Result<JSON, any Error>) -> Void)?
  /// Decides each command a second time and compares.
  var decidesTwice = false
  /// Timers of these kinds are fired a second time, which has to change nothing.
  var firesTwice: Set<TimerKind> = []
  /// The cases that commands and timers have changed since somebody looked.
  var touched: Set<ID> = []
  /// The customers about whom something has changed since somebody looked.
  var touchedCustomers: Set<ID> = []

  /// 2026-02-02T03:00Z, 10:00 in Bangkok.
  static let start = Instant(milliseconds: 1_770_001_200_000)

  init(seed: UInt64 = 1) {
    ids = IDGenerator(random: SplitMix64(state: seed))
    rows = MemoryRows(clinic: ids.next(at: World.start))
    var clinic = Clinic()
    clinic.id = rows.clinicID
    clinic.clinicCode = "C1"
    clinic.displayName = ["th": "คลินิกหนึ่ง", "en": "Clinic One"]
    rows.put(clinic)
    add(.s1, "Somchai", .sales)
    add(.s2, "Suda", .sales)
    add(.b1, "Bua", .staff)
    add(.b2, "Bee", .staff)
    add(.o1, "Orn", .owner)
    add(.a1, "Anan", .admin)
    add(.desk, "Dao", .sales) { $0.frontDesk = true }
    var root = User()
    root.id = ids.next(at: now)
    root.fullName = "Root"
    root.isSuperAdmin = true
    rows.put(root)
    users[.root] = root.id
    var someone = User()
    someone.id = ids.next(at: now)
    someone.fullName = "Customer"
    rows.put(someone)
    users[.customer] = someone.id

    t1 = addTreatment("ไฮดรา เฟเชียล", "Hydra Facial", priceSt: 500_000)
    laser = addTreatment("เลเซอร์", "Laser", priceSt: 900_000) {
      $0.requiredSkill = "laser"
      $0.requiresConsent = true
    }
  }

  private func add(_ person: Person, _ name: String, _ role: Role, _ change: (inout StaffMember) -> Void = { _ in }) {
    var user = User()
    user.id = ids.next(at: now)
    user.email = "\(person.rawValue)@c1"
    user.fullName = name
    user.locale = person == .b1 ? .th : .en
    rows.put(user)
    users[person] = user.id
    var member = StaffMember()
    member.id = ids.next(at: now)
    member.clinicID = rows.clinicID
    member.userID = user.id
    member.role = role
    change(&member)
    rows.put(member)
    staff[person] = member.id
  }

  func addTreatment(_ th: String, _ en: String, priceSt: Int, _ change: (inout Treatment) -> Void = { _ in }) -> ID {
    var treatment = Treatment()
    treatment.id = ids.next(at: now)
    treatment.clinicID = rows.clinicID
    treatment.names = ["th": .string(th), "en": .string(en)]
    treatment.priceSt = priceSt
    treatment.aftercare = ["th": "งดแดด 3 วัน", "en": "No sun for 3 days"]
    change(&treatment)
    rows.put(treatment)
    return treatment.id
  }

  func id(_ person: Person) -> ID { staff[person] ?? ID(high: 0, low: 0) }
  func user(_ person: Person) -> ID { users[person] ?? ID(high: 0, low: 0) }
  func newID() -> ID { ids.next(at: now) }

  /// As the store makes it from the rows.
  func actor(_ person: Person) -> Actor {
    var actor = Actor(user: user(person), kind: person == .customer ? .customer : .staff)
    actor.isSuperAdmin = person == .root
    if person == .customer { actor.customer = customerID }
    if let id = staff[person], let member = try? rows.row(StaffMember.self, id), member.isActive {
      actor.staff = id
      actor.role = member.role
      actor.isFrontDesk = member.frontDesk
    }
    return actor
  }

  /// Decides and applies; a refusal changes nothing. `key` is the command's, a new one if none is named.
  @discardableResult
  func run(_ command: Command, as person: Person, reason: String? = nil, key: String? = nil) throws -> JSON {
    try run(command, actor: actor(person), reason: reason, key: key)
  }

  @discardableResult
  func run(_ command: Command, actor: Actor, reason: String? = nil, key: String? = nil) throws -> JSON {
    let key = key ?? "K\(seq + 1)"
    var draft = Draft(rows: rows, actor: actor, now: now, seq: seq + 1, commandKey: key, ids: ids)
    draft.reason = reason
    let blank = draft
    let outcome = Result { try decide(command, &draft) }
    decided?(command, blank, outcome)
    let result = try outcome.get()
    if decidesTwice {
      var again = Draft(rows: rows, actor: actor, now: now, seq: seq + 1, commandKey: key, ids: ids)
      again.reason = reason
      #expect(try decide(command, &again) == result)
      #expect(again.changes.map { $0.row?.jsonObject } == draft.changes.map { $0.row?.jsonObject })
    }
    ids = draft.ids
    try rows.apply(draft.changes)
    committed?(draft.changes)
    touched.formUnion(draft.changes.compactMap { $0.row?.keys.workflow })
    touchedCustomers.formUnion(draft.changes.compactMap { $0.row?.keys.customer })
    if draft.changes.contains(where: { $0.row != nil || $0.removed != nil }) { seq += 1 }
    return result
  }

  /// Changes rows as a command would, without one.
  func edit(_ body: (inout Draft) throws -> Void) throws {
    var draft = Draft(rows: rows, actor: .system, now: now, seq: seq + 1, ids: ids)
    try body(&draft)
    ids = draft.ids
    try rows.apply(draft.changes)
    seq += 1
  }

  /// The same command again, past the store's memory of keys: a success that changes no row.
  func twice(_ command: Command, as person: Person, key: String? = nil) throws -> JSON {
    let before = seq
    let result = try run(command, as: person, key: key)
    #expect(seq == before, "\(command.name) changed something the second time")
    #expect(result["already"] == true)
    return result
  }

  /// A command again, done or refused, past the store's memory of keys.
  func changesNothing(_ command: Command, actor: Actor, reason: String? = nil, key: String? = nil) throws {
    let before = seq
    do { try run(command, actor: actor, reason: reason, key: key) } catch is Refusal {}
    if seq != before { throw MemoryRows.Broken(description: "\(command) changed something the second time") }
  }

  func refusal(_ command: Command, as person: Person, reason: String? = nil) -> Refusal? {
    do {
      _ = try run(command, as: person, reason: reason)
      return nil
    } catch let refusal as Refusal {
      return refusal
    } catch {
      Issue.record("not a refusal: \(error)")
      return nil
    }
  }

  /// Lets time pass, firing what comes due in its order.
  func advance(_ span: Span) throws { try advance(to: now + span) }

  func advance(to end: Instant) throws {
    while let next = rows.nextTimer, next.due <= end {
      now = max(now, next.due)
      rows.removeTimer(next.dedupe)
      try run(.fire(next), actor: .system)
      if firesTwice.contains(next.kind) { try changesNothing(.fire(next), actor: .system) }
    }
    now = max(now, end)
  }

  func ask(_ query: Query, as person: Person) throws -> JSON {
    try answer(query, rows: rows, actor: actor(person), now: now)
  }

  // MARK: Looking

  func workflow(_ id: ID) throws -> Workflow { try #require(try rows.row(Workflow.self, id)) }
  func task(_ id: ID) throws -> Task { try #require(try rows.row(Task.self, id)) }
  func tasks(_ type: TaskType, of workflow: ID) -> [Task] {
    rows.of(Task.self, workflow).filter { $0.taskType == type }
  }
  func performTask(_ workflow: ID) throws -> Task {
    let open = tasks(.performTreatment, of: workflow).filter { $0.status.isOpen }
    try #require(open.count == 1)
    return open[0]
  }
  func actions(_ workflow: ID) -> [WorkflowAction] {
    rows.of(WorkflowAction.self, workflow).sorted { $0.seq < $1.seq }
  }
  /// The events of the last command.
  var events: [WorkflowEvent] { rows.all(WorkflowEvent.self).filter { $0.seq == seq } }
  func bell(_ person: Person) -> [Notification] { rows.all(Notification.self).filter { $0.userID == user(person) } }

  func profile(_ customer: ID) throws -> LoyaltyProfile {
    try #require(rows.all(LoyaltyProfile.self).first { $0.customerID == customer })
  }

  /// A customer's ledger, a line a posting: key, points, type.
  func ledger(_ customer: ID) -> [String] {
    rows.all(PointTransaction.self).filter { $0.customerID == customer }
      .map { "\($0.eventKey) \($0.amount > 0 ? "+" : "")\($0.amount) \($0.type.rawValue)" }
  }

  // MARK: Getting somewhere

  @discardableResult
  func lead(_ name: String = "Malee", phone: String = "081-234-5678", as person: Person = .s1, treatment: ID? = nil)
    throws -> ID
  {
    var command = Initialize(customer: CustomerDetails(name: name, phone: phone))
    command.treatment = treatment ?? t1
    let result = try run(.initialize(command), as: person)
    return try #require(result["workflowId"]?.id)
  }

  func payment(_ workflow: ID, beautician: Person? = .b1, at: Instant? = nil, amountSt: Int = 500_000) -> ConfirmPayment
  {
    var command = ConfirmPayment(step: WorkflowStep(workflow), amountSt: amountSt, method: .promptPay)
    command.beautician = beautician.map(id)
    command.scheduledTime = at
    return command
  }

  /// A lead that has paid.
  func paid(_ name: String = "Malee", phone: String = "081-234-5678", beautician: Person? = .b1) throws -> ID {
    let workflow = try lead(name, phone: phone)
    try run(.confirmPayment(payment(workflow, beautician: beautician)), as: .s1)
    return workflow
  }

  /// A case with an appointment, an hour from now if nothing else is said.
  func scheduled(
    _ name: String = "Malee", phone: String = "081-234-5678", beautician: Person = .b1, at: Instant? = nil
  ) throws -> ID {
    let workflow = try lead(name, phone: phone)
    try run(.confirmPayment(payment(workflow, beautician: beautician, at: at ?? now + .hours(1))), as: .s1)
    return workflow
  }

  func inTreatment(_ name: String = "Malee", phone: String = "081-234-5678", beautician: Person = .b1) throws -> ID {
    let workflow = try scheduled(name, phone: phone, beautician: beautician, at: now)
    try run(.startTreatment(StartTreatment(step: WorkflowStep(workflow))), as: beautician)
    return workflow
  }

  func treated(_ name: String = "Malee", phone: String = "081-234-5678") throws -> ID {
    let workflow = try inTreatment(name, phone: phone)
    try run(.completeTreatment(CompleteTreatment(step: WorkflowStep(workflow))), as: .b1)
    return workflow
  }

  func followedUp() throws -> ID {
    let workflow = try treated()
    try run(.sendFollowUp(SendFollowUp(step: WorkflowStep(workflow))), as: .s1)
    return workflow
  }
}

/// Sebastiano Vigna's generator: a seed tells the whole walk.
struct SplitMix64: RandomNumberGenerator, Sendable {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Change {
  /// The row that is gone, if the change is one's going.
  var removed: (any Row)? { if case .remove(let row) = self { row } else { nil } }
}

extension Command {
  static func start(_ workflow: ID, takeover: Bool = false) -> Command {
    .startTreatment(StartTreatment(step: WorkflowStep(workflow), takeover: takeover))
  }
  static func complete(_ workflow: ID, notes: String? = nil) -> Command {
    .completeTreatment(CompleteTreatment(step: WorkflowStep(workflow, notes: notes)))
  }
  static func schedule(_ workflow: ID, at: Instant, _ beautician: ID? = nil) -> Command {
    .scheduleAppointment(ScheduleAppointment(step: WorkflowStep(workflow), scheduledTime: at, beautician: beautician))
  }
  static func cancel(_ workflow: ID, _ settlement: Settlement? = nil, reason: String? = "changed her mind") -> Command {
    .cancel(Cancel(step: WorkflowStep(workflow, reason: reason), settlement: settlement))
  }
  static func abort(_ workflow: ID, reason: String? = "skin reaction") -> Command {
    .abortTreatment(WorkflowStep(workflow, reason: reason))
  }
}

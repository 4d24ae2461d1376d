/// One command's unit of work: what it has read, what it will change. Rows read through it show the command's own
/// changes, so that a transition made of two (confirm, then schedule) is written as two.
package struct Draft {
  package private(set) var actor: Actor
  package let now: Instant
  package let commandKey: String?
  /// The sequence number that this command's commit will have.
  package let seq: Int
  /// Why the caller does what their role alone does not allow; `nil` when none was given.
  package var reason: String?
  package var ids: IDGenerator
  /// The automation rule that acts instead of the caller; `nil` while none does.
  private(set) var rule: RuleInForce?
  /// Stages that cases have entered and whose rules have not been asked yet.
  var entries: [StageEntry] = []
  package private(set) var changes: [Change] = []

  private let stored: any ClinicRows
  private let read = ReadRows()
  /// Where in `changes` a row stands that this command has put.
  private var positions: [ID: Int] = [:]
  private var removed: Set<ID> = []
  private var counters: [String: Int] = [:]

  package init(
    rows: any ClinicRows, actor: Actor, now: Instant, seq: Int, commandKey: String? = nil, ids: IDGenerator
  ) {
    self.stored = rows
    self.actor = actor
    self.now = now
    self.seq = seq
    self.commandKey = commandKey
    self.ids = ids
  }

  package var clinicID: ID { stored.clinicID }

  package mutating func newID() -> ID { ids.next(at: now) }

  // MARK: Reading

  package func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? {
    if removed.contains(id) { return nil }
    if let changed = changedRow(id) { return changed as? R }
    if let known = read.rows[id] { return known as? R }
    let row = try stored.row(type, id)
    if let row { read.rows[id] = row }
    return row
  }

  /// The rows that `selection` names, after this command's changes, in its order.
  package func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
    let touched = changes.contains { $0.row.map { $0 is R } ?? false }
    guard touched || !removed.isEmpty else { return try keep(stored.rows(type, selection)) }
    // Each row that this command has changed may take the place of one more.
    var wider = selection
    wider.limit = selection.limit.map { $0 + positions.count + removed.count }
    var result = try keep(stored.rows(type, wider)).filter { positions[$0.id] == nil && !removed.contains($0.id) }
    for change in changes {
      if let row = change.row as? R, selection.matches(row) { result.append(row) }
    }
    return selection.arrange(result)
  }

  package func user(_ id: ID) throws -> User? {
    if let known = read.users[id] { return known }
    let user = try stored.user(id)
    read.users[id] = .some(user)
    return user
  }

  package func userExists(_ id: ID) throws -> Bool { try stored.userExists(id) }

  package func activeUser(email: String) throws -> ID? { try stored.activeUser(email: email.lowercased()) }

  // MARK: Changing

  /// Adds a row. Its clinic and, if it has them, its times are set here.
  package mutating func insert<R: Row>(_ row: R) {
    positions[row.id] = changes.count
    changes.append(.insert(row))
  }

  package mutating func insert<R: VersionedRow>(_ row: R) {
    var row = row
    row.version = 1
    row.createdAt = now
    row.updatedAt = now
    positions[row.id] = changes.count
    changes.append(.insert(row))
  }

  /// Changes a row that was read through this draft and raises its version by one.
  @discardableResult
  package mutating func update<R: VersionedRow>(_ row: R, _ change: (inout R) -> Void) throws -> R {
    let current: R = try self.row(R.self, row.id) ?? row
    var after = current
    change(&after)
    if after == current { return current }
    after.version = current.version + 1
    after.updatedAt = max(now, current.updatedAt)
    if let position = positions[row.id] {
      switch changes[position] {
      case .insert: changes[position] = .insert(after)
      case .update(let before, _): changes[position] = .update(before: before, after: after)
      case .rewrite, .erase, .remove, .schedule, .cancelTimer, .counter, .undo, .dispatch, .recall, .audit:
        preconditionFailure("positions name rows only")
      }
    } else {
      positions[row.id] = changes.count
      changes.append(.update(before: current, after: after))
    }
    return after
  }

  /// Removes a row that was there before this command. Of most tables nothing is ever removed; the schema's keys and
  /// triggers refuse it.
  package mutating func remove(_ row: some VersionedRow) {
    precondition(positions[row.id] == nil, "a row that this command has put")
    removed.insert(row.id)
    changes.append(.remove(row))
  }

  /// Takes the words out of a row of an append-only table; `erase` of its customer comes first.
  mutating func rewrite(_ row: some Row, as after: some Row) {
    positions[row.id] = changes.count
    changes.append(.rewrite(before: row, after: after))
  }

  mutating func erase(customer: ID) { changes.append(.erase(customer: customer)) }

  package mutating func schedule(_ timer: PlannedTimer) { changes.append(.schedule(timer)) }
  package mutating func cancelTimer(_ dedupe: String) { changes.append(.cancelTimer(dedupe: dedupe)) }

  /// Hands a message to its gateway after the commit.
  package mutating func dispatch(_ dispatch: Dispatch) { changes.append(.dispatch(dispatch)) }

  package mutating func recall(_ recall: Recall) { changes.append(.recall(recall)) }
  package mutating func audit(_ kind: String, _ detail: JSON) { changes.append(.audit(kind: kind, detail: detail)) }

  /// Keeps what it takes to undo a case's last move, or forgets what was kept.
  package mutating func keepUndo(_ workflow: ID, _ undo: JSON?) { changes.append(.undo(workflow: workflow, undo)) }

  /// What was kept before this command.
  package func keptUndo(_ workflow: ID) throws -> JSON? { try stored.undo(workflow) }

  /// Lines of the audit as they were before this command, the newest first.
  package func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] {
    try stored.audits(kind, before: before, limit: limit)
  }

  package func counter(_ name: String) throws -> Int { try counters[name] ?? stored.counter(name) }

  package mutating func setCounter(_ name: String, _ value: Int) {
    counters[name] = value
    changes.append(.counter(name: name, value: value))
  }

  /// The counter's next value: 1, 2, 3 … per clinic and name, without a hole, since it is part of the same commit.
  package mutating func next(_ counter: String) throws -> Int {
    let value = try self.counter(counter) + 1
    setCounter(counter, value)
    return value
  }

  /// Lets a rule act in the caller's place. What `body` has changed stays when it throws: work on a copy.
  mutating func acting<T>(as rule: RuleInForce, _ body: (inout Draft) throws -> T) rethrows -> T {
    let caller = (actor, reason, self.rule)
    (actor, reason, self.rule) = (Actor(user: nil, kind: .rule), nil, rule)
    defer { (actor, reason, self.rule) = caller }
    return try body(&self)
  }

  private func keep<R: Row>(_ rows: [R]) -> [R] {
    for row in rows { read.rows[row.id] = row }
    return rows
  }

  private func changedRow(_ id: ID) -> (any Row)? { positions[id].flatMap { changes[$0].row } }
}

/// What one command has read: nobody else writes within its transaction, so that a row is fetched once.
private final class ReadRows {
  var rows: [ID: any Row] = [:]
  var users: [ID: User?] = [:]
}

extension Change {
  /// The row as it is to be, if the change is one of a row.
  package var row: (any Row)? {
    switch self {
    case .insert(let row), .update(_, let row), .rewrite(_, let row): row
    case .erase, .remove, .schedule, .cancelTimer, .counter, .undo, .dispatch, .recall, .audit: nil
    }
  }
}

extension Selection {
  /// Whether a row meets every condition, as the database would decide it.
  package func matches(_ row: some Row) -> Bool {
    if conditions.isEmpty { return true }
    let columns = ColumnValues(of: row, conditions.map(\.column))
    return conditions.allSatisfy { $0.holds(in: columns) }
  }

  /// Rows in the selection's order, no more than its limit. `null` sorts last.
  package func arrange<R: Row>(_ rows: [R]) -> [R] {
    var result = rows
    if !order.isEmpty {
      let keyed = rows.map { ($0, ColumnValues(of: $0, order.map(\.column))) }
      result = keyed.sorted { a, b in
        for term in order {
          let (x, y) = (a.1[term.column], b.1[term.column])
          if x == y { continue }
          if x == .null { return false }
          if y == .null { return true }
          return term.descending ? y.precedes(x) : x.precedes(y)
        }
        return false
      }.map(\.0)
    }
    if let limit, result.count > limit { result.removeSubrange(limit...) }
    return result
  }
}

extension Condition {
  fileprivate var column: StaticString {
    switch self {
    case .equal(let name, _), .oneOf(let name, _), .isNull(let name), .notNull(let name), .less(let name, _),
      .atMost(let name, _), .greater(let name, _), .atLeast(let name, _), .contains(let name, _):
      name
    }
  }

  fileprivate func holds(in columns: ColumnValues) -> Bool {
    switch self {
    case .equal(let name, let value): value != .null && columns[name] == value
    case .oneOf(let name, let values): values.contains(columns[name]) && columns[name] != .null
    case .isNull(let name): columns[name] == .null
    case .notNull(let name): columns[name] != .null
    case .less(let name, let value): columns[name].precedes(value)
    case .atMost(let name, let value): columns[name].precedes(value) || columns[name] == value
    case .greater(let name, let value): value.precedes(columns[name])
    case .atLeast(let name, let value): value.precedes(columns[name]) || columns[name] == value
    case .contains(let name, let text): columns[name].holds(text)
    }
  }
}

extension Value {
  /// Order within one kind; nothing precedes or follows `null`.
  fileprivate func precedes(_ other: Value) -> Bool {
    switch (self, other) {
    case (.integer(let a), .integer(let b)): a < b
    case (.text(let a), .text(let b)): a.utf8.lexicographicallyPrecedes(b.utf8)
    default: false
    }
  }
}

extension Value {
  /// Whether the text holds `part`, capital or small ASCII letters being the same.
  fileprivate func holds(_ part: String) -> Bool {
    guard case .text(let whole) = self else { return false }
    let (text, wanted) = (whole.utf8.map(\.smallASCII), part.utf8.map(\.smallASCII))
    if wanted.isEmpty { return true }
    return text.indices.contains { text[$0...].starts(with: wanted) }
  }
}

extension UInt8 {
  fileprivate var smallASCII: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}

/// Those of a row's columns that are asked for, as the database holds them.
private struct ColumnValues: ColumnVisitor {
  private let names: [StaticString]
  private var values: [Value]

  init(of row: some Row, _ names: [StaticString]) {
    self.names = names
    values = Array(repeating: .null, count: names.count)
    var copy = row
    copy.columns(&self)
  }

  subscript(name: StaticString) -> Value {
    names.firstIndex { Self.isSame($0, name) }.map { values[$0] } ?? .null
  }

  private mutating func take(_ name: StaticString, _ value: @autoclosure () -> Value) {
    for index in names.indices where Self.isSame(names[index], name) { values[index] = value() }
  }

  private static func isSame(_ a: StaticString, _ b: StaticString) -> Bool {
    a.utf8CodeUnitCount == b.utf8CodeUnitCount
      && (a.utf8Start == b.utf8Start
        || UnsafeBufferPointer(start: a.utf8Start, count: a.utf8CodeUnitCount)
          .elementsEqual(UnsafeBufferPointer(start: b.utf8Start, count: b.utf8CodeUnitCount)))
  }

  mutating func column(_ name: StaticString, _ value: inout ID) { take(name, .id(value)) }
  mutating func column(_ name: StaticString, _ value: inout ID?) { take(name, value.map(Value.id) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout String) { take(name, .text(value)) }
  mutating func column(_ name: StaticString, _ value: inout String?) { take(name, value.map(Value.text) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout Int) { take(name, .integer(value)) }
  mutating func column(_ name: StaticString, _ value: inout Int?) { take(name, value.map(Value.integer) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout Bool) { take(name, .integer(value ? 1 : 0)) }
  mutating func column(_ name: StaticString, _ value: inout Instant) { take(name, .instant(value)) }
  mutating func column(_ name: StaticString, _ value: inout Instant?) { take(name, value.map(Value.instant) ?? .null) }
  mutating func column(_ name: StaticString, _ value: inout JSON) { take(name, .text(value.text)) }
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

import AuraDomain

/// Carries out what a draft wants, in the order given, and gathers what goes to the log.
struct Effects {
  let clinic: ID
  let now: Instant
  let user: ID?
  private(set) var rows: [RowChange] = []
  private(set) var signals: [Signal] = []
  private(set) var planned: Instant?
  private(set) var dispatches: [Dispatch] = []
  private(set) var recalls: [Recall] = []
  private(set) var hasErasure = false

  private static let setCounter: SQL = """
    INSERT INTO sys_counters (clinic_id, name, value) VALUES ($1, $2, $3)
    ON CONFLICT (clinic_id, name) DO UPDATE SET value = excluded.value
    """

  private static let setUndo: SQL = """
    INSERT INTO sys_undos (clinic_id, workflow_id, undo) VALUES ($1, $2, $3)
    ON CONFLICT (clinic_id, workflow_id) DO UPDATE SET undo = excluded.undo
    """
  private static let clearUndo: SQL = "DELETE FROM sys_undos WHERE clinic_id = $1 AND workflow_id = $2"

  /// - Parameter user: who acts; `nil` is the system.
  init(clinic: ID, user: ID?, now: Instant) {
    self.clinic = clinic
    self.user = user
    self.now = now
  }

  mutating func apply(_ changes: [Change], _ session: SQLSession) throws {
    for change in changes {
      switch change {
      case .insert(let row):
        try belongs(row)
        try session.insert(row)
        log(row) { RowChange(inserting: row) }
      case .update(let before, let after):
        try belongs(after)
        try session.update(from: before, to: after)
        log(after) { RowChange(updating: before, to: after) }
        if let user = after as? User, let old = before as? User,
          old.tokenEpoch != user.tokenEpoch || user.status != .active
        {
          signals.append(.userDisabled(user.id))
        }
      case .remove(let row):
        try belongs(row)
        try session.remove(row, clinic: clinic)
        log(row) { RowChange(removing: row) }
      case .rewrite(let before, let after):
        try belongs(after)
        // Not in the log: a row of these tables has one version for ever, and clients hold a second put of it for a
        // fault. `Erasure` changes the image that is in the log already.
        try session.rewrite(before, as: after, clinic: clinic)
      case .erase(let customer):
        try Erasure.begin(session, clinic: clinic, customer: customer, now: now)
        hasErasure = true
      case .schedule(let timer):
        try Timers.schedule(session, clinic: clinic, timer)
        planned = min(planned ?? timer.due, timer.due)
      case .cancelTimer(let dedupe): try Timers.cancel(session, clinic: clinic, dedupe: dedupe)
      case .counter(let name, let value):
        try session.execute(Self.setCounter, .id(clinic), .text(name), .integer(value))
      case .undo(let workflow, let undo?):
        try session.execute(Self.setUndo, .id(clinic), .id(workflow), .text(undo.text))
      case .undo(let workflow, nil): try session.execute(Self.clearUndo, .id(clinic), .id(workflow))
      case .dispatch(let dispatch): dispatches.append(dispatch)
      case .recall(let recall): recalls.append(recall)
      case .audit(let kind, let detail):
        try Audit.append(session, at: now, clinic: clinic, user: user, kind: kind, detail: detail)
      }
    }
  }

  /// Users stand above the clinics and carry password hashes: no clinic's log holds them.
  private mutating func log(_ row: any Row, _ change: () -> RowChange) {
    if type(of: row).table != .users { rows.append(change()) }
  }

  /// The schema keeps references within a clinic; this keeps the row itself there.
  private func belongs(_ row: any Row) throws {
    let table = type(of: row).table
    let owner: ID? =
      switch table {
      case .users: clinic
      case .clinics: row.id
      default: OwnerColumn.clinic(of: row)
      }
    guard owner == clinic else { throw ForeignRow(table: table, id: row.id) }
  }
}

/// A draft holds a row of another clinic: a fault of the rules, caught before it is written.
struct ForeignRow: Error, Equatable {
  var table: Table
  var id: ID
}

/// Finds `clinic_id` among a row's columns.
private struct OwnerColumn: ColumnVisitor {
  var clinic: ID?

  static func clinic(of row: some Row) -> ID? {
    var visitor = OwnerColumn()
    var copy = row
    copy.columns(&visitor)
    return visitor.clinic
  }

  mutating func column(_ name: StaticString, _ value: inout ID) {
    if clinic == nil, name.utf8CodeUnitCount == 9, "\(name)" == "clinic_id" { clinic = value }
  }
  mutating func column(_ name: StaticString, _ value: inout ID?) {}
  mutating func column(_ name: StaticString, _ value: inout String) {}
  mutating func column(_ name: StaticString, _ value: inout String?) {}
  mutating func column(_ name: StaticString, _ value: inout Int) {}
  mutating func column(_ name: StaticString, _ value: inout Int?) {}
  mutating func column(_ name: StaticString, _ value: inout Bool) {}
  mutating func column(_ name: StaticString, _ value: inout Instant) {}
  mutating func column(_ name: StaticString, _ value: inout Instant?) {}
  mutating func column(_ name: StaticString, _ value: inout JSON) {}
  mutating func unknownCase(_ name: StaticString, _ text: String) {}
}

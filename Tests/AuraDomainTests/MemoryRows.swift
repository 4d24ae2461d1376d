@testable import AuraDomain

/// A clinic's rows in memory, with the schema's promises checked roughly: what the database would refuse is refused.
final class MemoryRows: ClinicRows {
  struct Broken: Error, CustomStringConvertible {
    var description: String
  }

  let clinicID: ID
  private var tables: [Table: [ID: any Row]] = [:]
  /// Rows by what the schema's indexes find them by, as long as it never changes.
  private var index: [String: [ID]] = [:]
  /// Credits with something left, coupons that wait: what every night looks through.
  private var open: [Table: Set<ID>] = [:]
  private var counters: [String: Int] = [:]
  /// What was given back of a sale.
  private var byParent: [ID: Int] = [:]
  /// Who holds a value that one row only may have.
  private var unique: [String: ID] = [:]
  private(set) var undos: [ID: JSON] = [:]
  /// What has left for a gateway, in order.
  private(set) var dispatches: [Dispatch] = []
  private(set) var recalls: [Recall] = []
  private(set) var audits: [(kind: String, detail: JSON)] = []
  private(set) var erasures: Set<ID> = []
  var timers: [String: PlannedTimer] = [:]

  init(clinic: ID) { clinicID = clinic }

  // MARK: ClinicRows

  func row<R: Row>(_ type: R.Type, _ id: ID) throws -> R? { tables[R.table]?[id] as? R }

  func rows<R: Row>(_ type: R.Type, _ selection: Selection) throws -> [R] {
    for case .oneOf(_, let values) in selection.conditions where values.count > 1_000 {
      throw Broken(description: "\(values.count) values in one statement")
    }
    var candidates: [any Row]?
    for case .equal(let name, .text(let text)) in selection.conditions
    where Self.indexed[R.table, default: []].contains("\(name)") {
      let found = index["\(R.table.rawValue) \(name) \(text)"] ?? []
      if found.count < candidates?.count ?? .max { candidates = found.compactMap { tables[R.table]?[$0] } }
    }
    if candidates == nil, R.table == .pointCredits || R.table == .customerCoupons, selection.isOfOpenRows {
      candidates = open[R.table, default: []].compactMap { tables[R.table]?[$0] }
    }
    let rows = candidates ?? tables[R.table].map { Array($0.values) } ?? []
    return selection.arrange(rows.compactMap { $0 as? R }.filter { selection.matches($0) }.sorted { $0.id < $1.id })
  }

  func counter(_ name: String) throws -> Int { counters[name] ?? 0 }
  func audits(_ kind: String, before: Int?, limit: Int) throws -> [AuditLine] {
    let lines = audits.enumerated().filter { $1.kind == kind && $0 < before ?? .max }
    return lines.reversed().prefix(limit).map {
      AuditLine(number: $0, at: Instant(milliseconds: $0), detail: $1.detail)
    }
  }
  func undo(_ workflow: ID) throws -> JSON? { undos[workflow] }
  func user(_ id: ID) throws -> User? { isKnown(id) ? try row(User.self, id) : nil }
  func userExists(_ id: ID) throws -> Bool { try row(User.self, id)?.status == .active }
  func activeUser(email: String) throws -> ID? {
    all(User.self).first { $0.email == email && $0.status == .active }?.id
  }

  private func isKnown(_ user: ID) -> Bool {
    (tables[.clinicStaff] ?? [:]).values.contains { ($0 as? StaffMember)?.userID == user }
      || (tables[.customers] ?? [:]).values.contains { ($0 as? Customer)?.userID == user }
  }

  func all<R: Row>(_ type: R.Type) -> [R] {
    (tables[R.table] ?? [:]).values.compactMap { $0 as? R }.sorted { $0.id < $1.id }
  }

  // MARK: Applying

  func apply(_ changes: [Change]) throws {
    for change in changes {
      switch change {
      case .insert(let row):
        guard tables[type(of: row).table]?[row.id] == nil else { throw Broken(description: "\(row.id) twice") }
        try keepUniqueness(row)
        put(row)
      case .update(let before, let after):
        guard let stored = tables[type(of: after).table]?[after.id] else {
          throw Broken(description: "no row \(after.id)")
        }
        guard stored.wireVersion == before.wireVersion, after.wireVersion > before.wireVersion else {
          throw Broken(description: "version \(stored.wireVersion) changed as \(before.wireVersion)")
        }
        guard after is any VersionedRow else { throw Broken(description: "an append-only row was changed") }
        try keepUniqueness(after)
        put(after)
      case .rewrite(_, let after):
        guard tables[type(of: after).table]?[after.id] != nil, !(after is any VersionedRow), !erasures.isEmpty else {
          throw Broken(description: "an append-only row was changed")
        }
        put(after)
      case .erase(let customer): erasures.insert(customer)
      case .remove(let row):
        guard let stored = tables[type(of: row).table]?.removeValue(forKey: row.id) else {
          throw Broken(description: "no row \(row.id)")
        }
        guard stored.wireVersion == row.version else { throw Broken(description: "another version was removed") }
        for (key, holder) in unique where holder == row.id { unique[key] = nil }
      case .schedule(let timer): timers[timer.dedupe] = timer
      case .cancelTimer(let dedupe): timers[dedupe] = nil
      case .undo(let workflow, let undo): undos[workflow] = undo
      case .dispatch(let dispatch): dispatches.append(dispatch)
      case .recall(let recall): recalls.append(recall)
      case .audit(let kind, let detail): audits.append((kind, detail))
      case .counter(let name, let value):
        // Those of sales and customers are numbers that people read: without a hole.
        let isTally = name.hasPrefix("rule") || name.hasPrefix("notifications:")
        guard isTally || value == (counters[name] ?? 0) + 1 else {
          throw Broken(description: "counter \(name) jumps")
        }
        counters[name] = value
      }
    }
  }

  func put(_ row: some Row) {
    let table = type(of: row).table
    switch row {
    case let row as PointCredit: note(row.id, isOpen: row.isOpen, in: table)
    case let row as CustomerCoupon: note(row.id, isOpen: row.status == .active, in: table)
    default: break
    }
    guard tables[table, default: [:]].updateValue(row, forKey: row.id) == nil,
      let columns = Self.indexed[table]
    else { return }
    let values = row.jsonObject
    for column in columns {
      if let text = values[column]?.string { index["\(table.rawValue) \(column) \(text)", default: []].append(row.id) }
    }
  }

  private func note(_ id: ID, isOpen: Bool, in table: Table) {
    if isOpen { open[table, default: []].insert(id) } else { open[table]?.remove(id) }
  }

  private static let indexed: [Table: Set<String>] = [
    .workflowStates: ["customer_id"], .customers: ["phone"], .taskQueue: ["workflow_id"],
    .workflowActions: ["workflow_id"], .workflowEvents: ["workflow_id"],
    .posTransactions: ["workflow_id", "parent_id", "customer_id"],
    .pointTransactions: ["workflow_id", "customer_id", "event_key"],
    .loyaltyMonths: ["customer_id"], .pointCredits: ["customer_id", "transaction_id"],
    .loyaltyProfiles: ["customer_id", "referral_code"],
    .loyaltyRedemptions: ["customer_id", "event_key", "code"], .customerCoupons: ["customer_id", "code"],
    .customerJourneyEvents: ["customer_id", "event_key"], .customerPreferences: ["customer_id"],
    .followupExecutions: ["customer_id", "workflow_id", "rule_id", "dedupe_key"],
    .notifications: ["dedupe_key", "user_id", "customer_id"],
  ]

  func removeTimer(_ dedupe: String) { timers[dedupe] = nil }

  /// The one that is due first.
  var nextTimer: PlannedTimer? {
    var next: PlannedTimer?
    for timer in timers.values {
      guard let known = next else {
        next = timer
        continue
      }
      if timer.due < known.due || (timer.due == known.due && timer.dedupe < known.dedupe) { next = timer }
    }
    return next
  }

  private func keepUniqueness(_ row: any Row) throws {
    switch row {
    case let row as Task where row.status.isOpen:
      for other in of(Task.self, row.workflowID) where other.id != row.id && other.status.isOpen {
        if row.taskType == .performTreatment && other.taskType == .performTreatment {
          throw Broken(description: "two open treatment tasks of one case")
        }
        if let key = row.dedupeKey, key == other.dedupeKey { throw Broken(description: "task key \(key) twice") }
      }
      try reference(Workflow.self, row.workflowID)
      try reference(StaffMember.self, row.assignedTo)
    case let row as Workflow:
      if row.isOpenLead,
        all(Workflow.self).contains(where: { $0.id != row.id && $0.customerID == row.customerID && $0.isOpenLead })
      {
        throw Broken(description: "two open leads of one customer")
      }
      try reference(Customer.self, row.customerID)
      try reference(StaffMember.self, row.assignedSalesID)
      try reference(StaffMember.self, row.assignedBeauticianID)
      try reference(Treatment.self, row.treatmentID)
    case let row as WorkflowAction:
      if of(WorkflowAction.self, row.workflowID).contains(where: { $0.seq == row.seq }) {
        throw Broken(description: "action \(row.seq) twice")
      }
      try reference(Workflow.self, row.workflowID)
      try reference(User.self, row.performedBy)
      try reference(AutomationRule.self, row.ruleID)
    case let row as JourneyEvent: try unique(row, \.eventKey)
    case let row as PosTransaction:
      try unique(row, \.transactionNumber)
      guard row.totalSt == row.subtotalSt - row.discountSt + row.taxSt, row.totalSt >= 0, row.discountSt >= 0 else {
        throw Broken(description: "a bill that does not add up")
      }
      try reference(PosTransaction.self, row.parentID)
      try reference(CustomerCoupon.self, row.couponID)
      if row.type == .refund, let sale = row.parentID.flatMap({ tables[.posTransactions]?[$0] as? PosTransaction }) {
        let back = byParent[sale.id, default: 0] + row.totalSt
        guard back <= sale.paidSt else { throw Broken(description: "more given back than paid") }
        byParent[sale.id] = back
      }
    case let row as Customer:
      try unique(row, \.customerCode)
      if let user = row.userID, all(Customer.self).contains(where: { $0.id != row.id && $0.userID == user }) {
        throw Broken(description: "two customers of one user")
      }
    case let row as LoyaltyProfile:
      try unique(row, \.customerID)
      try unique(row, \.referralCode)
    case let row as LoyaltyMonth:
      try unique(row, \.customerAndMonth)
      guard row.spentSt >= 0, row.points >= 0 else { throw Broken(description: "a month below nothing") }
    case let row as PointTransaction:
      try unique(row, \.eventKey)
      guard row.amount != 0, row.absorbed >= 0, row.expiresAt == nil || row.amount > 0 else {
        throw Broken(description: "a posting of \(row.amount)")
      }
      if row.type == .earned || row.type == .bonus, row.amount < 0 { throw Broken(description: "a negative credit") }
      if row.type == .redeemed || row.type == .expired, row.amount > 0 { throw Broken(description: "a positive debit") }
      try reference(Customer.self, row.customerID)
      try reference(Workflow.self, row.workflowID)
      try reference(Achievement.self, row.achievementID)
      try reference(LoyaltyReward.self, row.rewardID)
      try reference(PosTransaction.self, row.posTransactionID)
    case let row as PointCredit:
      try unique(row, \.transactionID)
      guard row.remaining >= 0, row.isOpen == (row.remaining > 0) else {
        throw Broken(description: "\(row.remaining) left, open \(row.isOpen)")
      }
      try reference(PointTransaction.self, row.transactionID)
    case let row as LoyaltyReward:
      if let most = row.maxRedemptions, row.currentRedemptions > most { throw Broken(description: "too many redeemed") }
      guard row.currentRedemptions >= 0, row.pointsCost > 0 else { throw Broken(description: "a reward below nothing") }
    case let row as LoyaltyRedemption:
      try unique(row, \.code)
      try unique(row, \.eventKey)
      try reference(LoyaltyReward.self, row.rewardID)
      try reference(PosTransaction.self, row.appliedPosTransactionID)
    case let row as CustomerCoupon:
      try unique(row, \.code)
      try reference(LoyaltyRedemption.self, row.redemptionID)
      try reference(PosTransaction.self, row.reservedByPosID)
      try reference(PosTransaction.self, row.usedPosTransactionID)
    case let row as CustomerPreferences: try unique(row, \.customerID)
    case let row as FollowUpExecution:
      try unique(row, \.dedupeKey)
      try reference(FollowUpRule.self, row.ruleID)
      try reference(Customer.self, row.customerID)
      try reference(Workflow.self, row.workflowID)
      try reference(FollowUpTemplate.self, row.templateID)
    case let row as StaffMember: try unique(row, \.userID)
    case let row as Notification:
      guard (row.userID == nil) != (row.customerID == nil) else {
        throw Broken(description: "a notification for nobody, or for two")
      }
      if let key = row.dedupeKey { try unique(row, "dedupe_key \(key)") }
    default: break
    }
  }

  /// What belongs to a case, in the order of its making.
  func of<R: Row>(_ type: R.Type, _ workflow: ID) -> [R] { found(type, "workflow_id", workflow) }

  /// What belongs to a customer, in the order of its making.
  func of<R: Row>(_ type: R.Type, customer: ID) -> [R] { found(type, "customer_id", customer) }

  private func found<R: Row>(_ type: R.Type, _ column: String, _ id: ID) -> [R] {
    (index["\(R.table.rawValue) \(column) \(id)"] ?? []).compactMap { tables[R.table]?[$0] as? R }
  }

  private func unique<R: Row, V: CustomStringConvertible>(_ row: R, _ column: KeyPath<R, V>) throws {
    try unique(row, "\(column) \(row[keyPath: column])")
  }

  private func unique<R: Row>(_ row: R, _ key: String) throws {
    let holder = unique[key, default: row.id]
    if holder != row.id { throw Broken(description: "\(key) twice") }
    unique[key] = row.id
  }

  private func reference<R: Row>(_ type: R.Type, _ id: ID?) throws {
    if let id, tables[R.table]?[id] == nil { throw Broken(description: "\(R.table.rawValue) has no \(id)") }
  }
}

extension LoyaltyMonth {
  fileprivate var customerAndMonth: String { "\(customerID) \(month)" }
}

extension Selection {
  fileprivate var isOfOpenRows: Bool {
    conditions.contains { condition in
      guard case .equal(let name, let value) = condition else { return false }
      return "\(name)" == "is_open" && value == .integer(1) || "\(name)" == "status" && value == .text("active")
    }
  }
}

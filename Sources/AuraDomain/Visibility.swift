/// What one caller may see of one clinic: which tables, which rows, which columns. Two callers of the same scope share
/// a stream's bytes.
///
/// | | management | sales | beautician | customer |
/// |---|---|---|---|---|
/// | tables | every topic | every topic | every topic | what is about them |
/// | rows | the clinic's | the clinic's | the clinic's | their own |
/// | hidden columns | none | medical notes | money, what actions recorded | all but a list of harmless ones |
/// | notifications | their own, whatever the role | | | |
/// | business events | all | those for them or their role | the same | none |
///
/// Points are no money: a beautician, who talks with customers about rewards, sees balances, postings and the face value
/// of coupons, though a sale's points hint at its sum. What is satang, or satang by another name (a tier's progress, what
/// a coupon took off), stays hidden.
package struct Scope: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// Owner, admin, and a super admin from outside.
    case management
    case sales
    case beautician
    case customer(ID)

    package var isStaff: Bool { if case .customer = self { false } else { true } }
  }

  package let kind: Kind
  /// The caller, where the rows seen depend on who it is; `nil` lets all callers of the kind share.
  package let user: ID?

  package init(kind: Kind, user: ID?) {
    self.kind = kind
    self.user = user
  }

  /// The tables that can be subscribed to.
  package static let topics: [Table] = [
    .taskQueue, .workflowStates, .workflowEvents, .workflowActions, .customers, .notifications, .loyaltyProfiles,
    .pointTransactions, .customerCoupons, .loyaltyRedemptions, .followupExecutions, .posTransactions, .clinicStaff,
  ]

  package func mayRead(_ table: Table) -> Bool {
    switch kind {
    case .management, .sales, .beautician: Self.topics.contains(table)
    case .customer: Self.customerColumns[table] != nil
    }
  }

  /// This scope as far as `tables` need it: without the caller where no row depends on who that is.
  package func narrowed(to tables: [Table]) -> Scope {
    let isPersonal = tables.contains { $0 == .notifications || ($0 == .workflowEvents && kind != .management) }
    return Scope(kind: kind, user: isPersonal ? user : nil)
  }

  /// The part of the rows' rights that is equality on columns; `admits` decides in full.
  package func filter(for table: Table) -> RowFilter {
    var filter = RowFilter()
    switch kind {
    case .customer(let customer): filter.require(.customer, [.id(customer)])
    case .management, .sales, .beautician:
      if table == .notifications { filter.require(.user, [user.map(Value.id) ?? .null]) }
    }
    return filter
  }

  package func admits(_ table: Table, _ keys: RowKeys) -> Bool {
    mayRead(table) && filter(for: table).admits(table, keys) && isAddressed(keys)
  }

  /// Whether the row is no business event, or one for this caller or their role.
  package func isAddressed(_ keys: RowKeys) -> Bool {
    guard let audience = keys.audience, kind != .management else { return true }
    if audience.isBroadcast { return true }
    if let user, audience.users.contains(user) { return true }
    switch kind {
    case .sales: return audience.roles.contains(.sales)
    case .beautician: return audience.roles.contains(.staff)
    case .management, .customer: return false
    }
  }

  /// Which command of whom caused a commit is the clinic's own affair.
  package var seesCauses: Bool { kind.isStaff }

  /// Beauticians do not see what customers pay, nor a tier's progress, which is the spend by another name.
  package var seesMoney: Bool { kind != .beautician }

  /// The columns of a table that this scope never sees.
  package func hidden(in table: Table) -> [StaticString] {
    switch kind {
    case .management: []
    case .sales: table == .customers ? ["medical_notes"] : []
    case .beautician:
      switch table {
      case .posTransactions: ["items", "subtotal_st", "discount_st", "tax_st", "total_st", "paid_st"]
      case .loyaltyProfiles: ["tier_progress_bp", "total_spent_st", "average_spend_st"]
      case .customerCoupons: ["discount_st"]
      case .workflowActions: ["data"]
      case .workflowStates: ["treatment_plan"]
      default: []
      }
    case .customer: Self.hiddenFromCustomers[table] ?? table.columns
    }
  }

  /// A digest that changes when what is seen changes: cursors of another scope are not resumed.
  package var digest: String {
    var name: String
    switch kind {
    case .management: name = "m"
    case .sales: name = "s"
    case .beautician: name = "b"
    case .customer(let id): name = "c\(id)"
    }
    if let user { name += "/\(user)" }
    // FNV-1a: short and the same in every process; it guards against mistakes, not against attackers.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return String(hash, radix: 16)
  }

  /// A list of what may be seen, not of what may not: a column added later is hidden until someone allows it.
  private static let customerColumns: [Table: Set<String>] = [
    .workflowStates: [
      "id", "clinic_id", "customer_id", "current_stage", "status", "treatment_name", "scheduled_start", "scheduled_end",
      "checked_in_at", "version", "created_at", "updated_at",
    ],
    .customers: [
      "id", "clinic_id", "customer_code", "full_name", "nickname", "email", "phone", "date_of_birth", "version",
      "created_at", "updated_at",
    ],
    .notifications: [
      "id", "clinic_id", "customer_id", "type", "title", "message", "priority", "link", "action_url", "is_read",
      "read_at", "expires_at", "dismissed", "version", "created_at", "updated_at",
    ],
    .loyaltyProfiles: [
      "id", "clinic_id", "customer_id", "total_points", "available_points", "current_tier", "tier_progress_bp",
      "total_spent_st", "total_visits", "last_visit", "unlocked_achievements", "total_achievements",
      "successful_referrals", "referral_code", "joined_at", "version", "created_at", "updated_at",
    ],
    .pointTransactions: [
      "id", "clinic_id", "customer_id", "type", "amount", "description", "workflow_id", "reward_id", "expires_at",
      "created_at",
    ],
    .loyaltyRedemptions: [
      "id", "clinic_id", "customer_id", "reward_id", "points_cost", "code", "status", "issued_at", "applied_at",
      "version", "created_at", "updated_at",
    ],
    .customerCoupons: [
      "id", "clinic_id", "customer_id", "code", "source", "type", "percent_bp", "amount_st", "treatment_id",
      "stackable", "status", "valid_from", "valid_until", "used_at", "version", "created_at", "updated_at",
    ],
    .posTransactions: [
      "id", "clinic_id", "customer_id", "type", "transaction_number", "workflow_id", "items", "subtotal_st",
      "discount_st", "tax_st", "total_st", "paid_st", "payment_method", "payment_status", "paid_at", "version",
      "created_at", "updated_at",
    ],
  ]

  private static let hiddenFromCustomers: [Table: [StaticString]] = Dictionary(
    uniqueKeysWithValues: customerColumns.map { table, seen in
      (table, table.columns.filter { !seen.contains("\($0)") })
    })
}

/// A person's place in a clinic, as the database has it at one moment.
package struct Membership: Sendable, Hashable {
  package var clinic: ID
  /// `nil` for a customer of the clinic.
  package var role: Role?
  package var staff: ID?
  package var customer: ID?

  package init(clinic: ID, role: Role?, staff: ID?, customer: ID?) {
    self.clinic = clinic
    self.role = role
    self.staff = staff
    self.customer = customer
  }

  /// What the holder may see; `nil` when the membership gives nothing to see.
  package func scope(user: ID) -> Scope? {
    switch role {
    case .owner, .admin: Scope(kind: .management, user: user)
    case .sales: Scope(kind: .sales, user: user)
    case .staff: Scope(kind: .beautician, user: user)
    case nil: customer.map { Scope(kind: .customer($0), user: user) }
    }
  }
}

extension Actor {
  /// What the actor may see; `nil` for the system, which needs no leave.
  package var scope: Scope? {
    guard let user else { return nil }
    if isSuperAdmin && role == nil { return Scope(kind: .management, user: user) }
    return Membership(clinic: user, role: role, staff: staff, customer: customer).scope(user: user)
  }
}

import AuraDomain

@testable import AuraStore

/// One row of every table of a clinic, each reference set, each text with characters that JSON must escape.
struct World {
  let clinic: ID
  let user: ID
  /// By table, in an order in which they can be inserted.
  private(set) var rows: [(table: Table, row: any Row)] = []
  /// What the commits said of each row last.
  private(set) var changes: [ID: RowChange] = [:]

  init(_ bench: Bench, code: String) throws {
    var ids = IDGenerator()
    func id() -> ID { ids.next(at: bench.now) }
    let clinicID = id()
    let userID = id()
    (clinic, user) = (clinicID, userID)
    let (staff, customer, treatment, workflow) = (id(), id(), id(), id())
    let (rule, sale, achievement, reward, redemption, coupon) = (id(), id(), id(), id(), id(), id())
    let (followUp, template, posting) = (id(), id(), id())
    let odd = "ก\"\\\n\u{1}😀"
    let json: JSON = ["x": [.integer(1), .real(0.45), .real(1e300), .null, .bool(true), .string(odd)], "ข": [:]]
    let later = bench.now + .days(30)

    func add<R: Row>(_ row: R, _ change: (inout R) -> Void) -> (Table, any Row) {
      var row = row
      change(&row)
      return (R.table, row)
    }

    rows = [
      add(Clinic()) {
        $0.id = clinicID
        $0.clinicCode = code
        $0.displayName = json
        $0.settings = json
        $0.ownerUserID = userID
      },
      add(StaffMember()) {
        $0.id = staff
        $0.clinicID = clinicID
        $0.userID = userID
        $0.role = .owner
        $0.skills = ["laser", .string(odd)]
        $0.revokedAt = later
      },
      add(Customer()) {
        $0.id = customer
        $0.clinicID = clinicID
        $0.userID = userID
        $0.assignedSalesID = staff
        $0.customerCode = "C-1"
        $0.fullName = odd
        $0.nickname = ""
        $0.email = "a@b"
        $0.metadata = json
        $0.referredByCustomerID = customer
        $0.anonymizedAt = later
      },
      add(Treatment()) {
        $0.id = treatment
        $0.clinicID = clinicID
        $0.names = ["th": "ไฮดรา", "en": "Hydra Facial"]
        $0.rebookAfterDays = 30
        $0.priceSt = 500_000
      },
      add(CustomerPreferences()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.consents = json
      },
      add(Notification()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.type = "t"
        $0.title = odd
        $0.dedupeKey = "d"
        $0.isRead = true
      },
      add(AutomationRule()) {
        $0.id = rule
        $0.clinicID = clinicID
        $0.ruleName = "r"
        $0.triggerAction = .checkIn
        $0.conditions = json
        $0.targetAction = "notify"
      },
      add(Workflow()) {
        $0.id = workflow
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.assignedSalesID = staff
        $0.assignedBeauticianID = staff
        $0.treatmentID = treatment
        $0.treatmentName = odd
        $0.scheduledStart = later
        $0.metadata = json
      },
      add(WorkflowAction()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.workflowID = workflow
        $0.seq = 1
        $0.performedBy = userID
        $0.fromStage = .leadCreated
        $0.data = json
        $0.ruleID = rule
      },
      add(Task()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.workflowID = workflow
        $0.assignedTo = staff
        $0.taskType = .performTreatment
        $0.title = odd
        $0.priority = .high
        $0.priorityRank = 2
        $0.startedBy = staff
        $0.completedBy = staff
        $0.taskData = json
        $0.dedupeKey = "k"
      },
      add(WorkflowEvent()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.seq = 1
        $0.workflowID = workflow
        $0.customerID = customer
        $0.sourceUserID = userID
        $0.targetUsers = [.string(userID.description)]
        $0.targetRoles = ["clinic_owner", "sales_staff"]
        $0.broadcast = true
      },
      add(JourneyEvent()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.workflowID = workflow
        $0.eventKey = "j"
      },
      add(PosTransaction()) {
        $0.id = sale
        $0.clinicID = clinicID
        $0.transactionNumber = "TXN-1"
        $0.workflowID = workflow
        $0.customerID = customer
        $0.items = json
        $0.subtotalSt = 500_000
        $0.totalSt = 500_000
        $0.paidSt = 500_000
        $0.paymentStatus = .paid
        $0.paidAt = later
        $0.createdBy = userID
      },
      add(LoyaltyProfile()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.availablePoints = -5
        $0.referralCode = "BN1"
      },
      add(Achievement()) {
        $0.id = achievement
        $0.clinicID = clinicID
        $0.name = "First"
        $0.specialReward = json
      },
      add(LoyaltyReward()) {
        $0.id = reward
        $0.clinicID = clinicID
        $0.name = "10%"
        $0.treatmentID = treatment
        $0.tierRequirement = .gold
      },
      add(PointTransaction()) {
        $0.id = posting
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.amount = 10
        $0.workflowID = workflow
        $0.achievementID = achievement
        $0.rewardID = reward
        $0.posTransactionID = sale
        $0.expiresAt = later
        $0.eventKey = "e"
        $0.createdBy = userID
      },
      add(LoyaltyMonth()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.month = 202_602
        $0.spentSt = 500_000
      },
      add(PointCredit()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.transactionID = posting
        $0.remaining = 10
        $0.isOpen = true
        $0.expiresAt = later
        $0.earnRateSt = 1_000
        $0.multiplierBp = 10_000
      },
      add(LoyaltyRedemption()) {
        $0.id = redemption
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.rewardID = reward
        $0.code = "RWD"
        $0.status = .applied
        $0.appliedPosTransactionID = sale
        $0.eventKey = "redeem"
      },
      add(CustomerCoupon()) {
        $0.id = coupon
        $0.clinicID = clinicID
        $0.customerID = customer
        $0.redemptionID = redemption
        $0.code = "CPN"
        $0.treatmentID = treatment
        $0.status = .used
        $0.usedPosTransactionID = sale
      },
      add(FollowUpRule()) {
        $0.id = followUp
        $0.clinicID = clinicID
        $0.channels = ["line"]
      },
      add(FollowUpTemplate()) {
        $0.id = template
        $0.clinicID = clinicID
        $0.message = odd
      },
      add(FollowUpExecution()) {
        $0.id = id()
        $0.clinicID = clinicID
        $0.ruleID = followUp
        $0.customerID = customer
        $0.workflowID = workflow
        $0.templateID = template
        $0.dedupeKey = "x"
        $0.leaseUntil = later
      },
    ]
    let all = rows
    let (_, batch) = try bench.write { scope in
      var user = User()
      user.id = userID
      user.email = "\(code)@example.org"
      try Accounts.insert(scope, user)
      try scope.commit(clinic: clinicID) { draft in
        for (_, row) in all { draft.add(row) }
      }
      // A coupon and the sale that it was used on know each other.
      try scope.commit(clinic: clinicID) { draft in
        guard let row = try draft.row(PosTransaction.self, sale) else { return }
        try draft.update(row) { $0.couponID = coupon }
      }
    }
    for commit in batch.commits {
      for change in commit.changes { changes[change.id] = change }
    }
  }
}

extension Draft {
  fileprivate mutating func add(_ row: any Row) {
    if let row = row as? any VersionedRow { insert(row) } else { insert(row) }
  }
}

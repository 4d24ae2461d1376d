import AuraDomain
import AuraServer
import AuraStore

/// A clinic with an owner, and customers whose ledgers are as long as wanted.
struct LedgerHouse {
  private let store: DirectStore
  private let clinic: ID
  private let owner: ID
  private static let rowsPerCommit = 500

  init(directory: String) throws {
    let store = try DirectStore(directory: directory)
    self.store = store
    (clinic, owner) = try store.write { scope in
      var user = User()
      user.id = scope.newID()
      user.email = "owner@bench.aura"
      user.fullName = "Owner"
      let owner = try Accounts.insert(scope, user).id
      let clinicID = scope.newID()
      try scope.commit(clinic: clinicID) { draft in
        var clinic = Clinic()
        clinic.id = clinicID
        clinic.clinicCode = "BENCH"
        clinic.displayName = ["th": "คลินิก", "en": "Clinic"]
        draft.insert(clinic)
        var member = StaffMember()
        member.id = draft.newID()
        member.clinicID = clinicID
        member.userID = owner
        member.role = .owner
        draft.insert(member)
      }
      return (clinicID, owner)
    }
  }

  func close() { store.close() }

  struct NoReward: Error {}

  func reward(cost: Int) throws -> ID {
    var details = RewardDetails()
    details.name = "10%"
    details.type = .discountPercentage
    details.percentBp = 1_000
    details.pointsCost = cost
    let result = try store.run(.createReward(details), clinic: clinic, as: owner, key: "reward")
    guard let id = result["rewardId"]?.string.flatMap({ ID($0) }) else { throw NoReward() }
    return id
  }

  /// A customer with that many credits in the ledger, all of them open, written as postings would have been.
  func customer(_ code: String, ledgerRows: Int, pointsEach: Int) throws -> ID {
    let (clinic, now) = (clinic, Instant.systemNow)
    let id = try store.write { scope in
      let id = scope.newID()
      try scope.commit(clinic: clinic) { draft in
        var customer = Customer()
        customer.id = id
        customer.clinicID = clinic
        customer.customerCode = code
        customer.fullName = code
        customer.status = .active
        draft.insert(customer)
        var profile = LoyaltyProfile()
        profile.id = draft.newID()
        profile.clinicID = clinic
        profile.customerID = id
        profile.availablePoints = ledgerRows * pointsEach
        profile.totalPoints = profile.availablePoints
        profile.referralCode = "BN-\(code)"
        profile.joinedAt = now
        draft.insert(profile)
      }
      return id
    }
    for start in stride(from: 0, to: ledgerRows, by: Self.rowsPerCommit) {
      let numbers = start..<min(ledgerRows, start + Self.rowsPerCommit)
      _ = try store.write { scope in
        try scope.commit(clinic: clinic) { draft in
          for number in numbers { Self.credit(pointsEach, number, of: id, in: &draft) }
        }
      }
    }
    return id
  }

  private static func credit(_ points: Int, _ number: Int, of customer: ID, in draft: inout Draft) {
    var row = PointTransaction()
    row.id = draft.newID()
    row.clinicID = draft.clinicID
    row.customerID = customer
    row.type = .bonus
    row.amount = points
    row.description = "Bonus"
    row.expiresAt = draft.now + .days(365) + .minutes(number)
    row.eventKey = "bench:\(customer):\(number)"
    row.createdAt = draft.now
    draft.insert(row)
    var credit = PointCredit()
    credit.id = draft.newID()
    credit.clinicID = draft.clinicID
    credit.customerID = customer
    credit.transactionID = row.id
    credit.remaining = points
    credit.isOpen = true
    credit.expiresAt = draft.now + .days(365) + .minutes(number)
    draft.insert(credit)
  }

  func redeem(_ reward: ID, _ customer: ID, key: String) throws {
    try store.run(.redeemReward(reward: reward, customer: customer), clinic: clinic, as: owner, key: key)
  }
}

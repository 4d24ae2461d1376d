import Testing

@testable import AuraDomain

@Suite struct `Who may do what` {
  /// `any` case of the clinic, one's `own`, or never. A super admin from outside may do what an owner may, with a reason.
  static let golden = """
                         sales  beautician  desk  admin  owner  super admin  customer  system
    initialize           any    -           -     any    any    reason       -         -
    scanCustomer         own    -           -     any    any    reason       -         -
    sendProposal         own    -           -     any    any    reason       -         any
    confirmPayment       own    -           -     any    any    reason       -         any
    overrideAmount       -      -           -     any    any    reason       -         -
    scheduleAppointment  own    own         any   any    any    reason       -         -
    overrideSlot         -      -           -     any    any    reason       -         -
    checkIn              any    any         -     any    any    reason       own       -
    startTreatment       -      own         -     any    any    reason       -         -
    takeOverTreatment    -      any         -     any    any    reason       -         -
    completeTreatment    -      own         -     any    any    reason       -         -
    sendFollowUp         own    -           -     any    any    reason       -         any
    closeCase            own    -           -     any    any    reason       -         any
    reassignSales        own    -           -     any    any    reason       -         -
    reassignBeautician   own    own         -     any    any    reason       -         -
    noShow               own    own         any   any    any    reason       -         -
    abortTreatment       -      own         -     any    any    reason       -         -
    cancelBeforePayment  own    -           -     any    any    reason       -         -
    cancelAfterPayment   -      -           -     any    any    reason       -         -
    reopen               -      -           -     any    any    reason       -         -
    correct              own    own         -     any    any    reason       -         -
    startCycle           own    -           -     any    any    reason       -         -
    createTask           own    own         -     any    any    reason       -         -
    workOnTask           own    own         -     any    any    reason       -         -
    claimTask            own    own         -     any    any    reason       -         -
    setDuty              own    own         -     any    any    reason       -         -
    manageStaff          -      -           -     any    any    reason       -         -
    manageOwners         -      -           -     -      any    reason       -         -
    linkCustomer         any    -           -     any    any    reason       -         -
    forgetCustomer       -      -           -     any    any    reason       -         -
    manageLoyalty        -      -           -     any    any    reason       -         -
    redeemReward         any    -           any   any    any    reason       own       -
    cancelRedemption     -      -           -     any    any    reason       own       -
    rewardByHand         any    -           any   any    any    reason       -         -
    sell                 any    -           any   any    any    reason       -         -
    refundSale           -      -           -     any    any    reason       -         -
    manageFollowUps      -      -           -     any    any    reason       -         -
    cancelFollowUp       own    -           any   any    any    reason       -         -
    recordResponse       any    -           any   any    any    reason       -         any
    updatePreferences    any    any         -     any    any    reason       own       -
    readFollowUps        any    any         -     any    any    reason       -         -
    readPreferences      any    any         -     any    any    reason       own       -
    readLoyalty          any    any         -     any    any    reason       own       -
    manageAutomation     -      -           -     any    any    reason       -         -
    sendNotification     -      -           -     any    any    reason       -         -
    readNotifications    own    own         -     own    own    reason       own       -
    readWorkflows        any    any         -     any    any    reason       -         -
    readTasks            own    own         -     any    any    reason       -         -
    readStaff            any    any         -     any    any    reason       -         -
    readTreatments       any    any         -     any    any    reason       any       -
    readSelf             own    own         -     own    own    reason       own       -
    """

  @Test func `is this table`() {
    func cell(_ grant: Grant) -> String { ["-", "own", "any"][grant.rawValue] }
    let lines = Deed.allCases.map { deed in
      let policy = Policy.of(deed)
      return [
        deed.rawValue, cell(policy.sales), cell(policy.beautician), cell(policy.desk), cell(policy.admin),
        cell(policy.owner), policy.owner > .never ? "reason" : "-", cell(policy.customer), cell(policy.system),
      ]
    }
    let header = ["", "sales", "beautician", "desk", "admin", "owner", "super admin", "customer", "system"]
    let table = Golden.table([header] + lines)
    #expect(table == Self.golden, "\n\(table)")
  }

  @Test func `an unknown kind of caller may nothing`() {
    let stranger = Actor(user: nil, kind: .staff)
    let nobody = Actor(user: nil, kind: .customer)
    for deed in Deed.allCases {
      #expect(throws: Refusal.self) { try stranger.permit(deed, isOwn: true, reason: "please") }
      #expect(throws: Refusal.self) { try nobody.permit(deed, isOwn: true, reason: "please") }
    }
  }

  @Test func `a super admin needs a reason, and it is kept`() throws {
    let world = World()
    let w = try world.paid()
    let refused = try #require(world.refusal(.schedule(w, at: world.now + .hours(2)), as: .root))
    #expect(refused.code == .forbidden)
    #expect(refused.details["needs"] == "reason")
    try world.run(.schedule(w, at: world.now + .hours(2)), as: .root, reason: "the desk called for help")
    #expect(world.actions(w).last?.data["super_admin_reason"] == "the desk called for help")
    #expect(world.actions(w).last?.performedBy == world.user(.root))
  }

  @Test func `who may not do it at all learns nothing about what exists`() throws {
    let world = World()
    let w = try world.lead()
    let nowhere = world.newID()
    for id in [w, nowhere] {
      #expect(
        world.refusal(.scanCustomer(ScanCustomer(step: WorkflowStep(id), results: [:])), as: .b1)?.code == .forbidden)
    }
    #expect(world.refusal(.checkIn(WorkflowStep(nowhere)), as: .b1)?.code == .notFound)
  }

  @Test func `sales works on its own cases only, owners and admins on all`() throws {
    let world = World()
    let w = try world.lead()
    let refused = try #require(world.refusal(.confirmPayment(world.payment(w)), as: .s2))
    #expect(refused.code == .forbidden)
    #expect(refused.details["needs"] == "own")
    try world.run(.confirmPayment(world.payment(w)), as: .a1)
  }

  @Test func `a customer checks in for their own visit and for nobody else's`() throws {
    let world = World()
    let w = try world.scheduled()
    let other = try world.scheduled("Nok", phone: "089 999 9999", beautician: .b2)
    world.customerID = try world.workflow(w).customerID
    #expect(world.refusal(.checkIn(WorkflowStep(other)), as: .customer)?.code == .forbidden)
    try world.run(.checkIn(WorkflowStep(w)), as: .customer)
    #expect(world.actions(w).last?.actorKind == .customer)
    #expect(world.refusal(.start(w), as: .customer)?.code == .forbidden)
    #expect(world.refusal(.confirmPayment(world.payment(w)), as: .customer)?.code == .forbidden)
  }
}

/// Text tables: columns as wide as their widest cell, no white space at the ends.
enum Golden {
  static func table(_ rows: [[String]]) -> String {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (cell, width) in zip(row, widths) { line += cell + String(repeating: " ", count: width - cell.count + 2) }
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}

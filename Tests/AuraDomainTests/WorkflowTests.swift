import Testing

@testable import AuraDomain

@Suite struct `The state machine` {
  /// Where each command leads from each stage, done by an owner on a real case; `-` is refused, `=` stays.
  static let golden = """
                         lead       scanned    proposal   paid       scheduled  treating   treated    followup   closed    cancelled
    scanCustomer         scanned    -          -          -          -          -          -          -          -         -
    sendProposal         -          proposal   -          -          -          -          -          -          -         -
    confirmPayment       paid       paid       paid       -          -          -          -          -          -         -
    scheduleAppointment  -          -          -          scheduled  =          -          -          -          -         -
    checkIn              -          -          -          -          =          -          -          -          -         -
    noShow (after 2 h)   -          -          -          -          paid       -          -          -          -         -
    startTreatment       -          -          -          treating   treating   -          -          -          -         -
    abortTreatment       -          -          -          -          -          scheduled  -          -          -         -
    completeTreatment    -          -          -          -          -          treated    -          -          -         -
    sendFollowUp         -          -          -          -          -          -          followup   -          -         -
    closeCase            -          -          -          -          -          -          -          closed     -         -
    reassign             =          =          =          =          =          =          =          =          -         -
    cancel               cancelled  cancelled  cancelled  cancelled  cancelled  -          cancelled  cancelled  -         =
    reopen               -          -          -          -          -          -          -          -          followup  active
    correct              -          lead       scanned    -          paid       scheduled  -          treated    -         -
    startCycle           -          -          -          -          -          -          new case   new case   new case  -
    """

  private enum Start: String, CaseIterable {
    case lead, scanned, proposal, paid, scheduled, treating, treated, followup, closed, cancelled
  }

  private func short(_ stage: Stage) -> String {
    let names = zip(Stage.allCases, Start.allCases)
    return names.first { $0.0 == stage }?.1.rawValue ?? stage.rawValue
  }

  private func prepare(_ start: Start, _ world: World) throws -> ID {
    let plan = Plan(totalSt: 500_000)
    switch start {
    case .lead, .scanned, .proposal:
      let w = try world.lead()
      if start == .lead { return w }
      var scan = ScanCustomer(step: WorkflowStep(w), results: ["score": 71])
      scan.consent = ConsentGiven()
      try world.run(.scanCustomer(scan), as: .s1)
      if start == .scanned { return w }
      try world.run(.sendProposal(SendProposal(step: WorkflowStep(w), plan: plan)), as: .s1)
      return w
    case .paid: return try world.paid()
    case .scheduled: return try world.scheduled()
    case .treating: return try world.inTreatment()
    case .treated: return try world.treated()
    case .followup: return try world.followedUp()
    case .closed:
      let w = try world.followedUp()
      try world.run(.closeCase(WorkflowStep(w)), as: .s1)
      return w
    case .cancelled:
      let w = try world.lead()
      try world.run(.cancel(w), as: .s1)
      return w
    }
  }

  private func commands(_ w: ID, _ world: World) -> [(String, Command)] {
    var scan = ScanCustomer(step: WorkflowStep(w), results: ["score": 71])
    scan.consent = ConsentGiven()
    let step = WorkflowStep(w, reason: "as asked")
    return [
      ("scanCustomer", .scanCustomer(scan)),
      ("sendProposal", .sendProposal(SendProposal(step: step, plan: Plan(totalSt: 500_000)))),
      ("confirmPayment", .confirmPayment(world.payment(w))),
      ("scheduleAppointment", .schedule(w, at: world.now + .hours(3), world.id(.b1))),
      ("checkIn", .checkIn(step)),
      ("noShow (after 2 h)", .noShow(step)),
      ("startTreatment", .start(w)),
      ("abortTreatment", .abortTreatment(step)),
      ("completeTreatment", .complete(w)),
      ("sendFollowUp", .sendFollowUp(SendFollowUp(step: step))),
      ("closeCase", .closeCase(step)),
      ("reassign", .reassign(Reassign(step: step, sales: world.id(.s2)))),
      ("cancel", .cancel(w, .credit)),
      ("reopen", .reopen(step)),
      ("correct", .correct(step)),
      ("startCycle", .startCycle(StartCycle(step: step))),
    ]
  }

  @Test func `is this table`() throws {
    var lines = [[""] + Start.allCases.map(\.rawValue)]
    let names = commands(World.start.asID, World()).map(\.0)
    for (index, name) in names.enumerated() {
      var line = [name]
      for start in Start.allCases {
        let world = World()
        let w = try prepare(start, world)
        let before = try world.workflow(w)
        if name.hasPrefix("noShow") { world.now = world.now + .hours(2) }
        do {
          let result = try world.run(commands(w, world)[index].1, as: .o1)
          let after = try world.workflow(w)
          if result["workflowId"]?.id != w {
            line.append("new case")
          } else if after.status != before.status && after.currentStage == before.currentStage {
            line.append(after.status.rawValue)
          } else {
            line.append(after.currentStage == before.currentStage ? "=" : short(after.currentStage))
          }
        } catch let refusal as Refusal {
          #expect(
            [.invalidTransition, .taskAlreadyStarted].contains(refusal.code), "\(name) from \(start): \(refusal)")
          line.append("-")
        }
      }
      lines.append(line)
    }
    let table = Golden.table(lines)
    #expect(table == Self.golden, "\n\(table)")
  }

  static let edges = """
    initialize            (new)                ->  lead_created
    start_cycle           (new)                ->  lead_created
    start_cycle           (new)                ->  scanned
    scan_customer         lead_created         ->  scanned
    send_proposal         scanned              ->  proposal_sent
    confirm_payment       lead_created         ->  payment_confirmed
    confirm_payment       scanned              ->  payment_confirmed
    confirm_payment       proposal_sent        ->  payment_confirmed
    schedule_appointment  payment_confirmed    ->  treatment_scheduled
    schedule_appointment  treatment_scheduled  ->  treatment_scheduled
    check_in              treatment_scheduled  ->  treatment_scheduled
    no_show               treatment_scheduled  ->  payment_confirmed
    start_treatment       treatment_scheduled  ->  in_treatment
    abort_treatment       in_treatment         ->  treatment_scheduled
    complete_treatment    in_treatment         ->  treatment_completed
    send_follow_up        treatment_completed  ->  follow_up
    close_case            follow_up            ->  completed
    reopen                completed            ->  follow_up
    """

  @Test func `has these edges and no others`() {
    let table = Golden.table(
      Edges.all.map { [$0.action.rawValue, $0.from?.rawValue ?? "(new)", "->", $0.to.rawValue] })
    #expect(table == Self.edges, "\n\(table)")
  }

  @Test func `a refused step says where the case stands and what leads on`() throws {
    let world = World()
    let w = try world.lead()
    let refusal = try #require(world.refusal(.sendFollowUp(SendFollowUp(step: WorkflowStep(w))), as: .s1))
    #expect(refusal.code == .invalidTransition)
    #expect(refusal.details["current_stage"] == "lead_created")
    #expect(refusal.details["version"] == 1)
    #expect(
      refusal.details["allowed"]?.array?.contains(["action": "confirmPayment", "to": "payment_confirmed"]) == true)
  }

  @Test func `commands name their actions`() {
    #expect(ActionType.sendFollowUp.commandName == "sendFollowUp")
    #expect(ActionType.initialize.commandName == "initialize")
  }

  // MARK: transition

  private func transition(_ w: ID, _ stage: Stage, _ commands: [(ActionType, Command)]) -> Command {
    .transition(
      Transition(
        workflow: w, stage: stage, candidates: commands.map { .init(action: $0.0, command: .success($0.1)) }))
  }

  @Test func `a stage's name is resolved to the one action that leads there`() throws {
    let world = World()
    let w = try world.lead()
    let toPaid: [(ActionType, Command)] = [
      (.confirmPayment, .confirmPayment(world.payment(w))), (.noShow, .noShow(WorkflowStep(w))),
    ]
    #expect(try world.run(transition(w, .paymentConfirmed, toPaid), as: .s1)["stage"] == "payment_confirmed")
    // From payment_confirmed neither leads there.
    let refusal = try #require(world.refusal(transition(w, .paymentConfirmed, toPaid), as: .s1))
    #expect(refusal.code == .invalidTransition)
    #expect(refusal.details["allowed"]?.array?.isEmpty == false)
    // The stage's own action is as restricted as by its own name.
    let toTreating: [(ActionType, Command)] = [(.startTreatment, .start(w))]
    #expect(world.refusal(transition(w, .inTreatment, toTreating), as: .s1)?.code == .forbidden)
    #expect(try world.run(transition(w, .inTreatment, toTreating), as: .b1)["stage"] == "in_treatment")
  }

  @Test func `what was wrong with the arguments is said once the action is known`() throws {
    let world = World()
    let w = try world.lead()
    let bad = Refusal(.badRequest, "args.amountSt: is missing.", details: ["path": "args.amountSt"])
    let command = Command.transition(
      Transition(
        workflow: w, stage: .paymentConfirmed, candidates: [.init(action: .confirmPayment, command: .failure(bad))]))
    #expect(world.refusal(command, as: .s1) == bad)
  }
}

extension Instant {
  /// Some id, where only its being one matters.
  fileprivate var asID: ID { ID(high: UInt64(milliseconds), low: 1) }
}

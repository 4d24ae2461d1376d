import AuraDomain
import Testing

@testable import AuraStore

/// Messages over the real database: what leaves, leaves after its commit, and whatever is lost on the way comes again.
@Suite struct `Messages and the disk` {
  private let bench: Bench
  private let house: House

  init() throws {
    bench = try Bench { $0.decide = { command, draft in try decide(command, &draft) } }
    house = try House(bench)
  }

  /// A case that was treated now.
  @discardableResult
  private func treated(_ name: String) throws -> ID {
    let w = try house.lead(name)
    try house.pay(w, at: bench.now, by: house.firstStaff)
    try house.run(house.first, .startTreatment(StartTreatment(step: WorkflowStep(w))))
    try house.run(house.first, .completeTreatment(CompleteTreatment(step: WorkflowStep(w))))
    return w
  }

  private func executions(_ status: ExecutionStatus) throws -> Int {
    try bench.count("SELECT COUNT(*) FROM followup_executions WHERE status = '\(status.rawValue)'")
  }

  /// As the courier says it, under the key by which it is once.
  @discardableResult
  private func report(_ dispatch: Dispatch, _ result: DispatchReport.Result) throws -> Outcome {
    var request = bench.request(house.clinic, nil, key: "dispatch:\(dispatch.execution):\(dispatch.attempt)")
    request.command = .reportDispatch(DispatchReport(of: dispatch, result))
    return try #require(bench.process(request).outcomes.first?.1)
  }

  /// Fires what is due, as often as it takes.
  private func fire() -> [Dispatch] {
    var left: [Dispatch] = []
    while let due = bench.writer.nextDue, due <= bench.now { left += bench.process().dispatches }
    return left
  }

  @Test func `are planned in the commit of their cause`() throws {
    try treated("One")
    #expect(try executions(.pending) == 2)
    let last = try #require(try bench.read { try $0.commits(clinic: house.clinic, after: 0).last })
    #expect(last.changes.count { $0.table == .followupExecutions } == 2)
    #expect(last.changes.contains { $0.table == .workflowStates })
    #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind = 'follow_up'") == 2)
  }

  @Test func `leave after the commit that leased them, or not at all`() throws {
    try treated("One")
    bench.now = bench.now + .days(1)
    bench.writer.commit = { session in
      try session.execute(SQLSession.rollback)
      throw SQLFailure(kind: .full, code: 13, message: "full")
    }
    #expect(bench.process().dispatches.isEmpty)
    #expect(try executions(.sending) == 0)
    bench.writer.commit = { try $0.execute(SQLSession.commit) }
    bench.now = bench.now + .seconds(5)
    #expect(fire().count == 1)
    #expect(try executions(.sending) == 1)
  }

  @Test func `are reported once under one key, whoever repeats it`() throws {
    try treated("One")
    bench.now = bench.now + .days(1)
    let dispatch = try #require(fire().first)
    #expect(try !report(dispatch, .accepted(providerMessageID: "p")).duplicate)
    #expect(try report(dispatch, .accepted(providerMessageID: "p")).duplicate)
    #expect(try executions(.sent) == 1)
    #expect(try bench.count("SELECT COUNT(*) FROM workflow_states WHERE current_stage = 'follow_up'") == 1)
  }

  @Test func `survive a process that ends at any moment: nothing is lost, nothing comes twice`() throws {
    var random = SplitMix(state: 4)
    var taken: [ID: Int] = [:]
    var crashes = 0
    for number in 0..<24 { try treated("N\(number)") }
    let end = bench.now + .days(8)
    while bench.now < end {
      bench.now = bench.now + .minutes(Int.random(in: 1...120, using: &random))
      for dispatch in fire() {
        // The gateway knows a message by its id: the second time it only says so.
        let isNew = taken[dispatch.execution] == nil
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
          // It was taken, and nobody is there to hear it.
          if isNew { taken[dispatch.execution] = 1 }
          try bench.reopen()
          crashes += 1
        case 1:
          // It never got there.
          try bench.reopen()
          crashes += 1
        case 2 where isNew: try report(dispatch, .failed(reason: "503", retryAfter: nil))
        default:
          if isNew { taken[dispatch.execution] = 1 }
          try report(dispatch, .accepted(providerMessageID: "p"))
          if Int.random(in: 0..<4, using: &random) == 0 {
            try bench.reopen()
            crashes += 1
          }
        }
      }
    }
    #expect(crashes > 20)
    #expect(try executions(.sent) == 48)
    #expect(taken.count == 48)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE kind = 'follow_up'") == 0)
  }
}

/// Sebastiano Vigna's generator.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

import Testing

@testable import AuraDomain

extension World {
  /// Rules and templates of the house, and where the clinic's pages are.
  func seedFollowUps(_ types: [FollowUpType] = FollowUpType.allCases, baseURL: String? = "https://c1.example") throws {
    try edit { draft in
      try draft.seedFollowUps(types)
      try draft.update(try draft.clinic()) { clinic in
        clinic.settings.set("follow_up", ["base_url": baseURL.map(JSON.string) ?? .null])
      }
    }
  }

  func rule(_ type: FollowUpType, _ change: (inout FollowUpRuleDetails) -> Void = { _ in }) throws -> ID {
    var details = FollowUpRuleDetails()
    details.name = "\(type.rawValue) \(seq)"
    details.type = type
    details.channels = [.sms]
    change(&details)
    return try #require(try run(.createFollowUpRule(details), as: .o1)["ruleId"]?.id)
  }

  func rule(named part: String) throws -> FollowUpRule {
    try #require(rows.all(FollowUpRule.self).first { $0.name.contains(part) })
  }

  func customer(of workflow: ID) throws -> ID { try self.workflow(workflow).customerID }

  func execution(_ id: ID) throws -> FollowUpExecution { try #require(try rows.row(FollowUpExecution.self, id)) }

  /// A case's messages in the order of their times.
  func messages(_ workflow: ID) -> [FollowUpExecution] {
    rows.of(FollowUpExecution.self, workflow).sorted { ($0.scheduledAt, $0.id) < ($1.scheduledAt, $1.id) }
  }

  func messages(to customer: ID, _ type: FollowUpType? = nil) -> [FollowUpExecution] {
    rows.of(FollowUpExecution.self, customer: customer).filter { execution in
      type == nil || (try? rows.row(FollowUpRule.self, execution.ruleID))??.type == type
    }
  }

  func preferences(_ customer: ID) throws -> CustomerPreferences {
    try #require(rows.of(CustomerPreferences.self, customer: customer).first)
  }

  func prefer(_ customer: ID, _ change: (inout PreferenceDetails) -> Void) throws {
    var details = PreferenceDetails(customer: customer)
    details.consent = ConsentGiven(version: "2026-01")
    change(&details)
    try run(.updatePreferences(details), as: .s1)
  }

  func optIn(_ customer: ID) throws { try prefer(customer) { $0.marketingOptIn = true } }

  func change(_ customer: ID, _ change: (inout Customer) -> Void) throws {
    try edit { draft in try draft.update(try draft.customer(customer), change) }
  }

  @discardableResult
  func report(_ dispatch: Dispatch, _ result: DispatchReport.Result) throws -> JSON {
    try run(
      .reportDispatch(DispatchReport(of: dispatch, result)), actor: .system)
  }

  /// What left last.
  func lastDispatch() throws -> Dispatch { try #require(rows.dispatches.last) }

  /// The last of a message's tries that left is answered so.
  @discardableResult
  func answerLast(_ result: DispatchReport.Result) throws -> JSON { try report(try lastDispatch(), result) }

  @discardableResult
  func respond(_ execution: ID, _ change: (inout FollowUpResponse) -> Void) throws -> JSON {
    var response = FollowUpResponse(execution: execution)
    change(&response)
    return try run(.recordResponse(response), actor: .system)
  }
}

/// A gateway that remembers whom it has written to by the message's id, and answers as it likes.
final class FakeGateway {
  enum Mood: CaseIterable {
    /// Takes it and says so.
    case good
    /// Takes it, and the answer is lost.
    case silent
    /// Takes it, and the answer comes late.
    case slow
    /// Has it already or not: says that it is overloaded.
    case busy
    /// Does not answer and has not taken it.
    case gone
    /// Will never take it.
    case refusing
  }

  struct Report {
    var at: Instant
    var dispatch: Dispatch
    var result: DispatchReport.Result
  }

  let world: World
  var mood: (Dispatch) -> Mood = { _ in .good }
  /// Where each message was taken: on one channel, whatever was asked. A channel's gateway knows nothing of another's.
  private(set) var taken: [ID: [Dispatch]] = [:]
  private(set) var reports: [Report] = []
  private var seen = 0

  init(_ world: World) { self.world = world }

  /// Takes what has left since it looked last.
  func look() {
    while seen < world.rows.dispatches.count {
      let dispatch = world.rows.dispatches[seen]
      seen += 1
      let accepted = DispatchReport.Result.accepted(providerMessageID: "p-\(dispatch.execution)")
      let mood = mood(dispatch)
      switch mood {
      case .good, .silent, .slow:
        if !has(dispatch) { taken[dispatch.execution, default: []].append(dispatch) }
        if mood != .silent { say(dispatch, accepted, after: mood == .good ? .seconds(1) : .seconds(150)) }
      case .busy: say(dispatch, .failed(reason: "503", retryAfter: nil), after: .seconds(2))
      case .gone: break
      case .refusing:
        // One that has it does not refuse it.
        say(dispatch, has(dispatch) ? accepted : .refused(reason: "no such address"), after: .seconds(1))
      }
    }
  }

  private func has(_ dispatch: Dispatch) -> Bool {
    taken[dispatch.execution]?.contains { $0.channel == dispatch.channel } ?? false
  }

  private func say(_ dispatch: Dispatch, _ result: DispatchReport.Result, after span: Span) {
    reports.append(Report(at: world.now + span, dispatch: dispatch, result: result))
  }

  /// Lets time pass: timers and reports in the order of their times.
  func advance(_ span: Span) throws { try advance(to: world.now + span) }

  func advance(to end: Instant) throws {
    look()
    while true {
      let timer = world.rows.nextTimer.flatMap { $0.due <= end ? $0.due : nil }
      let report = reports.indices.filter { reports[$0].at <= end }.min { reports[$0].at < reports[$1].at }
      if let report, timer.map({ reports[report].at <= $0 }) ?? true {
        let said = reports.remove(at: report)
        world.now = max(world.now, said.at)
        try world.report(said.dispatch, said.result)
      } else if let timer {
        try world.advance(to: max(world.now, timer))
      } else {
        break
      }
      look()
    }
    world.now = max(world.now, end)
  }
}

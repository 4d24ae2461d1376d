import AuraDelivery
import AuraDomain
import AuraStore
import Logging
import Synchronization

/// The way out and back: what a durable batch dispatches goes to the courier, what becomes of it comes back as a command
/// of the system. Whatever is lost on the way is brought again by its lease.
final class Outbox: Sendable {
  private let store: Store
  private let gateways: Gateways
  private let courier: Courier
  private let underWay: UnderWay
  private let clock: @Sendable () -> Instant
  private static let log = Logger(label: "delivery")

  /// The tries that the courier has, so that each is counted once however often its report is offered.
  private final class UnderWay: Sendable {
    private struct Try: Hashable {
      var execution: ID
      var attempt: Int
    }
    private struct State {
      /// With the end of their leases: what is called off, or could not be reported by then, is with the courier no more.
      var tries: [Try: (channel: Channel, until: Instant)] = [:]
      var lookedAt = Instant(milliseconds: 0)
    }
    private let state = Mutex(State())
    private let counts: CourierCounts

    init(_ counts: CourierCounts) { self.counts = counts }

    func begin(_ dispatch: Dispatch, now: Instant) {
      let (count, over) = state.withLock { state -> (Int, [Channel]) in
        state.tries[Try(execution: dispatch.execution, attempt: dispatch.attempt)] = (
          dispatch.channel, dispatch.leaseUntil
        )
        var over: [Channel] = []
        if now - state.lookedAt >= .seconds(10) {
          state.lookedAt = now
          for (key, value) in state.tries where value.until <= now {
            state.tries[key] = nil
            over.append(value.channel)
          }
        }
        return (state.tries.count, over)
      }
      counts.underWay.set(count)
      for channel in over { counts.outcomes.counter(.init(channel: channel.rawValue, outcome: "unreported")).add() }
    }

    func end(_ report: DispatchReport) {
      let count: Int? = state.withLock { state in
        let key = Try(execution: report.execution, attempt: report.attempt)
        return state.tries.removeValue(forKey: key) == nil ? nil : state.tries.count
      }
      guard let count else { return }
      counts.underWay.set(count)
      counts.outcomes.counter(.init(channel: report.channel.rawValue, outcome: report.result.word)).add()
    }
  }

  init(
    store: Store, gateways: Gateways, counts: CourierCounts, clock: @escaping @Sendable () -> Instant
  ) throws(CourierFailure) {
    let underWay = UnderWay(counts)
    self.underWay = underWay
    self.clock = clock
    self.store = store
    self.gateways = gateways
    courier = try Courier(clock: clock) { [store] clinic, report in
      underWay.end(report)
      return store.submit(Self.request(clinic, report))
    } log: { sentence in
      Self.log.warning("\(sentence)")
    }
  }

  /// Called on the writer's thread with a durable batch; a reader looks up whose gateways they are.
  func follow(_ batch: Batch) {
    courier.keepBack(batch.recalls)
    guard !batch.dispatches.isEmpty else { return }
    let dispatches = batch.dispatches
    store.read { reader in
      var codes: [ID: String] = [:]
      for clinic in Set(dispatches.map(\.clinic)) {
        codes[clinic] = try reader.clinicRows(clinic).row(Clinic.self, clinic)?.clinicCode
      }
      return codes
    } then: { [self] result in
      switch result {
      case .success(let codes):
        for dispatch in dispatches {
          let code = codes[dispatch.clinic] ?? ""
          underWay.begin(dispatch, now: clock())
          courier.carry(
            Parcel(
              dispatch: dispatch, clinicCode: code, route: gateways.route(clinic: code, channel: dispatch.channel)))
        }
      case .failure(let failure):
        Self.log.warning(
          "messages wait for their leases: the database could not be read", metadata: ["why": "\(failure)"])
      }
    }
  }

  /// Ends what is under way; what it can still report, it does before it returns.
  func stop() {
    if !courier.stop() { Self.log.error("the courier did not stop in time") }
  }

  /// One key for each try: a report that comes twice is one.
  private static func request(_ clinic: ID, _ report: DispatchReport) -> CommandRequest {
    CommandRequest(
      origin: .call { outcome in
        guard case .failure(let refusal) = outcome.result else { return }
        log.warning(
          "a report was not taken", metadata: ["execution": "\(report.execution)", "why": "\(refusal.message)"])
      },
      clinic: clinic, user: nil, key: "dispatch:\(report.execution):\(report.attempt)",
      command: .reportDispatch(report), digest: [])
  }
}

extension DispatchReport.Result {
  fileprivate var word: String {
    switch self {
    case .accepted: "accepted"
    case .refused: "refused"
    case .failed: "failed"
    case .postponed: "postponed"
    }
  }
}

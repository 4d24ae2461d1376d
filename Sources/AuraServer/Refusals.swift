import AuraMetrics

/// The limits that a hub refuses by, as `aura_refusals_total` names them.
enum Limit: String, CaseIterable {
  case connections
  case connectionsPerAddress = "connections_per_address"
  case connectionsPerUser = "connections_per_user"
  case descriptors
  case frameBytes = "frame_bytes"
  case framesPerSecond = "frames_per_second"
  /// Frames behind a hello that is not answered.
  case earlyFrames = "early_frames"
  case helloTime = "hello_time"
  case commandsPerSecond = "commands_per_second"
  case commandsPerUser = "commands_per_user"
  case requestsInFlight = "requests_in_flight"
  case subscriptions
  case slowReader = "slow_reader"
  case waitingMessages = "waiting_messages"
  case writesWaiting = "writes_waiting"
  case readsWaiting = "reads_waiting"
  case bodyBytes = "body_bytes"
  case codes
  /// 429 of sign-in, refresh and sign-out.
  case signIn = "sign_in"
  /// 429 of gateways' events.
  case gatewayEvents = "gateway_events"
  /// 429 of all other routes.
  case routes
}

/// How often each limit was met. Those that the transport, the hubs and the store meet are counted there.
final class Refusals: Sendable {
  private let counters: [Limit: Counter]

  init() { counters = Dictionary(uniqueKeysWithValues: Limit.allCases.map { ($0, Counter()) }) }

  func count(_ limit: Limit) { counters[limit]?.add() }
  subscript(limit: Limit) -> Int { counters[limit]?.value ?? 0 }
}

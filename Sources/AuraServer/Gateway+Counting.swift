import AuraDomain
import AuraMetrics
import AuraStore
import Logging

/// What is counted and told of requests.
extension Gateway {
  /// Takes one of a user's commands, or tells how many milliseconds there is none.
  func takeUserCommand(_ user: ID) -> Int? {
    let now = Instant.monotonic
    var bucket = userCommands[user] ?? TokenBucket(perSecond: limits.userCommandsPerSecond, now: now)
    defer { userCommands[user] = bucket }
    return bucket.take(now: now)
  }

  /// One line a command: what it was and what became of it, by ids alone.
  func tell(of outcome: (session: UInt64, request: Int, outcome: Outcome)) {
    guard let peer = peers[outcome.session], let taken = peer.inFlight[outcome.request] else { return }
    peer.commandsTaken += 1
    guard log.logLevel <= .info else { return }
    var metadata: Logger.Metadata = [
      "connection": "\(outcome.session)", "user": "\(peer.user.map { "\($0)" } ?? "none")",
      "clinic": "\(taken.clinic)", "command": "\(taken.name)", "request": "\(outcome.request)",
      "ms": "\(Self.milliseconds(since: taken.at))",
    ]
    switch outcome.outcome.result {
    case .success(let accepted):
      metadata["outcome"] = outcome.outcome.duplicate ? "duplicate" : "ok"
      metadata["seq"] = "\(accepted.seq)"
    case .failure(let refusal): metadata["outcome"] = "\(refusal.code.rawValue)"
    }
    log.info("command", metadata: metadata)
  }

  func countQuery(_ result: Result<Result<[UInt8], Refusal>, StoreFailure>) {
    let word =
      switch result {
      case .success(.success): "ok"
      case .success(.failure(let refusal)): refusal.code.rawValue
      case .failure: ErrorCode.unavailable.rawValue
      }
    counts.queries.counter(word).add()
  }

  /// With one digit behind the point.
  static func milliseconds(since start: Int) -> String {
    let tenths = max(0, Stopwatch.nanoseconds() - start) / 100_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}

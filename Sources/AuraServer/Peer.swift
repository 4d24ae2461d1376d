import AuraDomain
import AuraHub
import AuraTransport

/// One WebSocket from its opening to its end: what it has said of itself and what it is still owed.
final class Peer: Outlet {
  enum Phase {
    /// Nothing but `hello` is taken.
    case new
    /// The hello's identity is being read; what comes in the meantime waits.
    case greeting
    case ready(Session)
    /// `bye` is sent; nothing more is taken or given.
    case leaving
  }

  /// A request that was taken, and when, by `Stopwatch`.
  struct Taken {
    var name: String
    var clinic: ID
    var at: Int
    var isCommand: Bool
  }

  let connection: Connection
  let counts: LoopCounts
  var phase = Phase.new
  /// What has come behind a hello that is not answered yet.
  var early: [[UInt8]] = []
  /// Requests that have not been answered, or whose answer has not left.
  var inFlight: [Int: Taken] = [:]
  /// The clinics of requests in flight that name a code, which costs a try until it turns out to be one.
  var guesses: [Int: ID] = [:]
  var commands: TokenBucket
  var frames: TokenBucket
  var openedAt: Instant
  /// Whose place among a user's connections this one has.
  var user: ID?
  /// Why the hub has ended it; `nil` while it has not.
  var ended: String?
  var commandsTaken = 0
  var framesReceived = 0
  var framesSent = 0
  var expiresAt = Instant.latest
  var isAuthDueSent = false
  var pings = 0
  /// When the ping that waits for its pong was sent.
  var pingedAt: Instant?
  var lastReceived: Instant
  var name = ""
  /// The clinics whose presence counts this device.
  var presence: Set<ID> = []

  init(connection: Connection, limits: SessionLimits, counts: LoopCounts, now: Instant) {
    self.connection = connection
    self.counts = counts
    openedAt = now
    lastReceived = now
    commands = TokenBucket(perSecond: limits.commandsPerSecond, now: now)
    frames = TokenBucket(perSecond: limits.framesPerSecond, now: now)
  }

  var session: Session? { if case .ready(let session) = phase { session } else { nil } }

  func send(_ frame: any SharedFrame) -> Bool {
    guard let frame = frame as? Frame else { return false }
    guard connection.send(frame) else { return false }
    framesSent += 1
    counts.framesSent.add()
    counts.bytesSent.add(frame.byteCount)
    return true
  }

  func requestWritable() { connection.requestWritable() }
}

extension Frame: SharedFrame {}

/// Lets a number a second through, and as many at once after a pause.
struct TokenBucket {
  private let perSecond: Int
  private var milli: Int
  private var filledAt: Instant

  init(perSecond: Int, now: Instant) {
    self.perSecond = perSecond
    milli = perSecond * 1_000
    filledAt = now
  }

  /// Takes one; otherwise the milliseconds until there is one.
  mutating func take(now: Instant) -> Int? {
    let passed = max(0, (now - filledAt).milliseconds)
    milli = min(perSecond * 1_000, milli + min(passed, 60_000) * perSecond)
    filledAt = now
    if milli >= 1_000 {
      milli -= 1_000
      return nil
    }
    return max(1, (1_000 - milli + perSecond - 1) / max(1, perSecond))
  }
}

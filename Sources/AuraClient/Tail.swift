import AuraDomain
import AuraThreads
import AuraTransport
import Synchronization

/// Live changes of a clinic as lines for a person to read; comes back by itself when the connection is lost.
package enum Tail {
  package struct Configuration: Sendable {
    package var address: WebSocketAddress
    package var token: String
    /// nil: every clinic that the user belongs to.
    package var clinic: ID?
    package var topics = ["task_queue", "workflow_states", "workflow_events"]
    /// Whole rows as JSON, one line a commit, for programs.
    package var printsJSON = false
    package var trustsAnyCertificate = false

    package init(address: WebSocketAddress, token: String) {
      self.address = address
      self.token = token
    }
  }

  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// Prints until `stop` is raised or the server says that this user is not to come back (then it throws). Lines about
  /// the connection go to `status`.
  package static func run(
    _ configuration: Configuration, stop: TailStop = TailStop(), print: @escaping @Sendable (String) -> Void,
    status: @escaping @Sendable (String) -> Void
  ) throws {
    var transport = ClientConfiguration(subprotocol: "aura.v1.json")
    transport.trustsAnyCertificate = configuration.trustsAnyCertificate
    let client = try ClientTransport(transport) { connector in
      TailRun(configuration, connector: connector, print: print, status: status) { stop.end($0) }
    }
    client.post { $0.begin() }
    let failure = stop.wait()
    client.stop()
    if let failure { throw Failure(description: failure) }
  }
}

/// Ends a `Tail.run` from another thread.
package final class TailStop: Sendable {
  private let failure = Mutex<String?>(nil)
  private let signal = AuraThreads.Signal()

  package init() {}
  package func raise() { end(nil) }

  func end(_ reason: String?) {
    failure.withLock { $0 = $0 ?? reason }
    signal.raise()
  }

  func wait() -> String? {
    signal.wait()
    return failure.withLock { $0 }
  }
}

/// A tail on its loop's thread.
final class TailRun: HubClientEvents {
  private let configuration: Tail.Configuration
  private let connector: Connector
  private let print: @Sendable (String) -> Void
  private let status: @Sendable (String) -> Void
  private let end: @Sendable (String?) -> Void
  private let reader = FrameReader()
  private var client: HubClient?
  /// To find the user's clinics it greets once without a subscription.
  private var isAsking = false
  private var rows = 0

  init(
    _ configuration: Tail.Configuration, connector: Connector, print: @escaping @Sendable (String) -> Void,
    status: @escaping @Sendable (String) -> Void, end: @escaping @Sendable (String?) -> Void
  ) {
    self.configuration = configuration
    self.connector = connector
    self.print = print
    self.status = status
    self.end = end
  }

  func begin() {
    status("connecting to \(configuration.address)")
    isAsking = configuration.clinic == nil
    start(clinics: configuration.clinic.map { [$0] } ?? [])
  }

  private func start(clinics: [ID]) {
    var settings = HubClient.Configuration(
      address: configuration.address, token: configuration.token, app: "tail")
    settings.subscriptions = clinics.map { .init(clinic: $0, topics: configuration.topics) }
    let client = HubClient(settings, events: self, connector: connector, reader: reader)
    self.client = client
    client.start()
  }

  func tick(nowMs: Int) { client?.tick() }

  // MARK: What the client tells

  func welcomed(_ client: HubClient, _ welcome: ServerFrame.Welcome) {
    guard isAsking else { return status("connected as \(welcome.userName)") }
    isAsking = false
    let clinics = welcome.memberships.map(\.clinic)
    guard !clinics.isEmpty else { return end("\(welcome.userName) belongs to no clinic: name one with --clinic") }
    client.stop()
    start(clinics: clinics)
  }

  func subscribed(_ client: HubClient, _ subscription: Int, startsOver: Bool, reason: String?) {
    rows = 0
    if !startsOver { status("resumed where it was") }
  }

  func snapshot(_ client: HubClient, _ subscription: Int, _ part: ServerFrame.SnapshotPart) {
    rows += part.rows.reduce(0) { $0 + $1.rows.count }
    if part.isLast { status("\(rows) rows at \(part.seq); changes follow") }
  }

  func delta(_ client: HubClient, _ subscription: Int, _ delta: Delta) {
    for commit in delta.commits {
      for line in configuration.printsJSON ? [TailText.json(commit)] : TailText.lines(commit) { print(line) }
    }
  }

  func gap(_ client: HubClient, _ subscription: Int, expected: Int, found: Int) {
    status("a change was missed after \(expected); asking again")
  }

  func unsubscribed(_ client: HubClient, _ subscription: Int, code: String) {
    if code != "scope_changed" { end("the subscription has ended: \(code)") }
  }

  func acknowledged(_ client: HubClient, key: String, _ outcome: Result<(seq: Int, result: JSON), HubError>) {}

  func failed(_ client: HubClient, _ error: HubError) {
    if error.isTemporary { status("\(error)") } else { end("\(error)") }
  }

  func disconnected(_ client: HubClient, code: UInt16, reason: String, isFinal: Bool) {
    guard client === self.client else { return }
    let why = reason.isEmpty ? "closed with \(code)" : reason
    if isFinal {
      end("the server does not let this user in (\(why)): take a new token")
    } else {
      status("connection lost (\(why)); coming back")
    }
  }
}

/// A commit in words.
enum TailText {
  static func lines(_ commit: Delta.CommitSeen) -> [String] {
    let cause = commit.command.isEmpty ? "" : "  \(commit.command)"
    return ["\(time(commit.atMilliseconds))  #\(commit.seq)\(cause)"]
      + commit.changes.map { change in
        let id = String(change.id.suffix(6))
        guard let row = change.row else { return "    − \(change.table) …\(id)" }
        let words = ["event_type", "title", "status", "current_stage", "assigned_to", "priority"].compactMap { name in
          row[name].flatMap { text(of: $0) }.map { name == "assigned_to" ? "→ …\($0.suffix(6))" : $0 }
        }
        return "    + \(change.table) …\(id) v\(change.version)  " + words.joined(separator: "  ")
      }
  }

  private static func text(of value: JSON) -> String? {
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    // Texts in two languages: English is what a terminal shows for sure.
    case .object(let object): object["en"]?.string ?? object["th"]?.string
    default: nil
    }
  }

  static func json(_ commit: Delta.CommitSeen) -> String {
    JSON.object([
      "seq": .integer(commit.seq), "at": .integer(commit.atMilliseconds), "command": .string(commit.command),
      "changes": .array(
        commit.changes.map { change in
          .object([
            "table": .string(change.table), "op": change.row == nil ? "remove" : "put", "id": .string(change.id),
            "version": .integer(change.version), "row": change.row ?? .null,
          ])
        }),
    ]).text
  }

  /// The time of day in UTC: `14:03:07.123Z`.
  static func time(_ milliseconds: Int) -> String {
    func digits(_ number: Int, _ width: Int) -> String {
      String(repeating: "0", count: max(0, width - String(number).count)) + String(number)
    }
    let day = milliseconds % 86_400_000
    return "\(digits(day / 3_600_000, 2)):\(digits(day / 60_000 % 60, 2)):\(digits(day / 1_000 % 60, 2))"
      + ".\(digits(day % 1_000, 3))Z"
  }
}

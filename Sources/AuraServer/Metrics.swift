import AuraDomain
import AuraHub
import AuraMetrics
import AuraStore
import AuraTransport

/// All that a hub counts, gathered for `/metrics`. A scrape reads numbers that the threads have counted for themselves;
/// it stops none of them.
final class Metrics: Sendable {
  let refusals = Refusals()
  let loops: [LoopCounts]
  let transport: TransportCounts
  let store: StoreCounts
  let courier = CourierCounts()
  private let version: String
  private let startedAt: Instant

  init(loops: Int, version: String, startedAt: Instant, transport: TransportCounts, store: StoreCounts) {
    self.loops = (0..<loops).map { _ in LoopCounts() }
    self.version = version
    self.startedAt = startedAt
    self.transport = transport
    self.store = store
  }

  /// What a scrape asks elsewhere.
  struct Surroundings {
    var sockets: Int
    var writesWaiting: Int
    var readsWaiting: Int
    var databaseBytes: Int
    var logBytes: Int
    /// `nil` when the database could not be read.
    var timers: (count: Int, lag: Span)?
    var linesLost: Int
  }

  func text(_ now: Surroundings) -> String {
    var exposition = Exposition()
    process(&exposition)
    connections(&exposition, now)
    streams(&exposition)
    requests(&exposition)
    database(&exposition, now)
    messages(&exposition)
    let limits = Limit.allCases.map { ([(name: "limit", value: $0.rawValue)], refused($0)) }
    exposition.add(.counter, "aura_refusals_total", "What was refused, by the limit that was met.", limits)
    exposition.add(.counter, "aura_log_lines_lost_total", "Log lines that found no room or no reader.", now.linesLost)
    return exposition.text
  }

  // MARK: Families

  private func process(_ exposition: inout Exposition) {
    exposition.add(
      .gauge, "aura_build_info", "Always 1; the labels say what runs.",
      [([("version", version), ("schema", "\(Store.schemaVersion)")], 1)])
    exposition.add(
      .gauge, "process_start_time_seconds", "When the hub was started, in seconds since 1970.",
      Double(startedAt.milliseconds) / 1_000)
    let usage = ProcessFacts.now
    exposition.add(
      .counter, "process_cpu_seconds_total", "Processor time of all threads, in seconds.", usage.cpuSeconds)
    exposition.add(.gauge, "process_resident_memory_bytes", "Resident memory.", usage.residentBytes)
    exposition.add(.gauge, "process_open_fds", "Open file descriptors.", usage.descriptors)
    exposition.add(.gauge, "process_max_fds", "The limit of open file descriptors.", usage.descriptorsMax)
  }

  private func connections(_ exposition: inout Exposition, _ now: Surroundings) {
    exposition.add(.gauge, "aura_sockets", "Open sockets: WebSockets, and HTTP connections.", now.sockets)
    exposition.add(
      .counter, "aura_sockets_accepted_total", "Sockets that were let in.", transport.accepted.value)
    exposition.add(
      .gauge, "aura_connections", "Open WebSockets, as of the loops' last look a second ago at most.",
      sum(\.connections))
    exposition.add(.gauge, "aura_sessions", "WebSockets whose user is known.", sum(\.sessions))
    exposition.add(.counter, "aura_connections_opened_total", "WebSockets that were opened.", total(\.opened))
    exposition.add(
      .counter, "aura_connections_closed_total", "WebSockets that have ended, by their close code.",
      merged(\.closed) { [("code", $0)] })
    exposition.add(.counter, "aura_frames_received_total", "Frames taken from WebSockets.", total(\.framesReceived))
    exposition.add(
      .counter, "aura_received_bytes_total", "Bytes of the frames taken from WebSockets.", total(\.bytesReceived))
    exposition.add(.counter, "aura_frames_sent_total", "Frames written to WebSockets.", total(\.framesSent))
    exposition.add(
      .counter, "aura_sent_bytes_total", "Bytes of the frames written to WebSockets.", total(\.bytesSent))
    exposition.add(
      .gauge, "aura_waiting_bytes", "Bytes of frames that are made and wait for their sockets.", sum(\.waitingBytes))
    exposition.add(
      .gauge, "aura_waiting_messages", "Answers and other messages that wait for their sockets.",
      sum(\.waitingMessages))
    exposition.add(
      .gauge, "aura_slow_readers", "Sockets that have taken nothing for a second though something waits.",
      sum(\.slowReaders))
  }

  private func streams(_ exposition: inout Exposition) {
    exposition.add(.gauge, "aura_subscriptions", "Subscriptions of all sessions.", sum(\.subscriptions))
    exposition.add(
      .gauge, "aura_streams", "Distinct streams; all subscribers of one are sent the same bytes.", sum(\.streams))
    exposition.add(
      .counter, "aura_deliveries_total", "Deltas written to a socket at once, behind their commit.",
      total(\.hub.deliveries))
    exposition.add(
      .counter, "aura_catch_ups_total", "Deltas that a client was behind with.", total(\.hub.catchUps))
    var beginnings: [HubCounts.Beginning: Int] = [:]
    for loop in loops { for (label, value) in loop.hub.beginnings.readings { beginnings[label, default: 0] += value } }
    exposition.add(
      .counter, "aura_resumes_total",
      "Streams begun, by how (resume: the log behind a cursor; snapshot: the rows) and why.",
      beginnings.map { ([("mode", $0.key.mode), ("reason", $0.key.reason)], $0.value) })
    exposition.add(
      "aura_commit_to_sent_seconds",
      "From the durable commit until a loop has written it to every socket that could take it; once a commit and loop.",
      reading(\.commitToSent))
  }

  private func requests(_ exposition: inout Exposition) {
    exposition.add(
      .counter, "aura_commands_total", "Commands by name and outcome: ok, duplicate or the code of the refusal.",
      store.commands.readings.map { ([("name", $0.label.name), ("outcome", $0.label.outcome)], $0.value) })
    exposition.add(
      "aura_command_to_ack_seconds", "From a command's frame until the socket has its answer.", reading(\.commandToAck))
    exposition.add(
      .counter, "aura_queries_total", "Queries by outcome: ok or the code of the refusal.",
      merged(\.queries) { [("outcome", $0)] })
    exposition.add(
      "aura_query_seconds", "From a query's frame until the socket has its answer.", reading(\.querySeconds))
    exposition.add(
      .counter, "aura_http_requests_total", "HTTP requests but those of files, by status.",
      merged(\.httpRequests) { [("status", "\($0)")] })
    exposition.add(
      "aura_http_request_seconds", "From a whole HTTP request until its answer; files left out.",
      reading(\.httpSeconds))
  }

  private func database(_ exposition: inout Exposition, _ now: Surroundings) {
    exposition.add(.counter, "aura_commits_total", "Commits of clinics.", store.commits.value)
    exposition.add(.counter, "aura_changes_total", "Rows changed by the commits.", store.changes.value)
    exposition.add(
      "aura_transaction_requests", "Commands, timers and other writes that shared one transaction.",
      store.transactionRequests.reading)
    exposition.add(
      "aura_transaction_seconds", "A committed transaction from its begin to its durable end.",
      store.transactionSeconds.reading)
    exposition.add(
      "aura_commit_durable_seconds",
      "COMMIT alone: the pages written to the log and synced (fsync), and a checkpoint where one was due.",
      store.durableSeconds.reading)
    exposition.add(
      .counter, "aura_transactions_abandoned_total", "Transactions of which nothing happened.", store.abandoned.value)
    exposition.add(
      .gauge, "aura_writes_failing", "1 while the last transaction could not be committed.", store.isFailing ? 1 : 0)
    exposition.add(.gauge, "aura_writes_waiting", "Requests that wait for the writer.", now.writesWaiting)
    exposition.add(.gauge, "aura_reads_waiting", "Reads that wait for a reader.", now.readsWaiting)
    exposition.add(.gauge, "aura_database_bytes", "Size of the database's file.", now.databaseBytes)
    exposition.add(.gauge, "aura_database_log_bytes", "Size of the write-ahead log.", now.logBytes)
    exposition.add(
      .counter, "aura_timers_total", "Timers by outcome: fired or the code of the refusal.",
      store.timers.readings.map { ([("outcome", $0.label)], $0.value) })
    exposition.add(
      "aura_timer_lag_seconds", "How late timers were when they fired.", store.timerLag.reading)
    if let timers = now.timers {
      exposition.add(
        .gauge, "aura_timers_due", "Timers that are due and have not fired, counted up to 10000.", timers.count)
      exposition.add(
        .gauge, "aura_timers_due_lag_seconds", "How long the longest of them waits.",
        Double(timers.lag.milliseconds) / 1_000)
    }
  }

  private func messages(_ exposition: inout Exposition) {
    exposition.add(
      .counter, "aura_messages_total", "Tries to hand a message to a gateway, by channel and what became of them.",
      courier.outcomes.readings.map { ([("channel", $0.label.channel), ("outcome", $0.label.outcome)], $0.value) })
    exposition.add(
      .gauge, "aura_messages_waiting", "Messages that are with the courier: waiting, or on their way.",
      max(0, courier.underWay.value))
  }

  // MARK: Sums over the loops

  private func total(_ counter: (LoopCounts) -> Counter) -> Int { loops.reduce(0) { $0 + counter($1).value } }
  private func sum(_ gauge: (LoopCounts) -> Gauge) -> Int { loops.reduce(0) { $0 + gauge($1).value } }

  private func reading(_ histogram: (LoopCounts) -> Histogram) -> Histogram.Reading {
    let readings = loops.map { histogram($0).reading }
    return readings.dropFirst().reduce(readings[0], +)
  }

  private func merged<Label>(
    _ family: (LoopCounts) -> CounterFamily<Label>, labels: (Label) -> Exposition.Labels
  ) -> [(Exposition.Labels, Int)] {
    var sums: [Label: Int] = [:]
    for loop in loops { for (label, value) in family(loop).readings { sums[label, default: 0] += value } }
    return sums.map { (labels($0.key), $0.value) }
  }

  /// Where a limit is met in another room, it is counted there.
  private func refused(_ limit: Limit) -> Int {
    switch limit {
    case .connections: transport.refusedConnections.value
    case .connectionsPerAddress: transport.refusedOfAddress.value
    case .descriptors: transport.refusedWithoutDescriptor.value
    case .frameBytes: transport.refusedMessages.value
    case .bodyBytes: transport.refusedBodies.value
    case .subscriptions: total(\.hub.refusedSubscriptions)
    case .writesWaiting: store.refusedWrites.value
    case .readsWaiting: store.refusedReads.value
    case .connectionsPerUser, .framesPerSecond, .earlyFrames, .helloTime, .commandsPerSecond, .commandsPerUser,
      .requestsInFlight, .slowReader, .waitingMessages, .codes, .signIn, .gatewayEvents, .routes:
      refusals[limit]
    }
  }
}

/// What has become of messages that leave the house.
final class CourierCounts: Sendable {
  struct Outcome: Hashable, Sendable {
    var channel: String
    /// `accepted`, `refused`, `failed` or `postponed`; `unreported` was called off, or its lease ended first.
    var outcome: String
  }

  let outcomes = CounterFamily<Outcome>()
  let underWay = Gauge()
}

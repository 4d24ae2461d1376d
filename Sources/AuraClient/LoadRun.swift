import AuraDomain
import AuraTransport
import DequeModule
import Foundation
import Histogram

/// A load test on its loop's thread: connects everybody, lets the cases run, waits for the last deliveries, and reports.
final class LoadRun: HubClientEvents {
  private enum Stage {
    case connecting, running, draining, over
  }

  private let configuration: LoadTest.Configuration
  private let connector: Connector
  private let reader = FrameReader()
  private let progress: @Sendable (LoadTest.Progress) -> Void
  private let finish: @Sendable (Result<LoadReport, LoadTest.Failure>) -> Void
  private var stage = Stage.connecting
  private var clients: [HubClient] = []
  private var notStarted: Deque<HubClient> = []
  private var greeting = 0
  private var subscribedClients: Set<Int> = []
  private var workers: Int { configuration.people.count }
  private var ledger: LoadLedger
  private var cases: [LoadCase] = []
  /// The case that a worker takes part in.
  private var caseOf: [Int: Int] = [:]
  private var ready: Deque<Int> = []
  private var allowance = 0.0
  private var ids = IDGenerator()
  private var phones = Int.random(in: 0..<1_000_000_000)

  private var startedMs = 0
  private var stageMs = 0
  private var lastTickMs = 0
  private var lastClientTickMs = 0
  private var lastProgressMs = 0
  private var lastCounts = (commands: 0, deliveries: 0)
  private var measuredSeconds = 0.0
  private var cpuAtStart: Double?
  private var cpuUsed: Double?

  private var commands = 0
  private var refused = 0
  private var firstRefusal: String?
  private var gaps = 0
  private var reconnects = 0
  private var ackTimes = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var paymentTimes = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var handoffTimes = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

  init(
    _ configuration: LoadTest.Configuration, connector: Connector,
    progress: @escaping @Sendable (LoadTest.Progress) -> Void,
    finish: @escaping @Sendable (Result<LoadReport, LoadTest.Failure>) -> Void
  ) {
    self.configuration = configuration
    self.connector = connector
    self.progress = progress
    self.finish = finish
    ledger = LoadLedger(clinics: configuration.people.map(\.clinic))
  }

  func begin() {
    startedMs = connector.nowMs
    stageMs = startedMs
    lastProgressMs = startedMs
    var beauticians: [ID: [Int]] = [:]
    for (number, person) in configuration.people.enumerated() where !person.isSales {
      beauticians[person.clinic, default: []].append(number)
    }
    for (number, person) in configuration.people.enumerated() where person.isSales {
      guard let beautician = beauticians[person.clinic]?.popLast() else { continue }
      caseOf[number] = cases.count
      caseOf[beautician] = cases.count
      cases.append(
        LoadCase(
          clinic: person.clinic, sales: number, beautician: beautician,
          beauticianStaff: configuration.people[beautician].staff))
    }
    let idle = (0..<configuration.idleConnections).map { configuration.idlePeople[$0 % configuration.idlePeople.count] }
    for (number, person) in (configuration.people + idle).enumerated() {
      var settings = HubClient.Configuration(address: configuration.address, token: person.token, app: "loadtest")
      settings.subscriptions = [.init(clinic: person.clinic, topics: configuration.topics)]
      let client = HubClient(settings, events: self, connector: connector, reader: reader)
      client.tag = number
      clients.append(client)
      notStarted.append(client)
    }
    startSome()
  }

  /// Not all at once: a server greets one after the other.
  private func startSome() {
    while greeting < 128, let client = notStarted.popFirst() {
      greeting += 1
      client.start()
    }
  }

  private func isWorker(_ client: HubClient) -> Bool { client.tag < workers }
  private var nowNs: UInt64 { DispatchTime.now().uptimeNanoseconds }

  // MARK: Time

  func tick(nowMs: Int) {
    guard stage != .over, startedMs > 0 else { return }
    if nowMs - lastClientTickMs >= 250 {
      lastClientTickMs = nowMs
      for client in clients { client.tick() }
      startSome()
    }
    switch stage {
    case .connecting:
      if subscribedClients.count == clients.count {
        run(nowMs)
      } else if nowMs - stageMs > configuration.connectSeconds * 1_000 {
        end(
          .failure(
            .init(
              description: "only \(subscribedClients.count) of \(clients.count) connections were open after "
                + "\(configuration.connectSeconds) s")))
      }
    case .running:
      pace(nowMs)
      if nowMs - stageMs >= configuration.seconds * 1_000 {
        measuredSeconds = Double(nowMs - stageMs) / 1_000
        if let cpuAtStart { cpuUsed = usage().map { $0 - cpuAtStart } }
        stage = .draining
        stageMs = nowMs
      }
    case .draining:
      let isQuiet = cases.allSatisfy { $0.key == nil }
      // Asked a second after the last ack, when what was sent before has come.
      if isQuiet && nowMs - stageMs >= 1_000
        && (ledger.lost() == 0 || nowMs - stageMs > configuration.drainSeconds * 1_000)
        || nowMs - stageMs > 2 * configuration.drainSeconds * 1_000
      {
        end(.success(report()))
      }
    case .over: break
    }
    lastTickMs = nowMs
    showProgress(nowMs)
  }

  private func run(_ nowMs: Int) {
    stage = .running
    stageMs = nowMs
    lastTickMs = nowMs
    ledger.beginMeasuring()
    cpuAtStart = usage()
    for place in cases.indices { advance(place) }
  }

  private func pace(_ nowMs: Int) {
    guard let rate = configuration.commandsPerSecond else { return }
    allowance = min(Double(rate), allowance + Double(rate * (nowMs - lastTickMs)) / 1_000)
    while allowance >= 1, let place = ready.popFirst() {
      allowance -= 1
      issue(place)
    }
  }

  private func showProgress(_ nowMs: Int) {
    guard nowMs - lastProgressMs >= 1_000 else { return }
    let seconds = Double(nowMs - lastProgressMs) / 1_000
    progress(
      LoadTest.Progress(
        seconds: (nowMs - startedMs) / 1_000,
        phase: stage == .connecting ? "connecting" : stage == .running ? "running   " : "draining  ",
        connections: subscribedClients.count, commandsPerSecond: Int(Double(commands - lastCounts.commands) / seconds),
        deliveriesPerSecond: Int(Double(ledger.delivered - lastCounts.deliveries) / seconds), refused: refused,
        gaps: gaps, reconnects: reconnects))
    lastCounts = (commands, ledger.delivered)
    lastProgressMs = nowMs
  }

  // MARK: Cases

  private func advance(_ place: Int) {
    guard stage == .running else { return }
    if configuration.commandsPerSecond == nil { issue(place) } else { ready.append(place) }
  }

  private func issue(_ place: Int) {
    guard stage == .running else { return }
    let key = ids.next(at: Instant(milliseconds: Int(Date().timeIntervalSince1970 * 1_000))).description
    phones = (phones + 1) % 1_000_000_000
    let step = cases[place].begin(key: key, nowNs: nowNs, phone: phones)
    clients[step.worker].send(step.name, step.args, clinic: cases[place].clinic, key: key)
  }

  // MARK: What the clients tell

  func welcomed(_ client: HubClient, _ welcome: ServerFrame.Welcome) {}

  func subscribed(_ client: HubClient, _ subscription: Int, startsOver: Bool, reason: String?) {
    if subscribedClients.insert(client.tag).inserted {
      if isWorker(client) {
        ledger.joined(client.tag, startsOver: startsOver, seq: client.seq(of: subscription) ?? 0)
      }
      greeting = max(0, greeting - 1)
      startSome()
    } else if isWorker(client), startsOver {
      ledger.startedOver(client.tag, seq: client.seq(of: subscription) ?? 0)
    }
  }

  func snapshot(_ client: HubClient, _ subscription: Int, _ part: ServerFrame.SnapshotPart) {}

  func delta(_ client: HubClient, _ subscription: Int, _ delta: Delta) {
    guard isWorker(client) else { return }
    let now = nowNs
    ledger.got(client.tag, delta.commits, nowNs: now)
    guard let place = caseOf[client.tag], cases[place].beautician == client.tag, let payment = cases[place].paymentKey
    else { return }
    if delta.commits.contains(where: { $0.key == payment }) {
      paymentTimes.record((now - cases[place].sentNs) / 1_000)
      cases[place].frameNs = now
      noteHandoff(place)
    }
  }

  func gap(_ client: HubClient, _ subscription: Int, expected: Int, found: Int) { gaps += 1 }

  func unsubscribed(_ client: HubClient, _ subscription: Int, code: String) {
    firstRefusal = firstRefusal ?? "unsubscribed: \(code)"
    refused += 1
  }

  func acknowledged(_ client: HubClient, key: String, _ outcome: Result<(seq: Int, result: JSON), HubError>) {
    guard let place = caseOf[client.tag], cases[place].key == key else { return }
    let now = nowNs
    switch outcome {
    case .success(let (seq, result)):
      ledger.acknowledged(clinic: cases[place].clinic, seq: seq)
      if stage == .running || stage == .draining {
        commands += 1
        ackTimes.record((now - cases[place].sentNs) / 1_000)
      }
      cases[place].ackNs = now
      noteHandoff(place)
      cases[place].succeeded(result)
    case .failure(let error):
      refused += 1
      firstRefusal = firstRefusal ?? "\(cases[place].stepName): \(error)"
      cases[place].restart()
    }
    advance(place)
  }

  private func noteHandoff(_ place: Int) {
    guard cases[place].paymentKey != nil, let frame = cases[place].frameNs, let ack = cases[place].ackNs else { return }
    handoffTimes.record(frame > ack ? (frame - ack) / 1_000 : 0)
    cases[place].paymentKey = nil
  }

  func failed(_ client: HubClient, _ error: HubError) {
    refused += 1
    firstRefusal = firstRefusal ?? "\(error)"
  }

  func disconnected(_ client: HubClient, code: UInt16, reason: String, isFinal: Bool) {
    if subscribedClients.remove(client.tag) != nil {
      if isWorker(client) { ledger.left(client.tag) }
    } else if stage == .connecting, client.hasFailedBefore || isFinal {
      return end(
        .failure(.init(description: "a connection to \(configuration.address) was refused: \(code) \(reason)")))
    }
    reconnects += 1
  }

  // MARK: The end

  private func usage() -> Double? { configuration.serverProcess.flatMap { ProcessUsage.cpuSeconds(of: $0) } }

  private func report() -> LoadReport {
    LoadReport(
      seconds: measuredSeconds, clinics: Set(configuration.people.map(\.clinic)).count, connections: workers,
      idleConnections: configuration.idleConnections, commands: commands, deliveries: ledger.delivered,
      lost: ledger.lost(), outOfOrder: ledger.outOfOrder, repeated: ledger.repeated, gaps: gaps,
      reconnects: reconnects, refused: refused, firstRefusal: firstRefusal,
      unanswered: cases.count { $0.key != nil }, commandToAck: .init(ackTimes),
      commitToLastDelivery: .init(ledger.fanOut), paymentToBeautician: .init(paymentTimes),
      handoff: .init(handoffTimes), serverCPUSeconds: cpuUsed)
  }

  private func end(_ result: Result<LoadReport, LoadTest.Failure>) {
    guard stage != .over else { return }
    stage = .over
    for client in clients { client.stop() }
    finish(result)
  }
}

import ArgumentParser
import AuraDelivery
import AuraDomain
import AuraServer
import AuraThreads
import Synchronization

struct GatewaysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gateways",
    abstract: "Check a file of message gateways, and send a message through one to try it.",
    discussion: """
      Without --to it reads the file as `aura serve --gateways` does and lists what it understood, without secrets. \
      With --to it sends, outside of any clinic's rules and records, and prints for each address what became of it.

      EXAMPLES
        aura gateways gateways.json
        aura gateways gateways.json --clinic BKK01 --channel sms --to +66812345678
      """)

  @Argument(help: ArgumentHelp("The gateways' file.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("The clinic's code.", valueName: "code"))
  var clinic = "*"

  @Option(help: ArgumentHelp("email, sms, line or whatsapp.", valueName: "channel"))
  var channel: Channel = .sms

  @Option(help: ArgumentHelp("Address to send to; may be repeated.", valueName: "address"))
  var to: [String] = []

  @Option(help: ArgumentHelp("What to send.", valueName: "text"))
  var text = "ทดสอบ / This is a test."

  @Option(help: ArgumentHelp("A mail's subject.", valueName: "text"))
  var subject: String?

  @Option(help: ArgumentHelp("Link by which a mail's reader opts out.", valueName: "url"))
  var optOutLink: String?

  @Option(help: ArgumentHelp("Id to send it under: a gateway takes the same one once.", valueName: "uuid"))
  var execution: String?

  @Option(help: ArgumentHelp("How long a try may take.", valueName: "n"))
  var seconds = 30

  func validate() throws {
    guard Gateways.channels.contains(channel) else {
      throw ValidationError("--channel is one of \(Gateways.channels.map(\.rawValue).joined(separator: ", ")).")
    }
    guard (1...50).contains(seconds) else { throw ValidationError("--seconds is a number from 1 to 50.") }
    guard execution.map({ ID($0) != nil }) ?? true else { throw ValidationError("--execution is a UUID.") }
    // A gateway takes one id once: the second address would hear that it was sent, and get nothing.
    guard execution == nil || to.count < 2 else { throw ValidationError("--execution goes with one --to.") }
  }

  func run() throws {
    let gateways = try explaining { try Gateways(file: file) }
    guard !to.isEmpty else {
      for line in gateways.lines { say(line) }
      return
    }
    let verdicts = Mutex<[ID: DispatchReport.Result]>([:])
    let arrived = AuraThreads.Signal()
    var limits = Courier.Limits()
    limits.totalTime = .seconds(seconds)
    let courier = try explaining {
      try Courier(limits: limits, clock: { .systemNow }) { _, report in
        verdicts.withLock { $0[report.execution] = report.result }
        arrived.raise()
        return true
      } log: {
        note("aura: \($0)")
      }
    }
    var ids = IDGenerator()
    let now = Instant.systemNow
    let sent = to.map { address in
      var dispatch = Dispatch(
        clinic: ID(high: 0, low: 0), execution: execution.flatMap { ID($0) } ?? ids.next(at: now), channel: channel,
        attempt: 1, leaseUntil: now + .seconds(60), address: address, language: .th, text: text)
      dispatch.subject = subject
      dispatch.optOutLink = optOutLink
      return dispatch
    }
    let route = gateways.route(clinic: clinic, channel: channel)
    for dispatch in sent { courier.carry(Parcel(dispatch: dispatch, clinicCode: clinic, route: route)) }
    let expected = Set(sent.map(\.execution)).count
    while verdicts.withLock({ $0.count }) < expected, Instant.systemNow < now + .seconds(70) {
      arrived.wait(seconds: 1)
    }
    courier.stop()
    let found = verdicts.withLock { $0 }
    for dispatch in sent {
      let words = found[dispatch.execution].map(Self.words) ?? "failed: not sent"
      say("\(dispatch.address) \(dispatch.execution) \(words)")
    }
    guard found.count == expected, found.values.allSatisfy(\.isAccepted) else { throw ExitCode.failure }
  }

  private static func words(_ result: DispatchReport.Result) -> String {
    switch result {
    case .accepted(let id): "accepted" + (id.map { " as \($0)" } ?? "")
    case .refused(let reason): "refused: \(reason)"
    case .postponed(let reason, _): "not tried: \(reason)"
    case .failed(let reason, let pause):
      "failed: \(reason)" + (pause.map { ", to be tried again in \($0.milliseconds / 1_000) s" } ?? "")
    }
  }
}

extension DispatchReport.Result {
  fileprivate var isAccepted: Bool { if case .accepted = self { true } else { false } }
}

extension Channel: ExpressibleByArgument {}

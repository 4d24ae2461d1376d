import ArgumentParser
import AuraClient
import AuraDomain
import AuraThreads
import AuraTransport
import Foundation

struct TailCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tail",
    abstract: "Print a clinic's changes as they happen.",
    discussion: """
      Comes back by itself when the connection is lost, and goes on where it was. Lines about the connection go to the \
      standard error. The token may stand in AURA_TOKEN instead, where no list of processes shows it.

      EXAMPLE
        export AURA_TOKEN=$(aura token --data ./data --user owner@demo.aura)
        aura tail --url ws://127.0.0.1:8080/ws
      """)

  @Option(help: ArgumentHelp("The hub's address.", valueName: "url"))
  var url = "ws://127.0.0.1:8080/ws"

  @Option(help: ArgumentHelp("Access token; `aura token` prints one. Without it: AURA_TOKEN.", valueName: "token"))
  var token: String?

  @Option(help: ArgumentHelp("A clinic's id. Without it: every clinic that the user belongs to.", valueName: "id"))
  var clinic: String?

  @Option(help: ArgumentHelp("Table to follow; may be repeated.", valueName: "table"))
  var topic = ["task_queue", "workflow_states", "workflow_events"]

  @Flag(help: "One JSON object a commit, with whole rows.")
  var json = false

  @Flag(help: "Take any certificate: for a hub of one's own with a certificate that nobody has signed.")
  var insecure = false

  func validate() throws {
    guard WebSocketAddress(url, path: "/ws") != nil else {
      throw ValidationError("--url is an address such as ws://127.0.0.1:8080/ws, not \(url).")
    }
    if let clinic, ID(clinic) == nil { throw ValidationError("--clinic is a clinic's id (a UUID), not \(clinic).") }
  }

  func run() throws {
    guard let token = token ?? ProcessInfo.processInfo.environment["AURA_TOKEN"] else {
      throw Complaint("A token is needed: give --token or AURA_TOKEN; `aura token` prints one.")
    }
    guard let address = WebSocketAddress(url, path: "/ws") else { return }
    let signals = StopSignals()
    let stop = TailStop()
    _ = OwnedThread(name: "signals") {
      signals.wait()
      stop.raise()
    }
    var configuration = Tail.Configuration(address: address, token: token)
    configuration.clinic = clinic.flatMap { ID($0) }
    configuration.topics = topic
    configuration.printsJSON = json
    configuration.trustsAnyCertificate = insecure
    try explaining {
      try Tail.run(configuration, stop: stop, print: { say($0) }, status: { note($0) })
    }
  }
}

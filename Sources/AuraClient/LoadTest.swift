import AuraDomain
import AuraThreads
import AuraTransport
import Foundation
import Synchronization

/// Load on a hub over the real protocol: staff connections that carry cases through the clinic's main path, and a ledger
/// of what each connection got.
package enum LoadTest {
  package struct Person: Sendable {
    package var clinic: ID
    package var staff: ID
    package var isSales: Bool
    package var token: String

    package init(clinic: ID, staff: ID, isSales: Bool, token: String) {
      self.clinic = clinic
      self.staff = staff
      self.isSales = isSales
      self.token = token
    }
  }

  package struct Configuration: Sendable {
    package var address: WebSocketAddress
    /// Who works: each person is one connection. A case goes from one of sales to one beautician of the same clinic.
    package var people: [Person]
    /// Who is connected and subscribed beside them in clinics where nothing happens; used in turns for `idleConnections`.
    package var idlePeople: [Person] = []
    package var idleConnections = 0
    package var seconds = 10
    /// Commands a second in all; nil is as fast as acknowledgements come.
    package var commandsPerSecond: Int?
    package var topics = ["task_queue", "workflow_states"]
    /// The server's process, where it is on this machine: its CPU time is reported.
    package var serverProcess: Int32?
    /// How long the last deliveries may take after the last command.
    package var drainSeconds = 15
    package var connectSeconds = 120
    package var trustsAnyCertificate = false

    package init(address: WebSocketAddress, people: [Person]) {
      self.address = address
      self.people = people
    }
  }

  /// A line of progress, each second.
  package struct Progress: Sendable {
    package var seconds: Int
    package var phase: String
    package var connections: Int
    package var commandsPerSecond: Int
    package var deliveriesPerSecond: Int
    package var refused: Int
    package var gaps: Int
    package var reconnects: Int

    package var text: String {
      let time = String(seconds).leftPadded(to: 4)
      return "\(time) s  \(phase)  \(connections) connections  \(commandsPerSecond) commands/s  "
        + "\(deliveriesPerSecond) deliveries/s"
        + (refused > 0 ? "  \(refused) refused" : "") + (gaps > 0 ? "  \(gaps) gaps" : "")
        + (reconnects > 0 ? "  \(reconnects) reconnects" : "")
    }
  }

  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// Runs the test; `progress` is called each second on another thread. Throws when it could not begin.
  package static func run(
    _ configuration: Configuration, progress: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws -> LoadReport {
    guard configuration.people.contains(where: \.isSales), configuration.people.contains(where: { !$0.isSales }) else {
      throw Failure(description: "a load test needs at least one of sales and one beautician")
    }
    var transport = ClientConfiguration(subprotocol: "aura.v1.json")
    transport.trustsAnyCertificate = configuration.trustsAnyCertificate
    transport.connectSeconds = configuration.connectSeconds
    // Paced commands leave on this beat.
    transport.tickMilliseconds = configuration.commandsPerSecond == nil ? 50 : 5
    let outcome = Mutex<Result<LoadReport, Failure>?>(nil)
    let finished = AuraThreads.Signal()
    let client = try ClientTransport(transport) { connector in
      LoadRun(configuration, connector: connector, progress: progress) { result in
        outcome.withLock { $0 = result }
        finished.raise()
      }
    }
    client.post { $0.begin() }
    finished.wait()
    client.stop()
    guard let result = outcome.withLock({ $0 }) else { throw Failure(description: "the load test ended by itself") }
    return try result.get()
  }
}

extension String {
  func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

import ArgumentParser
import AuraClient
import AuraDomain
import AuraServer
import AuraTransport
import Foundation

struct LoadTestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loadtest",
    abstract: "Put a hub under load and hold it to what it promises.",
    discussion: """
      Staff of many clinics connect over the real protocol and carry cases from the lead to the completed treatment. A \
      ledger counts for each connection what it had to get: anything lost or out of order, and the test fails.

      Without --url it starts a hub of its own, with a folder that is removed afterwards. A hub that runs already must \
      serve a folder that `aura loadtest --prepare` has filled; the same --data is then read for the tokens.

      EXAMPLES
        1,000 staff of 20 clinics, as fast as acknowledgements come:
          aura loadtest --staff 1000 --clinics 20 --seconds 30

        50 commands a second beside 10,000 idle connections, the result as JSON:
          aura loadtest --staff 100 --rate 50 --idle 10000 --json

        Against a running hub:
          aura loadtest --prepare --data ./load
          aura serve --data ./load --port 9000
          aura loadtest --data ./load --url ws://127.0.0.1:9000/ws
      """)

  @Option(help: ArgumentHelp("Connections that work, in turns sales and beauticians.", valueName: "n"))
  var staff = 100

  @Option(help: ArgumentHelp("Clinics that they belong to.", valueName: "n"))
  var clinics = 10

  @Option(help: ArgumentHelp("Connections beside them, of clinics where nothing happens.", valueName: "n"))
  var idle = 0

  @Option(help: ArgumentHelp("How long the load lasts.", valueName: "n"))
  var seconds = 10

  @Option(help: ArgumentHelp("Commands a second in all. Without it: as fast as acknowledgements come.", valueName: "n"))
  var rate: Int?

  @Option(help: ArgumentHelp("A hub that runs. Without it one is started.", valueName: "url"))
  var url: String?

  @Option(help: ArgumentHelp("Folder of the load's clinics. Without it a passing one.", valueName: "dir"))
  var data: String?

  @Option(help: ArgumentHelp("Threads of the hub that is started.", valueName: "n"))
  var loops = 1

  @Option(
    help: ArgumentHelp("Process of the hub at --url, for its CPU time, when it is on this machine.", valueName: "pid"))
  var process: Int32?

  @Flag(help: "Only make the clinics and staff in --data.")
  var prepare = false

  @Flag(help: "Print the result as one JSON object; progress goes to the standard error.")
  var json = false

  /// Clinics where nothing happens, whose staff are the idle connections, in turns.
  private static let idleSize = 20

  func validate() throws {
    guard (2...100_000).contains(staff) else { throw ValidationError("--staff is a number from 2 to 100000.") }
    guard (1...10_000).contains(clinics) else { throw ValidationError("--clinics is a number from 1 to 10000.") }
    guard (0...1_000_000).contains(idle) else { throw ValidationError("--idle is a number from 0 to 1000000.") }
    guard (1...86_400).contains(seconds) else { throw ValidationError("--seconds is a number from 1 to 86400.") }
    if let rate, !(1...1_000_000).contains(rate) { throw ValidationError("--rate is a number from 1 to 1000000.") }
    if prepare, data == nil { throw ValidationError("--prepare needs --data: the folder that the hub will serve.") }
    if url != nil, data == nil {
      throw ValidationError("--url needs --data: the folder of that hub, as `aura loadtest --prepare` has filled it.")
    }
    if let url, WebSocketAddress(url, path: "/ws") == nil {
      throw ValidationError("--url is an address such as ws://127.0.0.1:8080/ws, not \(url).")
    }
  }

  /// The working clinics, and one more for the idle.
  private var size: LoadFixture.Size {
    let perClinic = max(Self.idleSize, (staff + clinics - 1) / clinics)
    return .init(clinics: clinics + 1, staff: perClinic * (clinics + 1))
  }

  func run() throws {
    let folder = data ?? NSTemporaryDirectory() + "aura-loadtest-\(ProcessInfo.processInfo.processIdentifier)"
    defer { if data == nil { try? FileManager.default.removeItem(atPath: folder) } }
    if url == nil { note("making \(clinics) clinics with \(staff) staff in \(folder)") }
    let everybody = try explaining {
      url == nil
        ? try LoadFixture.prepare(directory: folder, size) : try LoadFixture.find(directory: folder, size)
    }
    if prepare { return note("\(folder) is ready for aura serve --data \(folder)") }

    let hub = try url == nil ? explaining { try startHub(folder) } : nil
    defer { hub?.stop() }
    guard let address = url.flatMap({ WebSocketAddress($0, path: "/ws") }) ?? hub?.address else { return }
    let (people, idlePeople) = try chosen(from: everybody)
    var configuration = LoadTest.Configuration(address: address, people: people)
    configuration.idlePeople = idlePeople
    configuration.idleConnections = idle
    configuration.seconds = seconds
    configuration.commandsPerSecond = rate
    configuration.serverProcess = process ?? hub?.processIdentifier
    configuration.trustsAnyCertificate = address.isEncrypted
    let report = try explaining { try LoadTest.run(configuration) { note($0.text) } }
    say(json ? report.json.text : report.text)
    guard report.hasPassed else { throw ExitCode.failure }
  }

  /// A hub in a process of its own, so that its CPU time is its own too, without the limits that no person meets.
  private func startHub(_ folder: String) throws -> ServerChild {
    let pages = folder + "/public"
    try FileManager.default.createDirectory(atPath: pages, withIntermediateDirectories: true)
    let connections = "\(staff + idle + 100)"
    return try ServerChild(
      executable: URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path, dataDirectory: folder,
      publicDirectory: pages,
      arguments: [
        "--loops", "\(loops)", "--log-level", "error", "--commands-per-second", "1000000", "--connections-max",
        connections, "--connections-per-address-max", connections, "--connections-per-user-max", connections,
        "--commands-per-user", "1000000",
      ])
  }

  /// As many of each working clinic as asked for, both roles; the last clinic is the idle one's.
  private func chosen(from everybody: [LoadFixture.Person]) throws -> ([LoadTest.Person], [LoadTest.Person]) {
    var byClinic: [ID: [LoadTest.Person]] = [:]
    var order: [ID] = []
    for person in everybody {
      if byClinic[person.clinic] == nil { order.append(person.clinic) }
      byClinic[person.clinic, default: []].append(
        LoadTest.Person(
          clinic: person.clinic, staff: person.staff, isSales: person.role == .sales, token: person.token))
    }
    guard order.count == clinics + 1 else {
      throw Complaint("The folder has not that many clinics: run `aura loadtest --prepare` with the same numbers.")
    }
    let perClinic = max(2, (staff + clinics - 1) / clinics)
    let working = order.dropLast().flatMap { byClinic[$0, default: []].prefix(perClinic) }
    return (Array(working.prefix(max(staff, 2))), byClinic[order[clinics], default: []])
  }
}

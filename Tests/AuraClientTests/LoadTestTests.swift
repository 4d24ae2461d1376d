import AuraDomain
import AuraServer
import AuraTransport
import Foundation
import Synchronization
import Testing

@testable import AuraClient

@Suite(.serialized) struct LoadTestTests {
  /// A hub in this process on a fresh folder, with a load fixture.
  final class House {
    let folder: URL
    let people: [LoadFixture.Person]
    let server: Server
    var address: WebSocketAddress { WebSocketAddress(host: "127.0.0.1", port: server.port, path: "/ws") }

    init(clinics: Int, staff: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }) throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "aura-load-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      people = try LoadFixture.prepare(directory: folder.path, .init(clinics: clinics, staff: staff))
      var configuration = ServerConfiguration()
      configuration.port = 0
      configuration.dataDirectory = folder.path
      configuration.publicDirectory = nil
      configuration.limits.commandsPerSecond = 100_000
      configuration.limits.framesPerSecond = 100_000
      change(&configuration)
      server = try Server(configuration) { fatalError($0) }
      server.start()
    }

    deinit {
      server.stop()
      try? FileManager.default.removeItem(at: folder)
    }

    var workers: [LoadTest.Person] {
      people.map { LoadTest.Person(clinic: $0.clinic, staff: $0.staff, isSales: $0.role == .sales, token: $0.token) }
    }
  }

  @Test func `everybody gets every commit, as fast as acknowledgements come`() throws {
    let house = try House(clinics: 2, staff: 8)
    var configuration = LoadTest.Configuration(address: house.address, people: house.workers)
    configuration.seconds = 1
    configuration.idlePeople = house.workers
    configuration.idleConnections = 10
    let report = try LoadTest.run(configuration)
    #expect(report.hasPassed, "\(report.text)")
    #expect(report.commands > 8)
    #expect(report.connections == 8)
    // Each of the four in a clinic gets each of its commits.
    #expect(report.deliveries >= report.commands * 4)
    #expect(report.commandToAck.count == report.commands)
    #expect(report.commitToLastDelivery.count >= report.commands)
    #expect(report.paymentToBeautician.count > 0)
    #expect(report.handoff.count > 0)
    #expect(report.json["passed"]?.bool == true)
  }

  @Test func `no more commands are sent than the rate says`() throws {
    let house = try House(clinics: 1, staff: 10)
    var configuration = LoadTest.Configuration(address: house.address, people: house.workers)
    configuration.seconds = 2
    configuration.commandsPerSecond = 40
    let report = try LoadTest.run(configuration)
    #expect(report.hasPassed, "\(report.text)")
    // Forty a second for two seconds, and what was allowed at once.
    #expect(report.commands <= 125, "\(report.commands)")
  }

  @Test func `commands that are refused for their rate are sent again, and nothing is lost`() throws {
    let house = try House(clinics: 1, staff: 2) { $0.limits.commandsPerSecond = 5 }
    var configuration = LoadTest.Configuration(address: house.address, people: house.workers)
    configuration.seconds = 2
    let report = try LoadTest.run(configuration)
    #expect(report.lost == 0)
    #expect(report.refused == 0, "\(report.text)")
    #expect(report.unanswered == 0)
  }

  @Test func `a connection that cannot be had is one clear sentence`() throws {
    let house = try House(clinics: 1, staff: 2)
    var people = house.workers
    people[0].token = "no token"
    do {
      _ = try LoadTest.run(LoadTest.Configuration(address: house.address, people: people))
      Issue.record("no failure")
    } catch let failure as LoadTest.Failure {
      #expect(failure.description.contains("4001"), "\(failure)")
    }
  }

  @Test func `a tail prints what happens`() throws {
    let house = try House(clinics: 1, staff: 2)
    let lines = Mutex<[String]>([])
    let stop = TailStop()
    let token = try #require(house.people.first { $0.role == .sales }?.token)
    let address = house.address
    let thread = Thread {
      try? Tail.run(Tail.Configuration(address: address, token: token), stop: stop) { line in
        lines.withLock { $0.append(line) }
      } status: { line in
        lines.withLock { $0.append("· " + line) }
      }
    }
    thread.start()
    func waits(for part: String) -> Bool {
      for _ in 0..<1_000 {
        if lines.withLock({ $0.contains { $0.contains(part) } }) { return true }
        usleep(10_000)
      }
      return false
    }
    #expect(waits(for: "changes follow"))
    var configuration = LoadTest.Configuration(address: house.address, people: house.workers)
    configuration.seconds = 1
    configuration.commandsPerSecond = 8
    _ = try LoadTest.run(configuration)
    #expect(waits(for: "confirmPayment"))
    #expect(waits(for: "+ task_queue"))
    stop.raise()
  }
}

import ArgumentParser
import AuraDelivery
import AuraServer
import Foundation
import Logging

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve the hub: WebSocket, sign-in and the pages, on one port.",
    usage: "aura serve [options]",
    discussion: """
      Everything lives in the data folder, which is made at the first start. SIGTERM or Ctrl-C ends orderly: clients \
      are told when to come back, and what was acknowledged is on disk in any case. A second one ends at once. SIGHUP \
      takes up certificates, limits and the log's level anew.

      Each option may stand in the environment too, --tls-cert as AURA_TLS_CERT, or as tls-cert in a file that --config \
      names. An option comes before the environment, that before the file, that before the default. Several values of \
      one option are separated by commas in the environment and an array in the file.

      \(ServeOption.help())

      EXAMPLES:
        A demo clinic on http://127.0.0.1:8080, its data in ./data:
          aura serve --demo

        For a network, with a certificate:
          aura serve --data /var/lib/aura --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem
      """)

  @Argument(parsing: .captureForPassthrough, help: .hidden)
  var options: [String] = []

  func run() throws {
    if options.contains("--help") || options.contains("-h") { return say(Aura.helpMessage(for: Serve.self)) }
    if options.contains("--version") { return say(Server.version) }
    let signals = StopSignals(reloads: true)
    var settings = try read()
    if settings.printsConfiguration { return say(settings.listing) }
    LineLog.bootstrap(level: settings.logLevel, format: settings.logFormat)
    if let file = settings.gatewaysFile {
      settings.configuration.gateways = try explaining { try Gateways(file: file) }
      if Gateways.isOpenToOthers(file: file) {
        note("aura: \(file) holds secrets and can be read by everybody here: run chmod o-r on it.")
      }
    }

    let password = settings.demoPassword ?? Demo.password
    let data = settings.configuration.dataDirectory
    // A port that the system chooses is not known yet.
    let port = settings.configuration.port
    let address = port == 0 ? nil : settings.url(port: port)
    let isPassword =
      settings.isDemo
      ? try explaining { try Demo.prepare(directory: data, password: password, address: address) } : false
    let server = try explaining {
      try Server(settings.configuration) { sentence in
        LogLines.flush()
        FileHandle.standardError.write(Data("aura: \(sentence)\n".utf8))
        _exit(1)
      }
    }
    server.start()

    let url = settings.url(port: server.port)
    // Scripts read the port from the first line.
    say("Aura listens on \(url)")
    if settings.isDemo { say(DemoGreeting.text(url: url, password: isPassword ? password : nil)) }
    signals.wait { reload(server, &settings) }
    server.stop(endsProcess: true)
    LogLines.flush()
    // Not `exit`: it would run what is registered for the end beside threads that still live.
    _exit(0)
  }

  /// What cannot be read or does not hold together changes nothing.
  private func reload(_ server: Server, _ settings: inout ServeSettings) {
    let log = Logger(label: "server")
    do throws(ServeSettings.Failure) {
      let fresh = try ServeSettings(arguments: options, environment: ProcessInfo.processInfo.environment)
      let changes = fresh.changes(since: settings)
      LineLog.set(level: fresh.logLevel)
      server.reload(fresh.configuration)
      settings = fresh
      log.notice(
        "reloaded",
        metadata: [
          "changed": "\(changes.reloaded.joined(separator: ","))", "certificate": "\(fresh.configuration.tls != nil)",
        ])
      if !changes.waiting.isEmpty {
        log.warning(
          "a restart is needed for what else has changed",
          metadata: ["options": "\(changes.waiting.joined(separator: ","))"])
      }
    } catch {
      log.error("nothing was reloaded", metadata: ["why": "\(error.description)"])
    }
  }

  private func read() throws -> ServeSettings {
    do throws(ServeSettings.Failure) {
      return try ServeSettings(arguments: options, environment: ProcessInfo.processInfo.environment)
    } catch {
      note("Error: \(error.description)")
      throw ExitCode(64)
    }
  }
}

/// What a person who has just typed `make run` wants to know.
enum DemoGreeting {
  static func text(url: String, password: String?) -> String {
    let rows = Demo.logins.map { login in
      let role =
        switch login.role {
        case .owner: "owner       เจ้าของคลินิก"
        case .admin: "admin       ผู้ดูแลระบบ"
        case .sales: "sales       ฝ่ายขาย"
        case .staff: "beautician  ผู้ให้บริการ"
        }
      return "    " + login.email.padding(toLength: 24, withPad: " ", startingAt: 0) + role
    }
    return """

        Open / เปิด        \(url)/
        Sign in / เข้าสู่ระบบ
      \(rows.joined(separator: "\n"))
        Password / รหัสผ่าน: \(password ?? "(the one that this demo was made with)")

        Ctrl-C stops; the data stays.
      """
  }
}

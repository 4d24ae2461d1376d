import ArgumentParser
import AuraServer
import Foundation

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve the hub: WebSocket, sign-in and the pages, on one port.",
    discussion: """
      Everything lives in the data folder, which is made at the first start. SIGTERM or Ctrl-C ends orderly: clients \
      are told when to come back, and what was acknowledged is on disk in any case. A second one ends at once.

      EXAMPLES
        A demo clinic on http://127.0.0.1:8080, its data in ./data:
          aura serve --demo

        For a network, with a certificate:
          aura serve --data /var/lib/aura --host 0.0.0.0 --port 443 --tls-cert cert.pem --tls-key key.pem
      """)

  @OptionGroup(title: "Where") var listening: ListeningOptions
  @OptionGroup(title: "Where") var folder: DataOption
  @OptionGroup(title: "Who may come in") var trust: TrustOptions
  @OptionGroup(title: "Messages") var messages: MessageOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "Log") var log: LogOptions

  @Flag(help: "Make a demo clinic in the data folder, if it is not there, and print how to sign in.")
  var demo = false

  @Option(
    help: ArgumentHelp(
      "Password of a demo that is made now. Needed for one that a network can reach.", valueName: "password"))
  var demoPassword: String?

  @Flag(help: "Serve /echo, a WebSocket that returns what it gets, for conformance suites.")
  var testEcho = false

  func validate() throws {
    if demo, demoPassword == nil, !listening.isLoopback {
      throw ValidationError("A demo that a network can reach needs a password of its own: add --demo-password.")
    }
    if demoPassword != nil, !demo { throw ValidationError("--demo-password goes with --demo.") }
  }

  func run() throws {
    let signals = StopSignals()
    log.begin()
    var configuration = ServerConfiguration()
    configuration.dataDirectory = folder.data
    configuration.echoes = testEcho
    try listening.apply(to: &configuration)
    trust.apply(to: &configuration)
    try messages.apply(to: &configuration)
    limits.apply(to: &configuration)

    let password = demoPassword ?? Demo.password
    // A port that the system chooses is not known yet.
    let address = configuration.port == 0 ? nil : listening.url(port: configuration.port)
    let isPassword =
      demo
      ? try explaining { try Demo.prepare(directory: folder.data, password: password, address: address) } : false
    let server = try explaining {
      try Server(configuration) { sentence in
        FileHandle.standardError.write(Data("aura: \(sentence)\n".utf8))
        _exit(1)
      }
    }
    server.start()

    let url = listening.url(port: server.port)
    // Scripts read the port from the first line.
    say("Aura listens on \(url)")
    if demo { say(DemoGreeting.text(url: url, password: isPassword ? password : nil)) }
    signals.wait()
    server.stop(endsProcess: true)
    // Not `exit`: it would run what is registered for the end beside threads that still live.
    _exit(0)
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

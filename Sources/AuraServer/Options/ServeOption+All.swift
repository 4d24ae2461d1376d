import AuraTransport
import Foundation
import Logging

extension ServeOption {
  /// In the order in which help shows them.
  package static let all: [ServeOption] = place + trust + messages + limits + log + start

  private static let place: [ServeOption] = [
    ServeOption(
      "host", .place, .text(value: "address"), .text("127.0.0.1"),
      "Address to listen on. 0.0.0.0 is every network of this machine."
    ) { $0.configuration.host = $1.text },
    ServeOption(
      "port", .place, .number(0...65_535), .number(8_080),
      "Port to listen on. 0 lets the system choose; the first line printed names it."
    ) { $0.configuration.port = $1.number },
    ServeOption(
      "data", .place, .text(value: "dir"), .text("./data"), "Folder of the database and the installation's secret."
    ) { $0.configuration.dataDirectory = $1.text },
    ServeOption("public", .place, .text(value: "dir"), .text("./public"), "Folder of the pages.") {
      (settings, value) throws(Refusal) in
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: value.text, isDirectory: &isFolder), isFolder.boolValue else {
        throw Refusal("names the folder with the pages, and there is none")
      }
      settings.configuration.publicDirectory = value.text
    },
    ServeOption(
      "tls-cert", .place, .text(value: "file"), nil, reloaded: true,
      "Certificate for https and wss, with its chain, as PEM. Goes with --tls-key."
    ) { (settings, value) throws(Refusal) in settings.tlsCertificate = try readable(value) },
    ServeOption(
      "tls-key", .place, .text(value: "file"), nil, reloaded: true, "The certificate's private key, as PEM."
    ) { (settings, value) throws(Refusal) in settings.tlsKey = try readable(value) },
    ServeOption(
      "loops", .place, .number(1...64), .number(1), "Threads that serve connections, each with its own event loop."
    ) { $0.configuration.loops = $1.number },
    ServeOption(
      "readers", .place, .number(1...64), .number(2), "Threads that read the database, for snapshots and queries."
    ) { $0.configuration.readers = $1.number },
  ]

  private static let trust: [ServeOption] = [
    ServeOption(
      "allow-origin", .trust, .list(value: "url"), nil, "Origin of another site's pages that may connect."
    ) { (settings, value) throws(Refusal) in
      for origin in value.list {
        let parts = URLComponents(string: origin)
        guard parts?.scheme == "http" || parts?.scheme == "https", parts?.host != nil, parts?.path == "" else {
          throw Refusal("is written as a browser does: https://desk.example, not \(origin)")
        }
      }
      settings.configuration.allowedOrigins = Set(value.list)
    },
    ServeOption(
      "trusted-proxy", .trust, .list(value: "address"), nil,
      "Address of a proxy in front that ends TLS. Its X-Forwarded-For and X-Forwarded-Proto are believed; it passes Host on. Of anybody else they are ignored."
    ) { (settings, value) throws(Refusal) in settings.configuration.trustedProxies = try addresses(value) },
    ServeOption(
      "metrics-reader", .trust, .list(value: "address"), nil,
      "Address that may read /metrics, beside this machine's own."
    ) { (settings, value) throws(Refusal) in settings.configuration.metricsReaders = try addresses(value) },
    ServeOption(
      "jwt-public-key", .trust, .text(value: "file"), nil,
      "Public key (PEM; RSA for RS256, P-256 for ES256) of an identity provider whose access tokens are taken. Their sub is a user's id, their aud is aura. Goes with --jwt-issuer."
    ) { $0.publicKey = $1.text },
    ServeOption("jwt-issuer", .trust, .text(value: "url"), nil, "The iss of that provider's tokens.") {
      $0.issuer = $1.text
    },
  ]

  private static let messages: [ServeOption] = [
    ServeOption(
      "gateways", .messages, .text(value: "file"), nil,
      "Who carries email, SMS, LINE and WhatsApp messages, as JSON; see /protocol/gateways.html. It holds secrets: keep it from others."
    ) { $0.gatewaysFile = $1.text }
  ]

  private static let limits: [ServeOption] = [
    limit("connections-max", 1...1_000_000, 20_000, "Connections in all.") {
      $0.connectionsMax = $1
    },
    limit(
      "connections-per-address-max", 1...1_000_000, 20_000,
      "Connections of one address; a clinic's screens share one."
    ) { $0.connectionsPerAddressMax = $1 },
    limit("connections-per-user-max", 1...1_000_000, 100, "WebSockets of one user.") { $0.connectionsPerUserMax = $1 },
    limit("commands-per-second", 1...1_000_000, 20, "Commands a second of one connection.") {
      $0.limits.commandsPerSecond = $1
    },
    limit(
      "commands-per-user", 1...1_000_000, nil,
      "Commands a second of one user, on each loop. Without it: five times those of a connection."
    ) { $0.limits.userCommandsPerSecond = $1 },
    limit(
      "frames-per-second", 1...1_000_000, 200, "Frames a second of one connection; at least twice its commands."
    ) { $0.limits.framesPerSecond = $1 },
    limit("requests-in-flight-max", 1...1_024, 32, "Requests of one connection that wait for their answer.") {
      $0.limits.inFlightMax = $1
    },
    limit("subscriptions-max", 1...1_024, 32, "Subscriptions of one connection.", reloaded: false) {
      $0.limits.subscriptionsMax = $1
    },
    limit("frame-bytes", 4_096...(16 << 20), 65_536, "Longest frame taken, in bytes.", reloaded: false) {
      $0.limits.frameBytes = $1
    },
    limit("waiting-messages-max", 1...1_000_000, 1_024, "Answers that may wait for a slow reader.") {
      $0.limits.waitingMessagesMax = $1
    },
    limit("hello-seconds", 1...600, 10, "Seconds from a connection's begin to its hello.") {
      $0.limits.helloSeconds = $1
    },
    limit("slow-seconds", 1...600, 30, "Seconds for which a socket may take nothing though something waits.") {
      $0.limits.slowSeconds = $1
    },
    limit("ping-ms", 50...600_000, 20_000, "Milliseconds of silence after which a client is asked whether it is there.")
    {
      $0.limits.pingMilliseconds = $1
    },
  ]

  private static let log: [ServeOption] = [
    ServeOption(
      "log-level", .log, .choice(Logger.Level.allCases.map(\.rawValue)), .text(Logger.Level.info.rawValue),
      reloaded: true,
      "Least level that is logged. At info each connection and each command is a line, of ids alone."
    ) { if let level = Logger.Level(rawValue: $1.text) { $0.logLevel = level } },
    ServeOption(
      "log-format", .log, .choice(LineLog.Format.allCases.map(\.rawValue)), nil,
      "Without it: text on a terminal, json otherwise."
    ) { $0.logFormat = LineLog.Format(rawValue: $1.text) },
  ]

  private static let start: [ServeOption] = [
    ServeOption(
      "config", .start, .text(value: "file"), nil, "A file with any of these by their names, as .json or .yaml."
    ) { _, _ in },
    ServeOption(
      "print-config", .start, .flag, .flag(false), flagOnly: true,
      "Print what holds, and where each value comes from; then end."
    ) { $0.printsConfiguration = $1.flag },
    ServeOption(
      "demo", .start, .flag, .flag(false),
      "Make a demo clinic in the data folder, if it is not there, and print how to sign in."
    ) { $0.isDemo = $1.flag },
    ServeOption(
      "demo-password", .start, .text(value: "password"), nil, secret: true,
      "Password of a demo that is made now. Needed for one that a network can reach."
    ) { $0.demoPassword = $1.text },
    ServeOption(
      "test-echo", .start, .flag, .flag(false),
      "Serve /echo, a WebSocket that returns what it gets, for conformance suites."
    ) { $0.configuration.echoes = $1.flag },
  ]

  private static func limit(
    _ name: String, _ range: ClosedRange<Int>, _ standard: Int?, _ help: String, reloaded: Bool = true,
    set: @escaping @Sendable (inout ServerConfiguration, Int) -> Void
  ) -> ServeOption {
    ServeOption(name, .limits, .number(range), standard.map(Value.number), reloaded: reloaded, help) {
      set(&$0.configuration, $1.number)
    }
  }

  private static func addresses(_ value: Value) throws(Refusal) -> Set<String> {
    var addresses: Set<String> = []
    for text in value.list {
      guard let address = SocketAddress.canonical(text) else {
        throw Refusal("is an IPv4 or IPv6 address such as 10.0.0.5, not \(text)")
      }
      addresses.insert(address)
    }
    return addresses
  }

  private static func readable(_ value: Value) throws(Refusal) -> String {
    guard FileManager.default.isReadableFile(atPath: value.text) else {
      throw Refusal("names a PEM file that this user may read, and \(value.text) is none")
    }
    return value.text
  }
}

import ArgumentParser
import AuraDelivery
import AuraServer
import AuraTransport
import Foundation
import Logging

struct ListeningOptions: ParsableArguments {
  @Option(help: "Address to listen on. 0.0.0.0 is every network of this machine.")
  var host = "127.0.0.1"

  @Option(help: "Port to listen on. 0 lets the system choose; the first line printed names it.")
  var port = 8080

  @Option(
    name: .customLong("public"),
    help: ArgumentHelp("Folder of the pages.", valueName: "dir"))
  var pages = "./public"

  @Option(help: ArgumentHelp("Certificate for https and wss, with its chain, as PEM.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The certificate's private key, as PEM.", valueName: "file"))
  var tlsKey: String?

  @Option(help: ArgumentHelp("Threads that serve connections, each with its own event loop.", valueName: "n"))
  var loops = 1

  var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
  func url(port: Int) -> String {
    "\(tlsCert == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  func validate() throws {
    guard (0...65_535).contains(port) else { throw ValidationError("--port is a number from 0 to 65535.") }
    guard (1...64).contains(loops) else { throw ValidationError("--loops is a number from 1 to 64.") }
    guard (tlsCert == nil) == (tlsKey == nil) else {
      throw ValidationError("--tls-cert and --tls-key go together: name both files or neither.")
    }
  }

  func apply(to configuration: inout ServerConfiguration) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: pages, isDirectory: &isFolder), isFolder.boolValue else {
      throw Complaint("There is no folder \(pages) with the pages: name it with --public.")
    }
    for file in [tlsCert, tlsKey].compactMap({ $0 }) where !FileManager.default.isReadableFile(atPath: file) {
      throw Complaint("The file \(file) cannot be read: name a PEM file that this user may read.")
    }
    configuration.host = host
    configuration.port = port
    configuration.publicDirectory = pages
    configuration.loops = loops
    if let tlsCert, let tlsKey { configuration.tls = (certificate: tlsCert, key: tlsKey) }
  }
}

struct TrustOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Origin of another site's pages that may connect; may be repeated.", valueName: "url"))
  var allowOrigin: [String] = []

  @Option(
    help: ArgumentHelp(
      "Address of a proxy in front that ends TLS; may be repeated. Its X-Forwarded-For and X-Forwarded-Proto are "
        + "believed; it passes Host on. Of anybody else they are ignored.", valueName: "address"))
  var trustedProxy: [String] = []

  @Option(
    help: ArgumentHelp(
      "Public key (PEM; RSA for RS256, P-256 for ES256) of an identity provider whose access tokens are taken. "
        + "Their sub is a user's id, their aud is aura.", valueName: "file"))
  var jwtPublicKey: String?

  @Option(help: ArgumentHelp("The iss of that provider's tokens.", valueName: "url"))
  var jwtIssuer: String?

  func validate() throws {
    guard (jwtPublicKey == nil) == (jwtIssuer == nil) else {
      throw ValidationError("--jwt-public-key and --jwt-issuer go together: name both or neither.")
    }
    for address in trustedProxy where SocketAddress.canonical(address) == nil {
      throw ValidationError("--trusted-proxy is an IPv4 or IPv6 address such as 10.0.0.5, not \(address).")
    }
    for origin in allowOrigin {
      let parts = URLComponents(string: origin)
      guard parts?.scheme == "http" || parts?.scheme == "https", parts?.host != nil, parts?.path == "" else {
        throw ValidationError("--allow-origin is written as a browser does: https://desk.example, not \(origin).")
      }
    }
  }

  func apply(to configuration: inout ServerConfiguration) {
    configuration.allowedOrigins = Set(allowOrigin)
    configuration.trustedProxies = Set(trustedProxy.compactMap { SocketAddress.canonical($0) })
    if let jwtPublicKey, let jwtIssuer { configuration.publicKeys = [(path: jwtPublicKey, issuer: jwtIssuer)] }
  }
}

struct MessageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Who carries email, SMS, LINE and WhatsApp messages, as JSON; see /protocol/gateways.html. It holds secrets: keep "
        + "it from others.", valueName: "file"))
  var gateways: String?

  func apply(to configuration: inout ServerConfiguration) throws {
    guard let gateways else { return }
    configuration.gateways = try explaining { try Gateways(file: gateways) }
    if Gateways.isOpenToOthers(file: gateways) {
      note("aura: \(gateways) holds secrets and can be read by everybody here: run chmod o-r on it.")
    }
  }
}

struct LimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Connections in all.", valueName: "n"))
  var connectionsMax = 20_000

  @Option(help: ArgumentHelp("Connections of one address; a clinic's screens share one.", valueName: "n"))
  var connectionsPerAddressMax = 20_000

  @Option(help: ArgumentHelp("Commands a second of one connection.", valueName: "n"))
  var commandsPerSecond = 20

  @Option(help: ArgumentHelp("Longest frame taken, in bytes.", valueName: "n"))
  var frameBytes = 65_536

  @Option(
    help: ArgumentHelp("Milliseconds of silence after which a client is asked whether it is there.", valueName: "n"))
  var pingMs = 20_000

  func validate() throws {
    let ranges: [(String, Int, ClosedRange<Int>)] = [
      ("--connections-max", connectionsMax, 1...1_000_000),
      ("--connections-per-address-max", connectionsPerAddressMax, 1...1_000_000),
      ("--commands-per-second", commandsPerSecond, 1...1_000_000), ("--frame-bytes", frameBytes, 4_096...(16 << 20)),
      ("--ping-ms", pingMs, 50...600_000),
    ]
    for (name, value, range) in ranges where !range.contains(value) {
      throw ValidationError("\(name) is a number from \(range.lowerBound) to \(range.upperBound).")
    }
  }

  func apply(to configuration: inout ServerConfiguration) {
    configuration.connectionsMax = connectionsMax
    configuration.connectionsPerAddressMax = connectionsPerAddressMax
    configuration.limits.commandsPerSecond = commandsPerSecond
    // Whoever may send so many commands must not be stopped for the frames that carry them.
    configuration.limits.framesPerSecond = max(configuration.limits.framesPerSecond, 2 * commandsPerSecond)
    configuration.limits.frameBytes = frameBytes
    configuration.limits.pingMilliseconds = pingMs
  }
}

struct LogOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Least level that is logged.", valueName: "level"))
  var logLevel: Logger.Level = .notice

  @Option(help: ArgumentHelp("Without it: text on a terminal, json otherwise.", valueName: "format"))
  var logFormat: LineLog.Format?

  func begin() { LineLog.bootstrap(level: logLevel, format: logFormat) }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LineLog.Format: ExpressibleByArgument {}

import AuraDelivery
import Configuration
import Foundation
import Logging
import SystemPackage

/// What `aura serve` has been told, checked and put in its places.
package struct ServeSettings: Sendable {
  package var configuration = ServerConfiguration()
  package var logLevel = Logger.Level.info
  package var logFormat: LineLog.Format?
  package var isDemo = false
  package var demoPassword: String?
  package var gatewaysFile: String?
  package var printsConfiguration = false
  /// What holds, in the table's order, and where it comes from.
  package private(set) var effective: [(option: ServeOption, value: ServeOption.Value?, source: Source)] = []
  var tlsCertificate: String?
  var tlsKey: String?
  var publicKey: String?
  var issuer: String?

  /// Where a value comes from.
  package enum Source: Sendable, Equatable, CustomStringConvertible {
    case flag(String)
    case environment(String)
    case file(String, key: String)
    case standard

    package var description: String {
      switch self {
      case .flag(let name): "the option --\(name)"
      case .environment(let name): "the environment's \(name)"
      case .file(let path, let key): "\(key) in \(path)"
      case .standard: "the default"
      }
    }
  }

  /// Why a hub cannot be started like this, in one sentence that says what is wrong and where it stands.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  /// Flags come before the environment, that before the file, that before what is built in.
  package init(arguments: [String], environment: [String: String]) throws(Failure) {
    let flags = try CommandLineFlags(arguments)
    var layers: [Layer] = [
      Layer(snapshot: flags.provider.snapshot(), prefix: []) { .flag($0.name) },
      Layer(
        snapshot: EnvironmentVariablesProvider(environmentVariables: environment.filter { !$0.value.isEmpty })
          .snapshot(),
        prefix: ["aura"]
      ) { .environment($0.variable) },
    ]
    if let path = try ServeOption.all.first(where: { $0.name == "config" }).flatMap({ (option) throws(Failure) in
      try Self.find(option, in: layers)?.value.text
    }) {
      layers.append(Layer(snapshot: try ConfigurationFile.read(path), prefix: []) { .file(path, key: $0.name) })
    }
    for option in ServeOption.all {
      let found = try Self.find(option, in: layers)
      effective.append((option, found?.value ?? option.standard, found?.source ?? .standard))
      guard let value = found?.value ?? option.standard else { continue }
      do throws(ServeOption.Refusal) {
        try option.apply(&self, value)
      } catch {
        throw Self.refusal(option, error.words, found?.source ?? .standard)
      }
    }
    try join()
  }

  /// What one value alone cannot tell.
  private mutating func join() throws(Failure) {
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw Failure(description: "--tls-cert and --tls-key go together: name both files or neither.")
    }
    if let tlsCertificate, let tlsKey { configuration.tls = (certificate: tlsCertificate, key: tlsKey) }
    guard (publicKey == nil) == (issuer == nil) else {
      throw Failure(description: "--jwt-public-key and --jwt-issuer go together: name both or neither.")
    }
    if let publicKey, let issuer { configuration.publicKeys = [(path: publicKey, issuer: issuer)] }
    if isDemo, demoPassword == nil, !isLoopback {
      throw Failure(description: "A demo that a network can reach needs a password of its own: add --demo-password.")
    }
    if demoPassword != nil, !isDemo { throw Failure(description: "--demo-password goes with --demo.") }
    // Whoever may send so many commands must not be stopped for the frames that carry them.
    let commands = configuration.limits.commandsPerSecond
    if effective.first(where: { $0.option.name == "commands-per-user" })?.value == nil {
      configuration.limits.userCommandsPerSecond = 5 * commands
    }
    configuration.limits.framesPerSecond = max(configuration.limits.framesPerSecond, 2 * commands)
  }

  private var isLoopback: Bool {
    let host = configuration.host
    return host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  package func url(port: Int) -> String {
    let host = configuration.host
    return "\(configuration.tls == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  /// One line an option: its name, its value, where it comes from. What is secret is only said to be set.
  package var listing: String {
    let width = effective.map(\.option.name.count).max() ?? 0
    return effective.filter { !$0.option.isFlagOnly }.map { option, value, source in
      let name = option.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let words = value.map { option.isSecret ? "(set)" : $0.words } ?? "(none)"
      return "\(name)  \(words)  # \(source)"
    }.joined(separator: "\n")
  }

  /// The options that have another value than `before`: those that are taken up anew, and those that need a restart.
  package func changes(since before: ServeSettings) -> (reloaded: [String], waiting: [String]) {
    var changes: (reloaded: [String], waiting: [String]) = ([], [])
    for (now, then) in zip(effective, before.effective) where now.value != then.value {
      if now.option.isReloaded {
        changes.reloaded.append(now.option.name)
      } else {
        changes.waiting.append(now.option.name)
      }
    }
    return changes
  }

  // MARK: Finding a value

  private struct Layer {
    var snapshot: any ConfigSnapshot
    var prefix: [String]
    var source: (ServeOption) -> Source

    init(snapshot: any ConfigSnapshot, prefix: [String], source: @escaping (ServeOption) -> Source) {
      (self.snapshot, self.prefix, self.source) = (snapshot, prefix, source)
    }
  }

  private static func find(
    _ option: ServeOption, in layers: [Layer]
  ) throws(Failure) -> (value: ServeOption.Value, source: Source)? {
    for layer in layers where !option.isFlagOnly || layer.source(option) == .flag(option.name) {
      let key = AbsoluteConfigKey(layer.prefix + [option.name])
      let source = layer.source(option)
      let found: ConfigValue?
      do {
        found = try layer.snapshot.value(forKey: key, type: option.kind.type).value
      } catch {
        throw refusal(option, option.kind.demand, source)
      }
      guard let found else { continue }
      guard let value = option.kind.value(of: found.content) else {
        throw refusal(option, option.kind.demand, source)
      }
      return (value, source)
    }
    return nil
  }

  /// The value itself is left out: it may be a secret that was put in the wrong place.
  private static func refusal(_ option: ServeOption, _ words: String, _ source: Source) -> Failure {
    Failure(description: "--\(option.name) \(words) (from \(source)).")
  }
}

extension ServeOption.Kind {
  var type: ConfigType {
    switch self {
    case .text, .choice: .string
    case .number: .int
    case .flag: .bool
    case .list: .stringArray
    }
  }

  func value(of content: ConfigContent) -> ServeOption.Value? {
    switch (self, content) {
    case (.text, .string(let text)): text.isEmpty ? nil : .text(text)
    case (.choice(let words), .string(let text)): words.contains(text) ? .text(text) : nil
    case (.number(let range), .int(let number)): range.contains(number) ? .number(number) : nil
    case (.flag, .bool(let flag)): .flag(flag)
    case (.list, .stringArray(let list)): list.contains("") ? nil : .list(list)
    case (.text, _), (.choice, _), (.number, _), (.flag, _), (.list, _): nil
    }
  }

  /// What it has to be, for a sentence that begins with the option's name.
  var demand: String {
    switch self {
    case .text(let value): "is a \(value), and not empty"
    case .choice(let words): "is one of \(words.joined(separator: ", "))"
    case .number(let range): "is a number from \(range.lowerBound) to \(range.upperBound)"
    case .flag: "is true or false"
    case .list(let value): "is a \(value), or several"
    }
  }
}

import Foundation
import Testing

@testable import AuraServer

struct ServeSettingsTests {
  private static let pages = FileManager.default.temporaryDirectory.path

  private func read(_ arguments: [String] = [], _ environment: [String: String] = [:]) throws -> ServeSettings {
    try ServeSettings(arguments: ["--public", Self.pages] + arguments, environment: environment)
  }

  private func reason(_ arguments: [String] = [], _ environment: [String: String] = [:]) -> String {
    do throws(ServeSettings.Failure) {
      _ = try ServeSettings(arguments: ["--public", Self.pages] + arguments, environment: environment)
      return "no failure"
    } catch {
      return error.description
    }
  }

  /// A file that is gone when the test ends.
  private func withFile(_ name: String, _ text: String, _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent(name)
    try Data(text.utf8).write(to: file)
    try body(file.path)
  }

  private func source(of name: String, in settings: ServeSettings) -> ServeSettings.Source? {
    settings.effective.first { $0.option.name == name }?.source
  }

  @Test func `flags come before the environment, that before the file, that before the default`() throws {
    try withFile("aura.json", #"{"loops": 3, "readers": 4, "port": 1000, "trusted-proxy": ["10.0.0.5", "::1"]}"#) {
      file in
      let settings = try read(["--loops", "7"], ["AURA_LOOPS": "6", "AURA_READERS": "5", "AURA_CONFIG": file])
      #expect(settings.configuration.loops == 7)
      #expect(settings.configuration.readers == 5)
      #expect(settings.configuration.port == 1_000)
      #expect(settings.configuration.host == "127.0.0.1")
      #expect(settings.configuration.trustedProxies == ["10.0.0.5", "::1"])
      #expect(source(of: "loops", in: settings) == .flag("loops"))
      #expect(source(of: "readers", in: settings) == .environment("AURA_READERS"))
      #expect(source(of: "port", in: settings) == .file(file, key: "port"))
      #expect(source(of: "host", in: settings) == .standard)
    }
  }

  @Test func `YAML says the same as JSON`() throws {
    try withFile("aura.yaml", "port: 1000\nlog-level: error\nallow-origin:\n  - https://desk.example\ndemo: true\n") {
      file in
      let settings = try read(["--config", file])
      #expect(settings.configuration.port == 1_000)
      #expect(settings.logLevel == .error)
      #expect(settings.configuration.allowedOrigins == ["https://desk.example"])
      #expect(settings.isDemo)
    }
  }

  @Test(arguments: [
    (["--port", "70000"], "--port is a number from 0 to 65535 (from the option --port)."),
    (["--port", "x"], "--port is a number from 0 to 65535 (from the option --port)."),
    (["--port"], "--port needs a value: it is a number from 0 to 65535."),
    (["--prot", "1"], "There is no option --prot: see aura serve --help."),
    (["word"], "Nothing stands for itself here: word belongs to no option."),
    (["--demo=maybe"], "--demo is true or false (from the option --demo)."),
    (
      ["--trusted-proxy", "proxy.example"],
      "--trusted-proxy is an IPv4 or IPv6 address such as 10.0.0.5, not proxy.example (from the option --trusted-proxy)."
    ),
    (["--tls-key", "/dev/null"], "--tls-cert and --tls-key go together: name both files or neither."),
    (
      ["--demo", "--host", "0.0.0.0"],
      "A demo that a network can reach needs a password of its own: add --demo-password."
    ),
  ])
  func `what is wrong on the command line is refused with the reason`(arguments: [String], words: String) {
    #expect(reason(arguments) == words)
  }

  @Test func `what is wrong elsewhere is refused with where it stands`() throws {
    #expect(
      reason([], ["AURA_LOOPS": "many"]) == "--loops is a number from 1 to 64 (from the environment's AURA_LOOPS).")
    try withFile("aura.json", #"{"port": "eighty"}"#) { file in
      #expect(
        reason(["--config", file]) == "--port is a number from 0 to 65535 (from port in \(file)).")
    }
    try withFile("aura.json", #"{"port": 1, "prot": 2, "limits": {"loops": 1}}"#) { file in
      #expect(reason(["--config", file]).contains("names what is no option: limits.loops, prot"))
    }
    for (name, text) in [("a.json", #"{"port": "#), ("a.json", "[1]"), ("a.yaml", "port: [1"), ("a.yml", "- port")] {
      try withFile(name, text) { file in
        #expect(reason(["--config", file]).contains("is not one object of options"))
      }
    }
    try withFile("a.toml", "port = 1") { file in
      #expect(reason(["--config", file]).contains("is named neither .json nor .yaml"))
    }
    #expect(reason(["--config", "/no/such.json"]).contains("cannot be read"))
    // Options of the moment stand in no file and no environment.
    #expect(try read([], ["AURA_PRINT_CONFIG": "true"]).printsConfiguration == false)
  }

  @Test func `no secret is shown, in a listing or in a refusal`() throws {
    let listing = try read(["--demo"], ["AURA_DEMO_PASSWORD": "hunter2hunter2"]).listing
    #expect(!listing.contains("hunter2"))
    #expect(listing.contains("demo-password"))
    #expect(listing.contains("(set)  # the environment's AURA_DEMO_PASSWORD"))
    try withFile("aura.json", #"{"port": "hunter2hunter2"}"#) { file in
      #expect(!reason(["--config", file]).contains("hunter2"))
    }
  }

  @Test func `every option has a name of its own, says what it is for, and its default is one of its values`() throws {
    let names = ServeOption.all.map(\.name)
    #expect(Set(names).count == names.count)
    for option in ServeOption.all {
      #expect(option.help.hasSuffix("."), "\(option.name)")
      guard let standard = option.standard else { continue }
      switch (option.kind, standard) {
      case (.number(let range), .number(let number)): #expect(range.contains(number), "\(option.name)")
      case (.choice(let words), .text(let text)): #expect(words.contains(text), "\(option.name)")
      case (.text, .text), (.flag, .flag), (.list, .list): break
      case (.text, _), (.number, _), (.flag, _), (.list, _), (.choice, _): Issue.record("\(option.name)")
      }
    }
    // What is built in and what the table says are the same.
    let built = ServerConfiguration()
    let settings = try read()
    #expect(settings.configuration.limits == built.limits)
    #expect(settings.configuration.connectionsMax == built.connectionsMax)
    #expect(settings.configuration.connectionsPerUserMax == built.connectionsPerUserMax)
  }

  @Test func `the README's reference is the table`() throws {
    let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("README.md")
    let text = try String(contentsOf: readme, encoding: .utf8)
    #expect(text.contains(ServeOption.markdown), "README.md should hold:\n\(ServeOption.markdown)")
  }
}

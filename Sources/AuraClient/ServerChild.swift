import AuraTransport
import Foundation

/// A hub of this very program, started for a test on a free port and ended with it.
package final class ServerChild {
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  package let address: WebSocketAddress
  package var processIdentifier: Int32 { process.processIdentifier }
  private let process: Process

  /// Starts `executable serve` on `dataDirectory` and waits until it says where it listens. Limits that a load test
  /// would meet, and no person, are lifted by `arguments`.
  package init(executable: String, dataDirectory: String, publicDirectory: String, arguments: [String] = []) throws {
    process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments =
      ["serve", "--host", "127.0.0.1", "--port", "0", "--data", dataDirectory, "--public", publicDirectory] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // «Aura listens on http://127.0.0.1:PORT» is the first line of a server.
    var text = ""
    while !text.contains("\n") {
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { break }
      text += String(decoding: more, as: UTF8.self)
    }
    let first = text.split(separator: "\n").first ?? ""
    guard let url = first.split(separator: " ").last, let address = WebSocketAddress(String(url), path: "/ws") else {
      process.terminate()
      process.waitUntilExit()
      throw Failure(description: "the hub did not start: see what it says above")
    }
    self.address = address
    // Whatever it still says is read away, so that it never waits for us.
    output.fileHandleForReading.readabilityHandler = { handle in
      if handle.availableData.isEmpty { handle.readabilityHandler = nil }
    }
  }

  /// Ends it orderly, and waits for that.
  package func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  deinit { stop() }
}

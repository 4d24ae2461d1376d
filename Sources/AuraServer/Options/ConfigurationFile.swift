import Configuration
import Foundation
import Synchronization

/// A file of options by their names, JSON or YAML by its ending.
enum ConfigurationFile {
  private static let bytesMax = 1 << 20

  static func read(_ path: String) throws(ServeSettings.Failure) -> any ConfigSnapshot {
    func failure(_ words: String) -> ServeSettings.Failure {
      .init(description: "The configuration file \(path) \(words).")
    }
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw failure("cannot be read: name one that is there, with --config")
    }
    guard bytes.count <= bytesMax else { throw failure("is longer than \(bytesMax) bytes") }
    // The library asks of each key in the file whether its value is secret: that is how the keys become known.
    let keys = Mutex<[String]>([])
    let note: @Sendable (String) -> Bool = { key in
      keys.withLock { $0.append(key) }
      return true
    }
    let snapshot: any ConfigSnapshot
    do {
      let content = Array(bytes)
      switch path.split(separator: ".").last?.lowercased() {
      case "json":
        snapshot = try JSONSnapshot(
          data: content.span.bytes, providerName: "file",
          parsingOptions: .init(secretsSpecifier: .dynamic { key, _ in note(key) }))
      case "yaml", "yml":
        snapshot = try YAMLSnapshot(
          data: content.span.bytes, providerName: "file",
          parsingOptions: .init(secretsSpecifier: .dynamic { key, _ in note(key) }))
      default: throw failure("is named neither .json nor .yaml")
      }
    } catch let refused as ServeSettings.Failure {
      throw refused
    } catch {
      // The library's words may show a part of the file, and so a secret.
      throw failure("is not one object of options and their values, as JSON or YAML by its name")
    }
    let known = Set(ServeOption.all.filter { !$0.isFlagOnly && $0.name != "config" }.map(\.name))
    let strange = Set(keys.withLock { $0 }).subtracting(known).sorted()
    guard strange.isEmpty else {
      throw failure("names what is no option: \(strange.prefix(5).joined(separator: ", ")); see aura serve --help")
    }
    return snapshot
  }
}

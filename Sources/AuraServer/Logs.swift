import AuraDomain
import Foundation
import Logging
import Synchronization

/// The hub's log: one line an event on the standard error, text for a terminal, JSON for everything else.
///
/// What is logged are ids, counts and durations: no token, no password, nothing of a customer.
package struct LineLog: LogHandler {
  package enum Format: String, Sendable, CaseIterable { case text, json }

  /// The whole process's, unless this logger was told its own.
  package var logLevel: Logger.Level {
    get { own ?? Self.level.withLock { $0 } }
    set { own = newValue }
  }
  private var own: Logger.Level?
  private static let level = Mutex(Logger.Level.info)
  package var metadata: Logger.Metadata = [:]
  private let label: String
  private let format: Format

  init(label: String, level: Logger.Level? = nil, format: Format) {
    self.label = label
    own = level
    self.format = format
  }

  /// Makes this the log of the whole process. Called once, before the first logger is made.
  package static func bootstrap(level: Logger.Level, format: Format? = nil) {
    let format = format ?? (isatty(STDERR_FILENO) == 1 ? .text : .json)
    set(level: level)
    LoggingSystem.bootstrap { LineLog(label: $0, format: format) }
  }

  /// From now on, of all loggers.
  package static func set(level: Logger.Level) { self.level.withLock { $0 = level } }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let now = Instant(milliseconds: Int(Date().timeIntervalSince1970 * 1_000))
    let line = line(of: event, at: now)
    LogLines.shared.add(line)
    // What explains an end must be written before it.
    if event.level >= .error { LogLines.shared.flush(seconds: 0.5) }
  }

  func line(of event: LogEvent, at now: Instant) -> [UInt8] {
    var all = metadata
    if let more = event.metadata { all.merge(more) { $1 } }
    let pairs = all.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    var line: [UInt8]
    switch format {
    case .json:
      var writer = JSONWriter(capacity: 256)
      writer.beginObject()
      writer.name("at")
      writer.string(now.iso8601)
      writer.name("level")
      writer.string(event.level.rawValue)
      writer.name("log")
      writer.string(label)
      writer.name("message")
      writer.string(event.message.description)
      for (name, value) in pairs {
        writer.name(escaping: name)
        writer.string(value)
      }
      writer.endObject()
      line = writer.bytes
    case .text:
      let words = pairs.map { "\($0)=\(Self.word($1))" }
      let head = "\(now.iso8601.dropFirst(11)) \(event.level.rawValue.uppercased()) \(label): \(event.message)"
      line = Array(
        ([head] + words).joined(separator: " ").utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 })
    }
    line.append(UInt8(ascii: "\n"))
    return line
  }

  /// Quoted when it would not read as one word.
  private static func word(_ value: String) -> String {
    value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) ? JSON.string(value).text : value
  }
}

extension Instant {
  /// `2026-02-02T03:00:00.000Z`, as the original's clients read times.
  package var iso8601: String {
    // Foundation cuts a fraction that no double holds exactly: it formats the seconds, the rest is written here.
    let (seconds, rest) = max(0, milliseconds).quotientAndRemainder(dividingBy: 1_000)
    let whole = Date(timeIntervalSince1970: Double(seconds)).ISO8601Format()
    let fraction = String(rest)
    return whole.dropLast() + "." + String(repeating: "0", count: 3 - fraction.count) + fraction + "Z"
  }
}

import AuraDomain
import AuraJSON
import Logging
import Testing

@testable import AuraServer

@Suite struct LineLogTests {
  private static let now = Instant(milliseconds: 1_770_000_000_123)

  private static func line(_ format: LineLog.Format, _ message: String, _ metadata: Logger.Metadata = [:]) -> String {
    var log = LineLog(label: "hub", level: .info, format: format)
    log[metadataKey: "loop"] = "0"
    let event = LogEvent(
      level: .notice, message: "\(message)", metadata: metadata, source: "x", file: "f", function: "g", line: 1)
    return String(decoding: log.line(of: event, at: now), as: UTF8.self)
  }

  @Test func `text is a line that a person reads`() {
    #expect(
      Self.line(.text, "signed in", ["user": "u1", "name": "two words"])
        == "02:40:00.123Z NOTICE hub: signed in loop=0 name=\"two words\" user=u1\n")
  }

  @Test func `JSON is one object a line, with what the event adds over what the logger has`() throws {
    let text = Self.line(.json, "signed \"in\"", ["loop": "1", "n": "2"])
    #expect(text.hasSuffix("}\n"))
    let object = try JSON.parse(String(text.dropLast()))
    #expect(object["at"] == "2026-02-02T02:40:00.123Z")
    #expect(object["level"] == "notice" && object["log"] == "hub" && object["message"] == "signed \"in\"")
    #expect(object["loop"] == "1" && object["n"] == "2")
  }

  @Test(arguments: LineLog.Format.allCases)
  func `nothing from outside starts a line of its own`(format: LineLog.Format) {
    let text = Self.line(format, "a\nb\u{1B}[31m", ["x": "c\r\nd\u{7F}"])
    #expect(text.dropLast().utf8.allSatisfy { $0 >= 0x20 })
    #expect(text.hasSuffix("\n"))
  }
}

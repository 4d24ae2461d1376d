import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore
import Foundation

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Show a clinic as it stood at a time, from the log.",
    discussion: """
      Works beside a running hub and without one, and changes nothing. The log reaches back 14 days, at most a million \
      commits; of a row that was changed since and before that not, nobody knows any more what it was: such rows are \
      left out and counted. Who was forgotten is so in the past too.

      EXAMPLES
        aura replay --data ./data --clinic BKK01 --at 2026-05-01T14:30:00+07:00 --topic task_queue
        aura replay --data ./data --clinic BKK01 --seq 4821 --topic workflow_states --columns id,current_stage
      """)

  @OptionGroup var folder: DataOption
  @Option(help: ArgumentHelp("The clinic's code.", valueName: "code"))
  var clinic: String
  @Option(help: ArgumentHelp("When, with its zone: 2026-05-01T14:30:00+07:00.", valueName: "time"))
  var at: String?
  @Option(help: ArgumentHelp("Behind which commit, instead of a time.", valueName: "n"))
  var seq: Int?
  @Option(
    help: ArgumentHelp("Table to show; may be repeated. Without it: cases, tasks and customers.", valueName: "name"))
  var topic: [Table] = [.workflowStates, .taskQueue, .customers]
  @Option(
    help: ArgumentHelp("Shows these columns as a table with tabs, instead of JSON lines.", valueName: "names"))
  var columns: String?

  func validate() throws {
    guard (at == nil) != (seq == nil) else { throw ValidationError("Name a time with --at, or a commit with --seq.") }
    if let at, Self.instant(at) == nil {
      throw ValidationError("--at is a time with its zone, such as 2026-05-01T14:30:00+07:00, not \(at).")
    }
    if topic.contains(.users) { throw ValidationError("Users stand above the clinics and are in no log.") }
  }

  func run() throws {
    let chosen = columns?.split(separator: ",").map(String.init)
    let unknown = try explaining {
      try Store.look(directory: folder.data) { reader -> Int in
        guard let id = try Accounts.clinic(reader.session, code: clinic) else {
          throw AdminRefusal("There is no clinic \(clinic): `aura clinic list` shows those that there are.")
        }
        guard
          let position = try seq
            ?? at.flatMap(Self.instant).flatMap({
              try PastState.position(reader, clinic: id, at: $0)
            })
        else { throw try tooEarly(reader, id) }
        if let chosen { say((["table"] + chosen).joined(separator: "\t")) }
        do {
          return try PastState.read(reader, clinic: id, at: position, tables: topic) { row in
            say(try chosen.map { try Self.cells(row, $0) } ?? Self.line(row))
          }.unknown
        } catch let reach as PastState.OutOfReach {
          if position > reach.head { throw AdminRefusal("The clinic's last commit is \(reach.head).") }
          throw try tooEarly(reader, id)
        }
      }
    }
    if unknown > 0 {
      note("\(unknown) rows were changed since, and the log no longer has what they were then: they are left out.")
    }
  }

  private func tooEarly(_ reader: Reader, _ clinic: ID) throws -> AdminRefusal {
    let oldest = try reader.oldest(clinic: clinic)
    let since = try PastState.time(reader, clinic: clinic, of: oldest).map { ", of \($0.iso8601)" } ?? ""
    return AdminRefusal("The log begins with commit \(oldest)\(since): choose a later time, or an older backup.")
  }

  private static func line(_ row: PastState.Row) -> String {
    "{\"table\":\"\(row.table.rawValue)\",\"row\":\(String(decoding: row.json, as: UTF8.self))}"
  }

  private static func cells(_ row: PastState.Row, _ names: [String]) throws -> String {
    let cells = try PastState.values(of: row, names).map { value -> String in
      switch value {
      case .null: "-"
      case .string(let text): text.replacing("\t", with: " ").replacing("\n", with: " ")
      case .bool, .integer, .real, .array, .object: value.text
      }
    }
    return ([row.table.rawValue] + cells).joined(separator: "\t")
  }

  private static func instant(_ text: String) -> Instant? {
    let formatter = ISO8601DateFormatter()
    for options: ISO8601DateFormatter.Options in [
      [.withInternetDateTime], [.withInternetDateTime, .withFractionalSeconds],
    ] {
      formatter.formatOptions = options
      if let date = formatter.date(from: text) {
        return Instant(milliseconds: Int((date.timeIntervalSince1970 * 1_000).rounded()))
      }
    }
    return nil
  }
}

extension Table: ExpressibleByArgument {}

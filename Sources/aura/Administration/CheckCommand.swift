import ArgumentParser
import AuraDomain
import AuraStore

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look whether a database is what it should be. Changes nothing.",
    discussion: """
      Reads the whole file beside a running hub or without one: its pages, its references, the audit's chain of hashes, \
      the log against the rows, and what must be true of points, bills, coupons, cases, tasks, messages and people. \
      Ends with status 1 when it has found something, and says what to do about it. While it compares the log with the \
      rows the database's log file cannot shrink: beside a busy hub choose a quiet hour.

      EXAMPLES
        aura check --data ./data
        aura check --data ./data --json
      """)

  @OptionGroup var folder: DataOption
  @Flag(help: "Say everything as one JSON object.")
  var json = false

  func run() throws {
    var results: [Check.Result] = []
    let line = ProgressLine()
    try explaining {
      try Check.run(directory: folder.data) { result in
        results.append(result)
        line.show(result.name)
        if !json, result.count > 0 {
          line.clear()
          tell(result)
        }
      }
    }
    line.clear()
    let wrong = results.filter { $0.count > 0 }
    if json {
      let value: JSON = [
        "ok": .bool(wrong.isEmpty), "checks": .array(results.map(\.json)),
      ]
      say(value.text)
    } else if wrong.isEmpty {
      say("\(folder.data) is as it should be: \(results.count) checks found nothing.")
    } else {
      say("\(wrong.count) of \(results.count) checks found something.")
    }
    if !wrong.isEmpty { throw ExitCode.failure }
  }

  private func tell(_ result: Check.Result) {
    say("\(result.name): \(result.count)")
    for finding in result.findings {
      say("  " + [finding.clinic, finding.subject, finding.problem].filter { !$0.isEmpty }.joined(separator: "  "))
    }
    if result.count > result.findings.count { say("  and \(result.count - result.findings.count) more") }
    say("  → \(result.next)")
  }
}

extension Check.Result {
  fileprivate var json: JSON {
    var value: JSON = ["name": .string(name), "count": .integer(count)]
    if count > 0 {
      value.set("next", .string(next))
      value.set(
        "findings",
        .array(
          findings.map {
            ["clinic": .string($0.clinic), "subject": .string($0.subject), "problem": .string($0.problem)]
          }))
    }
    return value
  }
}

import ArgumentParser

/// Whether a treatment's commands wait longer the more messages wait for their time.
struct PendingBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pending",
    abstract: "Cases of a clinic with many messages to come against those of one with few.",
    discussion: """
      Two hubs' stores, each with one clinic, its timers running. A round is a new customer's whole case: initialize, \
      confirmPayment, startTreatment, completeTreatment. Each is a durable commit of the real rules, and the last plans \
      messages of its own.
      """)

  @Option(help: ArgumentHelp("Messages that wait, of a hundred to each customer, in the one.", valueName: "n"))
  var rows = 100_000

  @Option(help: ArgumentHelp("Messages that wait in the other.", valueName: "n"))
  var fewRows = 100

  @OptionGroup var options: ComparisonOptions

  func validate() throws {
    guard (1...10_000_000).contains(rows), (1...10_000_000).contains(fewRows) else {
      throw ValidationError("--rows and --few-rows are numbers from 1 to 10000000.")
    }
  }

  func run() throws {
    try withBenchFolder { folder in
      let few = try CaseHouse(directory: folder.appendingPathComponent("few").path, messages: fewRows)
      defer { few.close() }
      let many = try CaseHouse(directory: folder.appendingPathComponent("many").path, messages: rows)
      defer { many.close() }
      var comparison = Comparison(
        "a case from lead to treated", rounds: options.rounds, unit: "messages to come", fewRows: fewRows, rows: rows)
      try comparison.measure { amongMany, round in try (amongMany ? many : few).treat(round) }
      try comparison.report(options)
    }
  }
}

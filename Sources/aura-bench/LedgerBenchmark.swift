import ArgumentParser

/// Whether a redemption waits longer the longer the customer's ledger is.
struct LedgerBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "Redemptions of a customer with a long ledger against those of one with a short one.",
    discussion: """
      Both customers hold open credits of the same size and take turns at redeeming a reward of 50 points: each \
      redemption is one durable commit of the real rules on the real store, in a folder that is removed afterwards.
      """)

  @Option(help: ArgumentHelp("Rows of the long ledger.", valueName: "n"))
  var rows = 10_000

  @Option(help: ArgumentHelp("Rows of the short ledger.", valueName: "n"))
  var fewRows = 10

  @OptionGroup var options: ComparisonOptions

  func validate() throws {
    guard (1...10_000_000).contains(rows), (1...10_000_000).contains(fewRows) else {
      throw ValidationError("--rows and --few-rows are numbers from 1 to 10000000.")
    }
  }

  func run() throws {
    try withBenchFolder { folder in
      let house = try LedgerHouse(directory: folder.path)
      defer { house.close() }
      let reward = try house.reward(cost: 50)
      // The short ledger pays for all of its redemptions, the first unmeasured one too.
      let credit = 50 * ((options.rounds + fewRows) / fewRows)
      let few = try house.customer("few", ledgerRows: fewRows, pointsEach: credit)
      let many = try house.customer("many", ledgerRows: rows, pointsEach: credit)
      var comparison = Comparison(
        "redeemReward", rounds: options.rounds, unit: "ledger rows", fewRows: fewRows, rows: rows)
      try comparison.measure { amongMany, round in
        let customer = amongMany ? many : few
        try house.redeem(reward, customer, key: "\(customer)-\(round)")
      }
      try comparison.report(options)
    }
  }
}

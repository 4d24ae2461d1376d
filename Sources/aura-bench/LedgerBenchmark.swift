import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore
import Foundation
import Histogram

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

  @Option(help: ArgumentHelp("Redemptions of each customer.", valueName: "n"))
  var rounds = 400

  @Option(help: ArgumentHelp("Fails when the long ledger's median is more than this many times the short one's."))
  var atMost: Double?

  @Flag(help: "Print the result as one JSON object.")
  var json = false

  func validate() throws {
    guard (1...10_000_000).contains(rows), (1...10_000_000).contains(fewRows) else {
      throw ValidationError("--rows and --few-rows are numbers from 1 to 10000000.")
    }
    guard (1...1_000_000).contains(rounds) else { throw ValidationError("--rounds is a number from 1 to 1000000.") }
  }

  func run() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("aura-bench-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let house = try LedgerHouse(directory: folder.path)
    defer { house.close() }
    let reward = try house.reward(cost: 50)
    // The short ledger pays for all of its redemptions.
    let credit = 50 * ((rounds + fewRows - 1) / fewRows)
    let few = try house.customer("few", ledgerRows: fewRows, pointsEach: credit)
    let many = try house.customer("many", ledgerRows: rows, pointsEach: credit)

    var short = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    var long = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
    for round in 0..<rounds {
      // In turns, and in both orders, so that the disk's moods meet both alike.
      let first = round.isMultiple(of: 2)
      for customer in first ? [few, many] : [many, few] {
        let spent = try house.redeem(reward, customer, key: "\(customer)-\(round)")
        if customer == few { short.record(spent) } else { long.record(spent) }
      }
    }
    let report = LedgerReport(
      rows: rows, fewRows: fewRows, rounds: rounds, short: Latency(short), long: Latency(long))
    print(json ? report.json : report.text)
    if let atMost, report.ratio > atMost {
      FileHandle.standardError.write(Data("FAILED: \(report.ratio) is more than \(atMost).\n".utf8))
      throw ExitCode.failure
    }
  }
}

/// Microseconds.
private struct Latency {
  var p50: UInt64
  var p99: UInt64

  init(_ histogram: Histogram<UInt64>) {
    p50 = histogram.valueAtPercentile(50)
    p99 = histogram.valueAtPercentile(99)
  }
}

private struct LedgerReport {
  var rows: Int
  var fewRows: Int
  var rounds: Int
  var short: Latency
  var long: Latency

  var ratio: Double { (Double(long.p50) / Double(max(1, short.p50)) * 100).rounded() / 100 }

  var text: String {
    """
    redeemReward to its durable commit, \(rounds) of each in turns
      ledger of \(fewRows) rows: p50 \(short.p50) µs, p99 \(short.p99) µs
      ledger of \(rows) rows: p50 \(long.p50) µs, p99 \(long.p99) µs
      ratio of the medians: \(ratio)
    """
  }

  var json: String {
    """
    {"rounds":\(rounds),"few_rows":\(fewRows),"few_p50_us":\(short.p50),"few_p99_us":\(short.p99),"rows":\(rows),\
    "p50_us":\(long.p50),"p99_us":\(long.p99),"ratio":\(ratio)}
    """
  }
}

import ArgumentParser
import Foundation
import Histogram

/// The same work among few rows and among many, in turns. Times are microseconds to the durable commit.
struct Comparison {
  var name: String
  var rounds: Int
  /// What there are few or many of, e.g. `ledger rows`.
  var unit: String
  var fewRows: Int
  var rows: Int

  private var few = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var many = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

  init(_ name: String, rounds: Int, unit: String, fewRows: Int, rows: Int) {
    (self.name, self.rounds, self.unit, self.fewRows, self.rows) = (name, rounds, unit, fewRows, rows)
  }

  /// Measures `work`, which is given whether it is to work among the many and the number of its round. Both have one round to
  /// warm up, then they take turns in both orders, so that the disk's moods meet both alike.
  mutating func measure(_ work: (_ amongMany: Bool, _ round: Int) throws -> Void) throws {
    for round in -1..<rounds {
      for amongMany in round.isMultiple(of: 2) ? [false, true] : [true, false] {
        let started = ContinuousClock.now
        try work(amongMany, round)
        let (seconds, attoseconds) = (ContinuousClock.now - started).components
        guard round >= 0 else { continue }
        let spent = UInt64(seconds) * 1_000_000 + UInt64(attoseconds / 1_000_000_000_000)
        if amongMany { many.record(spent) } else { few.record(spent) }
      }
    }
  }

  /// The many's median in medians of the few, to two places.
  var ratio: Double { (Double(p50(many)) / Double(max(1, p50(few))) * 100).rounded() / 100 }

  private func p50(_ histogram: Histogram<UInt64>) -> UInt64 { histogram.valueAtPercentile(50) }
  private func p99(_ histogram: Histogram<UInt64>) -> UInt64 { histogram.valueAtPercentile(99) }

  private var text: String {
    """
    \(name), \(rounds) of each in turns
      among \(fewRows) \(unit): p50 \(p50(few)) µs, p99 \(p99(few)) µs
      among \(rows) \(unit): p50 \(p50(many)) µs, p99 \(p99(many)) µs
      ratio of the medians: \(ratio)
    """
  }

  private var json: String {
    """
    {"rounds":\(rounds),"few_rows":\(fewRows),"few_p50_us":\(p50(few)),"few_p99_us":\(p99(few)),"rows":\(rows),\
    "p50_us":\(p50(many)),"p99_us":\(p99(many)),"ratio":\(ratio)}
    """
  }

  /// Prints the result and fails when the ratio is above what is allowed.
  func report(_ options: ComparisonOptions) throws {
    print(options.json ? json : text)
    if let atMost = options.atMost, ratio > atMost {
      FileHandle.standardError.write(Data("FAILED: \(ratio) is more than \(atMost).\n".utf8))
      throw ExitCode.failure
    }
  }
}

struct ComparisonOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How often each is measured.", valueName: "n"))
  var rounds = 400

  @Option(help: ArgumentHelp("Fails when the median among many is more than this many times the one among few."))
  var atMost: Double?

  @Flag(help: "Print the result as one JSON object.")
  var json = false

  func validate() throws {
    guard (1...1_000_000).contains(rounds) else { throw ValidationError("--rounds is a number from 1 to 1000000.") }
  }
}

/// A folder for a benchmark's databases, gone afterwards.
func withBenchFolder(_ work: (URL) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("aura-bench-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: folder) }
  try work(folder)
}

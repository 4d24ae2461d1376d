import ArgumentParser

/// What the hub's own parts cost, measured in this process and on this machine. A figure is worth something beside
/// another one of the same run: each benchmark prints a ratio.
@main struct AuraBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aura-bench", abstract: "Benchmarks of the hub's parts. `make bench` runs all of them.",
    subcommands: [LedgerBenchmark.self, PendingBenchmark.self])
}

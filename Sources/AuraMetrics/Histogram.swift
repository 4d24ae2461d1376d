import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How often something took how long, or was how large. An observation is three relaxed additions.
package final class Histogram: Sendable {
  package enum Unit: Sendable {
    /// Observed in nanoseconds, shown in seconds.
    case seconds
    case plain
  }

  /// What was observed so far: `counts` has one place more than `bounds`, for what is above the last.
  package struct Reading: Sendable, Equatable {
    package var bounds: [Int]
    package var unit: Unit
    package var counts: [Int]
    package var sum: Int

    package var count: Int { counts.reduce(0, +) }

    /// The same of several threads, as one.
    package static func + (one: Reading, other: Reading) -> Reading {
      var all = one
      for (place, count) in other.counts.enumerated() where place < all.counts.count { all.counts[place] += count }
      all.sum += other.sum
      return all
    }
  }

  private let unit: Unit
  private let bounds: [Int]
  private let counts: [Counter]
  private let sum = Counter()

  /// - Parameter bounds: ascending; of durations in nanoseconds. A value that is a bound is below it.
  package init(_ unit: Unit, bounds: [Int]) {
    self.unit = unit
    self.bounds = bounds
    counts = (0...bounds.count).map { _ in Counter() }
  }

  /// From 100 µs to 10 s: what a request may take.
  package static func latency() -> Histogram {
    Histogram(
      .seconds,
      bounds: [
        100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
        250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000,
      ])
  }

  package func observe(_ value: Int, times: Int = 1) {
    var place = 0
    while place < bounds.count, value > bounds[place] { place += 1 }
    counts[place].add(times)
    sum.add(value &* times)
  }

  package var reading: Reading {
    Reading(bounds: bounds, unit: unit, counts: counts.map(\.value), sum: sum.value)
  }
}

package enum Stopwatch {
  /// Nanoseconds of a clock that never goes back; only differences mean something.
  package static func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

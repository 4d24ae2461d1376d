import Synchronization

/// A number that only grows. Counting is one relaxed addition without a lock; any thread may read.
package final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  package init() {}
  package func add(_ more: Int = 1) { count.wrappingAdd(more, ordering: .relaxed) }
  package var value: Int { count.load(ordering: .relaxed) }
}

/// A number that goes up and down, as whoever owns what it counts last said.
package final class Gauge: Sendable {
  private let number = Atomic<Int>(0)

  package init() {}
  package func set(_ value: Int) { number.store(value, ordering: .relaxed) }
  package func add(_ more: Int) { number.wrappingAdd(more, ordering: .relaxed) }
  package var value: Int { number.load(ordering: .relaxed) }
}

/// Counters that differ in their labels, made as the labels first come up. Taking one locks: a hot path keeps what it
/// took. The labels must be few, so never what a client wrote.
package final class CounterFamily<Label: Hashable & Sendable>: Sendable {
  private let counters = Mutex<[Label: Counter]>([:])

  package init() {}

  package func counter(_ label: Label) -> Counter {
    counters.withLock { counters in
      if let counter = counters[label] { return counter }
      let counter = Counter()
      counters[label] = counter
      return counter
    }
  }

  package var readings: [(label: Label, value: Int)] {
    counters.withLock { counters in counters.map { ($0.key, $0.value.value) } }
  }
}

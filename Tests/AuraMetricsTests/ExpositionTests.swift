import AuraMetrics
import Testing

struct ExpositionTests {
  @Test func `a family has its HELP and TYPE once, before its samples`() {
    var exposition = Exposition()
    exposition.add(
      .counter, "aura_commands_total", "Commands.",
      [([("name", "reopen"), ("outcome", "ok")], 2), ([("name", "checkIn"), ("outcome", "ok")], 1)])
    #expect(
      exposition.text == """
        # HELP aura_commands_total Commands.
        # TYPE aura_commands_total counter
        aura_commands_total{name="checkIn",outcome="ok"} 1
        aura_commands_total{name="reopen",outcome="ok"} 2

        """)
  }

  @Test func `a histogram's buckets add up, and the last is its count`() {
    let histogram = Histogram(.seconds, bounds: [1_000_000, 2_500_000])
    histogram.observe(1_000_000)
    histogram.observe(1_000_001, times: 2)
    histogram.observe(9_000_000)
    var exposition = Exposition()
    exposition.add("wait_seconds", "Waits.", histogram.reading)
    #expect(
      exposition.text == """
        # HELP wait_seconds Waits.
        # TYPE wait_seconds histogram
        wait_seconds_bucket{le="0.001"} 1
        wait_seconds_bucket{le="0.0025"} 3
        wait_seconds_bucket{le="+Inf"} 4
        wait_seconds_sum 0.012000002
        wait_seconds_count 4

        """)
  }

  @Test func `what would break a line is escaped`() {
    var exposition = Exposition()
    exposition.add(.gauge, "g", "a\\b\nc \"d\"", [([("l", "x\"\\\ny")], 1)])
    #expect(
      exposition.text == "# HELP g a\\\\b\\nc \"d\"\n# TYPE g gauge\ng{l=\"x\\\"\\\\\\ny\"} 1\n")
  }

  @Test func `readings of several threads are one`() {
    let one = Histogram(.plain, bounds: [1, 2])
    let other = Histogram(.plain, bounds: [1, 2])
    one.observe(1)
    other.observe(5)
    let sum = one.reading + other.reading
    #expect(sum.counts == [1, 0, 1])
    #expect(sum.sum == 6)
  }

  @Test func `a family's counter is the same for the same label`() {
    let family = CounterFamily<String>()
    family.counter("a").add()
    family.counter("a").add(2)
    #expect(family.readings.map(\.value) == [3])
  }
}

import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `Timers` {
  let bench: Bench
  let fixture: Fixture
  let start: Instant

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
    start = bench.now
    // Each firing adds a customer named by the timer.
    bench.knobs.otherwise.withLock { $0 = { try Fixture.addCustomer(draftKey($0))(&$0) } }
  }

  private func plan(_ dedupe: String, in span: Span) {
    let timer = PlannedTimer(due: start + span, kind: .closeCase, payload: ["a": 1], dedupe: dedupe)
    let batch = bench.process(
      bench.request(fixture.clinic, fixture.owner) { draft in
        draft.schedule(timer)
        return nil
      })
    #expect(batch.codes == [nil])
  }

  private var fired: Int { get throws { try bench.count("SELECT COUNT(*) FROM customers") - 1 } }
  private var waiting: Int { get throws { try bench.count("SELECT COUNT(*) FROM sys_timers") } }

  @Test func `fire when they are due and not before, once`() throws {
    plan("a", in: .minutes(10))
    #expect(bench.writer.nextDue == start + .minutes(10))
    bench.now = start + .minutes(10) - Span(milliseconds: 1)
    #expect(bench.writer.process([]).isEmpty)
    bench.now = start + .minutes(10)
    let batch = bench.writer.process([])
    #expect(batch.commits.count == 1)
    #expect(batch.commits[0].cause.isEmpty)
    #expect(try fired == 1)
    #expect(try waiting == 0)
    #expect(bench.writer.nextDue == nil)
    bench.now = start + .days(1)
    #expect(bench.writer.process([]).isEmpty)
  }

  @Test func `wait where nobody could do what they ask for`() throws {
    plan("a", in: .minutes(10))
    bench.configuration.firesTimers = false
    try bench.reopen()
    bench.now = start + .hours(1)
    #expect(bench.writer.nextDue == nil)
    plan("b", in: .minutes(20))
    #expect(bench.writer.process([]).isEmpty)
    #expect(try fired == 0 && waiting == 2)
    bench.configuration.firesTimers = true
    try bench.reopen()
    #expect(bench.writer.process([]).commits.count == 2)
  }

  @Test func `fire once though the clock jumps back and forth, and the store is opened anew`() throws {
    for number in 0..<5 { plan("t\(number)", in: .minutes(number * 10 + 1)) }
    for minutes in [-60, 5, -120, 15, 0, 15, 25, -1_000, 31, 500, -500, 500] {
      bench.now = start + .minutes(minutes)
      _ = bench.writer.process([])
      #expect(try waiting + fired == 5)
      #expect(try bench.count("SELECT COUNT(*) FROM sys_timers WHERE due > \(start.milliseconds + 500 * 60_000)") == 0)
      try bench.reopen()
    }
    #expect(try fired == 5)
    let seqs = try bench.read { try $0.commits(clinic: fixture.clinic, after: 0).map(\.seq) }
    #expect(seqs == Array(1...6))
  }

  @Test func `fire behind the commands of a busy writer`() throws {
    plan("a", in: .minutes(1))
    bench.now = start + .minutes(2)
    let batch = bench.process(bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2")))
    #expect(batch.seqs == [2, 3])
  }

  @Test func `of one name are one: planning again moves it, cancelling forgets it`() throws {
    plan("a", in: .minutes(1))
    plan("a", in: .minutes(5))
    bench.now = start + .minutes(4)
    #expect(bench.writer.process([]).commits.isEmpty)
    #expect(try fired == 0)
    bench.process(
      bench.request(fixture.clinic, fixture.owner) { draft in
        draft.cancelTimer("a")
        return nil
      })
    bench.now = start + .days(1)
    _ = bench.writer.process([])
    #expect(try fired == 0)
  }

  @Test func `may plan themselves anew`() throws {
    plan("again", in: .minutes(1))
    let next = PlannedTimer(due: start + .minutes(9), kind: .closeCase, payload: [:], dedupe: "again")
    bench.knobs.otherwise.withLock { rule in
      rule = { draft in
        draft.schedule(next)
        return nil
      }
    }
    bench.now = start + .minutes(1)
    _ = bench.writer.process([])
    #expect(try waiting == 1)
    #expect(bench.writer.nextDue == start + .minutes(9))
  }

  @Test func `that are refused are done with`() throws {
    plan("a", in: .minutes(1))
    bench.knobs.otherwise.withLock { $0 = { _ in throw Refusal(.notFound, "gone") } }
    bench.now = start + .minutes(1)
    #expect(bench.writer.process([]).codes == [.notFound])
    #expect(try waiting == 0)
  }

  @Test func `that go wrong are tried again, later each time, and hold up no other`() throws {
    plan("a", in: .minutes(1))
    plan("b", in: .minutes(1))
    let add = Fixture.addCustomer("C-9")
    bench.knobs.otherwise.withLock { rule in
      rule = { draft in
        if draft.commandKey?.contains(":a@") == true { throw FailureSurprise() }
        return try add(&draft)
      }
    }
    bench.now = start + .minutes(1)
    #expect(bench.writer.process([]).codes == [.internal, nil])
    #expect(bench.writer.nextDue == bench.now + .seconds(2))
    bench.now = bench.now + .seconds(2)
    _ = bench.writer.process([])
    #expect(bench.writer.nextDue == bench.now + .seconds(4))
    bench.knobs.otherwise.withLock { $0 = Fixture.addCustomer("C-10") }
    bench.now = bench.now + .seconds(4)
    _ = bench.writer.process([])
    #expect(try fired == 2)
    #expect(try waiting == 0)
  }

  @Test func `that this program cannot read are put aside`() throws {
    plan("a", in: .minutes(1))
    plan("b", in: .minutes(2))
    try bench.run("UPDATE sys_timers SET kind = 'unheard_of' WHERE dedupe = 'a'")
    bench.now = start + .minutes(2)
    _ = bench.writer.process([])
    #expect(try fired == 1)
    #expect(try waiting == 1)
  }

  @Test func `of a clinic that rests wait until it wakes`() throws {
    plan("a", in: .minutes(1))
    try bench.run("UPDATE clinics SET is_active = 0")
    bench.now = start + .minutes(1)
    _ = bench.writer.process([])
    #expect(try waiting == 1)
    try bench.run("UPDATE clinics SET is_active = 1")
    bench.now = start + .minutes(2)
    _ = bench.writer.process([])
    #expect(try fired == 1)
  }

  @Test func `wait for a disk that is full`() throws {
    plan("a", in: .minutes(1))
    bench.writer.commit = { session in
      try session.execute(SQLSession.rollback)
      throw SQLFailure(kind: .full, code: 13, message: "full")
    }
    bench.now = start + .minutes(1)
    _ = bench.writer.process([])
    #expect(try fired == 0)
    #expect(bench.writer.nextDue == bench.now + .seconds(5))
    bench.writer.commit = { try $0.execute(SQLSession.commit) }
    bench.now = bench.now + .seconds(5)
    _ = bench.writer.process([])
    #expect(try fired == 1)
  }
}

private struct FailureSurprise: Error {}

private func draftKey(_ draft: Draft) -> String { draft.commandKey ?? "" }

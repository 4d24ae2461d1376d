import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `Retention` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  /// A whole run.
  private func run(_ limits: StoreConfiguration.Retention) throws {
    var job = RetentionJob(limits)
    var slices = 0
    while job.due(bench.now) <= bench.now {
      try bench.writer.connection.use { try job.slice($0, now: bench.now) }
      slices += 1
      try #require(slices < 1_000)
    }
  }

  private func add(_ count: Int) {
    for _ in 0..<count {
      let request = bench.request(fixture.clinic, fixture.owner)
      bench.knobs.rules.withLock { $0[request.key] = Fixture.addCustomer(request.key) }
      bench.process(request)
    }
  }

  private func log() throws -> [Int] { try bench.read { try $0.commits(clinic: fixture.clinic, after: 0).map(\.seq) } }

  @Test func `keys are kept for seven days, whatever is configured, and then forgotten`() throws {
    add(3)
    var limits = StoreConfiguration.Retention()
    limits.commands = .days(1)
    limits.sliceRows = 2
    bench.now = bench.now + .days(7)
    add(2)
    try run(limits)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == 5)
    bench.now = bench.now + Span(milliseconds: 1)
    try run(limits)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == 2)
  }

  @Test(arguments: [1, 2, 3, 100]) func `the log loses its old end by age, and says where it begins`(slice: Int) throws
  {
    add(5)
    bench.now = bench.now + .days(3)
    add(4)
    var limits = StoreConfiguration.Retention()
    limits.changes = .days(2)
    limits.sliceRows = slice
    try run(limits)
    #expect(try log() == [7, 8, 9, 10])
    #expect(try bench.read { try $0.oldest(clinic: fixture.clinic) } == 7)
  }

  @Test(arguments: [1, 2, 3, 100]) func `the log loses its old end by length`(slice: Int) throws {
    add(9)
    var limits = StoreConfiguration.Retention()
    limits.changesPerClinicMax = 3
    limits.sliceRows = slice
    try run(limits)
    #expect(try log() == [8, 9, 10])
    #expect(try bench.read { try $0.oldest(clinic: fixture.clinic) } == 8)
  }

  @Test func `a log that lost everything goes on counting where it was`() throws {
    add(2)
    bench.now = bench.now + .days(100)
    try run(StoreConfiguration.Retention())
    #expect(try log().isEmpty)
    try bench.reopen()
    #expect(try bench.read { try $0.oldest(clinic: fixture.clinic) } == 4)
    #expect(try bench.read { try $0.head(clinic: fixture.clinic) } == 3)
    add(1)
    #expect(try log() == [4])
  }

  @Test func `a commit that is younger than one before it, by a clock that was set back, makes no hole`() throws {
    add(2)
    bench.now = bench.now - .days(30)
    add(2)
    bench.now = bench.now + .days(30)
    var limits = StoreConfiguration.Retention()
    limits.changes = .days(2)
    try run(limits)
    #expect(try log() == [1, 2, 3, 4, 5])
  }

  @Test func `a busy writer comes to it too, and an error does not keep it busy`() throws {
    var job = RetentionJob(StoreConfiguration.Retention())
    #expect(job.due(bench.now) <= bench.now)
    job.giveUp(bench.now)
    #expect(job.due(bench.now) == bench.now + .minutes(1))
    #expect(!job.isOverdue(bench.now + .minutes(5)))
    #expect(job.isOverdue(bench.now + .minutes(12)))
  }
}

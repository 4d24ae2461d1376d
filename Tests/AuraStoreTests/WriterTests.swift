import AuraDomain
import Testing

@testable import AuraStore

@Suite struct `Commands` {
  let bench: Bench
  let fixture: Fixture

  init() throws {
    bench = try Bench()
    fixture = try Fixture(bench)
  }

  @Test func `a command's rows, log and key are there after it, and its commit is published`() throws {
    let batch = bench.process(bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2")))
    #expect(batch.seqs == [2])
    #expect(batch.commits.map(\.seq) == [2])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == 1)
    let logged = try bench.read { try $0.commits(clinic: fixture.clinic, after: 1) }
    let commit = try #require(logged.first)
    #expect(commit.changes.map(\.row) == batch.commits[0].changes.map(\.row))
    #expect(commit.changes.map(\.keys) == batch.commits[0].changes.map(\.keys))
    #expect(String(decoding: commit.cause, as: UTF8.self).contains("\"by\":\"\(fixture.owner)\""))
  }

  @Test func `a key that comes again has its first outcome and no second effect`() throws {
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let first = bench.process(request)
    let again = bench.process(request, request)
    #expect(again.duplicates == [true, true])
    #expect(again.seqs == first.seqs + first.seqs)
    #expect(again.commits.isEmpty)
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 2)
  }

  @Test func `a key twice in one transaction has one effect`() throws {
    let request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    let batch = bench.process(request, request)
    #expect(batch.duplicates == [false, true])
    #expect(batch.commits.count == 1)
  }

  @Test func `a key with another body is refused`() throws {
    var request = bench.request(fixture.clinic, fixture.owner, rule: Fixture.addCustomer("C-2"))
    bench.process(request)
    request.digest = [2]
    #expect(bench.process(request).codes == [.keyReused])
  }

  @Test func `a refusal of the rules leaves no row, and is the outcome for ever`() throws {
    let add = Fixture.addCustomer("C-2")
    let request = bench.request(fixture.clinic, fixture.owner) { draft in
      _ = try add(&draft)
      throw Refusal(.invalidTransition, "Not now.", details: ["allowed": ["a"]])
    }
    #expect(bench.process(request).codes == [.invalidTransition])
    #expect(try bench.count("SELECT COUNT(*) FROM customers") == 1)
    bench.knobs.rules.withLock { $0[request.key] = add }
    let again = bench.process(request)
    #expect(again.duplicates == [true])
    #expect(again.results == [.failure(Refusal(.invalidTransition, "Not now.", details: ["allowed": ["a"]]))])
  }
}

import AuraDomain
import Testing

@testable import AuraStore

/// SplitMix64: the same commands from the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Any mixture of commands, repeats, refusals, errors, lost commits and restarts: against a model that fits on a page.
@Suite struct `Whatever happens` {
  struct Surprise: Error {}

  enum Kind: CaseIterable { case add, addTwo, nothing, refuse, surprise, clash, plan }

  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func `each key has one effect and each clinic's log no hole`(seed: UInt64) throws {
    var random = Seeded(state: seed)
    let bench = try Bench()
    let clinics = try (0..<3).map { try Fixture(bench, code: "C\($0)") }
    var keys: [(request: CommandRequest, kind: Kind)] = []
    /// The model: how often each key's work was done, how long each log is.
    var done: [String: Int] = [:]
    var heads = Dictionary(uniqueKeysWithValues: clinics.map { ($0.clinic, 1) })
    var customers = clinics.count

    for _ in 0..<60 {
      var batch: [(request: CommandRequest, kind: Kind)] = []
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        if let old = keys.randomElement(using: &random), Int.random(in: 0..<3, using: &random) == 0 {
          batch.append(old)
          continue
        }
        let fixture = clinics.randomElement(using: &random)!
        let kind = Kind.allCases.randomElement(using: &random)!
        let request = bench.request(
          fixture.clinic, fixture.owner, key: "\(fixture.clinic)-\(keys.count)", rule: Self.rule(kind, keys.count))
        keys.append((request, kind))
        batch.append((request, kind))
      }
      let fails = Int.random(in: 0..<8, using: &random) == 0
      let isOnDisk = Bool.random(using: &random)
      bench.writer.commit = { session in
        if !fails || isOnDisk { try session.execute(SQLSession.commit) }
        if fails { throw SQLFailure(kind: .environment, code: 10, message: "I/O") }
      }
      let result = bench.writer.process(batch.map { .command($0.request) })
      #expect(result.outcomes.map(\.1.key) == batch.map(\.request.key))

      let happened = !fails || isOnDisk
      for (index, entry) in batch.enumerated() {
        let (request, kind) = entry
        let isKnown = done[request.key] != nil
        if happened, !isKnown {
          switch kind {
          case .add, .addTwo:
            heads[request.clinic, default: 0] += 1
            customers += kind == .add ? 1 : 2
            done[request.key] = heads[request.clinic]
          case .nothing, .plan: done[request.key] = heads[request.clinic]
          case .refuse: done[request.key] = -1
          case .surprise, .clash: break
          }
        }
        let outcome = result.outcomes[index].1
        if fails {
          #expect(result.codes[index] == .unavailable)
        } else if let seq = done[request.key] {
          #expect(outcome.duplicate == isKnown)
          if seq < 0 { #expect(result.codes[index] == .invalidTransition) } else { #expect(result.seqs[index] == seq) }
        } else {
          #expect(result.codes[index] == .internal)
        }
      }
      if fails {
        #expect(result.commits.isEmpty)
      }
      if fails || Int.random(in: 0..<6, using: &random) == 0 { try bench.reopen() }
    }

    #expect(try bench.count("SELECT COUNT(*) FROM customers") == customers)
    #expect(try bench.count("SELECT COUNT(*) FROM sys_commands") == done.count)
    for fixture in clinics {
      let (head, log) = try bench.read {
        (try $0.head(clinic: fixture.clinic), try $0.commits(clinic: fixture.clinic, after: 0).map(\.seq))
      }
      #expect(head == heads[fixture.clinic])
      #expect(log == Array(1...head))
    }
    #expect(try bench.count("SELECT COUNT(*) FROM pragma_foreign_key_check") == 0)
  }

  private static func rule(_ kind: Kind, _ number: Int) -> Bench.Rule {
    let one = Fixture.addCustomer("N\(number)")
    let two = Fixture.addCustomer("M\(number)")
    switch kind {
    case .add: return one
    case .addTwo:
      return { draft in
        _ = try one(&draft)
        return try two(&draft)
      }
    case .nothing: return { _ in nil }
    case .refuse:
      return { draft in
        _ = try one(&draft)
        throw Refusal(.invalidTransition, "no")
      }
    case .surprise:
      return { draft in
        _ = try one(&draft)
        throw Surprise()
      }
    case .clash:
      return { draft in
        _ = try one(&draft)
        return try one(&draft)
      }
    case .plan:
      return { draft in
        draft.schedule(PlannedTimer(due: .latest, kind: .closeCase, payload: [:], dedupe: "t\(number % 4)"))
        _ = try draft.next("counter")
        return nil
      }
    }
  }
}

import AuraDomain
import Foundation
import Synchronization
import Testing

@testable import AuraStore

@Suite struct `The store and its threads` {
  /// Runs a store in a folder of its own, with what it published.
  final class Running: Sendable {
    let directory = NSTemporaryDirectory() + "aura-store-" + UUID().uuidString
    let store: Store
    let published = Mutex<[Batch]>([])

    init(_ adjust: (inout StoreConfiguration) -> Void = { _ in }) throws {
      var configuration = StoreConfiguration(
        directory: directory, decide: { _, draft in try Fixture.addCustomer(draft.commandKey ?? "")(&draft) })
      adjust(&configuration)
      store = try Store(configuration: configuration)
    }

    deinit {
      store.stop()
      try? FileManager.default.removeItem(atPath: directory)
    }

    func start() {
      store.start { [weak self] batch in
        self?.published.withLock { $0.append(batch) }
        for case (.call(let answer), let outcome) in batch.outcomes { answer(outcome) }
      }
    }

    func write<T: Sendable>(_ work: @escaping @Sendable (WriteTransaction) throws -> T) async throws -> T {
      try await withCheckedThrowingContinuation { continuation in
        store.write(work) { continuation.resume(with: $0) }
      }
    }

    func read<T: Sendable>(_ work: @escaping @Sendable (Reader) throws -> T) async throws -> T {
      try await withCheckedThrowingContinuation { continuation in
        store.read(work) { continuation.resume(with: $0.mapError { $0 as any Error }) }
      }
    }

    func command(_ clinic: ID, _ user: ID, _ key: String) async -> Outcome {
      await withCheckedContinuation { continuation in
        let timer = PlannedTimer(due: .latest, kind: .closeCase, payload: [:], dedupe: "test")
        let request = CommandRequest(
          origin: .call { continuation.resume(returning: $0) }, clinic: clinic, user: user, key: key,
          command: .fire(timer), digest: [1])
        #expect(store.submit(request))
      }
    }

    func clinic() async throws -> (clinic: ID, owner: ID) {
      try await write { scope in
        var user = User()
        user.id = scope.newID()
        user.email = "o@example.org"
        user.fullName = "O"
        try Accounts.insert(scope, user)
        let owner = user.id
        let id = scope.newID()
        try scope.commit(clinic: id) { draft in
          var clinic = Clinic()
          clinic.id = id
          clinic.clinicCode = "BKK01"
          draft.insert(clinic)
          var staff = StaffMember()
          staff.id = draft.newID()
          staff.clinicID = id
          staff.userID = owner
          staff.role = .owner
          draft.insert(staff)
        }
        return (id, owner)
      }
    }
  }

  @Test func `commands from many sides are all answered, once each, in an order without holes`() async throws {
    let running = try Running()
    running.start()
    let (clinic, owner) = try await running.clinic()
    let seqs = await withTaskGroup(of: Int.self) { group in
      for number in 0..<200 {
        group.addTask {
          let outcome = await running.command(clinic, owner, "k\(number)")
          return (try? outcome.result.get().seq) ?? -1
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(seqs.sorted() == Array(2...201))
    let (head, logged) = try await running.read { reader in
      (try reader.head(clinic: clinic), try reader.commits(clinic: clinic, after: 0).map(\.seq))
    }
    #expect(head == 201)
    #expect(logged == Array(1...201))
    #expect(running.published.withLock { $0.flatMap(\.commits).map(\.seq) } == Array(1...201))
  }

  @Test func `a folder serves one process`() throws {
    let running = try Running()
    #expect(throws: StoreFailure.inUse(path: running.directory)) {
      _ = try Store(configuration: StoreConfiguration(directory: running.directory))
    }
  }

  @Test func `what was taken before the stop is done, and is there after the start`() async throws {
    let running = try Running()
    running.start()
    let (clinic, owner) = try await running.clinic()
    let answered = Mutex(0)
    for number in 0..<500 {
      let timer = PlannedTimer(due: .latest, kind: .closeCase, payload: [:], dedupe: "test")
      let request = CommandRequest(
        origin: .call { _ in answered.withLock { $0 += 1 } }, clinic: clinic, user: owner, key: "k\(number)",
        command: .fire(timer), digest: [1])
      #expect(running.store.submit(request))
    }
    #expect(running.store.stop())
    #expect(answered.withLock { $0 } == 500)
    let again = try Store(configuration: StoreConfiguration(directory: running.directory))
    let head = try await withCheckedThrowingContinuation { continuation in
      again.read({ try $0.head(clinic: clinic) }) { continuation.resume(with: $0) }
    }
    #expect(head == 501)
    #expect(again.epoch == running.store.epoch)
    again.stop()
  }

  @Test func `a mailbox that is full takes nothing more and says so`() async throws {
    let running = try Running { $0.mailboxMax = 2 }
    // Not started: nothing is taken out.
    let failures = Mutex<[StoreFailure]>([])
    for _ in 0..<3 {
      running.store.write({ _ in }) { result in
        if case .failure(let error as StoreFailure) = result { failures.withLock { $0.append(error) } }
      }
    }
    #expect(failures.withLock { $0 } == [.overloaded])
  }

  @Test func `a reader never sees half of a commit, nor rows without their log`() async throws {
    let pair = Mutex<(ID, ID)?>(nil)
    let running = try Running { configuration in
      configuration.readers = 3
      // Both rows have the same name after every commit.
      configuration.decide = { _, draft in
        guard let (a, b) = pair.withLock({ $0 }) else { return nil }
        let name = "seq \(draft.seq)"
        for id in [a, b] {
          guard let row = try draft.row(Customer.self, id) else { continue }
          try draft.update(row) { $0.fullName = name }
        }
        return nil
      }
    }
    running.start()
    let (clinic, owner) = try await running.clinic()
    let ids = try await running.write { scope in
      let ids = (scope.newID(), scope.newID())
      try scope.commit(clinic: clinic) { draft in
        for (id, code) in [(ids.0, "A"), (ids.1, "B")] {
          var customer = Fixture.customer(id, clinic, code: code)
          customer.fullName = "seq \(draft.seq)"
          draft.insert(customer)
        }
      }
      return ids
    }
    pair.withLock { $0 = ids }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for number in 0..<300 { _ = await running.command(clinic, owner, "k\(number)") }
      }
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<200 {
            let (head, names, logged) = try await running.read { reader in
              let head = try reader.head(clinic: clinic)
              let names = try reader.clinicRows(clinic).rows(Customer.self, Selection()).map(\.fullName)
              return (head, names, try reader.commits(clinic: clinic, after: head - 1).map(\.seq))
            }
            #expect(names == ["seq \(head)", "seq \(head)"])
            #expect(logged == [head])
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test func `a timer fires by itself, in a hub that nobody talks to`() async throws {
    let running = try Running { configuration in
      configuration.decide = { command, draft in
        if case .fire = command, draft.actor == .system { return try Fixture.addCustomer("T")(&draft) }
        draft.schedule(
          PlannedTimer(due: draft.now + Span(milliseconds: 1), kind: .closeCase, payload: [:], dedupe: "t"))
        return nil
      }
    }
    let fired = AsyncStream<Int>.makeStream()
    running.store.start { batch in
      for commit in batch.commits where commit.seq == 2 { fired.continuation.yield(commit.seq) }
      for case (.call(let answer), let outcome) in batch.outcomes { answer(outcome) }
    }
    let (clinic, owner) = try await running.clinic()
    _ = await running.command(clinic, owner, "k")
    var seqs = fired.stream.makeAsyncIterator()
    #expect(await seqs.next() == 2)
  }

  @Test func `what is asked of a stopped store is answered`() async throws {
    let running = try Running()
    running.start()
    let (clinic, owner) = try await running.clinic()
    running.store.stop()
    let timer = PlannedTimer(due: .latest, kind: .closeCase, payload: [:], dedupe: "test")
    let request = CommandRequest(
      origin: .call { _ in }, clinic: clinic, user: owner, key: "k", command: .fire(timer), digest: [1])
    #expect(!running.store.submit(request))
    await #expect(throws: StoreFailure.stopped) { try await running.write { _ in } }
    await #expect(throws: StoreFailure.stopped) { try await running.read { _ in } }
  }
}

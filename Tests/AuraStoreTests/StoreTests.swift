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
}

import AuraDomain
import AuraStore
import Logging
import Synchronization

/// Writes down who looked, or tried to look, into a clinic that is not theirs; from any thread.
final class AccessAudit: Sendable {
  private let store: Store
  private let log = Logger(label: "access")
  /// When a refusal was last written, by user: one entry a minute is enough.
  private let deniedAt = Mutex<[ID: Instant]>([:])

  init(store: Store) { self.store = store }

  /// Without a `reason` it is a refusal, with one a super admin's reading.
  func note(user: ID, clinic: ID, what: String, reason: String?) {
    let now = Instant.monotonic
    if reason == nil {
      let isKnown = deniedAt.withLock { deniedAt in
        if let last = deniedAt[user], now - last < .minutes(1) { return true }
        if deniedAt.count >= 1_024 { deniedAt.removeAll() }
        deniedAt[user] = now
        return false
      }
      if isKnown { return }
    }
    let log = log
    store.write { scope in
      try scope.audit(
        clinic: clinic, user: user, kind: reason == nil ? "denied" : "super_admin_read",
        detail: ["what": .string(what), "reason": reason.map(JSON.string) ?? .null])
    } then: { (result: Result<Void, any Error>) in
      if case .failure(let failure) = result { log.error("an audit entry could not be written: \(failure)") }
    }
  }
}

import AuraDomain
import AuraWire

/// Rights end at the commit that ends them: these are applied before the commit itself is shown to anyone.
extension Hub {
  func changesRights(_ commit: Commit) -> Bool {
    commit.changes.contains { change in
      switch change.table {
      case .clinicStaff, .clinics: true
      case .customers: change.was?.user != change.keys.user
      default: false
      }
    }
  }

  func applyRights(of commit: Commit) {
    for change in commit.changes {
      switch change.table {
      case .clinicStaff:
        guard let user = change.keys.user else { continue }
        rightsSeen += 1
        let isActive = change.row(has: "is_active", "true") && change.row(has: "revoked_at", "null")
        let role = change.operation == .put && isActive ? change.text(of: "role").flatMap { Role(rawValue: $0) } : nil
        for session in sessions(of: user) {
          let customer = session.membership(in: commit.clinic)?.customer
          set(
            session,
            Membership(clinic: commit.clinic, role: role, staff: role == nil ? nil : change.id, customer: customer))
        }
      case .customers where change.was?.user != change.keys.user:
        rightsSeen += 1
        for user in [change.was?.user, change.keys.user].compactMap({ $0 }) {
          for session in sessions(of: user) {
            var membership =
              session.membership(in: commit.clinic)
              ?? Membership(clinic: commit.clinic, role: nil, staff: nil, customer: nil)
            membership.customer = user == change.keys.user ? change.id : nil
            set(session, membership)
          }
        }
      case .clinics where change.row(has: "is_active", "false"):
        rightsSeen += 1
        for session in Array(sessions.values) where session.membership(in: commit.clinic) != nil {
          set(session, Membership(clinic: commit.clinic, role: nil, staff: nil, customer: nil))
        }
      default: continue
      }
    }
  }

  /// Gives a session its new place in a clinic. Streams of a scope that it no longer has end here.
  private func set(_ session: Session, _ membership: Membership) {
    let before = session.membership(in: membership.clinic)
    let scope = membership.scope(user: session.user)
    session.memberships.removeAll { $0.clinic == membership.clinic }
    if scope != nil { session.memberships.append(membership) }
    if before?.scope(user: session.user) == scope, before?.staff == membership.staff { return }
    surroundings.membershipChanged(session, membership)
    for subscription in Array(session.subscriptions.values) where subscription.stream.key.clinic == membership.clinic {
      let stream = subscription.stream
      session.subscriptions[stream.name] = nil
      forget(subscription)
      send(
        ServerMessage.unsubscribed(stream: stream.name, code: scope == nil ? "access_revoked" : "scope_changed"),
        to: session)
    }
    if session.memberships.isEmpty, !session.isSuperAdmin {
      surroundings.close(session, .accessRevoked, "no membership is left")
    }
  }
}

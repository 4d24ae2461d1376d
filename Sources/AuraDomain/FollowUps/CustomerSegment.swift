/// What kind of customer somebody is, by how often they come and how long they have been away. The first that fits:
///
/// | segment | last visit | visits | net spend, baht |
/// |---|---|---|---|
/// | lost | > 180 days ago | | |
/// | dormant | > 90 | | |
/// | at_risk | > 60 | | |
/// | vip | | ≥ 10 | ≥ 50,000 |
/// | loyal | | ≥ 5 | |
/// | promising | | ≥ 2 | |
/// | new | the others | | |
package enum CustomerSegment: String, Sendable, CaseIterable {
  case lost, dormant
  case atRisk = "at_risk"
  case vip, loyal, promising, new

  package static func of(visits: Int, spentSt: Int, lastVisit: Instant?, at now: Instant) -> CustomerSegment {
    if let lastVisit {
      let away = now - lastVisit
      if away > .days(180) { return .lost }
      if away > .days(90) { return .dormant }
      if away > .days(60) { return .atRisk }
    }
    if visits >= 10 && spentSt >= 5_000_000 { return .vip }
    if visits >= 5 { return .loyal }
    return visits >= 2 ? .promising : .new
  }
}

extension Draft {
  /// What a customer is now, or will be at a later time if nothing happens until then.
  func segment(of customer: ID, at: Instant? = nil) throws -> CustomerSegment {
    let profile = try knownProfile(of: customer)
    return .of(
      visits: profile?.totalVisits ?? 0, spentSt: profile?.totalSpentSt ?? 0, lastVisit: profile?.lastVisit,
      at: at ?? now)
  }
}

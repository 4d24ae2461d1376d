import AuraDomain
import AuraStore

/// Clinics full of staff for `aura loadtest`: made once in a folder, found again by the same numbers.
package enum LoadFixture {
  package struct Person: Sendable {
    package var clinic: ID
    package var user: ID
    package var staff: ID
    package var role: Role
    /// An access token that outlives the test.
    package var token: String
  }

  /// The staff of `clinics` clinics, `staff` in all, in turns sales and beauticians; each clinic has at least one of
  /// both. Nobody of them has a password: they come by token only.
  package static func prepare(
    directory: String, clinics: Int, staff: Int, tokenLifetime: Span = .hours(24), now: Instant = .systemNow
  ) throws -> [Person] {
    let store = try DirectStore(directory: directory)
    defer { store.close() }
    let tokens = Tokens(secret: try InstallationSecret(directory: directory))
    let perClinic = max(2, (staff + clinics - 1) / max(1, clinics))
    var people: [Person] = []
    for number in 0..<clinics {
      for (member, epoch) in try store.write({ try clinic(number, staff: perClinic, $0) }) {
        let claims = AccessClaims(
          user: member.userID, session: nil, epoch: epoch, issuedAt: now, expiresAt: now + tokenLifetime)
        guard let token = tokens.issue(claims) else { throw DirectStore.Busy() }
        people.append(
          Person(clinic: member.clinicID, user: member.userID, staff: member.id, role: member.role, token: token))
      }
    }
    return people
  }

  private static func email(_ clinic: Int, _ member: Int) -> String { "load-\(clinic)-\(member)@load.aura" }

  /// One clinic in one commit. One that is there is filled up to `staff`.
  private static func clinic(_ number: Int, staff: Int, _ scope: WriteTransaction) throws -> [(StaffMember, Int)] {
    var found: [(StaffMember, Int)] = []
    var clinicID: ID?
    for index in 0..<staff {
      guard let user = try Accounts.user(scope.session, email: email(number, index)) else { break }
      guard let place = try scope.identity(user: user.id, session: nil)?.memberships.first,
        let member = try place.staff.flatMap({ try scope.clinicRows(place.clinic).row(StaffMember.self, $0) })
      else { continue }
      clinicID = place.clinic
      found.append((member, user.tokenEpoch))
    }
    if found.count >= staff { return found }
    let isNew = clinicID == nil
    let id = clinicID ?? scope.newID()
    var users: [User] = []
    for index in found.count..<staff {
      var user = User()
      user.id = scope.newID()
      user.email = email(number, index)
      user.fullName = "Load \(number)-\(index)"
      users.append(try Accounts.insert(scope, user))
    }
    let first = found.count
    var added: [StaffMember] = []
    try scope.commit(clinic: id) { draft in
      if isNew {
        var clinic = Clinic()
        clinic.id = id
        clinic.clinicCode = "LOAD\(number)"
        clinic.displayName = ["th": .string("คลินิก \(number)"), "en": .string("Load clinic \(number)")]
        draft.insert(clinic)
        var treatment = Treatment()
        treatment.id = draft.newID()
        treatment.clinicID = id
        treatment.names = ["th": "ไฮดราเฟเชียล", "en": "Hydra Facial"]
        treatment.durationMinutes = 60
        treatment.priceSt = 500_000
        draft.insert(treatment)
      }
      for (offset, user) in users.enumerated() {
        var member = StaffMember()
        member.id = draft.newID()
        member.clinicID = id
        member.userID = user.id
        member.role = (first + offset).isMultiple(of: 2) ? .sales : .staff
        draft.insert(member)
        added.append(member)
      }
    }
    return found + added.map { ($0, 0) }
  }
}

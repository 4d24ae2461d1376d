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

  /// How many clinics, and how many people in all: in turns sales and beauticians, at least one of both in each.
  package struct Size: Sendable {
    package var clinics: Int
    package var staff: Int

    package init(clinics: Int, staff: Int) {
      self.clinics = max(1, clinics)
      self.staff = staff
    }

    fileprivate var perClinic: Int { max(2, (staff + clinics - 1) / clinics) }
  }

  /// Makes what is missing in a folder that no hub has open. Nobody gets a password: they come by token only.
  package static func prepare(directory: String, _ size: Size, now: Instant = .systemNow) throws -> [Person] {
    let store = try DirectStore(directory: directory)
    defer { store.close() }
    let members = try (0..<size.clinics).flatMap { number in
      try store.write { try clinic(number, staff: size.perClinic, $0) }
    }
    return try people(members, directory: directory, now: now)
  }

  /// Finds the people in a folder that a hub may be serving; fewer than `size` when not all are there.
  package static func find(directory: String, _ size: Size, now: Instant = .systemNow) throws -> [Person] {
    let members = try Store.look(directory: directory, now: now) { reader in
      try (0..<size.clinics).flatMap { number in
        try found(number, staff: size.perClinic, reader.session, { try reader.identity(user: $0, session: nil) }) {
          reader.clinicRows($0)
        }
      }
    }
    return try people(members, directory: directory, now: now)
  }

  private static func people(
    _ members: [(StaffMember, epoch: Int)], directory: String, now: Instant
  ) throws -> [Person] {
    let tokens = Tokens(secret: try InstallationSecret(directory: directory))
    return try members.map { member, epoch in
      // Longer than any test.
      let claims = AccessClaims(
        user: member.userID, session: nil, epoch: epoch, issuedAt: now, expiresAt: now + .hours(24))
      guard let token = tokens.issue(claims) else { throw DirectStore.Busy() }
      return Person(clinic: member.clinicID, user: member.userID, staff: member.id, role: member.role, token: token)
    }
  }

  private static func email(_ clinic: Int, _ member: Int) -> String { "load-\(clinic)-\(member)@load.aura" }

  private static func found(
    _ number: Int, staff: Int, _ session: SQLSession, _ identity: (ID) throws -> Identity?,
    _ rows: (ID) -> any ClinicRows
  ) throws -> [(StaffMember, epoch: Int)] {
    var found: [(StaffMember, epoch: Int)] = []
    for index in 0..<staff {
      guard let user = try Accounts.user(session, email: email(number, index)),
        let place = try identity(user.id)?.memberships.first,
        let member = try place.staff.flatMap({ try rows(place.clinic).row(StaffMember.self, $0) })
      else { break }
      found.append((member, user.tokenEpoch))
    }
    return found
  }

  /// One clinic in one commit. One that is there is filled up to `staff`.
  private static func clinic(
    _ number: Int, staff: Int, _ scope: WriteTransaction
  ) throws -> [(StaffMember, epoch: Int)] {
    let found = try found(number, staff: staff, scope.session, { try scope.identity(user: $0, session: nil) }) {
      scope.clinicRows($0)
    }
    if found.count >= staff { return found }
    let clinicID = found.first?.0.clinicID
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

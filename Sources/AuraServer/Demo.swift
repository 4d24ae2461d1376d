import AuraDomain
import AuraSodium
import AuraStore
import Logging

/// A clinic to try things on: people to sign in as, treatments, and a handful of cases at different stages, made by the
/// commands that a clinic would use, so that their history is true.
package struct Demo: Sendable {
  /// Known to everyone who reads the manual: `serve` takes it on loopback only.
  package static let password = "aura-demo"
  package static let clinicCode = "BKK01"

  package struct Login: Sendable {
    package var email: String
    package var name: String
    package var role: Role
  }

  package static let logins = [
    Login(email: "owner@demo.aura", name: "อรุณี วัฒนา", role: .owner),
    Login(email: "admin@demo.aura", name: "ธนพล ศรีสุข", role: .admin),
    Login(email: "sales@demo.aura", name: "ปิยะดา มั่นคง", role: .sales),
    Login(email: "beautician@demo.aura", name: "นภัสสร ใจงาม", role: .staff),
    Login(email: "beautician2@demo.aura", name: "กมลชนก แสงทอง", role: .staff),
  ]

  private let store: DirectStore
  private let now: Instant
  private let log = Logger(label: "demo")

  /// Whom the cases need, by what they are.
  struct Cast: Sendable {
    var clinic: ID
    var owner: ID
    var sales: Person
    var beauticians: [Person]
    var treatments: [String: ID]

    struct Person: Sendable {
      var user: ID
      var staff: ID
    }
  }

  /// Makes what is missing of the demo in a data folder that no hub has open.
  ///
  /// - Parameter address: the hub's own, `http://…`, where it is known: the links in a new demo's messages lead there.
  /// - Returns: whether the owner's password is `password`; a demo that was made with another keeps its own.
  package static func prepare(
    directory: String, password: String, address: String? = nil, now: Instant = .systemNow
  ) throws -> Bool {
    // A new one's history has its timers; those of one that was served belong to its hub.
    let isNew = !Store.holdsDatabase(directory)
    let store = try DirectStore(directory: directory, now: now, firesTimers: isNew)
    defer { store.close() }
    let demo = Demo(store: store, now: now)
    let owner = try store.read { try Accounts.user($0.session, email: logins[0].email) }
    if owner == nil { try demo.open(password: password, address: address) }
    if try !demo.isComplete() { try demo.fill() }
    guard let hash = owner?.passwordHash else { return true }
    return Sodium.isPassword(password, of: hash)
  }

  private init(store: DirectStore, now: Instant) {
    self.store = store
    self.now = now
  }

  /// The clinic, its people and treatments: one commit, all or nothing.
  private func open(password: String, address: String?) throws {
    guard let hash = Passwords.hash(password) else { throw DirectStore.Busy() }
    store.setClock(now - .hours(3))
    defer { store.setClock(now) }
    try store.write { scope in
      let clinicID = scope.newID()
      var users: [(User, Login)] = []
      for login in Self.logins {
        var user = User()
        user.id = scope.newID()
        user.email = login.email
        user.passwordHash = hash
        user.fullName = login.name
        users.append((try Accounts.insert(scope, user), login))
      }
      try scope.commit(clinic: clinicID) { draft in
        var clinic = Clinic()
        clinic.id = clinicID
        clinic.clinicCode = Self.clinicCode
        clinic.displayName = ["th": "Aura Clinic สุขุมวิท", "en": "Aura Clinic Sukhumvit"]
        clinic.ownerUserID = users.first?.0.id
        draft.insert(clinic)
        for (user, login) in users {
          var member = StaffMember()
          member.id = draft.newID()
          member.clinicID = clinicID
          member.userID = user.id
          member.role = login.role
          member.frontDesk = login.role == .admin
          member.skills = login.role == .staff ? ["facial", "laser"] : []
          draft.insert(member)
        }
        for treatment in DemoTreatments.all {
          var row = treatment
          row.id = draft.newID()
          row.clinicID = clinicID
          draft.insert(row)
        }
        // Without a gateway, what is to be said becomes a call. Reminders would make some at once.
        try draft.seedFollowUps(FollowUpType.allCases.filter { $0 != .appointmentReminder }, lastly: .call)
        guard let made = try draft.row(Clinic.self, clinicID) else { return }
        let pages = (address ?? "https://bkk01.aura.example") + MessagePages.path.dropLast()
        try draft.update(made) { clinic in
          clinic.settings.set("follow_up", ["base_url": .string(pages), "contact_phone": "02 000 0000"])
        }
      }
    }
    log.info("the demo clinic is made", metadata: ["clinic": "\(Self.clinicCode)"])
  }

  private func isComplete() throws -> Bool {
    try cast().map { cast in
      try store.read { try $0.clinicRows(cast.clinic).row(Clinic.self, cast.clinic)?.settings["demo"] == "complete" }
    } ?? true
  }

  /// The people found again by their logins; `nil` when somebody has taken the demo apart.
  private func cast() throws -> Cast? {
    try store.read { reader in
      guard let owner = try Accounts.user(reader.session, email: Self.logins[0].email),
        let clinic = try reader.identity(user: owner.id, session: nil)?.memberships.first?.clinic
      else { return nil }
      var people: [Cast.Person] = []
      for login in Self.logins {
        guard let user = try Accounts.user(reader.session, email: login.email),
          let staff = try reader.identity(user: user.id, session: nil)?.memberships.first(where: { $0.clinic == clinic }
          )?
          .staff
        else { return nil }
        people.append(.init(user: user.id, staff: staff))
      }
      let treatments = try reader.clinicRows(clinic).rows(Treatment.self, Selection())
      let names = treatments.compactMap { row in row.names["en"]?.string.map { ($0, row.id) } }
      return Cast(
        clinic: clinic, owner: owner.id, sales: people[2], beauticians: Array(people[3...]),
        treatments: Dictionary(names) { first, _ in first })
    }
  }

  /// The cases, in the order of their times. Each command has a key of its own: one that was made before an interrupted
  /// start is not made again.
  private func fill() throws {
    guard let cast = try cast() else { return }
    defer { store.setClock(now) }
    let loyalty = DemoLoyalty(cast: cast) { user, command, key in
      try store.run(command, clinic: cast.clinic, as: user, key: key)
    }
    store.setClock(now - .hours(3))
    try loyalty.openCatalogue()
    for (number, rule) in DemoAutomation.rules.enumerated() {
      try store.run(.createAutomationRule(rule), clinic: cast.clinic, as: cast.owner, key: "demo-rule-\(number)")
    }
    var workflows: [String: ID] = [:]
    var refused: Set<String> = []
    for (story, number) in DemoStory.inOrder where !refused.contains(story.name) {
      let step = story.steps[number]
      let key = "demo-\(story.name)-\(number)"
      store.setClock(now - .minutes(step.minutesAgo))
      do {
        let (user, command) = try step.command(cast, story, workflows[story.name], now)
        let result = try store.run(command, clinic: cast.clinic, as: user, key: key)
        if workflows[story.name] == nil { workflows[story.name] = DemoStory.workflow(in: result) }
      } catch let refusal as Refusal {
        // A demo with a case less is still one; at midnight, say, nobody can be checked in for yesterday.
        log.notice("a demo step was refused", metadata: ["key": "\(key)", "reason": "\(refusal.message)"])
        refused.insert(story.name)
      }
    }
    store.setClock(now - .minutes(5))
    if let treated = workflows["nat"], let customer = try customer(of: treated, cast) {
      try loyalty.goShopping(treated, customer: customer)
    }
    store.setClock(now)
    _ = try store.write { scope in
      try scope.commit(clinic: cast.clinic) { draft in
        guard let clinic = try draft.row(Clinic.self, cast.clinic) else { return }
        try draft.update(clinic) { $0.settings.set("demo", "complete") }
      }
    }
  }

  private func customer(of workflow: ID, _ cast: Cast) throws -> ID? {
    try store.read { try $0.clinicRows(cast.clinic).row(Workflow.self, workflow)?.customerID }
  }
}

import AuraDomain
import AuraStore
import Foundation

/// Clinics, and who works in them.
extension WriteTransaction {
  func createClinic(_ new: AdminOrder.NewClinic) throws -> Done {
    guard AdminWords.isCode(new.code) else {
      throw AdminRefusal("A clinic's code has 2 to 20 capital letters, digits and dashes, such as BKK02.")
    }
    guard try Accounts.clinic(session, code: new.code) == nil else {
      throw AdminRefusal("There is a clinic \(new.code) already: choose another code.")
    }
    for name in [new.th, new.en] where !AdminWords.isName(name) {
      throw AdminRefusal("A clinic's name has 1 to 200 characters on one line.")
    }
    guard TimeZone(identifier: new.timezone) != nil else {
      throw AdminRefusal("\(new.timezone) is no time zone: write one such as Asia/Bangkok.")
    }
    let owner = try new.newOwner.map { try insert($0) } ?? user(named: new.owner)
    guard owner.status == .active else { throw AdminRefusal("\(owner.email) is disabled: enable them first.") }
    let id = newID()
    try commitAsOperator(clinic: id) { draft in
      var clinic = Clinic()
      clinic.id = id
      clinic.clinicCode = new.code
      clinic.displayName = ["th": .string(new.th), "en": .string(new.en)]
      clinic.ownerUserID = owner.id
      clinic.timezone = new.timezone
      draft.insert(clinic)
      _ = try draft.run(.addMember(AddMember(user: owner.id, role: .owner)))
      if new.isBare { return }
      for reward in StarterLoyalty.rewards { _ = try draft.run(.createReward(reward)) }
      for achievement in StarterLoyalty.achievements { _ = try draft.run(.createAchievement(achievement)) }
      try draft.seedFollowUps()
    }
    try note("clinic_created", clinic: id, ["clinic_code": .string(new.code), "owner_id": .id(owner.id)])
    return Done(
      sentence: "The clinic \(new.code) is open; \(owner.email) is its owner.",
      data: ["clinic_id": .id(id), "owner_id": .id(owner.id)])
  }

  func renameClinic(_ code: String, th: String?, en: String?) throws -> Done {
    for name in [th, en].compactMap({ $0 }) where !AdminWords.isName(name) {
      throw AdminRefusal("A clinic's name has 1 to 200 characters on one line.")
    }
    let id = try clinic(named: code)
    try commitAsOperator(clinic: id) { draft in
      guard let row = try draft.row(Clinic.self, id) else { return }
      try draft.update(row) { clinic in
        if let th { clinic.displayName.set("th", .string(th)) }
        if let en { clinic.displayName.set("en", .string(en)) }
      }
    }
    try note("clinic_renamed", clinic: id, ["th": .text(th), "en": .text(en)])
    return Done(sentence: "The clinic \(code) has its new name.")
  }

  func setClinicActive(_ code: String, _ isActive: Bool) throws -> Done {
    let id = try clinic(named: code)
    var was = isActive
    try commitAsOperator(clinic: id) { draft in
      guard let row = try draft.row(Clinic.self, id) else { return }
      was = row.isActive
      if was != isActive { try draft.update(row) { $0.isActive = isActive } }
    }
    let words = isActive ? "is open" : "rests: nobody is let in, its timers wait"
    if was == isActive { return Done(sentence: "The clinic \(code) \(words), as before.", data: ["already": true]) }
    try note(isActive ? "clinic_opened" : "clinic_rests", clinic: id, [:])
    return Done(sentence: "The clinic \(code) \(words).")
  }

  func addMember(_ code: String, _ email: String, _ place: AdminOrder.MemberPlace) throws -> Done {
    let (id, user) = (try clinic(named: code), try user(named: email))
    guard user.status == .active else { throw AdminRefusal("\(email) is disabled: enable them first.") }
    try commitAsOperator(clinic: id) { draft in
      _ = try draft.run(
        .addMember(
          AddMember(
            user: user.id, role: place.role, isFrontDesk: place.isFrontDesk ?? false, skills: place.skills ?? [])))
    }
    try note("member_added", clinic: id, ["user_id": .id(user.id), "role": .word(place.role)])
    return Done(sentence: "\(user.email) is \(place.role.rawValue) in \(code).")
  }

  func changeMember(_ code: String, _ email: String, _ place: AdminOrder.MemberPlace) throws -> Done {
    let (id, user) = (try clinic(named: code), try user(named: email))
    var pooled = 0
    try commitAsOperator(clinic: id) { draft in
      let member = try draft.activeMember(user.id, email, code)
      let result = try draft.run(
        .changeRole(
          ChangeRole(staff: member.id, role: place.role, isFrontDesk: place.isFrontDesk, skills: place.skills)))
      pooled = result["pooled"]?.integer ?? 0
    }
    try note("member_changed", clinic: id, ["user_id": .id(user.id), "role": .word(place.role)])
    return Done(sentence: "\(user.email) is \(place.role.rawValue) in \(code)." + AdminWords.pooled(pooled))
  }

  func removeMember(_ code: String, _ email: String, reason: String?) throws -> Done {
    let (id, user) = (try clinic(named: code), try user(named: email))
    var (pooled, running) = (0, 0)
    try commitAsOperator(clinic: id) { draft in
      let member = try draft.activeMember(user.id, email, code)
      let result = try draft.run(.revokeMembership(RevokeMembership(staff: member.id, reason: reason)))
      pooled = result["pooled"]?.integer ?? 0
      running = result["running"]?.array?.count ?? 0
    }
    try note("member_removed", clinic: id, ["user_id": .id(user.id), "reason": .text(reason)])
    var sentence = "\(user.email) is no member of \(code) any more." + AdminWords.pooled(pooled)
    if running > 0 { sentence += " \(running) treatment(s) in progress are theirs: an owner hands them over." }
    return Done(sentence: sentence, data: ["pooled": .integer(pooled), "running": .integer(running)])
  }
}

extension Draft {
  fileprivate func activeMember(_ user: ID, _ email: String, _ code: String) throws -> StaffMember {
    let found = try rows(StaffMember.self, Selection(.equal("user_id", .id(user)), limit: 1)).first
    guard let found, found.isActive else {
      throw AdminRefusal("\(email) is no member of \(code): `aura member list --clinic \(code)` shows who is.")
    }
    return found
  }
}

extension AdminWords {
  fileprivate static func pooled(_ count: Int) -> String {
    count == 0 ? "" : " \(count) of their tasks went back to the pool."
  }
}

import AuraDomain
import AuraJSON

/// What the command line asks of an installation. It is carried out by `Administration`: in the hub that serves the
/// folder, or, when none does, in the command's own process. Between the two it is one line of JSON.
package enum AdminOrder: Sendable, Equatable {
  case createUser(NewUser)
  /// A hash, never the password. Ends all sessions of the user.
  case setPassword(email: String, hash: String)
  case setStatus(email: String, UserStatus)
  /// Ends the sessions and tokens of a user, who may sign in again.
  case signOut(email: String)
  case createClinic(NewClinic)
  case renameClinic(code: String, th: String?, en: String?)
  case setClinicActive(code: String, Bool)
  case addMember(clinic: String, email: String, MemberPlace)
  case changeMember(clinic: String, email: String, MemberPlace)
  case removeMember(clinic: String, email: String, reason: String?)
  /// Somebody is about to read all that is held of a customer.
  case noteExport(clinic: String, customer: ID)
  case forgetCustomer(clinic: String, customer: ID, reason: String?)

  package struct NewUser: Sendable, Equatable {
    package var email: String
    package var name: String
    package var phone: String?
    package var language: Language
    /// `nil`: signs in by an identity provider only, or once `aura user password` has given one.
    package var passwordHash: String?
    package var isSuperAdmin: Bool

    package init(
      email: String, name: String, phone: String?, language: Language, passwordHash: String?, isSuperAdmin: Bool
    ) {
      self.email = email
      self.name = name
      self.phone = phone
      self.language = language
      self.passwordHash = passwordHash
      self.isSuperAdmin = isSuperAdmin
    }
  }

  package struct NewClinic: Sendable, Equatable {
    package var code: String
    package var th: String
    package var en: String
    package var timezone: String
    /// Somebody who is a user, or is made one by `newOwner`.
    package var owner: String
    package var newOwner: NewUser?
    /// Without the starter rewards, achievements, follow-up rules and texts.
    package var isBare: Bool

    package init(
      code: String, th: String, en: String, timezone: String, owner: String, newOwner: NewUser?, isBare: Bool
    ) {
      self.code = code
      self.th = th
      self.en = en
      self.timezone = timezone
      self.owner = owner
      self.newOwner = newOwner
      self.isBare = isBare
    }
  }

  package struct MemberPlace: Sendable, Equatable {
    package var role: Role
    /// `nil` leaves what is.
    package var isFrontDesk: Bool?
    package var skills: [String]?

    package init(role: Role, isFrontDesk: Bool?, skills: [String]?) {
      self.role = role
      self.isFrontDesk = isFrontDesk
      self.skills = skills
    }
  }
}

// MARK: As a line

extension AdminOrder {
  package var json: JSON {
    switch self {
    case .createUser(let user): ["order": "createUser", "user": user.json]
    case .setPassword(let email, let hash): ["order": "setPassword", "email": .string(email), "hash": .string(hash)]
    case .setStatus(let email, let status): ["order": "setStatus", "email": .string(email), "status": .word(status)]
    case .signOut(let email): ["order": "signOut", "email": .string(email)]
    case .createClinic(let clinic): ["order": "createClinic", "clinic": clinic.json]
    case .renameClinic(let code, let th, let en):
      ["order": "renameClinic", "code": .string(code), "th": .text(th), "en": .text(en)]
    case .setClinicActive(let code, let isActive):
      ["order": "setClinicActive", "code": .string(code), "active": .bool(isActive)]
    case .addMember(let clinic, let email, let place):
      ["order": "addMember", "code": .string(clinic), "email": .string(email), "place": place.json]
    case .changeMember(let clinic, let email, let place):
      ["order": "changeMember", "code": .string(clinic), "email": .string(email), "place": place.json]
    case .removeMember(let clinic, let email, let reason):
      ["order": "removeMember", "code": .string(clinic), "email": .string(email), "reason": .text(reason)]
    case .noteExport(let clinic, let customer):
      ["order": "noteExport", "code": .string(clinic), "customer": .id(customer)]
    case .forgetCustomer(let clinic, let customer, let reason):
      ["order": "forgetCustomer", "code": .string(clinic), "customer": .id(customer), "reason": .text(reason)]
    }
  }

  /// `nil` for what another release of the program may have sent.
  package init?(_ json: JSON) {
    let (email, code) = (json["email"]?.string ?? "", json["code"]?.string ?? "")
    switch json["order"]?.string {
    case "createUser":
      guard let user = json["user"].flatMap(NewUser.init) else { return nil }
      self = .createUser(user)
    case "setPassword":
      guard let hash = json["hash"]?.string else { return nil }
      self = .setPassword(email: email, hash: hash)
    case "setStatus":
      guard let status = json["status"]?.string.flatMap(UserStatus.init(rawValue:)) else { return nil }
      self = .setStatus(email: email, status)
    case "signOut": self = .signOut(email: email)
    case "createClinic":
      guard let clinic = json["clinic"].flatMap(NewClinic.init) else { return nil }
      self = .createClinic(clinic)
    case "renameClinic": self = .renameClinic(code: code, th: json["th"]?.string, en: json["en"]?.string)
    case "setClinicActive":
      guard let isActive = json["active"]?.bool else { return nil }
      self = .setClinicActive(code: code, isActive)
    case "addMember":
      guard let place = json["place"].flatMap(MemberPlace.init) else { return nil }
      self = .addMember(clinic: code, email: email, place)
    case "changeMember":
      guard let place = json["place"].flatMap(MemberPlace.init) else { return nil }
      self = .changeMember(clinic: code, email: email, place)
    case "removeMember": self = .removeMember(clinic: code, email: email, reason: json["reason"]?.string)
    case "noteExport", "forgetCustomer":
      guard let customer = json["customer"]?.string.flatMap({ ID($0) }) else { return nil }
      self =
        json["order"] == "noteExport"
        ? .noteExport(clinic: code, customer: customer)
        : .forgetCustomer(clinic: code, customer: customer, reason: json["reason"]?.string)
    default: return nil
    }
  }
}

extension AdminOrder.NewUser {
  var json: JSON {
    [
      "email": .string(email), "name": .string(name), "phone": .text(phone), "language": .word(language),
      "hash": .text(passwordHash), "super_admin": .bool(isSuperAdmin),
    ]
  }

  init?(_ json: JSON) {
    guard let email = json["email"]?.string, let name = json["name"]?.string,
      let language = json["language"]?.string.flatMap(Language.init(rawValue:))
    else { return nil }
    self.init(
      email: email, name: name, phone: json["phone"]?.string, language: language, passwordHash: json["hash"]?.string,
      isSuperAdmin: json["super_admin"]?.bool ?? false)
  }
}

extension AdminOrder.NewClinic {
  var json: JSON {
    [
      "code": .string(code), "th": .string(th), "en": .string(en), "timezone": .string(timezone),
      "owner": .string(owner), "new_owner": newOwner?.json ?? .null, "bare": .bool(isBare),
    ]
  }

  init?(_ json: JSON) {
    guard let code = json["code"]?.string, let th = json["th"]?.string, let en = json["en"]?.string,
      let timezone = json["timezone"]?.string, let owner = json["owner"]?.string
    else { return nil }
    self.init(
      code: code, th: th, en: en, timezone: timezone, owner: owner,
      newOwner: json["new_owner"].flatMap(AdminOrder.NewUser.init), isBare: json["bare"]?.bool ?? false)
  }
}

extension AdminOrder.MemberPlace {
  var json: JSON {
    [
      "role": .word(role), "front_desk": isFrontDesk.map(JSON.bool) ?? .null,
      "skills": skills.map { .array($0.map(JSON.string)) } ?? .null,
    ]
  }

  init?(_ json: JSON) {
    guard let role = json["role"]?.string.flatMap(Role.init(rawValue:)) else { return nil }
    self.init(
      role: role, isFrontDesk: json["front_desk"]?.bool, skills: json["skills"]?.array.map { $0.compactMap(\.string) })
  }
}

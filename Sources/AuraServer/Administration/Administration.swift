import AuraDomain
import AuraStore

/// Carries out orders of the command line against a store, one at a time, each in one transaction of the writer: every
/// open screen sees the change, and rights that it ends have ended when it answers.
struct Administration: Sendable {
  let store: Store

  /// What it answers as one sentence, and its data; throws `AdminRefusal` for what cannot be done.
  struct Done: Sendable, Equatable {
    var sentence: String
    var data: JSON = .emptyObject
  }

  func carryOut(_ order: AdminOrder) throws -> Done {
    switch order {
    case .createUser(let user): try write { try $0.createUser(user) }
    case .setPassword(let email, let hash): try write { try $0.setPassword(email, hash: hash) }
    case .setStatus(let email, let status): try write { try $0.setStatus(email, status) }
    case .signOut(let email): try write { try $0.signOut(email) }
    case .createClinic(let clinic): try write { try $0.createClinic(clinic) }
    case .renameClinic(let code, let th, let en): try write { try $0.renameClinic(code, th: th, en: en) }
    case .setClinicActive(let code, let isActive): try write { try $0.setClinicActive(code, isActive) }
    case .addMember(let clinic, let email, let place): try write { try $0.addMember(clinic, email, place) }
    case .changeMember(let clinic, let email, let place): try write { try $0.changeMember(clinic, email, place) }
    case .removeMember(let clinic, let email, let reason):
      try write { try $0.removeMember(clinic, email, reason: reason) }
    case .noteExport(let clinic, let customer): try write { try $0.noteExport(clinic, customer) }
    case .forgetCustomer(let clinic, let customer, let reason): try forget(clinic, customer, reason)
    }
  }

  func write(_ work: @escaping @Sendable (WriteTransaction) throws -> Done) throws -> Done {
    try DirectStore.wait { answer in store.write(work, then: answer) }
  }
}

/// Why an order was not carried out, as a sentence with the next step.
package struct AdminRefusal: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String
  package init(_ description: String) { self.description = description }
}

extension Actor {
  /// Who runs the installation: may do in each clinic what its owner may, and says why.
  static let commandLine: Actor = {
    var actor = Actor(user: nil, kind: .staff)
    actor.isSuperAdmin = true
    return actor
  }()
}

extension WriteTransaction {
  /// Changes of a clinic by whoever runs the installation: by the rules of the commands, through its log.
  func commitAsOperator(clinic: ID, _ changes: (inout Draft) throws -> Void) throws {
    do {
      try commit(clinic: clinic, as: .commandLine, reason: "command line", changes)
    } catch let refusal as Refusal {
      throw AdminRefusal(refusal.message)
    }
  }

  func note(_ kind: String, clinic: ID? = nil, _ detail: JSON) throws {
    var detail = detail
    detail.set("by", "command line")
    try audit(clinic: clinic, user: nil, kind: kind, detail: detail)
  }

  func user(named email: String) throws -> User {
    guard let user = try Accounts.user(session, email: email) else {
      throw AdminRefusal("Nobody signs in as \(email): `aura user list` shows who does.")
    }
    return user
  }

  func clinic(named code: String) throws -> ID {
    guard let id = try Accounts.clinic(session, code: code) else {
      throw AdminRefusal("There is no clinic \(code): `aura clinic list` shows those that there are.")
    }
    return id
  }
}

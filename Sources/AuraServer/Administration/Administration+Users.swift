import AuraDomain
import AuraStore

/// People who sign in.
extension WriteTransaction {
  typealias Done = Administration.Done

  func createUser(_ new: AdminOrder.NewUser) throws -> Done {
    let user = try insert(new)
    return Done(
      sentence: "\(user.email) can sign in" + (user.passwordHash == nil ? " once there is a password." : "."),
      data: ["user_id": .id(user.id), "email": .string(user.email)])
  }

  func insert(_ new: AdminOrder.NewUser) throws -> User {
    guard AdminWords.isEmail(new.email) else {
      throw AdminRefusal("\(new.email) is no address: write one such as may@clinic.example.")
    }
    guard AdminWords.isName(new.name) else { throw AdminRefusal("A name has 1 to 200 characters on one line.") }
    var user = User()
    user.id = newID()
    user.email = new.email
    user.passwordHash = new.passwordHash
    user.fullName = new.name
    user.phone = new.phone
    user.locale = new.language
    user.isSuperAdmin = new.isSuperAdmin
    do {
      user = try Accounts.insert(self, user)
    } catch let taken as Accounts.AddressTaken {
      throw AdminRefusal("\(taken.email) signs in already: choose another address, or give that user what is missing.")
    }
    try note("user_created", ["user_id": .id(user.id), "super_admin": .bool(user.isSuperAdmin)])
    return user
  }

  func setPassword(_ email: String, hash: String) throws -> Done {
    let user = try user(named: email)
    try Accounts.setPassword(self, user: user.id, hash: hash)
    try Accounts.raiseTokenEpoch(self, user: user.id)
    try note("password_set", ["user_id": .id(user.id)])
    return Done(sentence: "\(user.email) has a new password and is signed out everywhere.")
  }

  func setStatus(_ email: String, _ status: UserStatus) throws -> Done {
    let user = try user(named: email)
    let words = status == .active ? "may sign in" : "is disabled and signed out everywhere"
    if user.status == status { return Done(sentence: "\(user.email) \(words), as before.", data: ["already": true]) }
    try Accounts.setStatus(self, user: user.id, status)
    try note(status == .active ? "user_enabled" : "user_disabled", ["user_id": .id(user.id)])
    return Done(sentence: "\(user.email) \(words).")
  }

  func signOut(_ email: String) throws -> Done {
    let user = try user(named: email)
    let sessions = try LoginSessions.active(session, user: user.id, now: now).count
    try Accounts.raiseTokenEpoch(self, user: user.id)
    try note("user_signed_out", ["user_id": .id(user.id), "sessions": .integer(sessions)])
    return Done(
      sentence: "\(user.email) is signed out: \(sessions) session\(sessions == 1 ? "" : "s") and all tokens ended.",
      data: ["sessions": .integer(sessions)])
  }
}

/// What an operator may call things.
enum AdminWords {
  static func isEmail(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), text.utf8.count <= 254 else { return false }
    return text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F && $0 != "," && $0 != ";" }
  }

  static func isName(_ text: String) -> Bool {
    !text.allSatisfy { $0 == " " } && text.count <= 200
      && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
  }

  /// A clinic's code stands in transaction lists, in gateways' files and in URLs.
  static func isCode(_ text: String) -> Bool {
    (2...20).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
      && text.utf8.first != UInt8(ascii: "-")
  }
}

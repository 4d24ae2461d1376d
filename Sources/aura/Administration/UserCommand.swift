import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore
import Foundation

struct UserCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user",
    abstract: "People who sign in: create, list, password, enable and disable, sign out.",
    discussion: """
      Works beside a running hub, which carries the change out and shows it to everybody at once, and without one. What \
      ends a right has ended it when the command returns. A user does nothing until `aura member add` gives them a place.

      EXAMPLES
        aura user create may@clinic.example --name "May Rattana"
        echo "$PASSWORD" | aura user password may@clinic.example
        aura user disable may@clinic.example
      """,
    subcommands: [Create.self, List.self, Password.self, Enable.self, Disable.self, SignOut.self])
}

/// Who is meant, and where.
struct UserArguments: ParsableArguments {
  @OptionGroup var folder: DataOption
  @Argument(help: ArgumentHelp("Address that the user signs in with.", valueName: "email"))
  var email: String
}

/// What a new user is like.
struct NewUserOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Phone number.", valueName: "number"))
  var phone: String?
  @Option(help: ArgumentHelp("th or en: what messages of the hub are written in.", valueName: "language"))
  var language: Language = .th
  @Flag(help: "Without a password: for who signs in by an identity provider only.")
  var noPassword = false
}

extension UserCommand {
  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a user. The password is asked for, or read from standard input.")
    @OptionGroup var user: UserArguments
    @Option(help: ArgumentHelp("Full name.", valueName: "text"))
    var name: String
    @OptionGroup var more: NewUserOptions
    @Flag(help: "May act in every clinic, with a reason that the audit keeps.")
    var superAdmin = false

    func run() throws {
      let hash = more.noPassword ? nil : try PasswordPrompt.hash(for: user.email)
      try order(
        .createUser(
          .init(
            email: user.email, name: name, phone: more.phone, language: more.language, passwordHash: hash,
            isSuperAdmin: superAdmin)), user.folder, makesDatabase: true)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the users, with their places and open sessions.")
    @OptionGroup var folder: DataOption
    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
      var after = ""
      while true {
        // A page in a transaction of its own: a long list holds nobody up.
        let page = try explaining {
          try Store.look(directory: folder.data) { reader in
            try Accounts.users(reader.session, now: reader.now, after: after, limit: 500)
          }
        }
        for user in page { say(json ? line(user) : text(user)) }
        guard let last = page.last else { return }
        after = last.email
      }
    }

    private func text(_ user: Accounts.UserLine) -> String {
      var marks: [String] = user.places.map {
        "\($0.clinic):\($0.role)" + ($0.isFrontDesk ? "+front_desk" : "") + ($0.isActive ? "" : " (ended)")
      }
      if user.isSuperAdmin { marks.append("super admin") }
      if !user.hasPassword { marks.append("no password") }
      if user.status != "active" { marks.append(user.status) }
      if user.sessions > 0 { marks.append("\(user.sessions) session\(user.sessions == 1 ? "" : "s")") }
      return "\(user.email)  \(user.name)  \(marks.joined(separator: ", "))"
    }

    private func line(_ user: Accounts.UserLine) -> String {
      let json: JSON = [
        "id": .id(user.id), "email": .string(user.email), "name": .string(user.name), "status": .string(user.status),
        "super_admin": .bool(user.isSuperAdmin), "has_password": .bool(user.hasPassword),
        "sessions": .integer(user.sessions),
        "memberships": .array(
          user.places.map {
            [
              "clinic": .string($0.clinic), "role": .string($0.role), "active": .bool($0.isActive),
              "front_desk": .bool($0.isFrontDesk),
            ]
          }),
      ]
      return json.text
    }
  }

  struct Password: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a user a new password, and sign them out everywhere.")
    @OptionGroup var user: UserArguments

    func run() throws {
      let hash = try PasswordPrompt.hash(for: user.email)
      try order(.setPassword(email: user.email, hash: hash), user.folder)
    }
  }

  struct Enable: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a disabled user sign in again.")
    @OptionGroup var user: UserArguments
    func run() throws { try order(.setStatus(email: user.email, .active), user.folder) }
  }

  struct Disable: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Keep a user out: open connections end at once, their tokens are worth nothing.")
    @OptionGroup var user: UserArguments
    func run() throws { try order(.setStatus(email: user.email, .disabled), user.folder) }
  }

  struct SignOut: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "sign-out", abstract: "End a user's sessions and tokens; they may sign in again.")
    @OptionGroup var user: UserArguments
    func run() throws { try order(.signOut(email: user.email), user.folder) }
  }
}

/// Gives an order and says what came of it.
func order(_ order: AdminOrder, _ folder: DataOption, makesDatabase: Bool = false) throws {
  let answer = try explaining {
    try AdminOrders.send(order, directory: folder.data, makesDatabase: makesDatabase)
  }
  say(answer.sentence)
}

extension Language: ExpressibleByArgument {}

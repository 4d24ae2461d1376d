import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore

struct MemberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "member",
    abstract: "Who works in a clinic, and as what: add, role, remove, list.",
    discussion: """
      Roles are owner, admin, beautician and sales, or as they are stored: clinic_owner, clinic_admin, clinic_staff, \
      sales_staff. A role that ends has ended on every open screen when the command returns. A clinic keeps an owner.

      EXAMPLES
        aura member add noi@clinic.example --clinic BKK02 --role beautician --skill laser --skill facial
        aura member role noi@clinic.example --clinic BKK02 --role admin
        aura member remove noi@clinic.example --clinic BKK02 --reason "left in May"
      """,
    subcommands: [Add.self, ChangeRole.self, Remove.self, List.self])
}

struct MemberArguments: ParsableArguments {
  @OptionGroup var user: UserArguments
  @Option(help: ArgumentHelp("The clinic's code.", valueName: "code"))
  var clinic: String
}

struct PlaceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("owner, admin, beautician or sales.", valueName: "role"))
  var role: Role
  @Flag(inversion: .prefixedNo, help: "Whether they also do what the front desk does.")
  var frontDesk: Bool?
  @Option(help: ArgumentHelp("What they are trained in; may be repeated.", valueName: "word"))
  var skill: [String] = []

  var place: AdminOrder.MemberPlace {
    .init(role: role, isFrontDesk: frontDesk, skills: skill.isEmpty ? nil : skill)
  }
}

extension MemberCommand {
  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a user a place in a clinic.")
    @OptionGroup var member: MemberArguments
    @OptionGroup var place: PlaceOptions
    func run() throws {
      try order(
        .addMember(clinic: member.clinic, email: member.user.email, place.place), member.user.folder)
    }
  }

  struct ChangeRole: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "role", abstract: "Change a member's role. What is not named stays.")
    @OptionGroup var member: MemberArguments
    @OptionGroup var place: PlaceOptions
    func run() throws {
      try order(
        .changeMember(clinic: member.clinic, email: member.user.email, place.place), member.user.folder)
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End a membership; their waiting tasks go back to the pool.")
    @OptionGroup var member: MemberArguments
    @Option(help: ArgumentHelp("Why, for the audit.", valueName: "text"))
    var reason: String?
    func run() throws {
      try order(
        .removeMember(clinic: member.clinic, email: member.user.email, reason: reason), member.user.folder)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List who works in a clinic, and who did.")
    @OptionGroup var folder: DataOption
    @Option(help: ArgumentHelp("The clinic's code.", valueName: "code"))
    var clinic: String
    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
      let members = try explaining {
        try Store.look(directory: folder.data) { reader -> [Accounts.MemberLine] in
          guard let id = try Accounts.clinic(reader.session, code: clinic) else {
            throw AdminRefusal("There is no clinic \(clinic): `aura clinic list` shows those that there are.")
          }
          return try Accounts.members(reader.session, clinic: id)
        }
      }
      for member in members {
        if json {
          let line: JSON = [
            "staff_id": .id(member.staff), "user_id": .id(member.user), "email": .string(member.email),
            "name": .string(member.name), "status": .string(member.status), "role": .string(member.role),
            "active": .bool(member.isActive), "front_desk": .bool(member.isFrontDesk),
          ]
          say(line.text)
        } else {
          let desk = member.isFrontDesk ? ", front desk" : ""
          let ended = member.isActive ? (member.status == "active" ? "" : ", disabled") : ", ended"
          say("\(member.email)  \(member.name)  \(member.role)\(desk)\(ended)")
        }
      }
    }
  }
}

extension Role: ExpressibleByArgument {
  package init?(argument: String) {
    switch argument {
    case "owner": self = .owner
    case "admin": self = .admin
    case "beautician", "staff": self = .staff
    case "sales": self = .sales
    default: self.init(rawValue: argument)
    }
  }
}

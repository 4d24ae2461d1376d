import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore

struct ClinicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clinic",
    abstract: "Clinics: create one with its first owner, list, rename, close and open.",
    discussion: """
      Works beside a running hub and without one; the first clinic makes the database.

      EXAMPLES
        A clinic whose owner is a new user; the password is asked for:
          aura clinic create BKK02 --th "สาขาสีลม" --en "Silom" --owner may@clinic.example --owner-name "May Rattana"
        A further one of the same owner:
          aura clinic create CNX01 --th "เชียงใหม่" --en "Chiang Mai" --owner may@clinic.example
      """,
    subcommands: [Create.self, List.self, Rename.self, Close.self, Open.self])
}

struct ClinicArguments: ParsableArguments {
  @OptionGroup var folder: DataOption
  @Argument(help: ArgumentHelp("The clinic's code.", valueName: "code"))
  var code: String
}

extension ClinicCommand {
  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Create a clinic with its first owner.")
    @OptionGroup var clinic: ClinicArguments
    @Option(help: ArgumentHelp("Its name in Thai.", valueName: "text"))
    var th: String
    @Option(help: ArgumentHelp("Its name in English.", valueName: "text"))
    var en: String
    @Option(help: ArgumentHelp("Address of its owner, who is a user or becomes one.", valueName: "email"))
    var owner: String
    @Option(help: ArgumentHelp("Makes the owner a new user of this name.", valueName: "text"))
    var ownerName: String?
    @OptionGroup var more: NewUserOptions
    @Option(help: ArgumentHelp("Where its days begin and end.", valueName: "zone"))
    var timezone = "Asia/Bangkok"
    @Flag(help: "Without the rewards, achievements, follow-up rules and texts that a clinic starts with.")
    var bare = false

    func run() throws {
      var newOwner: AdminOrder.NewUser?
      if let ownerName {
        newOwner = .init(
          email: owner, name: ownerName, phone: more.phone, language: more.language,
          passwordHash: more.noPassword ? nil : try PasswordPrompt.hash(for: owner), isSuperAdmin: false)
      }
      try order(
        .createClinic(
          .init(
            code: clinic.code, th: th, en: en, timezone: timezone, owner: owner, newOwner: newOwner, isBare: bare)),
        clinic.folder, makesDatabase: true)
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the clinics.")
    @OptionGroup var folder: DataOption
    @Flag(help: "One JSON object a line.")
    var json = false

    func run() throws {
      let clinics = try explaining {
        try Store.look(directory: folder.data) { try Accounts.clinics($0.session) }
      }
      for clinic in clinics {
        if json {
          var writer = JSONWriter()
          writer.beginObject()
          writer.name("id")
          writer.id(clinic.id)
          writer.name("code")
          writer.string(clinic.code)
          writer.name("names")
          writer.verbatim(Array(clinic.names.utf8))
          writer.name("timezone")
          writer.string(clinic.timezone)
          writer.name("active")
          writer.bool(clinic.isActive)
          writer.name("staff")
          writer.integer(clinic.staff)
          writer.name("customers")
          writer.integer(clinic.customers)
          writer.name("seq")
          writer.integer(clinic.head)
          writer.endObject()
          say(String(decoding: writer.bytes, as: UTF8.self))
        } else {
          say(
            "\(clinic.code)  \(clinic.names)  \(clinic.staff) staff, \(clinic.customers) customers, "
              + "commit \(clinic.head)\(clinic.isActive ? "" : ", closed")  \(clinic.id)")
        }
      }
    }
  }

  struct Rename: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Change a clinic's names.")
    @OptionGroup var clinic: ClinicArguments
    @Option(help: ArgumentHelp("Its new name in Thai.", valueName: "text"))
    var th: String?
    @Option(help: ArgumentHelp("Its new name in English.", valueName: "text"))
    var en: String?

    func validate() throws {
      guard th != nil || en != nil else { throw ValidationError("Give a new name with --th, --en or both.") }
    }
    func run() throws { try order(.renameClinic(code: clinic.code, th: th, en: en), clinic.folder) }
  }

  struct Close: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let nobody into a clinic; its data stay, its timers and messages wait.")
    @OptionGroup var clinic: ClinicArguments
    func run() throws { try order(.setClinicActive(code: clinic.code, false), clinic.folder) }
  }

  struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Open a closed clinic again.")
    @OptionGroup var clinic: ClinicArguments
    func run() throws { try order(.setClinicActive(code: clinic.code, true), clinic.folder) }
  }
}

import ArgumentParser
import AuraServer
import Glibc

@main
struct Aura: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aura",
    abstract: "A realtime hub for aesthetic clinics: what one screen does, every other shows at once.",
    discussion: "Begin with `aura serve --demo`.",
    version: Server.version,
    subcommands: [
      Serve.self, Token.self, Migrate.self, GatewaysCommand.self, TailCommand.self, LoadTestCommand.self,
      UserCommand.self, ClinicCommand.self, MemberCommand.self, BackupCommand.self, RestoreCommand.self,
      CheckCommand.self, ExportCommand.self, ForgetCommand.self, ReplayCommand.self,
    ])

  static func main() {
    // What is written is for this user alone: the data folder holds people's health.
    umask(0o077)
    main(nil)
  }
}

import ArgumentParser

@main
struct Aura: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aura",
    abstract: "A realtime hub for aesthetic clinics: what one screen does, every other shows at once.",
    discussion: "Begin with `aura serve --demo`.",
    version: "0.1.0",
    subcommands: [Token.self, Migrate.self])
}

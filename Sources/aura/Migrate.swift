import ArgumentParser
import AuraServer
import AuraStore

struct Migrate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring a database to this release's schema.",
    discussion: """
      `aura serve` does the same when it starts. Alone, it shows whether an upgrade goes through before a hub is \
      stopped for it. All steps are one transaction: the database is at the new version afterwards, or as it was.

      EXAMPLE
        aura migrate --data ./data
      """)

  @OptionGroup var folder: DataOption

  func run() throws {
    guard Store.holdsDatabase(folder.data) else {
      throw Complaint("There is no database in the folder \(folder.data): name the one that the hub uses, with --data.")
    }
    try explaining { try DirectStore(directory: folder.data).close() }
    print("The database in \(folder.data) is at version \(Store.schemaVersion).")
  }
}

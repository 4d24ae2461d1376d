import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Copy the database to a file, while the hub goes on.",
    discussion: """
      The copy is as of one moment. It is read back from its first to its last page before it gets its name: a file of \
      that name is whole, also when this command or the machine was stopped meanwhile. It holds people's health and \
      everybody's password hashes; it does not hold the installation's secret (secret.key), whose loss only signs \
      everybody out. No hub serves it as it is: `aura restore` makes a database of it.

      EXAMPLES
        aura backup --data ./data --to /backups/aura-2026-05-01.sqlite3
        aura backup --data ./data --to /backups/latest.sqlite3 --force
      """)

  @OptionGroup var folder: DataOption
  @Option(help: ArgumentHelp("File to write.", valueName: "file"))
  var to: String
  @Flag(help: "Replace the file if it is there.")
  var force = false
  @Flag(help: "Say what was written as one JSON object.")
  var json = false

  func run() throws {
    let line = ProgressLine()
    defer { line.clear() }
    let summary = try explaining {
      try AdminOrders.ownFolder(folder.data)
      return try Backup.write(
        directory: folder.data, to: to, replaces: force, progress: { line.show($0, of: $1) },
        verifying: { line.show("reading it back") })
    }
    line.clear()
    if json { return say(summary.json.text) }
    say("\(folder.data) is copied to \(to): \(sizeText(summary.bytes)), read back and whole.")
    say(summary.lines)
  }
}

struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Make a data folder's database of a backup.",
    discussion: """
      The hub of the folder must be stopped. The backup is read from its first to its last page before anything is \
      replaced; the database that was there is kept beside the new one. What was done after the backup is lost, so:
      - the database gets a new epoch: each screen takes everything anew instead of going on from what is gone;
      - everybody signs in anew: sessions and tokens that were ended since would be good again. Passwords, roles and \
      disabled users are those of the backup: look at them before the hub starts;
      - a message that was due before this moment is not sent, since it may have gone out: it stands in the list of \
      those given up, where an owner takes it up again;
      - a customer who was forgotten since is known again: run `aura forget` for them.

      EXAMPLES
        aura restore --from /backups/aura-2026-05-01.sqlite3 --data ./data
        aura restore --from /backups/aura-2026-05-01.sqlite3 --data ./data --force
      """)

  @OptionGroup var folder: DataOption
  @Option(help: ArgumentHelp("The backup.", valueName: "file"))
  var from: String
  @Flag(help: "Replace the database that is in the folder; it is kept beside the new one.")
  var force = false
  @Flag(help: "Say what was restored as one JSON object.")
  var json = false

  func run() throws {
    let line = ProgressLine()
    defer { line.clear() }
    let summary = try explaining {
      try AdminOrders.ownFolder(folder.data)
      return try Restore.run(
        from: from, directory: folder.data, replaces: force, progress: { line.show($0, of: $1) },
        verifying: { line.show("checking it") })
    }
    line.clear()
    if json {
      var value = summary.backup.json
      value.set("epoch_before", value["epoch"])
      value.set("epoch", .string(summary.epoch))
      value.set("replaced", .text(summary.replaced))
      value.set("held_messages", .integer(summary.heldMessages))
      return say(value.text)
    }
    let at = summary.backup.at.milliseconds > 0 ? "The backup of \(summary.backup.at.iso8601)" : "The copy \(from)"
    say("\(at) is restored to \(folder.data), with the new epoch \(summary.epoch).")
    say(summary.backup.lines)
    if let replaced = summary.replaced {
      say("The database that was there is \(replaced): remove it when nobody needs it any more.")
    }
    if summary.heldMessages > 0 {
      say("\(summary.heldMessages) messages that were due are held back: they may have gone out before.")
    }
    say("Everybody signs in anew. Passwords, roles and who is disabled are as they were then: see `aura user list`.")
  }
}

extension Backup.Summary {
  fileprivate var lines: String {
    let clinics = heads.map { "  \($0.code)  commit \($0.seq)" }
    return (clinics + ["  audit  entry \(auditEntries)  \(auditHash.prefix(16))"]).joined(separator: "\n")
  }

  fileprivate var json: JSON {
    [
      "at": .instant(at), "bytes": .integer(bytes), "epoch": .string(epoch), "schema": .integer(version),
      "clinics": .array(heads.map { ["code": .string($0.code), "seq": .integer($0.seq)] }),
      "audit": ["entries": .integer(auditEntries), "hash": .string(auditHash)],
    ]
  }
}

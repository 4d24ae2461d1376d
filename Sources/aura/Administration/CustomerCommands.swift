import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore

/// Which customer is meant.
struct CustomerArguments: ParsableArguments {
  @OptionGroup var folder: DataOption
  @Option(help: ArgumentHelp("The customer's id, or their code.", valueName: "id"))
  var customer: String
  @Option(help: ArgumentHelp("The clinic's code, where a customer's code is in several.", valueName: "code"))
  var clinic: String?

  func find() throws -> CustomerExport.Place {
    let found = try Store.look(directory: folder.data) {
      try CustomerExport.find($0.session, customer, clinic: clinic)
    }
    guard let first = found.first else {
      throw AdminRefusal("There is no customer \(customer): look for their id or code on the sales desk.")
    }
    guard found.count == 1 else {
      throw AdminRefusal("Several clinics have a customer \(customer): name the clinic with --clinic, or give the id.")
    }
    return first
  }
}

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write all that is held of a customer to a file, as portable JSON.",
    discussion: """
      For whoever asks to see or to take along what the clinic holds of them. The file has the customer's rows of every \
      table, and the account with which they sign in; times are Unix milliseconds, money is satang. That it was written \
      stands in the audit. Works beside a running hub and without one.

      EXAMPLE
        aura export --data ./data --customer CUST-0042 --to praew.json
      """)

  @OptionGroup var customer: CustomerArguments
  @Option(help: ArgumentHelp("File to write.", valueName: "file"))
  var to: String
  @Flag(help: "Replace the file if it is there.")
  var force = false

  func run() throws {
    try explaining {
      let place = try customer.find()
      let file = try PieceFile(to, replaces: force)
      do {
        // First: what cannot be written down is not read.
        _ = try AdminOrders.send(
          .noteExport(clinic: place.code, customer: place.customer), directory: customer.folder.data)
        try Store.look(directory: customer.folder.data) { reader in
          try CustomerExport.write(reader, place) { try file.append($0) }
        }
      } catch {
        file.discard()
        throw error
      }
      try file.finish(replaces: force)
    }
    say("All that is held of \(customer.customer) is in \(to): give it to nobody else.")
  }
}

struct ForgetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget",
    abstract: "Forget a customer: what tells who they are goes, books and counts stay.",
    discussion: """
      Name, address, birthday, health, notes, messages and every free text about them go from all rows and from the log \
      that clients resume from, on every open screen at once; messages that wait are called off. Bills, points, stages \
      and times stay, about nobody. It cannot be undone. Backups made before hold them still: let these go by their \
      age, and after a restore of one forget the customer again. An open case is finished or cancelled first.

      EXAMPLE
        aura forget --data ./data --customer CUST-0042 --reason "asked on 3 May" --yes
      """)

  @OptionGroup var customer: CustomerArguments
  @Option(help: ArgumentHelp("Why, for the audit: not who.", valueName: "text"))
  var reason: String?
  @Flag(help: "Do it without asking.")
  var yes = false

  func run() throws {
    let place = try explaining { try customer.find() }
    if !yes {
      note("Forget \(place.customer) of \(place.code)? It cannot be undone. Type yes: ")
      guard readLine() == "yes" else { throw Complaint("Nothing was changed.") }
    }
    try order(
      .forgetCustomer(clinic: place.code, customer: place.customer, reason: reason), customer.folder)
  }
}

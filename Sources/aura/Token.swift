import ArgumentParser
import AuraDomain
import AuraServer
import AuraStore

struct Token: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print an access token for a script.",
    discussion: """
      Who can read the data folder can sign in as anybody in it: that is what this does, for tail, tests and scripts. \
      A hub may be serving the folder meanwhile. The token ends by itself. Before that, only the end of the \
      user's memberships takes its rights: keep --ttl short.

      EXAMPLE
        aura token --data ./data --user owner@demo.aura --ttl 3600
      """)

  @OptionGroup var folder: DataOption

  @Option(help: ArgumentHelp("Address that the user signs in with.", valueName: "email"))
  var user: String

  @Option(help: ArgumentHelp("How long the token is good, in seconds.", valueName: "seconds"))
  var ttl = 3_600

  func validate() throws {
    guard (1...31_536_000).contains(ttl) else {
      throw ValidationError("--ttl is a number of seconds, from 1 to 31536000 (a year).")
    }
  }

  func run() throws {
    let found = try explaining {
      try Store.look(directory: folder.data) { try Accounts.user($0.session, email: user) }
    }
    guard let found else { throw Complaint("Nobody signs in as \(user): ask for the address, or check --data.") }
    guard found.status == .active else { throw Complaint("\(user) is disabled: no token would be taken.") }
    let tokens = Tokens(secret: try explaining { try InstallationSecret(directory: folder.data) })
    let now = Instant.systemNow
    let claims = AccessClaims(
      user: found.id, session: nil, epoch: found.tokenEpoch, issuedAt: now, expiresAt: now + .seconds(ttl))
    guard let token = tokens.issue(claims) else { throw Complaint("The token could not be signed: try again.") }
    print(token)
  }
}

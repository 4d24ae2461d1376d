import AuraDomain

/// A command on its way to the writer.
package struct CommandRequest: Sendable {
  /// Where the outcome goes.
  package enum Origin: Sendable {
    /// A request of a connected session; the outcome is routed by the batch's reader.
    case session(loop: Int, session: UInt64, request: Int)
    /// Called by whoever routes the batch's outcomes.
    case call(@Sendable (Outcome) -> Void)
    /// The system's own timers.
    case timer
  }

  package var origin: Origin
  package var clinic: ID
  /// `nil` is the system.
  package var user: ID?
  /// Made by the client; one key has one outcome.
  package var key: String
  package var command: Command
  /// A hash of name and arguments: the same key with another digest is refused.
  package var digest: [UInt8]
  package var expect: [Expectation]
  /// Why a super admin acts in a clinic that is not theirs.
  package var reason: String?
  /// For callers with words of their own; `nil` asks and is answered in the wire's.
  package var setting: CommandSetting?

  package init(
    origin: Origin, clinic: ID, user: ID?, key: String, command: Command, digest: [UInt8],
    expect: [Expectation] = [], reason: String? = nil
  ) {
    self.origin = origin
    self.clinic = clinic
    self.user = user
    self.key = key
    self.command = command
    self.digest = digest
    self.expect = expect
    self.reason = reason
  }
}

/// What stands around a command in its transaction, for callers who ask or are answered in other words than the wire's.
package struct CommandSetting: Sendable {
  /// Completes the command by what the rows say: an id for a name. Throws `Refusal`.
  package var prepare: @Sendable (Command, Draft) throws -> Command
  /// Makes of the command's result what is answered, and kept for a repeat of its key.
  package var answer: @Sendable (JSON, inout Draft) throws -> JSON

  package init(
    prepare: @escaping @Sendable (Command, Draft) throws -> Command,
    answer: @escaping @Sendable (JSON, inout Draft) throws -> JSON
  ) {
    self.prepare = prepare
    self.answer = answer
  }
}

/// A row's version that must still be true when the command is applied.
package struct Expectation: Sendable, Hashable {
  package var table: Table
  package var id: ID
  package var version: Int

  package init(table: Table, id: ID, version: Int) {
    self.table = table
    self.id = id
    self.version = version
  }
}

/// What became of a command.
package struct Outcome: Sendable {
  package var key: String
  /// The key was known: this is the outcome of the first time.
  package var duplicate: Bool
  package var result: Result<Accepted, Refusal>

  package struct Accepted: Sendable, Equatable {
    package var epoch: String
    /// The clinic's last commit once the command was done: its own, if it changed rows.
    package var seq: Int
    /// The ack's `result` as JSON text.
    package var result: [UInt8]
  }
}

/// What the sessions must learn beside the commits.
package enum Signal: Sendable, Hashable {
  case sessionRevoked(ID)
  /// All sessions of a user end: disabled, or the token epoch was raised.
  case userDisabled(ID)
  /// The log of a clinic was redacted: what is held of it in memory is older than what is on disk.
  case logRewritten(clinic: ID)
}

/// What one durable transaction brought. Handed to `publish` after the commit and never before.
package struct Batch: Sendable {
  /// In the order of their clinics' sequence numbers.
  package var commits: [Commit] = []
  /// In the order submitted.
  package var outcomes: [(CommandRequest.Origin, Outcome)] = []
  package var signals: [Signal] = []
  /// Messages that may leave the house now.
  package var dispatches: [Dispatch] = []
  /// Messages that may no longer leave, if they have not.
  package var recalls: [Recall] = []
  /// When it was durable, by `Stopwatch`; 0 for a batch of which nothing happened.
  package var durableAt = 0
  /// What `write` callers wait for; run after `publish`.
  var completions: [@Sendable () -> Void] = []

  package var isEmpty: Bool {
    commits.isEmpty && outcomes.isEmpty && signals.isEmpty && dispatches.isEmpty && recalls.isEmpty
  }

  package init() {}
}

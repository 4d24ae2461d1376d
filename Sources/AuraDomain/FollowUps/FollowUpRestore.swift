/// Messages after a restore. The database knows what was sent up to the backup and nothing of what came behind it: a
/// message whose time came before the restore may be with the customer already.
extension Draft {
  /// When the clinic's database was last restored from a backup, in milliseconds; 0 when it never was.
  package static let restoredCounter = "restored_at"

  /// Whether a message that waits may have been sent by the history that the restore has ended: it was due before, or
  /// something that was due before, such as a birthday, has planned it only now.
  ///
  /// It is not sent again. Twice is worse than late: whoever knows that nothing went out takes it up from the list of
  /// messages that were given up.
  func mayHaveLeft(_ execution: FollowUpExecution) throws -> Bool {
    guard execution.isWaiting || execution.status == .sending, execution.metadata["held"] == nil else { return false }
    let restored = Instant(milliseconds: try counter(Self.restoredCounter))
    guard restored.milliseconds > 0 else { return false }
    return execution.createdAt <= restored ? execution.dueAt <= restored : execution.ideal <= restored
  }

  /// Puts it with the messages that were given up, without a word to anybody: there may be many.
  mutating func hold(_ execution: FollowUpExecution) throws {
    let marked = try update(execution) { $0.metadata.set("held", true) }
    try end(marked, .dead, "restored from a backup: it may have gone out before")
  }
}

import AuraDomain
import AuraJSON

/// Work that comes due by itself, kept in the database until its effect is.
enum Timers {
  /// A timer as it is stored.
  struct Stored {
    var clinic: ID
    var planned: PlannedTimer
    /// How often it went wrong.
    var attempts: Int
  }

  private static let schedule: SQL = """
    INSERT INTO sys_timers (clinic_id, dedupe, due, kind, payload, attempts, not_before)
    VALUES ($1, $2, $3, $4, $5, 0, $6)
    ON CONFLICT (clinic_id, dedupe) DO UPDATE
    SET due = excluded.due, kind = excluded.kind, payload = excluded.payload, attempts = 0,
      not_before = excluded.not_before
    """
  private static let cancel: SQL = "DELETE FROM sys_timers WHERE clinic_id = $1 AND dedupe = $2"
  private static let next: SQL = "SELECT MIN(not_before) FROM sys_timers"
  private static let due: SQL = """
    SELECT clinic_id, dedupe, due, kind, payload, attempts FROM sys_timers WHERE not_before <= $1
    ORDER BY not_before, clinic_id, dedupe LIMIT $2
    """
  private static let countDue: SQL = """
    SELECT COUNT(*), MIN(not_before)
    FROM (SELECT not_before FROM sys_timers WHERE not_before <= $1 ORDER BY not_before LIMIT $2) due
    """
  private static let postpone: SQL = """
    UPDATE sys_timers SET attempts = $1, not_before = $2 WHERE clinic_id = $3 AND dedupe = $4
    """

  static func schedule(_ session: SQLSession, clinic: ID, _ timer: PlannedTimer) throws {
    try session.execute(
      schedule, .id(clinic), .text(timer.dedupe), .instant(timer.due), .text(timer.kind.rawValue),
      .text(timer.payload.text), .instant(timer.due))
  }

  static func cancel(_ session: SQLSession, clinic: ID, dedupe: String) throws {
    try session.execute(cancel, .id(clinic), .text(dedupe))
  }

  static func nextDue(_ session: SQLSession) throws -> Instant? {
    try session.first(next) { $0.optionalInstant(0) } ?? nil
  }

  /// How many timers are due, counted no further than `limit`, and since when the longest.
  static func countDue(_ session: SQLSession, at now: Instant, limit: Int) throws -> (count: Int, since: Instant?) {
    try session.first(countDue, .instant(now), .integer(limit)) { ($0.integer(0), $0.optionalInstant(1)) } ?? (0, nil)
  }

  /// What is due, the longest due first, and the names of timers that this program cannot read: they must not hold up
  /// the others.
  static func due(
    _ session: SQLSession, at now: Instant, limit: Int
  ) throws -> (timers: [Stored], unreadable: [(clinic: String, dedupe: String)]) {
    var timers: [Stored] = []
    var unreadable: [(clinic: String, dedupe: String)] = []
    try session.each(due, .instant(now), .integer(limit)) { row in
      guard let clinic = row.id(0), let kind = TimerKind(rawValue: row.text(3)),
        let payload = try? JSON.parse(row.text(4))
      else {
        unreadable.append((row.text(0), row.text(1)))
        return
      }
      let planned = PlannedTimer(due: row.instant(2), kind: kind, payload: payload, dedupe: row.text(1))
      timers.append(Stored(clinic: clinic, planned: planned, attempts: row.integer(5)))
    }
    return (timers, unreadable)
  }

  /// Puts a timer that cannot be read out of the way for a day.
  static func setAside(_ session: SQLSession, clinic: String, dedupe: String, now: Instant) throws {
    try session.execute(postpone, 0, .instant(now + .days(1)), .text(clinic), .text(dedupe))
  }

  /// After an unexpected error: 2, 4, 8 … seconds, at most an hour.
  static func postpone(_ session: SQLSession, _ timer: Stored, now: Instant) throws {
    let attempts = timer.attempts + 1
    let pause = min(3_600, 1 << min(attempts, 12))
    try session.execute(
      postpone, .integer(attempts), .instant(now + .seconds(pause)), .id(timer.clinic), .text(timer.planned.dedupe))
  }
}

import AuraDomain

/// Counts that overviews show, each from an index.
extension Reader {
  package struct CaseCounts: Sendable {
    package var activeByStage: [String: Int] = [:]
    package var byStatus: [String: Int] = [:]
  }

  package struct DayFigures: Sendable {
    package var pendingTasks = 0
    package var runningTasks = 0
    package var overdueTasks = 0
    package var newCases = 0
    package var completedTreatments = 0
    package var payments = 0
    package var paidSt = 0
  }

  private static let statuses: SQL = """
    SELECT status, count(*) FROM workflow_states WHERE clinic_id = $1 GROUP BY status
    """
  private static let stages: SQL = """
    SELECT current_stage, count(*) FROM workflow_states WHERE clinic_id = $1 AND status = 'active' GROUP BY current_stage
    """
  private static let tasks: SQL = """
    SELECT status, count(*), sum(CASE WHEN due_date < $1 THEN 1 ELSE 0 END) FROM task_queue
    WHERE clinic_id = $2 AND status IN ('pending', 'in_progress') GROUP BY status
    """
  private static let cases: SQL = "SELECT count(*) FROM workflow_states WHERE clinic_id = $1 AND id >= $2"
  private static let completed: SQL = """
    SELECT count(*) FROM workflow_actions
    WHERE clinic_id = $1 AND performed_at >= $2 AND type = 'complete_treatment'
    """
  private static let payments: SQL = """
    SELECT count(*), coalesce(sum(paid_st), 0) FROM pos_transactions
    WHERE clinic_id = $1 AND id >= $2 AND type = 'sale' AND paid_at IS NOT NULL
    """

  package func caseCounts(clinic: ID) throws -> CaseCounts {
    var counts = CaseCounts()
    try session.each(Self.statuses, .id(clinic)) { counts.byStatus[$0.text(0)] = $0.integer(1) }
    try session.each(Self.stages, .id(clinic)) { counts.activeByStage[$0.text(0)] = $0.integer(1) }
    return counts
  }

  /// What a day has brought so far; a bill counts on the day that it was made.
  package func dayFigures(clinic: ID, since start: Instant, now: Instant) throws -> DayFigures {
    var figures = DayFigures()
    try session.each(Self.tasks, .instant(now), .id(clinic)) { row in
      if row.text(0) == TaskStatus.pending.rawValue {
        figures.pendingTasks = row.integer(1)
        figures.overdueTasks = row.integer(2)
      } else {
        figures.runningTasks = row.integer(1)
      }
    }
    // Ids begin with the time of their making, so that the key finds a day's rows.
    let first = ID(high: UInt64(max(0, start.milliseconds)) << 16, low: 0)
    figures.newCases = try session.first(Self.cases, .id(clinic), .id(first)) { $0.integer(0) } ?? 0
    figures.completedTreatments =
      try session.first(Self.completed, .id(clinic), .instant(start)) { $0.integer(0) } ?? 0
    try session.each(Self.payments, .id(clinic), .id(first)) { row in
      figures.payments = row.integer(0)
      figures.paidSt = row.integer(1)
    }
    return figures
  }
}

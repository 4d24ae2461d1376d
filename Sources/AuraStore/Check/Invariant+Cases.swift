extension Invariant {
  private static let byHand = "Open the case on the sales desk; an owner or admin brings case and tasks together again."

  /// Cases, their tasks and history.
  static let cases: [Invariant] = [
    Invariant(
      name: "case.perform",
      question: """
        SELECT clinic_id, workflow_id, 'has ' || COUNT(*) || ' open treatment tasks' FROM task_queue
        WHERE task_type = 'perform_treatment' AND (status = 'pending' OR status = 'in_progress')
        GROUP BY clinic_id, workflow_id HAVING COUNT(*) > 1
        """, next: byHand),
    Invariant(
      name: "case.stage",
      question: """
        SELECT clinic_id, id, 'is ' || status || ' in ' || current_stage || ', its treatment task '
          || COALESCE(task, 'is missing')
        FROM (
          SELECT w.*, (SELECT t.status FROM task_queue t WHERE t.clinic_id = w.clinic_id AND t.workflow_id = w.id
            AND t.task_type = 'perform_treatment' AND (t.status = 'pending' OR t.status = 'in_progress')) AS task
          FROM workflow_states w)
        WHERE (status = 'active' AND current_stage = 'in_treatment' AND task IS NOT 'in_progress')
          OR (status = 'active' AND current_stage = 'treatment_scheduled' AND task IS NOT 'pending')
          OR (task IS NOT NULL AND current_stage NOT IN ('payment_confirmed', 'treatment_scheduled', 'in_treatment'))
        """, next: byHand),
    Invariant(
      name: "case.over",
      question: """
        SELECT t.clinic_id, t.id, 'is ' || t.status || ' in a case that is ' || w.status FROM task_queue t
        JOIN workflow_states w ON w.clinic_id = t.clinic_id AND w.id = t.workflow_id
        WHERE (t.status = 'pending' OR t.status = 'in_progress') AND w.status <> 'active'
        """, next: byHand),
    Invariant(
      name: "case.history",
      question: """
        SELECT clinic_id, id, 'is in ' || current_stage || ', its history ends in ' || COALESCE(last, 'nothing') FROM (
          SELECT w.clinic_id, w.id, w.current_stage, (SELECT a.to_stage FROM workflow_actions a
            WHERE a.clinic_id = w.clinic_id AND a.workflow_id = w.id ORDER BY a.seq DESC LIMIT 1) AS last
          FROM workflow_states w)
        WHERE last IS NOT current_stage
        """, next: byHand),
    Invariant(
      name: "case.actions",
      question: """
        SELECT clinic_id, workflow_id, 'has ' || COUNT(*) || ' actions, numbered to ' || MAX(seq) FROM workflow_actions
        GROUP BY clinic_id, workflow_id HAVING COUNT(*) <> MAX(seq)
        """, next: "An action is missing: restore the last backup that passes."),
    Invariant(
      name: "task.done",
      question: """
        SELECT clinic_id, id, 'is ' || status || ' without saying when' FROM task_queue
        WHERE (status = 'completed' AND completed_at IS NULL) OR (status = 'in_progress' AND started_at IS NULL)
        """, next: byHand),
    Invariant(
      name: "event.seq",
      question: """
        SELECT e.clinic_id, e.id, 'is of commit ' || e.seq || ', the last is ' || COALESCE(h.seq, 0) FROM workflow_events e
        LEFT JOIN sys_heads h ON h.clinic_id = e.clinic_id WHERE e.seq > COALESCE(h.seq, 0)
        """, next: "The log is shorter than the rows: restore the last backup that passes."),
  ]

  private static let timers =
    "Stop the hub and start it again; when it stays, restore the last backup that passes, or call the message off."

  /// Messages that wait, and what wakes them.
  static let messages: [Invariant] = [
    Invariant(
      name: "message.timer",
      question: """
        SELECT e.clinic_id, e.id, 'is ' || e.status || ' and nothing wakes it' FROM followup_executions e
        WHERE e.status IN ('pending', 'sending', 'failed') AND NOT EXISTS (SELECT 1 FROM sys_timers t
          WHERE t.clinic_id = e.clinic_id AND t.dedupe = 'followup:' || e.id)
        """, next: timers),
    Invariant(
      name: "timer.message",
      question: """
        SELECT t.clinic_id, t.dedupe, 'wakes a message that is ' || COALESCE(e.status, 'missing') FROM sys_timers t
        LEFT JOIN followup_executions e ON e.clinic_id = t.clinic_id
          AND e.id = json_extract(t.payload, '$.execution_id')
        WHERE t.kind = 'follow_up' AND (e.id IS NULL OR e.status NOT IN ('pending', 'sending', 'failed'))
        """, next: "It does nothing when it fires and goes then; when it stays, report it."),
    Invariant(
      name: "coupon.timer",
      question: """
        SELECT c.clinic_id, c.id, 'is reserved and nothing releases it' FROM customer_coupons c
        WHERE c.status = 'reserved' AND NOT EXISTS (SELECT 1 FROM sys_timers t
          WHERE t.clinic_id = c.clinic_id AND t.dedupe = 'coupon:' || c.id || ':release')
        """, next: "Take the coupon off the bill, or void the bill."),
    Invariant(
      name: "task.timer",
      question: """
        SELECT q.clinic_id, q.id, 'waits and nobody will be told when it is overdue' FROM task_queue q
        WHERE q.status = 'pending' AND q.due_date IS NOT NULL AND q.escalation_level < 2
          AND NOT EXISTS (SELECT 1 FROM sys_timers t
            WHERE t.clinic_id = q.clinic_id AND t.dedupe = 'task:' || q.id || ':overdue')
        """, next: "Change the task's due time, which plans it anew."),
    Invariant(
      name: "timer.clinic",
      question: """
        SELECT t.clinic_id, t.dedupe, 'belongs to no clinic' FROM sys_timers t
        WHERE NOT EXISTS (SELECT 1 FROM clinics c WHERE c.id = t.clinic_id)
        """, next: "It does nothing; report it."),
    Invariant(
      name: "message.lease",
      question: """
        SELECT clinic_id, id, 'is ' || status || ' without ' || CASE status WHEN 'sending' THEN 'a lease' ELSE 'its time' END
        FROM followup_executions
        WHERE (status = 'sending' AND lease_until IS NULL)
          OR (status IN ('sent', 'delivered') AND executed_at IS NULL)
        """, next: timers),
    Invariant(
      name: "bell.read",
      question: """
        SELECT clinic_id, id, 'is ' || CASE is_read WHEN 1 THEN 'read at no time' ELSE 'unread since a time' END
        FROM notifications WHERE (is_read = 1) <> (read_at IS NOT NULL)
        """, next: "Mark the notification as read again."),
  ]

  /// People.
  static let people: [Invariant] = [
    Invariant(
      name: "clinic.owner",
      question: """
        SELECT c.id, c.clinic_code, 'has no owner who can sign in' FROM clinics c
        WHERE c.is_active = 1 AND NOT EXISTS (SELECT 1 FROM clinic_staff s JOIN users u ON u.id = s.user_id
          WHERE s.clinic_id = c.id AND s.is_active = 1 AND s.role = 'clinic_owner' AND u.status = 'active')
        """, next: "Give it one: `aura member add EMAIL --clinic CODE --role owner`, or `aura user enable`."),
    Invariant(
      name: "member.ended",
      question: """
        SELECT clinic_id, id, 'is ' || CASE is_active WHEN 1 THEN 'a member whose membership has ended'
          ELSE 'no member, since no time' END
        FROM clinic_staff WHERE (is_active = 1) <> (revoked_at IS NULL)
        """, next: "End the membership and add it again: `aura member remove`, `aura member add`."),
    Invariant(
      name: "person.forgotten",
      question: """
        SELECT clinic_id, id, 'was forgotten and is still known' FROM customers
        WHERE anonymized_at IS NOT NULL AND (phone IS NOT NULL OR email IS NOT NULL OR nickname IS NOT NULL
          OR date_of_birth IS NOT NULL OR medical_notes IS NOT NULL OR allergies IS NOT NULL OR user_id IS NOT NULL)
        """, next: "Run `aura forget --customer ID` again."),
  ]
}

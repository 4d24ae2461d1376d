extension Schema {
  static let workflow: [SchemaStep] = [
    .table(
      "workflow_states",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      customer_id TEXT NOT NULL,
      current_stage TEXT NOT NULL DEFAULT 'lead_created' CHECK (current_stage IN ('lead_created', 'scanned', 'proposal_sent', 'payment_confirmed', 'treatment_scheduled', 'in_treatment', 'treatment_completed', 'follow_up', 'completed')),
      status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'cancelled', 'closed')),
      assigned_sales_id TEXT,
      assigned_beautician_id TEXT,
      treatment_id TEXT,
      treatment_name TEXT,
      scheduled_start BIGINT,
      scheduled_end BIGINT,
      room TEXT,
      checked_in_at BIGINT,
      stage_entered_at BIGINT NOT NULL,
      no_show_count BIGINT NOT NULL DEFAULT 0,
      scan_results JSON NOT NULL DEFAULT '{}',
      treatment_plan JSON NOT NULL DEFAULT '{}',
      metadata JSON NOT NULL DEFAULT '{}',
      cancel_reason TEXT,
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id),
      FOREIGN KEY (clinic_id, assigned_sales_id) REFERENCES clinic_staff (clinic_id, id),
      FOREIGN KEY (clinic_id, assigned_beautician_id) REFERENCES clinic_staff (clinic_id, id),
      FOREIGN KEY (clinic_id, treatment_id) REFERENCES treatments (clinic_id, id)
      """),
    .index("INDEX workflow_states_stage ON workflow_states (clinic_id, current_stage, id)"),
    .index("INDEX workflow_states_status ON workflow_states (clinic_id, status, id)"),
    .index("INDEX workflow_states_customer ON workflow_states (clinic_id, customer_id, id)"),
    .index("INDEX workflow_states_sales ON workflow_states (clinic_id, assigned_sales_id, id)"),
    .index(
      "INDEX workflow_states_beautician ON workflow_states (clinic_id, assigned_beautician_id, scheduled_start)"),
    .index("INDEX workflow_states_updated ON workflow_states (clinic_id, updated_at DESC)"),
    // One open lead a customer.
    .index(
      """
      UNIQUE INDEX workflow_states_open_lead ON workflow_states (clinic_id, customer_id)
      WHERE status = 'active' AND current_stage IN ('lead_created', 'scanned', 'proposal_sent')
      """),
    .table(
      "automation_rules",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      rule_name TEXT NOT NULL,
      trigger_stage TEXT NOT NULL,
      trigger_action TEXT,
      conditions JSON NOT NULL DEFAULT '{}',
      target_action TEXT NOT NULL,
      target_data JSON NOT NULL DEFAULT '{}',
      delay_minutes BIGINT NOT NULL DEFAULT 0 CHECK (delay_minutes >= 0),
      active BOOLEAN NOT NULL DEFAULT TRUE,
      failure_count BIGINT NOT NULL DEFAULT 0,
      disabled_reason TEXT,
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id)
      """),
    .index("INDEX automation_rules_trigger ON automation_rules (clinic_id, active, trigger_stage)"),
    .table(
      "workflow_actions",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      workflow_id TEXT NOT NULL,
      seq BIGINT NOT NULL,
      type TEXT NOT NULL,
      performed_by TEXT REFERENCES users (id),
      actor_kind TEXT NOT NULL CHECK (actor_kind IN ('staff', 'customer', 'system', 'rule')),
      performed_at BIGINT NOT NULL,
      from_stage TEXT,
      to_stage TEXT NOT NULL,
      data JSON NOT NULL DEFAULT '{}',
      notes TEXT,
      command_id TEXT,
      rule_id TEXT,
      PRIMARY KEY (clinic_id, id),
      UNIQUE (clinic_id, workflow_id, seq),
      FOREIGN KEY (clinic_id, workflow_id) REFERENCES workflow_states (clinic_id, id),
      FOREIGN KEY (clinic_id, rule_id) REFERENCES automation_rules (clinic_id, id)
      """),
    .index("INDEX workflow_actions_performed ON workflow_actions (clinic_id, performed_at DESC)"),
    .appendOnly("workflow_actions"),
    .table(
      "task_queue",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      workflow_id TEXT NOT NULL,
      assigned_to TEXT,
      task_type TEXT NOT NULL CHECK (task_type IN ('scan_customer', 'send_proposal', 'prepare_treatment', 'perform_treatment', 'follow_up_upsell', 'customer_follow_up', 'payment_reminder', 'appointment_reminder', 'review_request')),
      title TEXT NOT NULL,
      description TEXT,
      priority TEXT NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
      priority_rank BIGINT NOT NULL CHECK (priority_rank = CASE priority WHEN 'low' THEN 0 WHEN 'medium' THEN 1 WHEN 'high' THEN 2 ELSE 3 END),
      status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
      due_date BIGINT,
      estimated_duration BIGINT,
      task_data JSON NOT NULL DEFAULT '{}',
      started_at BIGINT,
      started_by TEXT,
      completed_at BIGINT,
      completed_by TEXT,
      notes TEXT,
      escalation_level BIGINT NOT NULL DEFAULT 0,
      dedupe_key TEXT,
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      FOREIGN KEY (clinic_id, workflow_id) REFERENCES workflow_states (clinic_id, id),
      FOREIGN KEY (clinic_id, assigned_to) REFERENCES clinic_staff (clinic_id, id),
      FOREIGN KEY (clinic_id, started_by) REFERENCES clinic_staff (clinic_id, id),
      FOREIGN KEY (clinic_id, completed_by) REFERENCES clinic_staff (clinic_id, id)
      """),
    .index("INDEX task_queue_assigned ON task_queue (clinic_id, assigned_to, status, id)"),
    .index("INDEX task_queue_status ON task_queue (clinic_id, status, due_date)"),
    // Of open tasks alone: over all of them it would tempt a planner that has no statistics to walk a clinic's years in
    // the order of rank.
    .index(
      """
      INDEX task_queue_rank ON task_queue (clinic_id, priority_rank, due_date)
      WHERE status = 'pending' OR status = 'in_progress'
      """),
    .index("INDEX task_queue_workflow ON task_queue (clinic_id, workflow_id, id)"),
    .index("INDEX task_queue_completed ON task_queue (clinic_id, completed_by, completed_at)"),
    .index(
      """
      UNIQUE INDEX task_queue_dedupe ON task_queue (clinic_id, dedupe_key)
      WHERE status IN ('pending', 'in_progress')
      """),
    .index(
      """
      UNIQUE INDEX task_queue_perform ON task_queue (clinic_id, workflow_id)
      WHERE task_type = 'perform_treatment' AND status IN ('pending', 'in_progress')
      """),
    .table(
      "workflow_events",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      seq BIGINT NOT NULL,
      workflow_id TEXT,
      customer_id TEXT,
      event_type TEXT NOT NULL,
      event_data JSON NOT NULL DEFAULT '{}',
      source_user_id TEXT REFERENCES users (id),
      target_users JSON NOT NULL DEFAULT '[]',
      target_roles JSON NOT NULL DEFAULT '[]',
      broadcast BOOLEAN NOT NULL DEFAULT FALSE,
      processed BOOLEAN NOT NULL DEFAULT FALSE,
      command_id TEXT,
      created_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      FOREIGN KEY (clinic_id, workflow_id) REFERENCES workflow_states (clinic_id, id),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id)
      """),
    .index("INDEX workflow_events_seq ON workflow_events (clinic_id, seq)"),
    .index("INDEX workflow_events_workflow ON workflow_events (clinic_id, workflow_id, id)"),
    .index("INDEX workflow_events_customer ON workflow_events (clinic_id, customer_id, id)"),
    .index("INDEX workflow_events_processed ON workflow_events (clinic_id, processed, created_at)"),
    .appendOnly("workflow_events", except: ["processed"]),
    .table(
      "customer_journey_events",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      customer_id TEXT NOT NULL,
      workflow_id TEXT,
      event_type TEXT NOT NULL,
      event_data JSON NOT NULL DEFAULT '{}',
      source TEXT NOT NULL,
      occurred_at BIGINT NOT NULL,
      event_key TEXT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      UNIQUE (clinic_id, event_key),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id),
      FOREIGN KEY (clinic_id, workflow_id) REFERENCES workflow_states (clinic_id, id)
      """),
    .index("INDEX customer_journey_customer ON customer_journey_events (clinic_id, customer_id, occurred_at DESC)"),
    .appendOnly("customer_journey_events"),
  ]
}

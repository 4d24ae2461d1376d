extension Schema {
  /// The store's own tables: what makes commits, commands, timers and sessions durable.
  static let system: [SchemaStep] = [
    .table(
      "sys_migrations",
      """
      number BIGINT PRIMARY KEY,
      name TEXT NOT NULL,
      applied_at BIGINT NOT NULL
      """),
    .table(
      "sys_meta",
      """
      name TEXT PRIMARY KEY,
      value TEXT NOT NULL
      """),
    // The last commit of each clinic.
    .table(
      "sys_heads",
      """
      clinic_id TEXT PRIMARY KEY,
      seq BIGINT NOT NULL CHECK (seq >= 0)
      """),
    .table(
      "sys_changes",
      """
      clinic_id TEXT NOT NULL,
      seq BIGINT NOT NULL CHECK (seq >= 1),
      at BIGINT NOT NULL,
      cause TEXT NOT NULL,
      changes TEXT NOT NULL,
      PRIMARY KEY (clinic_id, seq)
      """),
    // What each key was answered. `n` is the order in which they came, by which the oldest are forgotten.
    .table(
      "sys_commands",
      """
      n BIGINT PRIMARY KEY,
      clinic_id TEXT NOT NULL,
      actor TEXT NOT NULL,
      key TEXT NOT NULL,
      digest BYTEA NOT NULL,
      name TEXT NOT NULL,
      at BIGINT NOT NULL,
      seq BIGINT,
      result TEXT,
      refusal TEXT,
      UNIQUE (clinic_id, actor, key),
      CHECK ((result IS NULL) <> (refusal IS NULL))
      """),
    .table(
      "sys_timers",
      """
      clinic_id TEXT NOT NULL,
      dedupe TEXT NOT NULL,
      due BIGINT NOT NULL,
      kind TEXT NOT NULL,
      payload JSON NOT NULL,
      attempts BIGINT NOT NULL DEFAULT 0,
      not_before BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, dedupe)
      """),
    .index("INDEX sys_timers_due ON sys_timers (not_before)"),
    .table(
      "sys_counters",
      """
      clinic_id TEXT NOT NULL,
      name TEXT NOT NULL,
      value BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, name)
      """),
    // What it takes to undo each case's last move. Not among the move's own columns, which are sent to whoever may see
    // them and stay in the log; one row a case, so that it does not grow.
    .table(
      "sys_undos",
      """
      clinic_id TEXT NOT NULL,
      workflow_id TEXT NOT NULL,
      undo JSON NOT NULL,
      PRIMARY KEY (clinic_id, workflow_id)
      """),
    .table(
      "sys_audit",
      """
      n BIGINT PRIMARY KEY,
      at BIGINT NOT NULL,
      clinic_id TEXT,
      user_id TEXT,
      kind TEXT NOT NULL,
      detail JSON NOT NULL,
      hash TEXT NOT NULL
      """),
    .index("INDEX sys_audit_clinic ON sys_audit (clinic_id, at)"),
    .appendOnly("sys_audit"),
  ]
}

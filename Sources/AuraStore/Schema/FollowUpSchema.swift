extension Schema {
  static let followUps: [SchemaStep] = [
    .table(
      "followup_rules",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      name TEXT NOT NULL,
      type TEXT NOT NULL,
      trigger_conditions JSON NOT NULL DEFAULT '{}',
      channels JSON NOT NULL DEFAULT '[]',
      priority TEXT NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high')),
      active BOOLEAN NOT NULL DEFAULT TRUE,
      ai_personalization BOOLEAN NOT NULL DEFAULT FALSE,
      template JSON NOT NULL DEFAULT '{}',
      marketing BOOLEAN NOT NULL DEFAULT FALSE,
      variants JSON NOT NULL DEFAULT '[]',
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id)
      """),
    .index("INDEX followup_rules_active ON followup_rules (clinic_id, active)"),
    .table(
      "followup_templates",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      name TEXT NOT NULL,
      type TEXT NOT NULL,
      language TEXT NOT NULL CHECK (language IN ('th', 'en')),
      channel TEXT CHECK (channel IN ('email', 'sms', 'line', 'call', 'in_app', 'whatsapp')),
      variant TEXT NOT NULL DEFAULT 'A',
      subject TEXT,
      message TEXT NOT NULL,
      variables JSON NOT NULL DEFAULT '[]',
      is_system_template BOOLEAN NOT NULL DEFAULT FALSE,
      category TEXT,
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id)
      """),
    // A template for every channel has none: it too is there once.
    .index(
      "UNIQUE INDEX followup_templates_key ON followup_templates (clinic_id, type, language, COALESCE(channel, ''), variant)"
    ),
    .table(
      "followup_executions",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      rule_id TEXT NOT NULL,
      customer_id TEXT NOT NULL,
      workflow_id TEXT,
      template_id TEXT,
      channel TEXT NOT NULL CHECK (channel IN ('email', 'sms', 'line', 'call', 'in_app', 'whatsapp')),
      scheduled_at BIGINT NOT NULL,
      executed_at BIGINT,
      status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sending', 'sent', 'delivered', 'failed', 'skipped', 'cancelled', 'dead')),
      attempts BIGINT NOT NULL DEFAULT 0,
      next_attempt_at BIGINT,
      lease_until BIGINT,
      last_error TEXT,
      variant TEXT,
      personalized_content JSON NOT NULL DEFAULT '{}',
      response JSON NOT NULL DEFAULT '{}',
      metadata JSON NOT NULL DEFAULT '{}',
      provider_message_id TEXT,
      dedupe_key TEXT NOT NULL,
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      UNIQUE (clinic_id, dedupe_key),
      FOREIGN KEY (clinic_id, rule_id) REFERENCES followup_rules (clinic_id, id),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id),
      FOREIGN KEY (clinic_id, workflow_id) REFERENCES workflow_states (clinic_id, id),
      FOREIGN KEY (clinic_id, template_id) REFERENCES followup_templates (clinic_id, id)
      """),
    .index("INDEX followup_executions_due ON followup_executions (status, scheduled_at)"),
    .index("INDEX followup_executions_customer ON followup_executions (clinic_id, customer_id)"),
  ]
}

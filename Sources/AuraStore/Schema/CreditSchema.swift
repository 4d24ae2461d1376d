extension Schema {
  /// What is left of each credit of the ledger, so that a debit and the night's expiry find the open ones by an index:
  /// the ledger's rows are never changed, and adding up all allocations would read a customer's whole history.
  static let credits: [SchemaStep] = [
    .table(
      "point_credits",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      customer_id TEXT NOT NULL,
      transaction_id TEXT NOT NULL,
      remaining BIGINT NOT NULL CHECK (remaining >= 0),
      is_open BOOLEAN NOT NULL,
      expires_at BIGINT NOT NULL,
      earn_rate_st BIGINT CHECK (earn_rate_st > 0),
      multiplier_bp BIGINT CHECK (multiplier_bp > 0),
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      UNIQUE (clinic_id, transaction_id),
      CHECK (is_open = (remaining > 0)),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id),
      FOREIGN KEY (clinic_id, transaction_id) REFERENCES point_transactions (clinic_id, id)
      """),
    .index("INDEX point_credits_customer ON point_credits (clinic_id, customer_id, is_open, expires_at, id)"),
    .index("INDEX point_credits_expiry ON point_credits (clinic_id, is_open, expires_at, id)"),
    // Each posting asks what it has reached.
    .index("INDEX achievements_active ON achievements (clinic_id, is_active, id)"),
  ]
}

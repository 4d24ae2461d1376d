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
    // A tier that rests on the last months is a sum of a few rows, however long the customer's history is.
    .table(
      "loyalty_months",
      """
      id TEXT NOT NULL,
      clinic_id TEXT NOT NULL REFERENCES clinics (id),
      customer_id TEXT NOT NULL,
      month BIGINT NOT NULL,
      spent_st BIGINT NOT NULL CHECK (spent_st >= 0),
      points BIGINT NOT NULL CHECK (points >= 0),
      version BIGINT NOT NULL DEFAULT 1,
      created_at BIGINT NOT NULL,
      updated_at BIGINT NOT NULL,
      PRIMARY KEY (clinic_id, id),
      UNIQUE (clinic_id, customer_id, month),
      FOREIGN KEY (clinic_id, customer_id) REFERENCES customers (clinic_id, id)
      """),
    // How often somebody has had a reward is asked with each redemption that is limited.
    .index("INDEX loyalty_redemptions_reward ON loyalty_redemptions (clinic_id, customer_id, reward_id, status)"),
    // Each posting asks what it has reached.
    .index("INDEX achievements_active ON achievements (clinic_id, is_active, id)"),
  ]
}

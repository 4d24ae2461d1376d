extension Schema {
  /// Customers who are to be forgotten. While the log is gone through for one, the append-only tables let the words of
  /// their rows go, and nothing else of them.
  static let erasure: [SchemaStep] = [
    .table(
      "sys_erasures",
      """
      clinic_id TEXT NOT NULL,
      customer_id TEXT NOT NULL,
      requested_at BIGINT NOT NULL,
      next_seq BIGINT NOT NULL,
      finished_at BIGINT,
      PRIMARY KEY (clinic_id, customer_id)
      """),
    .redactable("workflow_actions", columns: ["data", "notes"], customer: caseOwner),
    .redactable(
      "workflow_events", columns: ["event_data"], except: ["processed"],
      customer: "COALESCE(OLD.customer_id, \(caseOwner))"),
    .redactable("customer_journey_events", columns: ["event_data"], customer: "OLD.customer_id"),
    .redactable("point_transactions", columns: ["description"], customer: "OLD.customer_id"),
  ]

  private static let caseOwner = """
    (SELECT w.customer_id FROM workflow_states w WHERE w.clinic_id = OLD.clinic_id AND w.id = OLD.workflow_id)
    """
}

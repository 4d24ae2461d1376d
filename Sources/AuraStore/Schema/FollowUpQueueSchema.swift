extension Schema {
  /// The ways in which messages are looked for: a customer's, that wait or were sent lately; a rule's, for its results;
  /// those of a status, such as the ones that were given up.
  static let followUpQueues: [SchemaStep] = [
    .index(
      "INDEX followup_executions_contacts ON followup_executions (clinic_id, customer_id, status, executed_at)"),
    .index("INDEX followup_executions_results ON followup_executions (clinic_id, rule_id, status, executed_at)"),
    .index("INDEX followup_executions_status ON followup_executions (clinic_id, status, id)"),
  ]
}

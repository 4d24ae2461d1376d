extension Schema {
  /// What rules have said is read back out of the audit, and notifications that end are found by their end.
  static let automation: [SchemaStep] = [
    .index("INDEX sys_audit_kind ON sys_audit (clinic_id, kind, n)"),
    .index(
      "INDEX notifications_expires ON notifications (clinic_id, expires_at, id) WHERE expires_at IS NOT NULL"),
  ]
}

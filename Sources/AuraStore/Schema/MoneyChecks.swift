extension Schema {
  /// What the rules of the till and of coupons never write, refused by the database too: a fault of the rules, or a hand
  /// in the file, is stopped before it is a wrong sum.
  static let moneyChecks: [SchemaStep] = [
    .rowCheck(
      table: "pos_transactions",
      """
      (NEW.payment_status = 'pending' OR NEW.payment_status = 'void') = (NEW.paid_at IS NULL)
      AND NEW.paid_st = CASE WHEN NEW.paid_at IS NULL THEN 0 ELSE NEW.total_st END
      """, name: "paid_whole_or_not"),
    .rowCheck(
      table: "pos_transactions", "NEW.parent_id IS NULL OR (NEW.type = 'refund' AND NEW.parent_id <> NEW.id)",
      name: "refund_has_parent"),
    // One coupon is on one bill, and one bill has one coupon.
    .index(
      """
      UNIQUE INDEX pos_transactions_coupon ON pos_transactions (clinic_id, coupon_id)
      WHERE coupon_id IS NOT NULL AND payment_status IN ('pending', 'paid', 'partially_refunded')
      """),
    .index(
      """
      UNIQUE INDEX customer_coupons_used ON customer_coupons (clinic_id, used_pos_transaction_id)
      WHERE used_pos_transaction_id IS NOT NULL
      """),
    .rowCheck(
      table: "customer_coupons",
      """
      (NEW.status = 'used') = (NEW.used_pos_transaction_id IS NOT NULL)
      AND (NEW.status = 'reserved') = (NEW.reserved_by_pos_id IS NOT NULL)
      """, name: "status_names_sale"),
    .rowCheck(
      table: "customer_coupons",
      """
      COALESCE(NEW.percent_bp, 1) BETWEEN 1 AND 10000 AND COALESCE(NEW.amount_st, 1) > 0
      AND COALESCE(NEW.discount_st, 0) >= 0
      """, name: "takes_something_off"),
    .rowCheck(
      table: "loyalty_rewards", "COALESCE(NEW.percent_bp, 1) BETWEEN 1 AND 10000 AND NEW.monetary_value_st >= 0",
      name: "takes_something_off"),
    .rowCheck(
      table: "loyalty_redemptions", "(NEW.status = 'applied') = (NEW.applied_pos_transaction_id IS NOT NULL)",
      name: "status_names_sale"),
    .rowCheck(
      table: "point_transactions", "NEW.absorbed = 0 OR NEW.absorbed BETWEEN 1 AND NEW.amount", name: "absorbed"),
  ]
}

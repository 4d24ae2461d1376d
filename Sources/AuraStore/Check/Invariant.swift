/// Something that is true of every clinic's rows, said as the question for rows of which it is not. A question is one
/// statement, so that it is asked of one moment even while a hub writes.
struct Invariant: Sendable {
  let name: String
  /// Rows of clinic, what is meant, and what is wrong with it.
  let question: SQL
  /// What to do about a finding, as a sentence.
  let next: String

  static let all = loyalty + till + cases + messages + people
}

extension Invariant {
  private static let sums =
    "Compare with the clinic's books; the ledger's rows are what counts. Restore the last backup that passes, or have the profile corrected."

  /// Points: the ledger, and what is kept of its sums.
  static let loyalty: [Invariant] = [
    Invariant(
      name: "points.balance",
      question: """
        SELECT clinic_id, customer_id, 'the profile has ' || available_points || ' points, the ledger ' || ledger
        FROM (
          SELECT p.*, (SELECT COALESCE(SUM(t.amount), 0) FROM point_transactions t
            WHERE t.clinic_id = p.clinic_id AND t.customer_id = p.customer_id) AS ledger
          FROM loyalty_profiles p)
        WHERE available_points <> ledger
        """, next: sums),
    Invariant(
      name: "points.total",
      question: """
        SELECT clinic_id, customer_id, 'the profile has earned ' || total_points || ' points, by the ledger ' || ledger
        FROM (
          SELECT p.*, (SELECT COALESCE(SUM(t.amount), 0) FROM point_transactions t
            WHERE t.clinic_id = p.clinic_id AND t.customer_id = p.customer_id
              AND (t.type = 'earned' OR t.type = 'bonus' OR (t.type = 'refund' AND t.amount < 0))) AS ledger
          FROM loyalty_profiles p)
        WHERE total_points <> ledger
        """, next: sums),
    Invariant(
      name: "points.profile",
      question: """
        SELECT t.clinic_id, t.customer_id, 'has ' || COUNT(*) || ' postings and no profile' FROM point_transactions t
        WHERE NOT EXISTS (SELECT 1 FROM loyalty_profiles p
          WHERE p.clinic_id = t.clinic_id AND p.customer_id = t.customer_id)
        GROUP BY t.clinic_id, t.customer_id
        """, next: sums),
    Invariant(
      name: "points.rest",
      question: """
        WITH used (clinic_id, credit, points) AS (
          SELECT t.clinic_id, j.key, SUM(j.value) FROM point_transactions t, json_each(t.allocations) j
          WHERE t.amount < 0 GROUP BY t.clinic_id, j.key)
        SELECT clinic_id, credit, 'has ' || remaining || ' points left, by the ledger ' || rest FROM (
          SELECT t.clinic_id, t.id AS credit, c.remaining,
            t.amount - t.absorbed - COALESCE(u.points, 0) AS rest, t.amount
          FROM point_transactions t
          JOIN point_credits c ON c.clinic_id = t.clinic_id AND c.transaction_id = t.id
          LEFT JOIN used u ON u.clinic_id = t.clinic_id AND u.credit = t.id
          WHERE t.amount > 0)
        WHERE remaining <> rest OR rest < 0 OR rest > amount
        """, next: sums),
    Invariant(
      name: "points.credit",
      question: """
        SELECT t.clinic_id, t.id, CASE WHEN t.amount > 0 THEN 'is a credit of which no rest is kept'
          ELSE 'is a debit of which a rest is kept' END
        FROM point_transactions t
        WHERE (t.amount > 0) <> EXISTS (SELECT 1 FROM point_credits c
          WHERE c.clinic_id = t.clinic_id AND c.transaction_id = t.id)
        """, next: sums),
    Invariant(
      name: "points.debit",
      question: """
        SELECT clinic_id, id, 'takes ' || -amount || ' points, from credits ' || taken FROM (
          SELECT t.clinic_id, t.id, t.type, t.amount,
            (SELECT COALESCE(SUM(j.value), 0) FROM json_each(t.allocations) j) AS taken
          FROM point_transactions t WHERE t.amount < 0)
        WHERE taken > -amount OR (taken < -amount AND type <> 'refund')
        """, next: sums),
    Invariant(
      name: "points.source",
      question: """
        SELECT t.clinic_id, t.id, 'takes from ' || j.key || ', which is no credit of this customer'
        FROM point_transactions t, json_each(t.allocations) j
        WHERE NOT EXISTS (SELECT 1 FROM point_transactions c WHERE c.clinic_id = t.clinic_id AND c.id = j.key
          AND c.customer_id = t.customer_id AND c.amount > 0)
        """, next: sums),
    Invariant(
      name: "points.open",
      question: """
        SELECT clinic_id, customer_id, 'has ' || available_points || ' points and ' || rests || ' left of credits' FROM (
          SELECT p.*, (SELECT COALESCE(SUM(c.remaining), 0) FROM point_credits c
            WHERE c.clinic_id = p.clinic_id AND c.customer_id = p.customer_id) AS rests
          FROM loyalty_profiles p)
        WHERE rests <> MAX(0, available_points)
        """, next: sums),
    Invariant(
      name: "profile.spent",
      question: """
        SELECT clinic_id, customer_id, 'the profile has ' || total_spent_st || ' satang spent, the bills ' || bills FROM (
          SELECT p.*, (SELECT COALESCE(SUM(CASE s.type WHEN 'sale' THEN s.paid_st ELSE -s.paid_st END), 0)
            FROM pos_transactions s WHERE s.clinic_id = p.clinic_id AND s.customer_id = p.customer_id) AS bills
          FROM loyalty_profiles p)
        WHERE total_spent_st <> bills
        """, next: sums),
    Invariant(
      name: "profile.months",
      question: """
        SELECT clinic_id, customer_id, 'its months add up to ' || spent || ' satang and ' || points || ' points' FROM (
          SELECT p.*,
            (SELECT COALESCE(SUM(m.spent_st), 0) FROM loyalty_months m
              WHERE m.clinic_id = p.clinic_id AND m.customer_id = p.customer_id) AS spent,
            (SELECT COALESCE(SUM(m.points), 0) FROM loyalty_months m
              WHERE m.clinic_id = p.clinic_id AND m.customer_id = p.customer_id) AS points
          FROM loyalty_profiles p)
        WHERE spent <> total_spent_st OR points <> total_points
        """, next: sums),
    Invariant(
      name: "profile.achievements",
      question: """
        SELECT p.clinic_id, p.customer_id, 'says ' || p.total_achievements || ' achievements, or lists one of no clinic''s'
        FROM loyalty_profiles p
        WHERE p.total_achievements <> json_array_length(p.unlocked_achievements)
          OR EXISTS (SELECT 1 FROM json_each(p.unlocked_achievements) j WHERE NOT EXISTS (
            SELECT 1 FROM achievements a WHERE a.clinic_id = p.clinic_id AND a.id = j.value))
        """, next: sums),
  ]

  private static let bills =
    "Look at the bill and its receipt; correct by a refund or a new bill, or restore the last backup that passes."

  /// Bills, coupons, redemptions.
  static let till: [Invariant] = [
    Invariant(
      name: "bill.items",
      question: """
        SELECT clinic_id, id, transaction_number || ' has ' || subtotal_st || ' satang, its items ' || items_st FROM (
          SELECT s.clinic_id, s.id, s.transaction_number, s.subtotal_st,
            (SELECT COALESCE(SUM(json_extract(j.value, '$.price_st') * json_extract(j.value, '$.quantity')), 0)
              FROM json_each(s.items) j) AS items_st
          FROM pos_transactions s WHERE s.type = 'sale')
        WHERE subtotal_st <> items_st
        """, next: bills),
    Invariant(
      name: "bill.refunds",
      question: """
        SELECT clinic_id, id, transaction_number || ' is ' || payment_status || ' with ' || paid_st || ' satang paid, '
          || back || ' given back'
        FROM (
          SELECT s.*, (SELECT COALESCE(SUM(r.total_st), 0) FROM pos_transactions r WHERE r.clinic_id = s.clinic_id
            AND r.parent_id = s.id AND r.payment_status <> 'void') AS back
          FROM pos_transactions s WHERE s.type = 'sale')
        WHERE back > paid_st OR (payment_status = 'paid' AND back > 0)
          OR (payment_status = 'partially_refunded' AND (back = 0 OR back = paid_st))
          OR (payment_status = 'refunded' AND back <> paid_st)
        """, next: bills),
    Invariant(
      name: "coupon.redemption",
      question: """
        SELECT r.clinic_id, r.id, 'is ' || r.status || ', its coupon ' || COALESCE(c.status, 'is missing')
        FROM loyalty_redemptions r
        LEFT JOIN customer_coupons c ON c.clinic_id = r.clinic_id AND c.redemption_id = r.id
        WHERE c.id IS NULL OR c.customer_id <> r.customer_id OR c.code <> r.code
          OR r.applied_pos_transaction_id IS NOT c.used_pos_transaction_id
          OR (r.status = 'applied') <> (c.status = 'used') OR (r.status = 'cancelled') <> (c.status = 'cancelled')
          OR (r.status = 'expired') <> (c.status = 'expired')
        """, next: bills),
    Invariant(
      name: "coupon.debit",
      question: """
        SELECT r.clinic_id, r.id, 'cost ' || r.points_cost || ' points, the ledger says ' || COALESCE(t.amount, 'nothing')
        FROM loyalty_redemptions r
        LEFT JOIN point_transactions t ON t.clinic_id = r.clinic_id AND t.event_key = r.event_key
        WHERE t.id IS NULL OR t.amount <> -r.points_cost OR t.customer_id <> r.customer_id
        """, next: bills),
    Invariant(
      name: "coupon.bill",
      question: """
        SELECT c.clinic_id, c.id, 'is ' || c.status || ' on a bill that is ' || COALESCE(s.payment_status, 'missing')
        FROM customer_coupons c
        LEFT JOIN pos_transactions s ON s.clinic_id = c.clinic_id
          AND s.id = COALESCE(c.used_pos_transaction_id, c.reserved_by_pos_id)
        WHERE (c.status = 'used' OR c.status = 'reserved')
          AND (s.id IS NULL OR s.coupon_id IS NOT c.id OR s.customer_id <> c.customer_id
            OR (c.status = 'used' AND s.payment_status NOT IN ('paid', 'partially_refunded'))
            OR (c.status = 'reserved' AND s.payment_status <> 'pending'))
        """, next: bills),
    Invariant(
      name: "bill.coupon",
      question: """
        SELECT s.clinic_id, s.id, s.transaction_number || ' has a coupon that is ' || COALESCE(c.status, 'missing')
        FROM pos_transactions s LEFT JOIN customer_coupons c ON c.clinic_id = s.clinic_id AND c.id = s.coupon_id
        WHERE s.coupon_id IS NOT NULL AND s.payment_status IN ('pending', 'paid', 'partially_refunded')
          AND (c.id IS NULL OR COALESCE(c.used_pos_transaction_id, c.reserved_by_pos_id) IS NOT s.id)
        """, next: bills),
    Invariant(
      name: "reward.stock",
      question: """
        SELECT clinic_id, id, 'counts ' || current_redemptions || ' redemptions, there are ' || there FROM (
          SELECT w.*, (SELECT COUNT(*) FROM loyalty_redemptions r
            WHERE r.clinic_id = w.clinic_id AND r.reward_id = w.id AND r.status <> 'cancelled') AS there
          FROM loyalty_rewards w)
        WHERE current_redemptions <> there
        """, next: bills),
  ]
}

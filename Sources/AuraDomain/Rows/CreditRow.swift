/// What is left of a credit of the ledger, and what it was calculated from.
///
/// The ledger itself is never changed: that a credit is used up stands in the allocations of the debits behind it. This
/// row carries their sum, so that a debit finds what is still open by an index, however long the ledger is.
package struct PointCredit: VersionedRow {
  package static let table = Table.pointCredits

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  /// The credit's posting.
  package var transactionID: ID = ID(high: 0, low: 0)
  /// Its amount less what paid off debt and what debits have used.
  package var remaining = 0
  package var isOpen = false
  /// `Instant.latest` for one that does not expire.
  package var expiresAt: Instant = .latest
  /// Satang for a point, and the tier's multiplier, at which a sale earned.
  package var earnRateSt: Int?
  package var multiplierBp: Int?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("transaction_id", &transactionID)
    visitor.column("remaining", &remaining)
    visitor.column("is_open", &isOpen)
    visitor.column("expires_at", &expiresAt)
    visitor.column("earn_rate_st", &earnRateSt)
    visitor.column("multiplier_bp", &multiplierBp)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

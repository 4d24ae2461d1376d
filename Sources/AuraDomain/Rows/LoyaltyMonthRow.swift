/// What a customer has spent and earned in one month of the clinic's calendar. What goes back is taken off the month
/// that it came in, so that a window of months adds up to what is left of it.
///
/// A tier that rests on the last months is found in a handful of these, however many sales and postings there were.
package struct LoyaltyMonth: VersionedRow {
  package static let table = Table.loyaltyMonths

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  /// `202602`
  package var month = 0
  package var spentSt = 0
  package var points = 0
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("month", &month)
    visitor.column("spent_st", &spentSt)
    visitor.column("points", &points)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

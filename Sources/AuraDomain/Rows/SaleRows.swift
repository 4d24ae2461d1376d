/// What the clinic offers, with its price and length.
package struct Treatment: VersionedRow {
  package static let table = Table.treatments

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var names: JSON = .emptyObject
  package var category: String?
  package var durationMinutes: Int = 60
  package var priceSt = 0
  package var requiresConsent = false
  package var requiredSkill: String?
  package var rebookAfterDays: Int?
  package var aftercare: JSON = .emptyObject
  package var completionBonus: Int = 50
  package var isActive: Bool = true
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("names", &names)
    visitor.column("category", &category)
    visitor.column("duration_minutes", &durationMinutes)
    visitor.column("price_st", &priceSt)
    visitor.column("requires_consent", &requiresConsent)
    visitor.column("required_skill", &requiredSkill)
    visitor.column("rebook_after_days", &rebookAfterDays)
    visitor.column("aftercare", &aftercare)
    visitor.column("completion_bonus", &completionBonus)
    visitor.column("is_active", &isActive)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// A sale or a refund at the till, in satang.
package struct PosTransaction: VersionedRow {
  package static let table = Table.posTransactions

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var type: SaleType = .sale
  package var parentID: ID?
  package var transactionNumber = ""
  package var workflowID: ID?
  package var customerID: ID = ID(high: 0, low: 0)
  package var items: JSON = []
  package var subtotalSt = 0
  package var discountSt = 0
  package var taxSt = 0
  package var totalSt = 0
  package var paidSt = 0
  package var paymentMethod: PaymentMethod = .cash
  package var paymentStatus: PaymentStatus = .pending
  package var couponID: ID?
  package var paidAt: Instant?
  package var createdBy: ID?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("type", &type)
    visitor.column("parent_id", &parentID)
    visitor.column("transaction_number", &transactionNumber)
    visitor.column("workflow_id", &workflowID)
    visitor.column("customer_id", &customerID)
    visitor.column("items", &items)
    visitor.column("subtotal_st", &subtotalSt)
    visitor.column("discount_st", &discountSt)
    visitor.column("tax_st", &taxSt)
    visitor.column("total_st", &totalSt)
    visitor.column("paid_st", &paidSt)
    visitor.column("payment_method", &paymentMethod)
    visitor.column("payment_status", &paymentStatus)
    visitor.column("coupon_id", &couponID)
    visitor.column("paid_at", &paidAt)
    visitor.column("created_by", &createdBy)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

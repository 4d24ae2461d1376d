/// A clinic: the root of everything that belongs to it.
package struct Clinic: VersionedRow {
  package static let table = Table.clinics

  package var id: ID = ID(high: 0, low: 0)
  package var clinicCode = ""
  package var displayName: JSON = .emptyObject
  package var ownerUserID: ID?
  package var subscriptionTier: String = "standard"
  package var timezone: String = "Asia/Bangkok"
  package var settings: JSON = .emptyObject
  package var isActive: Bool = true
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_code", &clinicCode)
    visitor.column("display_name", &displayName)
    visitor.column("owner_user_id", &ownerUserID)
    visitor.column("subscription_tier", &subscriptionTier)
    visitor.column("timezone", &timezone)
    visitor.column("settings", &settings)
    visitor.column("is_active", &isActive)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// Someone who signs in. Reached only through a membership or as a customer.
package struct User: VersionedRow {
  package static let table = Table.users

  package var id: ID = ID(high: 0, low: 0)
  package var email = ""
  package var passwordHash: String?
  package var fullName = ""
  package var phone: String?
  package var locale: Language = .th
  package var isSuperAdmin = false
  package var status: UserStatus = .active
  package var tokenEpoch = 0
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("email", &email)
    visitor.column("password_hash", &passwordHash)
    visitor.column("full_name", &fullName)
    visitor.column("phone", &phone)
    visitor.column("locale", &locale)
    visitor.column("is_super_admin", &isSuperAdmin)
    visitor.column("status", &status)
    visitor.column("token_epoch", &tokenEpoch)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// A membership: what a user is in one clinic.
package struct StaffMember: VersionedRow {
  package static let table = Table.clinicStaff

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var userID: ID = ID(high: 0, low: 0)
  package var role: Role = .staff
  package var isActive: Bool = true
  package var frontDesk = false
  package var skills: JSON = []
  package var duty: Duty = .on
  package var revokedAt: Instant?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("user_id", &userID)
    visitor.column("role", &role)
    visitor.column("is_active", &isActive)
    visitor.column("front_desk", &frontDesk)
    visitor.column("skills", &skills)
    visitor.column("duty", &duty)
    visitor.column("revoked_at", &revokedAt)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// A person whom the clinic looks after.
package struct Customer: VersionedRow {
  package static let table = Table.customers

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var userID: ID?
  package var assignedSalesID: ID?
  package var customerCode = ""
  package var fullName = ""
  package var nickname: String?
  package var email: String?
  package var phone: String?
  package var dateOfBirth: String?
  package var gender: String?
  package var status: CustomerStatus = .lead
  package var customerType: CustomerType = .regular
  package var source: CustomerSource = .walkIn
  package var allergies: String?
  package var medicalNotes: String?
  package var skinConcerns: JSON = []
  package var tags: JSON = []
  package var metadata: JSON = .emptyObject
  package var referredByCustomerID: ID?
  package var anonymizedAt: Instant?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("user_id", &userID)
    visitor.column("assigned_sales_id", &assignedSalesID)
    visitor.column("customer_code", &customerCode)
    visitor.column("full_name", &fullName)
    visitor.column("nickname", &nickname)
    visitor.column("email", &email)
    visitor.column("phone", &phone)
    visitor.column("date_of_birth", &dateOfBirth)
    visitor.column("gender", &gender)
    visitor.column("status", &status)
    visitor.column("customer_type", &customerType)
    visitor.column("source", &source)
    visitor.column("allergies", &allergies)
    visitor.column("medical_notes", &medicalNotes)
    visitor.column("skin_concerns", &skinConcerns)
    visitor.column("tags", &tags)
    visitor.column("metadata", &metadata)
    visitor.column("referred_by_customer_id", &referredByCustomerID)
    visitor.column("anonymized_at", &anonymizedAt)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// How, when and whether a customer may be contacted.
package struct CustomerPreferences: VersionedRow {
  package static let table = Table.customerPreferences

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var preferredChannels: JSON = []
  package var doNotContact = false
  package var marketingOptIn = false
  package var bestContactTime: String = "anytime"
  package var timezone: String = "Asia/Bangkok"
  package var language: Language = .th
  package var contentStyle: String = "friendly"
  package var maxWeeklyContacts: Int = 3
  package var maxMonthlyContacts: Int = 10
  package var birthday: String?
  package var anniversaryDate: String?
  package var consents: JSON = .emptyObject
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("preferred_channels", &preferredChannels)
    visitor.column("do_not_contact", &doNotContact)
    visitor.column("marketing_opt_in", &marketingOptIn)
    visitor.column("best_contact_time", &bestContactTime)
    visitor.column("timezone", &timezone)
    visitor.column("language", &language)
    visitor.column("content_style", &contentStyle)
    visitor.column("max_weekly_contacts", &maxWeeklyContacts)
    visitor.column("max_monthly_contacts", &maxMonthlyContacts)
    visitor.column("birthday", &birthday)
    visitor.column("anniversary_date", &anniversaryDate)
    visitor.column("consents", &consents)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

/// What happened to a customer, in the customer's own history. Never changed.
package struct JourneyEvent: Row {
  package static let table = Table.customerJourneyEvents

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var customerID: ID = ID(high: 0, low: 0)
  package var workflowID: ID?
  package var eventType: JourneyEventType = .treatmentCompleted
  package var eventData: JSON = .emptyObject
  package var source: String = "aura"
  package var occurredAt: Instant = Instant(milliseconds: 0)
  package var eventKey = ""

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("customer_id", &customerID)
    visitor.column("workflow_id", &workflowID)
    visitor.column("event_type", &eventType)
    visitor.column("event_data", &eventData)
    visitor.column("source", &source)
    visitor.column("occurred_at", &occurredAt)
    visitor.column("event_key", &eventKey)
  }
}

/// A message in the bell of one user or one customer.
package struct Notification: VersionedRow {
  package static let table = Table.notifications

  package var id: ID = ID(high: 0, low: 0)
  package var clinicID: ID = ID(high: 0, low: 0)
  package var userID: ID?
  package var customerID: ID?
  package var type = ""
  package var title = ""
  package var message = ""
  package var priority: TaskPriority = .medium
  package var link: String?
  package var actionUrl: String?
  package var isRead = false
  package var readAt: Instant?
  package var expiresAt: Instant?
  package var dismissed = false
  package var metadata: JSON = .emptyObject
  package var dedupeKey: String?
  package var version: Int = 1
  package var createdAt: Instant = Instant(milliseconds: 0)
  package var updatedAt: Instant = Instant(milliseconds: 0)

  package init() {}

  package mutating func columns(_ visitor: inout some ColumnVisitor) {
    visitor.column("id", &id)
    visitor.column("clinic_id", &clinicID)
    visitor.column("user_id", &userID)
    visitor.column("customer_id", &customerID)
    visitor.column("type", &type)
    visitor.column("title", &title)
    visitor.column("message", &message)
    visitor.column("priority", &priority)
    visitor.column("link", &link)
    visitor.column("action_url", &actionUrl)
    visitor.column("is_read", &isRead)
    visitor.column("read_at", &readAt)
    visitor.column("expires_at", &expiresAt)
    visitor.column("dismissed", &dismissed)
    visitor.column("metadata", &metadata)
    visitor.column("dedupe_key", &dedupeKey)
    visitor.column("version", &version)
    visitor.column("created_at", &createdAt)
    visitor.column("updated_at", &updatedAt)
  }
}

extension Draft {
  /// What the conditions' fields hold of a case, read from the rows as they are after what this command has changed.
  /// Only what is asked for is read.
  func facts(_ fields: Set<AutomationField>, of workflow: Workflow, _ entry: StageEntry) throws
    -> [AutomationField: Fact]
  {
    let reading = CaseFacts(draft: self, workflow: workflow, entry: entry)
    var facts: [AutomationField: Fact] = [:]
    for field in fields { facts[field] = try reading.fact(field) }
    return facts
  }
}

/// One case as rules see it.
private struct CaseFacts {
  let draft: Draft
  let workflow: Workflow
  let entry: StageEntry

  func fact(_ field: AutomationField) throws -> Fact {
    switch field {
    case .stage: word(workflow.currentStage)
    case .fromStage: entry.from.map { word($0) } ?? .absent
    case .action: word(entry.action)
    case .treatment: workflow.treatmentID.map { .text($0.description) } ?? .absent
    case .treatmentCategory: try draft.treatment(of: workflow)?.category.map { .text($0) } ?? .absent
    case .priceSt: try draft.treatment(of: workflow).map { .integer($0.priceSt) } ?? .absent
    case .planTotalSt: workflow.treatmentPlan["total_st"]?.integer.map { .integer($0) } ?? .absent
    case .paidSt: .integer(try draft.paidSales(of: workflow.id).reduce(0) { try $0.plus(draft.net(of: $1)) })
    case .noShowCount: .integer(workflow.noShowCount)
    case .isCheckedIn: .flag(workflow.checkedInAt != nil)
    case .hasSales: .flag(try draft.caretaker(of: workflow, .sales) != nil)
    case .hasBeautician: .flag(try draft.caretaker(of: workflow, .staff) != nil)
    case .openTasks: .integer(try draft.openTasks(of: workflow.id).count)
    case .minutesInStage: .integer(minutes(since: entry.at))
    case .hoursToAppointment:
      workflow.scheduledStart.map { .integer(floorDivide(($0 - draft.now).milliseconds, 3_600_000)) } ?? .absent
    case .daysSinceCreated: days(since: workflow.createdAt)
    case .weekday: .integer(try draft.calendar().weekday(draft.now))
    case .hour: .integer(try draft.calendar().civil(draft.now).hour)
    case .customerType: word(try customer().customerType)
    case .customerStatus: word(try customer().status)
    case .source: word(try customer().source)
    case .language: try preferences().map { word($0.language) } ?? .absent
    case .age: try birthday().map { .integer($0.age) } ?? .absent
    case .tags: .list((try customer().tags.array ?? []).compactMap(\.string))
    case .hasPhone: .flag(try customer().phone?.isEmpty == false)
    case .hasEmail: .flag(try customer().email?.isEmpty == false)
    case .isReferred: .flag(try customer().referredByCustomerID != nil)
    case .doNotContact: try preferences().map { .flag($0.doNotContact) } ?? .absent
    case .marketingOptIn: try preferences().map { .flag($0.marketingOptIn) } ?? .absent
    case .daysSinceRegistered: days(since: try customer().createdAt)
    case .daysToBirthday: try birthday().map { .integer($0.daysLeft) } ?? .absent
    case .tier: word(try profile().currentTier)
    case .points: .integer(try profile().availablePoints)
    case .totalPoints: .integer(try profile().totalPoints)
    case .spendSt: .integer(try profile().totalSpentSt)
    case .averageSpendSt: .integer(try profile().averageSpendSt)
    case .visits: .integer(try profile().totalVisits)
    case .referrals: .integer(try profile().successfulReferrals)
    case .segment: word(try draft.segment(of: workflow.customerID))
    case .daysSinceLastVisit: try profile().lastVisit.map { days(since: $0) } ?? .absent
    }
  }

  private func word(_ word: some RawRepresentable<String>) -> Fact { .text(word.rawValue) }

  private func customer() throws -> Customer { try draft.customer(workflow.customerID) }
  private func preferences() throws -> CustomerPreferences? { try draft.preferences(of: workflow.customerID) }
  private func profile() throws -> LoyaltyProfile {
    try draft.knownProfile(of: workflow.customerID) ?? LoyaltyProfile()
  }

  /// Never less than nothing, though the clock goes back.
  private func minutes(since at: Instant) -> Int { max(0, (draft.now - at).milliseconds) / 60_000 }
  private func days(since at: Instant) -> Fact { .integer(minutes(since: at) / 1_440) }

  private func birthday() throws -> (age: Int, daysLeft: Int)? {
    let parts = try (customer().dateOfBirth ?? "").split(separator: "-").compactMap { Int($0) }
    guard parts.count == 3, (1...12).contains(parts[1]), (1...31).contains(parts[2]) else { return nil }
    let calendar = try draft.calendar()
    let today = calendar.civil(draft.now)
    // Whoever was born on 29 February has it a day later in most years.
    let kept = calendar.civil(calendar.dayStart(year: today.year, month: parts[1], day: parts[2]) + .hours(12))
    let isPast = (today.month, today.day) > (kept.month, kept.day)
    let isToCome = (today.month, today.day) < (kept.month, kept.day)
    let next = calendar.dayStart(year: today.year + (isPast ? 1 : 0), month: parts[1], day: parts[2])
    // Half a day more, since one of the days may have an hour less.
    let left = (next - calendar.dayStart(draft.now) + .hours(12)).milliseconds / 86_400_000
    return (age: today.year - parts[0] - (isToCome ? 1 : 0), daysLeft: max(0, left))
  }
}

extension Span {
  fileprivate static func + (a: Span, b: Span) -> Span { Span(milliseconds: a.milliseconds + b.milliseconds) }
}

extension ClinicCalendar {
  /// 1 for Monday … 7 for Sunday.
  func weekday(_ at: Instant) -> Int {
    let civil = civil(at)
    let asIfUTC = ClinicCalendar(timezone: "UTC").dayStart(year: civil.year, month: civil.month, day: civil.day)
    // 1970-01-01 was a Thursday.
    return (max(0, asIfUTC.milliseconds) / 86_400_000 + 3) % 7 + 1
  }
}

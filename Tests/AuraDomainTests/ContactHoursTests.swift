import Testing

@testable import AuraDomain

@Suite struct `When customers are written to` {
  /// 2026-02-02 and on, by the clock of the zone.
  private func at(_ day: Int, _ hour: Int, _ minute: Int = 0, zone: String = "Asia/Bangkok") -> Instant {
    let calendar = ClinicCalendar(timezone: zone)
    return calendar.time(
      minutes: hour * 60 + minute, onDayOf: calendar.dayStart(year: 2026, month: 2, day: day) + .hours(6))
  }

  private func hours(
    _ best: String, zone: String = "Asia/Bangkok", quiet: (from: Int, to: Int) = (20, 8)
  ) -> ContactHours {
    var preferences = CustomerPreferences()
    preferences.bestContactTime = best
    preferences.timezone = zone
    var settings = FollowUpSettings()
    (settings.quietFrom, settings.quietTo) = quiet
    return ContactHours(preferences, settings)
  }

  @Test(arguments: [
    // wish, from day 2 at …, then day and hour
    ("morning", 8, 59, 2, 9, 0), ("morning", 9, 0, 2, 9, 0), ("morning", 11, 59, 2, 11, 59),
    ("morning", 12, 0, 3, 9, 0),
    ("afternoon", 12, 0, 2, 13, 0), ("afternoon", 17, 0, 3, 13, 0), ("evening", 3, 0, 2, 17, 0),
    ("evening", 19, 59, 2, 19, 59), ("evening", 20, 0, 3, 17, 0), ("business_hours", 18, 0, 3, 9, 0),
    ("business_hours", 17, 59, 2, 17, 59), ("anytime", 7, 59, 2, 8, 0), ("anytime", 20, 0, 3, 8, 0),
    ("anytime", 23, 59, 3, 8, 0), ("anytime", 0, 0, 2, 8, 0), ("whenever", 7, 0, 2, 8, 0),
  ])
  func `their best hours are waited for`(wish: String, hour: Int, minute: Int, day: Int, then: Int, minutes: Int) {
    #expect(hours(wish).best(at(2, hour, minute)) == at(day, then, minutes))
  }

  @Test func `a customer far away is written to by their own clock, also across the change of the clock`() {
    let berlin = hours("anytime", zone: "Europe/Berlin")
    // 10:00 in Bangkok is 04:00 there.
    #expect(berlin.best(at(2, 10)) == at(2, 8, zone: "Europe/Berlin"))
    // On 2026-03-29 the clocks go from 02:00 to 03:00.
    let calendar = ClinicCalendar(timezone: "Europe/Berlin")
    let night = calendar.dayStart(year: 2026, month: 3, day: 29) + .hours(1)
    #expect(calendar.civil(berlin.best(night)).text == "2026-03-29 08:00")
    #expect(berlin.best(night) - calendar.dayStart(night) == .hours(7))
  }

  @Test(arguments: [
    "Africa/Cairo", "America/Santiago", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns",
    "Pacific/Kiritimati", "Europe/London",
  ])
  func `in every zone, through a year of its clock's changes`(zone: String) {
    let calendar = ClinicCalendar(timezone: zone)
    for wish in BestContactTime.allCases {
      let wished = hours(wish.rawValue, zone: zone)
      for half in 0..<(48 * 366) where half % 7 == 0 {
        let at = Instant(milliseconds: 1_767_225_600_000) + .minutes(30 * half)
        let next = wished.best(at)
        let civil = calendar.civil(next)
        #expect(next >= at && next - at <= .hours(26), "\(calendar.civil(at).text)")
        #expect(wish.minutes.contains(civil.hour * 60 + civil.minute), "\(civil.text)")
      }
    }
  }

  @Test func `the night binds whatever they wish, and a wish that is all night is none`() {
    let early = hours("evening", quiet: (18, 8))
    #expect(early.best(at(2, 17, 30)) == at(2, 17, 30))
    #expect(early.best(at(2, 18)) == at(3, 17))
    let none = hours("evening", quiet: (17, 8))
    #expect(none.best(at(2, 16)) == at(2, 16))
    #expect(none.best(at(2, 17)) == at(3, 8))
  }

  @Test func `a wish gives way where it would be too late, the night does not`() {
    let evening = hours("evening")
    #expect(evening.next(at(2, 9), before: at(2, 11)) == at(2, 9))
    #expect(evening.next(at(2, 9), before: at(2, 18)) == at(2, 17))
    #expect(evening.next(at(2, 6), before: at(2, 8)) == nil)
    #expect(evening.next(at(2, 6), before: at(2, 8, 30)) == at(2, 8))
  }

  @Test func `settings that make no sense are as if they were not there`() {
    for json: JSON in [["quiet_from": 8, "quiet_to": 20], ["quiet_from": 99], ["quiet_to": "8"], .null] {
      #expect(FollowUpSettings(json) == FollowUpSettings())
    }
    #expect(FollowUpSettings(["quiet_from": 22, "quiet_to": 7]).quietFrom == 22)
  }

  // MARK: How often

  private func day(_ day: Double) -> Instant { World.start + .seconds(Int(day * 86_400)) }

  private func first(_ caps: ContactCaps, from: Double, among days: [Double], before deadline: Double = 100) -> Double?
  {
    caps.first(from: day(from), before: day(deadline), among: days.map(day), open: { $0 })
      .map { Double(($0 - World.start).milliseconds) / 86_400_000 }
  }

  @Test func `no seven days have more than three messages, no thirty more than ten`() {
    let caps = ContactCaps(weekly: 3, monthly: 10)
    #expect(first(caps, from: 5, among: []) == 5)
    #expect(first(caps, from: 5, among: [1, 2]) == 5)
    #expect(first(caps, from: 5, among: [1, 2, 3]) == 8)
    #expect(first(caps, from: 7.9, among: [1, 2, 3]) == 8)
    #expect(first(caps, from: 8, among: [1, 2, 3]) == 8)
    // Ten in thirty days: the oldest has to be over.
    let many = (0..<10).map { Double($0) * 3 }
    #expect(first(caps, from: 29, among: many) == 30)
    #expect(first(caps, from: 5, among: [1, 2, 3], before: 8) == nil)
    #expect(first(ContactCaps(weekly: 0, monthly: 10), from: 5, among: []) == nil)
    // Those that come later do not count yet.
    #expect(first(caps, from: 5, among: [6, 7, 8]) == 5)
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `whatever is sent by it, both caps hold at every moment`(seed: UInt64) {
    var random = SplitMix64(state: seed)
    let caps = ContactCaps(
      weekly: Int.random(in: 1...4, using: &random), monthly: Int.random(in: 1...8, using: &random))
    let hours = hours(BestContactTime.allCases.randomElement(using: &random)?.rawValue ?? "")
    var sent: [Instant] = []
    var now = World.start
    for _ in 0..<120 {
      now = now + .minutes(Int.random(in: 1...3_000, using: &random))
      if let last = sent.last { now = max(now, last) }
      guard let at = caps.first(from: hours.best(now), before: now + .days(90), among: sent, open: { hours.best($0) })
      else { continue }
      sent.append(at)
    }
    #expect(sent.count > 10)
    for at in sent {
      #expect(sent.count { $0 > at - .days(7) && $0 <= at } <= caps.weekly)
      #expect(sent.count { $0 > at - .days(30) && $0 <= at } <= caps.monthly)
      #expect(hours.best(at) == at)
    }
  }
}

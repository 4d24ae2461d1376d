/// How often something has happened within a period: a day, a month, an hour that begins with the first time. Two
/// counters, one for the period and one for the number, so that nothing is left behind when a period is over.
struct Tally {
  let name: String

  private var period: String { "\(name):period" }

  /// A day, or a month, as a number that rises with time, and how far a clock may go back without beginning it anew. One
  /// that was farther ahead was wrong: what was counted then does not hold the tally until that time comes.
  struct Period {
    var number: Int
    var slack: Int

    func holds(_ known: Int) -> Bool { (number...(number + slack)).contains(known) }
  }

  /// The number within the period.
  func count(in now: Period, _ draft: Draft) throws -> Int {
    try now.holds(draft.counter(period)) ? draft.counter(name) : 0
  }

  func add(_ number: Int, in now: Period, _ draft: inout Draft) throws {
    let count = try count(in: now, draft)
    draft.setCounter(name, try count.plus(number))
    if try !now.holds(draft.counter(period)) { draft.setCounter(period, now.number) }
  }

  /// One more within an hour; how many they are now.
  func addWithinHour(_ draft: inout Draft) throws -> Int {
    let began = try Instant(milliseconds: draft.counter(period))
    let isOver = draft.now >= began + .hours(1) || draft.now < began - .hours(1)
    let count = try isOver ? 1 : draft.counter(name).plus(1)
    draft.setCounter(name, count)
    if isOver { draft.setCounter(period, draft.now.milliseconds) }
    return count
  }

  func forget(_ draft: inout Draft) {
    draft.setCounter(name, 0)
    draft.setCounter(period, 0)
  }
}

extension Draft {
  /// The clinic's day, in hours, since days are not equally long everywhere.
  func dayPeriod() throws -> Tally.Period {
    Tally.Period(number: try calendar().dayStart(now).milliseconds / 3_600_000, slack: 30)
  }

  func monthPeriod() throws -> Tally.Period {
    let civil = try calendar().civil(now)
    return Tally.Period(number: civil.year * 12 + civil.month, slack: 1)
  }
}

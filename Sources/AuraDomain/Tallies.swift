/// How often something has happened within a period: a day, a month, an hour that begins with the first time. Two
/// counters, one for the period and one for the number, so that nothing is left behind when a period is over.
struct Tally {
  let name: String

  private var period: String { "\(name):period" }

  /// The number within the period; periods are numbers that rise with time.
  func count(in now: Int, _ draft: Draft) throws -> Int {
    // A clock that has gone back does not begin the period anew.
    try draft.counter(period) >= now ? draft.counter(name) : 0
  }

  func add(_ number: Int, in now: Int, _ draft: inout Draft) throws {
    let count = try count(in: now, draft)
    draft.setCounter(name, try count.plus(number))
    if try draft.counter(period) < now { draft.setCounter(period, now) }
  }

  /// One more within an hour; how many they are now.
  func addWithinHour(_ draft: inout Draft) throws -> Int {
    let began = try Instant(milliseconds: draft.counter(period))
    let isOver = draft.now >= began + .hours(1)
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
  /// The clinic's day and month as numbers that rise with time.
  func dayNumber() throws -> Int { try calendar().dayStart(now).milliseconds / 3_600_000 }
  func monthNumber() throws -> Int {
    let civil = try calendar().civil(now)
    return civil.year * 100 + civil.month
  }
}

/// One request on a connection and its answer.
final class HTTPExchange {
  enum State {
    /// The body is coming.
    case body
    /// The handler has it.
    case waiting
    /// The answer is being written.
    case sending
    /// The answer is written; the rest of a refused body is read away, so that the peer gets to read the answer.
    case draining
  }

  let serial: UInt64
  let isHead: Bool
  var keepAlive: Bool
  var state: State
  var request: HTTPRequest?
  /// Of the body, still to come.
  var missingBytes: Int
  private var pieces: [[UInt8]] = []
  private var offset = 0

  init(serial: UInt64, isHead: Bool, keepAlive: Bool, state: State, missingBytes: Int = 0) {
    self.serial = serial
    self.isHead = isHead
    self.keepAlive = keepAlive
    self.state = state
    self.missingBytes = missingBytes
  }

  func answer(_ response: HTTPResponse, date: String) {
    let head = response.head(keepAlive: keepAlive, date: date)
    // Small answers leave in one write; a large body is shared with the cache, not copied.
    if isHead || response.body.isEmpty {
      pieces = [head]
    } else if response.body.count <= 16_384 {
      pieces = [head + response.body]
    } else {
      pieces = [head, response.body]
    }
    state = .sending
    request = nil
  }

  /// What is to be written next; nil when all is.
  func nextPiece(bytesMax: Int) -> ArraySlice<UInt8>? {
    guard let piece = pieces.first else { return nil }
    let end = min(piece.count, offset + bytesMax)
    defer {
      offset = end
      if end == piece.count {
        pieces.removeFirst()
        offset = 0
      }
    }
    return piece[offset..<end]
  }

  var isWritten: Bool { pieces.isEmpty }
}

/// The date of an HTTP header: `Sun, 06 Nov 1994 08:49:37 GMT`.
enum HTTPDate {
  static func format(epochSeconds: Int) -> String {
    let days = epochSeconds / 86_400
    let second = epochSeconds % 86_400
    // Days since 0000-03-01 in 400-year eras: the leap day is the last of its year.
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(weekdays[days % 7]), \(two(day)) \(months[month - 1]) \(year) "
      + "\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
  }
}

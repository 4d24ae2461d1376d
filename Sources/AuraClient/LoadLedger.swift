import AuraDomain
import Histogram

/// Which commits each connection got, held against those that were acknowledged.
struct LoadLedger {
  /// What one connection got of its clinic's log.
  struct Receiver {
    let clinic: ID
    /// Rows and the log up to here came as a snapshot.
    var coveredSeq = 0
    /// The first snapshot: what was committed before is not expected.
    var firstSeq: Int?
    var lastSeq = 0
    private var bits: [UInt64] = []

    init(clinic: ID) { self.clinic = clinic }

    func has(_ seq: Int) -> Bool {
      guard let firstSeq, seq > firstSeq else { return true }
      if seq <= coveredSeq { return true }
      let place = seq - firstSeq
      return place / 64 < bits.count && bits[place / 64] & (1 << UInt64(place % 64)) != 0
    }

    /// `false` when it was there already.
    mutating func mark(_ seq: Int) -> Bool {
      guard let firstSeq, seq > firstSeq else { return false }
      let place = seq - firstSeq
      while bits.count <= place / 64 { bits.append(0) }
      let bit: UInt64 = 1 << UInt64(place % 64)
      if bits[place / 64] & bit != 0 { return false }
      bits[place / 64] |= bit
      return true
    }
  }

  /// A commit on its way to its clinic's connections.
  private struct Flight {
    var firstNs: UInt64
    var missing: Int
  }

  private(set) var receivers: [Receiver]
  private var acknowledged: [ID: [Int]] = [:]
  private var flights: [ID: [Int: Flight]] = [:]
  private var subscribed: [ID: Int] = [:]
  private(set) var delivered = 0
  private(set) var outOfOrder = 0
  private(set) var repeated = 0
  private(set) var fanOut = Histogram<UInt64>(numberOfSignificantValueDigits: .three)

  init(clinics: [ID]) { receivers = clinics.map { Receiver(clinic: $0) } }

  /// A connection is subscribed: for the first time, or again.
  mutating func joined(_ receiver: Int, startsOver: Bool, seq: Int) {
    subscribed[receivers[receiver].clinic, default: 0] += 1
    if receivers[receiver].firstSeq == nil { receivers[receiver].firstSeq = seq }
    if startsOver { startedOver(receiver, seq: seq) }
  }

  /// What is up to `seq` came as rows.
  mutating func startedOver(_ receiver: Int, seq: Int) {
    receivers[receiver].coveredSeq = max(receivers[receiver].coveredSeq, seq)
    receivers[receiver].lastSeq = max(receivers[receiver].lastSeq, seq)
  }

  mutating func left(_ receiver: Int) { subscribed[receivers[receiver].clinic, default: 1] -= 1 }

  mutating func got(_ receiver: Int, _ commits: [Delta.CommitSeen], nowNs: UInt64) {
    let clinic = receivers[receiver].clinic
    for commit in commits {
      if commit.seq <= receivers[receiver].lastSeq { outOfOrder += 1 }
      receivers[receiver].lastSeq = max(receivers[receiver].lastSeq, commit.seq)
      guard receivers[receiver].mark(commit.seq) else {
        repeated += 1
        continue
      }
      delivered += 1
      var flight = flights[clinic]?[commit.seq] ?? Flight(firstNs: nowNs, missing: subscribed[clinic] ?? 0)
      flight.missing -= 1
      if flight.missing <= 0 {
        flights[clinic]?[commit.seq] = nil
        fanOut.record((nowNs - flight.firstNs) / 1_000)
      } else {
        flights[clinic, default: [:]][commit.seq] = flight
      }
    }
  }

  mutating func acknowledged(clinic: ID, seq: Int) { acknowledged[clinic, default: []].append(seq) }

  /// Forgets the times so far; what was delivered still counts for what is lost.
  mutating func beginMeasuring() {
    delivered = 0
    fanOut = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  }

  /// Pairs of connection and acknowledged commit where the commit never came.
  func lost() -> Int {
    var lost = 0
    for receiver in receivers where receiver.firstSeq != nil {
      for seq in acknowledged[receiver.clinic] ?? [] where !receiver.has(seq) { lost += 1 }
    }
    return lost
  }
}

import AuraDomain

/// How often somebody may try to sign in: a value with the time as an argument, no thread of its own.
///
/// Two buckets must have a try left: the address's, against one machine that tries many accounts, and the account's,
/// against many machines that try one. A try is taken before the password is checked, so that a hundred at once are a
/// hundred, and given back when it was right. An account is never locked for good: while many machines attack it, its
/// owner may have to wait with the others; once they stop, it is free within minutes.
struct LoginLimits: Sendable {
  struct Rate: Sendable {
    /// Tries in a row.
    var burst: Int
    /// Then one more each.
    var interval: Span

    /// A clinic's staff share one address.
    static let address = Rate(burst: 30, interval: .seconds(4))
    static let account = Rate(burst: 10, interval: .seconds(30))
    /// Not against guessing, of which 256 bits need no protection, but against a page that has gone wild.
    static let refresh = Rate(burst: 120, interval: Span(milliseconds: 500))
  }

  /// Entries kept of each kind; beyond them newcomers share one bucket.
  static let entriesMax = 20_000

  private var addresses: Buckets
  private var accounts: Buckets
  private var refreshes: Buckets

  init(address: Rate = .address, account: Rate = .account, entriesMax: Int = Self.entriesMax) {
    addresses = Buckets(rate: address, entriesMax: entriesMax)
    accounts = Buckets(rate: account, entriesMax: entriesMax)
    refreshes = Buckets(rate: .refresh, entriesMax: entriesMax)
  }

  /// Takes a try of both, or tells how long there is none.
  mutating func take(address: String, account: String, now: Instant) -> Span? {
    let network = Self.network(of: address)
    if let wait = addresses.wait(network, now: now) { return wait }
    if let wait = accounts.wait(account, now: now) { return wait }
    addresses.take(network, now: now)
    accounts.take(account, now: now)
    return nil
  }

  /// Gives a try back: the password was right, or it was not checked.
  mutating func giveBack(address: String, account: String) {
    addresses.giveBack(Self.network(of: address))
    accounts.giveBack(account)
  }

  /// Takes one of an address's refreshes or logouts, or tells how long there is none.
  mutating func takeRefresh(address: String, now: Instant) -> Span? {
    let network = Self.network(of: address)
    if let wait = refreshes.wait(network, now: now) { return wait }
    refreshes.take(network, now: now)
    return nil
  }

  /// What counts as one address: an IPv4 address, or the 64-bit network of an IPv6 one, since a host has all of it.
  static func network(of address: String) -> String {
    if address.hasPrefix("::ffff:"), address.contains(".") { return String(address.dropFirst(7)) }
    guard address.contains(":") else { return address }
    let halves = address.split(separator: "%")[0].split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    var groups = halves[0].split(separator: ":").map(String.init)
    if halves.count == 2 {
      let tail = halves[1].split(separator: ":").map(String.init)
      groups += Array(repeating: "0", count: max(0, 8 - groups.count - tail.count)) + tail
    }
    return groups.prefix(4).map { $0.isEmpty ? "0" : $0.lowercased() }.joined(separator: ":") + "::/64"
  }
}

/// One bucket per key: full at first, emptied by tries, filled again by time.
struct Buckets: Sendable {
  private let rate: LoginLimits.Rate
  private let entriesMax: Int
  /// When each bucket will be full again. One that is full need not be kept.
  private var fullAt: [String: Instant] = [:]
  private static let shared = ""

  init(rate: LoginLimits.Rate, entriesMax: Int) {
    self.rate = rate
    self.entriesMax = entriesMax
  }

  /// How long until there is a try; `nil` when there is one now.
  func wait(_ key: String, now: Instant) -> Span? {
    guard let full = fullAt[slot(key)] else { return nil }
    let capacity = Span(milliseconds: rate.interval.milliseconds * (rate.burst - 1))
    let free = full - capacity
    return free > now ? min(free - now, rate.interval) : nil
  }

  mutating func take(_ key: String, now: Instant) {
    if fullAt[key] == nil, fullAt.count >= entriesMax { fullAt = fullAt.filter { $0.value > now } }
    let slot = slot(key)
    fullAt[slot] = max(fullAt[slot] ?? now, now) + rate.interval
  }

  mutating func giveBack(_ key: String) {
    let slot = slot(key)
    guard let full = fullAt[slot] else { return }
    fullAt[slot] = full - rate.interval
  }

  private func slot(_ key: String) -> String {
    fullAt[key] != nil || fullAt.count < entriesMax ? key : Self.shared
  }
}

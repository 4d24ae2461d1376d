import Glibc

/// An address that a socket is about to go to, and how far away it is. A gateway's name is somebody's to point where
/// they like, at another place each time: the address itself is judged, at every connect.
struct NetworkAddress: Equatable, Sendable {
  /// 4 of IPv4, 16 of IPv6, the most significant first.
  var bytes: [UInt8]

  enum Reach: Equatable, Sendable {
    /// Out in the world.
    case world
    /// This machine or its own network: only for hosts of which the configuration says so.
    case inside
    /// Nothing that could be a gateway: unspecified, multicast, reserved, or link-local, where clouds keep their
    /// machines' secrets.
    case never
  }

  /// Reads `192.0.2.1` or `2001:db8::1`; `nil` for anything else.
  init?(_ text: String) {
    var four = in_addr()
    var six = in6_addr()
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = withUnsafeBytes(of: &four) { Array($0) }
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      bytes = withUnsafeBytes(of: &six) { Array($0) }
    } else {
      return nil
    }
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  var reach: Reach {
    switch bytes.count {
    case 4: Self.reach(bytes, Self.four, otherwise: .world)
    case 16: Self.reach(bytes, Self.six, otherwise: .never)
    default: .never
    }
  }

  private struct Network {
    var prefix: [UInt8]
    var bits: Int
    var reach: Reach?
    /// Where the network carries an IPv4 address, which is judged instead.
    var inner: Range<Int>?

    init(_ prefix: [UInt8], _ bits: Int, _ reach: Reach) {
      self.prefix = prefix
      self.bits = bits
      self.reach = reach
    }

    init(_ prefix: [UInt8], _ bits: Int, inner: Range<Int>) {
      self.prefix = prefix
      self.bits = bits
      self.inner = inner
    }

    func holds(_ bytes: [UInt8]) -> Bool {
      for index in 0..<((bits + 7) / 8) {
        let wanted = index < prefix.count ? prefix[index] : 0
        let mask: UInt8 = bits >= (index + 1) * 8 ? 0xFF : ~(0xFF >> UInt8(bits - index * 8))
        if bytes[index] & mask != wanted & mask { return false }
      }
      return true
    }
  }

  private static func reach(_ bytes: [UInt8], _ networks: [Network], otherwise: Reach) -> Reach {
    guard let network = networks.first(where: { $0.holds(bytes) }) else { return otherwise }
    if let inner = network.inner { return reach(Array(bytes[inner]), four, otherwise: .world) }
    return network.reach ?? otherwise
  }

  /// IANA's registry of special-purpose IPv4 addresses (RFC 6890) and multicast.
  private static let four = [
    Network([0], 8, .never), Network([10], 8, .inside), Network([100, 64], 10, .inside), Network([127], 8, .inside),
    Network([169, 254], 16, .never), Network([172, 16], 12, .inside), Network([192, 0, 0], 24, .never),
    Network([192, 0, 2], 24, .never), Network([192, 88, 99], 24, .never), Network([192, 168], 16, .inside),
    Network([198, 18], 15, .never), Network([198, 51, 100], 24, .never), Network([203, 0, 113], 24, .never),
    Network([224], 4, .never), Network([240], 4, .never),
  ]

  /// The narrower first. What is not named and not in 2000::/3 is nothing that is given to anyone (RFC 4291).
  private static let six = [
    Network([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, .inside),
    Network([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 96, inner: 12..<16),
    // NAT64 (RFC 6052), 6to4 (RFC 3056).
    Network([0, 0x64, 0xFF, 0x9B], 96, inner: 12..<16),
    Network([0x20, 0x02], 16, inner: 2..<6),
    // Protocols' own addresses, Teredo among them; documentation, twice.
    Network([0x20, 0x01], 23, .never), Network([0x20, 0x01, 0x0D, 0xB8], 32, .never),
    Network([0x3F, 0xFF], 20, .never),
    Network([0x20], 3, .world), Network([0xFC], 7, .inside),
  ]
}

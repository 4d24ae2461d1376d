/// An address of a gateway, in a form so narrow that no two programs can read different hosts out of it: no user, no
/// fragment, no backslash, no number written as anything but an address.
struct GatewayURL: Equatable {
  var scheme: String
  /// In small letters; an IPv6 address without its brackets.
  var name: String
  var port: Int
  /// With its question, as written; empty or begins with `/`.
  var path: String
  private let place: String

  /// - Parameter schemes: those that are taken, with their usual ports.
  init(_ text: String, schemes: [String: Int], at place: String) throws(GatewaysFailure) {
    self.place = place
    let wanted = schemes.keys.sorted(by: >).map { "\($0)://" }.joined(separator: " or ")
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
      let colon = text.firstIndex(of: ":"), let usual = schemes[String(text[..<colon])],
      text[colon...].hasPrefix("://")
    else { throw GatewaysFailure(place, "begins with \(wanted) and has no blanks or backslashes") }
    scheme = String(text[..<colon])
    let rest = text[text.index(colon, offsetBy: 3)...]
    let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    path = String(rest[end...])
    guard path.isEmpty || path.hasPrefix("/"), !path.contains("#") else {
      throw GatewaysFailure(place, "has something else than a path behind its host")
    }
    var authority = rest[..<end]
    port = usual
    let portMark = authority.hasPrefix("[") ? authority.lastIndex(of: "]") : authority.startIndex
    if let portMark, let mark = authority[portMark...].lastIndex(of: ":") {
      let digits = authority[authority.index(after: mark)...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits), (1...65_535) ~= number
      else { throw GatewaysFailure(place, "has no port from 1 to 65535 behind its host") }
      port = number
      authority = authority[..<mark]
    }
    if authority.hasPrefix("["), authority.hasSuffix("]") {
      guard authority.contains(":") else { throw GatewaysFailure(place, "names no host that is taken") }
      authority = authority.dropFirst().dropLast()
    } else if authority.contains(":") {
      throw GatewaysFailure(place, "writes an IPv6 address without brackets")
    }
    guard let host = HostName(authority.lowercased()) else {
      throw GatewaysFailure(place, "names no host that is taken")
    }
    name = host.text
  }

  var text: String { root + path }

  /// Without the path.
  var root: String { "\(scheme)://\(name.contains(":") ? "[\(name)]" : name):\(port)" }

  /// The host with what the configuration says of it; one that it does not list is refused.
  func host(among hosts: [String: Gateways.Host]) throws(GatewaysFailure) -> Gateways.Host {
    guard var host = hosts[name] else { throw GatewaysFailure(place, "goes to \(name), which \"hosts\" does not list") }
    host.port = port
    return host
  }
}

/// A host as a gateway's address may write it.
struct HostName {
  /// In the one form that it is compared in.
  var text: String
  /// When it is an address and no name.
  var address: NetworkAddress?

  /// `nil` for what is neither: also for `127.1`, `0x7f000001` and `2130706433`, which some programs take for addresses.
  init?(_ text: String) {
    self.text = text
    if text.contains(":") {
      guard !text.contains("%"), let address = NetworkAddress(text) else { return nil }
      self.address = address
      return
    }
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...253).contains(text.utf8.count), labels.allSatisfy(Self.isLabel) else { return nil }
    // Whose last part is a number is an address, or nothing.
    guard let last = labels.last, last.hasPrefix("0x") || last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return
    }
    guard let address = NetworkAddress(text) else { return nil }
    self.address = address
  }

  private static func isLabel(_ label: Substring) -> Bool {
    (1...63).contains(label.utf8.count) && label.utf8.first != UInt8(ascii: "-")
      && label.utf8.last != UInt8(ascii: "-")
      && label.utf8.allSatisfy { byte in
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
      }
  }
}

import AuraDomain
import AuraJSON
import Foundation

/// The form of the gateways' file. Whatever it says that is not known here is refused: a setting that is misspelled
/// must not read as one that is left out.
extension Gateways {
  package static let fileBytesMax = 1 << 20
  static let secretBytesMin = 32

  /// Reads a file. The message of what it throws names the file.
  package init(file: String) throws(GatewaysFailure) {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw GatewaysFailure(file, "cannot be read: name a JSON file that this user may read")
    }
    guard data.count <= Self.fileBytesMax else {
      throw GatewaysFailure(file, "has more than \(Self.fileBytesMax) bytes")
    }
    let folder = (file as NSString).deletingLastPathComponent
    do throws(GatewaysFailure) {
      try self.init(json: Array(data)) { name in
        let path = name.hasPrefix("/") || folder.isEmpty ? name : folder + "/" + name
        return FileManager.default.isReadableFile(atPath: path) ? path : nil
      }
    } catch {
      throw GatewaysFailure("\(file):", error.description)
    }
  }

  /// Whether users that have nothing to do with it may read the file.
  package static func isOpenToOthers(file: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    return ((attributes?[.posixPermissions] as? Int) ?? 0) & 0o004 != 0
  }

  /// Reads the file's text.
  /// - Parameter findFile: the path under which a file named in it is found; `nil` when it cannot be read.
  init(json bytes: [UInt8], findFile: (String) -> String? = { _ in nil }) throws(GatewaysFailure) {
    let json: JSON
    do throws(JSONFailure) {
      json = try JSON.parse(bytes)
    } catch {
      throw GatewaysFailure("", "no JSON: \(error.message) at byte \(error.offset)")
    }
    let root = try Members(json, at: "the file", known: ["hosts", "gateways"])
    var hosts: [String: Host] = [:]
    for (name, value) in try root.members(of: "hosts") {
      guard let known = HostName(name), known.text == name else {
        throw GatewaysFailure("hosts.\(name)", "is no host's name or address in small letters, without a port")
      }
      hosts[name] = try Self.host(name, value, findFile)
    }
    clinics = [:]
    for (code, value) in try root.members(of: "gateways") {
      let path = "gateways.\(code)"
      guard !code.isEmpty, code.utf8.count <= 64 else { throw GatewaysFailure(path, "is no clinic's code") }
      let names = Self.channels.map(\.rawValue)
      let entry = try Members(value, at: path, known: names)
      var routes: [Channel: Route?] = [:]
      for channel in Self.channels {
        guard let value = entry[channel.rawValue] else { continue }
        let path = "\(path).\(channel.rawValue)"
        if case .null = value {
          guard code != Self.everyone else { throw GatewaysFailure(path, "is null: leave it out") }
          routes[channel] = .some(nil)
        } else {
          routes[channel] = try Self.route(value, channel, hosts, at: path)
        }
      }
      clinics[code] = routes
    }
  }

  private static func host(_ name: String, _ value: JSON, _ findFile: (String) -> String?) throws(GatewaysFailure)
    -> Host
  {
    let path = "hosts.\(name)"
    let members = try Members(value, at: path, known: ["allowPrivate", "ca"])
    var host = Host(name: name, port: 0)
    if let value = members["allowPrivate"] {
      guard let allows = value.bool else { throw GatewaysFailure("\(path).allowPrivate", "is true or false") }
      host.allowsPrivate = allows
    }
    if members["ca"] != nil {
      let file = try members.text("ca", bytesMax: 4_096)
      guard let found = findFile(file) else { throw GatewaysFailure("\(path).ca", "is a PEM file that can be read") }
      host.authorities = found
    }
    // A name is judged by what it resolves to at each connect; these are known now.
    let isLocal = name == "localhost" || name.hasSuffix(".localhost")
    switch isLocal ? .inside : HostName(name)?.address?.reach {
    case .never: throw GatewaysFailure(path, "is an address that no gateway has")
    case .inside where !host.allowsPrivate:
      throw GatewaysFailure(path, "is on this machine or its network: say \"allowPrivate\": true if that is meant")
    case .inside, .world, nil: return host
    }
  }

  private static func route(
    _ value: JSON, _ channel: Channel, _ hosts: [String: Host], at path: String
  ) throws(GatewaysFailure) -> Route {
    switch value["kind"]?.string {
    case "webhook":
      let members = try Members(value, at: path, known: ["kind", "url", "secret"])
      let url = try GatewayURL(try members.text("url", bytesMax: 2_048), schemes: ["https": 443], at: "\(path).url")
      let secret = Array(try members.text("secret", bytesMax: 1_024).utf8)
      guard secret.count >= secretBytesMin else {
        throw GatewaysFailure(
          "\(path).secret", "has fewer than \(secretBytesMin) bytes: make it of as many random ones")
      }
      return .webhook(Webhook(url: url.text, host: try url.host(among: hosts), secret: secret))
    case "smtp":
      guard channel == .email else { throw GatewaysFailure("\(path).kind", "smtp carries email only") }
      let members = try Members(value, at: path, known: ["kind", "url", "user", "password", "from", "fromName"])
      let url = try GatewayURL(
        try members.text("url", bytesMax: 2_048), schemes: ["smtps": 465, "smtp": 587], at: "\(path).url")
      guard url.path.isEmpty || url.path == "/" else { throw GatewaysFailure("\(path).url", "ends with the port") }
      let address = try members.text("from", bytesMax: 254)
      guard MailAddress.isValid(address) else { throw GatewaysFailure("\(path).from", "is no plain mail address") }
      let name = members["fromName"] == nil ? nil : try members.text("fromName", bytesMax: 200)
      guard name.map(MailMessage.isOneLine) ?? true else { throw GatewaysFailure("\(path).fromName", "is one line") }
      var login: MailRelay.Login?
      if members["user"] != nil || members["password"] != nil {
        login = .init(
          user: try members.text("user", bytesMax: 254), password: try members.text("password", bytesMax: 1_024))
      }
      return .mail(
        MailRelay(
          url: url.root, host: try url.host(among: hosts), login: login, from: .init(address: address, name: name)))
    default:
      throw GatewaysFailure("\(path).kind", "is \"webhook\"" + (channel == .email ? " or \"smtp\"" : ""))
    }
  }

  /// An object's members, all of which are known.
  private struct Members {
    private let object: JSONObject
    private let path: String

    init(_ value: JSON, at path: String, known: [String]) throws(GatewaysFailure) {
      guard let object = value.object else { throw GatewaysFailure(path, "is no object") }
      if let stranger = object.members.first(where: { !known.contains($0.name) }) {
        throw GatewaysFailure(
          path, "has a member \"\(stranger.name)\" that is not known; known are \(known.joined(separator: ", "))")
      }
      self.object = object
      self.path = path
    }

    subscript(name: String) -> JSON? { object[name] }

    func members(of name: String) throws(GatewaysFailure) -> [(String, JSON)] {
      guard let inner = object[name]?.object else { throw GatewaysFailure("\"\(name)\"", "is missing or no object") }
      return inner.members.map { ($0.name, $0.value) }
    }

    func text(_ name: String, bytesMax: Int) throws(GatewaysFailure) -> String {
      guard let text = object[name]?.string, (1...bytesMax).contains(text.utf8.count) else {
        throw GatewaysFailure("\(path).\(name)", "is missing, or no text of 1 to \(bytesMax) bytes")
      }
      return text
    }
  }
}

/// How a clinic writes to its customers: `settings.follow_up` of its row. What is absent or makes no sense is as the
/// house has it.
struct FollowUpSettings: Equatable {
  /// Hours of the customer's day from which on, and until which, nobody is written to.
  var quietFrom = 20
  var quietTo = 8
  /// How long a proposal stands, so that there is a day to remind of.
  var proposalDueDays = 7
  /// Where the clinic's pages for customers are, without a slash at the end; without it messages with links are skipped.
  var baseURL: String?
  /// What the pages behind those links say of how to reach the clinic: a phone number, the name of a LINE account.
  var contactPhone: String?
  var contactLine: String?

  init() {}

  init(_ json: JSON?) {
    if let from = json?["quiet_from"]?.integer, (1...24).contains(from) { quietFrom = from }
    if let to = json?["quiet_to"]?.integer, (0..<24).contains(to) { quietTo = to }
    if quietTo >= quietFrom { (quietFrom, quietTo) = (20, 8) }
    if let days = json?["proposal_due_days"]?.integer, (1...90).contains(days) { proposalDueDays = days }
    if let base = json?["base_url"]?.string, !base.isEmpty { baseURL = base }
    contactPhone = json?["contact_phone"]?.string
    contactLine = json?["contact_line"]?.string
  }
}

/// What an owner or admin changes of it; what is absent stays.
package struct FollowUpSettingsDetails: Sendable, Equatable {
  package var quietFrom: Int?
  package var quietTo: Int?
  package var proposalDueDays: Int?
  /// `https://…`, without a slash at the end.
  package var baseURL: String?
  package var contactPhone: String?
  /// `@clinic`
  package var contactLine: String?

  package init() {}
}

extension Draft {
  func followUpSettings() throws -> FollowUpSettings { FollowUpSettings(try clinic().settings["follow_up"]) }

  mutating func updateFollowUpSettings(_ details: FollowUpSettingsDetails) throws -> JSON {
    let before = try followUpSettings()
    let (from, to) = (details.quietFrom ?? before.quietFrom, details.quietTo ?? before.quietTo)
    // An hour and less of every day would leave no message a time at which it could be sent.
    guard (1...24).contains(from), (0..<24).contains(to), from - to >= 2 else {
      throw Refusal(
        .badRequest, "The day between the quiet hours is too short.",
        details: ["path": "args.quietFrom", "problem": "at least two hours after quietTo are expected"])
    }
    var base = details.baseURL ?? before.baseURL
    while base?.last == "/" { base?.removeLast() }
    if let base, !base.isWebAddress {
      throw Refusal(
        .badRequest, "This is no web address.",
        details: ["path": "args.baseUrl", "problem": "https://… or http://… is expected"])
    }
    let days = details.proposalDueDays ?? before.proposalDueDays
    let phone = details.contactPhone ?? before.contactPhone
    let line = details.contactLine ?? before.contactLine
    if let phone, PhoneNumber.normalised(phone) == nil {
      throw Refusal(
        .badRequest, "This is no phone number.",
        details: ["path": "args.contactPhone", "problem": "6 … 15 digits are expected"])
    }
    if let line, !line.isLineName {
      throw Refusal(
        .badRequest, "This is no name of a LINE account.",
        details: ["path": "args.contactLine", "problem": "@ and letters, digits, dots, hyphens are expected"])
    }
    let clinic = try update(try clinic()) { row in
      var settings = row.settings["follow_up"] ?? .emptyObject
      settings.set("quiet_from", .integer(from))
      settings.set("quiet_to", .integer(to))
      settings.set("proposal_due_days", .integer(days))
      settings.set("base_url", base.map(JSON.string))
      settings.set("contact_phone", phone.map(JSON.string))
      settings.set("contact_line", line.map(JSON.string))
      row.settings.set("follow_up", settings)
    }
    return [
      "quietFrom": .integer(from), "quietTo": .integer(to), "proposalDueDays": .integer(days), "baseUrl": .text(base),
      "contactPhone": .text(phone), "contactLine": .text(line), "version": .integer(clinic.version),
    ]
  }
}

extension String {
  /// `@aura.clinic`
  fileprivate var isLineName: Bool {
    first == "@" && (2...40).contains(utf8.count)
      && dropFirst().unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "._-".unicodeScalars.contains($0))
      }
  }

  /// `http://` or `https://` and a host, nothing that would end it in the middle of a message.
  fileprivate var isWebAddress: Bool {
    guard let scheme = ["https://", "http://"].first(where: hasPrefix) else { return false }
    let rest = dropFirst(scheme.count)
    return !rest.isEmpty && rest.first != "/" && rest.utf8.count <= 300
      && rest.unicodeScalars.allSatisfy {
        $0.isASCII && $0.value > 0x20 && $0.value != 0x7F && !"\"<>{}\\^`|".unicodeScalars.contains($0)
      }
  }
}

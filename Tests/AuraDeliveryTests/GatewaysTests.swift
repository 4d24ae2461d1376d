import AuraDomain
import Testing

@testable import AuraDelivery

@Suite struct GatewaysTests {
  private static let secret = "0123456789abcdef0123456789abcdef"

  private static func text(
    hosts: String = #""gw.example": {}"#, clinic: String = "*", channel: String = "sms",
    route: String = #"{"kind": "webhook", "url": "https://gw.example/sms", "secret": "\#(secret)"}"#
  ) -> String {
    #"{"hosts": {\#(hosts)}, "gateways": {"\#(clinic)": {"\#(channel)": \#(route)}}}"#
  }

  private static func parse(_ text: String) throws(GatewaysFailure) -> Gateways {
    try Gateways(json: Array(text.utf8)) { $0 == "ca.pem" ? "somewhere/ca.pem" : nil }
  }

  @Test func `a clinic's own gateway comes before everyone's, and null is none`() throws {
    let gateways = try Self.parse(
      #"""
      {"hosts": {"gw.example": {}, "lan.example": {"allowPrivate": true, "ca": "ca.pem"}, "8.8.8.8": {}},
       "gateways": {
        "*": {"sms": {"kind": "webhook", "url": "https://GW.example/sms?a=b", "secret": "\#(Self.secret)"},
              "line": {"kind": "webhook", "url": "https://8.8.8.8:8443/", "secret": "\#(Self.secret)"}},
        "BKK01": {"sms": {"kind": "webhook", "url": "https://lan.example:444/x", "secret": "\#(Self.secret)"},
                  "email": {"kind": "smtp", "url": "smtps://gw.example", "from": "hello@clinic.example",
                            "fromName": "คลินิก", "user": "u", "password": "p"},
                  "line": null}}}
      """#)
    guard case .webhook(let everyones) = gateways.route(clinic: "CNX09", channel: .sms) else {
      Issue.record("no webhook")
      return
    }
    #expect(everyones.url == "https://gw.example:443/sms?a=b")
    #expect(everyones.host == .init(name: "gw.example", port: 443))
    #expect(everyones.secret == Array(Self.secret.utf8))
    guard case .webhook(let own) = gateways.route(clinic: "BKK01", channel: .sms) else {
      Issue.record("no webhook")
      return
    }
    #expect(own.host == .init(name: "lan.example", port: 444, allowsPrivate: true, authorities: "somewhere/ca.pem"))
    guard case .mail(let relay) = gateways.route(clinic: "BKK01", channel: .email) else {
      Issue.record("no relay")
      return
    }
    #expect(relay.url == "smtps://gw.example:465" && relay.from == .init(address: "hello@clinic.example", name: "คลินิก"))
    #expect(gateways.route(clinic: "BKK01", channel: .line) == nil)
    #expect(gateways.route(clinic: "CNX09", channel: .line)?.host.port == 8_443)
    #expect(gateways.route(clinic: "CNX09", channel: .whatsapp) == nil)
    #expect(gateways.lines.count == 5 && !gateways.lines.joined().contains(Self.secret))
    // Providers have keys in their questions.
    #expect(gateways.lines.contains("* sms: webhook https://gw.example:443/sms?…"))
  }

  @Test(arguments: [
    ("", "no JSON"), ("[]", "is no object"), ("{}", #""hosts" is missing"#),
    (#"{"hosts": {}, "gateways": {}, "more": 1}"#, #"a member "more" that is not known"#),
    (#"{"hosts": {}, "hosts": {}, "gateways": {}}"#, "duplicate"),
    (text(hosts: #""other.example": {}"#), #"gateways.*.sms.url goes to gw.example, which "hosts" does not list"#),
    (text(hosts: #""GW.example": {}"#), "small letters"), (text(hosts: #""gw.example:443": {}"#), "without a port"),
    (text(hosts: #""gw.example": {"allowprivate": true}"#), #""allowprivate" that is not known"#),
    (text(hosts: #""gw.example": {"allowPrivate": 1}"#), "hosts.gw.example.allowPrivate is true or false"),
    (text(hosts: #""gw.example": {"ca": "other.pem"}"#), "hosts.gw.example.ca"),
    (text(hosts: #""127.0.0.1": {}"#), "allowPrivate"), (text(hosts: #""localhost": {}"#), "allowPrivate"),
    (text(hosts: #""::1": {}"#), "allowPrivate"), (text(hosts: #""::ffff:10.0.0.1": {}"#), "allowPrivate"),
    (text(hosts: #""169.254.169.254": {"allowPrivate": true}"#), "no gateway has"),
    (text(hosts: #""0.0.0.0": {"allowPrivate": true}"#), "no gateway has"),
    (text(hosts: #""ff02::1": {"allowPrivate": true}"#), "no gateway has"),
    (text(clinic: ""), "is no clinic's code"), (text(channel: "in_app"), "in_app"), (text(channel: "fax"), "fax"),
    (text(route: "null"), "gateways.*.sms is null"), (text(route: "{}"), #"gateways.*.sms.kind is "webhook""#),
    (text(route: #"{"kind": "smtp"}"#), "smtp carries email only"),
    (text(route: #"{"kind": "webhook", "url": "https://gw.example/"}"#), "gateways.*.sms.secret"),
    (text(route: #"{"kind": "webhook", "url": "https://gw.example/", "secret": "short"}"#), "fewer than 32"),
    (
      text(route: #"{"kind": "webhook", "url": "https://gw.example/", "secret": "\#(secret)", "to": 1}"#),
      #"a member "to" that is not known"#
    ),
    (
      text(channel: "email", route: #"{"kind": "smtp", "url": "smtps://gw.example", "from": "nobody"}"#),
      "gateways.*.email.from"
    ),
    (
      text(channel: "email", route: #"{"kind": "smtp", "url": "smtps://gw.example/x", "from": "a@b.c"}"#),
      "ends with the port"
    ),
    (
      text(channel: "email", route: #"{"kind": "smtp", "url": "smtp://gw.example", "from": "a@b.c", "user": "u"}"#),
      "gateways.*.email.password"
    ),
    (
      text(
        channel: "email",
        route: #"{"kind": "smtp", "url": "smtp://gw.example", "from": "a@b.c", "fromName": "x\r\nBcc: y@z.w"}"#),
      "is one line"
    ),
  ])
  func `a file that is not understood to the last word is refused, and its secrets are not repeated`(
    text: String, reason: String
  ) {
    let failure = #expect(throws: GatewaysFailure.self) { try Self.parse(text) }
    #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
    #expect(failure?.description.contains(Self.secret) == false)
  }

  @Test(arguments: [
    "http://gw.example/", "HTTPS://gw.example/", "https:/gw.example", "https://", "https:///x", "gw.example",
    "https://user@gw.example/", "https://user:pw@gw.example/", "https://gw.example@evil.example/",
    "https://gw.example\\@evil.example/", "https://gw.example/a b", "https://gw.example/\u{0e01}",
    "https://gw.example#x",
    "https://gw.example/#x", "https://gw.example?x", "https://gw.example:0/", "https://gw.example:65536/",
    "https://gw.example:/", "https://gw.example:443:443/", "https://gw..example/", "https://gw.example./",
    "https://-gw.example/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/",
    "https://1.2.3.4.5/", "https://::1/", "https://[::1/", "https://[::1%25lo]/", "https://[127.0.0.1]/",
    "https://[gw.example]/", "https://gw_example/", "https://gw.example\r\nX: y/", "ftp://gw.example/",
  ])
  func `an address that two programs could read differently is refused`(url: String) {
    #expect(throws: GatewaysFailure.self) { try GatewayURL(url, schemes: ["https": 443], at: "url") }
  }

  @Test func `a plain address is read`() throws {
    let url = try GatewayURL("https://[2606:4700::1]:8443/a/b?c=%20", schemes: ["https": 443], at: "url")
    #expect(url.name == "2606:4700::1" && url.port == 8_443 && url.text == "https://[2606:4700::1]:8443/a/b?c=%20")
    #expect(
      try GatewayURL("https://a-1.b2.example", schemes: ["https": 443], at: "").text == "https://a-1.b2.example:443")
  }
}

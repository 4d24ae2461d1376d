import AuraDomain

/// Who carries which clinic's messages on which channel: the server's configuration, read once at its start. Secrets are
/// in it and nowhere else: in no row, no log, no answer.
package struct Gateways: Sendable {
  /// How a channel's messages leave.
  package enum Route: Sendable {
    case webhook(Webhook)
    case mail(MailRelay)

    /// What is carried at once is limited by this: name and port.
    package var host: Host {
      switch self {
      case .webhook(let webhook): webhook.host
      case .mail(let relay): relay.host
      }
    }

    /// Where to, without what is secret: providers have keys in their questions.
    package var description: String {
      switch self {
      case .webhook(let webhook):
        if let question = webhook.url.firstIndex(of: "?") {
          "webhook \(webhook.url[...question])…"
        } else {
          "webhook \(webhook.url)"
        }
      case .mail(let relay): "smtp \(relay.url) from \(relay.from.address)"
      }
    }
  }

  /// A machine that messages may be handed to.
  package struct Host: Sendable, Hashable {
    /// In small letters, without a port.
    package var name: String
    package var port: Int
    /// Whether it may be on this machine or its own network.
    package var allowsPrivate = false
    /// PEM file of the authorities that its certificate is held against, instead of the system's.
    package var authorities: String?
  }

  package struct Webhook: Sendable {
    /// `https://…`.
    package var url: String
    package var host: Host
    package var secret: [UInt8]
  }

  package struct MailRelay: Sendable {
    /// `smtps://host:465`, or `smtp://host:587`, which begins in the clear and goes on only with STARTTLS.
    package var url: String
    package var host: Host
    package var login: Login?
    package var from: Sender

    package struct Login: Sendable {
      var user: String
      var password: String
    }

    package struct Sender: Sendable, Equatable {
      package var address: String
      package var name: String?
    }
  }

  /// By clinic code, `*` for all that name none of their own; `nil` in a clinic's own is a channel that it does not use.
  var clinics: [String: [Channel: Route?]]

  package static let none = Gateways(clinics: [:])
  static let everyone = "*"
  /// What leaves through a gateway; the others' messages are rows.
  package static let channels: [Channel] = [.email, .sms, .line, .whatsapp]

  init(clinics: [String: [Channel: Route?]]) { self.clinics = clinics }

  package var isEmpty: Bool { clinics.isEmpty }

  /// The clinics that have an entry of their own.
  package var codes: Set<String> { Set(clinics.keys).subtracting([Self.everyone]) }

  package func route(clinic code: String, channel: Channel) -> Route? {
    if let own = clinics[code]?[channel] { return own }
    return clinics[Self.everyone]?[channel] ?? nil
  }

  /// One line each, for who wants to see what was understood.
  package var lines: [String] {
    clinics.keys.sorted().flatMap { clinic in
      Self.channels.compactMap { channel in
        guard let route = clinics[clinic]?[channel] else { return nil }
        return "\(clinic) \(channel.rawValue): \(route?.description ?? "none")"
      }
    }
  }
}

/// Why a configuration of gateways is not taken: which member of which file, and what it should be. Never what it was.
package struct GatewaysFailure: Error, Equatable, CustomStringConvertible {
  package var description: String

  init(_ path: String, _ reason: String) { description = path.isEmpty ? reason : "\(path) \(reason)" }
}

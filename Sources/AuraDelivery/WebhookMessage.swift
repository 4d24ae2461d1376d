import AuraDomain

/// A message as a webhook gets it.
struct WebhookMessage {
  /// `Name: value` each.
  var headers: [String]
  var body: [UInt8]

  /// - Parameter clinicCode: the clinic's name among people, beside its id.
  init(_ dispatch: Dispatch, clinicCode: String, secret: [UInt8], now: Instant) {
    var writer = JSONWriter(capacity: 512 + dispatch.text.utf8.count)
    writer.beginObject()
    writer.name("clinic")
    writer.id(dispatch.clinic)
    writer.name("clinicCode")
    writer.string(clinicCode)
    writer.name("execution")
    writer.id(dispatch.execution)
    writer.name("channel")
    writer.string(dispatch.channel.rawValue)
    writer.name("to")
    writer.string(dispatch.address)
    writer.name("language")
    writer.string(dispatch.language.rawValue)
    if let subject = dispatch.subject {
      writer.name("subject")
      writer.string(subject)
    }
    writer.name("text")
    writer.string(dispatch.text)
    if let template = dispatch.approvedTemplate {
      writer.name("template")
      writer.string(template)
    }
    if let link = dispatch.optOutLink {
      writer.name("optOutLink")
      writer.string(link)
    }
    writer.name("attempt")
    writer.integer(dispatch.attempt)
    writer.endObject()
    body = writer.bytes

    let timestamp = "\(now.milliseconds / 1_000)"
    headers = [
      "Content-Type: application/json",
      "Accept: application/json",
      // curl would wait a second for a word that nobody says.
      "Expect:",
      "Idempotency-Key: \(dispatch.execution)",
      "Aura-Clinic: \(dispatch.clinic)",
      "Aura-Timestamp: \(timestamp)",
      "Aura-Signature: \(GatewaySignature.header(timestamp: timestamp, body: body, secret: secret))",
    ]
    if dispatch.channel == .line { headers.append("X-Line-Retry-Key: \(dispatch.execution)") }
  }
}

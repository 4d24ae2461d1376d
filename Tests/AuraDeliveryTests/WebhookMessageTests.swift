import AuraDomain
import AuraJSON
import Testing

@testable import AuraDelivery

@Suite struct WebhookMessageTests {
  private static let secret = Array("a secret that the two of them keep, and nobody else".utf8)

  @Test func `a message has its members, its key and a signature over what is sent`() throws {
    var dispatch = Parcels.dispatch()
    dispatch.subject = "นัดของคุณ"
    dispatch.approvedTemplate = "appointment_th_2"
    dispatch.optOutLink = "https://clinic.example/out?t=1"
    dispatch.attempt = 3
    dispatch.text = "line one\nsaid \"so\" \u{0}"
    let message = WebhookMessage(dispatch, clinicCode: "BKK01", secret: Self.secret, now: Parcels.start)
    let body = String(decoding: message.body, as: UTF8.self)
    #expect(
      body
        == #"{"clinic":"01990000-0000-7000-8000-000000000001","clinicCode":"BKK01","#
        + #""execution":"01990000-0000-7000-8000-000000010001","channel":"sms","to":"+66812345678","language":"th","#
        + #""subject":"นัดของคุณ","text":"line one\nsaid \"so\" \u0000","template":"appointment_th_2","#
        + #""optOutLink":"https://clinic.example/out?t=1","attempt":3}"#)
    #expect(message.headers.contains("Idempotency-Key: 01990000-0000-7000-8000-000000010001"))
    #expect(message.headers.contains("Aura-Timestamp: 1770000000"))
    let signature = try #require(message.headers.first { $0.hasPrefix("Aura-Signature: ") }).dropFirst(16)
    #expect(
      GatewaySignature.isValid(
        String(signature), timestamp: "1770000000", body: message.body, secret: Self.secret, now: Parcels.start))
    #expect(!message.headers.contains { $0.contains("\n") || $0.contains("\r") })
    #expect(!message.headers.contains { $0.hasPrefix("X-Line-Retry-Key") })
  }

  @Test func `LINE has the key under the name that it knows, and what is not given is not there`() throws {
    let message = WebhookMessage(
      Parcels.dispatch(channel: .line), clinicCode: "BKK01", secret: Self.secret, now: Parcels.start)
    #expect(message.headers.contains("X-Line-Retry-Key: 01990000-0000-7000-8000-000000010001"))
    let json = try JSON.parse(message.body)
    #expect(json["subject"] == nil && json["template"] == nil && json["optOutLink"] == nil)
  }
}

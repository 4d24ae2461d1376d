import AuraDomain
import Testing

@testable import AuraDelivery

@Suite struct TransferEndingTests {
  private typealias Result = DispatchReport.Result

  private static func answer(
    _ status: Int, _ body: String = "", retryAfter: Int = 0, fault: String? = nil, hasWord: Bool = true
  ) -> TransferEnding {
    TransferEnding(
      status: status, hasWord: hasWord, body: Array(body.utf8), retryAfterSeconds: retryAfter, fault: fault)
  }

  @Test(
    arguments: [
      (answer(200, #"{"messageId": "m-1", "more": []}"#), .accepted(providerMessageID: "m-1")),
      (answer(202), .accepted(providerMessageID: nil)),
      (answer(204), .accepted(providerMessageID: nil)),
      (answer(409, #"{"messageId": "m-1"}"#), .accepted(providerMessageID: "m-1")),
      // What is not understood of an acceptance takes it not back.
      (answer(200, "<html>"), .accepted(providerMessageID: nil)),
      (answer(200, #"{"messageId": 7}"#), .accepted(providerMessageID: nil)),
      (answer(200, #"{"messageId": "a\nb"}"#), .accepted(providerMessageID: nil)),
      (answer(200, #"{"messageId": "\#(String(repeating: "x", count: 201))"}"#), .accepted(providerMessageID: nil)),
      (answer(200, "{", fault: "Operation timed out"), .accepted(providerMessageID: nil)),

      (answer(301), .refused(reason: "the gateway redirects (301); redirects are not followed")),
      (answer(304), .refused(reason: "the gateway redirects (304); redirects are not followed")),
      (answer(400), .refused(reason: "the gateway answers 400")),
      (answer(404), .refused(reason: "the gateway answers 404")),
      (answer(410), .refused(reason: "the gateway answers 410")),
      (answer(422, fault: "Failed writing body"), .refused(reason: "the gateway answers 422")),

      (answer(401), .failed(reason: "the gateway answers 401", retryAfter: nil)),
      (answer(403), .failed(reason: "the gateway answers 403", retryAfter: nil)),
      (answer(408), .failed(reason: "the gateway answers 408", retryAfter: nil)),
      (answer(425), .failed(reason: "the gateway answers 425", retryAfter: nil)),
      (answer(429, retryAfter: 120), .failed(reason: "the gateway answers 429", retryAfter: .seconds(120))),
      (answer(429, retryAfter: 10_000_000), .failed(reason: "the gateway answers 429", retryAfter: .days(1))),
      (answer(503, retryAfter: .max), .failed(reason: "the gateway answers 503", retryAfter: .days(1))),
      (answer(500), .failed(reason: "the gateway answers 500", retryAfter: nil)),
      (answer(599), .failed(reason: "the gateway answers 599", retryAfter: nil)),
      (answer(999), .failed(reason: "the gateway answers 999", retryAfter: nil)),

      // A status line without the end of its head is no word yet.
      (answer(200, fault: "Empty reply", hasWord: false), .failed(reason: "Empty reply", retryAfter: nil)),
      (answer(0, hasWord: false), .failed(reason: "no answer", retryAfter: nil)),
      (answer(0, fault: "a\r\nb\u{1F}ก", hasWord: false), .failed(reason: "a??b????", retryAfter: nil)),
    ] as [(TransferEnding, DispatchReport.Result)])
  func `what a webhook answers means`(ending: TransferEnding, result: DispatchReport.Result) {
    #expect(DispatchReport.Result(webhook: ending) == result)
  }

  @Test(
    arguments: [
      (answer(250), .accepted(providerMessageID: "<m@c>")),
      (answer(450, fault: "RCPT failed"), .failed(reason: "the mail server answers 450", retryAfter: nil)),
      (answer(421, fault: "closing"), .failed(reason: "the mail server answers 421", retryAfter: nil)),
      (answer(550, fault: "RCPT failed: 550"), .refused(reason: "the mail server answers 550: RCPT failed: 550")),
      (
        answer(535, fault: "Login denied"),
        .failed(reason: "the mail server answers 535: Login denied", retryAfter: nil)
      ),
      (answer(0, fault: "Could not resolve host"), .failed(reason: "Could not resolve host", retryAfter: nil)),
      // All went well until the connection broke.
      (answer(354, fault: "Recv failure"), .failed(reason: "Recv failure", retryAfter: nil)),
    ] as [(TransferEnding, DispatchReport.Result)])
  func `what a mail server answers means`(ending: TransferEnding, result: DispatchReport.Result) {
    #expect(DispatchReport.Result(mail: ending, messageID: "<m@c>") == result)
  }
}

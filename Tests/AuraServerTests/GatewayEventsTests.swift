import AuraDomain
import AuraJSON
import Testing

@testable import AuraServer

@Suite struct GatewayEventsTests {
  private static let execution = "01990000-0000-7000-8000-000000010001"

  private static func event(_ text: String) throws -> (Command, key: String) {
    try GatewayEvents.command(try JSON.parse(text.replacing("$", with: execution)))
  }

  @Test func `an event is a response of the customer's`() throws {
    let (command, key) = try Self.event(
      #"{"execution": "$", "id": "e-1", "delivered": true, "opened": true, "replyText": " ดีค่ะ ", "sentiment": "positive"}"#
    )
    var response = FollowUpResponse(execution: try #require(ID(Self.execution)))
    response.delivered = true
    response.opened = true
    response.replyText = "ดีค่ะ"
    response.sentiment = .positive
    #expect(command == .recordResponse(response))
    #expect(key.hasPrefix("response:\(Self.execution):") && key.utf8.count <= 128)
  }

  @Test func `the same event has the same key in whatever order it is written, another one another`() throws {
    let key = try Self.event(#"{"execution": "$", "delivered": true, "replyText": "1"}"#).key
    #expect(try Self.event(#"{"replyText": "1", "delivered": true, "execution": "$", "opened": false}"#).key == key)
    let others = [
      #"{"execution": "$", "replyText": "1"}"#, #"{"execution": "$", "delivered": true}"#,
      #"{"execution": "$", "delivered": true, "replyText": "2"}"#,
      #"{"execution": "$", "delivered": true, "replyText": "1", "id": "e-1"}"#,
      #"{"execution": "$", "opened": true, "replyText": "1"}"#,
    ]
    let keys = try others.map { try Self.event($0).key }
    #expect(Set(keys + [key]).count == others.count + 1)
  }

  @Test func `a reply that is too long is cut between characters`() throws {
    let (command, _) = try Self.event(#"{"execution": "$", "replyText": "\#(String(repeating: "ก", count: 4_000))x"}"#)
    guard case .recordResponse(let response) = command else {
      Issue.record("no response")
      return
    }
    #expect(response.replyText == String(repeating: "ก", count: 1_000))
  }

  @Test(arguments: [
    "[]", "{}", #"{"execution": "x", "opened": true}"#, #"{"execution": "$", "opened": 1}"#,
    #"{"execution": "$", "unknown": true}"#, #"{"execution": "$", "id": ""}"#, #"{"execution": "$", "id": 7}"#,
    #"{"execution": "$", "replyText": 7}"#, #"{"execution": "$", "sentiment": "joyful"}"#,
    #"{"executionId": "$", "opened": true}"#,
  ])
  func `what is no event is refused`(text: String) {
    #expect(throws: Refusal.self) { try Self.event(text) }
  }
}

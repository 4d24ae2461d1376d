import AuraDomain
import AuraJSON
import AuraTransport
import AuraWire
import Foundation
import Synchronization
import Testing

@testable import AuraServer

@Suite struct `The HTTP API's table of routes` {
  private static let document = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "public/api/openapi.json")

  @Test func `it and the published document name the same methods of the same paths`() throws {
    let bytes = [UInt8](try Data(contentsOf: Self.document))
    let json = try bytes.withUnsafeBytes { try JSON.parse($0, valuesMax: 1 << 20) }
    var published: Set<String> = []
    for path in try #require(json["paths"]?.object).members {
      for method in path.value.object?.members ?? [] { published.insert("\(method.name.uppercased()) \(path.name)") }
    }
    let signIn = ["login", "refresh", "logout"].map { "POST /api/auth/\($0)" }
    let routes = APIRoute.all.map { "\($0.method.rawValue) \($0.path)" }
    #expect(Set(routes).count == routes.count)
    #expect(Set(routes + signIn) == published)
  }

  @Test func `the document's codes are those that a fault can have`() throws {
    let bytes = [UInt8](try Data(contentsOf: Self.document))
    let json = try bytes.withUnsafeBytes { try JSON.parse($0, valuesMax: 1 << 20) }
    let published = Set((json["components"]?["schemas"]?["Code"]?["enum"]?.array ?? []).compactMap(\.string))
    var possible: Set<String> = ["MISSING_REQUIRED_FIELDS", "INSUFFICIENT_PERMISSIONS"]
    for code in ErrorCode.allCases { possible.insert(APIFault(Refusal(code, "")).code) }
    #expect(published == possible)
  }

  @Test func `a part in braces stands for any one part`() {
    let found = APIRoute.of(path: "/api/workflow/abc/stage")
    #expect(found.map(\.route.path) == ["/api/workflow/{id}/stage"])
    #expect(found.first?.parameters == ["id": "abc"])
    for path in ["/api/workflow/abc", "/api/workflow/a/b/stage", "/api/workflow/abc/stage/", "/api/Workflow", "/api"] {
      #expect(APIRoute.of(path: path).isEmpty)
    }
    #expect(APIRoute.allowed(APIRoute.of(path: "/api/tasks").map(\.route)) == "GET, POST, PATCH, HEAD, OPTIONS")
    #expect(APIRoute.allowed(APIRoute.of(path: "/api/payments").map(\.route)) == "POST, OPTIONS")
  }

  /// Every code of the domain's, with the status and code that clients of the original get.
  @Test func `each refusal has its status and its code`() {
    let table = ErrorCode.allCases.map { code in
      let fault = APIFault(Refusal(code, ""))
      return "\(code.rawValue) \(fault.status) \(fault.code)"
    }
    #expect(
      table.joined(separator: "\n") == """
        bad_frame 400 INVALID_FORMAT
        bad_request 400 VALIDATION_ERROR
        unknown_type 400 VALIDATION_ERROR
        unknown_command 400 VALIDATION_ERROR
        too_large 413 VALIDATION_ERROR
        unauthenticated 401 UNAUTHORIZED
        token_expired 401 TOKEN_EXPIRED
        forbidden 403 FORBIDDEN
        not_found 404 RESOURCE_NOT_FOUND
        invalid_transition 409 INVALID_TRANSITION
        stale_version 409 STALE_VERSION
        task_already_started 409 TASK_ALREADY_STARTED
        key_reused 409 COMMAND_REUSED
        duplicate 409 DUPLICATE_RESOURCE
        insufficient_points 409 INSUFFICIENT_POINTS
        coupon_unavailable 409 COUPON_UNAVAILABLE
        consent_required 409 CONSENT_REQUIRED
        slot_taken 409 SLOT_TAKEN
        amount_mismatch 409 AMOUNT_MISMATCH
        too_late 409 TOO_LATE
        rate_limited 429 RATE_LIMIT_EXCEEDED
        overloaded 503 SERVICE_UNAVAILABLE
        unavailable 503 SERVICE_UNAVAILABLE
        internal 500 INTERNAL_ERROR
        """)
  }

  @Test func `what is missing, and a role that lacks a right, have codes of their own`() {
    #expect(APIFault(APICall.missing(["a", "b"])).code == "MISSING_REQUIRED_FIELDS")
    #expect(APIFault(Refusal(.forbidden, "", details: ["needs": "role"])).code == "INSUFFICIENT_PERMISSIONS")
    #expect(APIFault(Refusal(.duplicate, ""), statuses: [.duplicate: 400]).status == 400)
    #expect(APIFault(Refusal(.unauthenticated, "")).headers.contains { $0 == ("WWW-Authenticate", "Bearer") })
  }

  @Test func `each action of the workflow's route is a command, or the original's name for one`() {
    for name in WorkflowAction.all.keys.sorted() {
      #expect(Command.names.contains(name), "\(name)")
      #expect(WorkflowAction.all[name]?.message.isEmpty == false)
    }
  }
}

@Suite struct `What the HTTP API prints` {
  private func printed(_ json: JSON) -> String {
    var writer = JSONWriter()
    APIWriter.write(json, into: &writer)
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test(arguments: [
    (0, "0.00"), (1, "0.01"), (10, "0.10"), (500_000, "5000.00"), (-30_005, "-300.05"),
    (10_000_000_001, "100000000.01"), (Int.max, "92233720368547758.07"), (Int.min, "-92233720368547758.08"),
  ])
  func `satang are baht with two decimals, exactly`(satang: Int, baht: String) {
    #expect(APIWriter.baht(satang) == baht)
  }

  @Test func `names say what is money and what is a time`() {
    #expect(printed(["amount_st": 150, "totalSpentSt": nil]) == #"{"amount":1.50,"totalSpent":null}"#)
    #expect(
      printed(["due_date": 1_770_004_800_000, "createdAt": 1_770_004_800_123, "paid_at": nil])
        == #"{"due_date":"2026-02-02T04:00:00.000Z","createdAt":"2026-02-02T04:00:00.123Z","paid_at":null}"#)
    #expect(
      printed(["at": 7, "left": 3, "version": 1_770_004_800_000]) == #"{"at":7,"left":3,"version":1770004800000}"#)
    #expect(printed(["items": [["price_st": 99]]]) == #"{"items":[{"price":0.99}]}"#)
  }

  @Test func `what others have put in is printed as it came`() {
    let theirs: JSON = ["price_st": 5, "seen_at": 1_770_004_800_000]
    #expect(
      printed(["metadata": theirs, "scan_results": theirs, "amount_st": 5])
        == #"{"metadata":\#(theirs.text),"scan_results":\#(theirs.text),"amount":0.05}"#)
  }

  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2026-02-02T04:00:00.000Z", 1_770_004_800_000),
    ("2026-02-02T11:00:00+07:00", 1_770_004_800_000), ("2026-02-02t11:00+07:00", 1_770_004_800_000),
    ("2026-02-02 04:00:00.1Z", 1_770_004_800_100), ("2026-02-02T04:00:00.123999Z", 1_770_004_800_123),
    ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("2000-02-29T23:59:59Z", 951_868_799_000),
    ("9999-12-31T23:59:59Z", 253_402_300_799_000),
  ])
  func `times are read with their zone`(text: String, milliseconds: Int) {
    #expect(Instant(iso8601: text) == Instant(milliseconds: milliseconds))
    #expect(Instant(iso8601: Instant(milliseconds: milliseconds).iso8601)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2026-02-02", "2026-02-02T11:00:00", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+7:00", "2026-01-01T00:00:00Z ",
    "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "tomorrow", "٢٠٢٦-01-01T00:00:00Z",
    "2026-01-01T00:00:00+25:00",
  ])
  func `what is no time is none`(text: String) {
    #expect(Instant(iso8601: text) == nil)
  }

  @Test func `amounts of bodies are whole satang`() throws {
    #expect(try APIArgument.satang(.integer(5_000), "amount") == 500_000)
    #expect(try APIArgument.satang(.real(1_234.56), "amount") == 123_456)
    #expect(try APIArgument.satang(.real(0.07), "amount") == 7)
    for bad: JSON in [.real(0.001), .real(1e18), .integer(.max), "5", .null, true] {
      #expect(throws: Refusal.self) { try APIArgument.satang(bad, "amount") }
    }
  }

  @Test func `a refusal names the body's member, not the command's argument`() throws {
    let call = APICall(path: [:], query: [], body: ["task_id": "x", "due_date": 5])
    let refusal = #expect(throws: Refusal.self) { try TaskCommand.update(call) }
    #expect(refusal?.details["path"] == "task_id")
    #expect(refusal?.message.hasPrefix("task_id: ") == true)
  }
}

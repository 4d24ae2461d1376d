import AuraDomain
import AuraJSON
import AuraSodium
import AuraStore
import AuraTransport
import Foundation
import Testing

@testable import AuraServer

/// The routes against a real store in a folder of its own, under a clock that the test moves.
@Suite struct SignInTests {
  @Test func `login answers with a token that the hub takes and a cookie that no script reads`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let answer = await house.post("login", ["email": " Sales@Demo.aura ", "password": "secret"])
    #expect(answer.status == 200)
    let claims = try house.tokens.verify(try #require(answer.json["access_token"]?.string), now: house.now)
    #expect(claims.user == house.user)
    #expect(answer.json["expires_at"]?.integer == claims.expiresAt.milliseconds)
    #expect(answer.json["user"]?["id"]?.string == house.user.description)
    #expect(answer.json["user"]?["name"] == "สมศรี" && answer.json["user"]?["locale"] == "th")
    let cookie = try #require(answer.header("Set-Cookie"))
    #expect(cookie.hasPrefix("aura_refresh=") && !cookie.contains("Secure"))
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/api/auth", "; Max-Age=1209600"] {
      #expect(cookie.contains(attribute))
    }
    #expect(try await house.identity(claims)?.session == .valid)
    #expect(answer.header("Cache-Control") == "no-store")
  }

  @Test func `behind TLS the cookie is for TLS alone`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let answer = await house.post("login", House.right, isEncrypted: true)
    #expect(answer.header("Set-Cookie")?.contains("; Secure") == true)
  }

  @Test func `a wrong password, an unknown address and a disabled account read the same`() async throws {
    let house = try await House.open()
    defer { house.close() }
    var answers: [(Int, String?, String?)] = []
    answers.append(await house.post("login", ["email": "sales@demo.aura", "password": "wrong"]).essence)
    answers.append(await house.post("login", ["email": "nobody@demo.aura", "password": "secret"]).essence)
    try await house.write { [user = house.user] in try Accounts.setStatus($0, user: user, .disabled) }
    answers.append(await house.post("login", House.right).essence)
    for answer in answers { #expect(answer == (401, "UNAUTHORIZED", "Email or password is wrong")) }
  }

  @Test(arguments: [
    "", "[]", "null", "{", #"{"email":"a"}"#, #"{"email":1,"password":"x"}"#, #"{"email":"","password":"x"}"#,
    #"{"email":"a@b","password":""}"#, #"{"email":"a@b","password":null}"#,
    #"{"email":"a@b","password":"\#(String(repeating: "x", count: 1_025))"}"#,
  ])
  func `what is no login is a bad request`(body: String) async throws {
    let house = try await House.open()
    defer { house.close() }
    #expect(await house.request("/api/auth/login", body: Array(body.utf8)).essence.0 == 400)
  }

  @Test func `only the hub's own pages may ask, as JSON, by POST`() async throws {
    let house = try await House.open(allowedOrigins: ["https://desk.example"])
    defer { house.close() }
    func status(_ headers: [String: String], method: String = "POST", path: String = "/api/auth/login") async -> Int {
      await house.request(path, method: method, headers: headers, body: Array(JSON.object(House.right).text.utf8))
        .status
    }
    let json = ["content-type": "application/json", "host": "hub:8080"]
    #expect(await status(json) == 200)
    #expect(await status(json.merging(["origin": "http://hub:8080"]) { $1 }) == 200)
    #expect(await status(json.merging(["origin": "https://desk.example"]) { $1 }) == 200)
    #expect(await status(["content-type": "application/json; charset=utf-8", "host": "hub:8080"]) == 200)
    for origin in ["http://evil.example", "https://hub:8080", "http://hub", "null", "", "http://hub:8080.evil.example"]
    {
      #expect(await status(json.merging(["origin": origin]) { $1 }) == 403, "\(origin)")
    }
    #expect(await status(json.merging(["sec-fetch-site": "cross-site"]) { $1 }) == 403)
    for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
      #expect(await status(["content-type": type, "host": "hub:8080"]) == 415)
    }
    #expect(await status(["host": "hub:8080"]) == 415)
    #expect(await status(json, method: "GET") == 405)
    #expect(await status(json, path: "/api/auth/other") == 404)
  }

  @Test func `too many tries are told how long to wait, and a right password is free`() async throws {
    let house = try await House.open(limits: .init(account: .init(burst: 3, interval: .seconds(30))))
    defer { house.close() }
    for _ in 0..<5 { #expect(await house.post("login", House.right).status == 200) }
    for _ in 0..<3 { #expect(await house.post("login", House.wrong).status == 401) }
    let refused = await house.post("login", House.right)
    #expect(refused.essence.0 == 429 && refused.essence.1 == "RATE_LIMIT_EXCEEDED")
    #expect(refused.header("Retry-After") == "30")
    house.move(.seconds(30))
    #expect(await house.post("login", House.right).status == 200)
  }

  @Test func `a hash of another cost is replaced at the next login`() async throws {
    let house = try await House.open(hashCost: .init(memoryBytes: 16_384, passes: 1))
    defer { house.close() }
    let before = try await house.passwordHash()
    #expect(await house.post("login", House.right).status == 200)
    let after = try await house.passwordHash()
    #expect(before != after && !Sodium.isOutdated(after, cost: .least))
    #expect(await house.post("login", House.right).status == 200)
  }

  // MARK: Refresh

  @Test func `each refresh brings the next cookie, and the session lives on with use`() async throws {
    let house = try await House.open()
    defer { house.close() }
    var cookie = try #require(await house.post("login", House.right).cookie)
    for _ in 0..<5 {
      house.move(.days(13))
      let answer = await house.post("refresh", cookie: cookie)
      #expect(answer.status == 200)
      let next = try #require(answer.cookie)
      #expect(next != cookie)
      cookie = next
      let claims = try house.tokens.verify(try #require(answer.json["access_token"]?.string), now: house.now)
      #expect(try await house.identity(claims)?.session == .valid)
    }
    house.move(.days(15))
    let late = await house.post("refresh", cookie: cookie)
    #expect(late.status == 401 && late.header("Set-Cookie")?.hasPrefix("aura_refresh=;") == true)
  }

  @Test func `a session ends ninety days after its login, however much it is used`() async throws {
    let house = try await House.open()
    defer { house.close() }
    var cookie = try #require(await house.post("login", House.right).cookie)
    for _ in 0..<9 {
      house.move(.hours(239))
      let answer = await house.post("refresh", cookie: cookie)
      #expect(answer.status == 200)
      cookie = answer.cookie ?? ""
    }
    house.move(.hours(10))
    #expect(await house.post("refresh", cookie: cookie).status == 401)
  }

  @Test func `two tabs that refresh at once get the same cookie`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let cookie = try #require(await house.post("login", House.right).cookie)
    let first = await house.post("refresh", cookie: cookie)
    let second = await house.post("refresh", cookie: cookie)
    #expect(first.status == 200 && second.status == 200 && first.cookie == second.cookie)
    #expect(await house.post("refresh", cookie: second.cookie).status == 200)
  }

  @Test func `a tablet whose answer was lost goes on where it was, though it slept meanwhile`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let cookie = try #require(await house.post("login", House.right).cookie)
    let lost = await house.post("refresh", cookie: cookie).cookie
    house.move(.hours(8))
    let again = await house.post("refresh", cookie: cookie)
    #expect(again.status == 200 && again.cookie == lost)
    let next = await house.post("refresh", cookie: again.cookie)
    #expect(next.status == 200 && house.signals.isEmpty)
    // From the first use of the successor on, the old one is an old one.
    #expect(await house.post("refresh", cookie: cookie).status == 401)
    #expect(house.signals.count == 1)
  }

  @Test(arguments: [2, 3, 7])
  func `a cookie that comes back after it was replaced ends the session for everybody`(steps: Int) async throws {
    let house = try await House.open()
    defer { house.close() }
    let stolen = try #require(await house.post("login", House.right).cookie)
    var cookie = stolen
    for _ in 0..<steps {
      cookie = try #require(await house.post("refresh", cookie: cookie).cookie)
      house.move(.minutes(2))
    }
    #expect(await house.post("refresh", cookie: stolen).status == 401)
    #expect(house.signals == [.sessionRevoked(try #require(RefreshToken(stolen)).session)])
    #expect(await house.post("refresh", cookie: cookie).status == 401)
  }

  @Test func `a made-up cookie is refused and ends nothing`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let cookie = try #require(await house.post("login", House.right).cookie)
    let session = try #require(RefreshToken(cookie)).session
    let guesses = ["", "x", RefreshToken(session: session).text, RefreshToken(session: house.user).text]
    for guess in guesses {
      #expect(await house.post("refresh", cookie: guess).status == 401)
      #expect(await house.post("logout", cookie: guess).status == 200)
    }
    #expect(await house.post("refresh").status == 401)
    #expect(house.signals.isEmpty)
    #expect(await house.post("refresh", cookie: cookie).status == 200)
  }

  @Test func `who is disabled gets no further token`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let cookie = try #require(await house.post("login", House.right).cookie)
    try await house.write { [user = house.user] in try Accounts.setStatus($0, user: user, .disabled) }
    #expect(await house.post("refresh", cookie: cookie).status == 401)
    try await house.write { [user = house.user] in try Accounts.setStatus($0, user: user, .active) }
    #expect(await house.post("refresh", cookie: cookie).status == 401)
  }

  @Test(.timeLimit(.minutes(1))) func `what is no session's cookie costs the writer nothing`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let cookie = try #require(await house.post("login", House.right).cookie)
    let session = try #require(RefreshToken(cookie)).session
    await house.withoutWriter {
      for guess in [RefreshToken(session: session), RefreshToken(session: house.user)] {
        #expect(await house.post("refresh", cookie: guess.text).status == 401)
        #expect(await house.post("logout", cookie: guess.text).status == 200)
      }
    }
  }

  // MARK: Logout

  @Test func `logout ends the session and tells the hub, by cookie or by token, and again is no error`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let first = await house.post("login", House.right)
    let second = await house.post("login", House.right)
    let cookie = try #require(first.cookie)
    let answer = await house.post("logout", cookie: cookie)
    #expect(answer.status == 200 && answer.header("Set-Cookie")?.contains("Max-Age=0") == true)
    #expect(house.signals == [.sessionRevoked(try #require(RefreshToken(cookie)).session)])
    #expect(await house.post("refresh", cookie: cookie).status == 401)
    #expect(await house.post("logout", cookie: cookie).status == 200)

    let token = try #require(second.json["access_token"]?.string)
    let claims = try house.tokens.verify(token, now: house.now)
    #expect(try await house.identity(claims)?.session == .valid)
    #expect(await house.post("logout", bearer: token).status == 200)
    #expect(try await house.identity(claims)?.session == .revoked)
    #expect(house.signals.count == 2)
    #expect(await house.post("logout").status == 200)
  }
  @Test func `logouts of an address have the limit of its refreshes`() async throws {
    let house = try await House.open()
    defer { house.close() }
    let guess = RefreshToken(session: house.user).text
    for _ in 0..<120 { #expect(await house.post("logout", cookie: guess).status == 200) }
    #expect(await house.post("logout", cookie: guess).essence.0 == 429)
    #expect(await house.post("logout").status == 200)
    house.move(.seconds(1))
    #expect(await house.post("logout", cookie: guess).status == 200)
  }
}

import Foundation
import Testing

@testable import AuraTransport

@Suite(.serialized) struct StaticFilesTests {
  private let folder: URL
  private let server: TestServer

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aura-static-\(UUID().uuidString)")
    self.folder = folder
    let root = folder.appending(path: "public")
    try FileManager.default.createDirectory(at: root.appending(path: "sub"), withIntermediateDirectories: true)
    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write("secret.txt", "secret")
    try write("public/index.html", "<p>home</p>")
    try write("public/sub/index.html", "<p>sub</p>")
    try write("public/app.mjs", "export {}")
    try write("public/style.css", "p{}")
    try write("public/.hidden", "hidden")
    try write("public/ไทย.txt", "ไทย")
    try write("public/big.bin", String(repeating: "b", count: 1 << 20))
    try FileManager.default.createSymbolicLink(
      at: root.appending(path: "link.txt"), withDestinationURL: folder.appending(path: "secret.txt"))
    try FileManager.default.createSymbolicLink(at: root.appending(path: "linked"), withDestinationURL: folder)
    let path = root.path
    server = try TestServer { $0.staticRoot = path }
  }

  private func get(_ path: String, _ headers: String = "", method: String = "GET") -> RawResponse? {
    let socket = RawSocket(port: server.port)
    socket.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(headers)\r\n")
    return socket.response(isHead: method == "HEAD")
  }

  @Test(arguments: [
    ("/", "text/html; charset=utf-8", "<p>home</p>"), ("/sub/", "text/html; charset=utf-8", "<p>sub</p>"),
    ("/app.mjs?v=1", "text/javascript; charset=utf-8", "export {}"), ("/style.css", "text/css; charset=utf-8", "p{}"),
    ("/%E0%B9%84%E0%B8%97%E0%B8%A2.txt", "text/plain; charset=utf-8", "ไทย"),
    ("/sub/../app.mjs", "text/javascript; charset=utf-8", "export {}"),
  ])
  func `a file is served with its type`(path: String, type: String, body: String) {
    let response = get(path)
    #expect(response?.status == 200)
    #expect(response?.headers["content-type"] == type)
    #expect(response?.body == body)
    #expect(response?.headers["cache-control"] == "no-cache")
    #expect(response?.headers["content-security-policy"]?.contains("default-src 'self'") == true)
    #expect(response?.headers["x-content-type-options"] == "nosniff")
  }

  @Test(arguments: [
    "/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt",
    "/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt", "/..%5csecret.txt", "/....//secret.txt",
    "/%252e%252e/secret.txt", "/link.txt", "/linked/secret.txt", "/linked/public/index.html", "/.hidden",
    "/%2ehidden", "/.git/config", "/missing", "/app.mjs/", "/app.mjs/x", "/sub/missing", "/%ff", "/a%01b",
    "/..;/secret.txt", "//secret.txt", "/sub//../../secret.txt",
  ])
  func `what is not below the folder is not found`(path: String) {
    let response = get(path)
    #expect(response.map { (400...404).contains($0.status) } ?? true, "\(path): \(String(describing: response))")
    #expect(response?.body.contains("secret") != true)
    #expect(get("/")?.status == 200)
  }

  @Test(arguments: ["/app.mjs%00.txt", "/%00", "/sub%00/"]) func `a NUL in a path gets nothing`(path: String) {
    let response = get(path)
    // libwebsockets cuts it off at the end, where it does no harm.
    #expect(response == nil || response?.status == 400 || response?.body == "<p>home</p>")
    #expect(get("/")?.status == 200)
  }

  @Test func `a folder without its slash redirects to it`() {
    let response = get("/sub?x=1")
    #expect(response?.status == 308)
    #expect(response?.headers["location"] == "/sub/?x=1")
  }

  @Test func `an unchanged file is not sent again, a changed one is`() throws {
    let first = get("/style.css")
    let etag = try #require(first?.headers["etag"])
    #expect(get("/style.css", "If-None-Match: \(etag)\r\n")?.status == 304)
    #expect(get("/style.css", "If-None-Match: \"x\", W/\(etag)\r\n")?.status == 304)
    #expect(get("/style.css", "If-None-Match: \"x\"\r\n")?.status == 200)
    try Data("p{color:red}".utf8).write(to: folder.appending(path: "public/style.css"))
    let changed = get("/style.css", "If-None-Match: \(etag)\r\n")
    #expect(changed?.status == 200)
    #expect(changed?.body == "p{color:red}")
  }

  @Test func `HEAD has the headers of GET and no body`() {
    let socket = RawSocket(port: server.port)
    socket.send("HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response(isHead: true)?.headers["content-length"] == "\(1 << 20)")
    socket.send("GET /style.css HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(socket.response()?.body == "p{}")
  }

  @Test func `a large file arrives whole, several on one connection`() {
    let socket = RawSocket(port: server.port, receiveBufferBytes: 8_192)
    for _ in 0..<3 {
      socket.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(socket.response()?.body.utf8.count == 1 << 20)
    }
  }

  @Test func `only GET and HEAD are served`() {
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
      #expect(get("/style.css", "Content-Length: 0\r\n", method: method)?.status == 405)
    }
  }

  @Test func `a folder that is missing is named`() {
    #expect(throws: TransportFailure.staticRoot(path: "/nonexistent/aura", reason: "No such file or directory")) {
      _ = try TestServer { $0.staticRoot = "/nonexistent/aura" }
    }
  }
}

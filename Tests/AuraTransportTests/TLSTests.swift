import Foundation
import Testing

@testable import AuraTransport

private let openssl = "/usr/bin/openssl"

@Suite(.serialized, .enabled(if: FileManager.default.isExecutableFile(atPath: openssl)))
struct TLSTests {
  private let folder: URL
  private var certificate: String { folder.appending(path: "cert.pem").path }
  private var key: String { folder.appending(path: "key.pem").path }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "aura-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    _ = try run([
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
      "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
    ])
  }

  /// Runs openssl with `input` on its standard input; what it prints. By `popen`, since Foundation's Process reads beyond
  /// a directory's entries, which ends a run under AddressSanitizer.
  private func run(_ arguments: [String], input: String = "") throws -> String {
    let file = folder.appending(path: "input")
    try Data(input.utf8).write(to: file)
    let words = ([openssl] + arguments).map { "'\($0)'" }.joined(separator: " ")
    guard let output = popen("\(words) < '\(file.path)' 2>/dev/null", "r") else { throw POSIXError(.EPIPE) }
    defer { pclose(output) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while case let count = fread(&buffer, 1, buffer.count, output), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func server() throws -> TestServer {
    let files = TLSFiles(certificate: certificate, key: key)
    return try TestServer { $0.tls = files }
  }

  @Test func `requests are answered over TLS, with http/1.1 and never h2`() throws {
    let server = try server()
    let answer = try run(
      ["s_client", "-connect", "127.0.0.1:\(server.port)", "-alpn", "h2,http/1.1", "-ign_eof"],
      input: "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    #expect(answer.contains("ALPN protocol: http/1.1"))
    #expect(answer.contains("HTTP/1.1 200 OK"))
    #expect(answer.contains("GET /healthz"))
  }

  @Test func `a handshake over TLS has the origin of its scheme`() throws {
    let server = try server()
    func status(origin: String) throws -> String {
      let request = TestWebSocket.request().replacing(
        "Upgrade: websocket", with: "Upgrade: websocket\r\nOrigin: \(origin)")
      // The close frame ends the connection.
      let answer = try run(
        ["s_client", "-connect", "127.0.0.1:\(server.port)", "-quiet"], input: request + "\u{8}\u{0}")
      return String(answer.prefix(12))
    }
    #expect(try status(origin: "http://127.0.0.1") == "HTTP/1.1 403")
  }

  @Test(arguments: [true, false]) func `a client speaks over TLS with a server that it trusts, and no other`(
    trusts: Bool
  ) throws {
    let server = try server()
    var configuration = ClientConfiguration(subprotocol: "aura.v1.json")
    if trusts { configuration.authorities = certificate }
    let journal = Journal()
    let client = try ClientTransport(configuration) { TLSClient(connector: $0, journal: journal) }
    let address = WebSocketAddress(host: "localhost", port: server.port, path: "/ws", isEncrypted: true)
    client.post { $0.connect(address) }
    #expect(journal.waits(for: trusts ? "<hello>" : "closed"))
  }

  @Test func `a plain request on a TLS port does no harm`() throws {
    let server = try server()
    let socket = RawSocket(port: server.port)
    socket.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let answer = String(decoding: socket.untilEnd(), as: UTF8.self)
    #expect(!answer.contains("200 OK"))
    #expect(server.journal.waits { _ in server.transport.connectionCount == 0 })
  }

  @Test func `a certificate that cannot be used is one clear sentence`() throws {
    let other = folder.appending(path: "other.pem").path
    _ = try run(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", other])
    let nonsense = folder.appending(path: "nonsense.pem").path
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: nonsense))
    for (certificate, key) in [
      ("/nonexistent.pem", key), (certificate, "/nonexistent.pem"), (nonsense, key), (certificate, nonsense),
      (certificate, other),
    ] {
      do {
        _ = try TestServer { $0.tls = TLSFiles(certificate: certificate, key: key) }
        Issue.record("no failure for \(certificate) with \(key)")
      } catch let failure as TransportFailure {
        #expect("\(failure)".contains("--tls-cert"), "\(failure)")
      } catch {
        Issue.record(error)
      }
    }
  }
}

private final class TLSClient: LoopHandler {
  let connector: Connector
  let journal: Journal

  init(connector: Connector, journal: Journal) {
    self.connector = connector
    self.journal = journal
  }

  func connect(_ address: WebSocketAddress) { _ = connector.connect(address, user: nil) }
  func opened(_ connection: Connection) { _ = connection.send(text: Array("hello".utf8)) }
  func received(_ connection: Connection, text: UnsafeRawBufferPointer) {
    journal.note(String(decoding: text, as: UTF8.self))
  }
  func closed(_ connection: Connection) { journal.note("closed") }
}

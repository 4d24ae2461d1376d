/// Answers GET and HEAD with the files of one folder: no symbolic link is followed, nothing that begins with a dot is
/// shown, and every answer is checked again with the server (`no-cache` with an ETag).
final class StaticFiles {
  private struct Entry {
    var stamp: FileStamp
    var etag: String
    var bytes: [UInt8]
  }

  private let folder: FolderDoor
  private let limits: TransportLimits
  private var cache: [String: Entry] = [:]
  private var cachedBytes = 0

  init(root: String, limits: TransportLimits) throws(TransportFailure) {
    folder = try FolderDoor(path: root)
    self.limits = limits
  }

  func answer(path: String, query: String, ifNoneMatch: String?) -> HTTPResponse {
    guard var components = StaticFiles.components(of: path) else { return StaticFiles.missing }
    if path.hasSuffix("/") { components.append("index.html") }
    switch folder.look(at: components) {
    case .missing:
      return StaticFiles.missing
    case .folder:
      // Relative links in its page need the slash.
      return HTTPResponse(
        status: 308,
        headers: [
          ("Location", StaticFiles.encoded(components) + "/" + (query.isEmpty ? "" : "?" + query)),
          ("Cache-Control", "no-cache"),
        ])
    case .file(let file):
      guard file.stamp.byteCount <= limits.staticFileBytesMax, let entry = entry(of: file, path: path) else {
        return HTTPResponse(status: 500, text: "the file cannot be read")
      }
      var headers: [(name: String, value: String)] = [("ETag", entry.etag), ("Cache-Control", "no-cache")]
      headers += StaticFiles.securityHeaders
      if let ifNoneMatch, StaticFiles.matches(ifNoneMatch, entry.etag) {
        return HTTPResponse(status: 304, headers: headers)
      }
      headers.append(("Content-Type", StaticFiles.contentType(of: components.last ?? "")))
      return HTTPResponse(status: 200, headers: headers, body: entry.bytes)
    }
  }

  private func entry(of file: OpenFile, path: String) -> Entry? {
    if let entry = cache[path], entry.stamp == file.stamp { return entry }
    guard let bytes = file.read() else { return nil }
    let entry = Entry(stamp: file.stamp, etag: StaticFiles.etag(of: bytes), bytes: bytes)
    if let old = cache.updateValue(entry, forKey: path) { cachedBytes -= old.bytes.count }
    cachedBytes += bytes.count
    if cachedBytes > limits.staticCacheBytesMax {
      cache = [:]
      cachedBytes = 0
    }
    return entry
  }

  private static let missing = HTTPResponse(status: 404, text: "not found")

  private static let securityHeaders: [(name: String, value: String)] = [
    (
      "Content-Security-Policy",
      "default-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
  ]

  /// The parts of a decoded path; nil for one that is not shown: a part that begins with a dot (also `..`), a NUL or
  /// another control character, a backslash.
  static func components(of path: String) -> [String]? {
    guard path.hasPrefix("/"), path.utf8.count <= 1_024 else { return nil }
    guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\\") }) else { return nil }
    var parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    if parts.last == "" { parts.removeLast() }
    guard parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { return nil }
    return parts
  }

  static func matches(_ ifNoneMatch: String, _ etag: String) -> Bool {
    ifNoneMatch.split(separator: ",").contains { part in
      let tag = part.trimmed
      return tag == "*" || tag == etag || tag == "W/" + etag
    }
  }

  /// FNV-1a over the content: the same on every server that has the same file.
  static func etag(of bytes: [UInt8]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return "\"" + String(hash, radix: 16) + "-" + String(bytes.count, radix: 16) + "\""
  }

  private static func encoded(_ components: [String]) -> String {
    var text = ""
    for component in components {
      text += "/"
      for byte in component.utf8 {
        let scalar = Unicode.Scalar(byte)
        if scalar.isASCII,
          scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "-._~".utf8.contains(byte)
        {
          text.unicodeScalars.append(scalar)
        } else {
          text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
      }
    }
    return text
  }

  static func contentType(of name: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return "application/octet-stream" }
    return switch name[name.index(after: dot)...].lowercased() {
    case "html", "htm": "text/html; charset=utf-8"
    case "js", "mjs": "text/javascript; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "json", "map": "application/json; charset=utf-8"
    case "webmanifest": "application/manifest+json; charset=utf-8"
    case "txt": "text/plain; charset=utf-8"
    case "md": "text/markdown; charset=utf-8"
    case "yaml", "yml": "application/yaml; charset=utf-8"
    case "xml": "application/xml; charset=utf-8"
    case "svg": "image/svg+xml"
    case "png": "image/png"
    case "jpg", "jpeg": "image/jpeg"
    case "gif": "image/gif"
    case "webp": "image/webp"
    case "avif": "image/avif"
    case "ico": "image/x-icon"
    case "woff": "font/woff"
    case "woff2": "font/woff2"
    case "wasm": "application/wasm"
    case "pdf": "application/pdf"
    default: "application/octet-stream"
    }
  }
}

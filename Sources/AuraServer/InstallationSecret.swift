import AuraSodium
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The installation's own secret: 256 random bits in the data folder, made at the first start and readable by its owner
/// alone. Who has it can sign tokens; to lose it signs everybody out and harms nothing else.
package struct InstallationSecret: Sendable {
  package static let fileName = "secret.key"

  private let bytes: [UInt8]

  /// Why there is no secret, as a sentence with the next step.
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads the secret of a data folder, or makes it.
  package init(directory: String) throws(Failure) {
    let path = directory + "/" + Self.fileName
    if let found = try Self.read(path) {
      bytes = found
      return
    }
    try Self.create(path)
    // Another process may have been first: what stands there now is the secret.
    guard let made = try Self.read(path) else { throw Failure(description: "\(path) vanished while it was made") }
    bytes = made
  }

  /// A key for one purpose, so that no two uses share one.
  func key(for purpose: String) -> [UInt8] { Sodium.digest(Array(purpose.utf8), key: bytes) }

  private static func read(_ path: String) throws(Failure) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw Failure(description: "\(path) cannot be read (\(reason())): give it to the user who runs aura")
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(description: "\(path) is not a file")
    }
    if status.st_mode & 0o077 != 0, fchmod(file, 0o600) != 0 {
      throw Failure(description: "\(path) can be read by others: run chmod 600 on it")
    }
    var text = [UInt8](repeating: 0, count: 256)
    let count = Glibc.read(file, &text, text.count)
    let digits = text.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
    guard let bytes = [UInt8](hexadecimal: digits), bytes.count == 32 else {
      throw Failure(
        description: "\(path) does not hold 64 hexadecimal digits: restore it, or remove it to sign all out")
    }
    return bytes
  }

  /// Writes beside and links into place: a half-written secret is never at `path`, and no existing one is replaced.
  private static func create(_ path: String) throws(Failure) {
    let secret = Sodium.randomBytes(32)
    let draft = path + ".\(getpid())-\(Sodium.randomBytes(4).hexadecimal)"
    let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw Failure(description: "\(path) cannot be made (\(reason())): choose a folder that may be written to")
    }
    defer { unlink(draft) }
    let text = Array(secret.hexadecimal.utf8) + [UInt8(ascii: "\n")]
    let written = write(file, text, text.count) == text.count && fsync(file) == 0
    close(file)
    guard written else { throw Failure(description: "\(path) cannot be written (\(reason()))") }
    guard link(draft, path) == 0 || errno == EEXIST else {
      throw Failure(description: "\(path) cannot be put in place (\(reason()))")
    }
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}

extension Array where Element == UInt8 {
  /// Reads pairs of hexadecimal digits; `nil` for anything else.
  init?(hexadecimal digits: some Collection<UInt8>) {
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for digit in digits {
      guard let value = Character(Unicode.Scalar(digit)).hexDigitValue.map({ UInt8($0) }) else { return nil }
      if let first = high {
        bytes.append(first << 4 | value)
        high = nil
      } else {
        high = value
      }
    }
    self = bytes
  }

  var hexadecimal: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// How far a copy has come, on one line of a terminal; nothing elsewhere.
final class ProgressLine {
  private let isShown = isatty(STDERR_FILENO) == 1
  private var last = -1

  func show(_ done: Int, of all: Int) {
    guard isShown, all > 0 else { return }
    let percent = done * 100 / all
    if percent == last { return }
    last = percent
    FileHandle.standardError.write(Data("\r  \(percent) %".utf8))
  }

  func show(_ word: String) {
    guard isShown else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K  \(word) …".utf8))
  }

  func clear() {
    guard isShown else { return }
    FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
  }
}

/// A size for people.
func sizeText(_ bytes: Int) -> String {
  if bytes < 1_000_000 { return "\(bytes / 1_000 + (bytes % 1_000 == 0 ? 0 : 1)) kB" }
  let tenths = bytes / 100_000
  return tenths < 100_000 ? "\(tenths / 10).\(tenths % 10) MB" : "\(tenths / 10_000).\(tenths / 1_000 % 10) GB"
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The door to the file system's calls: what opens a served file without ever following a symbolic link.

/// By which a file is known to be unchanged.
struct FileStamp: Equatable {
  var inode: UInt64
  var byteCount: Int
  var modifiedNs: Int
}

final class OpenFile {
  let stamp: FileStamp
  private let descriptor: Int32

  fileprivate init(descriptor: Int32, stamp: FileStamp) {
    self.descriptor = descriptor
    self.stamp = stamp
  }

  deinit { _ = close(descriptor) }

  /// The whole content, or nil when it cannot be read or has changed its length meanwhile.
  func read() -> [UInt8]? {
    let count = stamp.byteCount
    var isWhole = true
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while initialized < count {
        guard let start = buffer.baseAddress else { break }
        let read = pread(descriptor, start + initialized, count - initialized, off_t(initialized))
        if read < 0 && errno == EINTR { continue }
        guard read > 0 else { break }
        initialized += read
      }
      isWhole = initialized == count
    }
    return isWhole ? bytes : nil
  }
}

/// A folder that is read below, and never left.
final class FolderDoor {
  enum Found {
    case missing
    case folder
    case file(OpenFile)
  }

  private let descriptor: Int32

  init(path: String) throws(TransportFailure) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .staticRoot(path: path, reason: String(cString: strerror(errno))) }
  }

  deinit { _ = close(descriptor) }

  /// Opens part after part with O_NOFOLLOW, so that no link leads out, not even one made between two looks.
  func look(at components: [String]) -> Found {
    var here = descriptor
    defer { if here != descriptor { _ = close(here) } }
    for (place, name) in components.enumerated() {
      let isLast = place == components.count - 1
      // O_NONBLOCK: opening a pipe that nobody writes must not stop the loop.
      let next = openat(here, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
      guard next >= 0 else { return .missing }
      if here != descriptor { _ = close(here) }
      here = next
      var status = stat()
      guard fstat(here, &status) == 0 else { return .missing }
      let kind = status.st_mode & S_IFMT
      if kind == S_IFDIR {
        if isLast { return .folder }
      } else if kind == S_IFREG && isLast {
        let stamp = FileStamp(
          inode: UInt64(status.st_ino), byteCount: Int(status.st_size),
          modifiedNs: status.st_mtim.tv_sec &* 1_000_000_000 &+ status.st_mtim.tv_nsec)
        here = descriptor
        return .file(OpenFile(descriptor: next, stamp: stamp))
      } else {
        return .missing
      }
    }
    return .folder
  }
}

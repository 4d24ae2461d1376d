import Foundation

/// Files that are there whole or not at all, also after the power went.
enum DurableFiles {
  /// Writes what the system still holds of a file, or of a folder's names, to the disk.
  static func sync(_ path: String) throws(StoreFailure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(path) }
  }

  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Gives a finished file its name. Without `replaces` a file that has the name keeps it: `false`.
  static func place(_ draft: String, at path: String, replaces: Bool) throws(StoreFailure) -> Bool {
    if replaces {
      guard rename(draft, path) == 0 else { throw failure(path) }
    } else if link(draft, path) == 0 {
      unlink(draft)
    } else if errno == EEXIST {
      return false
    } else {
      // A file system without links.
      guard access(path, F_OK) != 0 else { return false }
      guard rename(draft, path) == 0 else { throw failure(path) }
    }
    try sync(folder(of: path))
    return true
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func failure(_ path: String) -> StoreFailure {
    .file(path: path, reason: String(cString: strerror(errno)))
  }

  /// The same file or folder, by whatever names.
  static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_ino == second.st_ino
      && first.st_dev == second.st_dev
  }
}

/// A draft beside the file that it will be, held by one process: what an ended one has left is written over.
final class DraftFile {
  let path: String
  private let descriptor: Int32

  init(of file: String) throws(StoreFailure) {
    path = file + ".partial"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw DurableFiles.failure(path) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .file(path: path, reason: "another backup is being written to it")
    }
    guard ftruncate(descriptor, 0) == 0 else { throw DurableFiles.failure(path) }
    for suffix in ["-journal", "-wal", "-shm"] { unlink(path + suffix) }
  }

  func append(_ bytes: [UInt8]) throws(StoreFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw DurableFiles.failure(path) }
      rest = rest.dropFirst(count)
    }
  }

  /// Takes the draft away unless it has got its name.
  func discard() {
    for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
  }

  deinit { close(descriptor) }
}

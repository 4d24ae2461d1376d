import Foundation
import Testing

@testable import AuraServer

@Suite struct InstallationSecretTests {
  private static func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "aura-secret-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private static func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func `it is made once, for its owner alone, and nothing else is left in the folder`() throws {
    try Self.withFolder { folder in
      let first = try InstallationSecret(directory: folder)
      let second = try InstallationSecret(directory: folder)
      #expect(first.key(for: "a") == second.key(for: "a"))
      #expect(first.key(for: "a") != first.key(for: "b"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [InstallationSecret.fileName])
      #expect(try Self.mode(folder + "/" + InstallationSecret.fileName) == 0o600)
    }
  }

  @Test func `processes that start at once agree on one`() throws {
    try Self.withFolder { folder in
      let keys = try (0..<8).map { _ in try InstallationSecret(directory: folder).key(for: "a") }
      #expect(Set(keys).count == 1)
    }
  }

  @Test func `one that others could read is closed to them`() throws {
    try Self.withFolder { folder in
      let path = folder + "/" + InstallationSecret.fileName
      _ = try InstallationSecret(directory: folder)
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      _ = try InstallationSecret(directory: folder)
      #expect(try Self.mode(path) == 0o600)
    }
  }

  @Test(arguments: ["", "\n", "abc", String(repeating: "0", count: 62), String(repeating: "g", count: 64)])
  func `one that is damaged is neither used nor replaced`(text: String) throws {
    try Self.withFolder { folder in
      let path = folder + "/" + InstallationSecret.fileName
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(throws: InstallationSecret.Failure.self) { try InstallationSecret(directory: folder) }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == text)
    }
  }

  @Test func `a folder that is not there is said so`() {
    #expect(throws: InstallationSecret.Failure.self) { try InstallationSecret(directory: "/nowhere/at-all") }
  }
}

import ArgumentParser
import AuraServer
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// A password as the command line takes one: typed twice without echo at a terminal, one line of standard input
/// otherwise. Never an argument, which everybody on the machine could read.
enum PasswordPrompt {
  static let lengthMin = 8

  /// Returns the hash to store.
  static func hash(for email: String) throws -> String {
    let password = try isatty(STDIN_FILENO) == 1 ? typed(email) : piped()
    guard password.count >= lengthMin else {
      throw Complaint("The password has \(password.count) characters: give it \(lengthMin) or more.")
    }
    guard password.utf8.count <= Passwords.bytesMax else {
      throw Complaint("The password is longer than \(Passwords.bytesMax) bytes: choose a shorter one.")
    }
    guard let hash = Passwords.hash(password) else {
      throw Complaint("There is not enough memory to protect the password: free some and try again.")
    }
    return hash
  }

  private static func piped() throws -> String {
    guard let line = readLine(strippingNewline: true), !line.isEmpty else {
      throw Complaint("No password came on standard input: type it at a terminal, or pipe it in as one line.")
    }
    return line.hasSuffix("\r") ? String(line.dropLast()) : line
  }

  private static func typed(_ email: String) throws -> String {
    let first = try silent("New password of \(email): ")
    let second = try silent("The same again: ")
    guard first == second else { throw Complaint("The two differ: nothing was changed, try again.") }
    return first
  }

  /// Reads a line with the terminal's echo turned off, also when Ctrl-C ends it.
  private static func silent(_ prompt: String) throws -> String {
    var before = termios()
    guard tcgetattr(STDIN_FILENO, &before) == 0 else { throw Complaint("The terminal's echo cannot be turned off.") }
    var quiet = before
    quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
    guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 else {
      throw Complaint("The terminal's echo cannot be turned off.")
    }
    // Only now: who types as soon as they are asked shall not see it either.
    FileHandle.standardError.write(Data(prompt.utf8))
    let line = readLine(strippingNewline: true)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
    FileHandle.standardError.write(Data("\n".utf8))
    // With its signals off too, Ctrl-C comes as a character.
    guard let line, !line.contains("\u{3}") else { throw Complaint("No password was typed: nothing was changed.") }
    return line
  }
}

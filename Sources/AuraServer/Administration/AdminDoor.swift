import AuraDomain
import AuraJSON
import AuraStore
import AuraThreads
import Foundation
import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The hub's door for the command line: a thread that takes one order at a time from the data folder's socket. A command
/// that finds the folder in use sends its order here, so that nothing is written behind the hub's back.
final class AdminDoor: Sendable {
  private let directory: String
  private let listener: Int32
  private let isStopping: Flag
  private let thread: OwnedThread

  private final class Flag: Sendable {
    let value = Atomic<Bool>(false)
  }

  /// How long the other side may take for its line, and for taking ours.
  private static let seconds = 10
  /// How often the thread looks whether it is to stop.
  private static let lookMilliseconds: Int32 = 500

  /// Opens the door of a folder that this process has the lock of.
  init(directory: String, store: Store) throws {
    self.directory = directory
    let listener = try AdminSocket.listen(in: directory)
    self.listener = listener
    let isStopping = Flag()
    self.isStopping = isStopping
    let administration = Administration(store: store)
    let log = Logger(label: "administration")
    thread = OwnedThread(name: "aura.admin") {
      while !isStopping.value.load(ordering: .acquiring) {
        var waiting = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, Self.lookMilliseconds) > 0 else { continue }
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { continue }
        _ = fcntl(peer, F_SETFD, FD_CLOEXEC)
        Self.serve(peer, administration, log)
        close(peer)
      }
    }
  }

  /// Finishes the order that it carries out, and takes no more.
  func stop() {
    guard !isStopping.value.exchange(true, ordering: .acquiringAndReleasing) else { return }
    thread.join(seconds: 35)
    close(listener)
    unlink("\(directory)/\(AdminSocket.fileName)")
  }

  private static func serve(_ peer: Int32, _ administration: Administration, _ log: Logger) {
    AdminSocket.setTimes(peer, seconds: seconds)
    guard AdminSocket.isOwn(peer), let line = AdminSocket.readLine(peer) else { return }
    let answer: JSON
    if let json = try? JSON.parse(line), let order = AdminOrder(json) {
      log.notice("an order of the command line", metadata: ["order": "\(json["order"]?.string ?? "")"])
      answer = AdminAnswer.json { try administration.carryOut(order) }
    } else {
      answer = AdminAnswer.refusal(
        "The hub is of another release than this command: use the one that it was started with.")
    }
    AdminSocket.write(line: Array(answer.text.utf8), to: peer)
  }
}

/// The line that answers an order.
enum AdminAnswer {
  static func json(_ work: () throws -> Administration.Done) -> JSON {
    do {
      let done = try work()
      return ["ok": true, "sentence": .string(done.sentence), "data": done.data]
    } catch let failure as StoreFailure {
      return refusal("\(failure): \(failure.nextStep)")
    } catch {
      return refusal("\(error)")
    }
  }

  static func refusal(_ sentence: String) -> JSON { ["ok": false, "sentence": .string(sentence)] }

  static func done(_ json: JSON) throws -> Administration.Done {
    let sentence = json["sentence"]?.string ?? ""
    guard json["ok"]?.bool == true else { throw AdminRefusal(sentence) }
    return Administration.Done(sentence: sentence, data: json["data"] ?? .emptyObject)
  }
}

/// The command line's side of it.
package enum AdminOrders {
  /// How long the hub may take: the writer takes everything in turn.
  private static let seconds = 60

  package struct Answer: Sendable {
    package var sentence: String
    package var data: JSON
  }

  /// Carries out an order in a data folder: through its hub when one serves it, else by opening it here.
  ///
  /// - Parameter makesDatabase: whether a folder without a database gets one.
  package static func send(_ order: AdminOrder, directory: String, makesDatabase: Bool = false) throws -> Answer {
    guard makesDatabase || Store.holdsDatabase(directory) else { throw StoreFailure.noDatabase(path: directory) }
    try ownFolder(directory)
    // The hub may just be starting or stopping: one of the two ways is open soon.
    for attempt in 0..<20 {
      if attempt > 0 { usleep(250_000) }
      do {
        let store = try DirectStore(directory: directory)
        defer { store.close() }
        let done = try Administration(store: store.store).carryOut(order)
        return Answer(sentence: done.sentence, data: done.data)
      } catch StoreFailure.inUse {}
      do {
        let done = try ask(order, directory: directory)
        return Answer(sentence: done.sentence, data: done.data)
      } catch let failure as AdminSocket.Failure where failure.isAbsent {}
    }
    throw AdminRefusal(
      "A process has the data folder \(directory) open and takes no orders: it may be another command, which to wait for,"
        + " or a hub of an older release, which to stop first.")
  }

  private static func ask(_ order: AdminOrder, directory: String) throws -> Administration.Done {
    let descriptor = try AdminSocket.connect(to: directory, seconds: seconds)
    defer { close(descriptor) }
    guard AdminSocket.write(line: Array(order.json.text.utf8), to: descriptor),
      let line = AdminSocket.readLine(descriptor), let answer = try? JSON.parse(line)
    else {
      throw AdminRefusal(
        "The hub took the order and did not answer: look whether it was carried out, then give it again.")
    }
    return try AdminAnswer.done(answer)
  }

  /// Files that root makes in another's folder would keep its hub from starting.
  package static func ownFolder(_ directory: String) throws {
    var status = stat()
    guard stat(directory, &status) == 0 else { return }
    guard status.st_uid == geteuid() else {
      throw AdminRefusal(
        "The data folder \(directory) belongs to another user (\(status.st_uid)): run this command as that user.")
    }
  }
}

import AuraThreads
import Glibc

/// SIGTERM and SIGINT as something to wait for, and SIGHUP for who has something to reload. Made before any thread is, so
/// that no thread has them delivered.
struct StopSignals {
  private let stopping: sigset_t
  private let awaited: sigset_t

  init(reloads: Bool = false) {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    stopping = set
    if reloads { sigaddset(&set, SIGHUP) }
    awaited = set
    pthread_sigmask(SIG_BLOCK, &set, nil)
    // A socket that is gone is an error of `send`, not the end of the process; so is a file that may not grow.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Waits for the first that stops, and calls `reload` at each SIGHUP until then. A second one that stops ends the
  /// process at once.
  func wait(reload: () -> Void = {}) {
    var number: Int32 = 0
    var awaited = awaited
    repeat {
      sigwait(&awaited, &number)
      if number == SIGHUP { reload() }
    } while number == SIGHUP
    let stopping = stopping
    _ = OwnedThread(name: "second-signal") {
      var second = stopping
      var number: Int32 = 0
      sigwait(&second, &number)
      _exit(128 + number)
    }
  }
}

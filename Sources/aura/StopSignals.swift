import AuraThreads
import Glibc

/// SIGTERM and SIGINT as something to wait for. Made before any thread is, so that no thread has them delivered.
struct StopSignals {
  private let set: sigset_t

  init() {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    // A socket that is gone is an error of `send`, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    self.set = set
  }

  /// Waits for the first. From then on a second one ends the process at once.
  func wait() {
    var number: Int32 = 0
    var first = set
    sigwait(&first, &number)
    let set = set
    _ = OwnedThread(name: "second-signal") {
      var second = set
      var number: Int32 = 0
      sigwait(&second, &number)
      _exit(128 + number)
    }
  }
}

import Synchronization

/// Many write, one thread takes: the only way into a thread that owns state. Bounded, so that what is not taken is
/// refused where it is offered.
package final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    var isClosed = false
  }

  package let capacity: Int
  private let state = Mutex(State())
  /// Called when the mailbox goes from empty to not empty, on the thread that offered.
  private let wake: @Sendable () -> Void

  package init(capacity: Int, wake: @escaping @Sendable () -> Void) {
    self.capacity = capacity
    self.wake = wake
  }

  /// Puts a message in; `false` when the mailbox is full or closed and the message was not taken.
  @discardableResult
  package func offer(_ message: Message) -> Bool { offer(CollectionOfOne(message)) }

  /// Puts all of them in, in order, or none.
  @discardableResult
  package func offer(_ messages: some Collection<Message>) -> Bool {
    if messages.isEmpty { return true }
    let wasEmpty: Bool? = state.withLock { state in
      guard !state.isClosed, state.messages.count + messages.count <= capacity else { return nil }
      let wasEmpty = state.messages.isEmpty
      state.messages.append(contentsOf: messages)
      return wasEmpty
    }
    if wasEmpty == true { wake() }
    return wasEmpty != nil
  }

  /// Takes everything that waits, in the order offered.
  package func takeAll() -> [Message] {
    state.withLock { state in
      var taken: [Message] = []
      swap(&taken, &state.messages)
      return taken
    }
  }

  package var count: Int { state.withLock { $0.messages.count } }

  /// Whether nothing more will be put in: what `takeAll` returns afterwards is the last.
  package var isClosed: Bool { state.withLock { $0.isClosed } }

  /// Refuses further messages; what is inside can still be taken.
  package func close() {
    state.withLock { $0.isClosed = true }
    wake()
  }
}

import Dispatch
import Head
import Synchronization

extension [HeadState] {
  /// Runs `body` on every head, on up to `threads` threads; each thread has sums of its own to use
  /// again.
  mutating func inParallel(
    _ threads: Int, _ body: @Sendable (inout HeadState, inout ExactGradient?) -> Void
  ) {
    let queue = HeadQueue(self)
    // The only reference to each head is then the queue's, so that none is copied to be changed.
    self = []
    DispatchQueue.concurrentPerform(iterations: Swift.min(threads, queue.count)) { _ in
      var sums: ExactGradient?
      while let (index, head) = queue.take() {
        var head = head
        body(&head, &sums)
        queue.put(head, at: index)
      }
    }
    self = queue.all
  }
}

/// Heads that threads take to work on and put back.
private final class HeadQueue: Sendable {
  private struct Slots {
    var heads: [HeadState?]
    var next = 0
  }

  let count: Int
  private let slots: Mutex<Slots>

  init(_ heads: [HeadState]) {
    count = heads.count
    slots = Mutex(Slots(heads: heads))
  }

  func take() -> (index: Int, head: HeadState)? {
    slots.withLock { slots in
      guard slots.next < slots.heads.count else { return nil }
      defer { slots.next += 1 }
      guard let head = slots.heads[slots.next].take() else { return nil }
      return (slots.next, head)
    }
  }

  func put(_ head: HeadState, at index: Int) {
    slots.withLock { $0.heads[index] = head }
  }

  var all: [HeadState] { slots.withLock { $0.heads.compactMap(\.self) } }
}

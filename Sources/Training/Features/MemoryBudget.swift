import Foundation

/// Memory that several threads share for something large and short, such as decoding an image.
///
/// Those who ask are served in their order, so that nobody waits for ever. Whoever asks for more
/// than there is at all is served alone. As nobody waits for anything else while holding a share,
/// there is no deadlock.
///
/// `@unchecked Sendable`: all mutable state is touched only while `condition` is locked.
package final class MemoryBudget: @unchecked Sendable {
  /// What may be held at the same time, unless a single one holds more.
  package let bytes: Int

  private let condition = NSCondition()
  private var used = 0
  private var asked = 0
  private(set) var served = 0

  /// A budget of `bytes`.
  package init(bytes: Int) { self.bytes = bytes }

  /// Runs `body` while it holds `share` bytes; waits until they are free. `body` must not ask for
  /// another share.
  package func holding<Value, Failure: Error>(
    _ share: Int, _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    take(share)
    defer { condition.change { used -= share } }
    return try body()
  }

  private func take(_ share: Int) {
    condition.change {
      let turn = asked
      asked += 1
      while turn > served || (used > 0 && used + share > bytes) { condition.wait() }
      served += 1
      used += share
    }
  }
}

extension NSCondition {
  /// Changes what the condition guards, and wakes all that wait for it.
  fileprivate func change(_ body: () -> Void) {
    withLock(body)
    broadcast()
  }
}

import Foundation
import Synchronization

/// Ends the process where a call does not return in time that cannot be made to.
///
/// For calls that block inside MPI: no other thread may use MPI then, so a message and the end of
/// this process are all that is left; the launcher ends the others.
final class Watchdog: Sendable {
  private let isOver = Atomic(false)

  /// Waits for ``disarm()`` for `timeout`, nil for ever; then prints `message` and ends the process
  /// with `status`.
  ///
  /// - Parameter index: which of the processes that wait this is. Each waits a second longer than
  ///   the one before, eight at most, so that usually one speaks, and mpirun sees one end.
  init(
    _ timeout: Duration?, index: Int, status: Int32,
    message: @escaping @Sendable (_ seconds: Int64) -> String
  ) {
    guard let timeout else { return }
    let seconds = timeout.components.seconds + Int64(min(max(index, 0), 8))
    Thread.detachNewThread { [self] in
      guard hasExpired(after: seconds, sleep: { Thread.sleep(forTimeInterval: 1) }) else { return }
      try? FileHandle.standardError.write(contentsOf: Data((message(seconds) + "\n").utf8))
      _exit(status)
    }
  }

  /// Sleeps `seconds` times a second; false as soon as the call has returned.
  ///
  /// Not in one sleep: time in which the process was stopped, perhaps with all others as in a
  /// container that was paused, counts as one second.
  func hasExpired(after seconds: Int64, sleep: () -> Void) -> Bool {
    for _ in 0..<seconds {
      sleep()
      if isOver.load(ordering: .acquiring) { return false }
    }
    return true
  }

  /// The call has returned.
  func disarm() { isOver.store(true, ordering: .releasing) }
}

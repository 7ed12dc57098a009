import Foundation
import Synchronization

/// Ends the process with status 69 where a call does not return in time that cannot be made to.
///
/// For calls that block inside MPI: no other thread may use MPI then, so a message and the end of
/// this process are all that is left; the launcher ends the others.
final class Watchdog: Sendable {
  private let isOver = Atomic(false)

  /// Waits for ``disarm()`` for `patience`, nil for ever; then prints `message` and ends the
  /// process.
  ///
  /// - Parameter place: which of the processes that wait this is. Each waits a second longer than
  ///   the one before, so that usually one speaks, and mpirun sees one end.
  init(
    _ patience: Duration?, place: Int, message: @escaping @Sendable (_ seconds: Int64) -> String
  ) {
    guard let patience else { return }
    let seconds = patience.components.seconds + Int64(min(place, 8))
    Thread.detachNewThread { [self] in
      Thread.sleep(forTimeInterval: Double(seconds))
      guard !isOver.load(ordering: .acquiring) else { return }
      try? FileHandle.standardError.write(contentsOf: Data((message(seconds) + "\n").utf8))
      _exit(69)
    }
  }

  /// The call has returned.
  func disarm() { isOver.store(true, ordering: .releasing) }
}

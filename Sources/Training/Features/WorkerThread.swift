internal import Glibc

/// The system refused a thread: no memory for its stack, or too many of them.
package struct ThreadRefused: Error, CustomStringConvertible {
  /// The number of the system's error.
  let code: Int32

  package var description: String {
    "the system starts no further thread (\(String(cString: strerror(code)))); use fewer threads or "
      + "processes, or raise the limits of memory and processes"
  }
}

/// Runs `body` on a thread of its own, which nobody joins.
///
/// Foundation's `Thread` says nothing where the system refuses one, and whoever waits for its work
/// then waits for ever.
///
/// - Parameter stackBytes: the size of the thread's stack.
package func startThread(
  stackBytes: Int, _ body: @escaping @Sendable () -> Void
) throws(ThreadRefused) {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  defer { pthread_attr_destroy(&attributes) }
  pthread_attr_setstacksize(&attributes, stackBytes)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  let work = Unmanaged.passRetained(ThreadWork(body))
  var thread = pthread_t()
  let code = pthread_create(&thread, &attributes, runThread, work.toOpaque())
  guard code == 0 else {
    work.release()
    throw ThreadRefused(code: code)
  }
}

/// What a thread is to do, on its way there.
private final class ThreadWork {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runThread(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let pointer else { return nil }
  Unmanaged<ThreadWork>.fromOpaque(pointer).takeRetainedValue().body()
  return nil
}

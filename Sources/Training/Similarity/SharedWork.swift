import Foundation

/// Has threads share pieces of work, and returns what each of them has found.
///
/// Which thread does which piece is left to chance, so what is found must be put together in a way
/// that does not depend on it.
///
/// - Parameters:
///   - threads: how many threads, at least 1; fewer where the system refuses some.
///   - count: how many pieces.
///   - start: what a thread begins with.
///   - work: does one piece, on one of the threads.
///   - progress: called on this thread several times a second, with how many pieces are done.
/// - Throws: what `progress` throws, or a ``ThreadRefused`` where there is no thread.
func sharedWork<Found: Sendable>(
  threads: Int, count: Int, start: Found, _ work: @escaping @Sendable (inout Found, Int) -> Void,
  progress: (Int) throws -> Void
) throws -> [Found] {
  let pieces = Pieces<Found>(count: count)
  var refusal: ThreadRefused?
  for _ in 0..<threads {
    do throws(ThreadRefused) {
      try pieces.startWorker(from: start, work)
    } catch {
      refusal = error
    }
  }
  if let refusal, pieces.hasNoWorkers { throw refusal }
  defer { pieces.stop() }
  while let done = pieces.wait() { try progress(done) }
  return pieces.found
}

/// `@unchecked Sendable`: all mutable state is touched only while `condition` is locked.
private final class Pieces<Found: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private let count: Int
  private var taken = 0
  private var done = 0
  private var workers = 0
  private var results: [Found] = []

  init(count: Int) { self.count = count }

  var hasNoWorkers: Bool { condition.withLock { workers == 0 && results.isEmpty } }
  var found: [Found] { condition.withLock { results } }

  func startWorker(
    from start: Found, _ work: @escaping @Sendable (inout Found, Int) -> Void
  ) throws(ThreadRefused) {
    condition.withLock { workers += 1 }
    do throws(ThreadRefused) {
      try startThread(stackBytes: 1 << 20) { [self] in
        var found = start
        while let piece = take() {
          work(&found, piece)
          condition.withLock { done += 1 }
        }
        end(found)
      }
    } catch {
      condition.withLock { workers -= 1 }
      throw error
    }
  }

  private func take() -> Int? {
    condition.withLock {
      guard taken < count else { return nil }
      defer { taken += 1 }
      return taken
    }
  }

  private func end(_ found: Found) {
    condition.withLock {
      results.append(found)
      workers -= 1
    }
    condition.broadcast()
  }

  /// Waits a moment; nil where all workers have ended, else how many pieces are done.
  func wait() -> Int? {
    condition.withLock {
      if workers > 0 { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1)) }
      return workers > 0 ? done : nil
    }
  }

  /// Lets the workers end after the piece that they have in hand, and waits for them: a process must not
  /// end under threads that still compute.
  func stop() {
    condition.withLock {
      taken = count
      while workers > 0 { condition.wait() }
    }
  }
}

import Foundation

/// Computes features ahead of the training step, on worker threads, a bounded number of images
/// ahead.
///
/// The backbone is frozen, so the features of later batches do not depend on the head: workers take
/// the requests in order, in groups of up to `groupSize` (the backbone reads its weights once a
/// group), and the consumer receives the results in the order of the requests, whatever thread was
/// faster. An error surfaces when the consumer reaches the request that caused it, so it too is the
/// same for any number of threads and ranks.
///
/// `@unchecked Sendable`: all mutable state is touched only while `condition` is locked.
final class FeaturePipeline: @unchecked Sendable {
  private let condition = NSCondition()
  private let groupSize: Int
  private let lookAhead: Int
  private let meter: RankMeter
  private var requests: any Iterator
  private var ended = false
  private var stopped = false
  private var working: Int
  private var taken = 0
  private var consumed = 0
  private var finished: [Int: Result<FeatureAnswer, any Error>] = [:]
  private var inHand: [Int: String] = [:]
  /// Why a worker has no thread. The others do its work; where there are none, the run ends.
  private var refusal: ThreadRefused?
  /// When the consumer, which alone touches it, was last told what is in hand.
  private var reported = ContinuousClock.now

  /// A source of requests that may move between threads.
  typealias Iterator = IteratorProtocol<FeatureRequest> & Sendable

  /// Starts `threads` workers on `requests`.
  ///
  /// - Parameters:
  ///   - requests: what to compute, in the order of consumption.
  ///   - lookAhead: how many images may be computed beyond those consumed; at least `groupSize`.
  ///   - groupSize: how many images a worker takes at once.
  ///   - threads: the number of workers, at least 1.
  ///   - meter: measures the time that the workers are at work.
  ///   - makeWorker: makes one thread's worker; runs on that thread.
  init(
    requests: any Iterator, lookAhead: Int, groupSize: Int, threads: Int,
    meter: RankMeter = RankMeter(),
    makeWorker: @escaping @Sendable () throws -> FeatureWorker
  ) {
    self.requests = requests
    self.groupSize = groupSize
    self.meter = meter
    self.lookAhead = max(lookAhead, groupSize)
    working = threads
    for _ in 0..<threads {
      do throws(ThreadRefused) {
        try startThread(stackBytes: 8 << 20) { [self] in
          work(makeWorker)
        }
      } catch {
        condition.lock()
        working -= 1
        refusal = error
        condition.unlock()
      }
    }
  }

  /// The results of the next `count` requests, in order; waits for them.
  ///
  /// - Parameter whileWaiting: called several times a second with the file in hand of the worker
  ///   whose group has been in work longest, nil where none is at work.
  /// - Throws: the error of the first request among them that failed, or what `whileWaiting`
  ///   throws.
  func next(
    _ count: Int, whileWaiting: (String?) throws -> Void = { _ in }
  ) throws -> [FeatureAnswer] {
    try (0..<count).map { _ in try nextResult(whileWaiting).get() }
  }

  /// The results of the next `count` requests, in order, errors among them; waits for them.
  ///
  /// - Throws: what `whileWaiting` throws, see ``next(_:whileWaiting:)``.
  func nextResults(
    _ count: Int, whileWaiting: (String?) throws -> Void = { _ in }
  ) throws -> [Result<FeatureAnswer, any Error>] {
    try (0..<count).map { _ in try nextResult(whileWaiting) }
  }

  private func nextResult(
    _ whileWaiting: (String?) throws -> Void
  ) throws -> Result<FeatureAnswer, any Error> {
    condition.lock()
    defer { condition.unlock() }
    while true {
      if let result = finished.removeValue(forKey: consumed) {
        consumed += 1
        condition.broadcast()
        return result
      }
      if let refusal, working == 0 { throw refusal }
      _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1))
      guard ContinuousClock.now - reported > .milliseconds(100) else { continue }
      reported = .now
      let file = oldestInHand
      condition.unlock()
      defer { condition.lock() }
      try whileWaiting(file)
    }
  }

  /// The file in hand of the worker whose group has been in work longest; only while `condition` is
  /// locked.
  private var oldestInHand: String? { inHand.min { $0.key < $1.key }?.value }

  /// Lets the workers end after what they have in hand; the pipeline gives no results afterwards.
  func stop() {
    condition.lock()
    defer { condition.unlock() }
    stopped = true
    condition.broadcast()
    // A process must not end under threads that still compute; one that hangs in a read is left
    // behind.
    let deadline = Date(timeIntervalSinceNow: 3)
    while working > 0 && condition.wait(until: deadline) {}
  }

  private func work(_ makeWorker: () throws -> FeatureWorker) {
    defer {
      condition.withLock { working -= 1 }
      condition.broadcast()
    }
    let made = Result { try makeWorker() }
    while let (start, group) = take() {
      let results = meter.measure(.features(images: group.count)) {
        Self.results(of: group, made) { request in
          condition.withLock { inHand[start] = request.sample.path }
        }
      }
      condition.withLock {
        for (offset, result) in results.enumerated() { finished[start + offset] = result }
        inHand[start] = nil
      }
      condition.broadcast()
    }
  }

  /// The result of each request of a group. Where one of them fails they are done one by one, so
  /// that the others, which another number of ranks may have grouped otherwise, have theirs.
  private static func results(
    of group: [FeatureRequest], _ made: Result<FeatureWorker, any Error>,
    _ beginning: (FeatureRequest) -> Void
  ) -> [Result<FeatureAnswer, any Error>] {
    do {
      let answers = try made.get()(group, beginning)
      precondition(answers.map(\.request) == group, "an answer each, in order")
      return answers.map { .success($0) }
    } catch  where group.count == 1 {
      return [.failure(error)]
    } catch {
      return group.flatMap { results(of: [$0], made, beginning) }
    }
  }

  /// The next group of requests and the position of its first, or nil when there is nothing left.
  private func take() -> (Int, [FeatureRequest])? {
    condition.lock()
    defer { condition.unlock() }
    while !stopped && !ended && taken + groupSize > consumed + lookAhead { condition.wait() }
    guard !stopped && !ended else { return nil }
    var group: [FeatureRequest] = []
    while group.count < groupSize {
      guard let request = requests.next() else {
        ended = true
        break
      }
      group.append(request)
    }
    guard let first = group.first else { return nil }
    defer { taken += group.count }
    inHand[taken] = first.sample.path
    return (taken, group)
  }
}

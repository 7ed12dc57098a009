import Synchronization

/// A producer that keeps answers in memory, so that later epochs read no files again: those to the
/// requests that come back in later epochs, up to a number of bytes.
package struct RememberedFeatures: FeatureProducer {
  private let producer: any FeatureProducer
  private let comesBack: @Sendable (FeatureRequest) -> Bool
  private let memory: Memory

  /// Keeps answers of `producer`.
  ///
  /// - Parameters:
  ///   - bytes: how much is kept.
  ///   - comesBack: whether the same may be asked again.
  package init(
    of producer: any FeatureProducer, bytes: Int = 256 << 20,
    comesBack: @escaping @Sendable (FeatureRequest) -> Bool
  ) {
    self.producer = producer
    self.comesBack = comesBack
    memory = Memory(bytes: bytes)
  }

  package func makeWorker(sharing budget: MemoryBudget) throws -> FeatureWorker {
    let worker = try producer.makeWorker(sharing: budget)
    return { requests, beginning in
      var answers = requests.map { comesBack($0) ? memory[$0] : nil }
      let missing = requests.indices.filter { answers[$0] == nil }
      guard !missing.isEmpty else { return answers.compactMap(\.self) }
      let found = try worker(missing.map { requests[$0] }, beginning)
      for (index, answer) in zip(missing, found) {
        answers[index] = answer
        if comesBack(requests[index]) { memory.keep(answer) }
      }
      return answers.compactMap(\.self)
    }
  }

  /// What threads share.
  private final class Memory: Sendable {
    private struct Key: Hashable {
      let path: String
      let index: Int
      let view: Int?

      init(_ request: FeatureRequest) {
        (path, index, view) = (request.sample.path, request.index, request.view)
      }
    }

    private let kept = Mutex<[Key: FeatureAnswer]>([:])
    private let bytes: Atomic<Int>

    init(bytes: Int) { self.bytes = Atomic(bytes) }

    subscript(request: FeatureRequest) -> FeatureAnswer? {
      kept.withLock { $0[Key(request)] }
    }

    func keep(_ answer: FeatureAnswer) {
      // The vector, and about as much as the rest of an entry takes.
      let size = 4 * (answer.features?.count ?? 0) + 512
      guard bytes.load(ordering: .relaxed) >= size else { return }
      bytes.subtract(size, ordering: .relaxed)
      kept.withLock { $0[Key(answer.request)] = answer }
    }
  }
}

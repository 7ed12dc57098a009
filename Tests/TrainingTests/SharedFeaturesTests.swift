import Collectives
import ImageData
import Testing

@testable import Training

/// Features that ranks work out together and rank 0 receives in order.
@Suite struct SharedFeaturesTests {
  /// An image in three cannot be used.
  private struct Images: FeatureProducer {
    func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
      let worker = try SyntheticImages().makeWorker(sharing: memory)
      return { requests, beginning in
        if let bad = requests.first(where: { $0.index % 3 == 1 }) { throw error(of: bad) }
        return try worker(requests, beginning)
      }
    }
    func error(of request: FeatureRequest) -> DatasetError {
      let kind: DatasetError.Kind = request.index % 2 == 0 ? .missing : .invalid
      return DatasetError(kind, "the image \(request.index) — «no»")
    }
  }

  private func requests(_ count: Int) -> [FeatureRequest] {
    (0..<count).map {
      FeatureRequest(sample: Sample(path: "\($0).jpg", label: 0, bytes: 1), index: $0, view: nil)
    }
  }

  private func expected(_ request: FeatureRequest) throws -> ImageOutcome {
    guard request.index % 3 != 1 else {
      return ImageOutcome(features: .failure(Images().error(of: request)), attachment: [])
    }
    let vector = try #require(try SyntheticImages().answer(request))
    return ImageOutcome(
      features: .success(vector), attachment: Array("of \(request.index)".utf8))
  }

  @Test(arguments: [1, 2, 3, 4], [0, 1, 2, 7, 60])
  func rankZeroHasEveryOutcomeInOrder(ranks: Int, count: Int) throws {
    let requests = requests(count)
    let received = onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      var options = RunOptions()
      // Ranks may have other numbers of threads.
      options.threads = 1 + communicator.rank
      options.groupSize = 4
      var outcomes: [ImageOutcome] = []
      try shareFeatures(
        of: requests, producer: Images(), options: options, communicator: communicator,
        attach: { Array("of \($0.index)".utf8) },
        receive: { index, outcome in
          #expect(index == outcomes.count)
          outcomes.append(outcome)
        })
      return outcomes
    }
    #expect(try received[0].get() == requests.map(expected))
    for other in received.dropFirst() { #expect(try other.get().isEmpty) }
  }

  /// The first row must not wait for the last image.
  @Test func outcomesComeBeforeTheWorkIsDone() throws {
    let begun = onEveryRank(of: ThreadWorld(worldSize: 2)) { communicator in
      let lastBegun = Counter()
      var options = RunOptions()
      options.groupSize = 2
      var isFirst = true
      try shareFeatures(
        of: requests(400), producer: Watched(last: lastBegun), options: options,
        communicator: communicator
      ) { _, _ in
        if isFirst { #expect(lastBegun.value == 0) }
        isFirst = false
      }
      return lastBegun.value
    }
    #expect(try begun.contains { try $0.get() > 0 })
  }

  private struct Watched: FeatureProducer {
    let last: Counter
    func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
      let worker = try SyntheticImages().makeWorker(sharing: memory)
      return { requests, beginning in
        if requests.contains(where: { $0.index > 390 }) { last.add(1) }
        return try worker(requests, beginning)
      }
    }
  }

  @Test func otherErrorsEndTheWork() {
    let results = onEveryRank(of: ThreadWorld(worldSize: 3)) { communicator in
      try shareFeatures(
        of: requests(50), producer: SyntheticImages(failing: [30]), options: RunOptions(),
        communicator: communicator, receive: { _, _ in })
    }
    for result in results { #expect(throws: (any Error).self) { try result.get() } }
  }

  @Test func whatIsCutOffIsRefused() throws {
    let whole = try (0..<3).map { try expected(requests(3)[$0]) }
    let bytes = whole.flatMap(\.encoded)
    #expect(try ImageOutcome.decode(bytes) == whole)
    let ends = whole.indices.map { whole[...$0].flatMap(\.encoded).count }
    for count in 1..<bytes.count where !ends.contains(count) {
      #expect(throws: (any Error).self) { try ImageOutcome.decode(Array(bytes.prefix(count))) }
    }
  }

  /// Which image an outcome belongs to is known by its order alone.
  @Test func aRankThatTellsOfTooFewImagesIsAnError() {
    var received = 0
    #expect(throws: CollectiveError.self) {
      try shareFeatures(
        of: requests(3), producer: SyntheticImages(), options: RunOptions(),
        communicator: Forgetful(), receive: { _, _ in received += 1 })
    }
    #expect(received == 0)
  }
}

/// What another rank has said is lost on the way, whole messages of it or a part.
final class Forgetful: Communicator {
  let rank = 0
  let worldSize = 1
  let host = "here"
  var whileWaiting: () -> Void = {}
  var activity = ""

  func allreduce<Element: Reducible>(
    _ values: inout [Element], _ reduction: Reduction
  ) throws(CollectiveError) {}
  func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {}
  func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] { [bytes.dropLast(4)] }
  func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] { [[]] }
  func barrier() throws(CollectiveError) {}
}

import Foundation
import ImageData
import Synchronization
import Testing

@testable import Training

@Suite struct FeaturePipelineTests {
  private func requests(_ count: Int) -> [FeatureRequest] {
    (0..<count).map { index in
      FeatureRequest(
        sample: Sample(path: "\(index).jpg", label: index % 3, bytes: 1), index: index, view: 0)
    }
  }

  private func pipeline(
    _ count: Int, lookAhead: Int = 12, groupSize: Int = 4, threads: Int = 3,
    makeWorker: @escaping @Sendable () throws -> FeatureWorker = {
      try SyntheticImages().makeWorker()
    }
  ) -> FeaturePipeline {
    FeaturePipeline(
      requests: requests(count).makeIterator(), lookAhead: lookAhead, groupSize: groupSize,
      threads: threads, makeWorker: makeWorker)
  }

  @Test(arguments: [1, 2, 5], [1, 3, 8])
  func resultsComeInTheOrderOfTheRequests(threads: Int, groupSize: Int) throws {
    let pipeline = pipeline(50, groupSize: groupSize, threads: threads)
    defer { pipeline.stop() }
    var results: [FeatureAnswer] = []
    for count in [1, 0, 7, 20, 22] { results += try pipeline.next(count) }
    #expect(results.map(\.request) == requests(50))
    #expect(try results.map(\.features) == requests(50).map(SyntheticImages().answer))
  }

  @Test(arguments: [1, 2, 4], [1, 3, 8])
  func anErrorSurfacesWhenItsImageIsReached(threads: Int, groupSize: Int) throws {
    let pipeline = pipeline(30, groupSize: groupSize, threads: threads) {
      try SyntheticImages(failing: [17, 18]).makeWorker()
    }
    defer { pipeline.stop() }
    #expect(try pipeline.next(17).count == 17)
    #expect(throws: SyntheticImages.Failure(index: 17)) { try pipeline.next(5) }
    #expect(throws: SyntheticImages.Failure(index: 18)) { try pipeline.next(1) }
    #expect(try pipeline.next(1).first?.request.index == 19)
  }

  @Test func aWorkerThatCannotBeMadeIsAnErrorAtTheFirstImage() {
    let pipeline = pipeline(5) { throw SyntheticImages.Failure(index: -1) }
    defer { pipeline.stop() }
    #expect(throws: SyntheticImages.Failure(index: -1)) { try pipeline.next(1) }
  }

  @Test(.timeLimit(.minutes(1))) func workIsAheadByTheBoundAndNoMore() throws {
    let started = Counter()
    let pipeline = pipeline(100, lookAhead: 8, groupSize: 2, threads: 3) {
      let worker = try SyntheticImages().makeWorker()
      return { requests, beginning in
        started.add(requests.count)
        return try worker(requests, beginning)
      }
    }
    defer { pipeline.stop() }
    for consumed in 0..<92 {
      // Without a consumer the workers fill the look-ahead, and then rest.
      while started.value < consumed / 2 * 2 + 8 { usleep(100) }
      #expect(started.value <= consumed + 8)
      _ = try pipeline.next(1)
    }
    #expect(try pipeline.next(8).count == 8)
    #expect(started.value == 100)
  }

  @Test(.timeLimit(.minutes(1))) func stoppedWorkersEndAndFreeThePipeline() throws {
    weak var seen: FeaturePipeline?
    do {
      let pipeline = pipeline(1_000)
      seen = pipeline
      _ = try pipeline.next(3)
      pipeline.stop()
    }
    while seen != nil { usleep(1_000) }
  }

  @Test(.timeLimit(.minutes(1))) func whoeverWaitsLearnsWhichFileIsInWork() throws {
    let gate = Counter()
    let pipeline = pipeline(4, groupSize: 2, threads: 1) {
      return { requests, beginning in
        // The second image of the first group takes its time.
        for request in requests {
          beginning(request)
          while gate.value == 0 && request.index == 1 { usleep(1_000) }
        }
        return try SyntheticImages().makeWorker()(requests) { _ in }
      }
    }
    defer { pipeline.stop() }
    var files: [String] = []
    let results = try pipeline.next(4) { file in
      files.append(file ?? "none")
      if files.count == 2 { gate.add(1) }
    }
    #expect(results.count == 4)
    #expect(files.prefix(2) == ["1.jpg", "1.jpg"])
  }

  /// Else the features of one image would be taken for those of the next.
  @Test func aWorkerThatPassesOverARequestEndsTheProcess() async {
    await #expect(processExitsWith: .failure) {
      let pipeline = FeaturePipelineTests().pipeline(8, threads: 1) {
        let worker = try SyntheticImages().makeWorker()
        return { requests, beginning in try worker(Array(requests.dropFirst()), beginning) }
      }
      _ = try pipeline.next(4)
    }
  }

  @Test(.timeLimit(.minutes(1))) func whoeverWaitsMayGiveUp() throws {
    let gate = Counter()
    let pipeline = pipeline(1, threads: 1) {
      return { requests, beginning in
        while gate.value == 0 { usleep(1_000) }
        return try SyntheticImages().makeWorker()(requests, beginning)
      }
    }
    defer { pipeline.stop() }
    #expect(throws: SyntheticImages.Failure(index: -2)) {
      try pipeline.next(1) { _ in throw SyntheticImages.Failure(index: -2) }
    }
    gate.add(1)
    #expect(try pipeline.next(1).count == 1)
  }
}

/// A number that several threads count up.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  var value: Int { count.load(ordering: .acquiring) }
  func add(_ more: Int) { count.add(more, ordering: .acquiringAndReleasing) }
}

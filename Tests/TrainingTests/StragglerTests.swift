import Collectives
import Foundation
import Synchronization
import Testing

@testable import Training

/// Who is said to keep the others waiting.
@Suite struct StragglerTests {
  /// An epoch of ranks with these hosts and seconds an image, 100 images each.
  private func epoch(
    _ ranks: [(host: String, seconds: Double)], images: Int = 100, lasting: Double? = nil
  ) -> [RankTimes] {
    let longest = lasting ?? ranks.map(\.seconds).max().map { $0 * Double(images) } ?? 0
    return ranks.map { host, seconds in
      RankTimes(
        host: host, images: images, features: seconds * Double(images), own: 0, waiting: 0,
        seconds: longest)
    }
  }

  private func warnings(_ epochs: [[RankTimes]]) -> [String?] {
    var watch = StragglerWatch()
    return epochs.map { watch.warning($0) }
  }

  @Test(arguments: [2, 3, 64], [0, 1]) func aSlowHostIsNamedOnceAfterTwoEpochs(
    hosts: Int, slow: Int
  ) throws {
    let ranks = epoch((0..<hosts).map { ("h\($0)", $0 == slow ? 0.42 : 0.2) })
    let found = warnings([ranks, ranks, ranks, ranks])
    #expect(found[0] == nil && found[2] == nil && found[3] == nil)
    #expect(
      found[1]
        == "host h\(slow) (rank \(slow)) has been slow for 2 epochs: 0.42 s an image, 2.1 times as "
        + "long as the others' 0.2 s. The other ranks wait for it in every step: see what else "
        + "runs there, or go on without it")
  }

  @Test func oneSlowEpochIsChance() {
    let (slow, equal) = (epoch([("a", 0.2), ("b", 0.5)]), epoch([("a", 0.2), ("b", 0.2)]))
    #expect(warnings([slow, equal, slow, equal]).allSatisfy { $0 == nil })
    #expect(warnings([slow, equal, slow, slow])[3] != nil)
  }

  @Test func lessThanTheFactorIsNoReason() {
    let ranks = epoch([("a", 0.2), ("b", 0.29), ("c", 0.2)])
    #expect(warnings([ranks, ranks, ranks]).allSatisfy { $0 == nil })
  }

  /// All ranks of the host, also where they are more than the others.
  @Test func aHostIsComparedWithOtherHosts() throws {
    let ranks = epoch([("a", 0.1)] + Array(repeating: ("b", 0.3), count: 3))
    let text = try #require(warnings([ranks, ranks])[1])
    #expect(text.hasPrefix("host b (ranks 1, 2, 3) has been slow"))
  }

  @Test func oneSlowRankOfAHostIsNamedAlone() throws {
    let ranks = epoch([("a", 0.1), ("a", 0.1), ("b", 0.1), ("b", 0.3)])
    let text = try #require(warnings([ranks, ranks])[1])
    #expect(text.hasPrefix("host b (rank 3) has been slow"))
    // Where there is no other host, the other ranks are what it is compared with.
    let alone = epoch([("a", 0.1), ("a", 0.1), ("a", 0.3)])
    #expect(try #require(warnings([alone, alone])[1]).hasPrefix("host a (rank 2) has been slow"))
  }

  @Test func manySlowHostsAreCounted() throws {
    let ranks = epoch((0..<20).map { ("h\($0)", $0 < 8 ? 0.4 : 0.1) })
    let text = try #require(warnings([ranks, ranks])[1])
    #expect(text.contains("host h4 (rank 4)") && !text.contains("host h5"))
    #expect(text.contains("; 3 more hosts. "))
  }

  @Test func anotherHostIsNamedLater() throws {
    let (first, both) = (
      epoch([("a", 0.3), ("b", 0.1), ("c", 0.1), ("d", 0.1), ("e", 0.1)]),
      epoch([("a", 0.3), ("b", 0.3), ("c", 0.1), ("d", 0.1), ("e", 0.1)])
    )
    let found = warnings([first, first, both, both])
    #expect(found[1]?.hasPrefix("host a ") == true && found[2] == nil)
    #expect(found[3]?.hasPrefix("host b ") == true)
    #expect(found[3]?.contains("host a ") == false)
  }

  /// Epochs in which features are remembered are short, or spent on other things.
  @Test func whereLittleIsLostNobodyIsNamed() {
    let quick = epoch([("a", 0.0001), ("b", 0.001)])
    let others = epoch([("a", 0.01), ("b", 0.03)], lasting: 100)
    let idle = epoch([("a", 0), ("b", 0)], images: 0, lasting: 10)
    for ranks in [quick, others, idle, epoch([("a", 1)]), []] {
      #expect(warnings([ranks, ranks, ranks]).allSatisfy { $0 == nil })
    }
  }

  // MARK: The times

  private final class Clock: Sendable {
    private let begin = ContinuousClock.now
    private let passed = Mutex(Duration.zero)
    func advance(_ seconds: Double) { passed.withLock { $0 += .seconds(seconds) } }
    var now: ContinuousClock.Instant { begin + passed.withLock { $0 } }
  }

  /// A communicator whose operations take a second each.
  private final class SlowCommunicator: Communicator {
    let (rank, worldSize, host) = (0, 2, "h")
    var whileWaiting: () -> Void = {}
    var activity = ""
    let clock: Clock

    init(_ clock: Clock) { self.clock = clock }
    func allreduce<Element: Reducible>(
      _ values: inout [Element], _ reduction: Reduction
    ) throws(CollectiveError) { clock.advance(1) }
    func broadcast(_ bytes: inout [UInt8], from root: Int) throws(CollectiveError) {
      clock.advance(1)
    }
    func allgather(_ bytes: [UInt8]) throws(CollectiveError) -> [[UInt8]] {
      clock.advance(1)
      return [bytes, bytes]
    }
    func gather(_ bytes: [UInt8], to root: Int) throws(CollectiveError) -> [[UInt8]] {
      clock.advance(1)
      return [bytes, bytes]
    }
    func barrier() throws(CollectiveError) {
      clock.advance(1)
      throw .stalled("gone")
    }
  }

  @Test func everyOperationIsWaitingAndTheRestIsOwn() throws {
    let clock = Clock()
    let meter = RankMeter { clock.now }
    let communicator = MeteredCommunicator(SlowCommunicator(clock), meter)
    var (numbers, bytes) = ([1.0], [UInt8(1)])
    try communicator.allreduce(&numbers, .sum)
    try communicator.broadcast(&bytes, from: 0)
    #expect(try communicator.allgather([7]) == [[7], [7]])
    #expect(try communicator.gather([7], to: 0) == [[7], [7]])
    #expect(throws: CollectiveError.stalled("gone")) { try communicator.barrier() }
    try communicator.reportActivity()
    communicator.activity = "busy"
    #expect(communicator.activity == "busy")
    clock.advance(0.5)
    meter.measure(.awaitingFeatures) { clock.advance(2) }
    meter.measure(.features(images: 6)) { clock.advance(4) }
    let times = meter.lap(host: "h", threads: 2)
    #expect(
      times
        == RankTimes(host: "h", images: 6, features: 2, own: 4.5, waiting: 5, seconds: 11.5))
    #expect(times.secondsAnImage == 2 / 6.0)
    // The next lap begins with nothing.
    clock.advance(1)
    #expect(
      meter.lap(host: "h", threads: 1)
        == RankTimes(host: "h", images: 0, features: 0, own: 1, waiting: 0, seconds: 1))
  }

  @Test func timesSurviveTheirWayAndOthersAreRefused() throws {
    let times = RankTimes(
      host: "höst", images: 3, features: 0.5, own: 1.5, waiting: 2.5, seconds: 9)
    #expect(try RankTimes(bytes: times.bytes) == times)
    #expect(throws: CollectiveError.self) { try RankTimes(bytes: [1, 2]) }
    #expect(throws: CollectiveError.self) {
      try RankTimes(bytes: [UInt8](repeating: 0xff, count: 40))
    }
  }

  // MARK: A run

  private final class Listener: TrainingObserver {
    private(set) var ranks: [[RankTimes]] = []
    private(set) var warnings: [String] = []
    let gate = Gate()

    func note(_ event: TrainingEvent) {
      if case .epoch(let metrics, _, _, _) = event { gate.open(epoch: metrics.epoch) }
      if case .ranks(_, let times) = event { ranks.append(times) }
      if case .warning(let text) = event { warnings.append(text) }
    }
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws {}
  }

  /// Keeps workers from running ahead into the next epoch, so that each epoch's times are its own.
  private final class Gate: @unchecked Sendable {
    private let condition = NSCondition()
    private var epoch = 0

    func open(epoch: Int) {
      condition.withLock { self.epoch = epoch }
      condition.broadcast()
    }

    func wait(forEpoch epoch: Int) {
      condition.lock()
      while self.epoch < epoch, condition.wait(until: Date(timeIntervalSinceNow: 60)) {}
      condition.unlock()
    }
  }

  /// Images that take a rank's clock some seconds each.
  private struct TimedImages: FeatureProducer {
    let images: SyntheticImages
    let clock: Clock
    let gate: Gate
    let seconds: Double
    var featureCount: Int { images.featureCount }

    func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
      let worker = try images.makeWorker(sharing: memory)
      return { requests, beginning in
        gate.wait(forEpoch: requests.compactMap(\.view).max() ?? 0)
        clock.advance(seconds * Double(requests.count))
        return try worker(requests, beginning)
      }
    }
  }

  /// Rank 2 takes twice as long: rank 0 says so, nobody else does, and the model is the same.
  @Test func aRunNamesItsStraggler() throws {
    var run = SyntheticRun()
    run.configuration.epochs = 4
    run.options.groupSize = 1
    let configured = run
    let found = try onEveryRank(of: ThreadWorld(worldSize: 3)) { communicator in
      let listener = Listener()
      let clock = Clock()
      var trainer = try Trainer(
        manifest: configured.manifest, configuration: configured.configuration,
        producer: TimedImages(
          images: configured.images, clock: clock, gate: listener.gate,
          seconds: communicator.rank == 2 ? 2 : 1),
        from: configured.initialState(), options: configured.options,
        communicator: communicator, stop: StopSignal(), observer: listener,
        meter: RankMeter { clock.now })
      _ = try trainer.run()
      return (listener.ranks, listener.warnings, trainer.state)
    }.map { try $0.get() }
    let ranks = found[0].0
    #expect(ranks.map { $0.map(\.secondsAnImage) } == Array(repeating: [1, 1, 2], count: 4))
    // The first epoch has the validation images, too.
    #expect(ranks.map { $0.map(\.images).reduce(0, +) } == [11 + 7, 11, 11, 11])
    let named = found[0].1.filter { $0.contains("has been slow") }
    #expect(named.count == 1 && named[0].hasPrefix("host thread (rank 2) has been slow for 2"))
    #expect(found[1].0.isEmpty && found[1].1.isEmpty && found[2].1.isEmpty)
    #expect(try configured.bytes(found[0].2) == configured.bytes(configured.train(ranks: 1)[0]))
  }
}

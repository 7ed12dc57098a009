import Synchronization
import Testing

@testable import Training

/// The times that are told of an epoch.
@Suite struct EpochTimeTests {
  private final class Listener: TrainingObserver {
    private(set) var epochs: [(seconds: Double, rate: Double)] = []

    func note(_ event: TrainingEvent) {
      if case .epoch(_, let seconds, let rate, _) = event { epochs.append((seconds, rate)) }
    }
    func save(_ state: TrainingState, isFinalAttempt: Bool) throws {}
  }

  @Test func anEpochsTimeBeginsWhereTheOneBeforeEnded() {
    let now = Mutex(ContinuousClock.now)
    let meter = RankMeter { now.withLock { $0 } }
    let laps = [1.5, 0, 4].map { seconds in
      now.withLock { $0 += .seconds(seconds) }
      return meter.lap(host: "h", threads: 1).seconds
    }
    #expect(laps == [1.5, 0, 4])
  }

  /// Every epoch's rate is that of its own 11 images, over all ranks, whatever its time.
  @Test(arguments: 1...3, Exchange.allCases)
  func theRateCountsTheImagesOfItsEpoch(ranks: Int, exchange: Exchange) throws {
    var run = SyntheticRun()
    run.configuration.epochs = 3
    run.options.exchange = exchange
    let configured = run
    let told = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      let listener = Listener()
      _ = try configured.train(communicator, observer: listener)
      return listener.epochs
    }.map { try $0.get() }
    for epochs in told {
      #expect(epochs.map { ($0.seconds * $0.rate).rounded() } == [11, 11, 11])
    }
  }
}

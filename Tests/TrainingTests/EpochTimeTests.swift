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
    var now = ContinuousClock.now
    var clock = EpochClock { now }
    let laps = [1.5, 0, 4].map { seconds in
      now += .seconds(seconds)
      return clock.lap()
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

import Collectives
import Foundation
import Head
import Testing

@testable import Training

@Suite struct TrainerTests {
  @Test(arguments: 1...5, [1, 3])
  func everyRankGivesTheBitsOfAPlainLoop(ranks: Int, threads: Int) throws {
    var run = SyntheticRun()
    run.options.threads = threads
    run.options.groupSize = 2
    let expected = try referenceRun(run)
    for state in try run.train(ranks: ranks) {
      #expect(state.head == expected.head)
      #expect(state.history == expected.history)
    }
  }

  @Test(arguments: [OptimizerKind.adam, .adamw, .sgd], LearningRateSchedule.Shape.allCases)
  func everySettingGivesTheBitsOfAPlainLoop(
    optimizer: OptimizerKind, schedule: LearningRateSchedule.Shape
  ) throws {
    var run = SyntheticRun()
    run.configuration.optimizer = optimizer
    run.configuration.schedule = schedule
    run.configuration.weightDecay = 0.01
    run.configuration.warmupEpochs = 0.5
    #expect(try run.train(ranks: 2)[1].head == referenceRun(run).head)
  }

  @Test(arguments: Exchange.allCases, 1...4)
  func bothWaysOfExchangeGiveTheSameBits(exchange: Exchange, ranks: Int) throws {
    var run = SyntheticRun(images: SyntheticImages(skipped: [0, 5]))
    let expected = try run.bytes(run.train(ranks: 1)[0])
    run.options.exchange = exchange
    for state in try run.train(ranks: ranks) { #expect(try run.bytes(state) == expected) }
  }

  @Test func samplesThatArriveInPartAreAnError() {
    var run = SyntheticRun()
    run.options.exchange = .features
    #expect(throws: CollectiveError.self) { try run.train(Forgetful()) }
  }

  @Test func theCheaperWayOfExchangeIsChosen() {
    let cheap = Exchange.auto.resolved(globalBatch: 32, features: 2_048, parameters: 262_530)
    #expect(cheap == .features)
    let dear = Exchange.auto.resolved(globalBatch: 1_024, features: 2_048, parameters: 262_530)
    #expect(dear == .gradients)
    #expect(Exchange.gradients.resolved(globalBatch: 1, features: 1, parameters: 99) == .gradients)
  }

  @Test(arguments: 1...4)
  func imagesLeftOutAreListedAndCountNowhere(ranks: Int) throws {
    // A whole global batch and some more.
    let order = SyntheticRun().sampler.order(epoch: 0)
    let run = SyntheticRun(images: SyntheticImages(skipped: Set(order[4..<9])))
    let expected = try referenceRun(run)
    for state in try run.train(ranks: ranks) {
      #expect(state.head == expected.head)
      #expect(state.history == expected.history)
      #expect(state.history.map(\.skipped.count) == [5, 5])
    }
  }

  @Test(arguments: 1...4)
  func aFailingImageEndsEveryRank(ranks: Int) {
    let run = SyntheticRun(images: SyntheticImages(failing: [6]))
    let results = onEveryRank(of: ThreadWorld(worldSize: ranks)) { try run.train($0).state.epoch }
    var causes = 0
    for result in results {
      #expect(throws: (any Error).self) { try result.get() }
      if case .failure(is SyntheticImages.Failure) = result { causes += 1 }
    }
    #expect(causes >= 1)
  }

  @Test(arguments: 1...3, 0..<3)
  func aStopOnAnyRankStopsAllWithACheckpoint(ranks: Int, asked: Int) throws {
    guard asked < ranks else { return }
    var run = SyntheticRun()
    let whole = try run.bytes(run.train(ranks: 1)[0])
    for step in 1...6 {
      run.options.exchange = Exchange.allCases[step % Exchange.allCases.count]
      let run = run
      let stopped = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
        let stop = StopSignal()
        let observer = StoppingObserver(
          stop, atStep: communicator.rank == asked ? step : nil, run: run)
        let (_, outcome) = try run.train(communicator, stop: stop, observer: observer)
        return (outcome, observer.kept)
      }.map { try $0.get() }
      for (outcome, kept) in stopped {
        // The request is sent with the sums of the next step; after the last there is none.
        #expect(outcome == (step < 6 ? .stopped : .finished))
        let bytes = try #require(kept)
        let checkpoint = try Checkpoint(bytes: bytes, path: "x")
        let state = try TrainingState(checkpoint, configuration: run.configuration, path: "x")
        #expect(try run.bytes(run.train(ranks: 4 - ranks, from: state)[0]) == whole)
      }
    }
  }

  /// A rank's share of a batch is smaller than the group that a worker takes at once.
  @Test(arguments: 1...4)
  func stepsBeforeABadImageAreTakenOnAnyNumberOfRanks(ranks: Int) throws {
    var run = SyntheticRun()
    run.options.checkpointEverySteps = 1
    run.images.failing = [run.sampler.order(epoch: 0)[9]]
    let copy = run
    let keeper = KeepingObserver()
    _ = onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try copy.train(communicator, observer: communicator.rank == 0 ? keeper : SilentObserver())
    }
    #expect(keeper.kept.last?.state.step == 2)
  }

  @Test(arguments: 1...3)
  func whatEndsTheFirstValidationLosesNoStep(ranks: Int) throws {
    var run = SyntheticRun()
    let whole = try run.bytes(run.train(ranks: 1)[0])
    run.images.failingPaths = ["validation/5.jpg"]
    let copy = run
    let keeper = KeepingObserver()
    let results = onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try copy.train(communicator, observer: communicator.rank == 0 ? keeper : SilentObserver())
    }
    for result in results { #expect(throws: (any Error).self) { try result.get() } }
    let last = try #require(keeper.kept.last?.state)
    #expect(last.epoch == 0 && last.step == run.sampler.stepsPerEpoch)
    run.images.failingPaths = []
    #expect(try run.bytes(run.train(ranks: 4 - ranks, from: last)[0]) == whole)
  }

  @Test(arguments: 1...3, 0..<3)
  func aStopDuringTheFirstValidationIsHeardAtOnce(ranks: Int, asked: Int) throws {
    guard asked < ranks else { return }
    let run = SyntheticRun()
    let whole = try run.bytes(run.train(ranks: 1)[0])
    let outcomes = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      let stop = StopSignal()
      let keeper = KeepingObserver { event in
        if case .validating = event, communicator.rank == asked { stop.request(10) }
      }
      let outcome = try run.train(communicator, stop: stop, observer: keeper).outcome
      let files = try keeper.kept.map { try run.bytes($0.state) }
      return (outcome, keeper.kept.map(\.isFinalAttempt), files)
    }.map { try $0.get() }
    for (outcome, attempts, files) in outcomes {
      #expect(outcome == .stopped)
      // The second attempt writes the same file, for the case that the first one failed.
      try #require(attempts == [false, true])
      #expect(files[0] == files[1])
      let state = try TrainingState(
        Checkpoint(bytes: files[1], path: "x"), configuration: run.configuration, path: "x")
      #expect(state.step == run.sampler.stepsPerEpoch)
      #expect(try run.bytes(run.train(ranks: 4 - ranks, from: state)[0]) == whole)
    }
  }

  @Test(arguments: 1...4)
  func everyRankTakesPartInEveryRoundOfTheValidation(ranks: Int) throws {
    let samples = SyntheticRun.manifest(train: 3, validation: 10).validation
    let sets = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      ValidationSet(samples, roundSize: 4, communicator).rounds
    }.map { try $0.get() }
    #expect(sets.allSatisfy { $0.count == 3 })
    #expect(sets.joined().joined().map(\.index).sorted() == Array(0..<10))
  }

  @Test func theStepLimitEndsTheRunLikeItsEnd() throws {
    var run = SyntheticRun()
    run.configuration.maxSteps = 4
    let state = try run.train(ranks: 2)[0]
    #expect(state.history.map(\.epoch) == [1, 2])
    #expect(state.optimizer.state.step == 4)
  }

  @Test func fewerStepsThanTakenEndTheRunAtOnce() throws {
    var run = SyntheticRun()
    let world = ThreadWorld(worldSize: 1)
    let stop = StopSignal()
    let observer = StoppingObserver(stop, atStep: 1, run: run)
    let communicator = ThreadCommunicator(rank: 0, world: world)
    let stopped = try run.train(communicator, stop: stop, observer: observer).state
    #expect(stopped.step == 2)
    run.configuration.maxSteps = 1
    let ended = try run.train(ranks: 2, from: stopped)[0]
    #expect(ended.head == stopped.head)
    #expect(ended.history.map(\.epoch) == [1])
  }

  @Test func lossesBeyondTheRangeOfNumbersAreAnErrorAndNoCrash() throws {
    var run = SyntheticRun()
    run.configuration.optimizer = .sgd
    for exponent in stride(from: 0.0, through: 36, by: 1) {
      run.configuration.learningRate = pow(10, exponent)
      let result = Result { try run.train(ranks: 1) }
      if case .failure(let error) = result {
        #expect(error is HeadError || error is TrainingError)
      } else {
        #expect(exponent < 30)
      }
    }
  }

  /// The head stays finite: it is not moved by a gradient that is divided by infinity.
  @Test func aMomentBeyondTheRangeOfNumbersIsAnError() {
    var run = SyntheticRun()
    run.configuration.weightDecay = 1e25
    #expect(throws: TrainingError.diverged(epoch: 1, step: 1)) { try run.train(ranks: 1) }
  }

  @Test func sumsOfLossesThatOverflowCountAsFaults() throws {
    let shape = try HeadShape(features: 1, hidden: 1, classes: 2)
    var gradient = ExactGradient(shape: shape, globalBatch: 1)
    gradient.values[shape.parameterCount] = 1 << 62
    gradient.values[shape.parameterCount + 2] = 1
    var tally = ExactTally(capacity: 1)
    for _ in 0..<5 { tally.add(gradient) }
    let sums = tally
    #expect(throws: HeadError.notFinite(samples: 1)) { try sums.metrics() }
  }

  @Test func theBestEpochHasTheHighestAccuracyThenTheLowestLossThenIsFirst() throws {
    func metrics(_ epoch: Int, _ accuracy: Double, _ loss: Double) -> EpochMetrics {
      EpochMetrics(
        epoch: epoch, trainLoss: 0, trainAccuracy: 0, validationLoss: loss,
        validationAccuracy: accuracy, skipped: [])
    }
    var state = try SyntheticRun().initialState()
    #expect(state.bestEpoch == nil)
    state.history = [metrics(1, 0.5, 1), metrics(2, 0.75, 2), metrics(3, 0.75, 1)]
    #expect(state.bestEpoch == 3)
    state.history += [metrics(4, 0.75, 1), metrics(5, 0.5, 0.1)]
    #expect(state.bestEpoch == 3)
  }

  @Test(arguments: 1...4)
  func evaluationIsTheSameOnAnyNumberOfRanks(ranks: Int) throws {
    let run = SyntheticRun()
    let head = try run.initialState().head
    let results = try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try evaluate(
        head, on: run.manifest.validation, producer: run.images, options: run.options,
        communicator: communicator)
    }.map { try $0.get() }
    let alone = try evaluate(
      head, on: run.manifest.validation, producer: run.images, options: run.options,
      communicator: SingleProcess())
    for result in results { #expect(result == alone) }
    #expect(alone.metrics.count == 7)
    #expect(alone.confusion.flatMap { $0 }.reduce(0, +) == 7)
    #expect(alone.confusion.map { $0.reduce(0, +) } == [3, 2, 2])
  }
}

/// Asks to stop when a step is done, and keeps the last checkpoint in memory.
private final class StoppingObserver: TrainingObserver {
  private let stop: StopSignal
  private let step: Int?
  private let run: SyntheticRun
  private var done = 0
  private(set) var kept: [UInt8]?

  init(_ stop: StopSignal, atStep step: Int?, run: SyntheticRun) {
    self.stop = stop
    self.step = step
    self.run = run
  }

  func note(_ event: TrainingEvent) {
    guard case .step = event else { return }
    done += 1
    if done == step { stop.request(15) }
  }

  func save(_ state: TrainingState, isFinalAttempt: Bool) throws { kept = try run.bytes(state) }
}

/// Keeps every state that it is asked to keep.
///
/// `@unchecked Sendable`: it is used by one rank at a time.
private final class KeepingObserver: TrainingObserver, @unchecked Sendable {
  private(set) var kept: [(state: TrainingState, isFinalAttempt: Bool)] = []
  private let noted: (TrainingEvent) -> Void

  init(_ noted: @escaping (TrainingEvent) -> Void = { _ in }) { self.noted = noted }

  func note(_ event: TrainingEvent) { noted(event) }

  func save(_ state: TrainingState, isFinalAttempt: Bool) throws {
    kept.append((state, isFinalAttempt))
  }
}

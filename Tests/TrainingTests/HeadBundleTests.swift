import Collectives
import Head
import ImageData
import Settings
import Testing

@testable import Training

extension SyntheticRun {
  /// Trains the heads of `settings` together, on `ranks` ranks; every rank's trainer at the end.
  func trainBundle(
    _ settings: [TrainingConfiguration], ranks: Int = 1, from checkpoint: Checkpoint? = nil,
    stopAfter steps: Int? = nil
  ) throws -> [(state: TrainingState, predictions: [OutOfSample]?, saved: [[UInt8]])] {
    let bundle = try HeadBundle(settings, manifest: manifest)
    return try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      let start =
        try checkpoint.map { try TrainingState($0, bundle, path: "x") }
        ?? TrainingState(
          bundle, features: images.featureCount, classes: manifest.classes.count,
          trainCount: manifest.train.count)
      let stop = StopSignal()
      let observer = SavingObserver(record) { step in if step == steps { stop.request(15) } }
      var trainer = try Trainer(
        manifest: manifest, configuration: settings[0], producer: images, from: start,
        options: options, communicator: communicator, stop: stop, observer: observer)
      guard try trainer.run() == .finished else {
        return (trainer.state, nil, observer.saved)
      }
      let predictions = try trainer.predictOutOfSample()
      return (try trainer.gathered(), predictions, observer.saved)
    }.map { try $0.get() }
  }
}

/// Keeps the bytes of all checkpoints, and tells the steps of the run.
private final class SavingObserver: TrainingObserver {
  private let record: ModelRecord
  private let onStep: (Int) -> Void
  private var steps = 0
  private(set) var saved: [[UInt8]] = []

  init(_ record: ModelRecord, onStep: @escaping (Int) -> Void) {
    self.record = record
    self.onStep = onStep
  }

  func note(_ event: TrainingEvent) {
    guard case .step = event else { return }
    steps += 1
    onStep(steps)
  }

  func save(_ state: TrainingState, isFinalAttempt: Bool) throws {
    saved.append(try Checkpoint(record, state, withOptimizer: true).encoded())
  }
}

struct HeadBundleTests {
  /// Settings of every kind, all with three folds.
  static let settings: [TrainingConfiguration] = {
    var all = (0..<6).map { _ in SyntheticRun.configuration }
    for index in all.indices { all[index].folds = 3 }
    all[1].hidden = 0
    all[1].optimizer = .sgd
    all[2].learningRate = 0.2
    all[2].dropout = 0.3
    all[3].standardise = true
    all[3].labelSmoothing = 0.1
    all[4].classWeights = .named(["a": 1, "b": 2, "c": 0.5])
    all[4].weightDecay = 0.1
    all[5].hidden = 0
    all[5].standardise = true
    all[5].schedule = .cosine
    all[5].mixup = 0.4
    return all
  }()

  private func parameters(_ states: [HeadState]) -> [HeadParameters] { states.map(\.head) }

  @Test func everyHeadHasTheBitsThatItHasAlone() throws {
    let run = SyntheticRun()
    let all = try run.trainBundle(Self.settings)[0]
    #expect(all.state.heads.count == 24)
    for (number, setting) in Self.settings.enumerated() {
      let alone = try run.trainBundle([setting])[0]
      let own = Array(all.state.heads[4 * number..<4 * number + 4])
      #expect(parameters(own) == parameters(alone.state.heads))
      #expect(own[0].history == alone.state.history)
      #expect(
        all.predictions?[number].logits.map(\.bitPattern)
          == alone.predictions?[0].logits.map(\.bitPattern))
      // Without folds, and so without a bundle, by the exchange of a single head.
      var single = setting
      single.folds = nil
      #expect(try run.trainBundle([single])[0].state.head == own[0].head)
    }
  }

  @Test(arguments: [2, 3, 5]) func everyNumberOfRanksGivesTheSameBytes(ranks: Int) throws {
    let run = SyntheticRun()
    let one = try run.trainBundle(Self.settings)[0]
    let many = try run.trainBundle(Self.settings, ranks: ranks)[0]
    #expect(try run.bytes(many.state) == run.bytes(one.state))
    #expect(
      many.predictions?.map { $0.logits.map(\.bitPattern) }
        == one.predictions?.map { $0.logits.map(\.bitPattern) })
  }

  @Test(arguments: [1, 2, 3, 4, 5]) func aStoppedRunGoesOnToTheSameBytes(step: Int) throws {
    let run = SyntheticRun()
    let whole = try run.trainBundle(Self.settings)[0]
    let stopped = try run.trainBundle(Self.settings, ranks: 2, stopAfter: step)[0]
    let bytes = try #require(stopped.saved.last)
    let checkpoint = try Checkpoint(bytes: bytes, path: "x")
    let resumed = try run.trainBundle(Self.settings, ranks: 3, from: checkpoint)[0]
    #expect(try run.bytes(resumed.state) == run.bytes(whole.state))
  }

  /// A head that is blind to a fold is that of a set without the fold's images.
  @Test func aBlindHeadIsThatOfTheOtherImages() throws {
    let run = SyntheticRun()
    let all = try run.trainBundle([Self.settings[0]])[0]
    for fold in 0..<3 {
      let hidden = Set(all.state.bundle.folds.indices.filter { all.state.bundle.folds[$0] == fold })
      var other = run
      other.images.skipped = hidden
      var setting = Self.settings[0]
      setting.folds = nil
      let without = try other.trainBundle([setting])[0]
      #expect(without.state.head == all.state.heads[1 + fold].head)
      let predictions = try #require(all.predictions?[0])
      for index in hidden {
        let request = FeatureRequest(
          sample: run.manifest.train[index], index: index, view: nil)
        let vector = try #require(try run.images.answer(request))
        let logits = without.state.head.logits(of: [vector])[0].map { Double(Float($0)) }
        #expect(predictions[index] == logits)
      }
    }
  }

  @Test func aSettingThatDivergesLeavesTheOthersAlone() throws {
    var wild = Self.settings[2]
    wild.weightDecay = 1e25
    let run = SyntheticRun()
    let both = try run.trainBundle([Self.settings[0], wild], ranks: 2)[0]
    let alone = try run.trainBundle([Self.settings[0]])[0]
    #expect(parameters(Array(both.state.heads[..<4])) == parameters(alone.state.heads))
    #expect(both.state.heads[4].divergedAt == 1)
    #expect(both.predictions?.map(\.isComplete) == [true, false])
    #expect(throws: TrainingError.self) { try run.trainBundle([wild]) }
    // The other way round, interrupted, and gone on with.
    let first = try run.trainBundle([wild, Self.settings[0]])[0]
    #expect(parameters(Array(first.state.heads[4...])) == parameters(alone.state.heads))
    let stopped = try run.trainBundle([wild, Self.settings[0]], ranks: 2, stopAfter: 4)[0]
    let checkpoint = try Checkpoint(bytes: try #require(stopped.saved.last), path: "x")
    let resumed = try run.trainBundle([wild, Self.settings[0]], from: checkpoint)[0]
    #expect(try run.bytes(resumed.state) == run.bytes(first.state))
  }

  /// L-BFGS, which sums whole epochs, stopped inside one.
  @Test(arguments: [1, 2, 3, 5]) func aStoppedProbeGoesOnToTheSameBytes(step: Int) throws {
    var setting = Self.settings[5]
    setting.optimizer = .lbfgs
    setting.mixup = 0
    setting.weightDecay = 0.1
    setting.epochs = 40
    let run = SyntheticRun()
    let whole = try run.trainBundle([setting])[0]
    #expect(whole.state.isAtRest && whole.state.epoch < 40)
    let stopped = try run.trainBundle([setting], ranks: 3, stopAfter: step)[0]
    let checkpoint = try Checkpoint(bytes: try #require(stopped.saved.last), path: "x")
    let resumed = try run.trainBundle([setting], ranks: 2, from: checkpoint)[0]
    #expect(try run.bytes(resumed.state) == run.bytes(whole.state))
  }

  /// What a damaged or hostile file may say of further heads is an error, never a trap.
  @Test func impossibleHeadsAreRefused() throws {
    let run = SyntheticRun()
    let state = try run.trainBundle([Self.settings[0]])[0].state
    let bundle = state.bundle
    func refuse(_ change: (inout TrainingState) -> Void) throws {
      var other = state
      change(&other)
      let bytes = try run.bytes(other)
      #expect(throws: (any Error).self) {
        try TrainingState(try Checkpoint(bytes: bytes, path: "x"), bundle, path: "x")
      }
    }
    try refuse { $0.heads[1].running.values = [1] }
    try refuse { $0.heads[1].running.values = [0, 99, 1, 0] }
    try refuse { $0.heads[2].parameters = $0.heads[2].parameters.widened }
    try refuse { $0.heads[2].history = $0.heads[0].history }
    try refuse { $0.heads.removeLast() }
    try refuse {
      $0.heads[3].standardisation = Standardisation(
        mean: [0, 0, 0, 0, 0], factor: [1, 1, 1, 1, 1])
    }
  }

  @Test func patienceEndsARunBehindItsBestEpoch() throws {
    var run = SyntheticRun()
    run.configuration.epochs = 60
    run.configuration.patience = 2
    run.configuration.monitor = .loss
    let (state, outcome) = try run.train(SingleProcess())
    let best = try #require(state.bestEpoch)
    #expect(outcome == .finished && state.epoch < 60 && state.epoch == best + 2)
    #expect(
      state.history.map(\.validationLoss).min() == state.history[best - 1].validationLoss)
    // Going on from its last checkpoint changes nothing.
    let checkpoint = try Checkpoint(bytes: run.bytes(state), path: "x")
    let again = try TrainingState(checkpoint, configuration: run.configuration, path: "x")
    #expect(try run.train(SingleProcess(), from: again).state.epoch == state.epoch)
  }

  @Test func macroF1DecidesWhereItIsAskedFor() throws {
    var run = SyntheticRun()
    run.configuration.monitor = .macroF1
    let state = try run.train(ranks: 2)[0]
    #expect(state.history.allSatisfy { (0...1).contains($0.validationMacroF1 ?? -1) })
    run.configuration.monitor = .accuracy
    #expect(try run.train(ranks: 2)[0].history.allSatisfy { $0.validationMacroF1 == nil })
  }

  @Test func classesOfAFileMustBeThoseOfTheImages() throws {
    let manifest = SyntheticRun().manifest
    #expect(throws: UsageError.self) { try ClassWeights.named(["a": 1]).values(for: manifest) }
    #expect(throws: UsageError.self) {
      try ClassWeights.named(["a": 1, "b": 1, "c": 1, "d": 1]).values(for: manifest)
    }
    #expect(try ClassWeights.balanced.values(for: manifest) == [11.0 / 12, 11.0 / 12, 11.0 / 9])
  }
}

extension HeadParameters {
  /// A head of one hidden unit more.
  fileprivate var widened: HeadParameters {
    guard
      let shape = try? HeadShape(
        features: shape.features, hidden: shape.hidden + 1, classes: shape.classes)
    else { return self }
    return HeadParameters(
      shape: shape, values: [Float](repeating: 0, count: shape.parameterCount))
  }
}

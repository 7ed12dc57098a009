import Head
import ImageTransforms

/// Where a run stands: all that the next step depends on besides the inputs. Equal on all ranks.
package struct TrainingState: Sendable {
  /// The trained head.
  package internal(set) var head: HeadParameters
  /// The optimizer and its moments.
  package internal(set) var optimizer: Optimizer
  /// Completed epochs.
  package internal(set) var epoch: Int
  /// Completed steps of the epoch that is under way.
  package internal(set) var step: Int
  /// Loss, correct predictions and count of that epoch's images so far.
  package internal(set) var running: ExactTally
  /// Images left out in that epoch so far.
  var skipped: PathSet
  /// The epochs that are complete.
  package internal(set) var history: [EpochMetrics]
  /// The contents of the images read so far; empty before the trainer knows the list of images.
  var digests = ImageDigests()

  /// The state before the first step.
  ///
  /// - Throws: ``HeadError`` for settings or widths that no head can have.
  package init(
    _ configuration: TrainingConfiguration, features: Int, classes: Int, trainCount: Int
  ) throws(HeadError) {
    let shape = try HeadShape(
      features: features, hidden: configuration.hidden, classes: classes)
    head = initialHead(
      shape: shape, initialisation: configuration.preset.initialisation, seed: configuration.seed)
    optimizer = try Optimizer(
      configuration.optimizerSettings, parameterCount: shape.parameterCount)
    epoch = 0
    step = 0
    running = ExactTally(capacity: max(1, trainCount))
    skipped = PathSet()
    history = []
  }

  /// The epoch with the best result so far.
  package var bestEpoch: Int? { history.best?.epoch }

  /// Ends the epoch under way with its `metrics`.
  mutating func close(_ metrics: EpochMetrics) {
    history.append(metrics)
    epoch += 1
    step = 0
    running.values = running.values.map { _ in 0 }
    skipped = PathSet()
  }
}

extension TrainingConfiguration {
  /// What the optimizer is made from.
  package var optimizerSettings: OptimizerSettings {
    OptimizerSettings(
      kind: optimizer, convention: preset == .keras ? .keras : .pytorch, weightDecay: weightDecay,
      momentum: momentum)
  }

  /// The learning rate of every step.
  ///
  /// - Throws: ``HeadError/setting(_:)`` where a value is out of its range.
  package func learningRateSchedule() throws(HeadError) -> LearningRateSchedule {
    try LearningRateSchedule(
      shape: schedule, base: learningRate, epochs: epochs, warmupEpochs: warmupEpochs,
      decayEpochs: stepDecay.orDefault.epochs, decayRate: stepDecay.orDefault.factor)
  }
}

extension Preset {
  /// How a framework draws the values of a fresh head.
  var initialisation: HeadInitialisation { self == .keras ? .keras : .pytorch }
}

import Head
import ImageTransforms

/// Where a run stands: all that the next step depends on besides the inputs. Equal on all ranks but
/// for ``heads``, of which each rank has those that it trains.
package struct TrainingState: Sendable {
  /// What heads there are.
  package let bundle: HeadBundle
  /// The heads that this rank trains, by number; the first one is always among them.
  package internal(set) var heads: [HeadState]
  /// Completed epochs.
  package internal(set) var epoch: Int
  /// Completed steps of the epoch that is under way.
  package internal(set) var step: Int
  /// Images left out in that epoch so far.
  var skipped: PathSet
  /// Whether no head moves any more.
  package internal(set) var isAtRest = false
  /// The contents of the images read so far; empty before the trainer knows the list of images.
  var digests = ImageDigests()

  /// The state of one head before the first step.
  ///
  /// - Throws: ``HeadError`` for settings or widths that no head can have.
  package init(
    _ configuration: TrainingConfiguration, features: Int, classes: Int, trainCount: Int
  ) throws(HeadError) {
    try self.init(
      try HeadBundle(configuration), features: features, classes: classes, trainCount: trainCount)
  }

  /// The state of all heads of a bundle before the first step.
  ///
  /// - Throws: ``HeadError`` for settings or widths that no head can have.
  package init(
    _ bundle: HeadBundle, features: Int, classes: Int, trainCount: Int
  ) throws(HeadError) {
    try bundle.checkSize(features: features, classes: classes)
    self.bundle = bundle
    heads = []
    for (number, member) in bundle.members.enumerated() {
      let shape = try HeadShape(
        features: features, hidden: member.configuration.hidden, classes: classes)
      heads.append(
        try HeadState(number: number, member.configuration, shape: shape, trainCount: trainCount))
    }
    epoch = 0
    step = 0
    skipped = PathSet()
  }

  /// A state as it was saved.
  init(
    _ bundle: HeadBundle, heads: [HeadState], epoch: Int, step: Int, skipped: PathSet,
    isAtRest: Bool, digests: ImageDigests
  ) {
    precondition(heads.count == bundle.members.count)
    self.bundle = bundle
    self.heads = heads
    self.epoch = epoch
    self.step = step
    self.skipped = skipped
    self.isAtRest = isAtRest
    self.digests = digests
  }

  /// The first head, for features as they are.
  package var head: HeadParameters { heads[0].head }

  /// The optimizer of the first head.
  package var optimizer: Optimizer { heads[0].optimizer }

  /// Loss, correct predictions and count of the epoch's images so far, of the first head.
  package internal(set) var running: ExactTally {
    get { heads[0].running }
    set { heads[0].running = newValue }
  }

  /// The epochs that are complete, of the first head.
  package internal(set) var history: [EpochMetrics] {
    get { heads[0].history }
    set { heads[0].history = newValue }
  }

  /// The epoch with the best result so far.
  package var bestEpoch: Int? { bundle.members[0].configuration.best(of: history)?.epoch }

  /// Whether the run is over before its last epoch.
  var isOver: Bool {
    if isAtRest { return true }
    guard let patience = bundle.members[0].configuration.patience, let best = bestEpoch else {
      return false
    }
    return step == 0 && epoch - best >= patience
  }

  /// Ends the epoch under way.
  mutating func closeEpoch() {
    epoch += 1
    step = 0
    for index in heads.indices { heads[index].running.clear() }
    skipped = PathSet()
  }
}

extension TrainingConfiguration {
  /// The best of a head's epochs; with L-BFGS the last one, which is nearest to the minimum.
  package func best(of history: [EpochMetrics]) -> EpochMetrics? {
    optimizer.takesWholeEpochs ? history.last : history.best(by: monitor)
  }

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

import Head
import Tensors

/// Where one head of a bundle stands.
package struct HeadState: Sendable {
  /// Its position in the bundle.
  package let number: Int
  /// Its parameters, for standardised features where there is a ``standardisation``.
  package internal(set) var parameters: HeadParameters
  /// The optimizer and its memory.
  package internal(set) var optimizer: Optimizer
  /// Loss, correct predictions and count of the images of the epoch under way.
  package internal(set) var running: ExactTally
  /// The epochs that are complete; none for a head that is blind to a fold.
  package internal(set) var history: [EpochMetrics] = []
  /// How features are standardised; nil where they are not, or it is not known yet.
  package internal(set) var standardisation: Standardisation?
  /// The sums of the epoch under way, of a head that takes a step an epoch.
  var pending: ExactGradient?
  /// The step, from 1 over the whole run, at which it left the range of numbers; it stands still
  /// since.
  package internal(set) var divergedAt: Int?

  /// A fresh head.
  init(
    number: Int, _ configuration: TrainingConfiguration, shape: HeadShape, trainCount: Int
  ) throws(HeadError) {
    self.number = number
    parameters = initialHead(
      shape: shape, initialisation: configuration.preset.initialisation, seed: configuration.seed)
    optimizer = try Optimizer(
      configuration.optimizerSettings, parameterCount: shape.parameterCount)
    running = ExactTally(capacity: max(1, trainCount))
    if optimizer.settings.kind.takesWholeEpochs {
      pending = ExactGradient(shape: shape, globalBatch: max(1, trainCount))
    }
  }

  /// The head for features as they are.
  package var head: HeadParameters {
    standardisation.map { $0.folded(into: parameters) } ?? parameters
  }

  /// Whether further steps change nothing.
  var isAtRest: Bool { optimizer.hasArrived || divergedAt != nil }
}

/// A place in a run.
struct StepPosition: Sendable {
  /// Completed epochs.
  let epoch: Int
  /// Completed steps of the whole run.
  let step: Int
  let stepsPerEpoch: Int
}

extension HeadState {
  /// Adds the gradients of those of `samples` that the head sees to `sums`.
  func add(
    _ samples: LabelledFeatures, of member: HeadBundle.Member, folds: [Int],
    at position: StepPosition, to sums: inout ExactGradient
  ) {
    guard !isAtRest else { return }
    var seen = samples
    if let fold = member.fold { seen = samples.filter { folds[$0] != fold } }
    standardisation?.apply(to: &seen.values)
    let seed = member.configuration.seed
    if member.loss.mixup > 0 {
      var random = CounterRandom(
        seed: seed, purpose: .mixup, epoch: position.epoch,
        index: position.step % position.stepsPerEpoch)
      seen.mix(alpha: member.loss.mixup, random: &random)
    }
    let shape = parameters.shape
    let masks = member.loss.masks(
      for: seen, width: shape.hidden > 0 ? shape.hidden : shape.features,
      seed: seed, epoch: position.epoch)
    sums.add(seen, at: parameters, loss: member.loss, masks: masks)
  }

  /// Takes the step of a global batch, whose sums these are. A batch without images that the head
  /// sees changes nothing.
  ///
  /// - Throws: ``TrainingError/diverged`` or ``HeadError/notFinite`` where numbers left their range.
  mutating func update(
    with sums: ExactGradient, of member: HeadBundle.Member, at position: StepPosition
  ) throws {
    guard !isAtRest else { return }
    guard sums.faults == 0 else { throw HeadError.notFinite(samples: Int(sums.faults)) }
    running.add(sums)
    if pending != nil {
      pending?.add(sums)
    } else if let (gradient, metrics) = try sums.meanUnlessEmpty() {
      try step(
        gradient, metrics,
        rate: member.schedule.rate(step: position.step, stepsPerEpoch: position.stepsPerEpoch),
        position)
    }
  }

  /// Takes the step of an epoch, of a head that takes one an epoch.
  mutating func endEpoch(at position: StepPosition) throws {
    guard let sums = pending, !isAtRest else { return }
    defer { pending?.clear() }
    guard let (gradient, metrics) = try sums.meanUnlessEmpty() else { return }
    try step(gradient, metrics, rate: 1, position)
  }

  private mutating func step(
    _ gradient: [Float], _ metrics: Metrics, rate: Double, _ position: StepPosition
  ) throws {
    optimizer.update(&parameters, gradient: gradient, loss: metrics.loss, learningRate: rate)
    guard parameters.isFinite, optimizer.state.isUsable else {
      throw TrainingError.diverged(
        epoch: position.epoch + 1, step: position.step % position.stepsPerEpoch + 1)
    }
  }

  /// The whole step of a head that one rank trains alone: the numbers of one that leaves their range
  /// stand still from there on, and the others go on.
  ///
  /// - Parameter sums: of an earlier head on this thread, whose memory is used again.
  mutating func train(
    on samples: LabelledFeatures, of member: HeadBundle.Member, folds: [Int], globalBatch: Int,
    at position: StepPosition, with sums: inout ExactGradient?
  ) {
    guard !isAtRest else { return }
    var own = ExactGradient(reusing: &sums, shape: parameters.shape, globalBatch: globalBatch)
    add(samples, of: member, folds: folds, at: position, to: &own)
    mayDiverge(at: position) { head throws in try head.update(with: own, of: member, at: position) }
    sums = own
  }

  /// Runs `body`; where numbers leave their range, the head stands still from here on.
  mutating func mayDiverge(
    at position: StepPosition, _ body: (inout HeadState) throws -> Void
  ) {
    do {
      try body(&self)
    } catch {
      standStill(since: position.step + 1)
    }
  }

  /// Leaves a head whose numbers have left their range as it is from `step` on.
  mutating func standStill(since step: Int) {
    divergedAt = step
    // Nothing of it is of use, and checkpoints hold finite numbers alone.
    parameters.values = parameters.values.map { _ in 0 }
    optimizer.forget()
    pending?.clear()
    running.clear()
  }
}

extension ExactGradient {
  /// A sum of nothing, in the memory of `other` where that has the shape; `other` is gone then.
  init(reusing other: inout ExactGradient?, shape: HeadShape, globalBatch: Int) {
    if let sums = other.take(), sums.shape == shape {
      self = sums
      clear()
    } else {
      self.init(shape: shape, globalBatch: globalBatch)
    }
  }

  /// The mean gradient, or nil where no sample was summed.
  func meanUnlessEmpty() throws(HeadError) -> (gradient: [Float], metrics: Metrics)? {
    do {
      return try mean()
    } catch .noSamples {
      return nil
    }
  }
}

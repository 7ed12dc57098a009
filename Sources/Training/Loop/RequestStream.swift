import ImageData

/// The images of one rank in the order in which its training loop consumes them: the rank's slice
/// of every global batch, epoch after epoch, and once, where validation features are not at hand
/// yet, the rank's share of the validation images after the first epoch.
struct RequestStream: IteratorProtocol, Sendable {
  private let plan: StepPlan
  private let training: [Sample]
  private var validation: [FeatureRequest]
  private var epoch: Int
  private var step: Int
  private var order: [Int]
  private var waiting: ArraySlice<FeatureRequest> = []

  /// Begins at `step` (completed steps) of `epoch` (completed epochs).
  init(plan: StepPlan, training: [Sample], validation: [FeatureRequest], epoch: Int, step: Int) {
    self.plan = plan
    self.training = training
    self.validation = validation
    self.epoch = epoch
    self.step = step
    order = plan.sampler.order(epoch: epoch)
  }

  mutating func next() -> FeatureRequest? {
    while waiting.isEmpty {
      guard refill() else { return nil }
    }
    return waiting.popFirst()
  }

  /// Takes up the next step's slice, or the validation images; false when the run has no more.
  private mutating func refill() -> Bool {
    // Beyond the end, too: a resumed run may have been given fewer steps than it has taken.
    if step >= plan.steps(inEpoch: epoch) {
      if !validation.isEmpty {
        waiting = validation[...]
        validation = []
        return true
      }
      epoch += 1
      step = 0
      guard plan.steps(inEpoch: epoch) > 0 else { return false }
      order = plan.sampler.order(epoch: epoch)
    }
    waiting =
      plan.slice(step: step)[...].map { position in
        let index = order[position]
        return FeatureRequest(sample: training[index], index: index, view: plan.view(epoch: epoch))
      }[...]
    step += 1
    return true
  }
}

/// Which steps a run has and which part of them one rank owns. A value without state.
struct StepPlan: Sendable {
  let sampler: Sampler
  let configuration: TrainingConfiguration
  let rank: Int
  let worldSize: Int

  /// The steps of one epoch, counted from 0: fewer than usual, or none, where the run ends.
  func steps(inEpoch epoch: Int) -> Int {
    guard epoch < configuration.epochs else { return 0 }
    let all = sampler.stepsPerEpoch
    guard let maxSteps = configuration.maxSteps else { return all }
    return max(0, min(all, maxSteps - epoch * all))
  }

  /// The positions in the epoch's order that this rank owns of a step.
  func slice(step: Int) -> Range<Int> {
    sampler.slice(step: step, rank: rank, worldSize: worldSize)
  }

  /// The augmented view that an epoch sees, nil without augmentation.
  func view(epoch: Int) -> Int? {
    guard configuration.augmentation != nil else { return nil }
    return configuration.views > 0 ? epoch % configuration.views : epoch
  }
}

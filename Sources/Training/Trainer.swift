public import Collectives
import Head
public import ImageData

/// One rank's side of a training run. All ranks make the same calls with their own communicator.
public struct Trainer {
  /// How a run ended.
  public enum Outcome: Sendable, Equatable {
    case finished
    /// A signal asked to stop; the checkpoint was written.
    case stopped
  }

  /// Where the run stands.
  public private(set) var state: TrainingState

  private let plan: StepPlan
  private let schedule: LearningRateSchedule
  private let exchange: GradientExchange
  private let pipeline: FeaturePipeline
  private let communicator: any Communicator
  private let observer: any TrainingObserver
  private let checkpointEverySteps: Int?
  private var validation: ValidationSet
  private var epochClock = EpochClock()

  /// Trains to the end, or to a requested stop.
  ///
  /// - Throws: what makes it impossible to go on; then no rank has applied the step in question.
  public mutating func run() throws -> Outcome {
    defer { pipeline.stop() }
    observer.note(started)
    while plan.steps(inEpoch: state.epoch) > 0 {
      while state.step < plan.steps(inEpoch: state.epoch) {
        let batch = try nextBatch()
        let (gradient, stops) = try exchange.sum(batch, at: state.head)
        try update(with: gradient)
        observer.note(progress)
        try keepCheckpoint(stopping: stops)
        if stops { return .stopped }
      }
      try finishEpoch()
    }
    return .finished
  }

  /// Starts the worker threads; they compute ahead from the place where `state` stands.
  ///
  /// - Parameters:
  ///   - communicator: this rank's; used from the calling thread alone.
  ///   - stop: asked at every step whether the run shall stop.
  ///   - observer: told what happens, and asked to keep checkpoints.
  public init(
    manifest: DatasetManifest, configuration: TrainingConfiguration, producer: any FeatureProducer,
    from state: TrainingState, options: RunOptions, communicator: any Communicator,
    stop: StopSignal, observer: any TrainingObserver
  ) throws {
    plan = StepPlan(
      sampler: Sampler(
        count: manifest.train.count, globalBatch: configuration.batchSize,
        seed: configuration.seed),
      configuration: configuration, rank: communicator.rank, worldSize: communicator.worldSize)
    schedule = try configuration.learningRateSchedule()
    exchange = GradientExchange(
      options.exchange, shape: state.head.shape, globalBatch: configuration.batchSize,
      communicator: communicator, stop: stop)
    validation = ValidationSet(manifest.validation, communicator)
    let share = (configuration.batchSize + communicator.worldSize - 1) / communicator.worldSize
    pipeline = FeaturePipeline(
      requests: RequestStream(
        plan: plan, training: manifest.train, validation: validation.requests,
        epoch: state.epoch, step: state.step),
      lookAhead: 2 * max(share, options.groupSize * options.threads),
      groupSize: options.groupSize, threads: options.threads,
      makeWorker: { try producer.makeWorker() })
    checkpointEverySteps = options.checkpointEverySteps
    self.state = state
    self.communicator = communicator
    self.observer = observer
  }
}

// MARK: - The parts of a step

extension Trainer {
  /// This rank's part of the next global batch. Others read in `activity` where this rank was last.
  private func nextBatch() throws -> [AnsweredRequest] {
    let place = "epoch \(state.epoch + 1), step \(state.step + 1)"
    communicator.activity = place
    let batch = try pipeline.next(plan.slice(step: state.step).count)
    if let last = batch.last {
      communicator.activity = "\(place), last file \(last.request.sample.path)"
    }
    return batch
  }

  /// Takes the optimiser's step, the same on every rank. A batch whose pictures were all left out
  /// changes nothing.
  private mutating func update(with sums: ExactGradient) throws {
    if let (gradient, _) = try sums.meanUnlessEmpty() {
      let completed = state.epoch * plan.sampler.stepsPerEpoch + state.step
      let rate = schedule.rate(step: completed, stepsPerEpoch: plan.sampler.stepsPerEpoch)
      state.optimiser.update(&state.head, gradient: gradient, learningRate: rate)
      guard state.head.isFinite else {
        throw TrainingError.diverged(epoch: state.epoch + 1, step: state.step + 1)
      }
    }
    state.running.add(sums)
    state.step += 1
  }

  /// Keeps a checkpoint inside an epoch where one is due.
  private mutating func keepCheckpoint(stopping: Bool) throws {
    let completed = state.epoch * plan.sampler.stepsPerEpoch + state.step
    let due = checkpointEverySteps.map { completed.isMultiple(of: $0) } ?? false
    guard stopping || due else { return }
    try gatherSkipped()
    try observer.keep(state, isFinalAttempt: stopping)
  }

  /// Validates, and closes the epoch's books.
  private mutating func finishEpoch() throws {
    try gatherSkipped()
    if !validation.isComplete {
      observer.note(.validating(epoch: state.epoch + 1))
      try validation.complete(with: pipeline.next(validation.requests.count))
    }
    let result = try validation.evaluate(state.head)
    let training = try state.running.metrics()
    let metrics = EpochMetrics(
      epoch: state.epoch + 1, trainLoss: training.loss, trainAccuracy: training.accuracy,
      validationLoss: result.loss, validationAccuracy: result.accuracy,
      skipped: (state.skipped.union(validation.skipped)).sorted())
    state.close(metrics)
    let seconds = epochClock.lap()
    observer.note(
      .epoch(
        metrics, seconds: seconds, imagesPerSecond: Double(exchange.takeCount()) / seconds,
        isBest: state.bestEpoch == metrics.epoch))
    try observer.keep(state, isFinalAttempt: false)
  }

  /// Makes the pictures that any rank has left out known to all.
  private mutating func gatherSkipped() throws {
    let own = exchange.takeSkipped().joined(separator: "\n")
    for list in try communicator.allgather(Array(own.utf8)) {
      state.skipped.formUnion(
        String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init))
    }
  }

  private var started: TrainingEvent {
    .started(
      stepsPerEpoch: plan.sampler.stepsPerEpoch, epochs: plan.configuration.epochs,
      completedSteps: state.epoch * plan.sampler.stepsPerEpoch + state.step)
  }

  private var progress: TrainingEvent {
    let metrics = try? state.running.metrics()
    return .step(
      epoch: state.epoch + 1, step: state.step, pictures: metrics?.count ?? 0,
      meanLoss: metrics?.loss ?? 0)
  }
}

/// Why a run cannot go on, besides what pictures, files and ranks can do.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The parameters left the range of numbers.
  case diverged(epoch: Int, step: Int)

  public var description: String {
    switch self {
    case .diverged(let epoch, let step):
      "The head is not finite any more after step \(step) of epoch \(epoch). Earlier checkpoints are "
        + "intact; try a lower --lr."
    }
  }
}

import Collectives
import Head
import ImageData

/// One rank's side of a training run. All ranks make the same calls with their own communicator.
package struct Trainer {
  /// How a run ended.
  package enum Outcome: Sendable, Equatable {
    case finished
    /// A signal asked to stop; the checkpoint was written.
    case stopped
  }

  /// Where the run stands.
  package private(set) var state: TrainingState

  private let plan: StepPlan
  private let schedule: LearningRateSchedule
  private let exchange: GradientExchange
  private let pipeline: FeaturePipeline
  private let communicator: any Communicator
  private let observer: any TrainingObserver
  private let checkpointEverySteps: Int?
  private let trainCount: Int
  private let manifest: DatasetManifest
  private var validation: ValidationSet
  /// What this rank has read for the first time and the others do not know yet.
  private var freshDigests: [ImageDigests.Entry] = []
  /// The training images that this rank has left out and the others do not know yet.
  private var skipped: [String] = []
  /// The images of all ranks that went into steps since the last epoch was closed.
  private var summed = 0
  /// What the files of the first epoch say; nil when it has been told.
  private var tally: ImageTally? = ImageTally()
  private var epochClock = EpochClock()

  /// Trains to the end, or to a requested stop.
  ///
  /// - Throws: what makes it impossible to go on. No rank has applied the step in question: the state
  ///   is dropped with this value, and checkpoints hold whole steps only.
  package mutating func run() throws -> Outcome {
    defer { pipeline.stop() }
    observer.note(started)
    while plan.steps(inEpoch: state.epoch) > 0 {
      while state.step < plan.steps(inEpoch: state.epoch) {
        let batch = try nextBatch()
        let sums = try exchange.sum(batch, at: state.head)
        try update(with: sums)
        observer.note(try progress())
        let stops = sums.stopRequests > 0
        try saveCheckpoint(stopping: stops)
        if stops { return .stopped }
      }
      guard try computeValidationFeatures() else { return .stopped }
      try finishEpoch()
    }
    return .finished
  }

  /// Starts the worker threads; they compute ahead from where `state` stands.
  ///
  /// - Parameters:
  ///   - communicator: this rank's; used from the calling thread alone.
  ///   - stop: asked at every step whether the run shall stop.
  ///   - observer: told what happens, and asked to save checkpoints.
  package init(
    manifest: DatasetManifest, configuration: TrainingConfiguration, producer: any FeatureProducer,
    from state: TrainingState, options: RunOptions, communicator: any Communicator,
    stop: StopSignal, observer: any TrainingObserver
  ) throws {
    let sampler = Sampler(
      count: manifest.train.count, globalBatch: configuration.batchSize, seed: configuration.seed)
    plan = StepPlan(
      sampler: sampler, configuration: configuration, rank: communicator.rank,
      worldSize: communicator.worldSize)
    schedule = try configuration.learningRateSchedule()
    exchange = GradientExchange(
      options.exchange, shape: state.head.shape, globalBatch: sampler.globalBatch,
      communicator: communicator, stop: stop)
    validation = ValidationSet(
      manifest.validation, roundSize: configuration.batchSize, communicator)
    let share = (sampler.globalBatch + communicator.worldSize - 1) / communicator.worldSize
    let memory = MemoryBudget(bytes: options.decodingBytes)
    pipeline = FeaturePipeline(
      requests: RequestStream(
        plan: plan, training: manifest.train, validation: validation.rounds.flatMap { $0 },
        epoch: state.epoch, step: state.step),
      lookAhead: 2 * max(share, options.groupSize * options.threads),
      groupSize: options.groupSize, threads: options.threads,
      makeWorker: { try producer.makeWorker(sharing: memory) })
    checkpointEverySteps = options.checkpointEverySteps
    trainCount = manifest.train.count
    self.manifest = manifest
    self.state = state
    let count = manifest.train.count + manifest.validation.count
    // A fresh run knows of no contents yet, nor does a checkpoint of an older version.
    if state.digests.values.count != count { self.state.digests = ImageDigests(count: count) }
    self.communicator = communicator
    self.observer = observer
  }
}

// MARK: - The parts of a step

extension Trainer {
  /// This rank's part of the next global batch.
  private mutating func nextBatch() throws -> [FeatureAnswer] {
    let position = "epoch \(state.epoch + 1), step \(state.step + 1)"
    let batch = try answers(plan.slice(step: state.step).count, at: position)
    try checkContents(of: batch, firstIndex: 0)
    for answer in batch where answer.features == nil { skipped.append(answer.request.sample.path) }
    return batch
  }

  /// The answers to the next requests. Others read in `activity` where this rank is.
  private func answers(_ count: Int, at position: String) throws -> [FeatureAnswer] {
    communicator.activity = position
    let answers = try pipeline.next(count) { file in
      if let file { communicator.activity = "\(position), working on \(file)" }
      try communicator.reportActivity()
    }
    communicator.activity =
      answers.last.map { "\(position), last file \($0.request.sample.path)" } ?? position
    return answers
  }

  /// Refuses an image whose file is not the one that this run has read before.
  private mutating func checkContents(of answers: [FeatureAnswer], firstIndex: Int) throws {
    for answer in answers {
      tally?.add(answer)
      let index = firstIndex + answer.request.index
      if let known = state.digests[index] {
        guard known == answer.digest else {
          throw TrainingError.otherContent(
            path: answer.request.sample.path, host: communicator.host, here: answer.digest,
            before: known)
        }
      } else {
        freshDigests.append(ImageDigests.Entry(index: index, digest: answer.digest))
      }
    }
  }

  /// Takes the optimizer's step, the same on every rank. A batch whose images were all left out
  /// changes nothing.
  private mutating func update(with sums: ExactGradient) throws {
    if let (gradient, metrics) = try sums.meanUnlessEmpty() {
      summed += metrics.count
      let rate = schedule.rate(step: completedSteps, stepsPerEpoch: plan.sampler.stepsPerEpoch)
      state.optimizer.update(&state.head, gradient: gradient, learningRate: rate)
      guard state.head.isFinite, state.optimizer.state.isUsable else {
        throw TrainingError.diverged(epoch: state.epoch + 1, step: state.step + 1)
      }
    }
    state.running.add(sums)
    state.step += 1
  }

  /// Saves a checkpoint inside an epoch where one is due: after every so many steps, and before the
  /// features of the validation images are computed, which may take long and fail.
  private mutating func saveCheckpoint(stopping: Bool) throws {
    let due = checkpointEverySteps.map { completedSteps.isMultiple(of: $0) } ?? false
    let validates = !validation.isComplete && state.step == plan.steps(inEpoch: state.epoch)
    guard stopping || due || validates else { return }
    try shareFindings()
    try observer.save(state, isFinalAttempt: stopping)
  }

  /// Computes the features of the validation images, once a run, in rounds of a global batch.
  ///
  /// - Returns: false where a signal asked to stop meanwhile; the run then goes on from the
  ///   checkpoint behind the epoch's last step.
  private mutating func computeValidationFeatures() throws -> Bool {
    guard !validation.isComplete else { return true }
    for (number, round) in validation.rounds.enumerated() {
      observer.note(
        .validating(
          epoch: state.epoch + 1, done: validation.count(ofRounds: number),
          total: validation.count))
      let answers = try answers(round.count, at: "epoch \(state.epoch + 1), validation")
      try checkContents(of: answers, firstIndex: trainCount)
      validation.add(answers)
      if try exchange.anyRankStops() {
        // Once more: the attempt behind the last step was allowed to fail. What has been learnt of
        // the validation images stays out of it, so that the file is the same.
        try observer.save(state, isFinalAttempt: true)
        return false
      }
    }
    try validation.complete()
    return true
  }

  /// Validates, and closes the epoch's books.
  private mutating func finishEpoch() throws {
    try shareFindings()
    let result = try validation.evaluate(state.head)
    let training = try state.running.metrics()
    let metrics = EpochMetrics(
      epoch: state.epoch + 1, trainLoss: training.loss, trainAccuracy: training.accuracy,
      validationLoss: result.loss, validationAccuracy: result.accuracy,
      skipped: state.skipped.union(validation.skipped).sorted)
    state.close(metrics)
    let seconds = epochClock.lap()
    observer.note(
      .epoch(
        metrics, seconds: seconds, imagesPerSecond: Double(summed) / seconds,
        isBest: state.bestEpoch == metrics.epoch))
    summed = 0
    try tellTally()
    try observer.save(state, isFinalAttempt: false)
  }

  /// Tells, once a run, what the files of its first epoch and of the validation say.
  private mutating func tellTally() throws {
    guard let total = try tally?.summed(communicator) else { return }
    if total.sentence != nil { observer.note(.images(total)) }
    for warning in state.digests.copies(in: manifest) { observer.note(.warning(warning)) }
    tally = nil
  }

  /// Makes known to all which images any rank has left out, and the contents of those that were
  /// read for the first time.
  private mutating func shareFindings() throws {
    try state.digests.share(freshDigests, communicator)
    freshDigests = []
    state.skipped.formUnion(try communicator.union(ofPaths: skipped))
    skipped = []
  }

  /// Steps of the whole run that are done.
  private var completedSteps: Int { state.epoch * plan.sampler.stepsPerEpoch + state.step }

  private var started: TrainingEvent {
    .started(
      stepsPerEpoch: plan.sampler.stepsPerEpoch, epochs: plan.configuration.epochs,
      completedSteps: completedSteps)
  }

  private func progress() throws(HeadError) -> TrainingEvent {
    var metrics = Metrics()
    do throws(HeadError) {
      metrics = try state.running.metrics()
    } catch .noSamples {
      // All images so far were left out.
    }
    return .step(
      epoch: state.epoch + 1, step: state.step, images: metrics.count, meanLoss: metrics.loss)
  }
}

/// Why a run cannot go on, besides what images, files and ranks can do.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// The parameters left the range of numbers.
  case diverged(epoch: Int, step: Int)
  /// An image's file is not the one that the run has read before.
  case otherContent(path: String, host: String, here: ImageDigest, before: ImageDigest)
  /// Ranks hold different files under the same names: one such file with what its SHA-256 begins
  /// with on two ranks, and how many of the compared ones differ.
  case contentsDiffer(path: String, [String], count: Int, compared: Int)

  package var description: String {
    switch self {
    case .diverged(let epoch, let step):
      "The head, or the optimizer's memory, is not finite any more after step \(step) of epoch "
        + "\(epoch). Earlier checkpoints are intact."
    case .otherContent(let path, let host, let here, let before):
      "On host \(host) the image \(path) has other content than when this run read it before: its "
        + "SHA-256 begins with \(here), not \(before). It was replaced, or hosts hold different files "
        + "under the same name; `sha256sum` on each host tells. Bring the former file back, or start a "
        + "new run; where hosts differ, what this run has written so far may be of both contents."
    case .contentsDiffer(let path, let holders, let count, let compared):
      "Hosts hold different images under the same names: of \(compared) that were compared, "
        + "\(count) \(count == 1 ? "differs" : "differ"). The SHA-256 of \(path) begins with "
        + holders.joined(separator: ", with ")
        + ". Bring the same set to every host, for example with `rsync -ac`."
    }
  }
}

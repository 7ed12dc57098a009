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
  package internal(set) var state: TrainingState

  let plan: StepPlan
  let exchange: GradientExchange
  private let makePipeline: () -> FeaturePipeline
  private var pipeline: FeaturePipeline?
  let communicator: any Communicator
  let observer: any TrainingObserver
  let options: RunOptions
  let producer: any FeatureProducer
  let manifest: DatasetManifest
  var validation: ValidationSet
  /// What this rank has read for the first time and the others do not know yet.
  private var freshDigests: [ImageDigests.Entry] = []
  /// The training images that this rank has left out and the others do not know yet.
  private var skipped: [String] = []
  /// The images of all ranks that went into steps since the last epoch was closed.
  var summed = 0
  /// What the files of the first epoch say; nil when it has been told.
  private var tally: ImageTally? = ImageTally()
  let meter: RankMeter
  let rescue: Rescue
  var stragglers = StragglerWatch()
  /// When the last checkpoint of a run of quick epochs was written.
  var saved = ContinuousClock.now

  /// Trains to the end, or to a requested stop.
  ///
  /// - Throws: what makes it impossible to go on. No rank has applied the step in question: the state
  ///   is dropped with this value, and checkpoints hold whole steps only.
  package mutating func run() throws -> Outcome {
    defer { pipeline?.stop() }
    guard try standardise() else { return .stopped }
    // Not before: its workers compute ahead from here on.
    pipeline = makePipeline()
    observer.note(started)
    while plan.steps(inEpoch: state.epoch) > 0, !state.isOver {
      while state.step < plan.steps(inEpoch: state.epoch) {
        let stops = try takeStep(try nextBatch())
        observer.note(try progress())
        try saveCheckpoint(stopping: stops)
        if stops { return .stopped }
      }
      guard try computeValidationFeatures() else { return .stopped }
      try held { trainer in try trainer.finishEpoch() }
    }
    return .finished
  }

  /// A run that goes on from where `state` stands.
  ///
  /// - Parameters:
  ///   - communicator: this rank's; used from the calling thread alone.
  ///   - stop: asked at every step whether the run shall stop.
  ///   - observer: told what happens, and asked to save checkpoints.
  ///   - meter: measures what this rank does; its times decide nothing.
  package init(
    manifest: DatasetManifest, configuration: TrainingConfiguration, producer: any FeatureProducer,
    from state: TrainingState, options: RunOptions, communicator: any Communicator,
    stop: StopSignal, observer: any TrainingObserver, meter: RankMeter = RankMeter()
  ) throws {
    let communicator = MeteredCommunicator(communicator, meter)
    let sampler = Sampler(
      count: manifest.train.count, globalBatch: configuration.batchSize, seed: configuration.seed)
    plan = StepPlan(
      sampler: sampler, configuration: configuration, rank: communicator.rank,
      worldSize: communicator.worldSize)
    exchange = GradientExchange(
      options.exchange.resolved(
        configuration, shape: state.heads[0].parameters.shape, globalBatch: sampler.globalBatch),
      shape: state.heads[0].parameters.shape,
      capacity: state.bundle.capacity(of: 0, sampler.globalBatch, manifest.train.count),
      communicator: communicator, stop: stop)
    validation = ValidationSet(
      manifest.validation, roundSize: configuration.batchSize, communicator)
    let share = (sampler.globalBatch + communicator.worldSize - 1) / communicator.worldSize
    let memory = MemoryBudget(bytes: options.decodingBytes)
    let requests = RequestStream(
      plan: plan, training: manifest.train, validation: validation.rounds.flatMap { $0 },
      epoch: state.epoch, step: state.step)
    makePipeline = {
      FeaturePipeline(
        requests: requests, lookAhead: 2 * max(share, options.groupSize * options.threads),
        groupSize: options.groupSize, threads: options.threads, meter: meter,
        makeWorker: { try producer.makeWorker(sharing: memory) })
    }
    self.options = options
    self.meter = meter
    self.producer = producer
    self.manifest = manifest
    self.state = state
    let count = manifest.train.count + manifest.validation.count
    // A fresh run knows of no contents yet, nor does a checkpoint of an older version.
    if state.digests.values.count != count { self.state.digests = ImageDigests(count: count) }
    self.state.heads = state.heads.filter {
      state.bundle.isOwned($0.number, by: communicator.rank, of: communicator.worldSize)
    }
    self.communicator = communicator
    self.observer = observer
    rescue = Rescue(stop, observer, communicator, from: state)
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
    guard let pipeline else { preconditionFailure("there are no images before the run") }
    communicator.activity = position
    let answers = try rescue.holding(state) {
      try meter.measure(.awaitingFeatures) {
        try pipeline.next(count) { file in
          if let file { communicator.activity = "\(position), working on \(file)" }
          try communicator.reportActivity()
        }
      }
    }
    communicator.activity =
      answers.last.map { "\(position), last file \($0.request.sample.path)" } ?? position
    return answers
  }

  /// Refuses an image whose file is not the one that this run has read before.
  ///
  /// - Parameter isFirst: whether what the files say counts, which is told of each image once.
  mutating func checkContents(
    of answers: [FeatureAnswer], firstIndex: Int, isFirst: Bool = true
  ) throws {
    for answer in answers {
      if isFirst { tally?.add(answer) }
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

  /// Takes the step of a global batch, of which `own` is this rank's part: true where a rank wants to
  /// stop behind it.
  private mutating func takeStep(_ own: [FeatureAnswer]) throws -> Bool {
    let isSingle = state.bundle.members.count == 1
    let stops = try isSingle ? takeStepTogether(own) : takeStepsApart(own)
    state.step += 1
    return stops
  }

  /// The step of a single head, which is the same on every rank.
  private mutating func takeStepTogether(_ own: [FeatureAnswer]) throws -> Bool {
    let (position, member, head) = (position, state.bundle.members[0], state.heads[0])
    let sums = try rescue.holding(state) {
      try exchange.sum(own) { samples, sums in
        head.add(samples, of: member, folds: [], at: position, to: &sums)
      }
    }
    let count = sums.fields[sums.fields.startIndex + HeadArithmetic.SumField.count.rawValue]
    try learn(ofStepWith: Int(count))
    try state.heads[0].update(with: sums, of: member, at: position)
    return sums.stopRequests > 0
  }

  /// The steps of the heads of a bundle, each of which one rank takes.
  private mutating func takeStepsApart(_ own: [FeatureAnswer]) throws -> Bool {
    let (samples, stops) = try exchange.gather(own)
    try learn(ofStepWith: samples.count)
    let (bundle, globalBatch) = (state.bundle, plan.sampler.globalBatch)
    let (position, trainCount) = (position, manifest.train.count)
    state.heads.inParallel(options.threads) { head, sums in
      head.train(
        on: samples, of: bundle.members[head.number], folds: bundle.folds,
        globalBatch: bundle.capacity(of: head.number, globalBatch, trainCount),
        at: position, with: &sums)
    }
    try checkFirstHead()
    return stops > 0
  }

  /// Counts the images of a step and hears what other ranks have found in it, so that rank 0 can save the
  /// state behind the step without a word of theirs. Before the heads change: whoever dies here loses
  /// no more than this step.
  private mutating func learn(ofStepWith count: Int) throws {
    summed += count
    try held { trainer in
      if !trainer.state.digests.isComplete { try trainer.shareDigests() }
      if count < trainer.plan.sampler.batch(step: trainer.state.step).count {
        try trainer.shareSkipped()
      }
    }
  }

  var position: StepPosition {
    StepPosition(
      epoch: state.epoch, step: completedSteps, stepsPerEpoch: plan.sampler.stepsPerEpoch)
  }

  /// Saves a checkpoint inside an epoch where one is due: after every so many steps, and before the
  /// features of the validation images are computed, which may take long and fail.
  private mutating func saveCheckpoint(stopping: Bool) throws {
    let due = options.checkpointEverySteps.map { completedSteps.isMultiple(of: $0) } ?? false
    let validates = !validation.isComplete && state.step == plan.steps(inEpoch: state.epoch)
    guard stopping || due || validates else { return }
    try rescue.save(try gathered(), isFinalAttempt: stopping)
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
      try checkContents(of: answers, firstIndex: manifest.train.count)
      validation.add(answers)
      if try exchange.anyRankStops() {
        // Once more: the attempt behind the last step was allowed to fail. What has been learnt of
        // the validation images stays out of it, so that the file is the same.
        try rescue.save(try gathered(), isFinalAttempt: true)
        return false
      }
    }
    try validation.complete()
    return true
  }

  /// Tells, once a run, what the files of its first epoch and of the validation say.
  mutating func tellTally() throws {
    guard let total = try tally?.summed(communicator) else { return }
    if total.sentence != nil { observer.note(.images(total)) }
    for warning in state.digests.copies(in: manifest) { observer.note(.warning(warning)) }
    tally = nil
  }

  /// Makes known to all the contents of the images that any rank has read for the first time.
  mutating func shareDigests() throws {
    try state.digests.share(freshDigests, communicator)
    freshDigests = []
  }

  /// Makes known to all which images any rank has left out.
  private mutating func shareSkipped() throws {
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
    // Nothing where all images so far were left out.
    let isWhole = state.heads[0].divergedAt == nil
    let metrics = isWhole ? try state.running.metricsUnlessEmpty() ?? Metrics() : Metrics()
    return .step(
      epoch: state.epoch + 1, step: state.step, images: metrics.count, meanLoss: metrics.loss)
  }
}

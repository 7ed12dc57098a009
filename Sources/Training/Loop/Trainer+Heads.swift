import Collectives
import FileIO
import Head
import ImageData

/// What ranks tell each other about the heads that each of them trains.
extension Trainer {
  /// A head that one rank trains, for features as they are, on every rank; nil where it has left the
  /// range of numbers. Collective.
  func sharedHead(
    _ number: Int, _ configuration: TrainingConfiguration
  ) throws -> HeadParameters? {
    let own = state.heads.first { $0.number == number }
    guard number > 0, communicator.worldSize > 1 else {
      return own.flatMap { $0.divergedAt == nil ? $0.head : nil }
    }
    var bytes: [UInt8] = []
    if let own, own.divergedAt == nil { bytes = littleEndianBytes(of: own.head.values) }
    try communicator.broadcast(&bytes, from: number % communicator.worldSize)
    guard !bytes.isEmpty else { return nil }
    let first = state.heads[0].parameters.shape
    let shape = try HeadShape(
      features: first.features, hidden: configuration.hidden, classes: first.classes)
    return HeadParameters(shape: shape, values: numbers(ofLittleEndianBytes: bytes[...]))
  }

  /// Labels and logits of the validation images of all ranks for a head that rank 0 has, on rank 0;
  /// nothing on the others. Collective.
  package mutating func validate(
    _ head: HeadParameters?
  ) throws -> (logits: [[Double]], labels: [Int]) {
    if !validation.isComplete {
      // A run that was over already when it was resumed.
      _ = try pass("validating", over: .validation) { trainer, answers in
        trainer.validation.add(answers)
        return true
      }
      try validation.complete()
    }
    var bytes = head.map { littleEndianBytes(of: $0.values) } ?? []
    try communicator.broadcast(&bytes, from: 0)
    let shape = state.heads[0].parameters.shape
    let head = HeadParameters(shape: shape, values: numbers(ofLittleEndianBytes: bytes[...]))
    let all = try communicator.gathered(validation.outputs(head), classes: shape.classes)
    return (all.map(\.logits), all.map(\.label))
  }

  /// Ends a run of one setting whose head has left the range of numbers; a sweep goes on with its
  /// other settings.
  func checkFirstHead() throws {
    guard !state.bundle.isSweep, let step = state.heads[0].divergedAt else { return }
    let steps = plan.sampler.stepsPerEpoch
    throw TrainingError.diverged(epoch: (step - 1) / steps + 1, step: (step - 1) % steps + 1)
  }

  /// Whether no head of any rank moves any more. Collective.
  func areAllAtRest() throws -> Bool {
    guard state.bundle.members.contains(where: { $0.configuration.optimizer.takesWholeEpochs })
    else { return false }
    var moving = [Int64(state.heads.count { !$0.isAtRest })]
    try communicator.allreduce(&moving, .sum)
    return moving[0] == 0
  }

  /// The state with the heads of all ranks on rank 0; the state as it is on the others. Collective.
  package func gathered() throws -> TrainingState {
    guard communicator.worldSize > 1, state.bundle.members.count > 1 else { return state }
    let own = communicator.rank == 0 ? [] : state.heads.filter { $0.number > 0 }
    let all = try communicator.gather(try HeadArchive.encode(own), to: 0)
    guard communicator.rank == 0 else { return state }
    var state = state
    for bytes in all {
      state.heads += try HeadArchive.decode(
        bytes, state.bundle, like: state.heads[0].parameters.shape,
        trainCount: manifest.train.count)
    }
    state.heads.sort { $0.number < $1.number }
    guard state.heads.map(\.number) == Array(state.bundle.members.indices) else {
      throw CollectiveError.mismatch("A rank has lost a head; is avp-dist the same?")
    }
    return state
  }
}

/// Passes over images as they are, without augmentation.
extension Trainer {
  /// Hands this rank's answers of each round of a global batch to `body`. Collective.
  ///
  /// - Parameters:
  ///   - part: the training images, or the validation images.
  ///   - body: returns false to end the pass.
  /// - Returns: false where the pass was ended.
  private mutating func pass(
    _ name: String, over part: Part = .train,
    _ body: (inout Trainer, [FeatureAnswer]) throws -> Bool
  ) throws -> Bool {
    let set = ValidationSet(manifest[part], roundSize: plan.sampler.globalBatch, communicator)
    let memory = MemoryBudget(bytes: options.decodingBytes)
    let producer = producer
    let pipeline = FeaturePipeline(
      requests: set.rounds.flatMap { $0 }.makeIterator(),
      lookAhead: 2 * options.groupSize * options.threads, groupSize: options.groupSize,
      threads: options.threads, meter: meter,
      makeWorker: { try producer.makeWorker(sharing: memory) })
    defer { pipeline.stop() }
    for (number, round) in set.rounds.enumerated() {
      observer.note(.passing(name, done: set.count(ofRounds: number), total: set.count))
      communicator.activity = name
      let answers = try meter.measure(.awaitingFeatures) {
        try pipeline.next(round.count) { file in
          if let file { communicator.activity = "\(name), working on \(file)" }
          try communicator.reportActivity()
        }
      }
      try checkContents(
        of: answers, firstIndex: part == .train ? 0 : manifest.train.count, isFirst: false)
      guard try body(&self, answers) else { return false }
    }
    return true
  }

  /// Learns, where a head wants it, how features are standardised: over the images that the head
  /// sees. Collective.
  ///
  /// - Returns: false where a signal asked to stop meanwhile.
  mutating func standardise() throws -> Bool {
    let bundle = state.bundle
    guard bundle.members.contains(where: { $0.configuration.standardise }),
      state.epoch == 0, state.step == 0
    else { return true }
    let width = state.heads[0].parameters.shape.features
    // The sums of each fold; of all images where there are none.
    let count = 1 + (bundle.folds.max() ?? 0)
    var sums = [FeatureSums](repeating: FeatureSums(width: width), count: count)
    let ended = try pass("standardising") { trainer, answers in
      for answer in answers {
        guard let features = answer.features else { continue }
        sums[bundle.folds.isEmpty ? 0 : bundle.folds[answer.request.index]].add(features)
      }
      return try !trainer.exchange.anyRankStops()
    }
    guard ended else { return false }
    for index in sums.indices { try communicator.allreduce(&sums[index].values, .sum) }
    let all = sums.dropFirst().reduce(sums[0], +)
    let whole = try all.standardisation()
    let others = try sums.count == 1 ? [] : sums.map { try (all - $0).standardisation() }
    for index in state.heads.indices {
      let member = bundle.members[state.heads[index].number]
      guard member.configuration.standardise else { continue }
      state.heads[index].standardisation = member.fold.map { others[$0] } ?? whole
    }
    return true
  }

  /// What each head that is blind to a fold predicts for the images of that fold. Collective.
  ///
  /// - Returns: on rank 0 the predictions of each setting, in their order, elsewhere nothing; nil where
  ///   a signal asked to stop meanwhile.
  package mutating func predictOutOfSample() throws -> [OutOfSample]? {
    let bundle = state.bundle
    guard !bundle.folds.isEmpty else { return [] }
    let classes = state.heads[0].parameters.shape.classes
    let settings = bundle.members.count { $0.fold == nil }
    guard settings * manifest.train.count <= OutOfSample.limit / classes else {
      throw HeadError.setting(
        "the predictions of \(settings) settings for \(manifest.train.count) images of \(classes) "
          + "classes take more than 4 GiB; use fewer settings, or none of the folds")
    }
    let heads = state.heads.filter { bundle.members[$0.number].fold != nil }
    let shared = heads.filter { $0.divergedAt == nil }.map {
      (bundle.setting(of: $0.number), bundle.members[$0.number].fold, $0.head)
    }
    // Heads whose predictions are not to be had.
    var missing = [Int64](repeating: 0, count: settings)
    for head in heads where head.divergedAt != nil { missing[bundle.setting(of: head.number)] += 1 }
    var found = (0..<settings).map { _ in OutOfSample(count: manifest.train.count, classes) }
    let ended = try pass("predicting the folds") { trainer, answers in
      let (samples, stops) = try trainer.exchange.gather(answers)
      guard stops == 0 else { return false }
      for (setting, fold, head) in shared {
        let own = samples.filter { bundle.folds[$0] == fold }
        let logits = head.arithmetic.logits(parameters: head.values, inputs: own.values)
        for (index, values) in zip(own.indices, logits) {
          guard values.allSatisfy({ Float($0).isFinite }) else {
            missing[setting] += 1
            continue
          }
          found[setting].set(values, at: index)
        }
      }
      return true
    }
    guard ended else {
      // Once more: the attempt behind the last epoch was allowed to fail.
      try rescue.save(try gathered(), isFinalAttempt: true)
      return nil
    }
    try communicator.allreduce(&missing, .sum)
    for setting in found.indices { found[setting].isComplete = missing[setting] == 0 }
    let own = found.flatMap { littleEndianBytes(of: $0.logits) }
    let all = try communicator.gather(own, to: 0)
    guard communicator.rank == 0 else { return [] }
    for bytes in all.dropFirst() {
      let values: [Float] = numbers(ofLittleEndianBytes: bytes[...])
      let size = manifest.train.count * classes
      guard values.count == size * settings else {
        throw CollectiveError.mismatch("A rank sent other predictions; is avp-dist the same?")
      }
      for setting in found.indices {
        found[setting].merge(values[setting * size..<(setting + 1) * size])
      }
    }
    return found
  }
}

import Collectives
import FileIO
import Foundation
import Head
import ImageCodecs
import ImageData
import ImageTransforms
import Tensors
import Testing

@testable import Training

/// Features drawn from the request alone, in place of images and a backbone.
struct SyntheticImages: FeatureProducer {
  var featureCount = 5
  /// Indices of training images that are left out.
  var skipped: Set<Int> = []
  /// Indices of images that raise an error.
  var failing: Set<Int> = []
  /// The paths of images that raise an error.
  var failingPaths: Set<String> = []
  /// The paths of images whose files were replaced.
  var replaced: Set<String> = []

  /// Indices of training images with an EXIF orientation.
  var turned: Set<Int> = []

  struct Failure: Error, Equatable {
    let index: Int
  }

  func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
    { requests, beginning in
      requests.forEach(beginning)
      // Threads overtake each other, so that an order that depends on them would show.
      usleep(UInt32((requests.first?.index ?? 0) * 7919 % 300))
      return try requests.map { request in
        let notes = ImageNotes(isTurned: request.view != nil && turned.contains(request.index))
        return FeatureAnswer(
          request, features: try answer(request), digest: digest(request.sample), notes: notes)
      }
    }
  }

  func digest(_ sample: Sample) -> ImageDigest {
    let content = replaced.contains(sample.path) ? "new" : "old"
    return ImageDigest(SHA256.Digest(of: Array("\(content) \(sample.path)".utf8)))
  }

  /// The features, nil where the image is left out.
  func answer(_ request: FeatureRequest) throws -> [Float]? {
    if failing.contains(request.index) || failingPaths.contains(request.sample.path) {
      throw Failure(index: request.index)
    }
    if request.view != nil, skipped.contains(request.index) { return nil }
    var random = CounterRandom(
      seed: 77, purpose: .augmentation, epoch: request.view ?? 1_000, index: request.index)
    return (0..<featureCount).map { place in
      Float(random.uniform(0, 2)) + (place == request.sample.label ? 1 : 0)
    }
  }
}

extension FeatureProducer {
  /// A worker that has no memory to share.
  func makeWorker() throws -> FeatureWorker {
    try makeWorker(sharing: MemoryBudget(bytes: 1 << 30))
  }
}

/// A run that takes milliseconds: 11 training and 7 validation images of three classes, five
/// features.
struct SyntheticRun: Sendable {
  var images = SyntheticImages()
  var configuration = Self.configuration
  var options = RunOptions()
  let manifest = Self.manifest(train: 11, validation: 7)

  static var configuration: TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.epochs = 2
    configuration.batchSize = 4
    configuration.hidden = 3
    configuration.learningRate = 0.05
    configuration.seed = 3
    return configuration
  }

  static func manifest(train: Int, validation: Int) -> DatasetManifest {
    func samples(_ name: String, _ count: Int) -> [Sample] {
      (0..<count).map { Sample(path: "\(name)/\($0).jpg", label: $0 % 3, bytes: 1) }
    }
    return DatasetManifest(
      classes: ["a", "b", "c"], train: samples("train", train),
      validation: samples("validation", validation))
  }

  var record: ModelRecord {
    ModelRecord(
      toolVersion: "test", configuration: configuration, classes: manifest.classes,
      backbone: ModelRecord.Backbone(
        name: "synthetic", fingerprint: String(repeating: "ab", count: 32),
        featureLayer: "layer4", featureCount: images.featureCount, kernels: "portable"),
      preprocessing: ModelRecord.Preprocessing(
        preset: .pytorch, size: 224, normalisation: .torch),
      dataset: manifest.fingerprint, trainCount: manifest.train.count)
  }

  var sampler: Sampler {
    Sampler(
      count: manifest.train.count, globalBatch: configuration.batchSize, seed: configuration.seed)
  }

  func initialState() throws -> TrainingState {
    try TrainingState(
      configuration, features: images.featureCount, classes: manifest.classes.count,
      trainCount: manifest.train.count)
  }

  /// Trains on one rank from `state`, or from the beginning.
  func train(
    _ communicator: any Communicator, from state: TrainingState? = nil,
    stop: StopSignal = StopSignal(), observer: any TrainingObserver = SilentObserver()
  ) throws -> (state: TrainingState, outcome: Trainer.Outcome) {
    var trainer = try Trainer(
      manifest: manifest, configuration: configuration, producer: images,
      from: state ?? initialState(), options: options, communicator: communicator, stop: stop,
      observer: observer)
    let outcome = try trainer.run()
    return (trainer.state, outcome)
  }

  /// The final state of every rank.
  func train(ranks: Int, from state: TrainingState? = nil) throws -> [TrainingState] {
    try onEveryRank(of: ThreadWorld(worldSize: ranks)) { communicator in
      try train(communicator, from: state).state
    }.map { try $0.get() }
  }

  /// The bytes of a checkpoint with everything that a state holds.
  func bytes(_ state: TrainingState) throws -> [UInt8] {
    try Checkpoint(record, state, withOptimizer: true).encoded()
  }
}

/// The run as a plain loop: no threads, no ranks, no look-ahead.
func referenceRun(_ run: SyntheticRun) throws -> (head: HeadParameters, history: [EpochMetrics]) {
  let configuration = run.configuration
  let start = try run.initialState()
  var (head, optimizer) = (start.head, start.optimizer)
  var history: [EpochMetrics] = []
  let schedule = try configuration.learningRateSchedule()
  for epoch in 0..<configuration.epochs {
    let order = run.sampler.order(epoch: epoch)
    var training = Metrics()
    for step in 0..<run.sampler.stepsPerEpoch {
      let batch = try run.sampler.batch(step: step).map { position in
        FeatureRequest(
          sample: run.manifest.train[order[position]], index: order[position], view: epoch)
      }.filter { try run.images.answer($0) != nil }
      guard !batch.isEmpty else { continue }
      var sums = ExactGradient(shape: head.shape, globalBatch: configuration.batchSize)
      var samples = LabelledFeatures()
      for request in batch {
        samples.append(
          try run.features(request), label: request.sample.label, index: request.index)
      }
      sums.add(samples, at: head)
      let (gradient, metrics) = try sums.mean()
      training += metrics
      optimizer.update(
        &head, gradient: gradient,
        learningRate: schedule.rate(
          step: epoch * run.sampler.stepsPerEpoch + step,
          stepsPerEpoch: run.sampler.stepsPerEpoch))
    }
    history.append(try run.metrics(epoch: epoch + 1, training, head))
  }
  return (head, history)
}

extension SyntheticRun {
  fileprivate func features(_ request: FeatureRequest) throws -> [Float] {
    try #require(try images.answer(request))
  }

  fileprivate func metrics(
    epoch: Int, _ training: Metrics, _ head: HeadParameters
  ) throws -> EpochMetrics {
    var tally = ExactTally(capacity: manifest.validation.count)
    for (index, sample) in manifest.validation.enumerated() {
      let vector = try features(FeatureRequest(sample: sample, index: index, view: nil))
      tally.add(logits: head.logits(of: [vector])[0], label: sample.label)
    }
    let validation = try tally.metrics()
    return EpochMetrics(
      epoch: epoch, trainLoss: training.loss, trainAccuracy: training.accuracy,
      validationLoss: validation.loss, validationAccuracy: validation.accuracy,
      skipped: images.skipped.map { manifest.train[$0].path }.sorted())
  }
}

/// A folder that goes away with the value that made it; in memory where that is possible, because
/// the tests flush many files.
final class ScratchFolder {
  let path: String

  init() throws {
    let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
    path = "\(parent)/avp-dist-tests-\(getpid())-\(UUID().uuidString)"
    // Caches are used only where nobody else may write, whatever the mask for new files says.
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], _ name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
  }
}

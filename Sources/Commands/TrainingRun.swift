import Collectives
import FileIO
import Foundation
import Head
import ImageData
import ImageTransforms
import Kernels
import Launching
import MPICollectives
import Reports
import ResNet
import ResNetWeights
import Settings
import Training

/// The `train` command: puts the parts together and hands them to the training loop.
struct TrainingRun {
  let command: TrainCommand
  /// The settings to try; nil for those of the command alone.
  let sweep: Sweep?
  let stallTimeout: Duration

  var configuration: TrainingConfiguration { command.configuration }
  var settings: [TrainingConfiguration] {
    sweep?.grid.points.map(\.configuration) ?? [configuration]
  }
  var start: RunStart { command.runSettings.start }
  var style: ProgressStyle { command.runSettings.log }
  /// Whether standard output is for other programs.
  var isForPrograms: Bool { style == .json || sweep?.printsJSON == true }

  /// A run with the settings of a command line.
  init(_ command: TrainCommand, sweep: Sweep? = nil) {
    self.command = command
    self.sweep = sweep
    stallTimeout = .seconds(command.runSettings.stallTimeout)
  }

  /// Trains, validates and writes the model; collective under a launcher.
  func run() throws {
    // From here on a signal asks for a checkpoint, also while images are being listed.
    let stop = StopSignal()
    stop.listen()
    // What mpirun sends all ranks when one of them is gone.
    let isToldToEnd = { stop.number == SIGTERM }
    try withRanks(
      stallTimeout: stallTimeout,
      stallAdvice:
        "Training can be resumed from its last checkpoint; --stall-timeout sets a longer "
        + "time.", isToldToEnd: isToldToEnd
    ) { communicator in
      try train(communicator, stop)
    }
  }

  private func train(_ communicator: any Communicator, _ stop: StopSignal) throws {
    let isRoot = communicator.rank == 0
    let data = command.images.root
    let manifest = try endingAtOnce(on: stop, communicator) {
      try sharedManifest(communicator)
    }
    let backbone = try endingAtOnce(on: stop, communicator) {
      try comparePrecision(communicator)
      return try LoadedBackbone(
        command.backbone, inputSize: configuration.geometry.size, style: style
      ) {
        try calibration(for: $0, manifest, communicator)
      }
    }
    var options = try command.backbone.machine.runOptions(communicator)
    options.exchange = command.runSettings.exchange
    options.checkpointEverySteps = command.runSettings.checkpointEverySteps
    let record = record(manifest, backbone)
    let bundle = try HeadBundle(settings, manifest: manifest)
    try endingAtOnce(on: stop, communicator) {
      try ConsistencyCheck(
        record: record, options: command.exchangeSettings, manifest: manifest, data: data
      )
      .check(communicator)
      try manifest.compareContents(root: data, communicator)
    }

    if isRoot {
      for text in command.idle + manifest.remarks { printError("warning: \(text)") }
    }
    let folder = try sharedFolder(communicator)
    // Not before the end is the folder free for other runs.
    defer { withExtendedLifetime(folder) {} }
    let views = configuration.views
    let producer = RememberedFeatures(of: extractor(backbone, data: data)) {
      $0.view == nil || views > 0
    }
    let state =
      try resumedState(record, bundle, manifest, data, folder, communicator)
      ?? initialState(record, bundle)
    options.exchange =
      sweep != nil
      ? .features
      : options.exchange.resolved(
        configuration, shape: state.head.shape,
        globalBatch: min(configuration.batchSize, manifest.train.count))
    let recorder = isRoot ? try recorder(record, folder, manifest, state) : nil
    try describe(backbone, data: data, options, communicator, folder)
    if isRoot { announce(manifest, backbone, options, communicator, folder) }

    var trainer = try Trainer(
      manifest: manifest, configuration: configuration, producer: producer, from: state,
      options: options, communicator: communicator, stop: stop,
      observer: recorder ?? SilentObserver())
    let outcome = try advisingALowerRate { try trainer.run() }
    guard outcome == .finished, let predictions = try trainer.predictOutOfSample() else {
      recorder?.close()
      throw Failure(
        status: .stopped,
        description: "Stopped by a signal; `--resume auto` goes on from here.", isOfAllRanks: true)
    }
    recorder?.close()
    let final = try trainer.gathered()
    if let sweep {
      // The others need not wait while rank 0 compares the settings.
      try communicator.barrier()
      guard let recorder else { return }
      let folds = predictions.map { CrossValidation($0, manifest, bundle.folds) }
      return try sweep.conclude(
        folds, final, recorder.files, folder, manifest, command: command)
    }
    let folds = predictions.first.map { CrossValidation($0, manifest, bundle.folds) }
    try finish(&trainer, final, recorder, folds)
    try communicator.barrier()
    guard let recorder else { return }
    conclude(final, recorder.files)
    if let folds { try conclude(folds, manifest, bundle.folds, folder) }
  }
}

/// Runs `body`, and adds to an error of numbers that left their range what the user can do.
private func advisingALowerRate<Result>(_ body: () throws -> Result) throws -> Result {
  func advised(_ error: any Error) -> Failure {
    Failure(
      status: ExitStatus(of: error),
      description:
        "\(error)\("\(error)".hasSuffix(".") ? "" : ".") Lower --lr, or check the weights.")
  }
  do {
    return try body()
  } catch let error as HeadError {
    guard case .notFinite = error else { throw error }
    throw advised(error)
  } catch let error as TrainingError {
    guard case .diverged = error else { throw error }
    throw advised(error)
  }
}

// MARK: - What all ranks share

extension TrainingRun {
  /// The list of images, made by rank 0; every rank then checks that it sees the files of its
  /// share.
  private func sharedManifest(_ communicator: any Communicator) throws -> DatasetManifest {
    let manifest = try command.images.shared(
      PartWish(shares: configuration.parts.shares), communicator, style: style)
    if communicator.rank == 0, manifest.leftOut.count > 0, !isForPrograms {
      printLine("\(manifest.leftOut)")
    }
    return manifest
  }

  /// The run's folder, which rank 0 makes and locks.
  private func sharedFolder(_ communicator: any Communicator) throws -> RunFolder {
    var own: RunFolder?
    if communicator.rank == 0 {
      var folder = try RunFolder.choose(output: command.runSettings.output, start: start)
      try folder.create()
      communicator.activity = "waiting for the run's folder"
      // Within the timeout, after which the others would take this rank for one that hangs.
      let timeout = start == .afresh ? min(.seconds(5), stallTimeout / 2) : stallTimeout / 2
      try folder.acquireLock(from: start, timeout: timeout) {
        try communicator.reportActivity()
      }
      communicator.activity = ""
      own = folder
    }
    var bytes = Array((own?.path ?? "").utf8)
    try communicator.broadcast(&bytes, from: 0)
    return own ?? RunFolder(path: String(decoding: bytes, as: UTF8.self))
  }

  /// Checks that all ranks are to choose scales, or none: they would wait for each other for ever.
  private func comparePrecision(_ communicator: any Communicator) throws {
    let own =
      "--precision \(command.backbone.precision.rawValue)"
      + (command.backbone.calibration == nil ? "" : " with --calibration")
    let all = try communicator.allgather(Array(own.utf8)).map {
      String(decoding: $0, as: UTF8.self)
    }
    guard let other = all.firstIndex(where: { $0 != all[0] }) else { return }
    throw Failure(
      status: .configuration,
      description: "The ranks do not agree: rank \(other) has \(all[other]), rank 0 has \(all[0]).",
      isOfAllRanks: true)
  }

  /// The scales of int8; nil for floats. Collective.
  private func calibration(
    for loaded: LoadedWeights, _ manifest: DatasetManifest, _ communicator: any Communicator
  ) throws -> Calibration? {
    guard command.backbone.precision == .int8 else { return nil }
    if let file = command.backbone.calibration { return try Calibration(file: file, for: loaded) }
    return try CalibrationSource(
      transform: ImageTransform(
        preset: configuration.preset, geometry: configuration.geometry,
        normalisation: loaded.normalisation),
      source: ImageSource(root: command.images.root, orientation: configuration.orientation),
      samples: manifest.train, onBadImage: configuration.onBadImage,
      featureLayer: command.backbone.featureLayer, cache: command.backbone.machine.cache,
      style: style
    ).shared(loaded, communicator)
  }

  private func record(_ manifest: DatasetManifest, _ backbone: LoadedBackbone) -> ModelRecord {
    var record = ModelRecord(
      toolVersion: toolVersion, configuration: configuration, classes: manifest.classes,
      backbone: backbone.record,
      preprocessing: ModelRecord.Preprocessing(
        preset: configuration.preset, size: configuration.geometry.size,
        normalisation: backbone.normalisation),
      dataset: manifest.fingerprint, trainCount: manifest.train.count)
    record.sweep = sweep == nil ? nil : settings
    return record
  }

  private func extractor(
    _ backbone: LoadedBackbone, data: String
  ) -> FeatureExtractor {
    FeatureExtractor(
      backbone: backbone.backbone,
      transform: ImageTransform(
        preset: configuration.preset, geometry: configuration.geometry,
        normalisation: backbone.normalisation),
      augmentation: configuration.augmentation, seed: configuration.seed,
      images: ImageSource(root: data, orientation: configuration.orientation),
      onBadImage: configuration.onBadImage
    ).caching(
      backbone, in: command.backbone.machine.cache, keepsViews: configuration.views > 0)
  }

  /// How many epochs have images to put through the backbone: later ones find their features in
  /// the cache.
  var freshEpochs: Int {
    guard command.backbone.machine.cache != nil else { return .max }
    if configuration.augmentation == nil { return 1 }
    return configuration.views > 0 ? configuration.views : .max
  }
}

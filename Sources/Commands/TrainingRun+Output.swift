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
import Scoring
import Settings
import Training

/// What is written and shown.
extension TrainingRun {
  func recorder(
    _ record: ModelRecord, _ folder: RunFolder, _ manifest: DatasetManifest, _ state: TrainingState
  ) throws -> RunRecorder {
    let sampler = Sampler(
      count: manifest.train.count, globalBatch: configuration.batchSize, seed: configuration.seed)
    let files = RunFiles(
      folder: folder.path, keep: command.runSettings.keep ?? (quiet == nil ? nil : 1),
      record: record,
      stepsPerEpoch: sampler.stepsPerEpoch)
    let recorder = RunRecorder(
      folder.files, files: files,
      reporter: ProgressReporter(
        style: style, terminal: Screen.output, trainCount: manifest.train.count, quiet: quiet,
        freshEpochs: freshEpochs, write: progressOutput))
    for path in [folder.path, folder.checkpoints] { CheckpointFolder.removeLeftovers(in: path) }
    try recorder.forget(epochsAfter: state.epoch)
    var origins = [folder.checkpoints]
    if case .file(let file) = start {
      origins.insert(URL(fileURLWithPath: file).deletingLastPathComponent().path, at: 0)
    }
    try files.restoreBest(of: state, from: origins)
    return recorder
  }

  /// Where progress is shown: on standard error where standard output is for the result alone.
  private var progressOutput: (String) -> Void {
    let handle =
      style != .json && isForPrograms ? FileHandle.standardError : FileHandle.standardOutput
    return { try? handle.write(contentsOf: Data($0.utf8)) }
  }

  /// What stands for the lines of epochs that are many and quick, or of heads that are many.
  private var quiet: QuietProgress? {
    if let sweep {
      let heads = sweep.grid.points.count * (1 + (configuration.folds ?? 0))
      return QuietProgress(title: "training \(heads) heads", isSweep: true)
    }
    return configuration.optimizer.takesWholeEpochs
      ? QuietProgress(title: "minimising", isSweep: false) : nil
  }

  /// Writes `config.json`: the settings, and what depends on the machine. Collective.
  func describe(
    _ backbone: LoadedBackbone, data: String, _ options: RunOptions,
    _ communicator: any Communicator, _ folder: RunFolder
  ) throws {
    let hosts = try communicator.gather(Array(communicator.host.utf8), to: 0)
    guard communicator.rank == 0 else { return }
    let description = RunDescription(
      toolVersion: toolVersion, configuration: configuration, weights: backbone.path,
      data: absolutePath(data), manifest: command.images.manifest.map(absolutePath),
      worldSize: communicator.worldSize, threads: options.threads,
      hosts: hosts.map { String(decoding: $0, as: UTF8.self) },
      kernels: backbone.kernels, exchange: communicator.worldSize > 1 ? options.exchange : nil)
    try folder.files.write(
      [UInt8](JSONEncoder.sorted.encode(description)), to: RunFolder.configurationName)
  }

  func announce(
    _ manifest: DatasetManifest, _ backbone: LoadedBackbone, _ options: RunOptions,
    _ communicator: any Communicator, _ folder: RunFolder
  ) {
    guard !isForPrograms else { return }
    let ranks = communicator.worldSize
    printLine(
      """
      \(manifest.train.count) training and \(manifest.validation.count) validation images of \
      \(manifest.classes.count) classes: \(manifest.classes.prefix(8).joined(separator: ", "))\
      \(manifest.classes.count > 8 ? ", …" : "")
      backbone \(backbone.summary)
      \(ranks) \(ranks == 1 ? "rank" : "ranks"), \(options.threads) \
      \(options.threads == 1 ? "thread" : "threads") each\
      \(ranks == 1 ? "; " : ", exchanging \(options.exchange.rawValue)\n")global batch \
      \(min(configuration.batchSize, manifest.train.count)); \
      run folder \(folder.path)
      """)
    if !backbone.normalisation.isEquivalent(to: configuration.preset.normalisation) {
      printLine(
        "pixels as these weights need them, not as with \(configuration.preset.rawValue)'s own weights: "
          + backbone.loaded.weights.pixels.sentence)
    }
  }

  /// Writes the models, with the temperatures that the folds ask for, or where there are none, and for
  /// the best epoch, the validation images. Collective.
  func finish(
    _ trainer: inout Trainer, _ state: TrainingState, _ recorder: RunRecorder?,
    _ folds: CrossValidation?
  ) throws {
    let best = recorder?.files.bestModel(of: state)
    let last = try trainer.validate(recorder == nil ? nil : state.head)
    let chosen = try trainer.validate(recorder == nil ? nil : best?.head ?? state.head)
    let ofBest = Temperature.fitted(logits: chosen.logits, labels: chosen.labels)
    let ofLast =
      folds.map { $0.temperature } ?? Temperature.fitted(logits: last.logits, labels: last.labels)
    try recorder?.finish(state, temperature: ofLast, best: best.map { ($0, ofBest) })
  }

  /// Tells what the heads that were blind to a fold say, and writes their predictions.
  func conclude(
    _ result: CrossValidation, _ manifest: DatasetManifest, _ folds: [Int], _ folder: RunFolder
  ) throws {
    let table = result.table(manifest, folds)
    try folder.files.write(Array(table.utf8), to: OutOfSampleFile.name)
    guard style != .json else { return printLine(result.json) }
    printLine(result.text)
    printLine("predictions: \(folder.path)/\(OutOfSampleFile.name)")
  }

  func conclude(_ state: TrainingState, _ files: RunFiles) {
    if configuration.optimizer.takesWholeEpochs, !state.isAtRest {
      printError(
        "warning: the minimum was not reached in \(state.epoch) epochs; give more --epochs, or a "
          + "larger --weight-decay")
    }
    guard style != .json, let last = state.history.last else { return }
    let best = state.history.first { $0.epoch == state.bestEpoch } ?? last
    printLine(
      String(
        format: "done: validation accuracy %.3f after epoch %d, best %.3f after epoch %d",
        last.validationAccuracy, last.epoch, best.validationAccuracy, best.epoch))
    // A run that went on in another folder has no best model where that is from before.
    printLine(
      "model: \(files.model)" + (files.holdsBest(of: state) ? "   best: \(files.best)" : ""))
  }
}

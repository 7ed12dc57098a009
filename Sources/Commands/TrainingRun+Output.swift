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

/// What is written and shown.
extension TrainingRun {
  func recorder(
    _ record: ModelRecord, _ folder: RunFolder, _ manifest: DatasetManifest, _ state: TrainingState
  ) throws -> RunRecorder {
    let sampler = Sampler(
      count: manifest.train.count, globalBatch: configuration.batchSize, seed: configuration.seed)
    let files = RunFiles(
      folder: folder.path, keep: command.runSettings.keep, record: record,
      stepsPerEpoch: sampler.stepsPerEpoch)
    let recorder = RunRecorder(
      folder.files, files: files,
      reporter: ProgressReporter(
        style: style, terminal: Screen.output, trainCount: manifest.train.count,
        freshEpochs: freshEpochs))
    for path in [folder.path, folder.checkpoints] { CheckpointFolder.removeLeftovers(in: path) }
    try recorder.forget(epochsAfter: state.epoch)
    var origins = [folder.checkpoints]
    if case .file(let file) = start {
      origins.insert(URL(fileURLWithPath: file).deletingLastPathComponent().path, at: 0)
    }
    try files.restoreBest(of: state, from: origins)
    return recorder
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
      kernels: backbone.kernels)
    try folder.files.write(
      [UInt8](JSONEncoder.sorted.encode(description)), to: RunFolder.configurationName)
  }

  func announce(
    _ manifest: DatasetManifest, _ backbone: LoadedBackbone, _ options: RunOptions,
    _ communicator: any Communicator, _ folder: RunFolder
  ) {
    guard style != .json else { return }
    let ranks = communicator.worldSize
    printLine(
      """
      \(manifest.train.count) training and \(manifest.validation.count) validation images of \
      \(manifest.classes.count) classes: \(manifest.classes.prefix(8).joined(separator: ", "))\
      \(manifest.classes.count > 8 ? ", …" : "")
      backbone \(backbone.summary)
      \(ranks) \(ranks == 1 ? "rank" : "ranks"), \(options.threads) \
      \(options.threads == 1 ? "thread" : "threads") each; global batch \
      \(min(configuration.batchSize, manifest.train.count)); \
      run folder \(folder.path)
      """)
    if !backbone.normalisation.isEquivalent(to: configuration.preset.normalisation) {
      printLine(
        "pixels as these weights need them, not as with \(configuration.preset.rawValue)'s own weights: "
          + backbone.loaded.weights.pixels.sentence)
    }
  }

  func conclude(_ state: TrainingState, _ files: RunFiles) {
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

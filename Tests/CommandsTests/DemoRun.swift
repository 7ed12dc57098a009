import FileIO
import Foundation
import ImageData
import ImageTransforms
import Settings
import Training

@testable import Commands

/// A folder that goes away with the value that made it.
final class ScratchFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/avp-dist-commands-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, _ name: String) throws -> String {
    let url = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
    return url.path
  }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
  }
}

/// A command as a line of words makes it, not run yet.
func command<Some: Command>(_ type: Some.Type, _ words: [String]) throws -> Some {
  let words = try CommandWords(words, known: type.settings.map(\.facts))
  var command = try type.init(words)
  try command.take(words.operands)
  return command
}

/// A run on generated images that never took a step: its head is the one that training begins
/// with, so that nothing has to be trained for what follows a run.
struct DemoRun {
  let folder: ScratchFolder
  var data: String { folder.path + "/data" }
  var run: String { folder.path + "/run" }
  var machine: [String] { ["--cache-dir", folder.path + "/cache", "--threads", "1"] }

  /// - Parameter words: options of `train`.
  init(_ words: [String] = []) throws {
    folder = try ScratchFolder()
    try command(
      DemoDataCommand.self, ["--output", data, "--train", "4", "--validation", "3"]
    ).run()
    let train = try command(
      TrainCommand.self, ["--data", data, "--weights", "demo"] + machine + words)
    let backbone = try LoadedBackbone(train.backbone, inputSize: 224) { _ in nil }
    let manifest = try DatasetManifest.scan(root: data)
    let record = ModelRecord(
      toolVersion: "test", configuration: train.configuration, classes: manifest.classes,
      backbone: backbone.record,
      preprocessing: ModelRecord.Preprocessing(
        preset: .pytorch, size: 224, normalisation: backbone.normalisation),
      dataset: manifest.fingerprint, trainCount: manifest.train.count)
    let state = try TrainingState(
      train.configuration, features: backbone.backbone.featureCount,
      classes: manifest.classes.count, trainCount: manifest.train.count)
    try FileManager.default.createDirectory(atPath: run, withIntermediateDirectories: true)
    let files = GuardedFolder(path: run)
    try files.write(
      Checkpoint(record, state, withOptimizer: false).encoded(), to: RunFiles.bestName)
    let description = RunDescription(
      toolVersion: "test", configuration: train.configuration, weights: "demo", data: data,
      worldSize: 1, threads: 1, hosts: ["here"], kernels: "portable")
    try files.write(
      [UInt8](JSONEncoder.sorted.encode(description)), to: RunFolder.configurationName)
  }
}

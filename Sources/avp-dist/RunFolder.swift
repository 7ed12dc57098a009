import Foundation
import Reports
import Training
import WeightFiles

/// The folder of one run: where it is, and what is in it already.
struct RunFolder {
  let path: String

  var checkpoints: String { path + "/checkpoints" }
  var metrics: String { path + "/metrics.jsonl" }
  var configuration: String { path + "/config.json" }
  var best: String { path + "/best.safetensors" }
  var model: String { path + "/model.safetensors" }

  /// Whether a run has been here.
  var isUsed: Bool {
    [checkpoints, metrics, model].contains { FileManager.default.fileExists(atPath: $0) }
  }

  /// The folder that a run shall use: the named one, or the next free `runs/NNN`; to resume `auto`
  /// without a name, the newest of those.
  static func choose(output: String?, resuming: Bool) throws -> RunFolder {
    if let output {
      let folder = RunFolder(path: output)
      guard resuming || !folder.isUsed else {
        throw Failure(
          status: .cannotCreate,
          description: """
            \(output) holds a run already. `--resume auto` goes on with it; another --output, or none, \
            starts a new one.
            """)
      }
      return folder
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    let newest = names.compactMap { Int($0) }.filter { $0 > 0 }.max() ?? 0
    let number = resuming && newest > 0 ? newest : newest + 1
    return RunFolder(path: "runs/" + String(format: "%03d", number))
  }

  /// Makes the folder.
  func create() throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw Failure(
        status: .cannotCreate,
        description: "The run's folder \(path) cannot be made: \(error.localizedDescription)")
    }
  }
}

/// Rank 0's observer: shows progress, appends to `metrics.jsonl` and writes checkpoints.
final class RunRecorder: TrainingObserver {
  private let folder: RunFolder
  private let checkpoints: CheckpointFolder
  private let record: ModelRecord
  private let stepsPerEpoch: Int
  private var reporter: ProgressReporter

  init(
    folder: RunFolder, keep: Int?, record: ModelRecord, stepsPerEpoch: Int,
    reporter: ProgressReporter
  ) {
    self.folder = folder
    checkpoints = CheckpointFolder(path: folder.checkpoints, keep: keep)
    self.record = record
    self.stepsPerEpoch = stepsPerEpoch
    self.reporter = reporter
  }

  func note(_ event: TrainingEvent) {
    reporter.show(event)
    if case .step = event { return }
    do {
      if let line = MetricsLine.json(event) { try append(line + "\n") }
    } catch {
      reporter.show(.warning("\(folder.metrics) cannot be written: \(error.localizedDescription)"))
    }
  }

  func keep(_ state: TrainingState, isFinalAttempt: Bool) throws {
    do {
      // Before the checkpoint: a run that dies between the two takes this epoch again, and writes the
      // same file. After it, the run would go on behind this epoch, and its best head would be lost.
      if state.step == 0, state.bestEpoch == state.epoch {
        try writeAtomically(
          Checkpoint(record, state, withOptimiser: false).encoded(), to: folder.best)
      }
      let checkpoint = Checkpoint(record, state, withOptimiser: true)
      let path = try checkpoints.write(checkpoint, stepsPerEpoch: stepsPerEpoch)
      note(.checkpoint(path: path, epoch: state.epoch, step: state.step))
    } catch {
      guard !isFinalAttempt else { throw error }
      note(.warning("no checkpoint could be written, the run goes on: \(error)"))
    }
  }

  /// Writes the model at the end of the run.
  func finish(_ state: TrainingState) throws {
    try writeAtomically(
      Checkpoint(record, state, withOptimiser: false).encoded(), to: folder.model)
  }

  /// Drops the lines of `metrics.jsonl` about epochs that are going to be run again.
  func forget(epochsAfter epoch: Int) throws {
    guard let text = try? String(contentsOfFile: folder.metrics, encoding: .utf8) else { return }
    let kept = text.split(separator: "\n").filter { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let object, object["event"] as? String == "epoch" else { return object != nil }
      return (object["epoch"] as? Int ?? 0) <= epoch
    }
    try writeAtomically(Array(kept.map { $0 + "\n" }.joined().utf8), to: folder.metrics)
  }

  private func append(_ text: String) throws {
    if !FileManager.default.fileExists(atPath: folder.metrics) {
      try Data().write(to: URL(fileURLWithPath: folder.metrics))
    }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.metrics))
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(text.utf8))
  }
}

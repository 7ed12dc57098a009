import FileIO
import Foundation

/// The files of a run that hold heads, in the order that makes a death between any two changes
/// harmless: the best model, then the checkpoint behind it; at the end the final model.
package struct RunFiles: Sendable {
  /// The best epoch's model.
  package let best: String
  /// The model at the end.
  package let model: String
  private let folder: GuardedFolder
  /// What the run's files say about themselves.
  package let record: ModelRecord
  private let stepsPerEpoch: Int
  /// The checkpoints.
  var checkpoints: CheckpointFolder
  /// A best model that could not be written yet.
  private var pendingBest: [UInt8]?

  /// The files of the run `record` in `folder`, which is there.
  ///
  /// - Parameter keep: see ``CheckpointFolder``.
  package init(folder: String, keep: Int?, record: ModelRecord, stepsPerEpoch: Int) {
    best = Self.best(in: folder)
    model = Self.model(in: folder)
    self.folder = GuardedFolder(path: folder)
    checkpoints = CheckpointFolder(path: folder + "/checkpoints", keep: keep)
    self.record = record
    self.stepsPerEpoch = stepsPerEpoch
  }

  /// Where the best epoch's model is in a run's folder.
  package static func best(in folder: String) -> String { "\(folder)/\(bestName)" }

  /// Its name there.
  package static let bestName = "best.safetensors"

  /// Where the model of the end is in a run's folder.
  package static func model(in folder: String) -> String { "\(folder)/\(modelName)" }

  /// Its name there.
  package static let modelName = "model.safetensors"

  /// Writes what is due at `state`; what fails here is tried again with the next call.
  ///
  /// - Returns: the checkpoint's path.
  package mutating func save(_ state: TrainingState) throws -> String {
    // Which head of a sweep is best is known at its end alone.
    if state.step == 0, record.sweep == nil, state.bestEpoch == state.epoch {
      pendingBest = try Checkpoint(record, state, withOptimizer: false).encoded()
    }
    // Before the checkpoint: a run that dies between the two takes this epoch again, and writes the
    // same file. After it, the run would go on behind this epoch, and its best head would be lost.
    try writeBest()
    return try checkpoints.write(
      Checkpoint(record, state, withOptimizer: true), stepsPerEpoch: stepsPerEpoch)
  }

  /// Writes the model at the end of the run.
  ///
  /// - Parameter temperature: what calibrates its logits; nil for nothing.
  package mutating func finish(_ state: TrainingState, temperature: Double? = nil) throws {
    try writeBest()
    let model = Checkpoint(record, state, withOptimizer: false).model(temperature: temperature)
    try write(model.encoded(), to: Self.modelName)
  }

  /// The model of the best epoch of `state`; nil where the file is missing or another run's.
  package func bestModel(of state: TrainingState) -> Checkpoint? {
    guard let found = try? Checkpoint(Self.bestName, in: folder), isBest(found, of: state) else {
      return nil
    }
    return found
  }

  /// Notes in the best epoch's model what calibrates its logits.
  package mutating func calibrate(_ best: Checkpoint, _ temperature: Double?) throws {
    try write(best.model(temperature: temperature).encoded(), to: Self.bestName)
  }

  /// Writes the model of head `number` of a sweep, whose settings `record` has.
  ///
  /// - Parameter temperature: what calibrates its logits; nil for nothing.
  package func finish(
    _ state: TrainingState, as record: ModelRecord, head number: Int, temperature: Double?
  ) throws {
    let model = Checkpoint(record, state, withOptimizer: false, head: number)
    try folder.write(model.model(temperature: temperature).encoded(), to: Self.modelName)
  }

  /// Brings the best epoch's model back where a run goes on behind that epoch and the file is
  /// missing or of another one: from that epoch's checkpoint in one of `folders`, if it is there.
  package func restoreBest(of state: TrainingState, from folders: [String]) throws {
    guard record.sweep == nil, let epoch = state.bestEpoch, !holdsBest(of: state) else { return }
    let name = CheckpointFolder.name(epoch: epoch, step: 0, stepsPerEpoch: stepsPerEpoch)
    for folder in folders {
      guard let checkpoint = try? Checkpoint(name, in: GuardedFolder(inParent: folder)),
        isBest(checkpoint, of: state)
      else { continue }
      return try write(checkpoint.model.encoded(), to: Self.bestName)
    }
  }

  /// Whether the file of the best model is that of the best epoch of `state`.
  package func holdsBest(of state: TrainingState) -> Bool {
    bestModel(of: state) != nil
  }

  private func isBest(_ checkpoint: Checkpoint, of state: TrainingState) -> Bool {
    checkpoint.progress.epoch == state.bestEpoch && checkpoint.progress.step == 0
      && checkpoint.progress.history == Array(state.history.prefix(checkpoint.progress.epoch))
      && checkpoint.head.shape == state.head.shape
  }

  private mutating func writeBest() throws {
    guard let pendingBest else { return }
    try write(pendingBest, to: Self.bestName)
    self.pendingBest = nil
  }

  private func write(_ bytes: [UInt8], to name: String) throws {
    try folder.write(bytes, to: name)
    try checkpoints.afterChange()
  }
}

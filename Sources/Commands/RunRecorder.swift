import FileIO
import Foundation
import Reports
import Training

/// Rank 0's observer: shows progress, appends to `metrics.jsonl` and writes checkpoints.
final class RunRecorder: TrainingObserver {
  private let folder: GuardedFolder
  private(set) var files: RunFiles
  private var reporter: ProgressReporter
  /// How many checkpoints could not be written, and whether the newest is one of them.
  private var failures = 0
  private var newestIsMissing = false

  init(_ folder: GuardedFolder, files: RunFiles, reporter: ProgressReporter) {
    self.folder = folder
    self.files = files
    self.reporter = reporter
  }

  /// Ends what is shown of a run that stops before its end.
  func close() { reporter.close() }

  func note(_ event: TrainingEvent) {
    reporter.show(event)
    if case .step = event { return }
    do {
      if let line = MetricsLine.json(event) {
        try folder.append(Array((line + "\n").utf8), to: RunFolder.metricsName)
      }
    } catch {
      reporter.show(.warning("no line of metrics could be written: \(error)"))
    }
  }

  func save(_ state: TrainingState, isFinalAttempt: Bool) throws {
    do {
      try save(state)
    } catch {
      guard !isFinalAttempt else { throw error }
      failures += 1
      newestIsMissing = true
      note(.warning("no checkpoint could be written, the run goes on: \(reason(of: error))"))
    }
  }

  private func save(_ state: TrainingState) throws {
    let path = try files.save(state)
    newestIsMissing = false
    note(.checkpoint(path: path, epoch: state.epoch, step: state.step))
  }

  /// Writes the model at the end of the run, and then the last checkpoint where that has failed: a
  /// run without either has not ended well.
  ///
  /// - Parameters:
  ///   - temperature: what calibrates the model; nil for nothing.
  ///   - best: the best epoch's model with what calibrates it.
  func finish(
    _ state: TrainingState, temperature: Double? = nil,
    best: (model: Checkpoint, temperature: Double?)? = nil
  ) throws {
    if failures > 0 {
      note(.warning("\(failures) checkpoints of this run could not be written; see above"))
    }
    if let best { try files.calibrate(best.model, best.temperature) }
    try files.finish(state, temperature: temperature)
    if newestIsMissing { try save(state) }
  }

  /// Drops the lines of `metrics.jsonl` about epochs that are going to be run again.
  func forget(epochsAfter epoch: Int) throws {
    var retained: [UInt8] = []
    do throws(FileError) {
      try folder.forEachLine(of: RunFolder.metricsName, limit: RunFolder.metricsLimit) { line in
        // A line that was torn, also inside a character, is no object any more, and goes.
        let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
        guard let object else { return }
        let isOfEpoch = ["epoch", "ranks"].contains(object["event"] as? String)
        if isOfEpoch, object["epoch"] as? Int ?? 0 > epoch { return }
        retained += line + [UInt8(ascii: "\n")]
      }
    } catch {
      guard error.kind == .missing else { throw error }
      return
    }
    try folder.write(retained, to: RunFolder.metricsName)
  }
}

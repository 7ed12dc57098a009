import Foundation
import Reports
import Training
import WeightFiles

/// Rank 0's observer: shows progress, appends to `metrics.jsonl` and writes checkpoints.
final class RunRecorder: TrainingObserver {
  private let metrics: String
  private(set) var files: RunFiles
  private var reporter: ProgressReporter

  init(metrics: String, files: RunFiles, reporter: ProgressReporter) {
    self.metrics = metrics
    self.files = files
    self.reporter = reporter
  }

  /// Ends what is shown of a run that stops before its end.
  func close() { reporter.close() }

  func note(_ event: TrainingEvent) {
    reporter.show(event)
    if case .step = event { return }
    do {
      if let line = MetricsLine.json(event) { try append(line + "\n") }
    } catch {
      reporter.show(.warning("\(metrics) cannot be written: \(reason(of: error))"))
    }
  }

  func keep(_ state: TrainingState, isFinalAttempt: Bool) throws {
    do {
      let path = try files.keep(state)
      note(.checkpoint(path: path, epoch: state.epoch, step: state.step))
    } catch {
      guard !isFinalAttempt else { throw error }
      note(.warning("no checkpoint could be written, the run goes on: \(reason(of: error))"))
    }
  }

  /// Writes the model at the end of the run.
  func finish(_ state: TrainingState) throws { try files.finish(state) }

  /// Drops the lines of `metrics.jsonl` about epochs that are going to be run again.
  func forget(epochsAfter epoch: Int) throws {
    guard let data = FileManager.default.contents(atPath: metrics) else { return }
    // A line that was torn, also inside a character, is no object any more, and goes.
    let kept = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let object, object["event"] as? String == "epoch" else { return object != nil }
      return (object["epoch"] as? Int ?? 0) <= epoch
    }
    try writeAtomically(Array(kept.map { $0 + "\n" }.joined().utf8), to: metrics)
  }

  private func append(_ text: String) throws {
    if !FileManager.default.fileExists(atPath: metrics) {
      try Data().write(to: URL(fileURLWithPath: metrics))
    }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: metrics))
    defer { try? file.close() }
    let end = try file.seekToEnd()
    do {
      try file.write(contentsOf: Data(text.utf8))
    } catch {
      // On a full disk a part may have been written, to which the next line would be added.
      try? file.truncate(atOffset: end)
      throw error
    }
  }
}

import FileIO
import Foundation
import ImageData
import Launching
import Reports
import Settings
import Training

/// What a run does with many settings: which ones, and what becomes of their results.
struct Sweep: Sendable {
  let grid: SweepGrid
  let printsJSON: Bool

  /// Ranks the settings by what their heads say of images that they have not seen, writes the tables
  /// and the best one's model, and tells.
  func conclude(
    _ results: [CrossValidation], _ state: TrainingState, _ files: RunFiles, _ folder: RunFolder,
    _ manifest: DatasetManifest, command: TrainCommand
  ) throws {
    let folds = state.bundle.folds
    let entries = zip(grid.points, results).enumerated().map { index, pair in
      SweepReport.Entry(
        setting: index, values: pair.0.values, result: pair.1,
        validationAccuracy: validationAccuracy(state, of: index))
    }
    let report = SweepReport(
      varied: grid.varied, entries: entries, monitor: grid.points[0].configuration.monitor,
      best: { commandLine(of: $0, command) })
    guard let best = report.best else {
      throw Failure(
        status: .badData,
        description: "The numbers of every setting left their range; lower --lr.")
    }
    try folder.files.write(
      Array(best.result.table(manifest, folds).utf8), to: OutOfSampleFile.name)
    for (name, text) in report.files { try folder.files.write(Array(text.utf8), to: name) }
    var record = files.record
    record.configuration = grid.points[best.setting].configuration
    record.sweep = nil
    try files.finish(
      state, as: record, head: state.bundle.head(ofSetting: best.setting),
      temperature: best.result.temperature)
    if printsJSON {
      try printResult(report.json)
    } else {
      printLine(report.text)
      printLine("model: \(files.model)   page: \(folder.path)/\(SweepReport.pageName)")
    }
  }

  private func validationAccuracy(_ state: TrainingState, of setting: Int) -> Double? {
    let head = state.heads[state.bundle.head(ofSetting: setting)]
    return head.divergedAt == nil ? head.history.last?.validationAccuracy : nil
  }

  /// What one would type to train with a setting alone.
  private func commandLine(of setting: Int, _ command: TrainCommand) -> String {
    var command = command
    command.configuration = grid.points[setting].configuration
    command.runSettings = RunSettings()
    let plain = TrainCommand()
    let isPlain = command.configuration.augmentation == nil
    let words = TrainCommand.settings.flatMap { setting -> [String] in
      let facts = setting.facts
      let value = setting.written(command)
      // Nothing of this machine, but for where images and weights are.
      let isWanted =
        facts.role != .process
        || ["data", "manifest", "weights", "calibration"].contains(facts.name)
      guard isWanted, value != setting.written(plain), value != "none",
        !isPlain || facts.group != "Augmentation" || facts.name == "no-augment"
      else { return [] }
      guard facts.placeholder != nil else { return [facts.option] }
      // A file's contents are not its name.
      let isFile = facts.name == "class-weights" && value != "balanced"
      return [facts.option, isFile ? "FILE.json" : shellWord(value)]
    }
    return (["avp-dist", "train"] + words).joined(separator: " ")
  }
}

/// A word as a shell takes it.
private func shellWord(_ text: String) -> String {
  let plain = text.utf8.allSatisfy { byte in
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
      || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_./,:=+@%".utf8.contains(byte)
  }
  guard !plain || text.isEmpty else { return text }
  return "'"
    + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
    + "'"
}

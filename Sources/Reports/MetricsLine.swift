import Foundation
public import Training

/// An event as one line of JSON, as `metrics.jsonl` and `--log json` hold it.
///
/// Every object has `event`. An epoch carries `epoch`, `train_loss`, `train_accuracy`,
/// `validation_loss`, `validation_accuracy`, `skipped`, `seconds`, `images_per_second` and `best`; a step
/// `epoch`, `step`, `pictures` and `mean_loss`; a checkpoint `path`, `epoch` and `step`.
public enum MetricsLine {
  private struct Line: Encodable {
    let event: String
    var epoch: Int?
    var epochs: Int?
    var step: Int?
    var steps_per_epoch: Int?
    var completed_steps: Int?
    var pictures: Int?
    var mean_loss: Double?
    var train_loss: Double?
    var train_accuracy: Double?
    var validation_loss: Double?
    var validation_accuracy: Double?
    var skipped: [String]?
    var seconds: Double?
    var images_per_second: Double?
    var best: Bool?
    var path: String?
    var message: String?
  }

  /// The line without its end, keys sorted; nil for an event that is not recorded.
  public static func json(_ event: TrainingEvent) -> String? {
    guard let line = line(event) else { return nil }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(line)).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func line(_ event: TrainingEvent) -> Line? {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      return Line(
        event: "started", epochs: epochs, steps_per_epoch: stepsPerEpoch,
        completed_steps: completed)
    case .step(let epoch, let step, let pictures, let meanLoss):
      return Line(event: "step", epoch: epoch, step: step, pictures: pictures, mean_loss: meanLoss)
    case .validating:
      return nil
    case .epoch(let metrics, let seconds, let rate, let isBest):
      return Line(
        event: "epoch", epoch: metrics.epoch, train_loss: metrics.trainLoss,
        train_accuracy: metrics.trainAccuracy, validation_loss: metrics.validationLoss,
        validation_accuracy: metrics.validationAccuracy, skipped: metrics.skipped,
        seconds: seconds, images_per_second: rate, best: isBest)
    case .checkpoint(let path, let epoch, let step):
      return Line(event: "checkpoint", epoch: epoch, step: step, path: path)
    case .warning(let message):
      return Line(event: "warning", message: message)
    }
  }
}

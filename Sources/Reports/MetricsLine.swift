import FileIO
import Foundation
import Training

/// An event as one line of JSON, as `metrics.jsonl` and `--log json` hold it.
///
/// Every object has `event`. An epoch carries `epoch`, `train_loss`, `train_accuracy`,
/// `validation_loss`, `validation_accuracy`, where it decides `validation_macro_f1`, `skipped`,
/// `seconds`, `images_per_second` and `best`;
/// a step `epoch`, `step`, `pictures` and `mean_loss`; the ranks' times `epoch`, and by rank `hosts`,
/// `images`, `feature_seconds`, `own_seconds` and `waiting_seconds`; a checkpoint `path`, `epoch` and
/// `step`.
package enum MetricsLine {
  private struct Line: Encodable {
    let event: String
    var exifOrientation: Int?
    var grey16Bit: Int?
    var epoch: Int?
    var epochs: Int?
    var step: Int?
    var stepsPerEpoch: Int?
    var completedSteps: Int?
    var pictures: Int?
    var meanLoss: Double?
    var trainLoss: Double?
    var trainAccuracy: Double?
    var validationLoss: Double?
    var validationAccuracy: Double?
    var validationMacroF1: Double?
    var skipped: [String]?
    var seconds: Double?
    var imagesPerSecond: Double?
    var best: Bool?
    var hosts: [String]?
    var images: [Int]?
    var featureSeconds: [Double]?
    var ownSeconds: [Double]?
    var waitingSeconds: [Double]?
    var path: String?
    var message: String?
  }

  /// The line without its end, keys sorted; nil for an event that is not recorded.
  package static func json(_ event: TrainingEvent) -> String? {
    line(event).map { jsonLine($0) }
  }

  private static func line(_ event: TrainingEvent) -> Line? {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      return Line(
        event: "started", epochs: epochs, stepsPerEpoch: stepsPerEpoch,
        completedSteps: completed)
    case .step(let epoch, let step, let images, let meanLoss):
      return Line(event: "step", epoch: epoch, step: step, pictures: images, meanLoss: meanLoss)
    case .validating, .passing:
      return nil
    case .epoch(let metrics, let seconds, let rate, let isBest):
      return Line(
        event: "epoch", epoch: metrics.epoch, trainLoss: metrics.trainLoss,
        trainAccuracy: metrics.trainAccuracy, validationLoss: metrics.validationLoss,
        validationAccuracy: metrics.validationAccuracy,
        validationMacroF1: metrics.validationMacroF1, skipped: metrics.skipped,
        seconds: seconds, imagesPerSecond: rate, best: isBest)
    case .ranks(let epoch, let ranks):
      func seconds(_ time: (RankTimes) -> Double) -> [Double] {
        ranks.map { (1000 * time($0)).rounded() / 1000 }
      }
      return Line(
        event: "ranks", epoch: epoch, hosts: ranks.map(\.host), images: ranks.map(\.images),
        featureSeconds: seconds(\.features), ownSeconds: seconds(\.own),
        waitingSeconds: seconds(\.waiting))
    case .images(let tally):
      return Line(event: "pictures", exifOrientation: tally.turned, grey16Bit: tally.deepGrey)
    case .checkpoint(let path, let epoch, let step):
      return Line(event: "checkpoint", epoch: epoch, step: step, path: path)
    case .warning(let message):
      return Line(event: "warning", message: message)
    }
  }
}

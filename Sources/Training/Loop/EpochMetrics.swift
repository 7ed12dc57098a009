/// The result of one epoch. The same bits on any number of ranks; times are recorded elsewhere.
package struct EpochMetrics: Codable, Equatable, Sendable {
  /// The epoch's number, from 1.
  package let epoch: Int
  /// Mean cross-entropy of the training images, each before its step's update.
  package let trainLoss: Double
  /// Share of training images classified rightly, 0 to 1, each before its step's update.
  package let trainAccuracy: Double
  /// Mean cross-entropy of all validation images after the epoch.
  package let validationLoss: Double
  /// Share of validation images classified rightly, 0 to 1.
  package let validationAccuracy: Double
  /// Macro F1 of the validation images, 0 to 1, where that decides which epoch is best; else nil.
  package var validationMacroF1: Double?
  /// Training and validation images that were left out, by path, sorted.
  package let skipped: [String]

  enum CodingKeys: String, CodingKey {
    case epoch, skipped
    case trainLoss = "train_loss"
    case trainAccuracy = "train_accuracy"
    case validationLoss = "validation_loss"
    case validationAccuracy = "validation_accuracy"
    case validationMacroF1 = "validation_macro_f1"
  }
}

/// What makes an epoch better than another, all of the validation images.
package enum Monitor: String, Codable, CaseIterable, Sendable {
  /// The higher accuracy; of equal ones the lower loss.
  case accuracy
  /// The lower loss.
  case loss
  /// The higher mean of the classes' F1; of equal ones the lower loss.
  case macroF1 = "macro-f1"

  /// What is to be as large as possible.
  fileprivate func worth(_ metrics: EpochMetrics) -> Double {
    switch self {
    case .accuracy: metrics.validationAccuracy
    case .loss: -metrics.validationLoss
    case .macroF1: metrics.validationMacroF1 ?? 0
    }
  }
}

extension Collection<EpochMetrics> {
  /// The best epoch by `monitor`, the earliest of equal ones.
  package func best(by monitor: Monitor) -> EpochMetrics? {
    self.min {
      (monitor.worth($1), $0.validationLoss, $0.epoch)
        < (monitor.worth($0), $1.validationLoss, $1.epoch)
    }
  }
}

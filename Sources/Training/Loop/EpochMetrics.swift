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
  /// Training and validation images that were left out, by path, sorted.
  package let skipped: [String]

  enum CodingKeys: String, CodingKey {
    case epoch, skipped
    case trainLoss = "train_loss"
    case trainAccuracy = "train_accuracy"
    case validationLoss = "validation_loss"
    case validationAccuracy = "validation_accuracy"
  }
}

extension Collection<EpochMetrics> {
  /// The epoch with the highest validation accuracy; of equal ones the one with the lowest loss,
  /// then the earliest.
  package var best: EpochMetrics? {
    self.min {
      ($1.validationAccuracy, $0.validationLoss, $0.epoch)
        < ($0.validationAccuracy, $1.validationLoss, $1.epoch)
    }
  }
}

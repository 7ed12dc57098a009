/// The result of one epoch. The same bits on any number of ranks; times are kept elsewhere.
public struct EpochMetrics: Codable, Equatable, Sendable {
  /// The epoch's number, from 1.
  public let epoch: Int
  /// Mean cross-entropy of the training pictures, each before its step's update.
  public let trainLoss: Double
  /// Share of training pictures classified rightly, 0 to 1, each before its step's update.
  public let trainAccuracy: Double
  /// Mean cross-entropy of all validation pictures after the epoch.
  public let validationLoss: Double
  /// Share of validation pictures classified rightly, 0 to 1.
  public let validationAccuracy: Double
  /// Training and validation pictures that were left out, by path, sorted.
  public let skipped: [String]

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
  public var best: EpochMetrics? {
    self.min {
      ($1.validationAccuracy, $0.validationLoss, $0.epoch)
        < ($0.validationAccuracy, $1.validationLoss, $1.epoch)
    }
  }
}

/// What happens during a run, for whoever shows or records it.
public enum TrainingEvent: Sendable {
  /// The run begins or goes on: steps an epoch, epochs in all, and where it stands.
  case started(stepsPerEpoch: Int, epochs: Int, completedSteps: Int)
  /// A step is done: epoch from 1, step in the epoch from 1, pictures so far in the epoch, mean
  /// loss so far in the epoch.
  case step(epoch: Int, step: Int, pictures: Int, meanLoss: Double)
  /// The features of the validation pictures are being computed.
  case validating(epoch: Int)
  /// An epoch is done; `seconds` includes its validation, `imagesPerSecond` counts training
  /// pictures.
  case epoch(EpochMetrics, seconds: Double, imagesPerSecond: Double, isBest: Bool)
  /// A checkpoint stands on disk.
  case checkpoint(path: String, epoch: Int, step: Int)
  /// Something that the user should know and that does not end the run.
  case warning(String)
}

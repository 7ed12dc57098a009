/// What a training run tells the outside, on every rank; the observer of rank 0 usually is the only
/// one that does something.
package protocol TrainingObserver: AnyObject {
  /// Something happened.
  func note(_ event: TrainingEvent)

  /// A checkpoint of `state` is due.
  ///
  /// - Parameter isFinalAttempt: whether the run ends after this, so that a failure must be thrown;
  ///   else a failure may be reported as a warning, and the next checkpoint tries again.
  func save(_ state: TrainingState, isFinalAttempt: Bool) throws
}

/// What happens during a run, for whoever shows or records it.
package enum TrainingEvent: Sendable {
  /// The run begins or goes on: steps an epoch, epochs in all, and where it stands.
  case started(stepsPerEpoch: Int, epochs: Int, completedSteps: Int)
  /// A step is done: epoch from 1, step in the epoch from 1, images so far in the epoch, mean
  /// loss so far in the epoch.
  case step(epoch: Int, step: Int, images: Int, meanLoss: Double)
  /// The features of the validation images are being computed, which is done once a run:
  /// `done` of `total` images, over all ranks.
  case validating(epoch: Int, done: Int, total: Int)
  /// A pass over the training images as they are, of which `done` of `total` have been read.
  case passing(String, done: Int, total: Int)
  /// An epoch is done; `seconds` includes its validation, `imagesPerSecond` counts training
  /// images.
  case epoch(EpochMetrics, seconds: Double, imagesPerSecond: Double, isBest: Bool)
  /// What each rank did in an epoch, by rank; not of epochs that are over within a second.
  case ranks(epoch: Int, [RankTimes])
  /// What the files of the first epoch and of the validation images say that features do not show;
  /// only where there is such a file.
  case images(ImageTally)
  /// A checkpoint stands on disk.
  case checkpoint(path: String, epoch: Int, step: Int)
  /// Something that the user should know and that does not end the run.
  case warning(String)
}

/// The observer of ranks that write nothing.
package final class SilentObserver: TrainingObserver {
  /// An observer without effect.
  package init() {}
  package func note(_ event: TrainingEvent) {}
  package func save(_ state: TrainingState, isFinalAttempt: Bool) throws {}
}

extension Duration {
  /// The duration as a number of seconds.
  package var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}

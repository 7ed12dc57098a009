import Foundation
import Training

/// Counts images and the time that training them takes, for the rate and the time that is left.
///
/// Only the time of steps counts, not that of validation and checkpoints; of the last half minute it
/// counts most.
struct ProgressMeter {
  let imagesPerEpoch: Int
  /// Epochs whose images go through the backbone; later ones have their features at hand.
  private let freshEpochs: Int
  private let now: () -> ContinuousClock.Instant
  private(set) var epochs = 0
  private var images = 0
  /// Whether the run goes on inside an epoch and has not taken a step yet.
  private var isInsideEpoch = false
  /// When the step at hand began.
  private var mark: ContinuousClock.Instant
  private var counted = 0.0
  private var seconds = 0.0

  init(
    imagesPerEpoch: Int, freshEpochs: Int = .max,
    now: @escaping () -> ContinuousClock.Instant = { .now }
  ) {
    self.imagesPerEpoch = imagesPerEpoch
    self.freshEpochs = freshEpochs
    self.now = now
    mark = now()
  }

  mutating func record(_ event: TrainingEvent) {
    let time = now()
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      self.epochs = epochs
      isInsideEpoch = stepsPerEpoch > 0 && completed % stepsPerEpoch != 0
    case .step(_, _, let count, _):
      // A checkpoint that claims to stand elsewhere must not end the display.
      let images = min(max(0, count), imagesPerEpoch)
      // Behind a start inside an epoch most of these were there before.
      if !isInsideEpoch { add(max(0, images - self.images), in: (time - mark).inSeconds) }
      isInsideEpoch = false
      self.images = images
    case .epoch(let metrics, _, _, _):
      images = 0
      if metrics.epoch == freshEpochs { (counted, seconds) = (0, 0) }
    case .validating, .passing, .images, .ranks, .checkpoint, .warning: break
    }
    mark = time
  }

  private mutating func add(_ images: Int, in time: Double) {
    let memory = exp(-time / 30)
    counted = counted * memory + Double(images)
    seconds = seconds * memory + time
  }

  /// Images a second, lately; 0 before the first step.
  var rate: Double { seconds > 0 ? counted / seconds : 0 }

  /// Seconds until the last image that takes time, nil where that cannot be known.
  private func left(epoch: Int) -> Double? {
    let last = epoch <= freshEpochs ? min(epochs, freshEpochs) : epochs
    let remaining =
      Double(imagesPerEpoch - images)
      + max(0, Double(last) - Double(epoch)) * Double(imagesPerEpoch)
    return rate > 0 ? remaining / rate : nil
  }

  /// `epoch 2/3  ━━━━━━━━────  384/694  0:43 left  23.1 images/s  loss 0.3412`, as much of it as
  /// `width` columns hold.
  func bar(epoch: Int, loss: Double?, width: Int) -> String {
    let facts = [
      "\(images)/\(imagesPerEpoch)",
      left(epoch: epoch).flatMap(clock).map { "\($0) left" },
      rate > 0 ? "\(EpochTable.measure(rate)) images/s" : nil,
      loss.map { "loss \(EpochTable.loss($0))" },
    ].compactMap(\.self)
    return StatusLine.text(
      "epoch \(epoch)/\(epochs)", share: Double(images) / Double(max(1, imagesPerEpoch)), facts,
      width: width)
  }
}

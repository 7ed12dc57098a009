import Foundation
import Training

/// Counts pictures and the time that training them takes, for the rate and the time that is left.
///
/// Only the time of steps counts, not that of validation and checkpoints; of the last half minute it
/// counts most.
struct ProgressMeter {
  private let picturesPerEpoch: Int
  /// Epochs whose pictures go through the backbone; later ones have their features at hand.
  private let freshEpochs: Int
  private let now: () -> ContinuousClock.Instant
  private(set) var epochs = 0
  private var pictures = 0
  /// Whether the run goes on inside an epoch and has not taken a step yet.
  private var isInsideEpoch = false
  /// When the step at hand began.
  private var mark: ContinuousClock.Instant
  private var counted = 0.0
  private var seconds = 0.0

  init(
    picturesPerEpoch: Int, freshEpochs: Int = .max,
    now: @escaping () -> ContinuousClock.Instant = { .now }
  ) {
    self.picturesPerEpoch = picturesPerEpoch
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
      let pictures = min(max(0, count), picturesPerEpoch)
      // Behind a start inside an epoch most of these were there before.
      if !isInsideEpoch { add(max(0, pictures - self.pictures), in: (time - mark).inSeconds) }
      isInsideEpoch = false
      self.pictures = pictures
    case .epoch(let metrics, _, _, _):
      pictures = 0
      if metrics.epoch == freshEpochs { (counted, seconds) = (0, 0) }
    case .validating, .pictures, .checkpoint, .warning: break
    }
    mark = time
  }

  private mutating func add(_ pictures: Int, in time: Double) {
    let memory = exp(-time / 30)
    counted = counted * memory + Double(pictures)
    seconds = seconds * memory + time
  }

  /// Pictures a second, lately; 0 before the first step.
  var rate: Double { seconds > 0 ? counted / seconds : 0 }

  /// Seconds until the last picture that takes time, nil where that cannot be known.
  private func left(epoch: Int) -> Double? {
    let last = epoch <= freshEpochs ? min(epochs, freshEpochs) : epochs
    let remaining =
      Double(picturesPerEpoch - pictures)
      + max(0, Double(last) - Double(epoch)) * Double(picturesPerEpoch)
    return rate > 0 ? remaining / rate : nil
  }

  /// `epoch 2/3  ━━━━━━━━────  384/694  0:43 left  23.1 images/s  loss 0.3412`, as much of it as
  /// `width` columns hold.
  func bar(epoch: Int, loss: Double?, width: Int) -> String {
    let facts = [
      "\(pictures)/\(picturesPerEpoch)",
      left(epoch: epoch).flatMap(clock).map { "\($0) left" },
      rate > 0 ? "\(EpochTable.measure(rate)) images/s" : nil,
      loss.map { "loss \(EpochTable.loss($0))" },
    ].compactMap(\.self)
    return StatusLine.text(
      "epoch \(epoch)/\(epochs)", share: Double(pictures) / Double(max(1, picturesPerEpoch)), facts,
      width: width)
  }
}

import Foundation
import Training

/// Counts pictures and time, for the rate and the time that is left.
struct ProgressMeter {
  private let picturesPerEpoch: Int
  private(set) var epochs = 0
  private var pictures = 0
  private var measured = 0
  private var begin: ContinuousClock.Instant?
  /// Whether the run goes on inside an epoch and has not taken a step yet.
  private var isInsideEpoch = false
  private let clock = ContinuousClock()

  init(picturesPerEpoch: Int) {
    self.picturesPerEpoch = picturesPerEpoch
  }

  mutating func record(_ event: TrainingEvent) {
    switch event {
    case .started(let stepsPerEpoch, let epochs, let completed):
      self.epochs = epochs
      isInsideEpoch = stepsPerEpoch > 0 && completed % stepsPerEpoch != 0
      begin = clock.now
    case .step(_, _, let count, _):
      // A checkpoint that claims to stand elsewhere must not end the display.
      let pictures = min(max(0, count), picturesPerEpoch)
      if isInsideEpoch {
        // Most of these were there before: what counts begins behind this step.
        isInsideEpoch = false
        begin = clock.now
      } else {
        measured += max(0, pictures - self.pictures)
      }
      self.pictures = pictures
    case .epoch:
      pictures = 0
    case .validating, .pictures, .checkpoint, .warning: break
    }
  }

  /// Pictures a second since the run began or went on.
  var rate: Double {
    guard let begin, measured > 0 else { return 0 }
    return Double(measured) / (clock.now - begin).inSeconds
  }

  /// `epoch 2/3 ━━━━━━━━────  384/694  loss 0.3412  23.1 pictures/s  0:43 left`
  func bar(epoch: Int, loss: Double) -> String {
    let cells = 24
    let filled = picturesPerEpoch > 0 ? min(cells, cells * pictures / picturesPerEpoch) : 0
    let line =
      String(repeating: "━", count: filled) + String(repeating: "─", count: cells - filled)
    let remaining = max(0, picturesPerEpoch - pictures) + (epochs - epoch) * picturesPerEpoch
    let left = rate > 0 ? "  \(Self.clock(Double(remaining) / rate)) left" : ""
    return "epoch \(epoch)/\(epochs) \(line) \(pictures)/\(picturesPerEpoch)"
      + String(format: "  loss %.4f  %.1f pictures/s", loss, rate) + left
  }

  /// `0:43`, `12:05`, `3:07:09`
  static func clock(_ seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, rest)
      : String(format: "%d:%02d", minutes, rest)
  }
}

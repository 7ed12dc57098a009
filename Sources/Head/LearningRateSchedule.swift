/// How the learning rate changes over a run, after a linear warm-up.
///
/// Time is counted in epochs, with fractions: t = step / steps per epoch. With warm-up W and E
/// epochs:
///
/// - warm-up, t < W: base (t + 1 / steps per epoch) / W, so that its last step has the base rate;
/// - constant: base;
/// - cosine: base (1 + cos(π (t - W) / (E - W))) / 2, which falls to 0 at the end of the run;
/// - step: base decayRate^⌊(t - W) / decayEpochs⌋.
package struct LearningRateSchedule: Codable, Equatable, Sendable {
  /// The shape after the warm-up.
  package enum Shape: String, CaseIterable, Codable, Sendable {
    /// Always the base rate.
    case constant
    /// Half a cosine wave from the base rate to 0.
    case cosine
    /// Multiplied by the decay rate every so many epochs.
    case step
  }

  /// The shape after the warm-up.
  package var shape: Shape
  /// The learning rate at the end of the warm-up, positive.
  package var base: Double
  /// The epochs of the whole run, positive.
  package var epochs: Int
  /// The epochs of warm-up, from 0 to `epochs`; 0 for none.
  package var warmupEpochs: Double
  /// The epochs between two decays of the step shape, positive.
  package var decayEpochs: Double
  /// The factor of a decay of the step shape, in (0, 1].
  package var decayRate: Double

  /// A schedule; the defaults of the step shape are those customary for ImageNet.
  ///
  /// - Throws: ``HeadError/setting(_:)`` where a value is out of its range.
  package init(
    shape: Shape = .constant, base: Double = 0.001, epochs: Int, warmupEpochs: Double = 0,
    decayEpochs: Double = 30, decayRate: Double = 0.1
  ) throws(HeadError) {
    guard base > 0, base.isFinite else {
      throw .setting("the learning rate must be positive, not \(base)")
    }
    guard epochs > 0 else { throw .setting("a run needs at least 1 epoch, not \(epochs)") }
    guard warmupEpochs >= 0, warmupEpochs <= Double(epochs) else {
      throw .setting("the warm-up must last 0 to \(epochs) epochs, not \(warmupEpochs)")
    }
    guard decayEpochs > 0, decayEpochs.isFinite else {
      throw .setting("the epochs between two decays must be positive, not \(decayEpochs)")
    }
    guard decayRate > 0, decayRate <= 1 else {
      throw .setting("the decay rate must be above 0 and at most 1, not \(decayRate)")
    }
    self.shape = shape
    self.base = base
    self.epochs = epochs
    self.warmupEpochs = warmupEpochs
    self.decayEpochs = decayEpochs
    self.decayRate = decayRate
  }

  /// The learning rate of one step; `step` counts from 0 over the whole run.
  ///
  /// - Precondition: `step` is at least 0, `stepsPerEpoch` is positive.
  package func rate(step: Int, stepsPerEpoch: Int) -> Double {
    precondition(step >= 0 && stepsPerEpoch > 0)
    let time = Double(step) / Double(stepsPerEpoch)
    if time < warmupEpochs {
      return base * min(1, (Double(step) + 1) / (warmupEpochs * Double(stepsPerEpoch)))
    }
    switch shape {
    case .constant: return base
    case .cosine:
      let length = Double(epochs) - warmupEpochs
      let progress = time < Double(epochs) ? (time - warmupEpochs) / length : 1
      return base * (1 + cosineOfPi(progress)) / 2
    case .step:
      let decays = ((time - warmupEpochs) / decayEpochs).rounded(.down)
      return base * power(decayRate, Int(min(decays, 1e6)))
    }
  }
}

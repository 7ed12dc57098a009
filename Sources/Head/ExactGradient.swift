/// The gradient of a head over the samples of a global batch, summed exactly.
///
/// Each sample's gradient elements are rounded to whole numbers of 2^-40 and added as 64-bit
/// integers. Integer addition is associative, so the sums do not show in which order or on which
/// ranks samples were added; summing ``values`` element by element over the ranks gives the sums of
/// the batch.
///
/// **Range.** An element of one sample may reach 2^11 = 2,048 (the fast conversion takes 2^51
/// units), or 2^22 / global batch where that is less, which it is above 2,048 samples: then even
/// the sum of equal extremes stays below 2^62. A sample with an element that is larger or not
/// finite is left out and counted as a fault, whose sum every rank sees before the step is applied.
/// An element is a feature (about 0 to 10 behind a ResNet's ReLU) times a slope that is at most the
/// spread of a hidden unit's outgoing weights, so real runs stay far inside.
///
/// **Precision.** Rounding moves the mean of a gradient element by at most 2^-41, or 5e-13; Adam
/// divides by a root to which 1e-8 or more is added, so a step sees less than 1e-4 of its learning
/// rate.
package struct ExactGradient: Equatable, Sendable {
  /// The sums: one element a parameter, then loss, correct, count and faults as in ``ExactTally``,
  /// then the requests to stop.
  package var values: [Int64]
  /// The widths of the head.
  package let shape: HeadShape
  private let gradientLimit: Double
  private let lossLimit: Double

  /// An empty sum for batches of at most `globalBatch` samples over all ranks.
  ///
  /// - Precondition: `globalBatch` is positive.
  package init(shape: HeadShape, globalBatch: Int) {
    precondition(globalBatch > 0)
    self.shape = shape
    values = [Int64](
      repeating: 0, count: shape.parameterCount + HeadArithmetic.SumField.allCases.count + 1)
    gradientLimit = min(HeadArithmetic.convertibleMagnitude, 0x1p62 / Double(globalBatch))
    lossLimit = ExactTally.lossLimit(capacity: globalBatch)
  }

  /// Back to nothing.
  package mutating func clear() { for index in values.indices { values[index] = 0 } }

  /// How many ranks want to stop, which travels with the sums.
  package var stopRequests: Int64 {
    get { values[values.count - 1] }
    set { values[values.count - 1] = newValue }
  }

  /// How many samples did not fit.
  package var faults: Int64 {
    values[shape.parameterCount + HeadArithmetic.SumField.faults.rawValue]
  }

  /// Loss, correct, count and faults.
  package var fields: ArraySlice<Int64> { values[shape.parameterCount..<values.count - 1] }

  /// Adds the samples' gradients of the loss at `parameters`.
  ///
  /// - Parameter masks: what ``HeadLoss/masks(for:width:seed:epoch:)`` gives for the width of the last
  ///   layer; nil for nothing.
  /// - Precondition: the head has this shape; each vector has `shape.features` values; labels are
  ///   classes.
  package mutating func add(
    _ samples: LabelledFeatures, at parameters: HeadParameters, loss: HeadLoss = HeadLoss(),
    masks: [Float]? = nil
  ) {
    precondition(parameters.shape == shape)
    var samples = samples
    if shape.hidden == 0, let masks {
      precondition(masks.count == samples.values.count)
      for index in masks.indices { samples.values[index] *= masks[index] }
    }
    parameters.arithmetic.accumulate(
      parameters: parameters.values, samples: samples, masks: shape.hidden == 0 ? nil : masks,
      loss: loss, gradientLimit: gradientLimit, lossLimit: lossLimit, into: &values)
  }

  /// Adds the sums of other samples, of which there are no more than this was made for together.
  package mutating func add(_ other: ExactGradient) {
    precondition(other.shape == shape)
    // The requests to stop are a matter of one step.
    for index in values.indices.dropLast() { values[index] &+= other.values[index] }
  }

  /// The mean gradient, laid out as the parameters, and the metrics of the samples.
  ///
  /// - Throws: ``HeadError/notFinite(samples:)`` where a sample did not fit, and
  ///   ``HeadError/noSamples`` where there was none.
  package func mean() throws(HeadError) -> (gradient: [Float], metrics: Metrics) {
    let metrics = try Metrics(fields: fields)
    let divisor = HeadArithmetic.gradientScale * Double(metrics.count)
    return (HeadArithmetic.mean(values, count: shape.parameterCount, divisor: divisor), metrics)
  }
}

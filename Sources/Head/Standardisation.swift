/// What brings each feature to mean 0 and standard deviation 1 over some images.
package struct Standardisation: Equatable, Sendable {
  /// The mean of each feature.
  package let mean: [Float]
  /// One by the standard deviation of each feature; 1 for a feature that is always the same.
  package let factor: [Float]

  /// A standardisation as it was saved.
  ///
  /// - Precondition: both have as many elements.
  package init(mean: [Float], factor: [Float]) {
    precondition(mean.count == factor.count)
    self.mean = mean
    self.factor = factor
  }

  /// Standardises vectors, one behind the other.
  package func apply(to values: inout [Float]) {
    precondition(values.count.isMultiple(of: mean.count))
    for start in stride(from: 0, to: values.count, by: mean.count) {
      for index in mean.indices {
        values[start + index] = (values[start + index] - mean[index]) * factor[index]
      }
    }
  }

  /// The head that makes of plain features what `head` makes of standardised ones, up to rounding.
  package func folded(into head: HeadParameters) -> HeadParameters {
    let isLinear = head.shape.hidden == 0
    let weight = head.shape.range(of: isLinear ? .linearWeight : .firstWeight).lowerBound
    let bias = head.shape.range(of: isLinear ? .linearBias : .firstBias)
    var result = head
    for (row, biasIndex) in bias.enumerated() {
      var sum = Double(head.values[biasIndex])
      for column in mean.indices {
        let index = weight + row * mean.count + column
        let folded = Double(head.values[index]) * Double(factor[column])
        sum -= folded * Double(mean[column])
        result.values[index] = Float(folded)
      }
      result.values[biasIndex] = Float(sum)
    }
    return result
  }
}

/// The sums over images from which their features are standardised, exact in any order and grouping.
///
/// A feature and its square are whole numbers of 2^-44, kept in two integers: the multiples of 2^32
/// and the rest. Both sums stay in 64 bits for up to 2^27 images and features below 2^12.
package struct FeatureSums: Equatable, Sendable {
  /// For each feature the sum, high and low, and the sum of squares, high and low; behind them the
  /// number of images and that of images with a feature out of range.
  package var values: [Int64]
  private let width: Int

  /// Sums of nothing yet, of `width` features.
  package init(width: Int) {
    self.width = width
    values = [Int64](repeating: 0, count: 4 * width + 2)
  }

  /// Adds one image.
  ///
  /// - Precondition: there are `width` features.
  package mutating func add(_ features: [Float]) {
    precondition(features.count == width)
    guard features.allSatisfy({ abs($0) < 4_096 }) else {
      values[4 * width + 1] += 1
      return
    }
    for (index, feature) in features.enumerated() {
      let value = Double(feature)
      add(value, at: 4 * index)
      add(value * value, at: 4 * index + 2)
    }
    values[4 * width] += 1
  }

  private mutating func add(_ value: Double, at index: Int) {
    let high = (value * 0x1p12).rounded(.down)
    values[index] += Int64(high)
    values[index + 1] += Int64(((value - high * 0x1p-12) * 0x1p44).rounded())
  }

  /// The sums of both.
  package static func + (left: FeatureSums, right: FeatureSums) -> FeatureSums {
    var result = left
    for index in left.values.indices { result.values[index] += right.values[index] }
    return result
  }

  /// The sums of these images without the others, which were among them.
  package static func - (all: FeatureSums, others: FeatureSums) -> FeatureSums {
    var result = all
    for index in all.values.indices { result.values[index] -= others.values[index] }
    return result
  }

  /// Means and standard deviations (dividing by the number of images, as scikit-learn's
  /// `StandardScaler` does).
  ///
  /// - Throws: ``HeadError`` where a feature was out of range, or there is no image.
  package func standardisation() throws(HeadError) -> Standardisation {
    let faults = values[4 * width + 1]
    guard faults == 0 else { throw .notFinite(samples: Int(faults)) }
    guard values[4 * width] > 0 else { throw .noSamples }
    let count = Double(values[4 * width])
    var mean: [Float] = []
    var factor: [Float] = []
    for index in 0..<width {
      func sum(_ place: Int) -> Double {
        Double(values[4 * index + place]) * 0x1p-12 + Double(values[4 * index + place + 1])
          * 0x1p-44
      }
      let average = sum(0) / count
      let variance = sum(2) / count - average * average
      mean.append(Float(average))
      // What rounding leaves of a feature that never changes.
      factor.append(
        variance > 1e-12 * max(1, average * average) ? Float(1 / variance.squareRoot()) : 1)
    }
    return Standardisation(mean: mean, factor: factor)
  }
}

internal import CHead
import Tensors

/// Feature vectors with their labels, as gradients are summed over them.
package struct LabelledFeatures: Equatable, Sendable {
  /// The vectors, one behind the other: [samples, features].
  package var values: [Float] = []
  /// The class of each.
  package var labels: [Int] = []
  /// The index of each one's image among the training images, which keys what is drawn for it.
  package var indices: [Int] = []

  /// What each one has been mixed with; empty where they are as they were.
  package private(set) var mixes: [Mix] = []

  /// The share of a sample's own label in its loss, and the label that has the rest.
  package struct Mix: Equatable, Sendable {
    package let share: Double
    package let other: Int
  }

  /// Nothing yet.
  package init() {}

  /// How many there are.
  package var count: Int { labels.count }

  /// Adds one.
  package mutating func append(_ features: some Sequence<Float>, label: Int, index: Int) {
    values += features
    labels.append(label)
    indices.append(index)
  }

  /// Those whose index passes `isIncluded`.
  package func filter(_ isIncluded: (Int) -> Bool) -> LabelledFeatures {
    let width = count == 0 ? 0 : values.count / count
    var result = LabelledFeatures()
    result.values.reserveCapacity(values.count)
    for sample in 0..<count where isIncluded(indices[sample]) {
      result.append(
        values[sample * width..<(sample + 1) * width], label: labels[sample],
        index: indices[sample])
    }
    return result
  }
}

extension LabelledFeatures {
  /// Mixes each sample with another one of them: features and labels get the shares l and 1 - l, where l
  /// is the larger of a number from Beta(`alpha`, `alpha`) and one less it (Zhang et al., "mixup:
  /// Beyond Empirical Risk Minimization", 2018). Which ones and how much follows from `random` and the
  /// order of the samples.
  ///
  /// - Precondition: `alpha` is above 0 and at most 1.
  package mutating func mix(alpha: Double, random: inout CounterRandom) {
    precondition(alpha > 0 && alpha <= 1)
    guard count > 1 else { return }
    let width = values.count / count
    var partners = Array(0..<count)
    partners.shuffle(using: &random)
    let plain = values
    mixes = partners.enumerated().map { sample, partner in
      let share = Self.share(alpha, &random)
      let (large, small) = (Float(share), Float(1 - share))
      for column in 0..<width {
        values[sample * width + column] =
          plain[sample * width + column] * large + plain[partner * width + column] * small
      }
      return Mix(share: share, other: labels[partner])
    }
  }

  /// The larger part of a number from Beta(`alpha`, `alpha`), drawn by Jöhnk's method (Devroye,
  /// "Non-Uniform Random Variate Generation", 1986, IX.3.5), with this module's own logarithm so that
  /// it is the same everywhere.
  private static func share(_ alpha: Double, _ random: inout CounterRandom) -> Double {
    while true {
      let x = head_exp(head_log(random.unit() + 0x1p-54) / alpha)
      let y = head_exp(head_log(random.unit() + 0x1p-54) / alpha)
      guard x + y <= 1, x + y > 0 else { continue }
      return max(x, y) / (x + y)
    }
  }
}

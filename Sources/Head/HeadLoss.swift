internal import CHead
import Tensors

/// What a head minimises besides weight decay: the cross-entropy to smoothed targets, weighted by
/// class, while some of what the last layer takes is dropped.
///
/// With smoothing s and C classes the target is 1 - s + s / C for the label and s / C for the others
/// (Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016; PyTorch's
/// `label_smoothing`). A sample's loss is multiplied by its label's weight and means divide by the
/// number of samples, as with Keras's `class_weight` and scikit-learn's; PyTorch divides by the sum of
/// the weights.
package struct HeadLoss: Equatable, Sendable {
  /// The smoothing, from 0 to below 1.
  package var smoothing = 0.0
  /// A weight for each class; nil for 1.
  package var classWeights: [Double]?
  /// The probability with which each number that the last layer takes is dropped, from 0 to below 1;
  /// the others are divided by what is left (Srivastava et al., "Dropout", 2014).
  package var dropout = 0.0
  /// How strongly samples of a batch are mixed, from 0 to 1; 0 for not at all.
  package var mixup = 0.0

  /// Plain cross-entropy.
  package init() {}

  func withParameters<Result>(_ body: (head_loss) -> Result) -> Result {
    guard let classWeights else {
      return body(head_loss(smoothing: smoothing, class_weights: nil))
    }
    return classWeights.withUnsafeBufferPointer {
      body(head_loss(smoothing: smoothing, class_weights: $0.baseAddress))
    }
  }

  /// What each of `width` numbers of each sample is multiplied by, one sample behind the other; nil
  /// without dropout. A function of seed, epoch and the sample's index alone.
  package func masks(
    for samples: LabelledFeatures, width: Int, seed: UInt64, epoch: Int
  ) -> [Float]? {
    guard dropout > 0 else { return nil }
    let scale = Float(1 / (1 - dropout))
    var masks: [Float] = []
    masks.reserveCapacity(samples.count * width)
    for index in samples.indices {
      var random = CounterRandom(seed: seed, purpose: .dropout, epoch: epoch, index: index)
      for _ in 0..<width { masks.append(random.unit() < dropout ? 0 : scale) }
    }
    return masks
  }
}

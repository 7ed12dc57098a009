public import Kernels

/// What a weight file leaves open about a ResNet; the defaults are torchvision's.
public struct BackboneConventions: Hashable, Codable, Sendable {
  /// Which convolution of a stage's first block has stride 2.
  public enum StridePlace: String, Codable, Sendable {
    /// The first 1x1, as in the original paper ("v1").
    case conv1
    /// The 3x3, as in torchvision ("v1.5").
    case conv2
  }

  /// Which convolution of a stage's first block has stride 2.
  public var stridePlace: StridePlace
  /// What batch-norm adds to the variance before the square root.
  public var batchNormEpsilon: Double
  /// Where the windows of the max-pooling after conv1 lie.
  public var pooling: PoolingConvention

  /// Makes conventions.
  public init(
    stridePlace: StridePlace = .conv2, batchNormEpsilon: Double = 1e-5,
    pooling: PoolingConvention = .padded
  ) {
    self.stridePlace = stridePlace
    self.batchNormEpsilon = batchNormEpsilon
    self.pooling = pooling
  }
}

/// The stage whose channel means are the features.
public enum FeatureLayer: String, CaseIterable, Codable, Sendable, Comparable {
  case layer1, layer2, layer3, layer4

  /// 1 to 4.
  public var number: Int {
    switch self {
    case .layer1: 1
    case .layer2: 2
    case .layer3: 3
    case .layer4: 4
    }
  }

  public static func < (left: FeatureLayer, right: FeatureLayer) -> Bool {
    left.number < right.number
  }
}

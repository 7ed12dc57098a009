/// What a weight file leaves open about the network that its weights were trained in.
package struct WeightConventions: Codable, Hashable, Sendable {
  /// Which convolution of a stage's first block halves the image.
  package enum StridePosition: String, Codable, Sendable {
    /// The first one, 1x1, as in the original network and in Keras ("v1").
    case firstConvolution = "1x1"
    /// The second one, 3x3, as in torchvision ("v1.5").
    case secondConvolution = "3x3"
  }

  /// How the 3x3 maximum with stride 2 after the first convolution treats the border.
  package enum MaxPool: String, Codable, Sendable {
    /// One row and column of padding on every side: 112 to 56, as in torchvision and today's Keras.
    case padded
    /// No padding; a last window may hang over the edge: 112 to 56, as in Caffe.
    case ceiling
    /// No padding, whole windows only: 112 to 55, as in Keras 2.2.2 and before.
    case unpadded

    /// Rows above and columns on the left that do not count.
    package var padding: Int { self == .padded ? 1 : 0 }

    /// Height and width of the pooled map of one of `size` pixels a side.
    package func outputSize(of size: Int) -> Int { self == .unpadded ? (size - 1) / 2 : size / 2 }
  }

  /// Which convolution of a stage's first block has stride 2.
  package var stridePosition: StridePosition
  /// What is added to the variance before its root is taken.
  package var batchNormEpsilon: Double
  /// How the pooling after the first convolution treats the border.
  package var maxPool: MaxPool

  private enum CodingKeys: String, CodingKey {
    // As files have always named it.
    case stridePosition = "stridePlace"
    case batchNormEpsilon, maxPool
  }

  /// Makes a set of conventions; by default those of torchvision.
  package init(
    stridePosition: StridePosition = .secondConvolution, batchNormEpsilon: Double = 1e-5,
    maxPool: MaxPool = .padded
  ) {
    self.stridePosition = stridePosition
    self.batchNormEpsilon = batchNormEpsilon
    self.maxPool = maxPool
  }

  /// What torchvision's `resnet50` and its relatives do.
  package static let torchvision = WeightConventions()
  /// What the networks of `keras.applications` do, from keras-applications 1.0.8 (2019) on.
  package static let keras = WeightConventions(
    stridePosition: .firstConvolution, batchNormEpsilon: 1.001e-5)
  /// What Keras did when its file of 2016 was in use.
  package static let keras2016 = WeightConventions(
    stridePosition: .firstConvolution, batchNormEpsilon: 1e-3, maxPool: .unpadded)
}

/// How a fact about a weight file is known.
package enum FactOrigin: String, Codable, Sendable {
  /// The file says so itself.
  case metadata = "from the file's metadata"
  /// A configuration of the model's layers in the file says so.
  case configuration = "from the model's configuration in the file"
  /// The names in the file are those of a Keras of 2019 or later.
  case kerasNames = "from the file's Keras layer names"
  /// The names in the file are those of Keras' file of 2016.
  case keras2016Names = "from the file's Keras layer names of 2016"
  /// The network's operations are in the file.
  case graph = "from the file's graph"
  /// A `config.json` or `preprocessor_config.json` in the file's folder says so.
  case besideFile = "from the model's configuration beside the file"
  /// The file does not say; it is what torchvision does.
  case torchvisionDefault = "torchvision's default; the file does not say"
}

public import Tensors
public import WeightFiles

/// The weights of a ResNet that has learnt nothing, for measuring speed.
///
/// He initialisation (normal, variance 2 / fan-in); batch-norm statistics are those of normalised
/// activations; the last batch-norm of every block is scaled down, so that the sum along the
/// shortcuts keeps its size however deep the network is. Each tensor is a pure function of the seed
/// and its name's place, made when it is asked for.
public struct RandomWeights: TensorSource {
  public let path: String
  public let names: [String]
  public var metadata: [String: String] { [:] }
  private let shapes: [String: [Int]]
  private let indices: [String: Int]
  private let seed: UInt64

  /// Weights of a network with `blocks` blocks in each stage; ResNet-50 has [3, 4, 6, 3],
  /// ResNet-101 [3, 4, 23, 3], ResNet-152 [3, 8, 36, 3].
  ///
  /// - Parameter width: channels after conv1, 64 in the standard networks; a multiple of 8.
  public init(seed: UInt64, blocks: [Int] = [3, 4, 6, 3], width: Int = 64) {
    path = "random weights (seed \(seed))"
    self.seed = seed
    let shapes = Self.shapes(blocks: blocks, width: width)
    self.shapes = Dictionary(uniqueKeysWithValues: shapes)
    indices = Dictionary(uniqueKeysWithValues: shapes.enumerated().map { ($1.0, $0) })
    names = shapes.map(\.0).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  public func shape(of name: String) -> [Int]? { shapes[name] }

  public func elementType(of name: String) -> ElementType? {
    shapes[name] == nil ? nil : .float32
  }

  public func floats(_ name: String) throws(WeightFileError) -> Tensor<Float> {
    guard let shape = shapes[name], let index = indices[name] else {
      throw WeightFileError(
        .tensorMissing, path, "the tensor \"\(name)\" is missing", tensor: name)
    }
    let count = shape.reduce(1, *)
    guard shape.count == 4 else {
      return Tensor(shape: shape, values: Array(repeating: normValue(name), count: count))
    }
    var random = CounterRandom(seed: seed, purpose: .randomBackbone, index: index)
    let deviation = (2 / Double(shape[1] * shape[2] * shape[3])).squareRoot()
    return Tensor(
      shape: shape, values: (0..<count).map { _ in Float(random.normal() * deviation) })
  }

  /// The value that a batch-norm's tensor has everywhere.
  private func normValue(_ name: String) -> Float {
    if name.hasSuffix(".running_mean") || name.hasSuffix(".bias") { return 0 }
    return name.hasSuffix(".bn3.weight") ? 0.25 : 1
  }

  private static func shapes(blocks: [Int], width: Int) -> [(String, [Int])] {
    var shapes = layer("conv1", "bn1", [width, 3, 7, 7])
    var inputs = width
    for (stage, count) in blocks.enumerated() {
      let narrow = width << stage
      for block in 0..<count {
        let name = "layer\(stage + 1).\(block)"
        shapes += layer("\(name).conv1", "\(name).bn1", [narrow, inputs, 1, 1])
        shapes += layer("\(name).conv2", "\(name).bn2", [narrow, narrow, 3, 3])
        shapes += layer("\(name).conv3", "\(name).bn3", [4 * narrow, narrow, 1, 1])
        if block == 0 {
          shapes += layer(
            "\(name).downsample.0", "\(name).downsample.1", [4 * narrow, inputs, 1, 1])
        }
        inputs = 4 * narrow
      }
    }
    return shapes
  }

  private static func layer(
    _ convolution: String, _ norm: String, _ shape: [Int]
  ) -> [(String, [Int])] {
    [("\(convolution).weight", shape)]
      + ["weight", "bias", "running_mean", "running_var"].map { ("\(norm).\($0)", [shape[0]]) }
  }
}

extension CounterRandom {
  /// A number with about a normal distribution: the sum of twelve uniform ones, less 6.
  ///
  /// Exact on every platform, where logarithms and cosines may differ in the last bit.
  fileprivate mutating func normal() -> Double {
    var sum = 0
    for _ in 0..<3 {
      let bits = next()
      sum += Int(bits & 0xFFFF) + Int(bits >> 16 & 0xFFFF)
      sum += Int(bits >> 32 & 0xFFFF) + Int(bits >> 48)
    }
    return (Double(sum) + 6) / 65536 - 6
  }
}

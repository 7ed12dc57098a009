import FileIO
import Tensors

/// The weights of a ResNet that has learnt nothing, for measuring speed.
///
/// He initialisation (normal, variance 2 / fan-in); batch-norm statistics are those of normalised
/// activations; the last batch-norm of every block is scaled down, so that the sum along the
/// shortcuts keeps its size however deep the network is. Each tensor is a pure function of the seed
/// and its name's index, made when it is asked for.
package struct RandomWeights: TensorSource {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  private let shapes: [String: [Int]]
  private let indices: [String: Int]
  private let seed: UInt64

  /// Weights of a network with `blocks` blocks in each stage; ResNet-50 has [3, 4, 6, 3],
  /// ResNet-101 [3, 4, 23, 3], ResNet-152 [3, 8, 36, 3].
  ///
  /// - Parameter width: channels after conv1, 64 in the standard networks; a multiple of 8.
  package init(seed: UInt64, blocks: [Int] = [3, 4, 6, 3], width: Int = 64) {
    path = "random weights (seed \(seed))"
    metadata = ["blocks": blocks.map(String.init).joined(separator: ",")]
    self.seed = seed
    let widths = blocks.indices.map { width << $0 }
    let layout = BackboneLayout(
      stemWidth: width, blocks: blocks, widths: widths, outputs: widths.map { 4 * $0 })
    let tensors = BackboneNetwork(layout).convolutions.flatMap(\.tensors)
    shapes = layout.expectedShapes
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    names = sortedByBytes(shapes.keys)
  }

  package func shape(of name: String) -> [Int]? { shapes[name] }

  package func elementType(of name: String) -> ElementType? {
    shapes[name] == nil ? nil : .float32
  }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let shape = shapes[name], let index = indices[name] else {
      throw .missingTensor(name, in: path)
    }
    let count = shape.reduce(1, *)
    guard shape.count == 4 else {
      return Tensor(shape: shape, values: Array(repeating: normValue(name), count: count))
    }
    var random = CounterRandom(seed: seed, purpose: .randomBackbone, index: index)
    let std = (2 / Double(shape[1] * shape[2] * shape[3])).squareRoot()
    return Tensor(
      shape: shape, values: (0..<count).map { _ in Float(random.normal() * std) })
  }

  /// The value that a batch-norm's tensor has everywhere.
  private func normValue(_ name: String) -> Float {
    if name.hasSuffix(".running_mean") || name.hasSuffix(".bias") { return 0 }
    return name.hasSuffix(".bn3.weight") ? 0.25 : 1
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

import FileIO
import Foundation
import Kernels
import ResNet
import ResNetWeights
import Tensors

/// The kernel paths that this processor can run.
let availablePaths = KernelPath.allCases.filter(\.isAvailable)

/// A small network whose batch-norms are not trivial.
func smallNetwork(
  seed: UInt64 = 1, blocks: [Int] = [2, 1, 2, 1], width: Int = 8
) throws -> TensorTable {
  let random = RandomWeights(seed: seed, blocks: blocks, width: width)
  var tensors: [String: Tensor<Float>] = [:]
  for (index, name) in random.names.enumerated() {
    var tensor = try random.floats(name)
    if tensor.shape.count == 1 {
      var numbers = CounterRandom(seed: seed, purpose: .randomBackbone, epoch: 1, index: index)
      let isVariance = name.hasSuffix("running_var")
      for place in tensor.values.indices {
        let change = Float(numbers.uniform(-0.3, 0.3))
        tensor.values[place] += isVariance ? change * change : change
      }
    }
    tensors[name] = tensor
  }
  return TensorTable(tensors, metadata: random.metadata, path: "small network")
}

/// Images of random values with about the spread of normalised ones.
func randomImages(_ count: Int, size: Int, seed: UInt64 = 7) -> [[Float]] {
  (0..<count).map { index in
    var random = CounterRandom(seed: seed, purpose: .demoFigures, index: index)
    return (0..<size * size * 3).map { _ in Float(random.uniform(-1.7, 1.7)) }
  }
}

/// The largest difference, relative to the largest expected feature.
func relativeError(_ features: [Float], _ expected: [Double]) -> Double {
  guard features.count == expected.count, !expected.isEmpty else { return .infinity }
  let largest = expected.map(abs).max() ?? 0
  return zip(features, expected).map { abs(Double($0) - $1) / largest }.max() ?? 0
}

/// The folder that an environment variable names, or nil.
func folder(_ variable: String) -> String? {
  ProcessInfo.processInfo.environment[variable].flatMap { $0.isEmpty ? nil : $0 }
}

import Tensors

/// How the values of a fresh head are drawn.
package enum HeadInitialisation: String, CaseIterable, Codable, Sendable {
  /// As PyTorch's `Linear`: weight and bias uniform in ±1/√inputs.
  case pytorch
  /// As Keras's `Dense`: weight Glorot uniform in ±√(6 / (inputs + outputs)), bias 0.
  case keras
}

/// A fresh head whose values are a function of `shape`, `initialisation` and `seed` alone.
package func initialHead(
  shape: HeadShape, initialisation: HeadInitialisation, seed: UInt64
) -> HeadParameters {
  var values: [Float] = []
  values.reserveCapacity(shape.parameterCount)
  for (index, part) in shape.tensors.enumerated() {
    let bound = initialisation.bound(of: part, in: shape)
    var random = CounterRandom(seed: seed, purpose: .initialHead, index: index)
    for _ in shape.range(of: part) {
      values.append(bound == 0 ? 0 : Float(random.uniform(-bound, bound)))
    }
  }
  return HeadParameters(shape: shape, values: values)
}

extension HeadInitialisation {
  /// The largest magnitude of a fresh value.
  package func bound(of tensor: HeadTensor, in shape: HeadShape) -> Double {
    let (inputs, outputs) =
      switch tensor {
      case .firstWeight, .firstBias: (shape.features, shape.hidden)
      case .secondWeight, .secondBias: (shape.hidden, shape.classes)
      case .linearWeight, .linearBias: (shape.features, shape.classes)
      }
    let isBias = [.firstBias, .secondBias, .linearBias].contains(tensor)
    switch self {
    case .pytorch: return 1 / Double(inputs).squareRoot()
    case .keras: return isBias ? 0 : (6 / Double(inputs + outputs)).squareRoot()
    }
  }
}

import ResNetWeights
import Tensors

/// The network and the images of `scripts/golden_network.py`, by the same formula.
package enum GoldenNetwork {
  /// A ResNet-50 of 8 channels, by torchvision's names.
  package static let weights: TensorTable = {
    let names = RandomWeights(seed: 0, width: 8).names
    let shapes = RandomWeights(seed: 0, width: 8)
    var tensors: [String: Tensor<Float>] = [:]
    for (series, name) in names.enumerated() {
      tensors[name] = tensor(name, shapes.shape(of: name) ?? [], series: UInt64(series))
    }
    return TensorTable(tensors, path: "golden network")
  }()

  /// Two images of 224 pixels, in squares of 16 pixels a side of one colour each.
  package static let images: [[Float]] = {
    let colours = numbers(series: 1000, count: 2 * 14 * 14 * 3).map { Float(2 * $0) }
    return (0..<2).map { image in
      (0..<224 * 224 * 3).map { place in
        let (row, column) = (place / 3 / 224 / 16, place / 3 % 224 / 16)
        return colours[((image * 14 + row) * 14 + column) * 3 + place % 3]
      }
    }
  }()

  /// Numbers from -1 to below 1 in steps of 2^-23: SplitMix64 of series * 2^32 + index.
  package static func numbers(series: UInt64, count: Int) -> [Double] {
    (1...UInt64(count)).map { place in
      var mixed = (series << 32 + place) &* 0x9E37_79B9_7F4A_7C15
      mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
      mixed ^= mixed >> 31
      return Double(mixed >> 40) / 0x1p23 - 1
    }
  }

  /// Every fourth channel of a batch-norm has no variance: there epsilon counts.
  private static func tensor(_ name: String, _ shape: [Int], series: UInt64) -> Tensor<Float> {
    let values = numbers(series: series, count: shape.reduce(1, *))
    let fanIn = Double(shape.dropFirst().reduce(1, *))
    let isVariance = name.hasSuffix("running_var")
    let isFactor = shape.count == 1 && name.hasSuffix("weight")
    let share = name.contains(".bn3.") ? 0.25 : 1
    let made = values.enumerated().map { index, value -> Double in
      let isQuiet = index % 4 == 3
      if shape.count == 4 { return value * (6 / fanIn).squareRoot() }
      if isVariance { return isQuiet ? 0 : 1 + value / 2 }
      guard isFactor else { return value / 4 }
      return (1 + value / 2) * share / (isQuiet ? 512 : 1)
    }
    return Tensor(shape: shape, values: made.map { Float($0) })
  }
}

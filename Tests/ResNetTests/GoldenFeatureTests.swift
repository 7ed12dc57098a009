import Foundation
import Kernels
import ResNet
import ResNetWeights
import TensorFormats
import Tensors
import Testing

/// All kernel paths against features that PyTorch computed in double precision, for the conventions
/// of every framework whose weights are read; `scripts/make-golden-features` wrote them.
@Suite struct GoldenFeatureTests {
  /// The names of the conventions in the file.
  static let conventions: [(name: String, conventions: WeightConventions)] = [
    ("torchvision", WeightConventions.torchvision),
    ("keras2019", WeightConventions(stridePosition: .firstConvolution, batchNormEpsilon: 1.001e-5)),
    (
      "keras2016",
      WeightConventions(
        stridePosition: .firstConvolution, batchNormEpsilon: 1e-3, maxPool: .unpadded)
    ),
    ("caffe", WeightConventions(stridePosition: .firstConvolution, maxPool: .ceiling)),
  ]

  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Golden/features.safetensors").path

  @Test(arguments: availablePaths, conventions.indices)
  func everyLayerAgreesWithPyTorch(path: KernelPath, index: Int) throws {
    let (name, conventions) = Self.conventions[index]
    let golden = try SafeTensorsFile(path: Self.golden)
    let images = GoldenNetwork.images
    for layer in FeatureLayer.allCases {
      let backbone = try FloatBackbone(
        weights: GoldenNetwork.weights, conventions: conventions, featureLayer: layer,
        kernels: path)
      let found = try backbone.features(of: images, workspace: backbone.makeWorkspace())
      let expected = try golden.doubles("\(name).\(layer.rawValue)")
      #expect(expected.shape == [images.count, backbone.featureCount])
      for (place, (found, expected)) in zip(found.joined(), expected.values).enumerated() {
        let isClose = abs(Double(found) - expected) <= 5e-6 + 5e-6 * abs(expected)
        #expect(isClose, "\(name).\(layer.rawValue)[\(place)]: \(found), not \(expected)")
      }
    }
  }
}

/// The network and the images of the golden file, by the formula of its script.
private enum GoldenNetwork {
  static let weights: TensorTable = {
    let names = RandomWeights(seed: 0, width: 8).names
    let shapes = RandomWeights(seed: 0, width: 8)
    var tensors: [String: Tensor<Float>] = [:]
    for (series, name) in names.enumerated() {
      tensors[name] = tensor(name, shapes.shape(of: name) ?? [], series: UInt64(series))
    }
    return TensorTable(tensors, path: "golden network")
  }()

  /// Squares of 16 pixels a side, of one colour each.
  static let images: [[Float]] = {
    let colours = numbers(series: 1000, count: 2 * 14 * 14 * 3).map { Float(2 * $0) }
    return (0..<2).map { image in
      (0..<224 * 224 * 3).map { place in
        let (row, column) = (place / 3 / 224 / 16, place / 3 % 224 / 16)
        return colours[((image * 14 + row) * 14 + column) * 3 + place % 3]
      }
    }
  }()

  /// Numbers from -1 to below 1 in steps of 2^-23: SplitMix64 of series * 2^32 + index.
  private static func numbers(series: UInt64, count: Int) -> [Double] {
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

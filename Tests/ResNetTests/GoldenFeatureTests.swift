import Foundation
import GoldenNetwork
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

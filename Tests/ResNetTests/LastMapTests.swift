import Kernels
import ResNet
import ResNetWeights
import Tensors
import Testing

/// The map behind an image's features, in both precisions.
@Suite struct LastMapTests {
  private static let size = 96

  private func check(_ backbone: any Backbone, _ inputs: [BackboneInput]) throws {
    let expected = try backbone.makeWorker()(inputs)
    let worker = try backbone.makeLastMapWorker()
    for (input, expected) in zip(inputs, expected) {
      let map = try worker(input)
      #expect(map.features == expected)
      let side = Self.size >> (backbone.featureLayer.number + 1)
      #expect(map.cells == side * side)
      let means = expected.indices.map { channel in
        (0..<map.cells).reduce(0) { $0 + map.numbers[$1 * expected.count + channel] }
          / Float(map.cells)
      }
      #expect(relativeError(means, expected.map(Double.init)) < 1e-5)
    }
  }

  @Test(arguments: availablePaths, FeatureLayer.allCases)
  func itsChannelMeansAreTheFeatures(path: KernelPath, layer: FeatureLayer) throws {
    let backbone = try FloatBackbone(
      weights: smallNetwork(), featureLayer: layer, kernels: path, inputSize: Self.size)
    try check(backbone, randomImages(2, size: Self.size).map { .numbers($0) })
  }

  @Test(arguments: integerPaths, [FeatureLayer.layer3, .layer4])
  func inWholeNumbersToo(path: IntegerPath, layer: FeatureLayer) throws {
    let weights = try smallNetwork()
    let images = randomBytes(2, size: Self.size)
    let calibration = try Calibrator.calibrate(
      weights: weights, fingerprint: "abc", conventions: .torchvision, normalisation: .torch,
      featureLayer: layer, path: path, inputSize: Self.size, images: images)
    let backbone = try IntegerBackbone(
      weights: weights, normalisation: .torch, calibration: calibration, featureLayer: layer,
      path: path, inputSize: Self.size)
    try check(backbone, images.map { .bytes($0) })
  }

  @Test func imagesOfAnotherSizeAreRefused() throws {
    let backbone = try FloatBackbone(
      weights: smallNetwork(), kernels: .best, inputSize: Self.size)
    #expect(throws: BackboneError.self) {
      try backbone.makeLastMapWorker()(.numbers([1, 2, 3]))
    }
  }
}

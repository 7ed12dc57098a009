import Kernels
import ResNet
import ResNetWeights
import Tensors
import Testing

@Suite struct BackboneTests {
  @Test(arguments: availablePaths, [64, 96, 224])
  func agreesWithTheDefinition(path: KernelPath, size: Int) throws {
    let source = try smallNetwork()
    let images = randomImages(size == 224 ? 1 : 3, size: size)
    let backbone = try FloatBackbone(weights: source, kernels: path, inputSize: size)
    let features = try backbone.features(of: images, workspace: backbone.makeWorkspace())
    let reference = ReferenceNetwork(source: source, conventions: WeightConventions.torchvision)
    for (image, features) in zip(images, features) {
      let expected = try reference.features(of: image, size: size, stages: 4)
      #expect(relativeError(features, expected) < 1e-5)
    }
  }

  @Test(arguments: availablePaths, FeatureLayer.allCases)
  func everyLayerAndConvention(path: KernelPath, layer: FeatureLayer) throws {
    let conventions = WeightConventions(
      stridePosition: .firstConvolution, batchNormEpsilon: 1e-3, maxPool: .ceiling)
    let source = try smallNetwork(seed: 2, blocks: [1, 2, 1, 2], width: 24)
    let images = randomImages(3, size: 128)
    let backbone = try FloatBackbone(
      weights: source, conventions: conventions, featureLayer: layer, kernels: path,
      inputSize: 128)
    #expect(backbone.featureCount == 24 * 4 << (layer.number - 1))
    let features = try backbone.features(of: images, workspace: backbone.makeWorkspace())
    #expect(features.count == 3)
    let reference = ReferenceNetwork(source: source, conventions: conventions)
    for (image, features) in zip(images, features) {
      let expected = try reference.features(of: image, size: 128, stages: layer.number)
      #expect(relativeError(features, expected) < 1e-5)
    }
  }

  /// Maps of odd sizes: 31, 16, 8 and 4 pixels a side, 55, 28, 14 and 7 for images of 224.
  @Test(
    arguments: availablePaths,
    [WeightConventions.StridePosition.firstConvolution, .secondConvolution])
  func poolingWithoutPadding(path: KernelPath, position: WeightConventions.StridePosition) throws {
    let conventions = WeightConventions(stridePosition: position, maxPool: .unpadded)
    let source = try smallNetwork(seed: 3)
    for size in [64, 128, 224] {
      let backbone = try FloatBackbone(
        weights: source, conventions: conventions, kernels: path, inputSize: size)
      let images = randomImages(2, size: size)
      let features = try backbone.features(of: images, workspace: backbone.makeWorkspace())
      let expected = try ReferenceNetwork(source: source, conventions: conventions)
        .features(of: images[1], size: size, stages: 4)
      #expect(relativeError(features[1], expected) < 1e-5)
    }
  }

  /// Alone, first or last of a full group: always the same bits.
  @Test(arguments: availablePaths)
  func companyDoesNotChangeBits(path: KernelPath) throws {
    let backbone = try FloatBackbone(
      weights: smallNetwork(blocks: [1, 1, 1, 1], width: 16), kernels: path, inputSize: 96)
    let images = randomImages(ImageGroups.most, size: 96)
    let workspace = try backbone.makeWorkspace()
    let alone = try images.map { try backbone.features(of: [$0], workspace: workspace)[0] }
    for first in images.indices {
      let together = try backbone.features(
        of: Array(images[first...]), workspace: backbone.makeWorkspace())
      #expect(together == Array(alone[first...]))
    }
    let mixed = try backbone.features(of: images.reversed(), workspace: workspace)
    #expect(mixed == alone.reversed())
  }

  @Test(arguments: availablePaths)
  func threadsDoNotChangeBits(path: KernelPath) async throws {
    let backbone = try FloatBackbone(
      weights: smallNetwork(blocks: [1, 1, 1, 1]), kernels: path, inputSize: 64)
    let images = randomImages(6, size: 64)
    let expected = try backbone.features(of: images, workspace: backbone.makeWorkspace())
    try await withThrowingTaskGroup(of: [[Float]].self) { group in
      for _ in 0..<4 {
        group.addTask {
          try backbone.features(of: images, workspace: backbone.makeWorkspace())
        }
      }
      for try await features in group { #expect(features == expected) }
    }
  }

  /// The whole ResNet-50 with He-initialised weights, scaled down at the end of each block as
  /// ``RandomWeights`` says.
  @Test(arguments: availablePaths)
  func fullNetworkAgreesWithTheDefinition(path: KernelPath) throws {
    let backbone = try FloatBackbone(weights: RandomWeights(seed: 0), kernels: path)
    let features = try backbone.features(
      of: [FullNetwork.image], workspace: backbone.makeWorkspace())
    #expect(backbone.featureCount == 2048)
    #expect(try relativeError(features[0], FullNetwork.expected.get()) < 1e-5)
  }

  @Test func imageOfWrongSizeIsRefused() throws {
    let backbone = try FloatBackbone(weights: smallNetwork(), kernels: .openblas, inputSize: 64)
    let workspace = try backbone.makeWorkspace()
    #expect(throws: BackboneError.self) {
      try backbone.features(of: [[0, 1, 2]], workspace: workspace)
    }
    #expect(throws: BackboneError.self) {
      try FloatBackbone(weights: smallNetwork(), kernels: .openblas, inputSize: 100)
    }
  }

  @Test(arguments: availablePaths)
  func featuresThatAreNotFiniteAreRefused(path: KernelPath) throws {
    let backbone = try FloatBackbone(weights: smallNetwork(), kernels: path, inputSize: 64)
    var image = randomImages(1, size: 64)[0]
    image[5000] = .nan
    let error = #expect(throws: BackboneError.self) {
      try backbone.features(of: [image], workspace: backbone.makeWorkspace())
    }
    #expect(error?.kind == .notFinite)
  }
}

/// The features of one image by the definition, computed once for all paths.
private enum FullNetwork {
  static let image = randomImages(1, size: 224)[0]
  static let expected = Result {
    try ReferenceNetwork(source: RandomWeights(seed: 0), conventions: WeightConventions.torchvision)
      .features(of: image, size: 224, stages: 4)
  }
}

import FileIO
import Foundation
import Kernels
import ResNet
import ResNetWeights
import Tensors
import Testing

/// The integer paths that this processor can run.
let integerPaths = IntegerPath.allCases.filter(\.isAvailable)

/// Images of random bytes, smooth enough for a network to see something in them.
func randomBytes(_ count: Int, size: Int, seed: UInt64 = 7) -> [[UInt8]] {
  (0..<count).map { index in
    var random = CounterRandom(seed: seed, purpose: .demoFigures, index: index)
    var level = 128.0
    return (0..<size * size * 3).map { _ in
      level = min(255, max(0, level + random.uniform(-40, 40)))
      return UInt8(level)
    }
  }
}

/// The int8 backbone against its reference, against the backbone of floats, and against itself.
@Suite struct IntegerBackboneTests {
  private static let size = 96
  private static let images = randomBytes(3, size: size)

  private func calibration(
    _ weights: TensorTable, path: IntegerPath = .best,
    conventions: WeightConventions = .torchvision, layer: FeatureLayer? = nil,
    normalisation: Normalisation = .torch
  ) throws -> Calibration {
    try Calibrator.calibrate(
      weights: weights, fingerprint: "abc", conventions: conventions, normalisation: normalisation,
      featureLayer: layer, path: path, inputSize: Self.size, images: Self.images)
  }

  private func backbone(
    _ weights: TensorTable, _ calibration: Calibration, path: IntegerPath = .best,
    conventions: WeightConventions = .torchvision, layer: FeatureLayer? = nil,
    normalisation: Normalisation = .torch, cache: PackedCache? = nil
  ) throws -> IntegerBackbone {
    try IntegerBackbone(
      weights: weights, packedCache: cache, conventions: conventions, normalisation: normalisation,
      calibration: calibration, featureLayer: layer, path: path, inputSize: Self.size)
  }

  private func features(_ backbone: IntegerBackbone, _ images: [[UInt8]]) throws -> [[Float]] {
    try backbone.features(of: images, workspace: backbone.makeWorkspace())
  }

  /// Scales and features are the same on every path, the reference among them.
  @Test(arguments: FeatureLayer.allCases) func everyPathHasTheBitsOfTheReference(
    layer: FeatureLayer
  ) throws {
    let weights = try smallNetwork()
    for conventions in [
      WeightConventions.torchvision,
      WeightConventions(
        stridePosition: .firstConvolution, batchNormEpsilon: 1e-3, maxPool: .unpadded),
      WeightConventions(
        stridePosition: .firstConvolution, batchNormEpsilon: 1e-5, maxPool: .ceiling),
    ] {
      let expected = try calibration(
        weights, path: .reference, conventions: conventions, layer: layer)
      let reference = try features(
        backbone(weights, expected, path: .reference, conventions: conventions, layer: layer),
        Self.images)
      for path in integerPaths {
        let found = try calibration(weights, path: path, conventions: conventions, layer: layer)
        #expect(found == expected, "\(path)")
        let backbone = try backbone(
          weights, expected, path: path, conventions: conventions, layer: layer)
        #expect(try features(backbone, Self.images) == reference, "\(path)")
      }
    }
  }

  /// Known answers: any processor, and any later version with the same `Calibration.version`, must
  /// give them.
  @Test(arguments: integerPaths) func theFeaturesAreThoseOfThisVersion(path: IntegerPath) throws {
    let weights = try smallNetwork(blocks: [1, 1, 1, 1], width: 16)
    let calibration = try calibration(weights, path: path)
    let vectors = try features(backbone(weights, calibration, path: path), Self.images)
    var digest = SHA256()
    for vector in vectors { digest.update(vector) }
    #expect(Calibration.version == 1)
    #expect(
      calibration.digest == "f62e1a734013cc62749c8c2f08ca7c73045a6756efa5ee7e507cff1513ffa2ef")
    #expect(
      digest.digest().hexadecimal
        == "09adc2d20efa6aa8c15d961380aaec5ee6f495f0db2ae60729c6f6c4ac24dab7")
  }

  /// Of the smallest, an ordinary and the largest images, whose maps do not fit the others' buffers.
  @Test(arguments: [64, 224, 1024]) func imagesOfOtherSizes(size: Int) throws {
    let weights = try smallNetwork(blocks: [1, 1])
    let images = randomBytes(2, size: size)
    func features(_ path: IntegerPath) throws -> (Calibration, [[Float]]) {
      let calibration = try Calibrator.calibrate(
        weights: weights, fingerprint: "abc", normalisation: .caffe, path: path, inputSize: size,
        images: images)
      let backbone = try IntegerBackbone(
        weights: weights, normalisation: .caffe, calibration: calibration, path: path,
        inputSize: size)
      return (
        calibration, try backbone.features(of: images, workspace: backbone.makeWorkspace())
      )
    }
    let expected = try features(.portable)
    let found = try features(.best)
    #expect(found.0 == expected.0)
    #expect(found.1 == expected.1)
    #expect(found.1[0].contains { $0 > 0 })
  }

  /// Near the features of floats: a few per cent of their length.
  @Test(arguments: [Normalisation.torch, .caffe]) func theFeaturesAreNearThoseOfFloats(
    normalisation: Normalisation
  ) throws {
    let weights = try smallNetwork(blocks: [1, 1, 1, 1], width: 32)
    let calibration = try calibration(weights, normalisation: normalisation)
    let found = try features(
      backbone(weights, calibration, normalisation: normalisation), Self.images)
    let floats = try FloatBackbone(weights: weights, kernels: .best, inputSize: Self.size)
    let (mean, std) = (normalisation.mean.elements, normalisation.std.elements)
    let inputs = Self.images.map { image in
      image.enumerated().map { index, byte in
        Float((Double(byte) * normalisation.scale - mean[index % 3]) / std[index % 3])
      }
    }
    let expected = try floats.features(of: inputs, workspace: floats.makeWorkspace())
    for (found, expected) in zip(found, expected) {
      let difference = zip(found, expected).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
      let length = expected.reduce(0) { $0 + Double($1 * $1) }
      let ratio = (difference / length).squareRoot()
      #expect(ratio < 0.08, "\(ratio)")
    }
  }

  @Test func neighboursDoNotMatter() throws {
    let weights = try smallNetwork()
    let backbone = try backbone(weights, calibration(weights))
    let images = randomBytes(ImageGroups.most, size: Self.size, seed: 3)
    let workspace = try backbone.makeWorkspace()
    let alone = try images.map { try backbone.features(of: [$0], workspace: workspace)[0] }
    #expect(try backbone.features(of: images, workspace: workspace) == alone)
    #expect(
      try backbone.features(of: images.reversed(), workspace: workspace) == alone.reversed())
    #expect(try backbone.features(of: [], workspace: workspace) == [])
  }

  @Test func packedWeightsAreShared() throws {
    let folder = NSTemporaryDirectory() + "packed-integers-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let weights = try smallNetwork(blocks: [1, 1])
    let calibration = try calibration(weights)
    let cache = PackedCache(folder: folder, fingerprint: "abc")
    let plain = try features(backbone(weights, calibration), Self.images)
    for _ in 0..<2 {
      let backbone = try backbone(weights, calibration, cache: cache)
      #expect(backbone.cacheWarning == nil)
      #expect(try features(backbone, Self.images) == plain)
    }
    func packed() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: folder)
        .count { $0.hasSuffix(".packed") }
    }
    #expect(try packed() == 1)
    // Other scales take the file's place.
    var scales = calibration.scales
    scales["layer2.0"]? *= 1.5
    let other = Calibration(fingerprint: "abc", images: 1, pixels: "", scales: scales)
    let changed = try features(backbone(weights, other, cache: cache), Self.images)
    #expect(changed != plain)
    #expect(try packed() == 1)
    #expect(try features(backbone(weights, calibration, cache: cache), Self.images) == plain)
  }

  @Test func theSampleIsSpreadOverAll() {
    #expect(Calibration.sample(of: 3, size: 224) == [0, 1, 2])
    let many = Calibration.sample(of: 6400, size: 224)
    #expect(many.count == 64 && many[0] == 50 && many[63] == 6350)
    #expect(Calibration.sample(of: 6400, size: 448).count == 16)
    #expect(Calibration.sample(of: 0, size: 224) == [])
  }

  /// Networks of random depths and widths with a few extreme numbers, and images of extreme bytes, for
  /// as long as `AVP_FUZZ_SECONDS` says, 60 unless it does: every path has the reference's bits.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["AVP_FULL_TESTS"] == "1", "AVP_FULL_TESTS is not 1"))
  func randomNetworksForAWhile() throws {
    let seconds = ProcessInfo.processInfo.environment["AVP_FUZZ_SECONDS"].flatMap(Double.init) ?? 60
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var seed = UInt64.random(in: 0...(.max))
    var (computed, refused) = (0, 0)
    repeat {
      seed &+= 1
      var random = CounterRandom(seed: seed, purpose: .randomBackbone, epoch: 9)
      func pick(_ range: ClosedRange<Int>) -> Int {
        Int(random.uniform(Double(range.lowerBound), Double(range.upperBound) + 1))
      }
      let blocks = (0..<4).map { _ in pick(1...2) }
      var tensors = try smallNetwork(seed: seed, blocks: blocks, width: 8 * pick(1...9))
      let name = tensors.names.sorted()[pick(0...tensors.names.count - 1)]
      if !name.hasSuffix("running_var") {
        var all: [String: Tensor<Float>] = [:]
        for other in tensors.names { all[other] = try tensors.floats(other) }
        let factor = Float([0, 1e-10, -1, 30, 1e6][pick(0...4)])
        let step = pick(1...7)
        for index in stride(from: 0, to: all[name]?.values.count ?? 0, by: step) {
          all[name]?.values[index] *= factor
        }
        tensors = TensorTable(all, metadata: tensors.metadata, path: "small network")
      }
      let images =
        randomBytes(1, size: 64, seed: seed)
        + [[UInt8](repeating: UInt8(pick(0...1) * 255), count: 64 * 64 * 3)]
      let layer = FeatureLayer.allCases[pick(0...3)]
      func features(_ path: IntegerPath, _ calibration: Calibration) throws -> [[Float]] {
        let backbone = try IntegerBackbone(
          weights: tensors, normalisation: .torch, calibration: calibration, featureLayer: layer,
          path: path, inputSize: 64)
        return try backbone.features(of: images, workspace: backbone.makeWorkspace())
      }
      do {
        let calibration = try Calibrator.calibrate(
          weights: tensors, fingerprint: "abc", normalisation: .torch, featureLayer: layer,
          path: .best, inputSize: 64, images: images)
        let reference = try features(.reference, calibration)
        for path in integerPaths where path != .reference {
          #expect(try features(path, calibration) == reference, "\(path), seed \(seed)")
        }
        computed += 1
      } catch let error as BackboneError {
        #expect(error.kind == .calibration, "seed \(seed): \(error)")
        refused += 1
      }
    } while clock.now < end
    print("\(computed) random networks computed, \(refused) refused")
    #expect(computed > refused)
  }

  // MARK: - What is refused

  @Test func scalesThatCannotBeAreRefused() throws {
    let weights = try smallNetwork(blocks: [2, 1])
    let good = try calibration(weights)
    func refusal(_ change: (inout [String: Double]) -> Void) -> String {
      var scales = good.scales
      change(&scales)
      let calibration = Calibration(fingerprint: "abc", images: 1, pixels: "", scales: scales)
      do {
        _ = try backbone(weights, calibration)
        return ""
      } catch {
        return "\(error)"
      }
    }
    #expect(refusal { _ in } == "")
    let older = try JSONDecoder().decode(
      Calibration.self,
      from: Data(#"{"version":0,"fingerprint":"abc","images":1,"pixels":"","scales":{}}"#.utf8))
    #expect(throws: BackboneError.self) { try backbone(weights, older) }
    #expect(refusal { $0["layer1.1.conv2"] = nil }.contains("none for layer1.1.conv2"))
    for bad in [0, -1, .infinity, .nan, 1e-40, 1e40] {
      #expect(refusal { $0["layer2.0"] = bad }.contains("for layer2.0 cannot be"), "\(bad)")
    }
    let block = refusal { $0["layer1.1", default: 1] /= 1000 }
    #expect(block.contains("layer1.1 is too small for its shortcut"))
    let convolution = refusal { $0["layer1.0.conv2", default: 1] /= 1e6 }
    #expect(convolution.contains("layer1.0.conv2 cannot be computed"))
  }

  @Test func imagesThatCannotBeAreRefused() throws {
    let weights = try smallNetwork(blocks: [1, 1])
    #expect(throws: BackboneError.self) {
      try Calibrator.calibrate(
        weights: weights, fingerprint: "abc", normalisation: .torch, path: .best, inputSize: 64,
        images: [])
    }
    #expect(throws: BackboneError.self) {
      try Calibrator.calibrate(
        weights: weights, fingerprint: "abc", normalisation: .torch, path: .best, inputSize: 64,
        images: [[1, 2, 3]])
    }
    let backbone = try backbone(weights, calibration(weights))
    #expect(throws: BackboneError.self) { try features(backbone, [[1, 2, 3]]) }
  }

  /// Weights of zero, biases without weights, channels a million times larger than others: features
  /// stay near those of floats, or the layer is refused by its name.
  @Test(arguments: 0..<6) func extremeWeightsAreComputedOrRefused(variant: Int) throws {
    var weights = try smallNetwork(blocks: [1, 1], width: 16)
    func change(_ name: String, _ body: (Int, Float) -> Float) throws {
      var tensor = try weights.floats(name)
      for index in tensor.values.indices {
        tensor.values[index] = body(index, tensor.values[index])
      }
      var all: [String: Tensor<Float>] = [:]
      for other in weights.names { all[other] = try weights.floats(other) }
      all[name] = tensor
      weights = TensorTable(all, metadata: weights.metadata, path: "small network")
    }
    switch variant {
    case 0: try change("layer1.0.conv1.weight") { _, _ in 0 }
    case 1: try change("layer1.0.bn2.weight") { index, value in index % 2 == 0 ? 0 : value }
    case 2: try change("layer1.0.bn3.weight") { index, value in index % 3 == 0 ? 1e6 : value }
    case 3: try change("bn1.bias") { _, _ in -1e6 }
    case 4: try change("layer2.0.bn2.bias") { index, _ in index == 5 ? 1e7 : 0 }
    default: try change("layer1.0.bn1.weight") { _, value in value * 1e-20 }
    }
    do {
      let calibration = try calibration(weights)
      let reference = try features(
        backbone(weights, calibration, path: .reference), Self.images)
      let found = try features(backbone(weights, calibration), Self.images)
      #expect(found == reference)
    } catch let error as BackboneError {
      #expect(
        error.kind == .calibration && error.description.contains("cannot be computed in int8"))
    }
  }
}

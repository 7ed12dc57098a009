import Foundation
import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// What is refused, starting from tensors that are right.
@Suite struct BackboneCheckTests {
  private typealias Tensors = [String: Tensor<Float>]

  private func changed(
    _ metadata: [String: String] = [:], _ change: (inout [String: Tensor<Float>]) -> Void
  ) throws -> FileError? {
    let reference = try Golden.reference()
    var tensors: Tensors = [:]
    for name in reference.names { tensors[name] = try reference.floats(name) }
    change(&tensors)
    let table = TensorTable(tensors, metadata: metadata, path: "changed")
    return failure { try loadBackboneWeights(tensors: table) }
  }

  private func zeros(_ shape: Int...) -> Tensor<Float> {
    Tensor(shape: shape, values: [Float](repeating: 0, count: shape.reduce(1, *)))
  }

  @Test func theUnchangedOneIsAccepted() throws {
    #expect(try changed { _ in } == nil)
  }

  /// A channel that is always the same, as training can leave one.
  @Test func aVarianceOfZeroIsAccepted() throws {
    #expect(try changed { $0["bn1.running_var"]?.values[0] = 0 } == nil)
  }

  @Test func everyMissingTensorIsNamed() throws {
    for name in try Golden.reference().names {
      let error = try changed { $0[name] = nil }
      #expect(error?.kind == .entryMissing, "\(name)")
      #expect(error?.entry == name)
    }
  }

  @Test func numbersThatAreNotFiniteAreNamed() throws {
    for (name, value) in [
      ("conv1.weight", Float.nan), ("layer3.0.conv2.weight", .infinity), ("bn1.bias", -.infinity),
    ] {
      let error = try changed { $0[name]?.values[1] = value }
      #expect(error?.kind == .entryNotFinite)
      #expect(error?.entry == name)
    }
    #expect(try changed { $0["bn1.running_var"]?.values[0] = -1 }?.entry == "bn1.running_var")
    let head = try changed {
      $0["fc.weight"] = zeros(1, 64)
      $0["fc.weight"]?.values[63] = .nan
    }
    #expect(head?.kind == .entryNotFinite)
    #expect(head?.entry == "fc.weight")
  }

  @Test func extraTensorsAreNamed() throws {
    for name in ["layer1.0.conv4.weight", "layer4.0.se.fc1.weight", "head.weight", "bn1.scale"] {
      let error = try changed { $0[name] = zeros(1) }
      #expect(error?.kind == .entryUnexpected)
      #expect(error?.entry == name)
    }
    #expect(try changed { $0["layer1.0.bn2.num_batches_tracked"] = zeros() } == nil)
    #expect(try changed { $0["layer1.0.bn4.num_batches_tracked"] = zeros() } != nil)
  }

  /// Names of tensors of a head and their shapes.
  private func head(_ shapes: [String: [Int]]) throws -> FileError? {
    try changed { tensors in
      for (name, shape) in shapes {
        let count = shape.reduce(1, *)
        tensors[name] = Tensor(shape: shape, values: [Float](repeating: 0, count: count))
      }
    }
  }

  @Test func headsMustFit() throws {
    for good in [
      ["fc.weight": [3, 64], "fc.bias": [3]], ["fc.weight": [3, 64]],
      ["fc.0.weight": [5, 64], "fc.0.bias": [5], "fc.2.weight": [2, 5], "fc.2.bias": [2]],
    ] {
      #expect(try head(good) == nil, "\(good)")
    }
    for (bad, kind, name) in [
      (["fc.junk": [1]], FileError.Kind.entryUnexpected, "fc.junk"),
      (["fc.1.weight": [3, 64]], .entryUnexpected, "fc.1.weight"),
      (["fc.weight": [3, 64], "fc.2.weight": [2, 3]], .entryUnexpected, "fc.2.weight"),
      (["fc.weight": [3, 32]], .entryMismatch, "fc.weight"),
      (["fc.weight": [0, 64]], .entryMismatch, "fc.weight"),
      (["fc.weight": []], .entryMismatch, "fc.weight"),
      (["fc.weight": [3, 64], "fc.bias": [4]], .entryMismatch, "fc.bias"),
      (["fc.bias": [3]], .entryMissing, "fc.weight"),
      (["fc.0.weight": [5, 64], "fc.2.weight": [2, 6]], .entryMismatch, "fc.2.weight"),
      (["fc.0.weight": [5, 64]], .entryMissing, "fc.2.weight"),
    ] {
      let error = try head(bad)
      #expect(error?.kind == kind, "\(bad)")
      #expect(error?.entry == name, "\(bad)")
    }
  }

  @Test func relativesAreRefusedByName() throws {
    let resNeXt = try changed { $0["layer1.0.conv2.weight"] = zeros(4, 2, 3, 3) }
    #expect(resNeXt?.description.contains("ResNeXt") == true)
    let basic = try changed {
      $0["layer1.0.conv1.weight"] = zeros(2, 2, 3, 3)
      $0["layer1.0.conv3.weight"] = nil
    }
    #expect(basic?.description.contains("ResNet-18") == true)
    let deepStem = try changed { $0["conv1.0.weight"] = zeros(2, 3, 3, 3) }
    #expect(deepStem?.description.contains("ResNet-D") == true)
    #expect(resNeXt?.kind == .unsupported)
  }

  @Test func wideNetworksAreRecognised() throws {
    // Twice the channels inside the blocks of every stage.
    let narrow = BackboneLayout(
      stemWidth: 64, blocks: [3, 4, 6, 3], widths: [64, 128, 256, 512],
      outputs: [256, 512, 1024, 2048])
    let wide = BackboneLayout(
      stemWidth: 64, blocks: [3, 4, 23, 3], widths: [128, 256, 512, 1024],
      outputs: [256, 512, 1024, 2048])
    #expect(narrow.architecture == "resnet50")
    #expect(wide.architecture == "wide_resnet101_2")
    #expect(narrow.expectedShapes.count == 265)
    #expect(wide.expectedShapes["layer4.2.conv2.weight"] == [1024, 1024, 3, 3])
  }

  @Test func truncatedNetworks() throws {
    // The end of the trunk may be missing, as in a file up to layer3; the middle may not.
    #expect(try changed { $0 = $0.filter { !$0.key.hasPrefix("layer4") } } == nil)
    #expect(
      try changed { $0 = $0.filter { !$0.key.hasPrefix("layer2") } }?.entry
        == "layer2.0.conv1.weight")
    let unknown = try changed { tensors in
      for (name, tensor) in tensors where name.hasPrefix("layer4.0") {
        tensors[name.replacing("layer4.0", with: "layer4.1")] = tensor
      }
    }
    #expect(unknown?.description.contains("blocks are missing") == true)
    #expect(try changed(["blocks": "1,1,1,2"]) { _ in }?.kind == .entryMissing)
    let acting = try changed(["blocks": "\u{1b}]0;owned\u{7}"]) { _ in }
    #expect(acting?.description.contains("\u{1b}") == false)
  }

  @Test func unreadableMetadataIsNamed() throws {
    for (key, value) in [
      ("bn_eps", "tiny"), ("bn_eps", "0"), ("bn_eps", "inf"), ("stride_in_1x1", "yes"),
      ("maxpool", "kernel 2 stride 2 padding 0 ceil_mode true"), ("mean", "1,2"), ("mean", "a,b,c"),
      ("mean", "1,x,2,3"), ("mean", "1e300,0,0"), ("maxpool", "kernel 3"),
    ] {
      let error = try changed([key: value]) { _ in }
      #expect(error?.kind == .damaged, "\(key) \(value)")
      #expect(error?.description.contains(key) == true)
    }
    #expect(try changed(["mean": "1,2,3", "channel_order": "GBR"]) { _ in }?.kind == .damaged)
    for std in ["1,0,1", "1,1e-300,1", "1,1e300,1", "1,-1,1"] {
      #expect(try changed(["mean": "1,2,3", "std": std]) { _ in }?.kind == .damaged)
    }
  }

  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["AVP_TEST_WEIGHTS"] != nil,
      "AVP_TEST_WEIGHTS is not set"))
  func theCaffeFileIsUnderstood() throws {
    let folder = ProcessInfo.processInfo.environment["AVP_TEST_WEIGHTS"] ?? ""
    let weights = try loadBackboneWeights("\(folder)/resnet50-caffe-stage4.safetensors")
    #expect(weights.layout.architecture == "resnet50")
    #expect(weights.layout.blocks == [3, 4, 6])
    #expect(weights.layout.featureCount == 1024)
    #expect(
      weights.conventions
        == WeightConventions(
          stridePosition: .firstConvolution, batchNormEpsilon: 1e-5, maxPool: .ceiling))
    #expect(weights.pixels == .caffe)
    #expect(weights.metadata["license"] == "MIT")
  }
}

import ResNet
import Tensors
import Testing
import WeightFiles

@Suite struct ArchitectureTests {
  private func message(
    layer: FeatureLayer? = nil, changing change: (inout [String: Tensor<Float>]) -> Void
  ) throws -> String {
    let source = try smallNetwork()
    var tensors: [String: Tensor<Float>] = [:]
    for name in source.names { tensors[name] = try source.floats(name) }
    change(&tensors)
    let changed = TensorTable(tensors, path: "weights.safetensors")
    let error = #expect(throws: BackboneError.self) {
      try Backbone(weights: changed, featureLayer: layer, kernels: .openblas, inputSize: 64)
    }
    return error?.description ?? ""
  }

  @Test func aMissingTensorIsNamed() throws {
    for name in ["layer2.0.bn3.running_var", "conv1.weight", "layer3.1.conv2.weight"] {
      #expect(try message { $0[name] = nil }.contains("the tensor \(name) is missing"))
    }
  }

  @Test func aWrongShapeIsNamed() throws {
    let wrong = Tensor<Float>(shape: [8, 8, 1, 3], values: Array(repeating: 0, count: 192))
    let text = try message { $0["layer1.0.conv2.weight"] = wrong }
    #expect(text.contains("layer1.0.conv2.weight has the shape [8, 8, 1, 3]"))
    #expect(text.contains("[8, 8, 3, 3] is needed"))
  }

  @Test func anOddWidthIsRefused() throws {
    let wrong = Tensor<Float>(shape: [9, 3, 7, 7], values: Array(repeating: 0, count: 1323))
    #expect(try message { $0["conv1.weight"] = wrong }.contains("multiple of 8"))
  }

  @Test func aLayerBeyondTheFileIsRefused() throws {
    let text = try message(layer: .layer4) { tensors in
      for name in tensors.keys where name.hasPrefix("layer4") { tensors[name] = nil }
    }
    #expect(text.contains("layer4 was asked for, but the file ends with layer3"))
  }

  @Test func otherNetworksAreRefused() throws {
    #expect(
      try message { tensors in
        for name in tensors.keys where name.contains("conv3") { tensors[name] = nil }
      }.contains("ResNet-18 and 34"))
    #expect(
      try message { tensors in
        for name in tensors.keys where name.hasPrefix("layer") { tensors[name] = nil }
      }.contains("layer1.0.conv1.weight"))
  }

  @Test func weightsThatAreNotFiniteAreRefused() throws {
    let text = try message { $0["layer2.0.conv3.weight"]?.values[3] = .infinity }
    #expect(text.contains("layer2.0.conv3.weight"))
  }

  @Test func theDeepestLayerIsTheDefault() throws {
    let source = RandomWeights(seed: 0, blocks: [1, 1], width: 8)
    let architecture = try BackboneArchitecture(
      of: source, conventions: BackboneConventions(), featureLayer: nil)
    #expect(architecture.featureLayer == .layer2)
    #expect(architecture.featureCount == 64)
  }
}

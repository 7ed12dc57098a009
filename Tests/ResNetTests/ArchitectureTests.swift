import ResNet
import ResNetWeights
import Tensors
import Testing

@Suite struct ArchitectureTests {
  private func message(
    layer: FeatureLayer? = nil, blocks: String = "2,1,2,1",
    changing change: (inout [String: Tensor<Float>]) -> Void
  ) throws -> String {
    let source = try smallNetwork()
    var tensors: [String: Tensor<Float>] = [:]
    for name in source.names { tensors[name] = try source.floats(name) }
    change(&tensors)
    let changed = TensorTable(
      tensors, metadata: ["blocks": blocks], path: "weights.safetensors")
    let error = #expect(throws: (any Error).self) {
      try FloatBackbone(weights: changed, featureLayer: layer, kernels: .openblas, inputSize: 64)
    }
    return error.map { "\($0)" } ?? ""
  }

  @Test func aMissingTensorIsNamed() throws {
    for name in ["layer2.0.bn3.running_var", "conv1.weight", "layer3.1.conv2.weight"] {
      #expect(try message { $0[name] = nil }.contains("the tensor \"\(name)\" is missing"))
    }
  }

  @Test func aWrongShapeIsNamed() throws {
    let wrong = Tensor<Float>(shape: [8, 8, 1, 3], values: Array(repeating: 0, count: 192))
    let text = try message { $0["layer1.0.conv2.weight"] = wrong }
    #expect(text.contains("\"layer1.0.conv2.weight\" has shape [8, 8, 1, 3]"))
    #expect(text.contains("needs [8, 8, 3, 3]"))
  }

  @Test func anOddWidthIsRefused() throws {
    let error = #expect(throws: BackboneError.self) {
      try FloatBackbone(weights: smallNetwork(width: 4), kernels: .openblas, inputSize: 64)
    }
    #expect(error?.description.contains("multiple of 8") == true)
  }

  @Test func aLayerBeyondTheFileIsRefused() throws {
    let text = try message(layer: .layer4, blocks: "2,1,2") { tensors in
      for name in tensors.keys where name.hasPrefix("layer4") { tensors[name] = nil }
    }
    #expect(text.contains("layer4 was asked for, but the file ends with layer3"))
  }

  @Test func otherNetworksAreRefused() throws {
    #expect(
      try message { tensors in
        for name in tensors.keys where name.contains("conv3") { tensors[name] = nil }
      }.contains("layer1.0.conv3.weight"))
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
    let backbone = try FloatBackbone(weights: source, kernels: .portable, inputSize: 64)
    #expect(backbone.featureLayer == .layer2)
    #expect(backbone.featureCount == 64)
  }
}

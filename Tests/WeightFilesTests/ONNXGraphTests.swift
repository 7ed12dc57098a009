import Testing

@testable import FileIO
@testable import ModelExport
@testable import ResNetWeights
@testable import TensorFormats
@testable import Tensors

/// Graphs that look much like a ResNet's and are another network: none may be read as one.
@Suite struct ONNXGraphTests {
  private func error(_ change: (inout TestGraph) -> Void) throws -> FileError? {
    var graph = try TestGraph.resNet()
    change(&graph)
    return failure { try loadBackboneWeights(bytes: graph.encoded(), path: "model.onnx") }
  }

  @Test func theUnchangedGraphIsRead() throws {
    let weights = try loadBackboneWeights(bytes: TestGraph.resNet().encoded(), path: "model.onnx")
    let reference = try Golden.reference()
    for name in reference.names {
      #expect(try weights.floats(name) == reference.floats(name), "\(name)")
    }
    #expect(weights.conventions == .torchvision)
  }

  // MARK: Relatives

  @Test func preactivatedNetworks() throws {
    // The batch-norm and the ReLU of a block come before its first convolution.
    let second = try error { graph in
      graph.insert("BatchNormalization", like: "layer2.0.bn1", before: "layer2.0.conv1")
      graph.insert("Relu", before: "layer2.0.conv1")
    }
    #expect(second?.description.contains("ResNetV2") == true)
    // Nothing but a convolution before the pooling, as in ResNet50V2.
    let first = try error { graph in
      graph.remove("bn1.relu")
      graph.remove("bn1")
    }
    #expect(first?.description.contains("ResNetV2") == true)
    // No ReLU behind the addition.
    let plain = try error { $0.remove("layer1.0.out") }
    #expect(plain?.description.contains("ResNetV2") == true)
    #expect(plain?.kind == .unsupported)
  }

  @Test func groupedConvolutions() throws {
    let error = try error { $0["layer3.0.conv2"]?.integers["group"] = [2] }
    #expect(error?.description.contains("ResNeXt") == true)
  }

  @Test func blocksOfTwoConvolutions() throws {
    let error = try error { graph in
      for stage in 1...4 {
        graph.remove("layer\(stage).0.bn2.relu")
        graph.remove("layer\(stage).0.bn3")
        graph.remove("layer\(stage).0.conv3")
      }
    }
    #expect(error?.description.contains("ResNet-18") == true)
  }

  @Test func operationsThatNoResNetHas() throws {
    for operation in ["Sigmoid", "Mul", "Clip", "BatchNormalization", "Dropout"] {
      for place in ["layer3.0.conv2", "layer3.0.out", "maxpool", "layer1.0.add"] {
        #expect(
          try error { $0.insert(operation, before: place) } != nil, "\(operation) before \(place)")
      }
    }
    // What is done to the pixels decides what the network must be given.
    for operation in ["Sub", "Div", "Pow", "Gather", "BatchNormalization"] {
      let prepared = try error { $0.insert(operation, before: "conv1") }
      #expect(prepared?.description.contains("by the operation \"\(operation)\"") == true)
    }
    for operation in ["Cast", "Transpose", "Identity"] {
      #expect(try error { $0.insert(operation, before: "conv1") } == nil)
    }
    // An addition that is not understood must not make the network shorter.
    #expect(try error { $0["layer3.0.add"]?.operation = "Sum" } != nil)
    let unknown = try error { $0["layer4.0.add"]?.operation = "Sum" }
    #expect(unknown?.description.contains("outside of the residual blocks") == true)
    // Normalised after the ReLU.
    #expect(
      try error { graph in
        graph.remove("layer3.0.bn1.relu")
        graph.insert("Relu", before: "layer3.0.bn1")
      } != nil)
  }

  // MARK: Settings

  @Test func paddingsDilationsAndStrides() throws {
    for (name, attribute, value) in [
      ("conv1", "pads", [2, 2, 2, 2]), ("conv1", "strides", [1, 1]),
      ("maxpool", "pads", [2, 2, 2, 2]), ("maxpool", "strides", [1, 1]),
      ("maxpool", "kernel_shape", [2, 2]), ("layer2.0.conv2", "dilations", [2, 2]),
      ("layer2.0.conv2", "pads", [0, 0, 0, 0]), ("layer2.0.conv2", "strides", [1, 1]),
      ("layer2.0.conv2", "strides", [2, 1]), ("layer2.0.conv1", "strides", [2, 2]),
      ("layer4.0.conv3", "strides", [2, 2]), ("layer4.0.downsample.0", "strides", [1, 1]),
      ("layer1.0.conv1", "strides", [2, 2]), ("layer1.0.conv3", "pads", [1, 1, 1, 1]),
    ] {
      let error = try error { $0[name]?.integers[attribute] = value }
      #expect(error?.kind == .unsupported, "\(name) \(attribute) \(value)")
      #expect(error?.description.contains("not a ResNet that is understood") == true)
    }
  }

  @Test func automaticPaddings() throws {
    for (name, value) in [
      ("maxpool", "SAME_UPPER"), ("maxpool", "SAME_LOWER"), ("conv1", "SAME_UPPER"),
      ("conv1", "VALID"), ("layer2.0.conv2", "SAME_UPPER"), ("layer1.0.conv2", "VALID"),
      ("layer1.0.conv2", "OTHER"),
    ] {
      #expect(try error { $0[name]?.texts["auto_pad"] = value } != nil, "\(name) \(value)")
    }
    // The same as the explicit ones.
    #expect(
      try error { graph in
        graph["layer1.0.conv2"]?.texts["auto_pad"] = "SAME_UPPER"
        graph["layer1.0.conv3"]?.texts["auto_pad"] = "VALID"
        graph["maxpool"]?.texts["auto_pad"] = "NOTSET"
      } == nil)
  }

  @Test func paddingsOfTheirOwn() throws {
    func padded(_ pads: [Int], fill: Float? = nil) throws -> FileError? {
      try error { graph in
        graph["conv1"]?.integers["pads"] = [0, 0, 0, 0]
        graph.insert("Pad", before: "conv1")
        graph["conv1.Pad"]?.inputs.append("widths")
        graph.lists["widths"] = pads
        guard let fill else { return }
        graph["conv1.Pad"]?.inputs.append("fill")
        graph.tensors["fill"] = Tensor(shape: [], values: [fill])
      }
    }
    #expect(try padded([0, 0, 3, 3, 0, 0, 3, 3]) == nil)
    #expect(try padded([0, 0, 3, 3, 0, 0, 3, 3], fill: 0) == nil)
    #expect(try padded([0, 0, 3, 3, 0, 0, 3, 3], fill: 1) != nil)
    #expect(try padded([0, 0, 2, 2, 0, 0, 3, 3]) != nil)
    #expect(try padded([0, 0, 2, 2, 0, 0, 2, 2]) != nil)
    #expect(try padded([1, 0, 3, 3, 1, 0, 3, 3]) != nil)
    #expect(try padded([3]) != nil)
  }

  @Test func foldedNormsFollowTheOthersEpsilon() throws {
    var graph = try TestGraph.resNet()
    for name in graph.nodes.map(\.name) { graph[name]?.floats = ["epsilon": 0.001] }
    graph.remove("layer4.0.bn3")
    let weights = try loadBackboneWeights(bytes: graph.encoded(), path: "model.onnx")
    #expect(weights.conventions.batchNormEpsilon == 0.001)
    #expect(try weights.floats("layer4.0.bn3.running_var").values.allSatisfy { $0 == 0.999 })
    graph["layer1.0.bn1"]?.floats["epsilon"] = 1e-5
    #expect(
      failure { try loadBackboneWeights(bytes: graph.encoded(), path: "x") }?.description
        .contains("differ in epsilon") == true)
  }

  // MARK: Tensors

  @Test func shapesMustFitTheirNumbers() throws {
    for shape in [
      [1 << 40, 3, 7, 7], [1 << 62, 3, 7, 7], [-2, 3, 7, 7], [0, 1 << 62], [2, 3, 7, 8], [2, 3, 7],
    ] {
      let error = try error { $0.shapes["conv1.weight"] = shape }
      #expect(error?.entry == "conv1.weight", "\(shape)")
      #expect(error?.kind == .damaged)
    }
  }

  /// A short file can use one large tensor in many places.
  @Test func sharedWeightsAreCounted() throws {
    let error = try error { graph in
      // Too many channels for the file, if every convolution had weights of its own.
      graph.tensors["large"] = Tensor(
        shape: [2048, 2048, 1, 1], values: [Float](repeating: 0, count: 1 << 22))
      for stage in 1...4 {
        graph["layer\(stage).0.conv1"]?.inputs[1] = "large"
        graph["layer\(stage).0.conv3"]?.inputs[1] = "large"
      }
    }
    #expect(error?.description.contains("share their weights") == true)
  }

  @Test func tensorsInOtherFilesAreNamed() throws {
    let error = failure { try loadBackboneWeights(Golden.path("external.onnx")) }
    #expect(error?.kind == .unsupported)
    #expect(error?.description.contains("external_data=False") == true)
  }

  @Test func producersAreCleaned() throws {
    var graph = try TestGraph.resNet()
    graph.producer = "evil\u{1B}[2J" + String(repeating: "x", count: 1000)
    let weights = try loadBackboneWeights(bytes: graph.encoded(), path: "model.onnx")
    #expect(!weights.format.contains("\u{1B}"))
    #expect(weights.format.count < 100)
  }
}

extension ModelExport {
  /// Writes an ONNX graph: pictures (or features) to `probabilities` [n, classes].
  ///
  /// Without `preprocessing` the input `pictures` is [n, 3, 224, 224] of normalised floats, with it
  /// [n, 224, 224, 3] of RGB bytes. A head takes `features` [n, features].
  func writeONNX(
    _ scope: Scope, preprocessing: Bool, to path: String
  ) throws(WeightFileError) {
    var graph = ONNXGraphWriter()
    let size = Self.pictureSize
    let input: (name: String, type: ONNXGraphWriter.DataType, shape: [Int])
    var value: String
    switch scope {
    case .head:
      input = ("features", .float32, [layout.featureCount])
      value = input.name
    case .wholeModel:
      input =
        preprocessing
        ? ("pictures", .uint8, [size, size, 3]) : ("pictures", .float32, [3, size, size])
      value = preprocessing ? graph.normalised(input.name, pixels) : input.name
      value = backboneNodes(&graph, value)
    }
    value = graph.relu(graph.linear(value, "fc.0"))
    graph.softmax(graph.linear(value, "fc.2"), output: "probabilities")
    for name in tensorNames(scope) { graph.weight(name, shape: shape(of: name)) }
    try graph.write(
      input: input, output: ("probabilities", [classes.count]), metadata: metadata, to: path
    ) { (name) throws(WeightFileError) in try tensor(name).values }
  }

  /// Appends the backbone and gives the name of the features.
  private func backboneNodes(_ graph: inout ONNXGraphWriter, _ input: String) -> String {
    let conventions = backbone.conventions
    func unit(_ input: String, _ name: String, _ norm: String, stride: Int, padding: Int) -> String
    {
      let value = graph.convolution(
        input, weight: "\(name).weight", stride: stride, padding: padding)
      return graph.batchNorm(value, norm, epsilon: conventions.batchNormEpsilon)
    }
    var value = graph.relu(unit(input, "conv1", "bn1", stride: 2, padding: 3))
    value = graph.maxPool(value, conventions.maxPool)
    for block in layout.allBlocks {
      let name = block.name
      let first = conventions.stridePlace == .firstConvolution ? block.stride : 1
      let second = block.stride / first
      var main = unit(value, "\(name).conv1", "\(name).bn1", stride: first, padding: 0)
      main = graph.relu(main)
      main = unit(main, "\(name).conv2", "\(name).bn2", stride: second, padding: 1)
      main = graph.relu(main)
      main = unit(main, "\(name).conv3", "\(name).bn3", stride: 1, padding: 0)
      if block.isFirst {
        value = unit(
          value, "\(name).downsample.0", "\(name).downsample.1", stride: block.stride, padding: 0)
      }
      value = graph.relu(graph.sum(main, value))
    }
    return graph.channelMeans(value)
  }
}

extension BackboneLayout {
  /// One residual block.
  struct Block {
    let stage: Int
    let index: Int

    /// torchvision's name: "layer2.0".
    var name: String { "layer\(stage + 1).\(index)" }
    /// Whether it is the first of its stage, whose shortcut has a convolution.
    var isFirst: Bool { index == 0 }
    /// By what it divides rows and columns.
    var stride: Int { isFirst && stage > 0 ? 2 : 1 }
  }

  /// The blocks in the order of the network.
  var allBlocks: [Block] {
    blocks.enumerated().flatMap { stage, count in
      (0..<count).map { Block(stage: stage, index: $0) }
    }
  }
}

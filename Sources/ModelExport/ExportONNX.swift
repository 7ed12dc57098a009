import FileIO
import ResNetWeights

extension ModelExport {
  /// Writes an ONNX graph: images (or features) to `probabilities` [n, classes].
  ///
  /// Without `preprocessing` the input `pictures` is [n, 3, N, N] of normalised floats, with it
  /// [n, N, N, 3] of RGB bytes. A head takes `features` [n, features].
  package func writeONNX(
    _ scope: Scope, preprocessing: Bool, to path: String
  ) throws(FileError) {
    var graph = ONNXGraphWriter()
    let size = imageSize
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
    for layer in headLayers.dropLast() { value = graph.relu(graph.linear(value, layer)) }
    graph.softmax(graph.linear(value, headLayers.last ?? ""), output: "probabilities")
    for name in tensorNames(scope) { graph.weight(name, shape: shape(of: name)) }
    try graph.write(
      input: input, output: ("probabilities", [classes.count]), metadata: metadata, to: path
    ) { (name) throws(FileError) in try tensor(name).values }
  }

  /// Appends the backbone and gives the name of the features.
  private func backboneNodes(_ graph: inout ONNXGraphWriter, _ input: String) -> String {
    let conventions = network.conventions
    func unit(_ input: String, _ convolution: BackboneNetwork.Convolution) -> String {
      let value = graph.convolution(
        input, weight: "\(convolution.name).weight", stride: convolution.stride,
        padding: convolution.kernel / 2)
      return graph.batchNorm(value, convolution.norm, epsilon: conventions.batchNormEpsilon)
    }
    var value = graph.relu(unit(input, network.stem))
    value = graph.maxPool(value, conventions.maxPool)
    for block in network.stages.joined() {
      let reduced = graph.relu(unit(value, block.reduce))
      let filtered = graph.relu(unit(reduced, block.filter))
      let main = unit(filtered, block.expand)
      if let downsample = block.downsample { value = unit(value, downsample) }
      value = graph.relu(graph.sum(main, value))
    }
    return graph.channelMeans(value)
  }
}

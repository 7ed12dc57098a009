import FileIO
import ResNetWeights
import TensorFormats
import Tensors

extension ModelExport {
  /// Writes a model as HDF5 (architecture and weights, which `keras.models.load_model` and
  /// `load_weights` read) and its architecture beside it as JSON.
  package func writeKeras(_ scope: Scope, to path: String) throws(FileError) {
    let architecture = kerasArchitecture(scope)
    try TemporaryFile(beside: path).complete { (file) throws(FileError) in
      try HDF5Writer.write(to: file.temporaryPath, for: path) {
        (writer) throws(FileError) in
        try writer.text("model_config", architecture)
        try writer.text("keras_version", KerasArchitecture.version)
        try writer.text("backend", "tensorflow")
        try writer.text(HDF5File.metadataName, JSONText.table(metadata).text)
        try writeKerasWeights(scope, writer)
      }
    }
    try writeAtomically(Array(architecture.utf8), to: Self.architecturePath(for: path))
  }

  /// The path of the architecture that belongs to a Keras weight file.
  package static func architecturePath(for path: String) -> String {
    let name = lastComponent(path)
    let stem = name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
    return "\(path.dropLast(name.count))\(stem).json"
  }

  // MARK: Weights

  /// One layer with weights: its Keras name and its datasets in Keras' order and layout.
  private struct KerasWeights {
    let layer: String
    let datasets: [(name: String, tensor: Tensor<Float>)]
  }

  private func writeKerasWeights(
    _ scope: Scope, _ writer: borrowing HDF5Writer
  ) throws(FileError) {
    let layers = weightLayers(scope)
    try writer.group("model_weights", attributes: [("layer_names", layers.map(\.layer))])
    for (layer, name) in layers {
      let weights = try kerasWeights(layer: layer, name)
      let names = weights.datasets.map { "\(layer)/\($0.name):0" }
      try writer.group("model_weights/\(layer)", attributes: [("weight_names", names)])
      try writer.group("model_weights/\(layer)/\(layer)")
      for (dataset, path) in zip(weights.datasets, names) {
        try writer.dataset("model_weights/\(layer)/\(path)", dataset.tensor)
      }
    }
  }

  /// The layers with weights by their Keras and torchvision names, in the order in which Keras
  /// sorts them: by distance from the end, so a shortcut stands beside the last convolution of its
  /// block. Keras compares by order.
  private func weightLayers(_ scope: Scope) -> [(layer: String, name: String)] {
    var layers: [(String, String)] = []
    if scope == .wholeModel {
      layers = [("conv1_conv", "conv1"), ("conv1_bn", "bn1")]
      for block in network.stages.joined() { layers += kerasLayers(of: block) }
    }
    return layers + headLayers.map { (kerasName($0), $0) }
  }

  private func kerasName(_ layer: String) -> String {
    String(layer.map { $0 == "." ? "_" : $0 })
  }

  private func kerasLayers(of block: BackboneNetwork.Block) -> [(String, String)] {
    let convolutions = [block.reduce, block.filter, block.expand]
    let units = convolutions.enumerated().map { index, convolution in
      ("\(block.kerasName)_\(index + 1)", convolution)
    }
    func both(_ unit: (String, BackboneNetwork.Convolution)) -> [(String, String)] {
      [("\(unit.0)_conv", unit.1.name), ("\(unit.0)_bn", unit.1.norm)]
    }
    let main = units.map(both)
    guard let shortcut = block.downsample.map({ both(("\(block.kerasName)_0", $0)) }) else {
      return Array(main.joined())
    }
    return main[0] + main[1] + [shortcut[0], main[2][0], shortcut[1], main[2][1]]
  }

  private func kerasWeights(
    layer: String, _ name: String
  ) throws(FileError) -> KerasWeights {
    let weight = try tensor("\(name).weight")
    switch weight.shape.count {
    case 4:
      let bias = [Float](repeating: 0, count: weight.shape[0])
      return KerasWeights(
        layer: layer,
        datasets: [
          ("kernel", kernelForKeras(weight)), ("bias", Tensor(shape: [bias.count], values: bias)),
        ])
    case 2:
      return KerasWeights(
        layer: layer,
        datasets: [("kernel", transpose(weight)), ("bias", try tensor("\(name).bias"))])
    default:
      return KerasWeights(
        layer: layer,
        datasets: [
          ("gamma", weight), ("beta", try tensor("\(name).bias")),
          ("moving_mean", try tensor("\(name).running_mean")),
          ("moving_variance", try tensor("\(name).running_var")),
        ])
    }
  }

  // MARK: Architecture

  private func kerasArchitecture(_ scope: Scope) -> String {
    let size = imageSize
    var model = KerasArchitecture(
      input: scope == .head ? [layout.featureCount] : [size, size, 3])
    if scope == .wholeModel { kerasBackbone(&model) }
    for layer in headLayers {
      model.dense(
        kerasName(layer), units: shape(of: layer + ".bias")[0],
        activation: layer == headLayers.last ? "softmax" : "relu")
    }
    return model.text(name: "avp_dist")
  }

  private func kerasBackbone(_ model: inout KerasArchitecture) {
    let conventions = network.conventions
    model.padding("conv1_pad", 3)
    model.convolution("conv1_conv", filters: network.stem.outputs, kernel: 7, stride: 2)
    model.norm("conv1_bn", epsilon: conventions.batchNormEpsilon)
    model.relu("conv1_relu")
    if conventions.maxPool == .padded { model.padding("pool1_pad", 1) }
    // On an even number of rows "same" adds one at the end: the window that hangs over.
    model.maxPool("pool1_pool", same: conventions.maxPool == .ceiling)
    for block in network.stages.joined() { kerasBlock(block, &model) }
    model.channelMeans("avg_pool")
  }

  private func kerasBlock(_ block: BackboneNetwork.Block, _ model: inout KerasArchitecture) {
    let name = block.kerasName
    let input = model.last
    var shortcut = input
    func norm(_ number: Int) {
      model.norm("\(name)_\(number)_bn", epsilon: network.conventions.batchNormEpsilon)
    }
    if let downsample = block.downsample {
      model.convolution(
        "\(name)_0_conv", filters: downsample.outputs, kernel: 1, stride: downsample.stride)
      norm(0)
      shortcut = model.last
    }
    let (reduce, filter, expand) = (block.reduce, block.filter, block.expand)
    model.convolution(
      "\(name)_1_conv", filters: reduce.outputs, kernel: 1, stride: reduce.stride, from: input)
    norm(1)
    model.relu("\(name)_1_relu")
    // With stride 2 "same" would pad at the end only, where PyTorch pads on both sides.
    if filter.stride == 2 { model.padding("\(name)_2_pad", 1) }
    model.convolution(
      "\(name)_2_conv", filters: filter.outputs, kernel: 3, stride: filter.stride,
      same: filter.stride == 1)
    norm(2)
    model.relu("\(name)_2_relu")
    model.convolution("\(name)_3_conv", filters: expand.outputs, kernel: 1)
    norm(3)
    model.sum("\(name)_add", shortcut, model.last)
    model.relu("\(name)_out")
  }
}

extension BackboneNetwork.Block {
  /// Keras' name: "conv3_block1".
  package var kerasName: String { "conv\(stage + 2)_block\(index + 1)" }
}

/// A kernel from output, input, height, width to Keras' height, width, input, output.
private func kernelForKeras(_ tensor: Tensor<Float>) -> Tensor<Float> {
  let (outputs, inputs) = (tensor.shape[0], tensor.shape[1])
  let area = tensor.shape[2] * tensor.shape[3]
  var values: [Float] = []
  values.reserveCapacity(tensor.values.count)
  for tap in 0..<area {
    for input in 0..<inputs {
      for output in 0..<outputs {
        values.append(tensor.values[(output * inputs + input) * area + tap])
      }
    }
  }
  return Tensor(shape: [tensor.shape[2], tensor.shape[3], inputs, outputs], values: values)
}

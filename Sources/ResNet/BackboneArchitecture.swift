internal import Kernels
public import WeightFiles

/// A convolution followed by batch-norm, and where both are in a torchvision weight file.
struct NormalisedConvolution: Hashable, Encodable, Sendable {
  /// The name of the convolution, for example "layer1.0.conv2" or "layer1.0.downsample.0".
  let name: String
  /// The name of its batch-norm, for example "layer1.0.bn2" or "layer1.0.downsample.1".
  let norm: String
  let shape: ConvolutionShape
}

/// Two 1x1 convolutions around a 3x3 one, and the shortcut beside them.
struct BottleneckBlock: Hashable, Encodable, Sendable {
  let reduce: NormalisedConvolution
  let filter: NormalisedConvolution
  let expand: NormalisedConvolution
  /// The 1x1 convolution on the shortcut, where extents change.
  let downsample: NormalisedConvolution?

  var convolutions: [NormalisedConvolution] {
    [reduce, filter, expand] + (downsample.map { [$0] } ?? [])
  }
}

/// The extents of a ResNet trunk: conv1 and up to four stages of bottleneck blocks.
public struct BackboneArchitecture: Hashable, Encodable, Sendable {
  /// What the weight file leaves open.
  public let conventions: BackboneConventions
  let stem: NormalisedConvolution
  let stages: [[BottleneckBlock]]

  /// How many features there are.
  public var featureCount: Int { stages.last?.last?.expand.shape.outputs ?? 0 }

  /// The stage whose channel means are the features: the last one of the trunk.
  public var featureLayer: FeatureLayer { FeatureLayer.allCases[stages.count - 1] }

  /// All convolutions in the order in which they are computed.
  var convolutions: [NormalisedConvolution] {
    [stem] + stages.flatMap { $0.flatMap(\.convolutions) }
  }
}

extension BackboneArchitecture {
  /// Reads the extents from the shapes of torchvision-named tensors, and checks each of them.
  ///
  /// - Parameter featureLayer: the last stage to use; by default the deepest in the file.
  /// - Throws: a ``BackboneError`` that names the tensor that is missing or has a wrong shape.
  public init(
    of source: any TensorSource, conventions: BackboneConventions, featureLayer: FeatureLayer?
  ) throws(BackboneError) {
    var reader = ShapeReader(source: source)
    let width = try reader.outputs(of: "conv1.weight")
    stem = try reader.convolution(
      "conv1", norm: "bn1", ConvolutionShape(inputs: 3, outputs: width, kernel: 7, stride: 2))
    let available = FeatureLayer.allCases.prefix { reader.hasBlock($0, 0) }
    guard let deepest = available.last else {
      throw BackboneError(
        .weights,
        "\(source.path): there is no tensor layer1.0.conv1.weight; "
          + "the weights of a ResNet-50, 101 or 152 with torchvision's names are needed")
    }
    let last = featureLayer ?? deepest
    guard last <= deepest else {
      throw BackboneError(
        .weights,
        "\(source.path): \(last.rawValue) was asked for, but the file ends with \(deepest.rawValue)"
      )
    }
    var inputs = width
    var stages: [[BottleneckBlock]] = []
    for layer in available where layer <= last {
      let blocks = try reader.stage(layer, inputs: inputs, stridePlace: conventions.stridePlace)
      inputs = blocks.last?.expand.shape.outputs ?? inputs
      stages.append(blocks)
    }
    self.stages = stages
    self.conventions = conventions
  }
}

/// What the kernels can compute: channels that fill whole vectors.
private enum ChannelLimits {
  static let multiple = 8
  static let most = 1 << 14

  static func allow(_ channels: Int) -> Bool {
    channels > 0 && channels % multiple == 0 && channels <= most
  }

  static let sentence = "must be a multiple of \(multiple) up to \(most)"
}

extension BackboneLayout {
  /// Why a network of these widths cannot be computed, although its weights are whole; nil where it
  /// can.
  public var objection: String? {
    let channels = [stemWidth] + widths + outputs
    return channels.first { !ChannelLimits.allow($0) }.map {
      "a layer has \($0) channels; their number \(ChannelLimits.sentence)"
    }
  }
}

/// Reads and checks shapes of tensors.
private struct ShapeReader {
  let source: any TensorSource

  private static let mostBlocks = 256

  func hasBlock(_ layer: FeatureLayer, _ index: Int) -> Bool {
    source.shape(of: "\(layer.rawValue).\(index).conv1.weight") != nil
  }

  /// The first extent of a convolution's weights.
  func outputs(of name: String) throws(BackboneError) -> Int {
    guard let shape = source.shape(of: name) else { throw missing(name) }
    guard shape.count == 4 else {
      throw wrong(name, shape, "four dimensions are needed")
    }
    guard ChannelLimits.allow(shape[0]) else {
      throw wrong(name, shape, "the first extent \(ChannelLimits.sentence)")
    }
    return shape[0]
  }

  /// All blocks of a stage.
  mutating func stage(
    _ layer: FeatureLayer, inputs: Int, stridePlace: BackboneConventions.StridePlace
  ) throws(BackboneError) -> [BottleneckBlock] {
    var blocks: [BottleneckBlock] = []
    var inputs = inputs
    while blocks.count < Self.mostBlocks, hasBlock(layer, blocks.count) {
      let name = "\(layer.rawValue).\(blocks.count)"
      let block =
        blocks.isEmpty
        ? try block(
          name, inputs: inputs, stride: layer == .layer1 ? 1 : 2, hasDownsample: true, stridePlace)
        : try block(name, inputs: inputs, stride: 1, hasDownsample: false, stridePlace)
      blocks.append(block)
      inputs = block.expand.shape.outputs
    }
    return blocks
  }

  /// One block. The first one of a stage has a convolution in its shortcut and no other one has:
  /// the others add to their input in place.
  private func block(
    _ name: String, inputs: Int, stride: Int, hasDownsample: Bool,
    _ place: BackboneConventions.StridePlace
  ) throws(BackboneError) -> BottleneckBlock {
    guard source.shape(of: "\(name).conv3.weight") != nil else {
      throw BackboneError(
        .weights,
        "\(source.path): the tensor \(name).conv3.weight is missing; ResNet-18 and 34, whose "
          + "blocks have two convolutions, are not supported")
    }
    let width = try outputs(of: "\(name).conv1.weight")
    let expanded = try outputs(of: "\(name).conv3.weight")
    let first = place == .conv1 ? stride : 1
    let second = place == .conv2 ? stride : 1
    let downsample = "\(name).downsample"
    if !hasDownsample, let shape = source.shape(of: "\(downsample).0.weight") {
      throw wrong("\(downsample).0.weight", shape, "only the first block of a stage has one")
    }
    return BottleneckBlock(
      reduce: try convolution(
        "\(name).conv1", norm: "\(name).bn1",
        ConvolutionShape(inputs: inputs, outputs: width, kernel: 1, stride: first)),
      filter: try convolution(
        "\(name).conv2", norm: "\(name).bn2",
        ConvolutionShape(inputs: width, outputs: width, kernel: 3, stride: second)),
      expand: try convolution(
        "\(name).conv3", norm: "\(name).bn3",
        ConvolutionShape(
          inputs: width, outputs: hasDownsample ? expanded : inputs, kernel: 1, stride: 1)),
      downsample: hasDownsample
        ? try convolution(
          "\(downsample).0", norm: "\(downsample).1",
          ConvolutionShape(inputs: inputs, outputs: expanded, kernel: 1, stride: stride))
        : nil)
  }

  /// Checks a convolution and its batch-norm against the `shape` that they must have.
  func convolution(
    _ name: String, norm: String, _ shape: ConvolutionShape
  ) throws(BackboneError) -> NormalisedConvolution {
    try check("\(name).weight", [shape.outputs, shape.inputs, shape.kernel, shape.kernel])
    for part in ["weight", "bias", "running_mean", "running_var"] {
      try check("\(norm).\(part)", [shape.outputs])
    }
    return NormalisedConvolution(name: name, norm: norm, shape: shape)
  }

  private func check(_ name: String, _ needed: [Int]) throws(BackboneError) {
    guard let shape = source.shape(of: name) else { throw missing(name) }
    guard shape == needed else { throw wrong(name, shape, "\(needed) is needed") }
  }

  private func missing(_ name: String) -> BackboneError {
    BackboneError(.weights, "\(source.path): the tensor \(name) is missing")
  }

  private func wrong(_ name: String, _ shape: [Int], _ reason: String) -> BackboneError {
    BackboneError(.weights, "\(source.path): the tensor \(name) has the shape \(shape); \(reason)")
  }
}

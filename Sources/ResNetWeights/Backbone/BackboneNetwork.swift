/// A bottleneck ResNet, convolution by convolution: the one description of the network, from which
/// weights are checked, packed, made up and exported.
package struct BackboneNetwork: Hashable, Encodable, Sendable {
  /// A convolution without bias, padded by half its kernel, and the batch-norm behind it.
  package struct Convolution: Hashable, Encodable, Sendable {
    /// torchvision's name, for example "layer1.0.conv2" or "layer1.0.downsample.0".
    package let name: String
    /// The name of its batch-norm, for example "layer1.0.bn2" or "layer1.0.downsample.1".
    package let norm: String
    /// Input channels.
    package let inputs: Int
    /// Output channels.
    package let outputs: Int
    /// Height and width of the kernel: 1, 3 or 7.
    package let kernel: Int
    /// Step between output pixels: 1 or 2.
    package let stride: Int

    /// Its tensors and those of its batch-norm, with their shapes.
    package var tensors: [(name: String, shape: [Int])] {
      [("\(name).weight", [outputs, inputs, kernel, kernel])]
        + ["weight", "bias", "running_mean", "running_var"].map { ("\(norm).\($0)", [outputs]) }
    }
  }

  /// Two 1x1 convolutions around a 3x3 one, and the shortcut beside them:
  /// relu(expand(relu(filter(relu(reduce(x))))) + shortcut(x)).
  package struct Block: Hashable, Encodable, Sendable {
    /// The stage, from 0.
    package let stage: Int
    /// The block of the stage, from 0.
    package let index: Int
    package let reduce: Convolution
    package let filter: Convolution
    package let expand: Convolution
    /// The 1x1 convolution on the shortcut of a stage's first block.
    package let downsample: Convolution?

    /// Those of the block in the order in which torchvision lists them.
    package var convolutions: [Convolution] {
      [reduce, filter, expand] + [downsample].compactMap(\.self)
    }
  }

  /// How many blocks and channels there are.
  package let layout: BackboneLayout
  /// What the weights leave open.
  package let conventions: WeightConventions
  /// The convolution before the max-pooling.
  package let stem: Convolution
  /// The blocks of each stage.
  package let stages: [[Block]]

  /// All convolutions in the order in which torchvision lists them.
  package var convolutions: [Convolution] { [stem] + stages.joined().flatMap(\.convolutions) }

  /// The network of a layout.
  package init(_ layout: BackboneLayout, _ conventions: WeightConventions = .torchvision) {
    self.layout = layout
    self.conventions = conventions
    stem = Convolution(
      name: "conv1", norm: "bn1", inputs: 3, outputs: layout.stemWidth, kernel: 7, stride: 2)
    stages = layout.blocks.indices.map { stage in
      (0..<layout.blocks[stage]).map { Block(stage: stage, index: $0, layout, conventions) }
    }
  }
}

extension BackboneNetwork.Block {
  fileprivate init(
    stage: Int, index: Int, _ layout: BackboneLayout, _ conventions: WeightConventions
  ) {
    let (width, outputs) = (layout.widths[stage], layout.outputs[stage])
    let before = stage == 0 ? layout.stemWidth : layout.outputs[stage - 1]
    let inputs = index == 0 ? before : outputs
    let stride = index == 0 && stage > 0 ? 2 : 1
    let first = conventions.stridePosition == .firstConvolution ? stride : 1
    let name = "layer\(stage + 1).\(index)"
    func convolution(
      _ number: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int
    ) -> BackboneNetwork.Convolution {
      BackboneNetwork.Convolution(
        name: "\(name).conv\(number)", norm: "\(name).bn\(number)", inputs: inputs,
        outputs: outputs, kernel: kernel, stride: stride)
    }
    self.stage = stage
    self.index = index
    reduce = convolution(1, inputs, width, kernel: 1, stride: first)
    filter = convolution(2, width, width, kernel: 3, stride: stride / first)
    expand = convolution(3, width, outputs, kernel: 1, stride: 1)
    downsample =
      index > 0
      ? nil
      : BackboneNetwork.Convolution(
        name: "\(name).downsample.0", norm: "\(name).downsample.1", inputs: inputs,
        outputs: outputs, kernel: 1, stride: stride)
  }
}

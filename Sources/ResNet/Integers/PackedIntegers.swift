import Kernels
import ResNetWeights
import Tensors

/// Positions of all convolutions of an int8 backbone among its packed weights, and their scales.
struct PackedIntegers: Sendable {
  /// A convolution.
  struct Layer: Sendable {
    let shape: ConvolutionShape
    let offset: Int
    /// What an activation of 1 of its input, and of what leaves it, stands for.
    let inputScale: Double
    let outputScale: Double
  }

  struct Block: Sendable {
    let reduce: Layer
    let filter: Layer
    let expand: Layer
    let downsample: Layer?
    /// Of a shortcut without a convolution: its unit by the output's, as a whole number.
    let ratio: Int
  }

  let network: BackboneNetwork
  let path: IntegerPath
  let layout: PackedLayout
  let stem: Layer
  let stages: [[Block]]
  /// The convolutions in the order of ``BackboneNetwork/convolutions``.
  let layers: [Layer]

  /// What an activation of 1 of the feature layer stands for.
  var outputScale: Double { layers[layers.count - 1].outputScale }

  /// Lays out the convolutions of `network` for `path`, with the scales of `calibration`.
  ///
  /// - Throws: a ``BackboneError`` if a scale is missing, two of them do not fit each other, or they
  ///   are those of another version.
  init(_ network: BackboneNetwork, _ calibration: Calibration, _ path: IntegerPath)
    throws(BackboneError)
  {
    guard calibration.version == Calibration.version else {
      throw BackboneError(
        .calibration,
        "the scales of int8 are of version \(calibration.version); this avp-dist computes with those of "
          + "version \(Calibration.version)")
    }
    var layout = PackedLayout(kernels: "int8 \(IntegerPath.version) \(path.rawValue)")
    var layers: [Layer] = []
    func add(
      _ convolution: BackboneNetwork.Convolution, from inputScale: Double, to outputScale: Double
    ) -> Layer {
      let shape = convolution.shape
      let layer = Layer(
        shape: shape,
        offset: layout.add(convolution.name, UInt8.self, count: shape.packedBytes(path)),
        inputScale: inputScale, outputScale: outputScale)
      layers.append(layer)
      return layer
    }
    // Bytes of an image have the unit 1.
    stem = add(network.stem, from: 1, to: try calibration.scale(network.stem.name))
    var scale = stem.outputScale
    var stages: [[Block]] = []
    for blocks in network.stages {
      var packed: [Block] = []
      for block in blocks {
        let reduced = try calibration.scale(block.reduce.name)
        let filtered = try calibration.scale(block.filter.name)
        let output = try calibration.scale(block.name)
        guard block.downsample != nil || scale / output <= Quantisation.mostShortcut else {
          throw BackboneError(
            .calibration, "the scale of \(block.name) is too small for its shortcut's")
        }
        packed.append(
          Block(
            reduce: add(block.reduce, from: scale, to: reduced),
            filter: add(block.filter, from: reduced, to: filtered),
            expand: add(block.expand, from: filtered, to: output),
            downsample: block.downsample.map { add($0, from: scale, to: output) },
            ratio: block.downsample == nil ? Quantisation.shortcut(scale / output) : 0))
        scale = output
      }
      stages.append(packed)
    }
    self.network = network
    self.path = path
    self.layout = layout
    self.layers = layers
    self.stages = stages
  }

  /// The packed weights of `source`, through `cache` if there is one that can be used, and if there
  /// is none the reason.
  ///
  /// - Throws: what reading throws, a ``BackboneError`` if a layer cannot be quantised.
  func arrays(
    of source: any TensorSource, _ normalisation: Normalisation, _ calibration: Calibration,
    through cache: PackedCache?
  ) throws -> (PackedArrays, warning: String?) {
    struct Description: Encodable {
      let fingerprint: String
      let network: BackboneNetwork
      let layout: PackedLayout
      let normalisation: Normalisation
      let calibration: Calibration
    }
    // Other scales take the file's place: few people go back and forth between them.
    return try layout.arrays(
      through: cache, network.variant("int8-\(path.rawValue)"),
      describedBy: Description(
        fingerprint: cache?.fingerprint ?? "", network: network, layout: layout,
        normalisation: normalisation, calibration: calibration)
    ) { bytes in
      for (layer, convolution) in zip(layers, network.convolutions) {
        let folded = try network.folded(convolution, from: source, normalisation)
        guard
          let quantised = Quantisation.quantise(
            folded, inputScale: layer.inputScale, outputScale: layer.outputScale)
        else { throw BackboneError.cannotQuantise(convolution.name, source.path) }
        quantised.pack(
          for: path,
          into: UnsafeMutableRawBufferPointer(
            rebasing: bytes[layer.offset..<layer.offset + layer.shape.packedBytes(path)]))
      }
    }
  }
}

extension BackboneNetwork {
  /// A convolution with its batch-norm folded in; conv1 takes bytes.
  func folded(
    _ convolution: Convolution, from source: any TensorSource, _ normalisation: Normalisation
  ) throws -> FoldedConvolution {
    let folded = try convolution.folded(from: source, epsilon: conventions.batchNormEpsilon)
    return convolution.kernel == 7 ? folded.takingBytes(normalisation) : folded
  }
}

extension BackboneError {
  /// A layer that int8 cannot compute.
  static func cannotQuantise(_ layer: String, _ path: String) -> BackboneError {
    BackboneError(
      .calibration,
      "\(path): \(layer) cannot be computed in int8: its numbers leave the range of the scales; "
        + "use other scales, or --precision f32")
  }
}

import FileIO
import Kernels
import ResNetWeights
import Tensors

/// Chooses the scales of an int8 backbone's activations on images, layer by layer in whole numbers, so
/// that the same images give the same scales on every processor.
///
/// The layers before the one in hand compute with their final scales. Of that layer the words are
/// counted that leave it with a preliminary scale; then the scale is chosen by which the rounded
/// activations differ least from them, in the sum of squares.
package struct Calibrator {
  let network: BackboneNetwork
  let source: any TensorSource
  let normalisation: Normalisation
  let inputSize: Int
  let engine: IntegerEngine
  let buffers: IntegerBuffers
  let workspace: IntegerWorkspace
  /// The words of one image of the layer in hand.
  let words: IntegerBuffer
  let images: [[UInt8]]
  private let progress: (_ done: Int, _ of: Int) throws -> Void
  private var scales: [String: Double] = [:]

  /// The scales for `weights`, chosen on `images`.
  ///
  /// - Parameters:
  ///   - weights: as for a ``FloatBackbone``.
  ///   - fingerprint: theirs.
  ///   - normalisation: what they need of pixels.
  ///   - images: pixel values as an ``IntegerBackbone`` takes them; see
  ///     ``Calibration/sample(of:size:)`` for how many.
  ///   - progress: called after each layer.
  /// - Throws: a ``BackboneError`` if a layer cannot be quantised, or there is no image; what a
  ///   ``FloatBackbone`` throws; what `progress` throws.
  package static func calibrate(
    weights: any TensorSource, fingerprint: String, conventions: WeightConventions = .torchvision,
    normalisation: Normalisation, featureLayer: FeatureLayer? = nil, path: IntegerPath,
    inputSize: Int = 224, images: [[UInt8]],
    progress: @escaping (_ done: Int, _ of: Int) throws -> Void = { _, _ in }
  ) throws -> Calibration {
    guard !images.isEmpty else {
      throw BackboneError(.calibration, "there is no image to choose the scales of int8 on")
    }
    let network = try BackboneNetwork(
      of: weights, conventions, upTo: featureLayer, inputSize: inputSize)
    for image in images { try BackboneError.check(count: image.count, size: inputSize) }
    var calibrator = try Calibrator(
      network, weights, normalisation, path: path, inputSize: inputSize, images, progress)
    try calibrator.run()
    var digest = SHA256()
    for image in images { digest.update(image) }
    return Calibration(
      fingerprint: fingerprint, images: images.count, pixels: digest.digest().hexadecimal,
      scales: calibrator.scales)
  }

  private init(
    _ network: BackboneNetwork, _ source: any TensorSource, _ normalisation: Normalisation,
    path: IntegerPath, inputSize: Int, _ images: [[UInt8]],
    _ progress: @escaping (Int, Int) throws -> Void
  ) throws {
    self.network = network
    self.source = source
    self.normalisation = normalisation
    self.inputSize = inputSize
    self.images = images
    self.progress = progress
    engine = IntegerEngine(path)
    buffers = IntegerBuffers(
      network, inputSize: inputSize, path: path, images: images.count, group: { _ in images.count },
      shortcuts: { _ in 1 })
    var layout = buffers.layout
    words = layout.reserve(
      [(1, inputSize / 2, network.stem.outputs)]
        + zip(buffers.sizes, network.layout.outputs).map { (1, $0, $1) }
        // A first block's `reduce` may leave a larger map than its stage.
        + zip([buffers.pooledSize] + buffers.sizes, network.layout.widths).map { (1, $0, $1) },
      words: true)
    workspace = try IntegerWorkspace(layout)
  }

  private mutating func run() throws {
    var map = try stem()
    var scale = self.scale(network.stem.name)
    for block in network.stages.joined() {
      map = try run(block, from: map, scale)
      scale = self.scale(block.name)
    }
  }

  private func scale(_ name: String) -> Double {
    guard let scale = scales[name] else { preconditionFailure("\(name) has no scale yet") }
    return scale
  }

  private mutating func keep(_ scale: Double, _ name: String) throws {
    scales[name] = scale
    try progress(scales.count, 1 + network.stages.joined().count * 3)
  }

  // MARK: - Layers

  private mutating func stem() throws -> IntegerMap {
    let layer = try folded(network.stem)
    let size = inputSize / 2
    let channels = network.stem.outputs
    let words = words.words(1, size: size, channels: channels)
    func frame(_ index: Int) {
      engine.frame(
        images[index], size: inputSize, outside: normalisation.zeroBytes, into: buffers.framed,
        workspace)
    }
    let term = Term(network.stem.name, layer, inputScale: 1)
    let chosen = try scale(of: network.stem.name, [term]) { packed, index in
      frame(index)
      engine.stem(
        layer.shape, packed[0].pointer(at: 0), from: buffers.framed, to: words, isWords: true,
        workspace)
      return words
    }
    try keep(chosen, network.stem.name)
    let packed = try pack(term, outputScale: chosen)
    let filtered = buffers.stem.maps(1, size: size, channels: channels)
    let pooled = buffers.pooled.maps(images.count, size: buffers.pooledSize, channels: channels)
    for index in images.indices {
      frame(index)
      engine.stem(
        layer.shape, packed.pointer(at: 0), from: buffers.framed, to: filtered, workspace)
      engine.maxPool(
        filtered, to: pooled.image(index),
        padding: network.conventions.maxPool.padding, workspace)
    }
    return pooled
  }

  private mutating func run(
    _ block: BackboneNetwork.Block, from input: IntegerMap, _ inputScale: Double
  ) throws -> IntegerMap {
    let between = block.reduce.shape.outputSize(of: input.size)
    let size = block.filter.shape.outputSize(of: between)
    let reduced = buffers.reduced.maps(
      images.count, size: between, channels: block.reduce.outputs)
    try convolve(block.reduce, from: input, inputScale, to: reduced)
    let reducedScale = scale(block.reduce.name)
    let filtered = buffers.filtered.maps(images.count, size: size, channels: block.filter.outputs)
    try convolve(block.filter, from: reduced, reducedScale, to: filtered)
    return try expand(block, from: filtered, scale(block.filter.name), beside: input, inputScale)
  }

  /// A convolution without a shortcut: chooses its scale, and computes its activations.
  private mutating func convolve(
    _ convolution: BackboneNetwork.Convolution, from input: IntegerMap, _ inputScale: Double,
    to output: IntegerMap
  ) throws {
    let layer = try folded(convolution)
    let words = words.words(1, size: output.size, channels: output.channels)
    let term = Term(convolution.name, layer, inputScale: inputScale)
    let chosen = try scale(of: convolution.name, [term]) {
      packed, index in
      engine.convolve(
        layer.shape, packed[0].pointer(at: 0), from: input.image(index), to: words, isWords: true,
        workspace)
      return words
    }
    try keep(chosen, convolution.name)
    let packed = try pack(term, outputScale: chosen)
    engine.convolve(layer.shape, packed.pointer(at: 0), from: input, to: output, workspace)
  }

  /// The last convolution of a block with its shortcut.
  private mutating func expand(
    _ block: BackboneNetwork.Block, from filtered: IntegerMap, _ filteredScale: Double,
    beside input: IntegerMap, _ inputScale: Double
  ) throws -> IntegerMap {
    let layer = try folded(block.expand)
    let downsample = try block.downsample.map(folded)
    let words = words.words(1, size: filtered.size, channels: layer.shape.outputs)
    let added = buffers.shortcut.words(1, size: filtered.size, channels: layer.shape.outputs)
    // Of all images: every layer is computed for all of them before the next one.
    let output = buffers.stages[block.stage].maps(
      images.count, size: filtered.size, channels: layer.shape.outputs)
    func compute(
      _ packed: [PackedArrays], unit: Double, _ index: Int, to map: IntegerMap, isWords: Bool
    ) {
      var shortcut = IntegerEngine.Shortcut.words(added)
      if let downsample {
        engine.convolve(
          downsample.shape, packed[1].pointer(at: 0), from: input.image(index), to: added,
          isWords: true, workspace)
      } else {
        shortcut = .activations(
          input.image(index), ratio: Quantisation.shortcut(inputScale / unit))
      }
      engine.convolve(
        layer.shape, packed[0].pointer(at: 0), from: filtered.image(index), to: map,
        isWords: isWords, adding: shortcut, workspace)
    }
    var terms = [Term(block.expand.name, layer, inputScale: filteredScale)]
    if let downsample, let name = block.downsample?.name {
      terms.append(Term(name, downsample, inputScale: inputScale))
    }
    let least = downsample == nil ? Quantisation.leastScale(ofShortcut: inputScale) : 0
    let chosen = try scale(
      of: block.name, terms, shortcut: downsample == nil ? 255 * inputScale : 0, least: least
    ) { packed, index in
      compute(packed.arrays, unit: packed.unit, index, to: words, isWords: true)
      return words
    }
    try keep(chosen, block.name)
    let packed = try terms.map {
      try pack($0, outputScale: chosen)
    }
    for index in images.indices {
      compute(packed, unit: chosen, index, to: output.image(index), isWords: false)
    }
    return output
  }
}

import FileIO
import Kernels
import ResNetWeights
import Tensors

/// A ``Backbone`` in whole numbers, as `docs/int8.md` defines it: the same bits on every processor.
package final class IntegerBackbone: Backbone {
  package let network: BackboneNetwork
  /// Which kernels compute.
  package let path: IntegerPath
  package let inputSize: Int
  package let cacheWarning: String?
  /// The scales of its activations.
  package let calibration: Calibration

  let engine: IntegerEngine
  let packed: PackedIntegers
  let arrays: PackedArrays
  let buffers: IntegerBuffers
  /// The bytes outside of an image.
  let outside: [UInt8]
  /// What a feature is of a channel's sum.
  let featureScale: Float

  package var precision: Precision { .int8 }
  package var kernels: String { path.rawValue }
  package var identity: String { "int8 \(Calibration.version) \(calibration.digest)" }

  /// Makes a backbone from torchvision-named weights; see ``FloatBackbone`` for what is not said here.
  ///
  /// - Parameters:
  ///   - normalisation: what the weights need of pixels; it becomes a part of them.
  ///   - calibration: the scales, made for the same weights.
  /// - Throws: a ``BackboneError`` also if a scale is missing or cannot be used.
  package init(
    weights: any TensorSource, packedCache: PackedCache? = nil,
    conventions: WeightConventions = .torchvision, normalisation: Normalisation,
    calibration: Calibration, featureLayer: FeatureLayer? = nil,
    path: IntegerPath, inputSize: Int = 224
  ) throws {
    network = try BackboneNetwork(
      of: weights, conventions, upTo: featureLayer, inputSize: inputSize)
    packed = try PackedIntegers(network, calibration, path)
    (arrays, cacheWarning) = try packed.arrays(
      of: weights, normalisation, calibration, through: packedCache)
    engine = IntegerEngine(path)
    buffers = IntegerBuffers(network, inputSize: inputSize, path: path)
    outside = normalisation.zeroBytes
    let last = buffers.sizes[buffers.sizes.count - 1]
    featureScale = Float(packed.outputScale / Double(last * last))
    self.path = path
    self.inputSize = inputSize
    self.calibration = calibration
  }

  /// Working memory for one thread, about 50 MB for a ResNet-50 and images of 224 pixels.
  ///
  /// - Throws: an `OutOfMemory`.
  package func makeWorkspace() throws -> IntegerWorkspace { try IntegerWorkspace(buffers.layout) }

  /// The features of each of `images`: the channel means after the feature layer.
  ///
  /// - Parameters:
  ///   - images: at most ``ImageGroups/most``, each `inputSize * inputSize * 3` pixel values, rows from
  ///     the top, channels innermost in the order of the normalisation.
  ///   - workspace: made by ``makeWorkspace()`` of this backbone, used by no other thread meanwhile.
  /// - Throws: a ``BackboneError`` if an image has a wrong size.
  package func features(
    of images: [[UInt8]], workspace: IntegerWorkspace
  ) throws(BackboneError) -> [[Float]] {
    try features(of: images, workspace: workspace, observer: nil)
  }

  private func features(
    of images: [[UInt8]], workspace: IntegerWorkspace, observer: LayerObserver?
  ) throws(BackboneError) -> [[Float]] {
    precondition(images.count <= ImageGroups.most)
    for image in images { try BackboneError.check(count: image.count, size: inputSize) }
    return images.isEmpty ? [] : forward(images, workspace, observer)
  }

  package func makeWorker() throws -> BackboneWorker {
    let workspace = try makeWorkspace()
    return { try self.features(of: $0.map(\.bytes), workspace: workspace) }
  }

  package func makeTimedWorker() throws -> TimedBackboneWorker {
    let workspace = try makeWorkspace()
    return { inputs in
      workspace.startTiming()
      _ = try self.features(of: inputs.map(\.bytes), workspace: workspace)
      return workspace.stopTiming()
    }
  }

  package func makeObservedWorker() throws -> ObservedBackboneWorker {
    let workspace = try makeWorkspace()
    return { try self.features(of: [$0.bytes], workspace: workspace, observer: $1)[0] }
  }

  package func measurePeaks(seconds: Double) -> PeakRates {
    let peaks = path.measurePeaks(seconds: seconds)
    return PeakRates(products: peaks.bytes, tiles: peaks.words)
  }
}

// MARK: - Forward

extension IntegerBackbone {
  /// The features of some images; `observer` sees the layers of the first one.
  private func forward(
    _ images: [[UInt8]], _ workspace: IntegerWorkspace, _ observer: LayerObserver?
  ) -> [[Float]] {
    var maps = buffers.pooled.maps(
      images.count, size: buffers.pooledSize, channels: network.stem.outputs)
    for (index, image) in images.enumerated() { stem(image, to: maps.image(index), workspace) }
    func show(_ layer: String, _ map: IntegerMap, _ scale: Double) {
      observer?(layer) {
        engine.activations(of: map.image(0), workspace).map { Float($0) * Float(scale) }
      }
    }
    show(network.stem.name, maps, packed.stem.outputScale)
    for stage in packed.stages.indices {
      let output = buffers.stages[stage].maps(
        images.count, size: buffers.sizes[stage], channels: network.layout.outputs[stage])
      let group = IntegerBuffers.group(stage)
      for first in stride(from: 0, to: images.count, by: group) {
        let range = first..<min(first + group, images.count)
        run(stage, from: maps.images(range), to: output.images(range), workspace) { block, map in
          guard first == 0 else { return }
          show(
            network.stages[stage][block].name, map, packed.stages[stage][block].expand.outputScale)
        }
      }
      maps = output
    }
    return (0..<images.count).map { index in
      engine.channelSums(of: maps.image(index), workspace).map { Float($0) * featureScale }
    }
  }

  private func stem(_ image: [UInt8], to output: IntegerMap, _ workspace: IntegerWorkspace) {
    engine.frame(image, size: inputSize, outside: outside, into: buffers.framed, workspace)
    let filtered = buffers.stem.maps(1, size: inputSize / 2, channels: network.stem.outputs)
    engine.stem(
      packed.stem.shape, weights(packed.stem), from: buffers.framed, to: filtered, workspace)
    engine.maxPool(
      filtered, to: output, padding: network.conventions.maxPool.padding, workspace)
  }

  /// The bottleneck blocks of a stage. The first one reads `input`; the others add to `output` in
  /// place, so that what they write is in the cache already.
  private func run(
    _ stage: Int, from input: IntegerMap, to output: IntegerMap, _ workspace: IntegerWorkspace,
    ended: (_ block: Int, _ map: IntegerMap) -> Void
  ) {
    var input = input
    for (index, block) in packed.stages[stage].enumerated() {
      let reduced = buffers.reduced.maps(
        input.images, size: block.reduce.shape.outputSize(of: input.size),
        channels: block.reduce.shape.outputs)
      let filtered = buffers.filtered.maps(
        input.images, size: output.size, channels: block.filter.shape.outputs)
      engine.convolve(
        block.reduce.shape, weights(block.reduce), from: input, to: reduced, workspace)
      engine.convolve(
        block.filter.shape, weights(block.filter), from: reduced, to: filtered, workspace)
      var shortcut = IntegerEngine.Shortcut.activations(input, ratio: block.ratio)
      if let downsample = block.downsample {
        let words = buffers.shortcut.words(
          input.images, size: output.size, channels: downsample.shape.outputs)
        engine.convolve(
          downsample.shape, weights(downsample), from: input, to: words, isWords: true, workspace)
        shortcut = .words(words)
      }
      engine.convolve(
        block.expand.shape, weights(block.expand), from: filtered, to: output, adding: shortcut,
        workspace)
      ended(index, output)
      input = output
    }
  }

  private func weights(_ layer: PackedIntegers.Layer) -> UnsafeRawPointer {
    arrays.pointer(at: layer.offset)
  }
}

import Kernels
import ResNetWeights

extension FloatBackbone {
  /// The features of one group of images; `observer` sees the layers of the first one.
  func forward(
    _ images: [[Float]], _ workspace: Workspace, _ observer: LayerObserver?
  ) -> [[Float]] {
    let alone = ImageGroups.alone(of: packed.stages.count)
    for (index, image) in images.enumerated() {
      var maps = stem(image, workspace)
      let observer = index == 0 ? observer : nil
      observer?(network.stem.name) { engine.numbers(of: maps, workspace) }
      for stage in 0..<alone {
        let isLast = stage == alone - 1
        let output = stageMaps(stage, images: isLast ? images.count : 1)
          .image(isLast ? index : 0)
        run(stage, from: maps, to: output, workspace, observer)
        maps = output
      }
    }
    var maps = stageMaps(alone - 1, images: images.count)
    for stage in alone..<packed.stages.count {
      let output = stageMaps(stage, images: images.count)
      run(stage, from: maps, to: output, workspace, observer)
      maps = output
    }
    return (0..<images.count).map { engine.channelMeans(of: maps.image($0), workspace) }
  }

  /// The maps between the blocks of a stage.
  private func stageMaps(_ stage: Int, images: Int) -> FeatureMap {
    buffers.stages[stage].maps(
      images, size: buffers.sizes[stage],
      channels: network.layout.outputs[stage])
  }

  /// conv1 and the max-pooling.
  private func stem(_ image: [Float], _ workspace: Workspace) -> FeatureMap {
    let channels = packed.stem.shape.outputs
    let filtered = buffers.stem.maps(1, size: inputSize / 2, channels: channels)
    let pooled = buffers.pooled.maps(1, size: buffers.pooledSize, channels: channels)
    engine.frame(image, size: inputSize, into: buffers.framed, workspace)
    engine.stem(
      packed.stem, from: buffers.framed, through: filtered, to: pooled,
      padding: network.conventions.maxPool.padding, workspace)
    return pooled
  }

  /// The bottleneck blocks of a stage: relu(expand(relu(filter(relu(reduce(x))))) + shortcut(x)).
  ///
  /// The first one's shortcut is a convolution from `input` to `output`; the others find theirs in
  /// `output` and add to it, so that what they write is in the cache already.
  private func run(
    _ stage: Int, from input: FeatureMap, to output: FeatureMap, _ workspace: Workspace,
    _ observer: LayerObserver?
  ) {
    var input = input
    for (index, block) in packed.stages[stage].enumerated() {
      let reduced = buffers.reduced.maps(
        input.images, size: block.reduce.shape.outputSize(of: input.size),
        channels: block.reduce.shape.outputs)
      let filtered = buffers.filtered.maps(
        input.images, size: output.size, channels: block.filter.shape.outputs)
      engine.convolve(block.reduce, from: input, to: reduced, relu: true, workspace)
      engine.convolve(block.filter, from: reduced, to: filtered, relu: true, workspace)
      if let downsample = block.downsample {
        engine.convolve(downsample, from: input, to: output, relu: false, workspace)
      }
      engine.convolve(
        block.expand, from: filtered, to: output, accumulating: true, relu: true, workspace)
      observer?(network.stages[stage][index].name) {
        engine.numbers(of: output.image(0), workspace)
      }
      input = output
    }
  }
}

internal import Kernels

extension Backbone {
  /// The features of one group of pictures.
  func forward(_ pictures: ArraySlice<[Float]>, _ workspace: Workspace) -> [[Float]] {
    let single = packed.stages.prefix(PictureGroups.singleStages)
    let together = packed.stages.dropFirst(PictureGroups.singleStages)
    guard let boundary = single.last?.last?.expand.shape.outputs else { return [] }
    let gathered = buffers.gathered.maps(
      together.isEmpty ? 0 : pictures.count, size: inputSize >> (single.count + 1),
      channels: boundary)
    var features: [[Float]] = []
    for (index, picture) in pictures.enumerated() {
      let pooled = stem(picture, workspace)
      let destination = together.isEmpty ? nil : gathered.picture(index)
      let output = run(Array(single.joined()), on: pooled, to: destination, workspace)
      if together.isEmpty { features.append(engine.channelMeans(of: output, workspace)) }
    }
    if together.isEmpty { return features }
    let output = run(Array(together.joined()), on: gathered, to: nil, workspace)
    return pictures.indices.map { index in
      engine.channelMeans(of: output.picture(index - pictures.startIndex), workspace)
    }
  }

  /// conv1 and the max-pooling.
  private func stem(_ picture: [Float], _ workspace: Workspace) -> FeatureMap {
    let channels = packed.stem.shape.outputs
    let filtered = buffers.stem.maps(1, size: inputSize / 2, channels: channels)
    let pooled = buffers.blocks[0].maps(1, size: inputSize / 4, channels: channels)
    engine.frame(picture, size: inputSize, into: buffers.framed, workspace)
    engine.stem(
      packed.stem, from: buffers.framed, through: filtered, to: pooled,
      architecture.conventions.pooling, workspace)
    return pooled
  }

  /// Consecutive blocks; the last one writes to `destination` if there is one.
  private func run(
    _ blocks: [PackedBlock], on input: FeatureMap, to destination: FeatureMap?,
    _ workspace: Workspace
  ) -> FeatureMap {
    var current = input
    for (index, block) in blocks.enumerated() {
      let isLast = index == blocks.count - 1
      let size = current.size / block.reduce.shape.stride / block.filter.shape.stride
      let output =
        isLast && destination != nil
        ? destination
        : buffers.blocks[(index + 1) % 2].maps(
          current.pictures, size: size, channels: block.expand.shape.outputs)
      guard let output else { continue }
      run(block, on: current, to: output, workspace)
      current = output
    }
    return current
  }

  /// One bottleneck block: relu(expand(relu(filter(relu(reduce(x))))) + shortcut(x)).
  private func run(
    _ block: PackedBlock, on input: FeatureMap, to output: FeatureMap, _ workspace: Workspace
  ) {
    let reduced = buffers.reduced.maps(
      input.pictures, size: input.size / block.reduce.shape.stride,
      channels: block.reduce.shape.outputs)
    let filtered = buffers.filtered.maps(
      input.pictures, size: output.size, channels: block.filter.shape.outputs)
    engine.convolve(block.reduce, from: input, to: reduced, relu: true, workspace)
    engine.convolve(block.filter, from: reduced, to: filtered, relu: true, workspace)
    var residual = input
    if let downsample = block.downsample {
      residual = buffers.shortcut.maps(
        input.pictures, size: output.size, channels: output.channels)
      engine.convolve(downsample, from: input, to: residual, relu: false, workspace)
    }
    engine.convolve(
      block.expand, from: filtered, to: output, adding: residual, relu: true, workspace)
  }
}

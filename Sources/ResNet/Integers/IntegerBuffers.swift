import Kernels
import ResNetWeights

/// The offsets of all maps in an int8 backbone's workspace.
struct IntegerBuffers: Sendable {
  /// The image in its frame.
  let framed: IntegerBuffer
  /// What conv1 makes of it.
  let stem: IntegerBuffer
  /// What the max-pooling makes of that, and the first stage works on.
  let pooled: IntegerBuffer
  /// Height and width of it.
  let pooledSize: Int
  /// What leaves each stage, of all images of a call.
  let stages: [IntegerBuffer]
  /// Their heights and widths.
  let sizes: [Int]
  let reduced: IntegerBuffer
  let filtered: IntegerBuffer
  /// The words of a shortcut's convolution.
  let shortcut: IntegerBuffer
  let layout: IntegerLayout

  /// How many images go through the blocks of a stage together: few where maps are large, so that
  /// they stay in the caches; many where weights are, so that these are read seldom.
  static func group(_ stage: Int) -> Int { min(ImageGroups.most, 1 << stage) }

  /// Buffers for `network` and at most ``ImageGroups/most`` images of `inputSize` pixels a side.
  ///
  /// - Parameters:
  ///   - group: how many images go through the blocks of a stage together.
  ///   - shortcuts: the same of the shortcuts' convolutions.
  init(
    _ network: BackboneNetwork, inputSize: Int, path: IntegerPath, images: Int = ImageGroups.most,
    group: (Int) -> Int = Self.group, shortcuts: (Int) -> Int = Self.group
  ) {
    var layout = IntegerLayout(path)
    framed = layout.reserveImage(size: inputSize)
    stem = layout.reserve([(1, inputSize / 2, network.stem.outputs)])
    pooledSize = network.conventions.maxPool.outputSize(of: inputSize / 2)
    pooled = layout.reserve([(images, pooledSize, network.stem.outputs)])
    var size = pooledSize
    var reduced: [(Int, Int, Int)] = []
    var filtered: [(Int, Int, Int)] = []
    var shortcut: [(Int, Int, Int)] = []
    var sizes: [Int] = []
    for (stage, blocks) in network.stages.enumerated() {
      for block in blocks {
        let between = block.reduce.shape.outputSize(of: size)
        size = block.filter.shape.outputSize(of: between)
        reduced.append((group(stage), between, block.reduce.outputs))
        filtered.append((group(stage), size, block.filter.outputs))
        if block.downsample != nil {
          shortcut.append((shortcuts(stage), size, block.expand.outputs))
        }
      }
      sizes.append(size)
    }
    self.sizes = sizes
    stages = zip(sizes, network.layout.outputs).map { layout.reserve([(images, $0, $1)]) }
    self.reduced = layout.reserve(reduced)
    self.filtered = layout.reserve(filtered)
    self.shortcut = layout.reserve(shortcut, words: true)
    self.layout = layout
  }
}

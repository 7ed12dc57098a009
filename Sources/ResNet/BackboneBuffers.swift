import Kernels
import ResNetWeights

/// How images are grouped on their way through the stages.
///
/// Early stages have large maps and few weights: an image goes through them alone, so that its
/// maps stay in the caches. Late stages have small maps and many weights: a group of images
/// shares each pass over the weights.
package enum ImageGroups {
  /// Stages that the images of a trunk with `stages` of them pass one at a time.
  static func alone(of stages: Int) -> Int { min(2, stages) }
  /// Images that pass the other stages together: how many a worker takes at most, and best.
  package static let most = 8
}

/// The offsets of all feature maps in a workspace.
struct BackboneBuffers: Sendable {
  /// The image in its frame of zeros.
  let framed: FeatureBuffer
  /// What conv1 makes of it.
  let stem: FeatureBuffer
  /// What the max-pooling makes of that.
  let pooled: FeatureBuffer
  /// Height and width of it.
  let pooledSize: Int
  /// The maps between the blocks of each stage; every block adds to them in place. From the last of
  /// the stages that images pass alone on, they are those of a group of images.
  let stages: [FeatureBuffer]
  /// Their heights and widths.
  let sizes: [Int]
  /// Outputs of the first convolution of a block.
  let reduced: FeatureBuffer
  /// Outputs of the second one.
  let filtered: FeatureBuffer
  let layout: WorkspaceLayout

  /// Buffers for `network` and images of `inputSize` pixels a side.
  init(_ network: BackboneNetwork, inputSize: Int) {
    var layout = WorkspaceLayout()
    let stemOutputs = network.stem.outputs
    framed = layout.reserveImage(size: inputSize)
    stem = layout.reserve([(1, inputSize / 2, stemOutputs)])
    var size = network.conventions.maxPool.outputSize(of: inputSize / 2)
    pooled = layout.reserve([(1, size, stemOutputs)])
    pooledSize = size
    let alone = ImageGroups.alone(of: network.stages.count)
    let stages = network.stages.enumerated().map { stage, blocks in
      BlockExtents.all(
        blocks, images: stage < alone ? 1 : ImageGroups.most, inputSize: &size)
    }
    sizes = stages.map { $0[$0.count - 1].outputSize }
    self.stages = stages.enumerated().map { stage, blocks in
      let images = stage < alone - 1 ? 1 : ImageGroups.most
      return layout.reserve(
        blocks.map { (images, $0.outputSize, $0.block.expand.shape.outputs) })
    }
    reduced = layout.reserve(
      stages.joined().map { ($0.images, $0.reducedSize, $0.block.reduce.shape.outputs) })
    filtered = layout.reserve(
      stages.joined().map { ($0.images, $0.outputSize, $0.block.filter.shape.outputs) })
    self.layout = layout
  }
}

/// The sizes of the maps of one block.
private struct BlockExtents {
  let block: BackboneNetwork.Block
  let images: Int
  let reducedSize: Int
  let outputSize: Int

  /// Those of the blocks of a stage; `size` is that of its input, then that of its output.
  static func all(
    _ blocks: [BackboneNetwork.Block], images: Int, inputSize size: inout Int
  ) -> [BlockExtents] {
    blocks.map { block in
      let reduced = block.reduce.shape.outputSize(of: size)
      size = block.filter.shape.outputSize(of: reduced)
      return BlockExtents(
        block: block, images: images, reducedSize: reduced, outputSize: size)
    }
  }
}

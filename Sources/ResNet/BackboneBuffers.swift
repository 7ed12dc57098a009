internal import Kernels

/// How pictures are grouped on their way through the stages.
///
/// Early stages have large maps and few weights: a picture goes through them alone, so that its maps
/// stay in the caches. Late stages have small maps and many weights: a group of pictures shares each
/// pass over the weights.
struct PictureGroups {
  /// Stages that pictures pass one at a time.
  static let singleStages = 2
  /// Pictures that pass the other stages together, at most.
  static let most = 8
}

/// The places of all feature maps in a workspace.
struct BackboneBuffers: Sendable {
  /// The picture in its frame of zeros.
  let framed: FeatureBuffer
  /// What conv1 makes of it.
  let stem: FeatureBuffer
  /// Outputs of blocks, in turn.
  let blocks: [FeatureBuffer]
  /// The shortcut of a block, where it has a convolution.
  let shortcut: FeatureBuffer
  /// Outputs of the first convolution of a block.
  let reduced: FeatureBuffer
  /// Outputs of the second one.
  let filtered: FeatureBuffer
  /// The maps of a group of pictures before the stages that they pass together.
  let gathered: FeatureBuffer
  let layout: WorkspaceLayout

  /// Buffers for `architecture` and pictures of `inputSize` pixels a side.
  init(_ architecture: BackboneArchitecture, inputSize: Int) {
    var layout = WorkspaceLayout()
    let extents = BlockExtents.all(architecture, inputSize: inputSize)
    let stemOutputs = architecture.stem.shape.outputs
    framed = layout.reservePicture(size: inputSize)
    stem = layout.reserve([(1, inputSize / 2, stemOutputs)])
    let pooled = (pictures: 1, size: inputSize / 4, channels: stemOutputs)
    let outputs = extents.map { ($0.pictures, $0.outputSize, $0.block.expand.shape.outputs) }
    blocks = [layout.reserve([pooled] + outputs), layout.reserve(outputs)]
    shortcut = layout.reserve(outputs)
    reduced = layout.reserve(
      extents.map { ($0.pictures, $0.reducedSize, $0.block.reduce.shape.outputs) })
    filtered = layout.reserve(
      extents.map { ($0.pictures, $0.outputSize, $0.block.filter.shape.outputs) })
    let last = architecture.stages.prefix(PictureGroups.singleStages).count
    let boundary = extents.last { $0.stage < last }
    let isGathered = architecture.stages.count > PictureGroups.singleStages
    gathered = layout.reserve(
      boundary.map {
        [(isGathered ? PictureGroups.most : 0, $0.outputSize, $0.block.expand.shape.outputs)]
      } ?? [])
    self.layout = layout
  }
}

/// The sizes of the maps of one block.
private struct BlockExtents {
  let block: BottleneckBlock
  let stage: Int
  let pictures: Int
  let reducedSize: Int
  let outputSize: Int

  static func all(_ architecture: BackboneArchitecture, inputSize: Int) -> [BlockExtents] {
    var size = inputSize / 4
    var extents: [BlockExtents] = []
    for (stage, blocks) in architecture.stages.enumerated() {
      let pictures = stage < PictureGroups.singleStages ? 1 : PictureGroups.most
      for block in blocks {
        let reduced = size / block.reduce.shape.stride
        size = reduced / block.filter.shape.stride
        extents.append(
          BlockExtents(
            block: block, stage: stage, pictures: pictures, reducedSize: reduced, outputSize: size)
        )
      }
    }
    return extents
  }
}

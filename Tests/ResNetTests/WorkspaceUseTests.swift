import ResNetWeights
import Testing

@testable import Kernels
@testable import ResNet

/// What a forward pass reads and writes in its workspace. Sanitizers see one block of memory there
/// and nothing of the buffers in it.
@Suite struct WorkspaceUseTests {
  /// A NaN that no arithmetic makes.
  private static let poison = Float(bitPattern: 0x7FC1_2345)

  /// Nothing is taken from memory that the pass has not written: what other images have left
  /// there, padding, the room between buffers. And that room stays as it is.
  @Test(arguments: availablePaths, [8, 40])
  func buffersAreKeptApart(path: KernelPath, width: Int) throws {
    for layer in FeatureLayer.allCases {
      let backbone = try FloatBackbone(
        weights: smallNetwork(blocks: [1, 1, 1, 1], width: width), featureLayer: layer,
        kernels: path, inputSize: 96)
      let images = randomImages(ImageGroups.most, size: 96)
      let expected = try backbone.features(of: images, workspace: backbone.makeWorkspace())
      let workspace = try backbone.makeWorkspace()
      let buffers = backbone.buffers
      let all = FeatureBuffer(offset: 0, capacity: buffers.layout.floats)
      workspace.pointer(all).update(repeating: Self.poison, count: all.capacity)
      let features = try backbone.features(of: images, workspace: workspace)
      #expect(features == expected)
      for gap in buffers.gaps {
        let memory = UnsafeBufferPointer(start: workspace.pointer(gap), count: gap.capacity)
        #expect(memory.allSatisfy { $0.bitPattern == Self.poison.bitPattern }, "\(gap)")
      }
    }
  }
}

extension BackboneBuffers {
  /// The room behind each buffer.
  fileprivate var gaps: [FeatureBuffer] {
    let sorted = ([framed, stem, pooled, reduced, filtered] + stages)
      .sorted { $0.offset < $1.offset }
    let ends = sorted.dropFirst().map(\.offset) + [layout.floats]
    return zip(sorted, ends).map { buffer, end in
      let start = buffer.offset + buffer.capacity
      return FeatureBuffer(offset: start, capacity: end - start)
    }
  }
}

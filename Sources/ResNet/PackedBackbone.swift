import FileIO
internal import Foundation
import Kernels
import ResNetWeights
import Tensors

/// A block whose convolutions have their positions among the packed weights.
struct PackedBlock: Sendable {
  let reduce: PackedConvolution
  let filter: PackedConvolution
  let expand: PackedConvolution
  let downsample: PackedConvolution?
}

/// Positions of all convolutions of a backbone among the packed weights.
struct PackedBackbone: Sendable {
  let network: BackboneNetwork
  let path: KernelPath
  let layout: PackedLayout
  let stem: PackedConvolution
  let stages: [[PackedBlock]]
  /// The position of each convolution, in the order of ``BackboneNetwork/convolutions``.
  let positions: [PackedConvolution]

  init(_ network: BackboneNetwork, path: KernelPath) {
    var layout = PackedLayout(kernels: path.rawValue)
    var positions: [PackedConvolution] = []
    func add(_ convolution: BackboneNetwork.Convolution) -> PackedConvolution {
      let position = layout.add(convolution.name, convolution.shape, path)
      positions.append(position)
      return position
    }
    stem = add(network.stem)
    stages = network.stages.map { blocks in
      blocks.map { block in
        PackedBlock(
          reduce: add(block.reduce), filter: add(block.filter), expand: add(block.expand),
          downsample: block.downsample.map(add))
      }
    }
    self.network = network
    self.path = path
    self.layout = layout
    self.positions = positions
  }

  /// The packed weights of `source`, through `cache` if there is one that can be used, and if there
  /// is none the reason.
  ///
  /// - Throws: what reading and packing throws.
  func arrays(
    of source: any TensorSource, through cache: PackedCache?
  ) throws -> (PackedArrays, warning: String?) {
    struct Description: Encodable {
      let fingerprint: String
      let network: BackboneNetwork
      let layout: PackedLayout
    }
    return try layout.arrays(
      through: cache, network.variant(layout.kernels),
      describedBy: Description(
        fingerprint: cache?.fingerprint ?? "", network: network, layout: layout)
    ) { bytes in
      // One at a time, so that only one of them need be in memory unpacked.
      for (position, convolution) in zip(positions, network.convolutions) {
        let epsilon = network.conventions.batchNormEpsilon
        position.pack(
          try convolution.folded(from: source, epsilon: epsilon), for: path, into: bytes)
      }
    }
  }
}

extension BackboneNetwork {
  /// A part of a cached file's name: everything besides the weights that its form depends on.
  func variant(_ kernels: String) -> String {
    [
      "layer\(stages.count)", conventions.stridePosition.rawValue, conventions.maxPool.rawValue,
      "\(conventions.batchNormEpsilon)", kernels,
    ].joined(separator: "-")
  }
}

extension PackedLayout {
  /// The arrays that `producer` writes, through `cache` if there is one that can be used; if there is
  /// none, the reason.
  ///
  /// - Parameters:
  ///   - variant: a part of the file's name.
  ///   - description: what a file of them says about itself: the same for the same arrays.
  /// - Throws: what `producer` throws, an `OutOfMemory`.
  func arrays(
    through cache: PackedCache?, _ variant: String,
    describedBy description: some Encodable,
    _ producer: @escaping PackedArrays.Producer
  ) throws -> (PackedArrays, warning: String?) {
    guard let cache else { return (try PackedArrays(self, producer), nil) }
    let content = PackedContent(
      description: Array(try JSONEncoder.sorted.encode(description)),
      byteCount: byteCount, pack: producer)
    do {
      let mapping = try cache.mapping(variant, content)
      return (PackedArrays(self, mapping.packedArrays, keptBy: mapping), nil)
    } catch let error as PackedCache.Failure {
      let warning = "packed weights are not cached: \(error)"
      return (try PackedArrays(self, producer), warning)
    }
  }
}

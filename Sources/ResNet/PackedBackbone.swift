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
  let layout: PackedLayout
  let stem: PackedConvolution
  let stages: [[PackedBlock]]
  /// The position of each convolution, in the order of ``BackboneNetwork/convolutions``.
  let positions: [PackedConvolution]

  init(_ network: BackboneNetwork, path: KernelPath) {
    var layout = PackedLayout(path: path)
    var positions: [PackedConvolution] = []
    func add(_ convolution: BackboneNetwork.Convolution) -> PackedConvolution {
      let position = layout.add(convolution.name, convolution.shape)
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
    self.layout = layout
    self.positions = positions
  }

  /// The packed weights of `source`, through `cache` if there is one.
  ///
  /// - Throws: a ``PackedCache/Failure`` if the cache cannot be used, and what reading and packing
  ///   throws.
  func weights(of source: any TensorSource, through cache: PackedCache?) throws -> PackedWeights {
    guard let cache else { return try PackedWeights(layout, folded(source)) }
    let content = PackedContent(
      description: try description(cache.fingerprint), byteCount: layout.byteCount
    ) { try layout.pack(into: $0, folded(source)) }
    let mapping = try cache.mapping(variant, content)
    return PackedWeights(layout, mapping.packedArrays, keptBy: mapping)
  }

  /// Reads and folds every convolution.
  private func folded(_ source: any TensorSource) -> PackedWeights.Producer {
    { store in
      for (position, convolution) in zip(positions, network.convolutions) {
        let epsilon = network.conventions.batchNormEpsilon
        store(position, try convolution.folded(from: source, epsilon: epsilon))
      }
    }
  }

  private var variant: String {
    let conventions = network.conventions
    return [
      "layer\(network.stages.count)", conventions.stridePosition.rawValue,
      conventions.maxPool.rawValue, "\(conventions.batchNormEpsilon)", layout.path.rawValue,
    ].joined(separator: "-")
  }

  /// What a packed file says about itself, the same bytes for the same weights and network.
  private func description(_ fingerprint: String) throws -> [UInt8] {
    struct Description: Encodable {
      let fingerprint: String
      let network: BackboneNetwork
      let layout: PackedLayout
    }
    return Array(
      try JSONEncoder.sorted.encode(
        Description(fingerprint: fingerprint, network: network, layout: layout)))
  }
}

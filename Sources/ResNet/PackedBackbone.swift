import Kernels
import ResNetWeights

/// A block whose convolutions have their places among the packed weights.
struct PackedBlock: Sendable {
  let reduce: PackedConvolution
  let filter: PackedConvolution
  let expand: PackedConvolution
  let downsample: PackedConvolution?
}

/// Places of all convolutions of a trunk among the packed weights.
struct PackedBackbone: Sendable {
  let layout: PackedLayout
  let stem: PackedConvolution
  let stages: [[PackedBlock]]
  /// The place of each convolution, in the order of ``BackboneNetwork/convolutions``.
  let places: [PackedConvolution]

  init(_ network: BackboneNetwork, path: KernelPath) {
    var layout = PackedLayout(path: path)
    let stem = layout.add(network.stem.shape)
    var places = [stem]
    func place(_ convolution: BackboneNetwork.Convolution) -> PackedConvolution {
      let place = layout.add(convolution.shape)
      places.append(place)
      return place
    }
    stages = network.stages.map { blocks in
      blocks.map { block in
        PackedBlock(
          reduce: place(block.reduce), filter: place(block.filter), expand: place(block.expand),
          downsample: block.downsample.map(place))
      }
    }
    self.stem = stem
    self.layout = layout
    self.places = places
  }
}

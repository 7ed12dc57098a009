import Kernels
import ResNetWeights
import Tensors

/// A ``Backbone`` in 32-bit floats.
package final class FloatBackbone: Backbone {
  package let network: BackboneNetwork
  /// Which kernels compute.
  package let path: KernelPath
  package let inputSize: Int
  package let cacheWarning: String?

  let engine: Engine
  let packed: PackedBackbone
  let buffers: BackboneBuffers

  package var precision: Precision { .f32 }
  package var kernels: String { path.rawValue }
  package var identity: String { path.identity }

  /// Makes a backbone from torchvision-named weights.
  ///
  /// With a cache folder the packed weights come from there, or are packed and put there; a damaged
  /// file is packed anew. Where the folder cannot be used, the weights are packed into memory of
  /// this process and ``cacheWarning`` says why.
  ///
  /// - Parameters:
  ///   - weights: the tensors; depths and widths are taken from their shapes, their values are read
  ///     where the cache does not hold them.
  ///   - packedCache: where packed weights are cached, nil for nowhere.
  ///   - conventions: what the weights leave open.
  ///   - featureLayer: the stage whose channel means are the features; by default the deepest.
  ///   - kernels: which kernels compute; ``KernelPath/selected(environment:)`` finds the best.
  ///   - inputSize: height and width of the images, a multiple of 32 from 64 to 1024.
  /// - Throws: a ``BackboneError`` that names the tensor that is missing or wrong, a
  ///   `FileError` if a tensor cannot be read, a `KernelPathError`, an `OutOfMemory`.
  package init(
    weights: any TensorSource, packedCache: PackedCache? = nil,
    conventions: WeightConventions = .torchvision, featureLayer: FeatureLayer? = nil,
    kernels: KernelPath, inputSize: Int = 224
  ) throws {
    try kernels.check()
    let network = try BackboneNetwork(
      of: weights, conventions, upTo: featureLayer, inputSize: inputSize)
    packed = PackedBackbone(network, path: kernels)
    let arrays: PackedArrays
    (arrays, cacheWarning) = try packed.arrays(of: weights, through: packedCache)
    engine = Engine(kernels, arrays)
    buffers = BackboneBuffers(network, inputSize: inputSize)
    self.network = network
    path = kernels
    self.inputSize = inputSize
  }

  /// Working memory for one thread, about 60 MB for a ResNet-50 and images of 224 pixels.
  ///
  /// - Throws: an `OutOfMemory`.
  package func makeWorkspace() throws -> Workspace { try Workspace(buffers.layout) }

  /// The features of each of `images`: the channel means after the feature layer.
  ///
  /// - Parameters:
  ///   - images: at most ``ImageGroups/most``, each `inputSize * inputSize * 3` values, rows from the
  ///     top, channels innermost, normalised as the weights need it.
  ///   - workspace: made by ``makeWorkspace()`` of this backbone, used by no other thread
  ///     meanwhile.
  /// - Precondition: there are no more than ``ImageGroups/most``.
  /// - Returns: ``featureCount`` values an image.
  /// - Throws: a ``BackboneError`` if an image has a wrong size, or if features are not finite.
  package func features(
    of images: [[Float]], workspace: Workspace
  ) throws(BackboneError) -> [[Float]] {
    try features(of: images, workspace: workspace, observer: nil)
  }

  private func features(
    of images: [[Float]], workspace: Workspace, observer: LayerObserver?
  ) throws(BackboneError) -> [[Float]] {
    precondition(images.count <= ImageGroups.most)
    for image in images { try BackboneError.check(count: image.count, size: inputSize) }
    let features = images.isEmpty ? [] : forward(images, workspace, observer)
    guard features.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw BackboneError(
        .notFinite,
        "the backbone's features are not finite; "
          + "the weights do not fit the image's normalisation")
    }
    return features
  }

  package func makeWorker() throws -> BackboneWorker {
    let workspace = try makeWorkspace()
    return { try self.features(of: $0.map(\.numbers), workspace: workspace) }
  }

  package func makeTimedWorker() throws -> TimedBackboneWorker {
    let workspace = try makeWorkspace()
    return { inputs in
      workspace.startTiming()
      _ = try self.features(of: inputs.map(\.numbers), workspace: workspace)
      return workspace.stopTiming()
    }
  }

  package func makeObservedWorker() throws -> ObservedBackboneWorker {
    let workspace = try makeWorkspace()
    return { try self.features(of: [$0.numbers], workspace: workspace, observer: $1)[0] }
  }

  package func measurePeaks(seconds: Double) -> PeakRates {
    let peak = path.measureFMAPeak(seconds: seconds) ?? 0
    return PeakRates(products: peak, tiles: peak)
  }
}

import Kernels
import ResNetWeights
import Tensors

/// A frozen ResNet: images to feature vectors.
///
/// A backbone never changes, and any number of threads may use it, each with a workspace of its
/// own. The features of an image are the same bits whatever other images share the call and
/// whichever thread computes them.
package final class Backbone: Sendable {
  /// The network up to the feature layer.
  package let network: BackboneNetwork
  /// Which kernels compute.
  package let kernels: KernelPath
  /// Height and width of the images, in pixels.
  package let inputSize: Int

  /// Why the packed weights are not shared through the cache that was given, if they are not.
  package let cacheWarning: String?

  let engine: Engine
  let packed: PackedBackbone
  let buffers: BackboneBuffers

  /// How many features an image has: the channels of the feature layer.
  package var featureCount: Int { network.layout.featureCount }
  /// The stage whose channel means are the features.
  package var featureLayer: FeatureLayer { FeatureLayer.allCases[network.stages.count - 1] }
  /// How many images a call takes at most, and best.
  package static var groupSize: Int { ImageGroups.most }

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
    guard inputSize % 32 == 0, (64...1024).contains(inputSize) else {
      throw BackboneError(
        .input,
        "images of \(inputSize) pixels a side cannot be used: "
          + "a multiple of 32 from 64 to 1024 is needed")
    }
    try kernels.check()
    let network = try Self.network(weights, conventions, upTo: featureLayer)
    packed = PackedBackbone(network, path: kernels)
    do {
      engine = Engine(try packed.weights(of: weights, through: packedCache))
      cacheWarning = nil
    } catch let error as PackedCache.Failure {
      engine = Engine(try packed.weights(of: weights, through: nil))
      cacheWarning = "packed weights are not cached: \(error)"
    }
    buffers = BackboneBuffers(network, inputSize: inputSize)
    self.network = network
    self.kernels = kernels
    self.inputSize = inputSize
  }

  /// The network that the tensors' shapes make up.
  private static func network(
    _ weights: any TensorSource, _ conventions: WeightConventions, upTo featureLayer: FeatureLayer?
  ) throws -> BackboneNetwork {
    let check = try BackboneCheck(weights)
    if let problem = check.problems.first { throw problem }
    if let objection = check.layout.objection {
      throw BackboneError(.weights, "\(weights.path): \(objection)")
    }
    let deepest = check.layout.blocks.count
    let last = featureLayer?.number ?? deepest
    guard last <= deepest else {
      throw BackboneError(
        .weights,
        "\(weights.path): layer\(last) was asked for, but the file ends with layer\(deepest)")
    }
    return BackboneNetwork(check.layout.first(stages: last), conventions)
  }

  /// Working memory for one thread, about 60 MB for a ResNet-50.
  ///
  /// - Throws: an `OutOfMemory`.
  package func makeWorkspace() throws -> Workspace { try Workspace(buffers.layout) }

  /// The features of each of `images`: the channel means after the feature layer.
  ///
  /// - Parameters:
  ///   - images: at most ``groupSize``, each `inputSize * inputSize * 3` values, rows from the top, channels innermost,
  ///     normalised as the weights need it.
  ///   - workspace: made by ``makeWorkspace()`` of this backbone, used by no other thread
  ///     meanwhile.
  /// - Precondition: there are no more than ``groupSize``.
  /// - Returns: ``featureCount`` values an image.
  /// - Throws: a ``BackboneError`` if an image has a wrong size, or if features are not finite.
  package func features(
    of images: [[Float]], workspace: Workspace
  ) throws(BackboneError) -> [[Float]] {
    precondition(images.count <= Self.groupSize)
    for image in images where image.count != inputSize * inputSize * 3 {
      throw BackboneError(
        .input,
        "an image has \(image.count) values; \(inputSize) x \(inputSize) x 3 are needed")
    }
    let features = images.isEmpty ? [] : forward(images, workspace)
    guard features.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw BackboneError(
        .notFinite,
        "the backbone's features are not finite; "
          + "the weights do not fit the image's normalisation")
    }
    return features
  }
}

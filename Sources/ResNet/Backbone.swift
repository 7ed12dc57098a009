public import Kernels
public import WeightFiles

/// The frozen trunk of a ResNet: pictures to feature vectors.
///
/// A backbone never changes, and any number of threads may use it, each with a workspace of its own. The features of a
/// picture are the same bits whatever other pictures share the call and whichever thread computes
/// them.
public final class Backbone: Sendable {
  /// Extents and conventions of the network.
  public let architecture: BackboneArchitecture
  /// Which kernels compute.
  public let kernels: KernelPath
  /// Height and width of the pictures, in pixels.
  public let inputSize: Int

  /// Why the packed weights are not shared through the cache that was given, if they are not.
  public let cacheWarning: String?

  let engine: Engine
  let packed: PackedBackbone
  let buffers: BackboneBuffers

  /// How many features a picture has: the channels of the feature layer.
  public var featureCount: Int { architecture.featureCount }
  /// The stage whose channel means are the features.
  public var featureLayer: FeatureLayer { architecture.featureLayer }
  /// How many pictures of a call are best handed over together.
  public var preferredPictures: Int { PictureGroups.most }

  /// Makes a backbone from torchvision-named weights, which are read, folded and packed here.
  ///
  /// - Parameters:
  ///   - weights: the tensors; depths and widths are taken from their shapes.
  ///   - conventions: what the weights leave open.
  ///   - featureLayer: the stage whose channel means are the features; by default the deepest there is.
  ///   - kernels: which kernels compute; ``KernelPath/selected(environment:)`` finds the best.
  ///   - inputSize: height and width of the pictures, a multiple of 32 from 64 to 1024.
  /// - Throws: a ``BackboneError`` that names the tensor that is missing or wrong, a `WeightFileError`
  ///   if a tensor cannot be read, a `KernelPathError`, an `OutOfMemory`.
  public convenience init(
    weights: any TensorSource, conventions: BackboneConventions = BackboneConventions(),
    featureLayer: FeatureLayer? = nil, kernels: KernelPath, inputSize: Int = 224
  ) throws {
    let request = PackedRequest(
      fingerprint: "", conventions: conventions, featureLayer: featureLayer, kernels: kernels)
    try self.init(request, cache: nil, inputSize: inputSize, source: { weights })
  }

  /// Makes a backbone whose packed weights are kept in a cache folder.
  ///
  /// If the folder holds them, `weights` is not called at all; else they are packed and put there. A damaged file is
  /// packed anew. Where the folder cannot be used, the backbone works without it and
  /// ``cacheWarning`` says why.
  ///
  /// - Parameters:
  ///   - packedCache: the folder and the weight file's fingerprint.
  ///   - weights: opens the weight file.
  /// - Throws: as ``init(weights:conventions:featureLayer:kernels:inputSize:)``, and what `weights` throws.
  public convenience init(
    packedCache: PackedCache, conventions: BackboneConventions = BackboneConventions(),
    featureLayer: FeatureLayer? = nil, kernels: KernelPath, inputSize: Int = 224,
    weights: () throws -> any TensorSource
  ) throws {
    let request = PackedRequest(
      fingerprint: packedCache.fingerprint, conventions: conventions, featureLayer: featureLayer,
      kernels: kernels)
    try self.init(request, cache: packedCache, inputSize: inputSize, source: weights)
  }

  private init(
    _ request: PackedRequest, cache: PackedCache?, inputSize: Int,
    source: () throws -> any TensorSource
  ) throws {
    guard inputSize % 32 == 0, (64...1024).contains(inputSize) else {
      throw BackboneError(
        .input,
        "pictures of \(inputSize) pixels a side cannot be used: "
          + "a multiple of 32 from 64 to 1024 is needed")
    }
    try request.kernels.check()
    var warning: String?
    var loaded: LoadedBackbone?
    do {
      loaded = try cache?.load(request, source: source)
    } catch let error as PackedFileError {
      warning = "packed weights are not cached: \(error)"
    }
    let backbone = try loaded ?? LoadedBackbone(packing: source(), request)
    architecture = backbone.architecture
    packed = backbone.packed
    engine = Engine(backbone.weights)
    buffers = BackboneBuffers(backbone.architecture, inputSize: inputSize)
    cacheWarning = warning
    kernels = request.kernels
    self.inputSize = inputSize
  }

  /// Working memory for one thread, about 60 MB for a ResNet-50.
  ///
  /// - Throws: an `OutOfMemory`.
  public func makeWorkspace() throws -> Workspace { try Workspace(buffers.layout) }

  /// The features of each of `pictures`: the channel means after the feature layer.
  ///
  /// - Parameters:
  ///   - pictures: each `inputSize * inputSize * 3` values, rows from the top, channels innermost,
  ///     normalised as the weights need it.
  ///   - workspace: made by ``makeWorkspace()`` of this backbone, used by no other thread meanwhile.
  /// - Returns: ``featureCount`` values a picture.
  /// - Throws: a ``BackboneError`` if a picture has a wrong size, or if features are not finite.
  public func features(
    of pictures: [[Float]], workspace: Workspace
  ) throws(BackboneError) -> [[Float]] {
    for picture in pictures where picture.count != inputSize * inputSize * 3 {
      throw BackboneError(
        .input,
        "a picture has \(picture.count) values; \(inputSize) x \(inputSize) x 3 are needed")
    }
    var features: [[Float]] = []
    features.reserveCapacity(pictures.count)
    for first in stride(from: 0, to: pictures.count, by: PictureGroups.most) {
      let group = pictures[first..<min(first + PictureGroups.most, pictures.count)]
      features += forward(group, workspace)
    }
    guard features.allSatisfy({ $0.allSatisfy(\.isFinite) }) else {
      throw BackboneError(
        .notFinite,
        "the backbone's features are not finite; the weights do not fit the picture's normalisation"
      )
    }
    return features
  }
}

extension LoadedBackbone {
  /// Packs a network into memory of this process.
  init(packing source: any TensorSource, _ request: PackedRequest) throws {
    let architecture = try BackboneArchitecture(
      of: source, conventions: request.conventions, featureLayer: request.featureLayer)
    let packed = PackedBackbone(architecture, path: request.kernels)
    self.architecture = architecture
    self.packed = packed
    weights = try PackedWeights(packed.layout) { store in
      try packed.storeAll(of: architecture, from: source, store)
    }
  }
}

extension PackedBackbone {
  /// Reads, folds and stores every convolution.
  func storeAll(
    of architecture: BackboneArchitecture, from source: any TensorSource,
    _ store: (PackedConvolution, FoldedConvolution) -> Void
  ) throws {
    for (place, convolution) in zip(places, architecture.convolutions) {
      let epsilon = architecture.conventions.batchNormEpsilon
      store(place, try convolution.folded(from: source, epsilon: epsilon))
    }
  }
}

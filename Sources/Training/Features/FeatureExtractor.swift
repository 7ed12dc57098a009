import FileIO
import ImageCodecs
import ImageData
import ImageTransforms
import ResNet
import Tensors

/// Everything between an image's file and its feature vector.
///
/// An image's features depend on its bytes, what becomes of an orientation in them, the backbone,
/// the preset and the keyed augmentation, and on nothing else: not on the images computed with it,
/// nor on threads or ranks.
package struct FeatureExtractor: FeatureProducer {
  /// The frozen network.
  package let backbone: any Backbone
  /// Resizing, augmentation and normalisation.
  package let transform: ImageTransform
  /// How training images are varied, nil for not at all.
  package let augmentation: Augmentation?
  /// The key of the augmentation.
  package let seed: UInt64
  /// Where the images are.
  package let images: ImageSource
  /// What happens to an image that cannot be decoded.
  package let onBadImage: BadImagePolicy
  /// Where the features of unaugmented and of augmented images are cached, nil for nowhere.
  private var plainStore: FeatureCache?
  private var viewStore: FeatureCache?

  /// Puts the parts together; see the properties.
  package init(
    backbone: any Backbone, transform: ImageTransform, augmentation: Augmentation? = nil,
    seed: UInt64 = 0, images: ImageSource, onBadImage: BadImagePolicy = .fail
  ) {
    self.backbone = backbone
    self.transform = transform
    self.augmentation = augmentation
    self.seed = seed
    self.images = images
    self.onBadImage = onBadImage
  }

  /// The same extractor with features cached on disk.
  ///
  /// - Parameters:
  ///   - plain: the folder for unaugmented images.
  ///   - views: the folder for augmented images, nil to compute them every time.
  ///   - context: all that decides the features besides the image and its augmentation; the text
  ///     of a ``FeatureContext``.
  ///   - warn: told, once for each folder, that features cannot be cached there.
  package func caching(
    plainIn plain: String, viewsIn views: String?, context: String,
    warn: @escaping @Sendable (String) -> Void
  ) -> FeatureExtractor {
    var copy = self
    copy.plainStore = FeatureCache(folder: plain, context: context, warn: warn)
    copy.viewStore = views.map { FeatureCache(folder: $0, context: context, warn: warn) }
    return copy
  }

  package func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker {
    let worker = try backbone.makeWorker()
    return { requests, beginning in
      try features(of: requests, memory, beginning, worker)
    }
  }

  /// The features of several images, in the order of the requests.
  ///
  /// - Throws: what made an image unusable, unless such images are left out.
  private func features(
    of requests: [FeatureRequest], _ memory: MemoryBudget, _ beginning: (FeatureRequest) -> Void,
    _ forward: BackboneWorker
  ) throws -> [FeatureAnswer] {
    var answers: [FeatureAnswer] = []
    var inputs: [(index: Int, input: BackboneInput, key: FeatureCache.Key?)] = []
    for (index, request) in requests.enumerated() {
      beginning(request)
      let (bytes, digest) = try contents(of: request.sample)
      let store = store(for: request)
      let key = store?.key(image: digest.hexadecimal, variant: variant(request))
      let cached = key.flatMap { store?.features($0, count: backbone.featureCount) }
      answers.append(
        FeatureAnswer(
          request, features: cached, digest: ImageDigest(digest),
          notes: ImageNotes(bytes, orientation: images.orientation)))
      if cached == nil, let input = try input(of: bytes, request, memory) {
        inputs.append((index, input, key))
      }
    }
    let computed = try forward(inputs.map(\.input))
    precondition(computed.count == inputs.count, "an image without features")
    for ((index, _, key), features) in zip(inputs, computed) {
      if let key { store(for: requests[index])?.save(features, under: key) }
      answers[index].features = features
    }
    return answers
  }

  /// Decodes and transforms one image; nil where it cannot be used and is left out.
  private func input(
    of bytes: [UInt8], _ request: FeatureRequest, _ memory: MemoryBudget
  ) throws(DatasetError) -> BackboneInput? {
    do throws(DatasetError) {
      return try decoding(bytes, of: request.sample, memory) { networkInput(of: $0, request) }
    } catch  where error.kind == .invalid && onBadImage == .skip {
      return nil
    }
  }

  /// The bytes of a sample's file, which must be those that its table names, and their digest.
  func contents(of sample: Sample) throws(DatasetError) -> (bytes: [UInt8], SHA256.Digest) {
    let bytes = try images.bytes(of: sample)
    let digest = SHA256.Digest(of: bytes)
    try images.check(digest, of: sample)
    return (bytes, digest)
  }

  /// What `body` makes of the image in the `bytes` of a sample's file; `memory` has room for it so long.
  func decoding<Value>(
    _ bytes: [UInt8], of sample: Sample, _ memory: MemoryBudget, _ body: (RGBImage) -> Value
  ) throws(DatasetError) -> Value {
    try images.naming(sample) { () throws(ImageError) in
      let file = try ImageFile(bytes, orientation: images.orientation)
      return try memory.holding(file.decodingBytes) { () throws(ImageError) in
        body(try file.decode())
      }
    }
  }

  /// The network's input, varied where the request asks for it.
  private func networkInput(of image: RGBImage, _ request: FeatureRequest) -> BackboneInput {
    guard let augmentation, let view = request.view else {
      return transform.input(of: image, for: backbone.precision)
    }
    var random = CounterRandom(
      seed: seed, purpose: .augmentation, epoch: view, index: request.index)
    switch backbone.precision {
    case .f32:
      return .numbers(
        transform.augmentedInput(of: image, augmentation: augmentation, random: &random))
    case .int8:
      return .bytes(
        transform.augmentedBytes(of: image, augmentation: augmentation, random: &random))
    }
  }

  private func store(for request: FeatureRequest) -> FeatureCache? {
    request.view == nil ? plainStore : viewStore
  }

  /// What distinguishes the variants of one image in a store.
  private func variant(_ request: FeatureRequest) -> String {
    guard let augmentation, let view = request.view else { return "" }
    return "seed \(seed) view \(view) index \(request.index) shear \(augmentation.shear)"
      + " zoom \(augmentation.zoom) flip \(augmentation.horizontalFlip)\(augmentation.words)"
  }
}

extension ImageTransform {
  /// The input for `image` as it is, for a backbone of `precision`.
  package func input(of image: RGBImage, for precision: Precision) -> BackboneInput {
    input(ofResized: resized(image), for: precision)
  }

  /// The same for an image that ``resized(_:)`` made.
  package func input(ofResized image: RGBImage, for precision: Precision) -> BackboneInput {
    switch precision {
    case .f32: .numbers(input(ofResized: image))
    case .int8: .bytes(bytes(ofResized: image))
    }
  }
}

import ImageCodecs
import ImageData

/// One image whose features are wanted.
package struct FeatureRequest: Sendable, Equatable {
  /// The image.
  package let sample: Sample
  /// Its index in the manifest's list (of training or validation samples).
  package let index: Int
  /// Which augmentation to apply: a training image's view, usually the epoch; nil for none.
  package let view: Int?

  /// Asks for one image.
  package init(sample: Sample, index: Int, view: Int?) {
    self.sample = sample
    self.index = index
    self.view = view
  }
}

/// The answer to one request.
package struct FeatureAnswer: Sendable, Equatable {
  /// What was asked for.
  package let request: FeatureRequest
  /// The feature vector; nil where the image cannot be used and was left out, as
  /// `--on-bad-image skip` asks.
  package internal(set) var features: [Float]?
  /// The content of the image's file.
  package let digest: ImageDigest
  /// What the file says that its features do not show.
  package let notes: ImageNotes
  /// What else the worker has to tell; empty where nobody asks.
  package var attachment: [UInt8] = []

  /// An answer with its origin.
  package init(
    _ request: FeatureRequest, features: [Float]? = nil, digest: ImageDigest, notes: ImageNotes
  ) {
    self.request = request
    self.features = features
    self.digest = digest
    self.notes = notes
  }
}

/// One thread's means to answer requests: an answer each, in order.
package typealias FeatureWorker = (
  _ requests: [FeatureRequest], _ beginning: (FeatureRequest) -> Void
) throws -> [FeatureAnswer]

/// Whatever turns images into features.
///
/// A request's answer must depend on the request alone, not on the others of the call.
package protocol FeatureProducer: Sendable {
  /// Makes the worker of one thread, on that thread. All threads share `memory` for what they
  /// decode.
  func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker
}

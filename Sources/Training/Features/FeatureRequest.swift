import ImageCodecs
import ImageData

/// One picture whose features are wanted.
package struct FeatureRequest: Sendable, Equatable {
  /// The picture.
  package let sample: Sample
  /// Its index in the manifest's list (of training or validation samples).
  package let index: Int
  /// Which augmentation to apply: a training picture's view, usually the epoch; nil for none.
  package let view: Int?

  /// Asks for one picture.
  package init(sample: Sample, index: Int, view: Int?) {
    self.sample = sample
    self.index = index
    self.view = view
  }
}

/// A request with its answer.
struct AnsweredRequest: Sendable {
  let request: FeatureRequest
  let answer: FeatureAnswer

  var result: FeatureResult { answer.result }
}

/// The answer to one request, and from which bytes it was made.
package struct FeatureAnswer: Sendable, Equatable {
  /// The features, or that there are none.
  package let result: FeatureResult
  /// The content of the picture's file; nil where no file was read.
  package let digest: PictureDigest?
  /// What the file says that its features do not show.
  package let notes: PictureNotes

  /// An answer with its origin.
  package init(
    _ result: FeatureResult, digest: PictureDigest?, notes: PictureNotes = PictureNotes()
  ) {
    self.result = result
    self.digest = digest
    self.notes = notes
  }
}

/// What a request leads to.
package enum FeatureResult: Sendable, Equatable {
  /// The feature vector.
  case features([Float])
  /// The picture cannot be used and was left out as `--on-bad-image skip` asks.
  case skipped
}

/// One thread's means to answer requests: a result each, in order.
package typealias FeatureWorker = (
  _ requests: [FeatureRequest], _ beginning: (FeatureRequest) -> Void
) throws -> [FeatureAnswer]

/// Whatever turns pictures into features.
///
/// A request's answer must depend on the request alone, not on the others of the call.
package protocol FeatureProducer: Sendable {
  /// Makes the worker of one thread, on that thread. All threads share `memory` for what they
  /// decode.
  func makeWorker(sharing memory: MemoryBudget) throws -> FeatureWorker
}

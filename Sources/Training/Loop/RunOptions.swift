import Head
import ResNet

/// What decides how a run proceeds on the machines at hand, and not its numbers.
package struct RunOptions: Sendable {
  /// Threads that compute features, at least 1.
  package var threads = 1
  /// What ranks send each other at each step.
  package var exchange: Exchange = .auto
  /// Writes a checkpoint after every so many steps, besides those of each epoch.
  package var checkpointEverySteps: Int?
  /// Images that the backbone takes at once, up to ``ImageGroups/most``: it reads its weights once
  /// for all of them.
  package var groupSize = ImageGroups.most
  /// Bytes of memory that all threads together may take to decode images; an image that needs
  /// more is decoded while no other one is.
  package var decodingBytes = 1 << 30

  /// The usual method.
  package init() {}
}

/// What ranks send each other at each step. Both methods give the same bits.
package enum Exchange: String, CaseIterable, Codable, Sendable {
  /// Each rank sums the gradient of its images; the sums are reduced.
  case gradients
  /// Each rank sends the features of its images; all compute the whole gradient.
  case features
  /// Whichever moves fewer bytes.
  case auto

  /// The method for a global batch, by the bytes that a rank sends and receives in a step.
  ///
  /// A ring reduction of P 64-bit sums moves 16 P bytes through a rank, a gathering of B vectors of
  /// D floats 4 B D bytes.
  package func resolved(globalBatch: Int, features: Int, parameters: Int) -> Exchange {
    guard self == .auto else { return self }
    // In floating point, as counts of a plan come from outside and are as large as anybody likes.
    return 4 * Double(globalBatch) * Double(features) < 16 * Double(parameters)
      ? .features : .gradients
  }

  /// The method of a run: ``resolved(globalBatch:features:parameters:)``, but features where a sample's
  /// partner may be another rank's, and where heads are each one rank's.
  package func resolved(
    _ configuration: TrainingConfiguration, shape: HeadShape, globalBatch: Int
  ) -> Exchange {
    if configuration.mixup > 0 || configuration.folds != nil { return .features }
    return resolved(
      globalBatch: globalBatch, features: shape.features, parameters: shape.parameterCount)
  }
}

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
package enum Exchange: String, CaseIterable, Sendable {
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
    return 4 * globalBatch * features < 16 * parameters ? .features : .gradients
  }
}

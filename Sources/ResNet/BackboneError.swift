/// Why a backbone could not be made or could not compute, as a sentence for a person.
package struct BackboneError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What went wrong.
  package enum Kind: Sendable, Equatable {
    /// The weights are not those of a ResNet with bottleneck blocks, or a tensor is wrong.
    case weights
    /// The input is not what the backbone takes.
    case input
    /// The features are not finite.
    case notFinite
    /// The calibration does not fit the weights, or a layer cannot be quantised.
    case calibration
  }

  /// What went wrong.
  package let kind: Kind
  /// The whole message.
  package let description: String

  init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

extension BackboneError {
  /// Checks that an image has the numbers of one of `size` x `size` pixels.
  static func check(count: Int, size: Int) throws(BackboneError) {
    guard count == size * size * 3 else {
      throw BackboneError(
        .input, "an image has \(count) values; \(size) x \(size) x 3 are needed")
    }
  }
}

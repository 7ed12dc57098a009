import FileIO
internal import Foundation
import ResNetWeights

/// What one unit of an int8 backbone's activations stands for, layer by layer, and what was looked at
/// to choose it.
package struct Calibration: Codable, Equatable, Sendable {
  /// Changes whenever the same images would give other scales, or the same scales other features.
  package static let version = 1
  /// Scales are chosen on at most so many images of the standard size; of larger ones there are fewer,
  /// so that memory stays the same.
  package static let mostImages = 64

  /// The version that it was made by.
  package let version: Int
  /// The fingerprint of the weights.
  package let fingerprint: String
  /// How many images were looked at.
  package let images: Int
  /// The SHA-256 of their pixels.
  package let pixels: String
  /// By the name of a convolution, or of a block for what leaves its sum: the real number that an
  /// activation of 1 stands for.
  package let scales: [String: Double]

  /// Puts the facts together.
  package init(fingerprint: String, images: Int, pixels: String, scales: [String: Double]) {
    version = Self.version
    self.fingerprint = fingerprint
    self.images = images
    self.pixels = pixels
    self.scales = scales
  }

  /// The SHA-256 of all of it.
  package var digest: String {
    // Strings, whole numbers and finite floats can always be written.
    guard let bytes = try? JSONEncoder.sorted.encode(self) else {
      preconditionFailure("scales that are no numbers: \(scales)")
    }
    return sha256(Array(bytes))
  }

  /// "64 images, scales 1f0c93ab…"
  package var shortText: String {
    "\(images) \(images == 1 ? "image" : "images"), scales \(digest.prefix(8))…"
  }

  /// Which of `count` images scales are chosen on: evenly spaced ones, fewer where images are larger
  /// than the standard size of 224 pixels.
  package static func sample(of count: Int, size: Int) -> [Int] {
    let most = max(1, min(mostImages, mostImages * 224 * 224 / (size * size)))
    let taken = min(count, most)
    return (0..<taken).map { ($0 * 2 + 1) * count / (2 * taken) }
  }

  /// The range of scales: far from where 64-bit floats end.
  package static let usable = 0x1p-100...0x1p100

  /// The scale of a layer.
  ///
  /// - Throws: a ``BackboneError`` if there is none, or one that cannot be.
  func scale(_ name: String) throws(BackboneError) -> Double {
    guard let scale = scales[name] else {
      throw BackboneError(
        .calibration,
        "the scales of int8 have none for \(name): they were chosen for another feature layer or "
          + "other weights")
    }
    guard Self.usable.contains(scale) else {
      throw BackboneError(.calibration, "the scale of int8 for \(name) cannot be \(scale)")
    }
    return scale
  }
}

extension BackboneNetwork.Block {
  /// Under which name the scale of the block's output stands.
  var name: String { "layer\(stage + 1).\(index)" }
}

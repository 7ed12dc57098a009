import FileIO
import Foundation
import ImageCodecs
import ImageTransforms
import Synchronization

/// All that decides the bits of an image's features besides the image and its augmentation.
package struct FeatureContext: Sendable {
  /// The SHA-256 of the backbone's weights and conventions.
  package var fingerprint: String
  /// The stage whose channel means are the features.
  package var featureLayer: String
  /// How many features there are.
  package var featureCount: Int
  /// Which kernels compute, with what else decides their bits.
  package var kernels: String
  /// Preset, geometry and normalisation.
  package var transform: ImageTransform
  /// What becomes of the orientation in EXIF data.
  package var orientation: OrientationPolicy

  /// Takes the facts as they are; see the properties.
  package init(
    fingerprint: String, featureLayer: String, featureCount: Int, kernels: String,
    transform: ImageTransform, orientation: OrientationPolicy = .ignore
  ) {
    self.fingerprint = fingerprint
    self.featureLayer = featureLayer
    self.featureCount = featureCount
    self.kernels = kernels
    self.transform = transform
    self.orientation = orientation
  }

  /// The facts in words. Another text means that everything cached so far is computed anew, so none
  /// of it comes from the names of properties or types.
  package var text: String {
    let normalisation = transform.normalisation
    let (mean, std) = normalisation.single
    func list(_ vector: SIMD3<Float>) -> String { "\(vector.x),\(vector.y),\(vector.z)" }
    let words = [
      "weights \(fingerprint)", "layer \(featureLayer)", "count \(featureCount)",
      "kernels \(kernels)", "transform \(ImageTransform.version)",
      "preset \(transform.preset.rawValue)", "size \(transform.size)",
      "order \(normalisation.channelOrder.rawValue)", "scale \(normalisation.scale)",
      "mean \(list(mean))", "deviation \(list(std))",
    ]
    // Features of versions without these choices have no words for them.
    let geometry = transform.geometry
    let resize: [String] =
      switch geometry.resize {
      case .squash: []
      case .crop: ["resize crop \(geometry.cropRatio)"]
      case .pad: ["resize pad"]
      }
    return (words + resize + (orientation == .apply ? ["orientation apply"] : []))
      .joined(separator: "\n")
  }
}

/// Feature vectors on disk, found again by what they were computed from.
///
/// A vector's key is everything that decides its bits, so an entry never has to be invalidated; one
/// that cannot be read, is another key's or whose checksum differs is computed again. Layout: a
/// folder by the first two hex digits of the key's SHA-256, a file by the rest, holding the SHA-256
/// of what follows in hex digits, the key, then the values as little-endian 32-bit floats.
///
/// Anybody can compute a checksum, so folders and files that others than this user and root may
/// write are not used.
struct FeatureCache: Sendable {
  /// What decides the bits of a vector, in words.
  struct Key: Sendable, Equatable {
    fileprivate let text: String
    /// The SHA-256 of the words, which names the file.
    let name: String

    fileprivate init(_ text: String) {
      self.text = text
      name = sha256(Array(text.utf8))
    }
  }

  /// The folder; made when the first vector is saved.
  let folder: String
  /// What all vectors of this run share, in words.
  let context: String
  /// Called the first time that a vector cannot be saved.
  private let warn: @Sendable (String) -> Void

  private let warning = OneTime()

  init(
    folder: String, context: String, warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.folder = folder
    self.context = context
    self.warn = warn
  }

  /// Whether somebody has been told already.
  private final class OneTime: Sendable {
    private let wasMade = Mutex(false)

    /// True the first time.
    func begins() -> Bool {
      wasMade.withLock { made in
        defer { made = true }
        return !made
      }
    }
  }

  /// The key of one image's features.
  ///
  /// - Parameters:
  ///   - image: the SHA-256 of its file.
  ///   - variant: which augmentation was applied, the empty string for none.
  func key(image: String, variant: String) -> Key {
    Key("\(context)\n\(variant)\n\(image)")
  }

  /// The vector under `key`, if `count` undamaged values stand there.
  func features(_ key: Key, count: Int) -> [Float]? {
    let words = Array(key.text.utf8)
    let length = 64 + words.count + 4 * count
    let (folder, file) = location(key)
    guard let bytes = try? folder.read(file, limit: length), bytes.count == length,
      bytes[64...].starts(with: words),
      bytes[..<64].elementsEqual(sha256(Array(bytes[64...])).utf8)
    else { return nil }
    return numbers(ofLittleEndianBytes: bytes[(64 + words.count)...])
  }

  /// Saves a vector. A full disk or a read-only folder costs time, not the run: the vector is
  /// computed again when it is needed.
  func save(_ features: [Float], under key: Key) {
    var content = Array(key.text.utf8)
    content.append(littleEndian: features)
    let (parent, file) = location(key)
    do throws(FileError) {
      try parent.create()
      try parent.write(Array(sha256(content).utf8) + content, to: file, isFlushed: false)
    } catch {
      guard warning.begins() else { return }
      warn("features cannot be cached in \(folder), so they are computed every time: \(error)")
    }
  }

  private func location(_ key: Key) -> (folder: GuardedFolder, file: String) {
    (
      GuardedFolder(path: folder, trust: .ownerOnly).folder(String(key.name.prefix(2))),
      "\(key.name.dropFirst(2)).features"
    )
  }
}

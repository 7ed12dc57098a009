import Foundation
import WeightFiles

/// Feature vectors on disk, found again by what they were computed from.
///
/// A vector's key is the SHA-256 of everything that decides its bits, so an entry never has to be
/// invalidated; one that cannot be read or whose checksum differs is computed again. Layout: a folder by
/// the key's first two hex digits, a file by the rest, holding the SHA-256 of the values, then the values
/// as little-endian 32-bit floats.
struct FeatureStore: Sendable {
  /// The folder; made when the first vector is kept.
  let folder: String
  /// What all vectors of this run share: weights, layer, kernels, preset, normalisation.
  let context: String

  /// The key of one picture's features.
  ///
  /// - Parameters:
  ///   - picture: the SHA-256 of its file.
  ///   - variant: which augmentation was applied, the empty string for none.
  func key(picture: String, variant: String) -> String {
    sha256(Array("\(context)\n\(variant)\n\(picture)".utf8))
  }

  /// The vector under `key`, if `count` undamaged values stand there.
  func features(_ key: String, count: Int) -> [Float]? {
    guard let data = FileManager.default.contents(atPath: path(key)), data.count == 64 + 4 * count
    else { return nil }
    let bytes = [UInt8](data)
    let values = Array(bytes[64...])
    guard Array(bytes[..<64]) == Array(sha256(values).utf8) else { return nil }
    return stride(from: 0, to: values.count, by: 4).map { start in
      Float(bitPattern: values[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
  }

  /// Keeps a vector. A full disk or a read-only folder costs time, not the run: it is computed again.
  func keep(_ features: [Float], under key: String) {
    var values: [UInt8] = []
    values.reserveCapacity(4 * features.count)
    for feature in features {
      withUnsafeBytes(of: feature.bitPattern.littleEndian) { values.append(contentsOf: $0) }
    }
    let file = path(key)
    let parent = (file as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    try? Data(Array(sha256(values).utf8) + values).write(
      to: URL(fileURLWithPath: file), options: .atomic)
  }

  private func path(_ key: String) -> String {
    "\(folder)/\(key.prefix(2))/\(key.dropFirst(2)).features"
  }
}

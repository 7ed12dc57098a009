import FileIO
import ImageData

extension Checkpoint {
  /// How the image set `manifest` differs from that of the run, as far as a checkpoint knows it:
  /// it holds the counts and what the files' contents were, but no names. Reads all files of the
  /// set.
  ///
  /// - Parameters:
  ///   - root: where the set is.
  ///   - whileReading: called with the path of each image before it is read.
  /// - Throws: ``DatasetError`` where a file cannot be read, and what `whileReading` throws.
  package func change(
    to manifest: DatasetManifest, root: String, whileReading: (String) throws -> Void
  ) throws -> String {
    let known = digests?.values ?? []
    var parts = [counts(manifest, known)]
    guard known.contains(where: { $0 != 0 }) else { return parts[0] }
    // An image that the run had not read yet may be any of the present ones.
    let unread = known.count { $0 == 0 }
    var missing = Dictionary(known.filter { $0 != 0 }.map { ($0, 1) }, uniquingKeysWith: +)
    var strangers: [String] = []
    let source = ImageSource(root: root)
    for sample in manifest.train + manifest.validation {
      try whileReading(sample.path)
      let bits = ImageDigest(SHA256.Digest(of: try source.bytes(of: sample))).bits
      guard let count = missing[bits], count > 0 else {
        strangers.append(sample.path)
        continue
      }
      missing[bits] = count - 1
    }
    let gone = missing.values.reduce(0, +)
    if gone > 0 { parts.append("\(gone) of those there have other contents now or are gone") }
    if strangers.count > unread, let first = strangers.first {
      parts.append("\(strangers.count - unread) of those here are new or changed, as \(first)")
    }
    if parts.count == 1 { parts.append("the contents are the same, the names are not") }
    return parts.joined(separator: "; ")
  }

  private func counts(_ manifest: DatasetManifest, _ known: [Int64]) -> String {
    let validation = known.isEmpty ? "" : " and \(known.count - record.trainCount) validation"
    return "\(record.trainCount) training\(validation) images there, \(manifest.train.count) and "
      + "\(manifest.validation.count) here"
  }
}

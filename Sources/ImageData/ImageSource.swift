import FileIO
import Glibc
import ImageCodecs
import Tensors

/// Reads the images of a set from this host's files.
package struct ImageSource: Sendable {
  /// The folder that sample paths are relative to.
  package let root: String

  /// The largest file that is read, 512 MiB.
  package static let fileLimit = 512 << 20

  /// What becomes of the orientation in the images' EXIF data.
  package let orientation: OrientationPolicy

  /// Images below `root`.
  package init(root: String, orientation: OrientationPolicy = .ignore) {
    self.root = root
    self.orientation = orientation
  }

  /// The file's bytes, as they are hashed and decoded.
  ///
  /// - Throws: ``DatasetError`` that names the file where it is missing, unreadable, larger than
  ///   ``fileLimit``, or of another size than the list says.
  package func bytes(of sample: Sample) throws(DatasetError) -> [UInt8] {
    try Self.contents(sample.file(in: root), expected: sample.bytes)
  }

  /// The decoded image.
  ///
  /// - Throws: ``DatasetError`` that names the file, as ``bytes(of:)`` or where it cannot be
  ///   decoded.
  package func image(of sample: Sample) throws(DatasetError) -> RGBImage {
    try decode(bytes(of: sample), of: sample)
  }

  /// The image that the `bytes` of a sample's file hold.
  ///
  /// - Throws: ``DatasetError`` with the path and the decoder's reason.
  package func decode(_ bytes: [UInt8], of sample: Sample) throws(DatasetError) -> RGBImage {
    try naming(sample) { () throws(ImageError) in
      try ImageFile(bytes, orientation: orientation).decode()
    }
  }

  /// Refuses a file whose content, by its digest, is not the one that a table names.
  package func check(_ digest: SHA256.Digest, of sample: Sample) throws(DatasetError) {
    guard let named = sample.digest, named != digest.hexadecimal else { return }
    throw DatasetError(
      .invalid, image: sample.file(in: root),
      "has other content than its table says: its SHA-256 is \(digest.hexadecimal)")
  }

  /// What `body` makes of a sample's file, its reason in an error that names the file: of the kind
  /// `host` where memory is lacking, else `invalid`.
  package func naming<Value>(
    _ sample: Sample, _ body: () throws(ImageError) -> Value
  ) throws(DatasetError) -> Value {
    try Self.naming(sample.file(in: root), body)
  }

  private static func naming<Value>(
    _ path: String, _ body: () throws(ImageError) -> Value
  ) throws(DatasetError) -> Value {
    do throws(ImageError) {
      return try body()
    } catch {
      throw DatasetError(
        error.isOutOfMemory ? .host : .invalid, image: path, "cannot be decoded: \(error)")
    }
  }

  /// Why a sample's file is no image by its first bytes, whatever its name says; nil where it
  /// is one.
  ///
  /// - Throws: ``DatasetError`` that names the file where it cannot be read.
  package func objection(to sample: Sample) throws(DatasetError) -> String? {
    let start = try Self.contents(sample.file(in: root), expected: sample.bytes, limit: 64)
    return start.isEmpty ? "it is empty" : ImageFormat(start).objection
  }

  /// The first `limit` bytes of a file that has `expected` bytes, nil for all.
  private static func contents(
    _ path: String, expected: Int, limit: Int? = nil
  ) throws(DatasetError) -> [UInt8] {
    do throws(ImageRefusal) {
      let size = try imageFileSize(path: path, expected: expected)
      let file = FileDescriptor.reading(path)
      guard file.isOpen else { throw ImageRefusal(SystemReason(errno)) }
      // Another file may have taken its place since.
      guard (try? FileFacts(descriptor: file.number).kind) == .file else {
        throw ImageRefusal(reason: "it is not a file")
      }
      // One byte more would show that the file has grown.
      let room = limit ?? size + 1
      var code: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        let found = file.read(
          into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: room), at: 0)
        code = found == nil ? errno : 0
        count = found ?? 0
      }
      if code != 0 { throw ImageRefusal(reading: SystemReason(code)) }
      guard bytes.count == min(size, limit ?? size) else {
        throw ImageRefusal(reason: "it changed while it was read")
      }
      return bytes
    } catch {
      throw DatasetError(
        error.isOfHost ? .host : .missing, image: path, "cannot be used: \(error.reason)")
    }
  }
}

/// Why a file cannot be read as an image.
struct ImageRefusal: Error {
  let reason: String
  /// Whether it is about this host, and not about the file.
  var isOfHost = false

  init(reason: String) { self.reason = reason }

  init(reading error: SystemReason) {
    reason = "reading it failed (\(error))"
    isOfHost = error.isOfHost
  }

  init(_ reason: SystemReason) {
    self.reason = reason.description
    isOfHost = reason.isOfHost
  }
}

/// The size of the image file at `path`, which must be `expected`.
func imageFileSize(path: String, expected: Int) throws(ImageRefusal) -> Int {
  let facts: FileFacts
  do throws(SystemReason) {
    facts = try FileFacts(path: path)
  } catch {
    throw ImageRefusal(error)
  }
  guard facts.kind == .file else { throw ImageRefusal(reason: "it is not a file") }
  guard facts.bytes <= ImageSource.fileLimit else {
    throw ImageRefusal(
      reason: "it has \(facts.bytes) bytes, more than the limit of \(ImageSource.fileLimit)")
  }
  guard facts.bytes == expected else {
    throw ImageRefusal(
      reason: "it has \(facts.bytes) bytes, not \(expected) as when the image set was listed")
  }
  guard access(path, R_OK) == 0 else { throw ImageRefusal(SystemReason(errno)) }
  return facts.bytes
}

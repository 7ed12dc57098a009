import FileIO
import Kernels

/// What a packed file holds: named arrays exactly as the kernels read them.
struct PackedContent {
  /// The names, types, counts and offsets of the arrays and what they were made from, as JSON: a
  /// file with another description holds something else.
  let description: [UInt8]
  /// How many bytes the arrays have together.
  let byteCount: Int
  /// Writes the arrays into so many bytes of zeros.
  let pack: (UnsafeMutableRawBufferPointer) throws -> Void
}

/// The file format of packed weights: a head, then the arrays.
///
/// | bytes | what |
/// |---|---|
/// | 0 to 7 | "AVPPACK\n" |
/// | 8 to 15 | ``version`` |
/// | 16 to 23 | count of the description's bytes |
/// | 24 to 31 | checksum of the description |
/// | 32 to 39 | count of the arrays' bytes |
/// | 40 to 47 | checksum of the arrays |
/// | from 48 | the description |
/// | from 2 MB | the arrays |
///
/// Numbers are little-endian. The arrays begin at a multiple of the large page size.
package enum PackedFile {
  /// Changes whenever the file, or what the kernels read, does.
  package static let version = 1 + KernelPath.version

  private static let magic: UInt64 = 0x0A4B_4341_5050_5641
  fileprivate static let arraysOffset = FileMapping.alignment
  private static let headCount = 48

  /// The file of arrays that ``write(_:to:_:)`` wrote with the same content; nil if it is not a
  /// sound one.
  ///
  /// - Parameters:
  ///   - file: a descriptor that is open for reading; not needed afterwards.
  ///   - path: what messages call the file.
  static func map(_ content: PackedContent, in file: borrowing FileDescriptor, _ path: String)
    -> FileMapping?
  {
    // Whatever is wrong with a cached file, it is made again.
    guard let mapping = try? FileMapping(file, path),
      mapping.bytes.count == arraysOffset + content.byteCount,
      mapping.bytes.starts(with: head(content, mapping.packedArrays))
    else { return nil }
    return mapping
  }

  /// Writes the file of `content` into an empty one that is open for reading and writing.
  ///
  /// - Throws: a `FileError` if the file cannot be written, and what packing throws.
  static func write(_ content: PackedContent, to file: borrowing FileDescriptor, _ path: String)
    throws
  {
    precondition(headCount + content.description.count <= arraysOffset)
    try FileMapping.fill(file, path, count: arraysOffset + content.byteCount) { bytes in
      try content.pack(UnsafeMutableRawBufferPointer(rebasing: bytes[arraysOffset...]))
      let arrays = UnsafeRawBufferPointer(rebasing: bytes[arraysOffset...])
      bytes.copyBytes(from: head(content, arrays))
    }
  }

  private static func head(_ content: PackedContent, _ arrays: UnsafeRawBufferPointer) -> [UInt8] {
    let numbers = [
      magic, UInt64(version), UInt64(content.description.count),
      content.description.withUnsafeBytes(checksum), UInt64(arrays.count), checksum(arrays),
    ]
    return littleEndianBytes(of: numbers) + content.description
  }

  /// A checksum that any change of a single word changes: four lanes of (sum ^ word) * odd, so that
  /// the memory, not the arithmetic, sets the pace. A SHA-256 would cost every start a second where
  /// the processor has no instructions for it.
  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var lanes = SIMD4<UInt64>(1, 2, 3, 4)
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    let words = bytes.count / 8
    var word = 0
    while word + 4 <= words {
      let next = bytes.loadUnaligned(fromByteOffset: word * 8, as: SIMD4<UInt64>.self)
      lanes = SIMD4(
        (lanes[0] ^ next[0]) &* factor, (lanes[1] ^ next[1]) &* factor,
        (lanes[2] ^ next[2]) &* factor, (lanes[3] ^ next[3]) &* factor)
      word += 4
    }
    var sum = UInt64(bytes.count)
    for lane in 0..<4 { sum = (sum ^ lanes[lane]) &* factor ^ (sum >> 29) }
    for byte in bytes[(word * 8)...] { sum = (sum ^ UInt64(byte)) &* factor }
    return sum ^ (sum >> 32)
  }
}

extension FileMapping {
  /// The arrays of a packed file.
  var packedArrays: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[PackedFile.arraysOffset...])
  }
}

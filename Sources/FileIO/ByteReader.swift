/// Reads little-endian numbers one after the other from bytes in memory.
///
/// Everything that goes beyond the end is a ``FileError`` that names the file and what was
/// being read.
package struct ByteReader {
  private let bytes: [UInt8]
  package let path: String
  /// What the bytes are, for messages: "zip directory".
  private let what: String
  /// The index of the next byte.
  package private(set) var offset = 0

  package init(_ bytes: [UInt8], path: String, what: String) {
    self.bytes = bytes
    self.path = path
    self.what = what
  }

  /// How many bytes are left.
  package var remaining: Int { bytes.count - offset }

  /// An error about these bytes.
  package func damaged(_ reason: String) -> FileError {
    FileError(.damaged, path, "the \(what) is damaged: \(reason)")
  }

  /// An error about something that these bytes hold and that is not read here.
  package func unsupported(_ reason: String) -> FileError {
    FileError(.unsupported, path, reason)
  }

  /// The next `count` bytes.
  package mutating func take(_ count: Int) throws(FileError) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else { throw damaged("it ends too early") }
    offset += count
    return bytes[offset - count..<offset]
  }

  /// Passes over `count` bytes.
  package mutating func skip(_ count: Int) throws(FileError) {
    _ = try take(count)
  }

  /// Goes to byte `offset`.
  package mutating func move(to offset: Int) throws(FileError) {
    guard (0...bytes.count).contains(offset) else { throw damaged("it ends too early") }
    self.offset = offset
  }

  /// The next number of the given type.
  package mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(FileError) -> Number {
    try take(MemoryLayout<Number>.size).withUnsafeBytes { $0.loadUnaligned(as: Number.self) }
  }

  /// The next byte.
  package mutating func byte() throws(FileError) -> UInt8 { try number(UInt8.self) }

  /// The next number of `size` bytes, which must be a length or an offset that a file can have.
  package mutating func size(_ size: Int) throws(FileError) -> Int {
    var value: UInt64 = 0
    for (index, byte) in try take(size).enumerated() where index < 8 {
      value |= UInt64(byte) << (8 * index)
    }
    guard let size = Int(exactly: value) else { throw damaged("a length of \(value) bytes") }
    return size
  }

  /// The next `count` bytes as text.
  package mutating func text(_ count: Int) throws(FileError) -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw damaged("a text that is not UTF-8")
    }
    return text
  }
}

import FileIO

/// Reads the fields of a protocol-buffers message without reading what they hold.
///
/// The wire format is https://protobuf.dev/programming-guides/encoding. A model of ONNX is one
/// message of a hundred megabytes; this reader passes over the tensors in it and gives their
/// offsets.
package struct ProtobufReader {
  /// What a field holds.
  package enum Value {
    /// A number: whole, negative ones as two's complement, or the bits of a float.
    case number(UInt64)
    /// Bytes, a text or a message: their range in the file.
    case range(Range<Int>)
  }

  private let source: ByteSource
  private let end: Int
  private var offset: Int
  /// A stretch of the file that is in memory, so that single bytes cost no system call.
  private var window: [UInt8] = []
  private var windowStart = 0

  package init(_ source: ByteSource, _ range: Range<Int>) {
    self.source = source
    offset = range.lowerBound
    end = range.upperBound
  }

  /// The next field's number and value, or nil at the end of the message.
  package mutating func next() throws(FileError) -> (field: Int, value: Value)? {
    guard offset < end else { return nil }
    let key = try variable()
    let field = Int(truncatingIfNeeded: key >> 3)
    switch key & 7 {
    case 0: return (field, .number(try variable()))
    case 1: return (field, .number(try fixed(8)))
    case 5: return (field, .number(try fixed(4)))
    case 2:
      guard let length = Int(exactly: try variable()), length <= end - offset else {
        throw damaged("a field is longer than the message around it")
      }
      offset += length
      return (field, .range(offset - length..<offset))
    default: throw damaged("an unknown kind of field")
    }
  }

  /// Numbers packed into one field of variable-length integers.
  package mutating func packed() throws(FileError) -> [Int] {
    var numbers: [Int] = []
    while offset < end { numbers.append(Int(truncatingIfNeeded: try variable())) }
    return numbers
  }

  package func damaged(_ reason: String) -> FileError {
    FileError(.damaged, source.path, "is no ONNX model, or a damaged one: \(reason)")
  }

  private mutating func byte() throws(FileError) -> UInt8 {
    guard offset < end else { throw damaged("it ends too early") }
    if !(windowStart..<windowStart + window.count).contains(offset) {
      window = try source.bytes(at: offset, count: min(4096, end - offset))
      windowStart = offset
    }
    offset += 1
    return window[offset - 1 - windowStart]
  }

  private mutating func variable() throws(FileError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      let byte = try byte()
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw damaged("a number without an end")
  }

  private mutating func fixed(_ size: Int) throws(FileError) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(try byte()) << (8 * index) }
    return value
  }
}

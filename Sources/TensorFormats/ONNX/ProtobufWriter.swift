import FileIO

/// Builds a protocol-buffers message field by field.
package struct ProtobufWriter {
  package private(set) var bytes: [UInt8] = []

  /// An empty message.
  package init() {}

  /// A whole number.
  package mutating func integer(_ field: Int, _ value: Int) {
    variable(UInt64(field << 3))
    variable(UInt64(bitPattern: Int64(value)))
  }

  /// A 32-bit float.
  package mutating func float(_ field: Int, _ value: Float) {
    variable(UInt64(field << 3 | 5))
    bytes += little(Int(value.bitPattern), 4)
  }

  /// Bytes.
  package mutating func data(_ field: Int, _ value: [UInt8]) {
    start(field, value.count)
    bytes += value
  }

  /// What stands before `count` bytes of a field, which the caller must let follow.
  package mutating func start(_ field: Int, _ count: Int) {
    variable(UInt64(field << 3 | 2))
    variable(UInt64(count))
  }

  /// A text.
  package mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

  /// A message inside this one.
  package mutating func message(_ field: Int, _ build: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    build(&inner)
    data(field, inner.bytes)
  }

  private mutating func variable(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

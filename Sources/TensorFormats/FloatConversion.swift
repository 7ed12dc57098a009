import FileIO
import Tensors

extension ByteSource {
  /// `count` floating-point elements of the given type from byte `offset` on, as 32-bit floats.
  package func floats(
    of type: ElementType, at offset: Int, count: Int, tensor name: String
  ) throws(FileError) -> [Float] {
    switch type {
    case .float32:
      return try elements(of: Float.self, at: offset, count: count)
    case .float64:
      return try converted(of: Double.self, at: offset, count: count) { Float($0) }
    case .float16:
      return try converted(of: UInt16.self, at: offset, count: count) {
        Float(Float16(bitPattern: $0))
      }
    case .bfloat16:
      return try converted(of: UInt16.self, at: offset, count: count) {
        Float(bitPattern: UInt32($0) << 16)
      }
    default:
      throw FileError(
        .entryMismatch, path,
        "the tensor \(quoted(name)) holds \(type.rawValue), not floating-point numbers",
        entry: name)
    }
  }

  /// Converts in pieces, so that the stored form is never in memory as a whole.
  private func converted<Stored: BitwiseCopyable>(
    of type: Stored.Type, at offset: Int, count: Int, _ convert: (Stored) -> Float
  ) throws(FileError) -> [Float] {
    guard count >= 0, count <= self.count / MemoryLayout<Stored>.stride else {
      throw FileError(.damaged, path, "the file ends before the data that it announces")
    }
    var values: [Float] = []
    values.reserveCapacity(count)
    while values.count < count {
      let piece = try elements(
        of: type, at: offset + values.count * MemoryLayout<Stored>.stride,
        count: min(1 << 16, count - values.count))
      for stored in piece { values.append(convert(stored)) }
    }
    return values
  }
}

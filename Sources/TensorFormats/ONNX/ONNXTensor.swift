import FileIO
import Tensors

/// A constant tensor in an ONNX file, as its message describes it.
package struct ONNXTensor {
  /// A tensor of floating-point numbers whose shape fits its bytes.
  package struct Floats: Sendable {
    package let shape: [Int]
    package let type: ElementType
    /// The numbers in the file.
    package let range: Range<Int>
  }

  package private(set) var name = ""
  /// The numbers of a short list of 64-bit integers, such as the widths of a padding.
  package private(set) var integers: [Int]?
  private var shape: [Int] = []
  /// The type of the elements, or nil for one that is not read.
  private var type: ElementType?
  /// The numbers in the file, or nil if they are elsewhere.
  private var range: Range<Int>?
  private var isExternal = false

  private static let types: [UInt64: ElementType] = [
    1: .float32, 7: .int64, 10: .float16, 11: .float64, 16: .bfloat16,
  ]
  /// The longest list of integers that is stored.
  private static let listLimit = 16

  package init(_ source: ByteSource, _ message: Range<Int>) throws(FileError) {
    var reader = ProtobufReader(source, message)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .number(let extent)): shape.append(Int(truncatingIfNeeded: extent))
      case (1, .range(let range)) where range.count <= 256:
        var list = ProtobufReader(source, range)
        shape += try list.packed()
      case (2, .number(let number)): type = Self.types[number]
      // Floats and doubles can stand packed in fields of their own, which looks the same as raw
      // data.
      case (4, .range(let range)) where type == .float32: self.range = range
      case (10, .range(let range)) where type == .float64: self.range = range
      case (9, .range(let range)): self.range = range
      case (7, .range(let range)) where range.count <= 10 * Self.listLimit:
        var list = ProtobufReader(source, range)
        integers = try list.packed()
      case (8, .range(let range)) where range.count <= 1 << 16:
        let bytes = try source.bytes(at: range.lowerBound, count: range.count)
        name = String(decoding: bytes, as: UTF8.self)
      case (14, .number(let location)): isExternal = location == 1
      default: break
      }
      guard shape.count <= 16 else { throw reader.damaged("a tensor has too many dimensions") }
    }
    if type == .int64, let range, range.count <= 8 * Self.listLimit {
      let numbers = try source.elements(
        of: Int64.self, at: range.lowerBound, count: range.count / 8)
      integers = numbers.map(Int.init)
    }
  }

  /// The tensor if it holds floating-point numbers; nil if it holds others, which are no weights.
  ///
  /// - Throws: if the numbers are not in the file or not as many as the shape says.
  package func checked(path: String, name: String) throws(FileError) -> Floats? {
    guard let type, type.isFloatingPoint else { return nil }
    if isExternal {
      throw FileError(
        .unsupported, path,
        "keeps its tensors in a file of its own (\(quoted(name)) and others), which is not read; "
          + "export with torch.onnx.export(..., external_data=False)", entry: name)
    }
    guard let count = elementCount(shape) else {
      throw FileError(
        .damaged, path, "the tensor \(quoted(name)) has the absurd shape \(shape)", entry: name)
    }
    let range = self.range ?? 0..<0
    guard range.count == count * type.size else {
      throw FileError(
        self.range == nil ? .unsupported : .damaged, path,
        "the tensor \(quoted(name)) of shape \(shape) has \(range.count) bytes of numbers",
        entry: name
      )
    }
    return Floats(shape: shape, type: type, range: range)
  }
}

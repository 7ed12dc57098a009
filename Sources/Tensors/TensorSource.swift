import FileIO

/// How the elements of a tensor are stored in a file.
package enum ElementType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes of one element.
  package var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether the elements are floating-point numbers.
  package var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }
}

/// Named tensors, wherever they come from.
///
/// Reading one tensor touches only its own bytes, so a source may be far larger than memory.
package protocol TensorSource: Sendable {
  /// Where the tensors come from, for messages: a path, or for example "embedded weights".
  var path: String { get }
  /// The names of all tensors, sorted by bytes.
  var names: [String] { get }
  /// What the file says about itself; empty where its format cannot say it.
  var metadata: [String: String] { get }
  /// The shape of the tensor `name`, outermost dimension first, or nil if there is none.
  func shape(of name: String) -> [Int]?
  /// How the elements of the tensor `name` are stored, or nil if there is none.
  func elementType(of name: String) -> ElementType?
  /// The tensor `name` as 32-bit floats, converted from any floating-point type.
  ///
  /// Values beyond the range of `Float` become infinite.
  ///
  /// - Throws: a ``FileError`` if there is no such tensor, if its elements are integers, or
  ///   if the file cannot be read.
  func floats(_ name: String) throws(FileError) -> Tensor<Float>
}

/// Tensors held in memory: what readers of other formats and tests hand on.
package struct TensorTable: TensorSource {
  package let path: String
  package let metadata: [String: String]
  package let names: [String]
  private let tensors: [String: Tensor<Float>]

  /// Makes a source from `tensors`; `path` is the name that messages give it.
  package init(
    _ tensors: [String: Tensor<Float>], metadata: [String: String] = [:], path: String = "memory"
  ) {
    self.path = path
    self.metadata = metadata
    self.tensors = tensors
    names = sortedByBytes(tensors.keys)
  }

  package func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  package func elementType(of name: String) -> ElementType? {
    tensors[name] == nil ? nil : .float32
  }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    guard let tensor = tensors[name] else { throw .missingTensor(name, in: path) }
    return tensor
  }
}

extension FileError {
  /// A tensor that is not in the file.
  package static func missingTensor(_ name: String, in path: String) -> FileError {
    FileError(.entryMissing, path, "the tensor \(quoted(name)) is missing", entry: name)
  }
}

/// The most elements that a tensor may have: four terabytes of floats, more than any file here
/// holds.
private let elementLimit = 1 << 40

/// The product of the extents of `shape`, or nil if an extent is below zero or the tensor absurdly
/// large.
///
/// Extents of zero do not excuse the others: those must multiply to a size that a tensor can have,
/// so that no product of some of them overflows later.
package func elementCount(_ shape: [Int]) -> Int? {
  var product = 1
  for extent in shape where extent != 0 {
    let (next, overflow) = product.multipliedReportingOverflow(by: extent)
    if extent < 0 || overflow || next > elementLimit { return nil }
    product = next
  }
  return shape.contains(0) ? 0 : product
}

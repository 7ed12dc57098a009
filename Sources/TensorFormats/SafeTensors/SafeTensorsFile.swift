import FileIO
import Tensors

/// A safetensors file, open for reading.
///
/// Opening reads and checks the header; each tensor is read when it is asked for.
package struct SafeTensorsFile: TensorSource {
  package let path: String
  package let names: [String]
  package let metadata: [String: String]
  private let source: ByteSource
  private let header: SafeTensorsHeader

  /// Opens the file at `path`.
  ///
  /// - Throws: a ``FileError`` that names the file if it is missing, unreadable or damaged.
  package init(path: String) throws(FileError) {
    try self.init(ByteSource(path: path))
  }

  /// Reads the bytes of a safetensors file that is in memory; `path` is what messages call it.
  package init(bytes: [UInt8], path: String) throws(FileError) {
    try self.init(ByteSource(bytes, path: path))
  }

  package init(_ source: ByteSource) throws(FileError) {
    header = try SafeTensorsHeader(of: source)
    path = source.path
    names = sortedByBytes(header.entries.keys)
    metadata = header.metadata
    self.source = source
  }

  package func shape(of name: String) -> [Int]? { header.entries[name]?.shape }

  package func elementType(of name: String) -> ElementType? { header.entries[name]?.type }

  package func floats(_ name: String) throws(FileError) -> Tensor<Float> {
    let entry = try entry(name)
    let values = try source.floats(
      of: entry.type, at: offset(entry), count: count(entry), tensor: name)
    return Tensor(shape: entry.shape, values: values)
  }

  /// The tensor `name` as 64-bit floats; its elements may be of any floating-point type.
  package func doubles(_ name: String) throws(FileError) -> Tensor<Double> {
    let entry = try entry(name)
    guard entry.type == .float64 else {
      let tensor = try floats(name)
      return Tensor(shape: tensor.shape, values: tensor.values.map(Double.init))
    }
    let values = try source.elements(of: Double.self, at: offset(entry), count: count(entry))
    return Tensor(shape: entry.shape, values: values)
  }

  /// The tensor `name`, which must be stored as I64.
  package func int64s(_ name: String) throws(FileError) -> Tensor<Int64> {
    let entry = try entry(name, of: .int64)
    let values = try source.elements(of: Int64.self, at: offset(entry), count: count(entry))
    return Tensor(shape: entry.shape, values: values)
  }

  /// The tensor `name`, which must be stored as U8.
  package func bytes(_ name: String) throws(FileError) -> Tensor<UInt8> {
    let entry = try entry(name, of: .uint8)
    return Tensor(
      shape: entry.shape, values: try source.bytes(at: offset(entry), count: count(entry)))
  }

  private func entry(
    _ name: String, of type: ElementType? = nil
  ) throws(FileError) -> SafeTensorsEntry {
    guard let entry = header.entries[name] else { throw .missingTensor(name, in: path) }
    if let type, entry.type != type {
      throw FileError(
        .entryMismatch, path,
        "the tensor \(quoted(name)) holds \(entry.type.rawValue), not \(type.rawValue)",
        entry: name)
    }
    return entry
  }

  private func offset(_ entry: SafeTensorsEntry) -> Int {
    header.dataStart + entry.range.lowerBound
  }

  private func count(_ entry: SafeTensorsEntry) -> Int { entry.range.count / entry.type.size }
}

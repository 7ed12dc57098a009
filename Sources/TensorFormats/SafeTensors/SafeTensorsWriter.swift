import FileIO
import Tensors

/// Collects tensors and writes them as a safetensors file.
///
/// The bytes depend on the tensors and the metadata alone, not on the order in which they were
/// added: tensors with larger elements come first, so that every one is aligned, then they are
/// sorted by name.
package struct SafeTensorsWriter: Sendable {
  private struct Entry: Sendable {
    let type: ElementType
    let shape: [Int]
    let append: @Sendable (inout [UInt8]) -> Void
    let size: Int
  }

  /// What the file says about itself.
  package var metadata: [String: String]
  private var entries: [String: Entry] = [:]

  /// Makes a file without tensors.
  package init(metadata: [String: String] = [:]) { self.metadata = metadata }

  /// Adds a tensor of F32, or replaces the one of that name.
  package mutating func add(_ name: String, _ tensor: Tensor<Float>) {
    add(name, .float32, tensor)
  }

  /// Adds a tensor of F64, or replaces the one of that name.
  package mutating func add(_ name: String, _ tensor: Tensor<Double>) {
    add(name, .float64, tensor)
  }

  /// Adds a tensor of I64, or replaces the one of that name.
  package mutating func add(_ name: String, _ tensor: Tensor<Int64>) {
    add(name, .int64, tensor)
  }

  /// Adds a tensor of U8, or replaces the one of that name.
  package mutating func add(_ name: String, _ tensor: Tensor<UInt8>) {
    add(name, .uint8, tensor)
  }

  /// The bytes of the file.
  package func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.values.reduce(1 << 16) { $0 + $1.size })
    for append in parts { append(&bytes) }
    return bytes
  }

  /// Writes the file as ``writeAtomically(_:to:)`` does, without a second copy of all tensors.
  package func write(to path: String) throws(FileError) {
    let pieces = parts.lazy.map { append in
      var bytes: [UInt8] = []
      append(&bytes)
      return bytes
    }
    try writeAtomically(pieces: pieces, to: path)
  }

  /// What appends the parts of the file in order: the header, then each tensor.
  private var parts: [@Sendable (inout [UInt8]) -> Void] {
    let inOrder = entries.sorted { left, right in
      let (leftSize, rightSize) = (left.value.type.size, right.value.type.size)
      return leftSize == rightSize
        ? left.key.utf8.lexicographicallyPrecedes(right.key.utf8) : leftSize > rightSize
    }
    let header = header(inOrder.map { ($0.key, $0.value) })
    let start: @Sendable (inout [UInt8]) -> Void = { bytes in
      bytes.append(littleEndian: [UInt64(header.count)])
      bytes += header
    }
    return [start] + inOrder.map(\.value.append)
  }

  private mutating func add<Element: BitwiseCopyable & Sendable>(
    _ name: String, _ type: ElementType, _ tensor: Tensor<Element>
  ) {
    let values = tensor.values
    entries[name] = Entry(
      type: type, shape: tensor.shape, append: { $0.append(littleEndian: values) },
      size: values.count * type.size)
  }

  /// The JSON, padded with spaces so that the tensors begin at a multiple of eight.
  private func header(_ inOrder: [(String, Entry)]) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      members.append("\"__metadata__\":\(JSONText.table(metadata).text)")
    }
    var end = 0
    for (name, entry) in inOrder {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(jsonString(name)):{\"dtype\":\"\(entry.type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(end),\(end + entry.size)]}")
      end += entry.size
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    header += repeatElement(UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    return header
  }
}

import FileIO
import Tensors

/// Where one tensor of a safetensors file lies.
package struct SafeTensorsEntry: Sendable {
  package let type: ElementType
  package let shape: [Int]
  /// The bytes of the tensor, counted from the end of the header.
  package let range: Range<Int>
}

/// The header of a safetensors file: eight bytes with its length, then JSON.
///
/// The format is https://github.com/huggingface/safetensors#format. As the reference reader does,
/// tensors must cover the rest of the file without gap or overlap.
package struct SafeTensorsHeader: Sendable {
  /// The longest header that is read; one of a ResNet-152 has 80 KiB.
  package static let lengthLimit = 16 << 20

  package let entries: [String: SafeTensorsEntry]
  package let metadata: [String: String]
  /// The offset of the first tensor's bytes in the file.
  package let dataStart: Int

  package init(of source: ByteSource) throws(FileError) {
    let length = try Self.length(source)
    var parser = SafeTensorsHeaderParser(path: source.path)
    do {
      try parser.parse(source.bytes(at: 8, count: length))
    } catch let failure as JSONReader.Failure {
      throw FileError(
        .damaged, source.path, "the safetensors header is damaged: \(failure)")
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(.damaged, source.path, "\(error)")
    }
    entries = parser.entries
    metadata = parser.metadata
    dataStart = 8 + length
    try Self.checkCover(entries, size: source.count - dataStart, path: source.path)
  }

  private static func length(_ source: ByteSource) throws(FileError) -> Int {
    guard source.count >= 8 else {
      throw FileError(.damaged, source.path, "is too short for a safetensors file")
    }
    let length = UInt64(littleEndian: try source.elements(of: UInt64.self, at: 0, count: 1)[0])
    guard length <= UInt64(source.count - 8) else {
      throw FileError(
        .damaged, source.path,
        "announces a safetensors header of \(length) bytes, but has only \(source.count) in all")
    }
    guard length <= UInt64(lengthLimit) else {
      throw FileError(
        .unsupported, source.path,
        "has a safetensors header of \(length) bytes; at most \(lengthLimit) are read")
    }
    return Int(length)
  }

  /// Checks that the tensors cover `size` bytes without gap or overlap.
  private static func checkCover(
    _ entries: [String: SafeTensorsEntry], size: Int, path: String
  ) throws(FileError) {
    let inOrder = entries.sorted {
      ($0.value.range.lowerBound, $0.value.range.upperBound)
        < ($1.value.range.lowerBound, $1.value.range.upperBound)
    }
    var end = 0
    for (name, entry) in inOrder {
      guard entry.range.lowerBound == end else {
        let what = entry.range.lowerBound < end ? "overlaps another" : "leaves a gap before it"
        throw FileError(.damaged, path, "the tensor \(quoted(name)) \(what)", entry: name)
      }
      end = entry.range.upperBound
    }
    guard end == size else {
      throw FileError(
        .damaged, path,
        "has \(size) bytes of tensors, but its header speaks of \(end): the file is "
          + (size < end ? "cut off" : "too long"))
    }
  }
}

/// Reads the JSON of a safetensors header.
private struct SafeTensorsHeaderParser {
  let path: String
  var entries: [String: SafeTensorsEntry] = [:]
  var metadata: [String: String] = [:]
  private var hasMetadata = false

  init(path: String) { self.path = path }

  mutating func parse(_ json: [UInt8]) throws(JSONReader.Failure) {
    var reader = JSONReader(json)
    // The reader takes a closure that must not escape with `self`, so this one works on a copy.
    var parser = self
    try reader.object { (reader, name) throws(JSONReader.Failure) in
      if name == "__metadata__" {
        try parser.readMetadata(&reader)
      } else {
        let entry = try parser.readEntry(&reader, name)
        if parser.entries.updateValue(entry, forKey: name) != nil {
          throw reader.failure("the tensor \(quoted(name)) is there twice")
        }
      }
    }
    try reader.finish()
    self = parser
  }

  private mutating func readMetadata(_ reader: inout JSONReader) throws(JSONReader.Failure) {
    if hasMetadata { throw reader.failure("__metadata__ is there twice") }
    hasMetadata = true
    var read: [String: String] = [:]
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      if read.updateValue(try reader.string(), forKey: key) != nil {
        throw reader.failure("the metadata key \(quoted(key)) is there twice")
      }
    }
    metadata = read
  }

  private func readEntry(
    _ reader: inout JSONReader, _ name: String
  ) throws(JSONReader.Failure) -> SafeTensorsEntry {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try reader.object { (reader, key) throws(JSONReader.Failure) in
      switch key {
      case "dtype" where type == nil: type = try readType(&reader, name)
      case "shape" where shape == nil: shape = try readNumbers(&reader, atMost: 16)
      case "data_offsets" where offsets == nil: offsets = try readNumbers(&reader, atMost: 2)
      default: throw reader.failure("the key \(quoted(key)) of \(quoted(name)) is unexpected")
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2, offsets[0] <= offsets[1] else {
      throw reader.failure("the entry of \(quoted(name)) is incomplete")
    }
    guard let count = elementCount(shape),
      case (let size, let overflow) = count.multipliedReportingOverflow(by: type.size), !overflow,
      size == offsets[1] - offsets[0]
    else {
      throw reader.failure("shape and size of \(quoted(name)) disagree")
    }
    return SafeTensorsEntry(type: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  private func readType(
    _ reader: inout JSONReader, _ name: String
  ) throws(JSONReader.Failure) -> ElementType {
    let text = try reader.string()
    guard let type = ElementType(rawValue: text) else {
      throw reader.failure("the element type \(quoted(text)) of \(quoted(name)) is not supported")
    }
    return type
  }

  private func readNumbers(
    _ reader: inout JSONReader, atMost limit: Int
  ) throws(JSONReader.Failure) -> [Int] {
    var numbers: [Int] = []
    try reader.array { (reader) throws(JSONReader.Failure) in
      if numbers.count == limit { throw reader.failure("a list of more than \(limit) numbers") }
      numbers.append(try reader.wholeNumber())
    }
    return numbers
  }
}

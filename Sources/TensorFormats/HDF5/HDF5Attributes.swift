import FileIO
import Tensors

extension HDF5Object {
  /// The attributes that are texts or lists of texts. Others are passed over.
  package func textAttributes(
    _ heap: inout HDF5GlobalHeap, _ budget: inout HDF5Budget
  ) throws(FileError) -> [String: [String]] {
    if var reader = try message(Message.attributeInfo) {
      try refuseDense(&reader, flagSize: 2, what: "object with many attributes")
    }
    var attributes: [String: [String]] = [:]
    for var reader in try messages(Message.attribute) {
      if let (name, texts) = try attribute(&reader, &heap, &budget) { attributes[name] = texts }
    }
    return attributes
  }

  private func attribute(
    _ reader: inout ByteReader, _ heap: inout HDF5GlobalHeap, _ budget: inout HDF5Budget
  ) throws(FileError) -> (String, [String])? {
    let version = try reader.byte()
    guard (1...3).contains(version) else { throw damaged("an attribute of version \(version)") }
    let isShared = try reader.byte() & 3 != 0 && version > 1
    let nameSize = try reader.size(2)
    let typeSize = try reader.size(2)
    let spaceSize = try reader.size(2)
    if version == 3 { try reader.skip(1) }
    if isShared { return nil }
    // Version 1 fills each of the three up to a multiple of eight.
    func padded(_ size: Int) -> Int { version == 1 ? (size + 7) / 8 * 8 : size }
    let name = try reader.take(padded(nameSize)).prefix { $0 != 0 }
    var type = ByteReader(
      Array(try reader.take(padded(typeSize))), path: source.path, what: "HDF5 attribute")
    var space = ByteReader(
      Array(try reader.take(padded(spaceSize))), path: source.path, what: "HDF5 attribute")
    let datatype = try HDF5Datatype(&type)
    guard let count = elementCount(try hdf5Shape(&space)), datatype.size > 0,
      count <= reader.remaining / datatype.size
    else { throw damaged("an attribute is longer than its header") }
    // A text takes far more memory than the one byte that it can have in the file.
    if datatype.kind == .fixedText || datatype.kind == .heapText {
      try budget.spend(count * MemoryLayout<String>.stride, in: source.path)
    }
    var texts: [String] = []
    for _ in 0..<count {
      switch datatype.kind {
      case .fixedText:
        let bytes = try reader.take(datatype.size).prefix { $0 != 0 }
        texts.append(String(decoding: bytes, as: UTF8.self))
      case .heapText:
        let length = try reader.size(4)
        texts.append(
          try heap.text(length: length, collection: try reader.size(8), index: try reader.size(4)))
      default: return nil
      }
    }
    return (String(decoding: name, as: UTF8.self), texts)
  }
}

/// Texts of any length that attributes refer to.
package struct HDF5GlobalHeap {
  /// The most bytes of heaps that are held in memory and of texts that are read out of them.
  package static let limit = 64 << 20

  private let source: ByteSource
  private var collections: [Int: [Int: ArraySlice<UInt8>]] = [:]
  private var budget = HDF5GlobalHeap.limit

  package init(_ source: ByteSource) { self.source = source }

  /// The text of `length` bytes that is object `index` of the collection at an address.
  package mutating func text(
    length: Int, collection address: Int, index: Int
  ) throws(FileError) -> String {
    if length == 0 { return "" }
    if collections[address] == nil { collections[address] = try objects(at: address) }
    guard let bytes = collections[address]?[index], length <= bytes.count, length <= budget else {
      throw damaged("a text is missing")
    }
    budget -= length
    return String(decoding: bytes.prefix(length).prefix { $0 != 0 }, as: UTF8.self)
  }

  private mutating func objects(
    at address: Int
  ) throws(FileError) -> [Int: ArraySlice<UInt8>] {
    guard try source.has("GCOL".utf8, at: address) else { throw damaged("a heap is missing") }
    var head = ByteReader(
      try source.bytes(at: address, count: 16), path: source.path, what: "HDF5 heap")
    try head.skip(8)
    let size = try head.size(8)
    guard size >= 16, size <= budget else { throw damaged("a heap has \(size) bytes") }
    budget -= size
    var reader = ByteReader(
      try source.bytes(at: address + 16, count: size - 16), path: source.path, what: "HDF5 heap")
    var objects: [Int: ArraySlice<UInt8>] = [:]
    while reader.remaining >= 16 {
      let index = try reader.size(2)
      try reader.skip(6)
      let length = try reader.size(8)
      // Object 0 is the free space at the end.
      if index == 0 { break }
      objects[index] = try reader.take(length)
      try reader.skip(min(reader.remaining, (8 - length % 8) % 8))
    }
    return objects
  }

  private func damaged(_ reason: String) -> FileError {
    FileError(.damaged, source.path, "the texts of the HDF5 file are damaged: \(reason)")
  }
}

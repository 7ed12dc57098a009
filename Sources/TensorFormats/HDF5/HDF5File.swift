import FileIO
import Tensors

/// The groups, datasets and text attributes of an HDF5 file, read without the HDF5 library.
///
/// Keras keeps weights in HDF5 files. Files come from anywhere, and the library is not made for
/// hostile ones: of 4,000 copies of a small weight file with one to eight changed bytes, some
/// crashed libhdf5 1.10 or kept it busy without end. This reader knows the part of the format that
/// `h5py` writes by default (version 0 to 3 superblocks, symbol-table groups, compact links,
/// contiguous and compact datasets), checks every length against the file and every structure
/// against cycles, and says plainly what it does not read.
///
/// The format is the "HDF5 File Format Specification Version 3.0" of The HDF Group.
package struct HDF5File: TensorSource {
  package let path: String
  /// The datasets by their path without a leading slash.
  package private(set) var datasets: [String: HDF5Dataset] = [:]
  /// The text attributes of each object by the object's path; the root has the path "".
  package private(set) var attributes: [String: [String: [String]]] = [:]
  /// What this project says about a model that it exported, in an attribute that Keras passes over.
  package private(set) var metadata: [String: String] = [:]
  private let source: ByteSource

  /// The attribute with the metadata.
  package static let metadataName = "avp_dist"
  /// The first bytes of every file.
  package static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
  /// How many groups and datasets are read at most; a whole ResNet-152 of Keras has about 3,000.
  package static let objectLimit = 50_000
  /// How many bytes of headers are read at most, all together.
  package static let headerLimit = 64 << 20
  /// How long the path of an object may be, in bytes.
  package static let pathLimit = 1024
  /// How deeply groups may nest.
  package static let depthLimit = 32

  package init(_ source: ByteSource) throws(FileError) {
    path = source.path
    self.source = source
    try walk(from: try Self.rootAddress(source))
    try refuseOverlaps()
    if let text = attributes[""]?[Self.metadataName]?.first {
      metadata = try textTable(Array(text.utf8), path: path, what: "metadata")
    }
  }

  package var names: [String] { sortedByBytes(datasets.filter { $0.value.type != nil }.keys) }

  package func shape(of name: String) -> [Int]? { datasets[name]?.shape }

  package func elementType(of name: String) -> ElementType? { datasets[name]?.type }

  package func floats(_ path: String) throws(FileError) -> Tensor<Float> {
    guard let dataset = datasets[path] else { throw .missingTensor(path, in: self.path) }
    guard let type = dataset.type else {
      throw FileError(
        .unsupported, self.path,
        "the dataset \(quoted(path)) \(dataset.problem ?? "holds no numbers")", entry: path)
    }
    let count = dataset.range.count / type.size
    let values = try source.floats(
      of: type, at: dataset.range.lowerBound, count: count, tensor: path)
    return Tensor(shape: dataset.shape, values: values)
  }

  /// Visits every object once, parents before children.
  private mutating func walk(from root: Int) throws(FileError) {
    var heap = HDF5GlobalHeap(source)
    var waiting: [(path: String, address: Int, depth: Int)] = [("", root, 0)]
    var seenGroups: Set<Int> = []
    var count = 0
    var budget = HDF5Budget()
    while let (path, address, depth) = waiting.popLast() {
      count += 1
      guard count <= Self.objectLimit, depth <= Self.depthLimit else {
        throw damaged("it has too many groups")
      }
      let object = try HDF5Object(at: address, in: source, name: path)
      try budget.spend(object.headerSize, in: self.path)
      let texts = try object.textAttributes(&heap, &budget)
      if !texts.isEmpty { attributes[path] = texts }
      if let dataset = try object.dataset(attributes: texts) {
        datasets[path] = dataset
        continue
      }
      guard seenGroups.insert(address).inserted else {
        throw damaged("the group \(quoted(path)) is in the file twice")
      }
      for link in try object.links(&budget) {
        let child = path.isEmpty ? link.name : "\(path)/\(link.name)"
        guard child.utf8.count <= Self.pathLimit else {
          throw damaged("the path \(quoted(child)) has \(child.utf8.count) bytes")
        }
        waiting.append((child, link.address, depth + 1))
      }
      guard waiting.count <= Self.objectLimit else { throw damaged("it has too many groups") }
    }
  }

  /// Datasets that share bytes are how a short file pretends to be huge.
  private func refuseOverlaps() throws(FileError) {
    let full = datasets.filter { !$0.value.range.isEmpty }
    var end = 0
    for (name, dataset) in full.sorted(by: { $0.value.range.lowerBound < $1.value.range.lowerBound }
    ) {
      guard dataset.range.lowerBound >= end else {
        throw damaged("the dataset \(quoted(name)) overlaps another")
      }
      end = dataset.range.upperBound
    }
  }

  private func damaged(_ reason: String) -> FileError {
    FileError(.damaged, path, "the HDF5 structure is damaged: \(reason)")
  }

  /// The address of the root group's object header, which the superblock tells.
  private static func rootAddress(_ source: ByteSource) throws(FileError) -> Int {
    let head = try source.bytes(at: 0, count: min(source.count, 128))
    var reader = ByteReader(head, path: source.path, what: "HDF5 superblock")
    try reader.skip(8)
    let version = try reader.byte()
    guard version <= 3 else { throw reader.unsupported("has HDF5 superblock version \(version)") }
    if version < 2 { try reader.skip(4) }
    let offsetSize = try reader.byte()
    let lengthSize = try reader.byte()
    guard offsetSize == 8, lengthSize == 8 else {
      throw reader.unsupported("is an HDF5 file with \(offsetSize)-byte addresses; 8 are read")
    }
    try reader.skip(version < 2 ? 9 + 4 * Int(version) : 1)
    guard try reader.size(8) == 0 else {
      throw reader.unsupported("is an HDF5 file that begins inside another file")
    }
    try reader.skip(version < 2 ? 32 : 16)
    return try reader.size(8)
  }
}

/// How many bytes of structures may still be read, all together.
///
/// Structures may lie over each other, so a short file can describe endless ones.
package struct HDF5Budget {
  private var left = HDF5File.headerLimit

  /// Takes `bytes` off, or throws if there are not as many left.
  package mutating func spend(_ bytes: Int, in path: String) throws(FileError) {
    guard bytes <= left else {
      throw FileError(
        .damaged, path, "the HDF5 structure is damaged: its headers and lists of names have no end")
    }
    left -= bytes
  }
}

/// Where a dataset's elements are and what they are.
package struct HDF5Dataset: Sendable {
  package let shape: [Int]
  /// How the elements are stored; nil if they cannot be read as numbers.
  package let type: ElementType?
  /// The bytes of the elements in the file.
  package let range: Range<Int>
  /// Why the elements cannot be read, if so.
  package let problem: String?
}

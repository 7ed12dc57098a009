import FileIO

/// The parts of a zip archive written by `torch.save`.
package struct TorchZip {
  package let pickle: PickleContent
  package let storages: [String: ByteSource]
  /// What this project says about the model in an entry that PyTorch passes over.
  package let metadata: [String: String]

  /// The entry with the metadata.
  package static let metadataName = "avp_dist.json"

  package init(_ archive: ZipArchive, path: String) throws(FileError) {
    let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") }
    try ZipContent(archive, path: path).refusePrograms()
    guard pickles.count == 1, let name = pickles.first, let entry = archive.entries[name] else {
      throw ZipContent(archive, path: path).unknown()
    }
    let prefix = name.dropLast("data.pkl".count)
    if let order = archive.entries["\(prefix)byteorder"] {
      let text = try archive.source(of: order).bytes(at: 0, count: min(order.range.count, 16))
      guard text == Array("little".utf8) else {
        throw FileError(.unsupported, path, "was written on a big-endian machine")
      }
    }
    guard entry.range.count <= TorchFile.pickleLimit else {
      throw FileError(
        .unsupported, path, "has a pickle of \(entry.range.count) bytes; a state_dict needs less")
    }
    for entry in archive.entries.values { try archive.verify(entry) }
    let bytes = try archive.source(of: entry).bytes(at: 0, count: entry.range.count)
    pickle = try PickleReader.read(bytes, path: path)
    storages = try Self.storages(archive, prefix: "\(prefix)data/")
    metadata = try Self.metadata(archive, prefix: prefix, path: path)
  }

  private static func storages(
    _ archive: ZipArchive, prefix: String
  ) throws(FileError) -> [String: ByteSource] {
    var storages: [String: ByteSource] = [:]
    for (name, entry) in archive.entries where name.hasPrefix(prefix) {
      storages[String(name.dropFirst(prefix.count))] = try archive.source(of: entry)
    }
    return storages
  }

  private static func metadata(
    _ archive: ZipArchive, prefix: Substring, path: String
  ) throws(FileError) -> [String: String] {
    guard let entry = archive.entries["\(prefix)\(metadataName)"] else { return [:] }
    guard entry.range.count <= SafeTensorsHeader.lengthLimit else {
      throw FileError(.damaged, path, "its metadata has \(entry.range.count) bytes")
    }
    let text = try archive.source(of: entry).bytes(at: 0, count: entry.range.count)
    return try textTable(text, path: path, what: "metadata")
  }
}

/// The parts of a file that `torch.save` wrote before PyTorch 1.6: a magic number, a version, facts
/// about the machine, the object and the list of storage keys, each a pickle, then the storages in
/// that order, each after its number of elements.
package struct TorchLegacy {
  package let pickle: PickleContent
  package let storages: [String: ByteSource]

  /// The first pickle's content, 0x1950A86A20F9469CFC6C, as it stands in the file.
  package static let magic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  package init(_ source: ByteSource) throws(FileError) {
    let head = try source.bytes(at: 0, count: min(source.count, TorchFile.pickleLimit))
    var offset = Self.magic.count
    func next() throws(FileError) -> PickleContent {
      let content = try PickleReader.read(head, from: offset, path: source.path)
      offset += content.length
      return content
    }
    guard case .integer(1001) = try next().root else {
      throw FileError(.unsupported, source.path, "has an unknown version of the format")
    }
    try Self.checkMachine(try next(), path: source.path)
    pickle = try next()
    let keys = try next()
    storages = try Self.storages(source, from: offset, keys: keys, sizes: pickle.storages)
  }

  private static func checkMachine(
    _ facts: PickleContent, path: String
  ) throws(FileError) {
    for (key, value) in facts.dictionaries.first ?? [] {
      if key == "little_endian", case .boolean(false) = value {
        throw FileError(.unsupported, path, "was written on a big-endian machine")
      }
    }
  }

  private static func storages(
    _ source: ByteSource, from start: Int, keys: PickleContent, sizes: [String: TorchStorage]
  ) throws(FileError) -> [String: ByteSource] {
    guard case .list(let list) = keys.root else {
      throw FileError(.damaged, source.path, "the list of storages is missing")
    }
    var storages: [String: ByteSource] = [:]
    var offset = start
    for case .string(let key) in keys.lists[list] {
      guard let storage = sizes[key] else {
        throw FileError(
          .unsupported, source.path, "the storage \(quoted(key)) belongs to no tensor")
      }
      let count = Int(try source.elements(of: Int64.self, at: offset, count: 1)[0])
      let (size, overflow) = count.multipliedReportingOverflow(by: storage.type.size)
      guard count == storage.count, !overflow, size <= source.count - offset - 8 else {
        throw FileError(
          .damaged, source.path, "the storage \(quoted(key)) of \(count) elements does not fit")
      }
      storages[key] = try source.part(offset + 8..<offset + 8 + size)
      offset += 8 + size
    }
    return storages
  }
}

import FileIO

/// Writes a zip file with stored entries, the way `torch.save` does.
///
/// Each entry begins at a multiple of 64 bytes, which PyTorch wants for mapping files into memory.
/// There are no times in it, so equal content gives equal bytes.
package struct ZipWriter {
  private var file: TemporaryFile
  private let path: String
  private var offset = 0
  private var directory: [UInt8] = []
  private var count = 0

  /// Entries begin at multiples of this.
  private static let alignment = 64

  package init(to path: String) throws(FileError) {
    self.path = path
    file = try TemporaryFile(beside: path)
  }

  /// Appends an entry.
  package mutating func add(_ name: String, _ bytes: [UInt8]) throws(FileError) {
    let nameBytes = Array(name.utf8)
    let unpadded = offset + 30 + nameBytes.count + 4
    let padding = (Self.alignment - unpadded % Self.alignment) % Self.alignment
    guard unpadded + padding + bytes.count < 0xFFFF_0000 else {
      throw FileError(.writeFailed, path, "would have more than 4 GB, which is not supported")
    }
    let facts = entryFacts(bytes, nameLength: nameBytes.count)
    var header = little(0x0403_4B50, 4) + facts + little(4 + padding, 2) + nameBytes
    // PyTorch's own extra field for padding.
    header += Array("FB".utf8) + little(padding, 2) + [UInt8](repeating: 0x5A, count: padding)
    directory += little(0x0201_4B50, 4) + little(0, 2) + facts + little(0, 12)
    directory += little(offset, 4) + nameBytes
    try file.append(header)
    try file.append(bytes)
    offset += header.count + bytes.count
    count += 1
  }

  /// Writes the directory and gives the file its name.
  package mutating func finish() throws(FileError) {
    let end =
      little(0x0605_4B50, 4) + little(0, 4) + little(count, 2) + little(count, 2)
      + little(directory.count, 4) + little(offset, 4) + little(0, 2)
    try file.append(directory + end)
    try file.replace()
  }

  /// Removes what has been written, after a failure.
  package func discard() { file.discard() }

  /// What the entry's header and the directory say alike: version, flags, method, time, checksum,
  /// sizes.
  private func entryFacts(_ bytes: [UInt8], nameLength: Int) -> [UInt8] {
    // The date 0x0021 is the first that the format has, 1 January 1980.
    little(0, 2) + little(0, 2) + little(0, 2) + little(0, 2) + little(0x21, 2)
      + little(Int(CRC32.of(bytes)), 4) + little(bytes.count, 4) + little(bytes.count, 4)
      + little(nameLength, 2)
  }
}

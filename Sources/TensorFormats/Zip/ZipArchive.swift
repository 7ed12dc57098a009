import FileIO

/// A zip file whose entries are stored without compression, as PyTorch and Keras write them.
///
/// The format is PKWARE's APPNOTE.TXT, with the 64-bit extensions. Nothing is ever unpacked to
/// disk; names that would leave a folder are refused all the same, because no honest writer makes
/// them.
package struct ZipArchive: Sendable {
  /// Where an entry lies in the file.
  package struct Entry: Sendable {
    package let name: String
    /// The checksum that the directory states.
    package let checksum: UInt32
    /// The bytes of the entry in the file.
    package let range: Range<Int>
    /// Whether they are compressed, so that they cannot be read here.
    package let isCompressed: Bool
  }

  /// The entries by name.
  package let entries: [String: Entry]
  private let source: ByteSource

  package init(_ source: ByteSource) throws(FileError) {
    self.source = source
    let end = try ZipDirectoryEnd(of: source)
    let bytes = try source.bytes(at: end.directory.lowerBound, count: end.directory.count)
    var reader = ByteReader(bytes, path: source.path, what: "zip directory")
    var entries: [String: Entry] = [:]
    var ranges: [Range<Int>] = []
    for _ in 0..<end.entryCount {
      let record = try ZipDirectoryRecord(&reader)
      let range = try record.dataRange(in: source, before: end.directory.lowerBound)
      if record.name.hasSuffix("/") { continue }
      ranges.append(range)
      let entry = Entry(
        name: record.name, checksum: record.checksum, range: range,
        isCompressed: record.isCompressed)
      if entries.updateValue(entry, forKey: record.name) != nil {
        throw reader.damaged("the entry \(quoted(record.name)) is there twice")
      }
    }
    self.entries = entries
    try Self.checkDisjoint(ranges, reader)
  }

  /// The bytes of `entry` as a source of their own.
  package func source(of entry: Entry) throws(FileError) -> ByteSource {
    guard !entry.isCompressed else {
      throw FileError(
        .unsupported, source.path,
        "the zip entry \(quoted(entry.name)) is compressed; PyTorch and Keras store entries as they "
          + "are, so save the model again")
    }
    return try source.part(entry.range)
  }

  /// Compares the checksum of `entry` with its bytes.
  package func verify(_ entry: Entry) throws(FileError) {
    var checksum = CRC32()
    let bytes = try source(of: entry)
    try bytes.forEachPiece(0..<bytes.count) { checksum.update($0) }
    guard checksum.value == entry.checksum else {
      throw FileError(
        .damaged, source.path, "the checksum of the entry \(quoted(entry.name)) is wrong")
    }
  }

  /// Entries that share bytes are how small archives pretend to be huge.
  private static func checkDisjoint(
    _ ranges: [Range<Int>], _ reader: ByteReader
  ) throws(FileError) {
    var end = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if range.lowerBound < end { throw reader.damaged("two entries overlap") }
      end = range.upperBound
    }
  }
}

/// The last record of a zip file: where its directory lies.
private struct ZipDirectoryEnd {
  let entryCount: Int
  let directory: Range<Int>

  init(of source: ByteSource) throws(FileError) {
    // The record has 22 bytes and a comment of at most 65,535.
    let tailLength = min(source.count, 22 + 65_535)
    let tailStart = source.count - tailLength
    let tail = try source.bytes(at: tailStart, count: tailLength)
    guard let start = Self.lastSignature([0x50, 0x4B, 0x05, 0x06], in: tail) else {
      throw FileError(
        .damaged, source.path, "begins like a zip file, but its directory is missing: cut off?")
    }
    var reader = ByteReader(tail, path: source.path, what: "zip directory")
    try reader.move(to: start + 10)
    let shortCount = Int(try reader.number(UInt16.self))
    let shortSize = Int(try reader.number(UInt32.self))
    let shortOffset = Int(try reader.number(UInt32.self))
    let needs64 =
      shortCount == 0xFFFF || shortSize == 0xFFFF_FFFF || shortOffset == 0xFFFF_FFFF
    let (count, size, offset) =
      needs64
      ? try Self.zip64(source, locator: tailStart + start - 20)
      : (shortCount, shortSize, shortOffset)
    // A directory record has at least 46 bytes, which bounds the number of entries.
    guard size <= source.count, offset <= source.count - size, count <= size / 46 else {
      throw reader.damaged("it lies outside the file")
    }
    guard size <= 64 << 20 else { throw reader.damaged("it has \(size) bytes") }
    entryCount = count
    directory = offset..<offset + size
  }

  private static func zip64(
    _ source: ByteSource, locator: Int
  ) throws(FileError) -> (count: Int, size: Int, offset: Int) {
    var reader = ByteReader(
      try source.bytes(at: locator, count: 20), path: source.path, what: "zip64 directory")
    guard try reader.number(UInt32.self) == 0x0706_4B50 else {
      throw reader.damaged("its locator is missing")
    }
    try reader.skip(4)
    let offset = try reader.size(8)
    var record = ByteReader(
      try source.bytes(at: offset, count: 56), path: source.path, what: "zip64 directory")
    guard try record.number(UInt32.self) == 0x0606_4B50 else {
      throw record.damaged("its last record is missing")
    }
    try record.skip(28)
    let count = try record.size(8)
    return (count, try record.size(8), try record.size(8))
  }

  private static func lastSignature(_ signature: [UInt8], in bytes: [UInt8]) -> Int? {
    guard bytes.count >= 22 else { return nil }
    return stride(from: bytes.count - 22, through: 0, by: -1).first { offset in
      bytes[offset..<offset + 4].elementsEqual(signature)
    }
  }
}

/// One record of a zip file's directory.
private struct ZipDirectoryRecord {
  let name: String
  let checksum: UInt32
  let isCompressed: Bool
  /// How many bytes the entry takes in the file.
  private let size: Int
  private let headerOffset: Int

  init(_ reader: inout ByteReader) throws(FileError) {
    guard try reader.number(UInt32.self) == 0x0201_4B50 else {
      throw reader.damaged("a record is missing")
    }
    try reader.skip(4)
    let flags = try reader.number(UInt16.self)
    let method = try reader.number(UInt16.self)
    try reader.skip(4)
    checksum = try reader.number(UInt32.self)
    let storedSize = Int(try reader.number(UInt32.self))
    let fullSize = Int(try reader.number(UInt32.self))
    let nameLength = Int(try reader.number(UInt16.self))
    let extraLength = Int(try reader.number(UInt16.self))
    let commentLength = Int(try reader.number(UInt16.self))
    try reader.skip(8)
    let offset = Int(try reader.number(UInt32.self))
    name = try reader.text(nameLength)
    var wide = Zip64Fields(try reader.take(extraLength), reader)
    try reader.skip(commentLength)

    try Self.checkName(name, reader)
    guard flags & 1 == 0 else {
      throw reader.unsupported("the zip entry \(quoted(name)) is encrypted")
    }
    isCompressed = method != 0
    let full = fullSize == 0xFFFF_FFFF ? try wide.next() : fullSize
    size = storedSize == 0xFFFF_FFFF ? try wide.next() : storedSize
    headerOffset = offset == 0xFFFF_FFFF ? try wide.next() : offset
    guard isCompressed || full == size else {
      throw reader.damaged("the two sizes of \(quoted(name)) differ")
    }
  }

  /// Where the entry's bytes are, which its own header tells.
  func dataRange(
    in source: ByteSource, before limit: Int
  ) throws(FileError) -> Range<Int> {
    var header = ByteReader(
      try source.bytes(at: headerOffset, count: 30), path: source.path,
      what: "zip entry \(quoted(name))")
    guard try header.number(UInt32.self) == 0x0403_4B50 else {
      throw header.damaged("its header is missing")
    }
    try header.skip(22)
    let lengths = Int(try header.number(UInt16.self)) + Int(try header.number(UInt16.self))
    let start = headerOffset + 30 + lengths
    guard start <= limit, size <= limit - start else {
      throw header.damaged("it lies outside the file")
    }
    return start..<start + size
  }

  private static func checkName(_ name: String, _ reader: ByteReader) throws(FileError) {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let isHostile =
      name.isEmpty || name.hasPrefix("/") || parts.contains("..")
      || name.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "\\") }
    if isHostile {
      throw reader.damaged("the entry name \(quoted(name)) leads out of the archive")
    }
  }
}

/// The 64-bit sizes in the extra field of a directory record.
private struct Zip64Fields {
  private var fields: ByteReader

  init(_ extra: ArraySlice<UInt8>, _ reader: ByteReader) {
    var rest = extra
    while rest.count >= 4 {
      let bytes = Array(rest.prefix(4))
      let length = Int(bytes[2]) | Int(bytes[3]) << 8
      let body = rest.dropFirst(4).prefix(length)
      if bytes[0] == 1, bytes[1] == 0 {
        fields = ByteReader(Array(body), path: reader.path, what: "zip64 field")
        return
      }
      rest = rest.dropFirst(4 + length)
    }
    fields = ByteReader([], path: reader.path, what: "zip64 field")
  }

  mutating func next() throws(FileError) -> Int { try fields.size(8) }
}

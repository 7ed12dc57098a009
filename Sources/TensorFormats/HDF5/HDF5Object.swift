import FileIO

/// The header of a group or dataset: a list of messages.
package struct HDF5Object {
  /// The kinds of message that matter here, by their number in the specification.
  package enum Message {
    package static let dataspace: UInt16 = 0x1
    package static let linkInfo: UInt16 = 0x2
    package static let datatype: UInt16 = 0x3
    package static let link: UInt16 = 0x6
    package static let layout: UInt16 = 0x8
    package static let filters: UInt16 = 0xB
    package static let attribute: UInt16 = 0xC
    package static let continuation: UInt16 = 0x10
    package static let symbolTable: UInt16 = 0x11
    package static let attributeInfo: UInt16 = 0x15
  }

  /// One message: its kind and where its bytes lie in the file.
  private struct Part {
    let kind: UInt16
    let isShared: Bool
    let range: Range<Int>
  }

  /// The most bytes of messages in one header; attributes of more than 64 KiB cannot stand there.
  private static let blockLimit = 8 << 20

  /// The object's path in the file, for messages.
  package let name: String
  package let source: ByteSource
  /// Bytes of all blocks of the header.
  package private(set) var headerSize = 0
  private var parts: [Part] = []

  package init(at address: Int, in source: ByteSource, name: String) throws(FileError) {
    self.name = name
    self.source = source
    var blocks = try firstBlock(at: address)
    while let block = blocks.ranges.popLast() {
      headerSize += block.count
      guard headerSize <= Self.blockLimit, parts.count < 100_000 else {
        throw damaged("its header has no end")
      }
      try readBlock(block, isNew: blocks.isNew, ordered: blocks.isOrdered, into: &blocks.ranges)
    }
  }

  /// A reader of the first message of the given kind, or nil if there is none.
  package func message(_ kind: UInt16) throws(FileError) -> ByteReader? {
    try messages(kind).first
  }

  /// Readers of all messages of the given kind.
  package func messages(_ kind: UInt16) throws(FileError) -> [ByteReader] {
    var readers: [ByteReader] = []
    for part in parts where part.kind == kind {
      guard !part.isShared else {
        throw FileError(
          .unsupported, source.path, "the HDF5 object \(quoted(name)) shares a message with another"
        )
      }
      let bytes = try source.bytes(at: part.range.lowerBound, count: part.range.count)
      readers.append(ByteReader(bytes, path: source.path, what: "HDF5 object \(quoted(name))"))
    }
    return readers
  }

  /// Whether there is a message of the given kind.
  package func has(_ kind: UInt16) -> Bool { parts.contains { $0.kind == kind } }

  /// Where the first message of the given kind begins in the file.
  package func offsetInFile(of kind: UInt16) throws(FileError) -> Int {
    guard let part = parts.first(where: { $0.kind == kind }) else {
      throw damaged("a part of its header is missing")
    }
    return part.range.lowerBound
  }

  package func damaged(_ reason: String) -> FileError {
    FileError(
      .damaged, source.path, "the HDF5 object \(quoted(name)) is damaged: \(reason)")
  }

  private func firstBlock(
    at address: Int
  ) throws(FileError) -> (ranges: [Range<Int>], isNew: Bool, isOrdered: Bool) {
    let head = try source.bytes(at: address, count: min(64, max(0, source.count - address)))
    var reader = ByteReader(head, path: source.path, what: "HDF5 object \(quoted(name))")
    guard head.starts(with: "OHDR".utf8) else {
      guard try reader.byte() == 1 else { throw damaged("its header has an unknown version") }
      try reader.skip(7)
      let size = try reader.size(4)
      return ([try range(address + 16, size)], false, false)
    }
    try reader.skip(4)
    guard try reader.byte() == 2 else { throw damaged("its header has an unknown version") }
    let flags = try reader.byte()
    if flags & 0x20 != 0 { try reader.skip(16) }
    if flags & 0x10 != 0 { try reader.skip(4) }
    let size = try reader.size(1 << Int(flags & 3))
    return ([try range(address + reader.offset, size)], true, flags & 4 != 0)
  }

  private func range(_ start: Int, _ size: Int) throws(FileError) -> Range<Int> {
    guard start >= 0, start <= source.count, size <= source.count - start else {
      throw damaged("it lies outside the file")
    }
    return start..<start + size
  }

  /// Collects the messages of one block, and the blocks in which the header goes on.
  private mutating func readBlock(
    _ block: Range<Int>, isNew: Bool, ordered: Bool, into blocks: inout [Range<Int>]
  ) throws(FileError) {
    var reader = ByteReader(
      try source.bytes(at: block.lowerBound, count: block.count), path: source.path,
      what: "HDF5 object \(quoted(name))")
    let headSize = isNew ? (ordered ? 6 : 4) : 8
    while reader.remaining >= headSize {
      let kind = isNew ? UInt16(try reader.byte()) : try reader.number(UInt16.self)
      let size = try reader.size(2)
      let flags = try reader.byte()
      try reader.skip(isNew ? (ordered ? 2 : 0) : 3)
      let start = block.lowerBound + reader.offset
      if kind == Message.continuation {
        let next = try range(try reader.size(8), try reader.size(8))
        blocks.append(try isNew ? withoutFrame(next) : next)
        try reader.skip(size - 16)
      } else {
        try reader.skip(size)
        parts.append(Part(kind: kind, isShared: flags & 2 != 0, range: start..<start + size))
      }
    }
  }

  /// A continuation block of a new-style header without its signature and checksum.
  private func withoutFrame(_ block: Range<Int>) throws(FileError) -> Range<Int> {
    guard block.count >= 8, try source.has("OCHK".utf8, at: block.lowerBound) else {
      throw damaged("a part of its header is missing")
    }
    return block.lowerBound + 4..<block.upperBound - 4
  }
}

/// The checksum of zip files (ISO 3309, polynomial 0xEDB88320 with the bits reversed).
///
/// It takes eight bytes a step with eight tables ("slicing by eight"), about eight times as fast as
/// one byte a step; a weight file of 100 MB must not wait for its checksum.
package struct CRC32 {
  private static let tables = makeTables()
  private var state: UInt32 = ~0

  /// The checksum of nothing.
  package init() {}

  /// The checksum of everything added.
  package var value: UInt32 { ~state }

  /// The checksum of `bytes`.
  package static func of(_ bytes: [UInt8]) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }

  /// Adds `bytes`.
  package mutating func update(_ bytes: [UInt8]) {
    let tables = Self.tables
    var crc = state
    tables.withUnsafeBufferPointer { table in
      bytes.withUnsafeBytes { raw in
        var offset = 0
        while raw.count - offset >= 8 {
          let word =
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            ^ UInt64(crc)
          crc = 0
          for lane in 0..<8 {
            crc ^= table[(7 - lane) * 256 + Int(truncatingIfNeeded: (word >> (8 * lane)) & 0xFF)]
          }
          offset += 8
        }
        for byte in raw[offset...] {
          crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8
        }
      }
    }
    state = crc
  }

  private static func makeTables() -> [UInt32] {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
      tables[index] = value
    }
    for index in 256..<8 * 256 {
      let previous = tables[index - 256]
      tables[index] = tables[Int(previous & 0xFF)] ^ previous >> 8
    }
    return tables
  }
}

import FileIO

/// The checksum of a checkpoint, inside the file itself.
///
/// The metadata entry `checksum` holds the SHA-256 of the whole file in which the 64 digits of that
/// very entry are zeros. So any changed, missing or added byte shows, header included, and the file
/// stays an ordinary safetensors file.
enum Checksum {
  /// The metadata entry's name.
  static let name = "checksum"
  /// The entry's value before the checksum is known.
  static let blank = String(repeating: "0", count: 64)

  /// Puts the checksum into the bytes of a file whose metadata has the blank entry.
  static func write(into bytes: inout [UInt8]) {
    guard let digits = digits(in: bytes) else { return }
    bytes.replaceSubrange(digits, with: Array(sha256(bytes).utf8))
  }

  /// Whether the bytes are those that were written.
  static func isIntact(_ bytes: [UInt8]) -> Bool {
    guard let digits = digits(in: bytes) else { return false }
    var blanked = bytes
    blanked.replaceSubrange(digits, with: Array(blank.utf8))
    return Array(bytes[digits]) == Array(sha256(blanked).utf8)
  }

  /// Where the entry's 64 digits stand: behind the first `"checksum":"` of the header.
  private static func digits(in bytes: [UInt8]) -> Range<Int>? {
    let mark = Array("\"\(name)\":\"".utf8)
    let header = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    guard header <= UInt64(bytes.count) else { return nil }
    let end = min(bytes.count, Int(header) + 8) - mark.count - 64
    guard end >= 8 else { return nil }
    for start in 8...end where bytes[start] == mark[0] {
      if bytes[start..<start + mark.count].elementsEqual(mark) {
        return start + mark.count..<start + mark.count + 64
      }
    }
    return nil
  }
}
